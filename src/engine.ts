import type { Fact, Input, Instant } from './core/model.ts'
import type { State } from './core/state.ts'
import type { Bridge, ChargerLink, ChargerSink, Journal, Meters, Registry, Runtime, SignalSource, TurnListener } from './ports.ts'

export type World = {
  readonly runtime: Runtime
  readonly journal: Journal
  readonly meters: Meters
  readonly registry: Registry
  readonly chargers: ChargerLink
  readonly signals: readonly SignalSource[]
  /** 32 bytes, made once, kept beside the signing key; its hash is committed in the log before any draw. */
  readonly seedKey: Uint8Array
}
export type Engine = {
  readonly bridge: Bridge
  readonly sink: ChargerSink
  readonly registry: Registry
  readonly meters: Meters
  readonly journal: Journal
  readonly chargers: ChargerLink
  now(): Instant
  /** Resolves once the inputs, and all that was decided from them, are durable. Inputs of one call are taken in one turn. */
  handle(...inputs: Input[]): Promise<readonly Fact[]>
  /** The live state, to be read within one call of a function and never changed or kept. */
  state(): State
  /** Called after every appended turn. Returns how to stop. */
  listen(listener: TurnListener): () => void
  start(): Promise<void>
  stop(): Promise<void>
}
