/**
 * The contracts between the engine and the world. One page; every method says what may be relied on. Adapters implement these and speak only
 * these and `core/model`. A suite per port in `test/ports/` runs against every implementation.
 */
import type {
  ChargerNo,
  Command,
  Decline,
  EventClass,
  EventNo,
  Fact,
  GridEvent,
  HashHex,
  Input,
  Instant,
  NodeKind,
  NodeNo,
  OnLinkLoss,
  Outcome,
  Readings,
  Second,
  Session,
  Target,
  Verification,
} from './core/model.ts'

/** Time and chance come from here and nowhere else. */
export interface Runtime {
  now(): Instant
  /** Runs `job` once, not before `at`; a later call with the same key replaces an earlier one. Errors of a job are fatal to the process. */
  at(key: string, at: Instant, job: () => void | Promise<void>): void
  random(bytes: number): Uint8Array
}

/**
 * The one durable thing. It stores bytes and knows nothing of facts. `append` is the commit point: when it resolves, the leaves, the blobs and
 * the signed checkpoint are durable (fsynced) together; when it rejects, either none of them are, or the process must restart to find out.
 */
export interface Journal {
  /** Number of leaves. */
  size(): number
  /** The signed note over the current tree, '' for an empty one. */
  checkpoint(): string
  /** RFC 6962 root of the current tree. */
  root(): Uint8Array
  /** Leaves [from, to), without `to` all from there on, in chunks, in order. */
  read(from: number, to?: number): AsyncIterable<readonly Uint8Array[]>
  /**
   * The hashes of tile `n` of a tile level (C2SP tlog-tiles, height 8), 32 bytes each, as many as the tree has now; undefined where it has none.
   * Durable with the leaves; hashes that are there never change, so a tile of an older tree is the beginning of it.
   */
  tile(level: number, n: number): Promise<Uint8Array | undefined>
  /** The body of a blob, without its salt; undefined if absent (erased, expired or lost). */
  blob(hash: HashHex): Promise<Uint8Array | undefined>
  /** The same with its salt in front: what an outsider needs to check it against its hash. */
  salted(hash: HashHex): Promise<Uint8Array | undefined>
  /** Fails with code `journal-moved`, before anything is written, unless the tree has exactly `after` leaves (a second engine was here). */
  append(after: number, leaves: readonly Uint8Array[], blobs: readonly (Blob | KeptBlob)[]): Promise<void>
  /**
   * Stores blobs ahead of the append that names them, so that no append is long; durable when it resolves. Until that append they are nobody's: whoever opens
   * the journal anew finds none of them.
   */
  keep(blobs: readonly Blob[]): Promise<void>
  /**
   * Blobs that are gone for good when it resolves: from the file, its log and its free pages. Unknown ones are passed over. The leaves stay, and with
   * them every proof; whoever calls has recorded an `erased` or `expired` fact that names them. With `states` all snapshots go too: they know what was said.
   */
  forget(hashes: readonly HashHex[], states?: boolean): Promise<void>
  /** Keeps `body` as the state after the first `size` leaves; old ones beyond the newest two may go. Losing a snapshot loses time only. */
  saveSnapshot(size: number, body: Uint8Array): Promise<void>
  /** Newest first. */
  snapshots(): AsyncIterable<{ readonly size: number; readonly body: Uint8Array }>
  close(): Promise<void>
}
/** `salted` is salt || body; `hash` is its SHA-256: a guessable body cannot be guessed from the leaf. */
export type Blob = { readonly hash: HashHex; readonly salted: Uint8Array }
/** One that was kept ahead of its append. */
export type KeptBlob = { readonly hash: HashHex; readonly salted: null }

/** Meter readings by charger and time. */
export interface Meters {
  /** Stores readings; the same (charger, fromMs, toMs) again replaces. Durable within a second; a crash may lose the last of them, which is a gap. */
  put(readings: Readings): void
  /** Readings of these chargers whose interval touches [fromMs, toMs), ordered by charger, then fromMs. */
  range(who: Uint32Array, fromMs: Instant, toMs: Instant): Promise<Readings>
  /**
   * Newest known power of a charger, the mean over [fromMs, atMs); `atMs` 0 if none. Live columns by charger number: read, never kept or changed.
   * After a restart `fromMs` may be `atMs`.
   */
  latest(): { readonly powerW: Float64Array; readonly atMs: Float64Array; readonly fromMs: Float64Array }
  /** Removes every reading of these chargers, the newest too. Resolves to how many were stored. */
  erase(who: Uint32Array): Promise<number>
  /**
   * Removes readings that began before, at the latest an hour after they could be, except those that touch a window of `kept` (what is not settled
   * yet). Resolves to how many. What was rolled up of them stays.
   */
  expire(beforeMs: Instant, kept?: readonly Window[]): Promise<number>
  /**
   * Energy of chargers in steps of 1, 5 or 30 minutes, `fromS` rounded down to a step. Made of the readings by `energyOf`, kept longer than they are; while
   * they are there, it is always what all of them say, late ones too. To 0.001 Wh.
   */
  history(who: Uint32Array, span: { readonly fromS: Second; readonly toS: Second; readonly stepS: RollupStep }): Promise<EnergyColumns>
  /** Removes energy in this step that began before (by whole hours, or days for 30 minutes). Resolves when it is gone. */
  expireHistory(stepS: RollupStep, beforeS: Second): Promise<void>
  /** Keeps a session of a charger; one that began at the same moment replaces. Durable within a second. */
  keepSession(session: SessionRecord): void
  /** Sessions of these chargers that touch [fromMs, toMs), by charger, then time. */
  sessions(who: Uint32Array, fromMs: Instant, toMs: Instant): Promise<readonly SessionRecord[]>
  /** Keeps signed values of chargers as they came; the same again replaces. Durable within a second. */
  keepSigned(values: readonly SignedValue[]): void
  /** Signed values of these chargers of [fromMs, toMs), by charger, then time. */
  signed(who: Uint32Array, fromMs: Instant, toMs: Instant): Promise<readonly SignedValue[]>
  /** Removes sessions that ended before, and signed values of before. */
  expireSessions(beforeMs: Instant): Promise<void>
  close(): Promise<void>
}

export type Window = { readonly fromMs: Instant; readonly toMs: Instant }
/** Steps that readings are rolled up to, S. */
export const rollupSteps = [60, 300, 1800] as const
export type RollupStep = (typeof rollupSteps)[number]
/** Charger k of `who` in step t stands at `k * count + t`. `wh` is NaN where the readings do not say; `flaws` as in `core/verify/series`. */
export type EnergyColumns = {
  readonly who: Uint32Array
  readonly fromS: Second
  readonly stepS: RollupStep
  readonly count: number
  readonly wh: Float64Array
  readonly flaws: Uint16Array
}
/** What a car took while it was plugged in at [fromMs, toMs). */
export type SessionRecord = Window & {
  readonly charger: ChargerNo
  /** Sum of what is known, Wh; NaN where nothing is. */
  readonly energyWh: number
  /** Time in which it drew power, ms. */
  readonly poweredMs: number
  /** All flaws of its readings, or-ed; see `core/verify/series`. */
  readonly flaws: number
}

/**
 * A value that the box's meter signed (OCMF and other formats), for whoever has its public key. `body` is the sampled value of the message as JSON, its signed
 * text to the letter; we neither check nor use it.
 */
export type SignedValue = { readonly charger: ChargerNo; readonly atMs: Instant; readonly body: string }

/** A meter that is no charger's: the network operator's own, at a node. Its numbers are dense, append-only, never reused. */
export type WitnessMeter = {
  readonly no: number
  readonly name: string
  readonly node: NodeNo
  readonly kind: (typeof witnessKinds)[number]
  /** Length of an interval of its series, S. */
  readonly stepS: number
  /** What its wire says: a power is the mean over the interval. */
  readonly unit: (typeof witnessUnits)[number]
  /** What is positive on its wire. */
  readonly sign: 'consumption' | 'generation'
  /** Which end of the interval its wire names. */
  readonly stamp: 'start' | 'end'
}
/** `weather`: no meter of energy, but the temperature of the air at a place; its unit is `degC`, and `wh` of its rows is degrees Celsius. */
export const witnessKinds = ['substation', 'feeder', 'site', 'weather'] as const
export const witnessUnits = ['Wh', 'kWh', 'MWh', 'W', 'kW', 'MW', 'degC'] as const
/** Energy of a witness meter, as columns; one row an interval. Import (towards the load) is positive whatever its wire says: converted at the edge. */
export type WitnessRows = {
  readonly fromMs: Float64Array
  readonly toMs: Float64Array
  readonly wh: Float64Array
  /** When it came in: what came long after its interval is late. */
  readonly receivedMs: Float64Array
}
/** Second witnesses: series of meters that are not ours. */
export interface Witnesses {
  meters(): readonly WitnessMeter[]
  byName(name: string): WitnessMeter | undefined
  /** Makes a meter known, or changes what is known of one of this name. */
  declare(meter: Omit<WitnessMeter, 'no'>): Promise<WitnessMeter>
  /** Stores intervals; the same (meter, fromMs, toMs) again replaces, so that a correction needs no deletion. Durable when it resolves. */
  put(no: number, rows: WitnessRows): Promise<void>
  /** Intervals that touch [fromMs, toMs), by time. */
  range(no: number, fromMs: Instant, toMs: Instant): Promise<WitnessRows>
  expire(beforeMs: Instant, kept?: readonly Window[]): Promise<number>
}

/** What a source of witness series gives: as its wire says, in the unit and sign of the declared meter. `at` is RFC 3339 or ms since the epoch. */
export type WitnessPoint = { readonly at: string | Instant; readonly value: number }
/** One transport of witness series, as a broker that is subscribed to. `take` never throws; what it refuses is on record. */
export interface WitnessSource {
  start(take: (meter: string, points: readonly WitnessPoint[]) => void, trouble: (why: string) => void): Promise<void>
  stop(): Promise<void>
}

/** How a station authenticates. `none` only where the configuration explicitly allows security profile 0. */
export type StationAuth = { readonly profile: 0 | 1 | 2 | 3; readonly passwordHash?: string }
/** What a box can do, as data; never a branch on a vendor's name. Hints from discovery, corrected by what is learned. */
export type Capabilities = {
  /** Absent: AC. What a DC box gives is known in watts only: its `maxA` and `minA` are watts at a nominal `voltageV` of one phase, and limits are set in W. */
  readonly current?: 'AC' | 'DC'
  readonly units: readonly ('A' | 'W')[]
  /** Can a limit be set per EVSE, or only for the whole box? */
  readonly limitsAt: 'station' | 'evse'
  readonly phases: 1 | 2 | 3
  readonly voltageV: number
  readonly minA: number
  readonly maxA: number
  /** Steps that a limit is rounded down to, in amps; 0.1 is the wire's own. */
  readonly stepA: number
  /** The only limits that it takes besides 0, A, ascending, instead of equal steps. */
  readonly stepsA?: readonly number[]
  readonly maxStackLevel: number
  /** Periods in one schedule. */
  readonly depth: number
  readonly onLinkLoss: OnLinkLoss
  /** Where 0 A is refused or never resumed from, the least that is sent is `minA`. */
  readonly takesZero: boolean
  readonly meterClass: string
  /** Phases of the grid on its own first, second and third, as `L1`, `L2L3`, `L2L3L1`. Absent: not known, so a limit per phase counts it on each. */
  readonly gridPhases?: string
  /** The box waits by chance, up to so many seconds, before it follows a change of its limit. Absent: it does not. */
  readonly ownRandomDelayS?: number
  /** What fails together with others of the same name: its maker, or the backend that it is reached through. Absent: not known (yet). */
  readonly group?: string
}
export type Evse = { readonly charger: ChargerNo; readonly evseId: number }
export type Station = {
  readonly no: NodeNo
  /** Last path segment of the WebSocket URL. Personal where a home is concerned: never in the journal. */
  readonly identity: string
  readonly auth: StationAuth
  readonly evses: readonly Evse[]
  readonly capabilities: Capabilities
}
export type NodeRecord = { readonly no: NodeNo; readonly kind: NodeKind; readonly name: string; readonly parent: NodeNo | -1 }
/** Who a number is. Deletable, outside the journal, kept in memory for look-ups; writes are durable when they resolve. */
export interface Registry {
  node(no: NodeNo): NodeRecord | undefined
  nodes(): Iterable<NodeRecord>
  station(no: NodeNo): Station | undefined
  stations(): Iterable<Station>
  stationByIdentity(identity: string): Station | undefined
  /** Who a charger is. */
  charger(no: ChargerNo): { readonly station: Station; readonly evse: Evse; readonly externalId: string } | undefined
  chargerByExternalId(externalId: string): ChargerNo | undefined
  chargerCount(): number
  nodeCount(): number
  /** Resolves a name of the outside (venID, groupID, resourceID, feeder code, MPAN, node path, external id) to targets; undefined if unknown. */
  resolve(scheme: string, value: string): readonly Target[] | undefined
  aliases(): Iterable<Alias>
  put(change: RegistryChange): Promise<void>
  /** Removes external ids and aliases. A node or a station stays, its number is never used again: `put` one that names nobody in its place. */
  forget(names: { readonly externalIds: readonly ChargerNo[]; readonly aliases: readonly Pick<Alias, 'scheme' | 'value'>[] }): Promise<void>
  /** Small durable values of adapters (registrations, learned rungs, changed configuration keys), by a key that begins with the adapter's name. */
  get(key: string): string | undefined
  set(key: string, value: string | null): Promise<void>
  keys(prefix: string): Iterable<string>
  close(): Promise<void>
}
/** A name of the outside for targets of ours. */
export type Alias = { readonly scheme: string; readonly value: string; readonly targets: readonly Target[] }
export type RegistryChange = {
  readonly nodes?: readonly NodeRecord[]
  readonly stations?: readonly Station[]
  readonly externalIds?: readonly { readonly charger: ChargerNo; readonly externalId: string }[]
  readonly aliases?: readonly Alias[]
}

/** What became of a signal, after its facts are in the journal. */
export type Judgement =
  | { readonly kind: 'accepted'; readonly event: EventNo; readonly id: string; readonly usable: number; readonly excluded: number }
  | { readonly kind: 'declined'; readonly event: EventNo; readonly id: string; readonly why: Decline }

/** Steps in an event's life, for duties towards its source. `measuredW`/`baselineW`/`askedW` are null where unknown. */
export type Progress = {
  readonly kind: 'accepted' | 'declined' | 'started' | 'measured' | 'completed' | 'cancelled' | 'failed' | 'verified'
  readonly at: Instant
  readonly event: EventView
  readonly measuredW: number | null
  readonly baselineW: number | null
  readonly askedW: number | null
  readonly verification: Verification | null
}
export type EventView = {
  readonly no: EventNo
  readonly id: string
  readonly upstreamRef: string
  readonly adapter: string
  readonly peer: string
  readonly class: EventClass
  readonly programme: string
  readonly revision: number
  readonly fromS: Second
  readonly toS: Second
  readonly state: 'scheduled' | 'active' | 'restoring' | 'ended' | 'cancelled' | 'declined' | 'verified'
}
/** Real figures of the fleet under some targets, now. Power counts readings not older than `freshMs`; the rest are in `unmetered`. */
export type FleetFigures = {
  readonly chargers: number
  readonly online: number
  readonly metered: number
  readonly unmetered: number
  readonly powerW: number
  readonly maxW: number
  readonly minW: number
  readonly limitedTo: { readonly chargers: number; readonly limitW: number }
  readonly optedOut: number
}

/** `wh` of a step is the sum of those that are known, `known` of `chargers`; NaN where nobody is. */
export type FleetHistory = {
  readonly fromS: Second
  readonly stepS: number
  readonly chargers: number
  readonly wh: Float64Array
  readonly known: Uint32Array
}

/** What the engine offers to signal adapters. */
export interface Bridge {
  readonly registry: Registry
  now(): Instant
  /**
   * Resolves after the signal's facts are durable. `raw` is kept as evidence; its SHA-256 must be `event.rawHash`. The present revision again, with
   * the same content, is answered as before; with another it is declined as `conflict`, a lower one as `superseded`, and neither changes anything.
   */
  submit(event: GridEvent, raw: Uint8Array): Promise<Judgement>
  /** Puts something into the record that changes no state. Resolves once durable. */
  note(what: string, about: Readonly<Record<string, string | number | boolean | null>>, raw?: Uint8Array): Promise<void>
  event(id: string): EventView | undefined
  events(): readonly EventView[]
  figures(targets: readonly Target[]): FleetFigures
  /** Energy of all under some targets in equal steps of whole minutes, from `Meters.history`. A step of a charger that is not whole is not known of it. */
  history(targets: readonly Target[], span: { readonly fromS: Second; readonly toS: Second; readonly stepS: number }): Promise<FleetHistory>
  /** Calls `listener` after each step of an event of this adapter (or of all, with undefined). Returns how to stop. */
  follow(adapter: string | undefined, listener: (progress: Progress) => void): () => void
  /** Tells the engine when the source was last heard; older than its own `staleMs` means the signal is stale (alarm, nothing new is started). */
  heard(adapter: string, peer: string, at: Instant, staleMs: number): void
}
/** One protocol that brings events. `start` resolves when it is ready to receive; `stop` when nothing more will be submitted. */
export interface SignalSource {
  readonly name: string
  start(bridge: Bridge): Promise<void>
  stop(): Promise<void>
}

/** What the engine offers to charger adapters. None of these may throw or block. */
export interface ChargerSink {
  readonly registry: Registry
  now(): Instant
  outcome(outcome: Outcome): void
  link(station: NodeNo, up: boolean): void
  /** What it holds is no longer known (reboot, clock jump, a profile lost, a rung to be tried again). */
  doubt(chargers: readonly ChargerNo[], why: string): void
  /**
   * The box has started because its supply was back, or for a reason that it does not say: not after a reset or an update, not where it merely connected
   * again, and not on its first connection since our own start. Many of them together are an outage that is over.
   */
  booted(station: NodeNo): void
  readings(readings: Readings): void
  /** Values that a meter signed, as received. Absent: nobody keeps them. */
  signed?(values: readonly SignedValue[]): void
  /** The driver took the charger back. */
  override(charger: ChargerNo, reason: string): void
  note(what: string, about: Readonly<Record<string, string | number | boolean | null>>): void
  /**
   * The car at a charger, as often as the adapter likes: `plugged` from when it is there, `satisfied` when it wants no more (not when it is we who keep
   * it waiting), `none` when it is gone. `departS` and `needWh` where the car or its driver has said so; left out, what was said of this car stands.
   */
  session(charger: ChargerNo, session: Session): void
  /** New figures about a box (discovered or learned) that the plan must know. */
  capabilities(station: NodeNo, capabilities: Capabilities): void
}
/** One transport to chargers. */
export interface ChargerLink {
  start(sink: ChargerSink): Promise<void>
  stop(): Promise<void>
  /**
   * Takes commands, most urgent first, and returns at once. Each ends in exactly one `sink.outcome` with its seq, in any order: `accepted`,
   * `rejected`, `unknown` (no answer, or gone offline: it may have worked; cause `noTransaction`: nothing to limit yet, a `doubt` tells when there is) or `superseded` (a newer command replaced it before it was sent).
   * A late answer after `unknown` is a `doubt`, never an outcome. One call in flight per station, at most one waiting per charger.
   */
  send(commands: readonly Command[]): void
  /** The meter showed that an accepted command had no effect: try the next rung when the command comes again. False: no rung is left. */
  unmoved(charger: ChargerNo): boolean
  /** The meter moved: remember the rung for this model and firmware. */
  moved(charger: ChargerNo): void
  /** Asks for a spot reading. */
  measure(chargers: readonly ChargerNo[]): void
  /** Last resort: ends the session (`stop`) or takes the EVSE out of service (`disable`); `enable` undoes the latter. */
  force(charger: ChargerNo, action: 'stop' | 'disable' | 'enable'): Promise<boolean>
  /** Clears our profiles, puts back every configuration key we changed. Resolves to what was done. */
  release(
    station: NodeNo,
  ): Promise<{ readonly cleared: number; readonly restoredKeys: readonly string[]; readonly failed: readonly string[] }>
  /** The station is known no more: its connection ends, and what was remembered of it goes. */
  forget?(station: NodeNo): void
  /** What the box was last seen to hold that is not ours (an installer's limit), null if nothing. */
  ceilingW(charger: ChargerNo): number | null
}

/** After each appended turn. For those who show or forward: console, webhooks, metrics. Must not throw. */
export type TurnListener = (facts: readonly Fact[], at: Instant) => void
export type { Input }
