import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Context } from './context.ts'
import { Fault } from './exit.ts'

/** A configuration that starts: everything that a site must decide is there with a comment. Pure. */
export const exampleConfig = (tokens: {
  readonly admin: string
  readonly reader: string
}): string => `# gridbridge configuration. Every key with its default: gridbridge config show --origin
# Environment: GRIDBRIDGE_OCPP__PORT=9000 and so on; secrets also by file: token -> tokenFile.

# Journal, meters, registry and keys. Back up all of it together.
dataDir: ./gridbridge-data
# The name of your log in its signed checkpoints: a URL without a scheme, yours for ever.
origin: dsr.example/log

ocpp:
  host: 0.0.0.0
  port: 9220
  # TLS here, or at a proxy in front (behindTlsProxy: true).
  # tls: { certFile: ./tls/cert.pem, keyFile: ./tls/key.pem, clientCaFile: ./tls/chargers-ca.pem }

api:
  host: 127.0.0.1
  port: 8380
  # Beyond this machine only with TLS: here, or at a proxy in front (allowPlain: true).
  # tls: { certFile: ./tls/cert.pem, keyFile: ./tls/key.pem }
  tokens:
    - name: admin
      token: ${tokens.admin}
      scopes: [event:read, event:write, dispatch, fleet:read, fleet:write, audit:read, optout:write, meter:write]
    - name: reader
      token: ${tokens.reader}
      scopes: [event:read, fleet:read, audit:read]

programmes:
  - id: default
    startSpreadS: 600
    endSpreadS: 600
    # No car is limited below this, unless to 0 by an emergency.
    floorW: 0
    maxDurationS: 14400
    maxEventsPerDay: 24

# Where events come from. See docs/guides/connect-a-vtn.md
signals: []
#  - kind: openadr2b
#    peer: my-dso
#    url: https://vtn.example
#    tls: { certFile: ./tls/ven.pem, keyFile: ./tls/ven-key.pem }
#    markets:
#      - { context: 'http://dso.example/flex', programme: default, class: contracted }

fleet:
  staleAfterS: 180
  sampleS: 30
`

/** Writes a configuration that only its owner may read. Never replaces one unless told to. */
export async function init(context: Context<{ force?: boolean; print?: boolean }>, file = 'gridbridge.yaml') {
  const token = () => randomBytes(24).toString('base64url')
  const text = exampleConfig({ admin: token(), reader: token() })
  const { out, options } = context
  if (options.print) {
    out.result({ file: null, config: text }, text)
    return undefined
  }
  const path = resolve(context.cwd, file)
  let fd: number
  try {
    if (options.force) unlinkSync(path)
  } catch {
    // Nothing to replace.
  }
  try {
    fd = openSync(path, 'wx', 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      throw new Fault(5, 'GB-1201', `${path} is there already`, '--force replaces it, tokens and all')
    throw new Fault(1, 'GB-1202', `cannot write ${path} (${(error as NodeJS.ErrnoException).code})`, 'choose another place')
  }
  writeSync(fd, text)
  fsyncSync(fd)
  closeSync(fd)
  out.result({ file: path }, path)
  out.note(`Written with two fresh tokens. Next: set origin and signals, then  gridbridge serve --config ${file}`)
  return undefined
}
