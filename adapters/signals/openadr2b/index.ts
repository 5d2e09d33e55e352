// OpenADR 2.0b: the adapter as the registry of adapters sees it.
import { readFileSync } from 'node:fs'
import type { Runtime, SignalSource } from '../../../src/ports.ts'
import { createTransport, type Identity } from './http.ts'
import { type Openadr2bInput, type Options, optionsSchema } from './options.ts'
import { createVen, type Ven } from './ven.ts'

export { fingerprint } from './http.ts'
export { type Openadr2bInput, optionsSchema } from './options.ts'

const identityOf = (tls: NonNullable<Options['tls']>): Identity => ({
  cert: readFileSync(tls.certFile, 'utf8'),
  key: readFileSync(tls.keyFile, 'utf8'),
  ...(tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile, 'utf8') }),
  ...(tls.vtnFingerprint === undefined ? {} : { vtnFingerprint: tls.vtnFingerprint }),
})

/**
 * A VEN of one VTN, HTTP pull. `start` resolves at once: an unreachable VTN is retried and noted, never fatal. It rejects for
 * what only a person can mend: a certificate that cannot be read or is not valid now.
 */
export const openadr2b = (input: Openadr2bInput, runtime: Runtime): SignalSource => {
  const options = optionsSchema.parse(input)
  let ven: Ven | undefined
  return {
    name: `openadr2b:${options.peer}`,
    start: async bridge => {
      const transport = createTransport(
        { url: options.url, timeoutMs: options.timeoutMs, tls: options.tls && identityOf(options.tls) },
        bridge.now(),
      )
      ven = createVen(options, runtime, transport, bridge)
      await ven.start()
    },
    stop: async () => {
      await ven?.stop()
      ven = undefined
    },
  }
}
