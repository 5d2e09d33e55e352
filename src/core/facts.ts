import type {
  Alarm,
  ChargerColumns,
  Decline,
  EventNo,
  Exemption,
  Forecast,
  GridEvent,
  HashHex,
  Instant,
  NodeColumns,
  NodeNo,
  Programme,
  ResortStep,
  ScheduleColumns,
  Second,
  Spread,
} from './model.ts'
import type { Metered, RulesetRef, Verified } from './verify/record.ts'

/** What the journal has entries of, from outside: what the world told us. A fact's kind says where it came from; no kind is both. */
export type Input =
  /**
   * `keyHash` is of the key that those of single events are made with. Of the keys from number `from` on either `root` is told, of the tree (RFC 6962) whose
   * entries are the keys of `count` events, or SHA-256 of each (`hashes`, 32 bytes an event). Neither in old logs.
   */
  | {
      readonly kind: 'keyCommitted'
      readonly keyHash: HashHex
      readonly from?: EventNo
      readonly hashes?: Uint8Array
      readonly count?: number
      readonly root?: HashHex
    }
  | { readonly kind: 'fleet'; readonly nodes: NodeColumns; readonly chargers: ChargerColumns }
  | { readonly kind: 'programme'; readonly programme: Programme }
  /** All that there are: how much may move in a minute under a node; -1 is the whole bridge. */
  | { readonly kind: 'bounds'; readonly bounds: readonly { readonly node: NodeNo | -1; readonly wPerMinute: number }[] }
  /** `basis` 0 = left, 1 = enrolled and consented, 2 = enrolled, no consent. */
  | { readonly kind: 'enrolled'; readonly programme: string; readonly who: Uint32Array; readonly basis: Uint8Array }
  /**
   * `seed` is secret until the event is over: it goes to a blob. `raw` is the message as received, to a blob as well. `sinceS`: when a cancellation took
   * effect that could not be recorded then; absent: now.
   */
  | { readonly kind: 'signal'; readonly event: GridEvent; readonly seed: Uint8Array; readonly raw: Uint8Array; readonly sinceS?: Second }
  | {
      readonly kind: 'optOut'
      readonly who: Uint32Array
      readonly fromS: Second
      readonly toS: Second
      readonly reason: 'driver' | 'operator' | 'consentWithdrawn'
    }
  | { readonly kind: 'optIn'; readonly who: Uint32Array }
  /**
   * Who has a car, and what is known of its need. `phase` is an index in `sessionPhases`; `departS` 0: unknown; `needWh` -1: unknown.
   */
  | {
      readonly kind: 'session'
      readonly who: Uint32Array
      readonly phase: Uint8Array
      readonly departS: Uint32Array
      readonly needWh: Int32Array
    }
  | { readonly kind: 'link'; readonly stations: Uint32Array; readonly up: Uint8Array }
  /** `what` is an outcome code; `causes[cause[k]]` says why. */
  | {
      readonly kind: 'outcome'
      readonly who: Uint32Array
      readonly seq: Uint16Array
      readonly what: Uint8Array
      readonly cause: Uint8Array
      readonly causes: readonly string[]
    }
  /**
   * Stations that have started because their supply is back, or for a reason that nobody knows: not after a reset or an update, and not after a mere
   * reconnect. `powerW`, `readS`: newest known power of chargers, W (-1: none of the last day), and the end of that reading; for those of `stations` as
   * it was when they started, and in a turn in which a branch may be coming back for all others under it too.
   */
  | {
      readonly kind: 'booted'
      readonly stations: Uint32Array
      readonly who: Uint32Array
      readonly powerW: Int32Array
      readonly readS: Uint32Array
    }
  /** What a charger holds became unknown without a command: it rebooted, its clock jumped, it lost its profile, its next rung is to be tried. */
  | { readonly kind: 'doubt'; readonly who: Uint32Array; readonly why: string }
  /**
   * Latest power of the chargers under an event, as its plan uses it. `powerW` -1: nothing fresh is known, or nothing since its limit took effect.
   * `again` 1: the same reading as in the last observation of this event.
   */
  | {
      readonly kind: 'observed'
      readonly event: EventNo
      readonly who: Uint32Array
      readonly powerW: Int32Array
      readonly again?: Uint8Array
    }
  | Metered
  /** What the meters showed of these some minutes after they were let go of a pause: 1, the car charges again; 0, it does not, though it is there. */
  | { readonly kind: 'resumed'; readonly who: Uint32Array; readonly did: Uint8Array }
  /** A source has not been heard for longer than it may be quiet; `silentMs`: for how long. */
  | { readonly kind: 'silent'; readonly adapter: string; readonly peer: string; readonly silentMs: number }
  | { readonly kind: 'heardAgain'; readonly adapter: string; readonly peer: string }
  /** A step of the last resort was carried out at these chargers. Only `enable` must be: until this says so it is tried again, after a restart too. */
  | { readonly kind: 'forced'; readonly step: 'stop' | 'disable' | 'enable'; readonly who: Uint32Array }
  /**
   * These blobs are gone for good: `erased` with the person behind `who` (and `stations`), whose numbers name nobody any more; `expired` because they
   * were kept long enough. What refers to them stays provable; what they said is not known any more. `reviews`: emergencies whose review was among it.
   */
  | {
      readonly kind: 'erased'
      readonly who: Uint32Array
      readonly stations: Uint32Array
      readonly blobs: readonly HashHex[]
      readonly reviews?: readonly EventNo[]
    }
  | { readonly kind: 'expired'; readonly beforeS: Second; readonly blobs: readonly HashHex[] }
  /**
   * A unit's baseline, said by the unit before an event: mean W in steps of `stepS` from `fromS` on, `MISSING` where it says nothing. `ref`: what it was sent
   * as. It counts for events whose ruleset is of nominated baselines, as far as it was in time for that.
   */
  | {
      readonly kind: 'nominated'
      readonly node: NodeNo
      readonly fromS: Second
      readonly stepS: number
      readonly meanW: Int32Array
      readonly ref: string
    }
  /** Something outside that changes no plan but belongs in the record: an unmapped signal, a try of a rung, a configuration change, a refused request. */
  | {
      readonly kind: 'noted'
      readonly what: string
      readonly about: Readonly<Record<string, string | number | boolean | null>>
      readonly raw?: Uint8Array
    }

/** Decided by us. `now` of the turn is in the entry. */
export type Decision =
  | {
      readonly kind: 'accepted'
      readonly event: EventNo
      readonly revision: number
      readonly programmeVersion: number
      readonly spread: Spread
      /** Chargers under the targets that may not be used, and why (index in `exclusions`). */
      readonly excluded: Uint32Array
      readonly why: Uint8Array
      /** Ranks by charger number, in 1/65536 of the spread; empty where the spread is 0 or an earlier revision has drawn them. */
      readonly startRank: Uint16Array
      readonly endRank: Uint16Array
      /** What it will be verified by. Absent: `METER_BEFORE`. */
      readonly ruleset?: RulesetRef
      /** Claimed for a start that is not spread; absent: it is, or nobody claims that it need not be. */
      readonly exemption?: Exemption
    }
  | { readonly kind: 'declined'; readonly event: EventNo; readonly revision: number; readonly why: Decline }
  /** How a cancelled event lets go so that no node passes its bound per minute; `endRank` is empty where it was drawn before. */
  | { readonly kind: 'paced'; readonly event: EventNo; readonly endS: number; readonly shiftS: number; readonly endRank: Uint16Array }
  /**
   * What a running event asks of these otherwise begins no sooner than `untilS`, so that no node passes its bound per minute; until then each keeps the
   * limit that it had of the event, `wasW` (-1: none). Takes the place of whoever of the event waited.
   */
  | { readonly kind: 'eased'; readonly event: EventNo; readonly who: Uint32Array; readonly wasW: Int32Array; readonly untilS: Uint32Array }
  /**
   * Chargers that came under the targets of an accepted event after that, in columns like `who`: `why` is 0 where one may be used, else 1 + index in
   * `exclusions`; ranks are empty where the event has none.
   */
  | {
      readonly kind: 'joined'
      readonly event: EventNo
      readonly who: Uint32Array
      readonly why: Uint8Array
      readonly startRank: Uint16Array
      readonly endRank: Uint16Array
    }
  /** The firmware's no: not a driver's opt-out. The charger is not planned in [fromS, toS). */
  | {
      readonly kind: 'refused'
      readonly who: Uint32Array
      readonly toS: Uint32Array
      readonly causes: readonly string[]
      readonly cause: Uint8Array
    }
  | {
      readonly kind: 'planned'
      readonly generation: number
      readonly algorithm: string
      readonly schedules: ScheduleColumns
      /** Asks that cannot be met: the missing watts per event, at the worst interval. */
      readonly unreachable: readonly { readonly event: EventNo; readonly missingW: number }[]
    }
  /** `fitted` holds the schedules of those who can take only part of what is wanted; all others are sent their whole schedule. */
  | { readonly kind: 'sent'; readonly who: Uint32Array; readonly seq: Uint16Array; readonly fitted: ScheduleColumns }
  /**
   * Metered drop falls short of the ask by this much; the ask grows by it. Negative: what was asked for in excess comes back, because the plan now
   * finds it itself. `unmoved`: accepted, but the meter shows no effect.
   */
  /** What the plan of an event is expected to take off its targets; scored against the meters when it is verified. */
  | { readonly kind: 'forecast'; readonly event: EventNo; readonly revision: number; readonly forecast: Forecast }
  | { readonly kind: 'shortfall'; readonly event: EventNo; readonly missingW: number; readonly unmoved: Uint32Array }
  | { readonly kind: 'lastResort'; readonly event: EventNo; readonly step: ResortStep; readonly who: Uint32Array }
  | Alarm
  /**
   * So many stations of a branch have started within a minute that its supply must have failed and come back: an event of our own that is over as it
   * begins, so that its restore lets the cars back in. Its seed is `outageSeed` of what stands here. `powerW`: what each of `who`, all under `node`,
   * drew before, or may have drawn, W; `backS`: when the first of them started; `excluded`, `why`, `endRank` as in `accepted`.
   */
  | {
      readonly kind: 'outage'
      readonly event: EventNo
      readonly node: NodeNo
      readonly programme: string
      readonly programmeVersion: number
      readonly backS: Second
      readonly atS: Second
      readonly stations: Uint32Array
      readonly who: Uint32Array
      readonly powerW: Int32Array
      readonly excluded: Uint32Array
      readonly why: Uint8Array
      readonly endRank: Uint16Array
    }
  /** The end of an event whose programme caps the level of its restore: these stay at the limit that they have until they are admitted. */
  | { readonly kind: 'restoring'; readonly event: EventNo; readonly who: Uint32Array; readonly limitW: Int32Array }
  /** The restore of an event lets these go; a car that leaves and another that comes ask again. */
  | { readonly kind: 'admitted'; readonly event: EventNo; readonly who: Uint32Array }
  /** Nobody waits any more: whoever is still held by the restore of an event is let go, one after another. */
  | { readonly kind: 'restored'; readonly event: EventNo }
  | Verified
  /** The first fact of a log that follows another: what that one ended with, and the canonical state (`core/snapshot`) that this one is folded from. */
  | {
      readonly kind: 'opened'
      readonly previous: { readonly origin: string; readonly size: number; readonly root: HashHex; readonly checkpoint: string }
      readonly state: Uint8Array
    }
  /** The canonical state after this turn, so that a start can begin here. */
  | { readonly kind: 'snapshot'; readonly digest: HashHex }

export type Fact = Input | Decision
export type FactKind = Fact['kind']
/** A turn: everything that became true at one `nowMs`. */
export type Turn = { readonly turn: number; readonly nowMs: Instant; readonly facts: readonly Fact[] }
