import type {
  ChargerNo,
  EventNo,
  Exclusion,
  Exemption,
  Forecast,
  GridEvent,
  HashHex,
  Interval,
  NodeNo,
  OnLinkLoss,
  Programme,
  Second,
  Spread,
  Verification,
} from './model.ts'
import { exclusions, linkLossTraits, NEVER_S } from './model.ts'
import type { EmergencyUse } from './register.ts'
import { emptyLearned, type Learned } from './reliability.ts'
import { NONE, newRows, type Rows } from './rows.ts'
import type { EventDays } from './verify/eventDays.ts'
import type { Nominations } from './verify/nominated.ts'
import type { RulesetRef } from './verify/record.ts'
import type { Kept } from './verify/revision.ts'
import type { Wait } from './waits.ts'

/**
 * The network tree and what the planner knows of each charger, as columns by number. `order` is the depth-first order of the chargers; every
 * node is a range of it, so a node is a pair of integers and a target costs nothing to resolve.
 */
export type Fleet = {
  chargers: number
  station: Uint32Array
  minW: Int32Array
  maxW: Int32Array
  phases: Uint8Array
  voltageV: Uint16Array
  depth: Uint16Array
  onLinkLoss: Uint8Array
  limitsAtStation: Uint8Array
  /** What a pause is told as: 0, or `minW`. */
  leastW: Int32Array
  stepW: Int32Array
  /** 1 + index in `stepSets`: the only limits that it takes; 0: as `stepW` says. */
  stepSet: Uint16Array
  stepSets: (readonly number[])[]
  reliability: Uint16Array
  /** What fails together (maker, backend); 0: not known. */
  group: Uint16Array
  /** Phases of the grid that it may load: bit k is phase k + 1; 0: not known. */
  gridPhases: Uint8Array
  /** The box's own random delay before any change of its limit, up to this; 0: none. */
  ownDelayS: Uint16Array
  nodes: number
  parent: Int32Array
  nodeKind: Uint8Array
  nodeLimitW: Int32Array
  /** Derived: charger at a depth-first position, position of a charger, range of positions of a node. */
  order: Uint32Array
  position: Uint32Array
  nodeFrom: Uint32Array
  nodeTo: Uint32Array
  /** Nodes, deepest level first. */
  deepestFirst: Uint32Array
}

/** An event as folded: what was asked, how it was judged, what the plan needs to stay the same from turn to turn. */
export type EventState = {
  readonly no: EventNo
  event: GridEvent
  seed: Uint8Array
  /** Digest of what the present revision asks for, see `contentDigest`: the same revision with another content is refused. */
  asked: HashHex
  /** When the present revision came in. */
  receivedS: Second
  /** Undecided until `accepted` or `declined` of this revision. */
  status: 'received' | 'accepted' | 'declined'
  declined: string | null
  /** From the programme or the signal. */
  spread: Spread
  programmeVersion: number
  /** The ground claimed for a start that is not spread. */
  exemption: Exemption | null
  /** The rules of that version: an event runs to its end under those that it was accepted under. Null in states of before they were kept. */
  terms: Programme | null
  /** 1 + index in `exclusions` where a charger may not be used, by charger number; 0 = may. */
  excluded: Uint8Array
  startRank: Uint16Array
  endRank: Uint16Array
  /** By charger number, as known when the event was accepted: what is left of the spread for our own draw hangs on it. Empty where nobody has one. */
  ownDelayS: Uint16Array
  /** By charger number, 1: it is told its least power for a pause, because its car hardly comes back from 0; empty where nobody is. */
  stays: Uint8Array
  /** Instant of cancellation, NEVER_S while it runs. Intervals of the last revision that had any are kept. */
  cancelledS: Second
  /** Power by charger number as the plan uses it, -1 unknown; empty until observed. Frozen before the start so that plans stay stable. */
  basisW: Int32Array
  basisAtS: Second
  /** Grows with each shortfall, W. */
  extraW: number
  /** By charger number; empty until someone is: consecutive observations in which the meter showed no effect of an accepted limit. */
  strikes: Uint8Array
  /** By charger number, index in `answers`: what became of the last command that carries this event. */
  answer: Uint8Array
  /**
   * By charger number, frozen when the event is accepted, or limits would move with the clock: how long each was limited so far (`rotation`) or can wait
   * (`leastDisturbance`, NaN unknown), S. Empty where the policy looks at neither.
   */
  turnS: Float64Array
  /** Per interval of a cap or a shed: what each charger was last told because of it, and since when. What it is to be judged by. Empty until planned. */
  told: (Told | null)[]
  /** By charger number: accepted but unmoved, so nothing is expected of it any more. */
  unmoved: Uint8Array
  /** By charger number: 0 none, 1 zero, 2 stopped, 3 disabled. */
  resort: Uint8Array
  lastShortfallS: Second
  /** Whom a bound per minute lets wait for a change in the midst of the event; see `waits.ts`. */
  waits: Map<ChargerNo, Wait>
  /** What the last plan could not find for this event, W: asking for still more would be idle. */
  missingW: number
  /** The intervals as the source announced them, while those of `event` hold its failsafe because it is silent; null otherwise. */
  announced: readonly Interval[] | null
  /** What ran before the present revision, until that is accepted: a declined revision ends it in an orderly way. */
  former: Former | null
  /** How a programme with a level cap lets those go whom the event limits; null where the schedule's own end does. */
  restore: Restore | null
  verification: Verification | null
  /** By which ruleset it is verified, as pinned when it was accepted; null: `METER_BEFORE`. */
  ruleset: RulesetRef | null
  /** Keeps the root over its readings from being guessed; empty until they are recorded. */
  salt: Uint8Array
  /** What the next revision of its verdict needs; null until there is one, and when it can be corrected no more. */
  kept: Kept | null
  /** What the plan of the present revision was expected to give. */
  forecast: Forecast | null
}

export type Restore = {
  readonly levelCap: number
  readonly maxS: number
  /** By charger number, empty until the event's end: the limit that it is held at, -1 where it is not. */
  heldW: Int32Array
  /** When it was let in, 0 while it waits or has no car. */
  admittedS: Uint32Array
  /** What it was last observed to draw, W; -1 unknown. */
  loadW: Int32Array
  admittedLastS: Second
  /** When nobody waited any more; NEVER_S until then. */
  restoredS: Second
}

/** By charger number. `limitW` -1: nothing. */
export type Told = { limitW: Int32Array; sinceS: Uint32Array }

export type Former = {
  readonly event: GridEvent
  readonly announced: readonly Interval[] | null
  readonly cancelledS: Second
  readonly verification: Verification | null
}

/** The rules that an event runs under: those in force when it was accepted, today's until it is. */
export const termsOf = (s: State, e: EventState): Programme | undefined => e.terms ?? s.programmes.get(e.event.programme)

/** What became of the last command of an event to a charger. */
export const answers = ['none', 'sent', 'accepted', 'rejected', 'unknown'] as const
export type Answer = (typeof answers)[number]
export const answerOf = (e: EventState, charger: number): Answer => answers[charger < e.answer.length ? e.answer[charger]! : 0]!

export type Refusal = { readonly toS: Second; readonly cause: string }
export type OptOut = { readonly fromS: Second; readonly toS: Second; readonly reason: string }

/** What emergencies took in a calendar year, by charger number and by node; see `budget.ts`. */
export type Spent = {
  year: number
  uses: Uint16Array
  seconds: Uint32Array
  /** What has been said of a charger this year: 1 near its budget, 2 beyond it. */
  said: Uint8Array
  nodes: Map<NodeNo, NodeSpent>
}
export type NodeSpent = { readonly uses: number; readonly seconds: number; readonly said: number }

/** `powerW`: what its chargers drew before, in depth-first order, W; -1 unknown. */
export type Boot = { readonly atS: Second; readonly powerW: Int32Array }

export type State = {
  /** Turn number of the last turn folded, and its now. */
  turn: number
  nowMs: number
  fleet: Fleet
  programmes: Map<string, Programme>
  /** Programme -> by charger number: 0 not enrolled, 1 enrolled and consented, 2 enrolled without consent. */
  enrolments: Map<string, Uint8Array>
  events: Map<EventNo, EventState>
  eventNoById: Map<string, EventNo>
  nextEventNo: number
  optOuts: Map<number, readonly OptOut[]>
  refusals: Map<number, Refusal>
  generation: number
  rows: Rows
  /** Rows by charger number. */
  want: Uint32Array
  holds: Uint32Array
  pending: Uint32Array
  sentS: Uint32Array
  seq: Uint16Array
  attempt: Uint8Array
  /** By charger number: how long verified events, emergencies apart, have limited it, S. Rotation takes who has the least. */
  gaveS: Uint32Array
  /** When each was let go of a pause that it kept, until its meter was looked at; 0: nothing to look for. Empty until there was one. See `resume.ts`. */
  pausedS: Uint32Array
  /** The car at each charger: 0 nothing known, else 1 + index in `sessionPhases`; what it said (0 and -1: nothing); since when it is there or gone. */
  phase: Uint8Array
  departS: Uint32Array
  needWh: Int32Array
  sinceS: Uint32Array
  /** By node number. */
  up: Uint8Array
  seedKeyHash: string
  /** The keys of events below this number are committed. */
  seedKeysTo: EventNo
  /** From verified events; `fleet.reliability` is what follows from it. */
  learned: Learned
  /** Sources that are silent, `adapter:peer`, and when that was recorded. */
  silences: Map<string, Second>
  /** Chargers that must be enabled after a last resort and are not known to be yet, with when that was decided. */
  enabling: Map<number, Second>
  /** Boxes that take limits only in a session, have said that there is none, and have taken none since; with when they said so. */
  noSession: Map<ChargerNo, Second>
  /** Events of a programme that ran in a calendar year and are forgotten since; see `calendar.ts`. */
  ran: Map<string, Map<number, number>>
  /** By programme with a rest, by charger number: end of the last event that used it. 0: none. */
  endedS: Map<string, Uint32Array>
  /** What emergencies took of chargers and nodes this year. */
  spent: Spent
  /** Every emergency, kept when its event is forgotten. */
  register: Map<EventNo, EmergencyUse>
  /** By node, `EVERYWHERE` for the whole bridge: what may move in a minute, and when passing it was last said. See `ramp.ts`. */
  bounds: Map<number, { readonly wPerMinute: number; readonly saidS: Second }>
  /** Stations that have started within the last minute; see `outage.ts`. */
  boots: Map<NodeNo, Boot>
  /** Days on which chargers were in an event; see `verify/eventDays.ts`. */
  eventDays: EventDays
  /** Baselines that units have nominated; see `verify/nominated.ts`. */
  nominations: Nominations
  /** When to look at a charger again; a cache of `dueAt`. 0 = now. Not part of the canonical state: zero after a start, so everyone is looked at. */
  dueS: Uint32Array
}

export const emptyFleet = (): Fleet => ({
  chargers: 0,
  station: new Uint32Array(0),
  minW: new Int32Array(0),
  maxW: new Int32Array(0),
  phases: new Uint8Array(0),
  voltageV: new Uint16Array(0),
  depth: new Uint16Array(0),
  onLinkLoss: new Uint8Array(0),
  limitsAtStation: new Uint8Array(0),
  leastW: new Int32Array(0),
  stepW: new Int32Array(0),
  stepSet: new Uint16Array(0),
  stepSets: [],
  reliability: new Uint16Array(0),
  group: new Uint16Array(0),
  ownDelayS: new Uint16Array(0),
  gridPhases: new Uint8Array(0),
  nodes: 0,
  parent: new Int32Array(0),
  nodeKind: new Uint8Array(0),
  nodeLimitW: new Int32Array(0),
  order: new Uint32Array(0),
  position: new Uint32Array(0),
  nodeFrom: new Uint32Array(0),
  nodeTo: new Uint32Array(0),
  deepestFirst: new Uint32Array(0),
})

export const newSpent = (): Spent => ({
  year: 0,
  uses: new Uint16Array(0),
  seconds: new Uint32Array(0),
  said: new Uint8Array(0),
  nodes: new Map(),
})

export const emptyState = (): State => ({
  turn: 0,
  nowMs: 0,
  fleet: emptyFleet(),
  programmes: new Map(),
  enrolments: new Map(),
  events: new Map(),
  eventNoById: new Map(),
  nextEventNo: 0,
  optOuts: new Map(),
  refusals: new Map(),
  generation: 0,
  rows: newRows(),
  want: new Uint32Array(0),
  holds: new Uint32Array(0),
  pending: new Uint32Array(0),
  sentS: new Uint32Array(0),
  seq: new Uint16Array(0),
  attempt: new Uint8Array(0),
  gaveS: new Uint32Array(0),
  pausedS: new Uint32Array(0),
  phase: new Uint8Array(0),
  departS: new Uint32Array(0),
  needWh: new Int32Array(0),
  sinceS: new Uint32Array(0),
  up: new Uint8Array(0),
  seedKeyHash: '',
  seedKeysTo: 0,
  learned: emptyLearned(),
  silences: new Map(),
  enabling: new Map(),
  noSession: new Map(),
  ran: new Map(),
  endedS: new Map(),
  spent: newSpent(),
  register: new Map(),
  bounds: new Map(),
  boots: new Map(),
  eventDays: new Map(),
  nominations: new Map(),
  dueS: new Uint32Array(0),
})

/** Per-charger columns for `n` chargers: nobody wants, holds or awaits anything. */
export const deviceColumns = (n: number) => ({
  want: new Uint32Array(n),
  holds: new Uint32Array(n),
  pending: new Uint32Array(n).fill(NONE),
  sentS: new Uint32Array(n),
  seq: new Uint16Array(n),
  attempt: new Uint8Array(n),
  gaveS: new Uint32Array(n),
  phase: new Uint8Array(n),
  departS: new Uint32Array(n),
  needWh: new Int32Array(n).fill(-1),
  sinceS: new Uint32Array(n),
  dueS: new Uint32Array(n),
})

export const isUp = (s: State, charger: number): boolean => s.up[s.fleet.station[charger]!] === 1
export const linkLossOf = (f: Fleet, charger: number): OnLinkLoss => linkLossTraits[f.onLinkLoss[charger]!]!
export const exclusionOf = (e: EventState, charger: number): Exclusion | null => {
  const code = e.excluded.length > charger ? e.excluded[charger]! : 0
  return code === 0 ? null : exclusions[code - 1]!
}
export const isOptedOut = (s: State, charger: number, fromS: Second, toS: Second): boolean =>
  s.optOuts.size > 0 && (s.optOuts.get(charger)?.some(o => o.fromS < toS && fromS < o.toS) ?? false)
export const isRefused = (s: State, charger: number, fromS: Second): boolean =>
  s.refusals.size > 0 && (s.refusals.get(charger)?.toS ?? 0) > fromS

/** First second that an event could limit anyone. */
export const firstS = (e: EventState): Second => (e.event.intervals[0]?.fromS ?? NEVER_S) + Math.min(0, e.spread.startShiftS)
/** The end of what is asked: as announced, or the cancellation. */
export const askEndS = (e: EventState): Second => Math.min(e.event.intervals.at(-1)?.toS ?? 0, e.cancelledS)
/** Can a level-capped restore hold anyone of it: it has begun, and was not stopped at once? */
export const mayHold = (e: EventState): boolean =>
  e.restore !== null && !e.event.test && e.cancelledS > firstS(e) && !(e.event.stopAtOnce && e.cancelledS !== NEVER_S)
/** Whoever a level-capped restore holds at its own end is let go over this: as its event's end is spread, and never in one step. */
export const releaseSpreadS = (e: EventState): number =>
  Math.min(e.restore?.maxS ?? 0, Math.max(600, e.spread.endFollowsStart ? e.spread.startS : e.spread.endS))

/** Last second by which everyone is free of it, held by its restore or not; NEVER_S if it is open-ended. */
export function lastS(e: EventState): Second {
  const ownS = ownLastS(e)
  if (!e.restore || ownS === NEVER_S || !mayHold(e)) return ownS
  const overS = Math.min(askEndS(e) + e.restore.maxS, e.restore.restoredS + releaseSpreadS(e))
  return Math.max(ownS, overS)
}
/** The same by the schedules alone. */
export function ownLastS(e: EventState): Second {
  const toS = e.event.intervals.at(-1)?.toS ?? 0
  const plannedS = toS === NEVER_S ? NEVER_S : toS + plannedTailS(e)
  return e.cancelledS === NEVER_S ? plannedS : Math.min(plannedS, e.cancelledS + tailS(e))
}
/** How long after its end, or after its cancellation, the last charger is let go. A release after a cancellation knows no shift: it begins at once. */
export function tailS(e: EventState): number {
  if (e.cancelledS === NEVER_S) return plannedTailS(e)
  if (e.event.stopAtOnce) return 0
  return (e.spread.releaseShiftS ?? 0) + (e.spread.endFollowsStart ? e.spread.startS : e.spread.endS)
}
const plannedTailS = ({ spread }: EventState): number =>
  Math.max(0, spread.endFollowsStart ? spread.startShiftS + spread.startS : spread.endShiftS + spread.endS)
/** First second at which an edge at `toS` lets somebody go, or hands over to the next interval. */
export function firstEndS(e: EventState, toS: Second): Second {
  const isLast = toS === e.event.intervals.at(-1)?.toS
  return toS === NEVER_S ? NEVER_S : toS + Math.min(0, isLast && !e.spread.endFollowsStart ? e.spread.endShiftS : e.spread.startShiftS)
}

/** Nodes from the charger's station up to the root. */
export function path(f: Fleet, charger: number): NodeNo[] {
  const out: NodeNo[] = []
  for (let n = f.station[charger]!; n >= 0; n = f.parent[n]!) out.push(n)
  return out
}
