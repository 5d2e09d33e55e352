import { z } from 'zod'
import type { Runtime, SignalSource, WitnessSource } from '../src/ports.ts'
import { optionsSchema as openadr2bOptions } from './signals/openadr2b/options.ts'
import { optionsSchema as webhookOptions } from './signals/webhook/options.ts'
import { optionsSchema as mqttOptions } from './witnesses/mqtt/options.ts'

/**
 * The registry: which kinds of signal source there are. A new one is its folder and one line in each of these two lists. Options are checked with
 * the configuration, before anything starts; code is loaded only for the kinds that are used.
 */
export const signalSchemas = [
  openadr2bOptions.safeExtend({ kind: z.literal('openadr2b') }),
  webhookOptions.safeExtend({ kind: z.literal('webhook') }),
] as const

export type SignalConfig = z.output<(typeof signalSchemas)[number]>
export type SignalKind = SignalConfig['kind']
/** A source that listens says where. */
export type ListeningSource = SignalSource & { readonly port?: () => number }

type Make<K extends SignalKind> = (options: Omit<Extract<SignalConfig, { kind: K }>, 'kind'>, runtime: Runtime) => Promise<ListeningSource>
const makers: { readonly [K in SignalKind]: Make<K> } = {
  openadr2b: async (options, runtime) => (await import('./signals/openadr2b/index.ts')).openadr2b(options, runtime),
  webhook: async (options, runtime) => (await import('./signals/webhook/index.ts')).webhook(options, runtime),
}

/** Peers that ought to be heard of without a message of the grid: a VTN that we poll, and who promised a heartbeat. */
export const awaitedPeers = (signal: SignalConfig): readonly string[] =>
  signal.kind === 'openadr2b' ? [signal.peer] : signal.peers.filter(p => p.heartbeatS !== undefined).map(p => p.name)

export function makeSignal({ kind, ...options }: SignalConfig, runtime: Runtime): Promise<ListeningSource> {
  return (makers[kind] as Make<SignalKind>)(options as never, runtime)
}

/** Brokers that publish the series of a network operator's meters. */
export const witnessSourceSchema = mqttOptions
export const makeWitnessSource = async (options: z.output<typeof mqttOptions>): Promise<WitnessSource> =>
  (await import('./witnesses/mqtt/index.ts')).mqttWitness(options)
