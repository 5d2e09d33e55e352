/**
 * Terminology. Every other file speaks only these words.
 *
 * - **event**: what a grid operator asked for, as intervals of asks on targets. A higher revision replaces it; no intervals means cancelled.
 * - **ask**: one interval's demand: `cap`, `shed`, `keep`, `limitEach`, `off`.
 * - **fleet**: the network tree (licence area > GSP > primary > feeder > site > station) and its chargers.
 * - **charger**: one EVSE (OCPP 1.6: one connector): what has a car, a limit, an opt-out, a reading. **station**: what has a socket; the lowest
 *   node of the tree. Chargers and nodes are dense numbers, append-only, never reused; who a number is stands in the registry, outside the journal.
 * - **schedule**: what a charger should do from now on: sorted segments of a limit; outside them it is free. `[]` is free, 0 W is 0 W.
 * - **plan**: one schedule per charger. **command**: a schedule sent. **outcome**: what came back. **device**: what we know a charger holds.
 * - **reading**: a meter's mean power over an interval. **verification**: readings against the ask. **fact**: one entry of the journal.
 *
 * Units end names: W, Wh, A, V, Ms, S. Instants are since the Unix epoch, UTC. Import (charging) is positive. Schedules are in whole seconds.
 */

import type { Verification, VerificationRules } from './verify/record.ts'

/** Milliseconds since the Unix epoch, UTC. */
export type Instant = number
/** Whole seconds since the Unix epoch, UTC. */
export type Second = number
/** Dense number of a charger (EVSE), also its pseudonym in the journal. */
export type ChargerNo = number
/** Dense number of a node of the network tree; a station is a node. */
export type NodeNo = number
/** Dense number of an event in this journal, in order of first receipt. */
export type EventNo = number
/** Lower-case hex SHA-256. */
export type HashHex = string

/** No end: a consent withdrawn, an open-ended event. Fits an unsigned 32-bit column. */
export const NEVER_S = 0xffffffff

/** On L1, L2 and L3, A. */
export type PhaseAmps = readonly [l1: number, l2: number, l3: number]
export type Ask =
  /** Aggregate ceiling on the load of the targets, those not commanded included; `phaseA` besides: on each phase, A. */
  | { readonly kind: 'cap'; readonly totalW: number; readonly phaseA?: PhaseAmps | undefined }
  /** Reduction below the baseline of the targets. */
  | { readonly kind: 'shed'; readonly totalW: number }
  /** Each charger keeps this share (0..1) of its own maximum. */
  | { readonly kind: 'keep'; readonly fraction: number }
  /** The same limit for each charger; amps are per phase and converted with its own phases and voltage, rounded down. */
  | { readonly kind: 'limitEach'; readonly limitW: number }
  | { readonly kind: 'limitEach'; readonly limitA: number }
  | { readonly kind: 'off' }

/** `failsafe`: not what was asked for, but the limit of a source that has fallen silent; its beginning is spread as the event's end is. */
export type Interval = { readonly fromS: Second; readonly toS: Second; readonly ask: Ask; readonly failsafe?: true }
export type EventClass = 'emergency' | 'obligation' | 'contracted' | 'voluntary'
export type Target = { readonly kind: 'node'; readonly node: NodeNo } | { readonly kind: 'charger'; readonly charger: ChargerNo }

/**
 * How the edges of an event are spread over the fleet. A charger's start is `from + startShiftS + rank * startS`, its end
 * `to + endShiftS + rank' * endS`; with `endFollowsStart` the end has the start's own offset (OpenADR `startafter`).
 * All zero means at once, as an emergency is.
 */
export type Spread = {
  readonly startS: number
  readonly endS: number
  readonly startShiftS: number
  readonly endShiftS: number
  readonly endFollowsStart: boolean
  /** So long after a cancellation the first is let go, where others are coming back then; absent: at once. */
  readonly releaseShiftS?: number
}

/** Why nobody is spread at the start of an event: what the law exempts is for the operator or the source to claim, and is recorded as claimed. */
export type Exemption = { readonly by: 'signal' | 'programme'; readonly basis: string }

export type GridEvent = {
  /** Stable over revisions and restarts: `adapter:peer:upstreamRef`. */
  readonly id: string
  readonly source: { readonly adapter: string; readonly peer: string; readonly credential: string }
  /** The peer's own name of the event. */
  readonly upstreamRef: string
  readonly revision: number
  readonly class: EventClass
  /** Id of the programme under whose rules it runs. */
  readonly programme: string
  readonly targets: readonly Target[]
  /** Sorted, contiguous or with gaps, never overlapping. Empty means cancelled from now on. */
  readonly intervals: readonly Interval[]
  /** `programme`: the programme's window. `forbidden`: the source disables randomisation and says on what basis. */
  readonly spread: Spread | 'programme' | { readonly forbidden: string }
  /** 0 is the most urgent; orders sending, never loosens a limit. */
  readonly priority: number
  /** A stop or cancel that must act at once instead of being spread over the restore window. */
  readonly stopAtOnce: boolean
  /** A test event takes the whole path and commands nobody. */
  readonly test: boolean
  /** What the source expects back. */
  readonly duties: { readonly ack: boolean; readonly started: boolean; readonly completed: boolean; readonly telemetryEveryS: number }
  /**
   * What to do when the source falls silent: the failsafe limit per charger, null for finishing what was announced, and for how long after it was
   * missed (EEBus LPC: at least 2 h, at most 24 h); absent: until it is heard again. Never past the event's own end. How long a source may be
   * quiet before it counts as silent is its adapter's to say, twice `heartbeatS` where it has not been heard at all since a start.
   */
  readonly liveness: { readonly heartbeatS: number; readonly failsafeW: number | null; readonly failsafeS?: number } | null
  /** The legal ground for using chargers without consent; only an emergency has one. */
  readonly basis: string | null
  /** The source's ground for no random delay, where `spread` does not say it (an emergency's has its end there). */
  readonly exemption?: string
  /** SHA-256 of the message as received; the bytes travel beside it as evidence. */
  readonly rawHash: HashHex
}

/** Where the ramp of an event's start lies: it ends with the start, lies around it, or begins with it. */
export const ramps = ['pre', 'centred', 'post'] as const
/**
 * Who gives, and how much. `proRata`: the same share of each one's range. `maxMin`: the same watts for each, as far as it can use them.
 * `leastDisturbance`: those who can best do without first (laxity). `fewest`: as few chargers as can be. `rotation`: who gave least lately first.
 */
export const allocationPolicies = ['proRata', 'maxMin', 'leastDisturbance', 'fewest', 'rotation'] as const
export const vacants = ['keepsShare', 'yields'] as const
export type Vacant = (typeof vacants)[number]
export type AllocationPolicy = (typeof allocationPolicies)[number]
/**
 * How load comes back. `step`: at once. `uniform`: over `endSpreadS`. `rampLimited`: uniform, but never more than `wPerMinute`. `levelCapped`: whoever
 * waits is admitted while the load of the targets stays within `levelCap` x what they drew before; all are free `maxS` after the end at the latest.
 */
export type RestoreRule =
  | { readonly policy: 'step' }
  | { readonly policy: 'uniform' }
  | { readonly policy: 'rampLimited'; readonly wPerMinute: number }
  | { readonly policy: 'levelCapped'; readonly levelCap: number; readonly maxS: number }

/** Rules of a programme. A version is a fact; an event is judged once, under the version then in force. Defaults: `programmeDefaults`. */
export type Programme = {
  readonly id: string
  readonly version: number
  readonly startSpreadS: number
  readonly endSpreadS: number
  readonly ramp: (typeof ramps)[number]
  /** The ground that is claimed where a start is not spread and its source claims none. */
  readonly randomDelay?: { readonly exemption: string } | undefined
  readonly restore: RestoreRule
  /** A limit that would fall below this goes to `floorW` instead of 0 when it is above 0; 0 allows pausing. */
  readonly floorW: number
  readonly minNoticeS: number
  readonly maxDurationS: number
  readonly maxEventsPerDay: number
  /** Per season, which is a calendar year in UTC. */
  readonly maxEventsPerSeason: number
  /** A charger rests this long between the end of one event of the programme and the start of the next, S. */
  readonly restS: number
  readonly emergencyAllowed: boolean
  /** May a driver's override act within an emergency? */
  readonly overrideInEmergency: boolean
  /** What an emergency may take of a charger in a calendar year; 0: no bound. Passing it is recorded and raises an alarm, from 80 % on. */
  readonly emergencyUsesPerYear: number
  readonly emergencyMinutesPerYear: number
  /** After an emergency's metrology check fails: 0 A, then stop or disable. */
  readonly lastResort: boolean
  readonly allocation: AllocationPolicy
  /** What a charger without a car does with its share of a cap; left out: it keeps it. */
  readonly vacant?: Vacant | undefined
  /** What is planned for, as a multiple of the ask; 1 or more. */
  readonly overCommit: number
  /** Chargers are added until P(delivered >= ask) reaches this; 0: until the expectation does. */
  readonly confidence: number
  /** Share of the usable chargers that is held back until a shortfall is declared, 0 to less than 1. */
  readonly reserve: number
  /** Share of the usable chargers left alone as a control group, by seeded draw; never in an emergency. */
  readonly holdOut: number
  /** Share delivered below which a mid-event shortfall is declared, e.g. 0.95. */
  readonly shortfallBelow: number
  /** How its events are verified; what is left out is as in `verificationDefaults`. */
  readonly verification?: Partial<VerificationRules> | undefined
}

export type Segment = { readonly fromS: Second; readonly toS: Second; readonly limitW: number; readonly because: EventNo }
/** Sorted, non-overlapping. Outside its segments a charger is free. */
export type Schedule = readonly Segment[]

export type Command = {
  readonly charger: ChargerNo
  readonly station: NodeNo
  /** Pairs command and outcome: wraps at 65,536, unique per charger among those that can still answer. */
  readonly seq: number
  readonly schedule: Schedule
  /** An emergency's start: sent before everything else. */
  readonly urgent: boolean
  /** When the turn that sent it was taken. */
  readonly atS: Second
}

export const outcomeKinds = ['accepted', 'rejected', 'unknown', 'superseded'] as const
export type OutcomeKind = (typeof outcomeKinds)[number]
/** Code of an outcome in columns: its index in `outcomeKinds`. */
export const outcomeCode: Record<OutcomeKind, number> = { accepted: 0, rejected: 1, unknown: 2, superseded: 3 }
/**
 * The cause of an `unknown` from a box that takes limits only within a transaction and has none: nothing to limit yet. It is neither a refusal nor a
 * silence; the command stays out, and a doubt when a transaction begins has it sent again at once.
 */
export const NO_TRANSACTION = 'noTransaction'
/** `cause` in the charger's own words or `timeout`, `offline`, `late`, `noTransaction`; never personal data. */
export type Outcome = { readonly charger: ChargerNo; readonly seq: number; readonly kind: OutcomeKind; readonly cause: string }

export const linkLossTraits = ['holds', 'resumes', 'dropsProfile'] as const
export type OnLinkLoss = (typeof linkLossTraits)[number]

/** Node kinds from the top of the tree to the station. */
export const nodeKinds = ['licenceArea', 'gsp', 'primary', 'feeder', 'site', 'station'] as const
export type NodeKind = (typeof nodeKinds)[number]

/**
 * Chargers as columns, index = position in `no`. What the core must know to plan; everything else about a charger is in the registry.
 * `minW`: least power that can be signalled (6 A on its phases), `maxW`: rated. `depth`: how many segments of a schedule it can hold at once.
 */
export type ChargerColumns = {
  readonly no: Uint32Array
  readonly station: Uint32Array
  readonly minW: Int32Array
  readonly maxW: Int32Array
  readonly phases: Uint8Array
  readonly voltageV: Uint16Array
  readonly depth: Uint16Array
  /** Index in `linkLossTraits`. */
  readonly onLinkLoss: Uint8Array
  /** 1: the station takes one limit for all its chargers; its first charger then holds their sum. */
  readonly limitsAtStation: Uint8Array
  /** What a pause is told as, W: 0, or the least power where 0 A is refused or never resumed from. All 0 where absent. */
  readonly leastW?: Int32Array
  /** Limits go up from `minW` in steps of this, W; 0: as fine as the wire. All 0 where absent. */
  readonly stepW?: Int32Array
  /** 1 + index in `stepSets`, W ascending: the only limits that it takes besides a pause; 0: as `stepW` says. All 0 where absent. */
  readonly stepSet?: Uint16Array
  readonly stepSets?: readonly (readonly number[])[]
  /** Share of accepted commands that meters saw obeyed, in 1/1000; a charger never tested stands at 830 (the enrolment-test prior, Electric Nation). */
  readonly reliability: Uint16Array
  /** Number of what fails together with others of the same: maker or backend. Absent or 0: not known. */
  readonly group?: Uint16Array
  /** Phases of the grid that it may load: bit k is phase k + 1. Absent or 0: not known, so it counts on each. */
  readonly gridPhases?: Uint8Array
  /** The box's own random delay, up to so many S, before any change of its limit (SI 2021/1467 reg. 11). All 0 where absent. */
  readonly ownDelayS?: Uint16Array
}
/** Nodes as columns. `parent` is -1 at a root; `limitW` is -1 where no limit is known; `kind` is an index in `nodeKinds`. */
export type NodeColumns = { readonly no: Uint32Array; readonly parent: Int32Array; readonly kind: Uint8Array; readonly limitW: Int32Array }
/** Schedules as columns: segments of schedule k are `[k === 0 ? 0 : ends[k - 1], ends[k])`; an empty one is free. */
export type ScheduleColumns = {
  readonly who: Uint32Array
  readonly ends: Uint32Array
  readonly fromS: Uint32Array
  readonly toS: Uint32Array
  readonly limitW: Int32Array
  readonly because: Uint32Array
}

/** Quality flags of a reading, or-ed. 0 is good. */
export const quality = {
  good: 0,
  estimated: 1,
  clockSkewed: 2,
  reset: 4,
  duplicate: 8,
  late: 16,
  fromRegister: 32,
  partialPhases: 64,
} as const
/** Meter readings as columns. `powerW` is the mean over [fromMs, toMs); `registerWh` is the register at `toMs`, NaN if none. */
export type Readings = {
  readonly charger: Uint32Array
  readonly fromMs: Float64Array
  readonly toMs: Float64Array
  readonly powerW: Float64Array
  readonly registerWh: Float64Array
  readonly quality: Uint8Array
}
/** Of chargers that gave none. */
export const noReadings: Readings = {
  charger: new Uint32Array(0),
  fromMs: new Float64Array(0),
  toMs: new Float64Array(0),
  powerW: new Float64Array(0),
  registerWh: new Float64Array(0),
  quality: new Uint8Array(0),
}

export const exclusions = [
  'notEnrolled',
  'noConsent',
  'optedOut',
  'eventsPerDay',
  'emergencyNotAllowed',
  'eventsPerSeason',
  'rest',
  /** In the control group, by seeded draw. */
  'heldOut',
] as const
export type Exclusion = (typeof exclusions)[number]
export const declines = ['notice', 'duration', 'unknownProgramme', 'nobody', 'superseded', 'past', 'unmapped', 'conflict', 'ramp'] as const
export type Decline = (typeof declines)[number]

export const verdicts = ['delivered', 'partial', 'missed', 'unverifiable'] as const
export type Verdict = (typeof verdicts)[number]
export const chargerVerdicts = ['compliant', 'notCompliant', 'noData', 'notCommanded'] as const
/** Why a charger is not counted as a response. Index in a column. */
export const nonResponses = [
  'none',
  'offline',
  'refused',
  'noAnswer',
  'acceptedButUnmoved',
  'resumedOnLinkLoss',
  'noData',
  'optedOut',
  /** It drew nothing before, so keeping its limit is no response. */
  'idle',
] as const
export type NonResponse = (typeof nonResponses)[number]

export type { Verification }
/** Reduction of power that is expected, W: it is below `p10W` in one of ten cases, above `p90W` in another. */
export type Forecast = { readonly p10W: number; readonly p50W: number; readonly p90W: number }

/** Nobody is plugged in; a car is, and charges or would; a car is, and wants no more. */
export const sessionPhases = ['none', 'plugged', 'satisfied'] as const
export type SessionPhase = (typeof sessionPhases)[number]
/** What is known of the car at a charger. `departS`, `needWh` (what it still takes) only where the car or its driver has said so. */
export type Session = { readonly phase: SessionPhase; readonly departS?: Second; readonly needWh?: number }

export type ResortStep = 'zero' | 'stop' | 'disable' | 'enable'
/**
 * Somebody should look at an emergency; nothing is held back by it. `beyondRoutine`: it went beyond the `rules` of a routine event, and a review is
 * owed. `budgetNear`, `budgetPassed`: these chargers and nodes have had 80 %, or more than all, of what the programme gives a calendar year.
 */
export type Alarm = {
  readonly kind: 'alarm'
  readonly event: EventNo
  readonly what: 'beyondRoutine' | 'budgetNear' | 'budgetPassed' | 'rampPassed'
  readonly who: Uint32Array
  readonly nodes: Uint32Array
  readonly rules: readonly string[]
}

export type { Decision, Fact, FactKind, Input, Turn } from './facts.ts'
