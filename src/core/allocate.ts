import { drawsOf, isBelow, reach } from './draw.ts'
import { spanFromS, spanToS } from './edges.ts'
import { APART, HELD, keep, TOLD } from './keep.ts'
import { keepCuts, type Tally } from './keepCuts.ts'
import { taking } from './members.ts'
import type { AllocationPolicy, Interval, Programme } from './model.ts'
import { givingOrder, servingOrder } from './order.ts'
import { isAbovePhases, type Outside, withinPhases } from './phases.ts'
import { drawnShare, pick, tallyOf } from './pick.ts'
import { commonOf } from './reliability.ts'
import { pauseW } from './resume.ts'
import { limitThrough, NONE, UNKNOWN } from './rows.ts'
import { type Sharing, share } from './share.ts'
import { type EventState, type Fleet, linkLossOf, type State, termsOf } from './state.ts'
import { downW, setOf, upW } from './steps.ts'
import { keepServing, vacantAmong } from './vacant.ts'

/** In `watts`: the charger is not limited by this interval. */
export const UNLIMITED = -1

export type Allocation = {
  /** Per member: the limit in W, or UNLIMITED. */
  readonly watts: Int32Array
  /** What the ask still lacks when everyone who may be used is used, W. */
  readonly missingW: number
}

/**
 * One interval's ask in watts per charger: exact, deterministic, and stable (a refusal changes as few others as it can).
 * Limits are rounded down to what a charger can be told, so that what is delivered is rounded up; below its least power (6 A, IEC 61851) a limit is
 * a pause, or that least power where it cannot be paused. `bounds` are what other events leave each member, see `boundsOf`.
 */
export function allocate(s: State, e: EventState, interval: Interval, members: Uint32Array, bounds?: Int32Array): Allocation {
  const takes = taking(s, e, members, interval)
  const p = termsOf(s, e)
  const allocation = byAsk(s, e, interval, members, takes, p, bounds)
  for (let m = 0; m < members.length && e.resort.length > 0; m++)
    if (takes[m] === 1 && (e.resort[members[m]!] ?? 0) > 0) allocation.watts[m] = 0
  return allocation
}

function byAsk(
  s: State,
  e: EventState,
  interval: Interval,
  members: Uint32Array,
  takes: Uint8Array,
  p: Programme | undefined,
  bounds: Int32Array | undefined,
): Allocation {
  const { ask } = interval
  switch (ask.kind) {
    case 'cap':
      return cap(s, e, interval, ask, members, takes, p, bounds)
    case 'shed':
      return shed(s, e, interval, ask.totalW, members, takes, p)
    case 'keep':
    case 'limitEach':
    case 'off':
      return each(s.fleet, e, members, takes, ask, p?.floorW ?? 0)
  }
}

type EachAsk = Exclude<Interval['ask'], { kind: 'cap' } | { kind: 'shed' }>
function each(f: Fleet, e: EventState, members: Uint32Array, takes: Uint8Array, ask: EachAsk, floorW: number): Allocation {
  const watts = new Int32Array(members.length).fill(UNLIMITED)
  for (let m = 0; m < members.length; m++)
    if (takes[m] === 1) watts[m] = signalled(f, e, members[m]!, askedW(f, e, members[m]!, ask, floorW))
  return { watts, missingW: 0 }
}
/** A switch, where a function that is handed in would read better: for each of a million chargers it costs less. */
function askedW(f: Fleet, e: EventState, i: number, ask: EachAsk, floorW: number): number {
  switch (ask.kind) {
    case 'keep':
      return withFloor(f, e, i, Math.floor(f.maxW[i]! * ask.fraction), floorW)
    case 'limitEach':
      return 'limitW' in ask ? ask.limitW : Math.floor(ask.limitA * f.phases[i]! * f.voltageV[i]!)
    case 'off':
      return 0
  }
}

/** What can be signalled: a pause, or at least the charger's least power in its own steps; at its maximum it is no limit. */
function signalled(f: Fleet, e: EventState, i: number, w: number): number {
  if (w >= f.maxW[i]!) return UNLIMITED
  if (w < f.minW[i]!) return pauseW(f, e, i)
  return downW(f, i, w)
}
const withFloor = (f: Fleet, e: EventState, i: number, w: number, floorW: number): number =>
  floorW === 0 ? w : Math.max(w, flooredW(f, e, i, floorW))
/** The least that a programme leaves a charger: a pause or what stands for one, or its floor, in steps rounded up to the driver's good. */
function flooredW(f: Fleet, e: EventState, i: number, floorW: number): number {
  if (floorW === 0) return pauseW(f, e, i)
  return floorW <= f.minW[i]! ? Math.min(f.minW[i]!, f.maxW[i]!) : upW(f, i, floorW)
}

/**
 * A ceiling on the load of the targets. The load of those who are not commanded, or cannot be reached, comes off first: at metered power, or
 * else at their maximum. What is left is shared by the programme's policy, see `share`. Shares told already are kept while they can be, see `keep`.
 */
function cap(
  s: State,
  e: EventState,
  interval: Interval,
  { totalW, phaseA }: CapAsk,
  members: Uint32Array,
  takes: Uint8Array,
  p: Programme | undefined,
  bounds: Int32Array | undefined,
): Allocation {
  const f = s.fleet
  const n = members.length
  const part = partsIn(s, e, interval, members, takes)
  const availableW = totalW - e.extraW - part.outsideW
  // whose turn it is to give is no matter of an emergency
  const policy = e.event.class === 'emergency' ? 'proRata' : (p?.allocation ?? 'proRata')
  const mostW = new Int32Array(n)
  const sharers = {
    order: servedIn(policy, s, e, drawsOf(members, e.seed, 'order'), members),
    pauseW: new Int32Array(n),
    minW: new Int32Array(n),
    maxW: mostW,
    stepW: new Int32Array(n),
    ...(f.stepSets.length > 0 ? { setOf: (m: number) => setOf(f, members[m]!) } : {}),
  }
  for (let m = 0; m < n; m++) {
    if (part.kind[m] !== STEERED) continue
    const i = members[m]!
    sharers.pauseW[m] = pauseW(f, e, i)
    sharers.minW[m] = f.minW[i]!
    mostW[m] = bounds ? Math.min(f.maxW[i]!, bounds[m]!) : f.maxW[i]!
    sharers.stepW[m] = f.stepW[i]!
  }
  const vacant = vacantAmong(s, e, p, members, m => part.kind[m] === STEERED)
  if (vacant) sharers.maxW = mostW.map((w, m) => (vacant[m] === 1 ? Math.min(w, sharers.pauseW[m]!) : w))
  const total = share(availableW, sharers, sharingOf[policy])
  const outside = phaseA ? outsideOf(s, e, members, part) : []
  const phased = phaseA ? withinPhases(f, members, total.watts, sharers, sharingOf[policy], availableW, phaseA, outside) : total
  const { watts } = phased
  const asked = new Uint8Array(n)
  for (let m = 0; m < n; m++) {
    const kind = part.kind[m]!
    const i = members[m]!
    asked[m] = kind === STEERED ? TOLD : kind === HOLDING ? HELD : APART
    // who has all that others leave it is limited by them, and must be said to be
    if (kind === OUTSIDE || (kind === STEERED && watts[m]! >= mostW[m]!)) watts[m] = UNLIMITED
    else if (kind === HOLDING) watts[m] = part.heldW!.get(m)!
    else if (kind === IGNORING) watts[m] = pauseW(f, e, i)
  }
  const kept = vacant
    ? keepServing(s, e, interval, members, asked, watts, availableW, mostW, sharers.order, vacant)
    : keep(s, e, interval, members, asked, watts, availableW, mostW)
  const isAbove = phaseA !== undefined && isAbovePhases(f, members, kept, mostW, phaseA, outside)
  return { watts: isAbove ? watts : kept, missingW: Math.max(total.shortW, phased.shortW) }
}
type CapAsk = Extract<Interval['ask'], { kind: 'cap' }>
/** Those whose load a ceiling cannot share out. */
const outsideOf = ({ fleet: f }: State, e: EventState, members: Uint32Array, { kind, heldW }: Parts): Outside[] =>
  Array.from(kind.entries()).flatMap(([m, of]) => {
    if (of === STEERED) return []
    const knownToW = of === HOLDING ? heldW?.get(m) : undefined
    const drawsW = knownW(e, members[m]!)
    return { m, w: knownToW ?? drawsW ?? f.maxW[members[m]!]!, metered: knownToW === undefined && drawsW !== undefined }
  })

const sharingOf: Record<AllocationPolicy, Sharing> = {
  proRata: 'proRata',
  maxMin: 'maxMin',
  leastDisturbance: 'whole',
  fewest: 'whole',
  rotation: 'whole',
}
/** Lots serve as they give; where a policy says who gives first, it is served last. */
function servedIn(policy: AllocationPolicy, s: State, e: EventState, draw: Uint32Array, members: Uint32Array): Uint32Array {
  const order = givesIn(policy, e, draw, members, m => s.fleet.maxW[members[m]!]!)
  return order === draw ? draw : servingOrder(order)
}
/** Who came after the event was accepted has not given yet, and nothing is known of its need. */
function givesIn(
  policy: AllocationPolicy,
  e: EventState,
  draw: Uint32Array,
  members: Uint32Array,
  giveW: (m: number) => number,
): Uint32Array {
  const turnS = (m: number, unknown: number) => (members[m]! < e.turnS.length ? e.turnS[members[m]!]! : unknown)
  return givingOrder(policy, draw, { giveW, gaveS: m => turnS(m, 0), laxityS: m => turnS(m, Number.NaN) })
}

/** Nobody's to limit, or out of reach; can be told a new limit; is told, but known to ignore it; out of reach with the limit that it was sent last. */
const [OUTSIDE, STEERED, IGNORING, HOLDING] = [0, 1, 2, 3]
type Parts = { readonly kind: Uint8Array; readonly heldW: ReadonlyMap<number, number> | undefined; readonly outsideW: number }

/** How each member counts in a cap, and the load under the targets that no command of this event can change now, W. */
function partsIn(s: State, e: EventState, interval: Interval, members: Uint32Array, takes: Uint8Array): Parts {
  const f = s.fleet
  const kind = new Uint8Array(members.length)
  // once the ask is over only the way back is left to hold: links that go or come then take nothing from those who wait their turn
  const isEnding = s.nowMs >= Math.min(interval.toS, e.cancelledS) * 1000
  const anyUnmoved = e.unmoved.length > 0
  let heldW: Map<number, number> | undefined
  let outsideW = 0
  for (let m = 0; m < members.length; m++) {
    const i = members[m]!
    const canBeTold = takes[m] === 1 && (isEnding || s.up[f.station[i]!] === 1)
    if (canBeTold && !(anyUnmoved && isUnmoved(e, i))) {
      kind[m] = STEERED
      continue
    }
    const w = canBeTold ? -1 : takes[m] === 1 ? heldOffline(s, e, interval, i) : -1
    if (w >= 0) (heldW ??= new Map()).set(m, w)
    kind[m] = canBeTold ? IGNORING : w >= 0 ? HOLDING : OUTSIDE
    outsideW += w >= 0 ? w : (knownW(e, i) ?? f.maxW[i]!)
  }
  return { kind, heldW, outsideW }
}

/**
 * The limit that a charger offline goes on holding through the interval because it accepted it, or was sent it last; -1 if none. One that drops its
 * limit with the link, ignores it, whose box shares one, or had no session to limit, holds nothing.
 */
function heldOffline(s: State, e: EventState, interval: Interval, i: number): number {
  const f = s.fleet
  if (isUnmoved(e, i) || f.limitsAtStation[i] === 1 || linkLossOf(f, i) !== 'holds' || s.noSession.has(i)) return -1
  const k = e.event.intervals.indexOf(interval)
  const row = s.pending[i] === NONE ? s.holds[i]! : s.pending[i]!
  const fromS = Math.max(spanFromS(e, k, i), Math.floor(s.nowMs / 1000))
  return row === UNKNOWN ? -1 : limitThrough(s.rows, row, fromS, spanToS(e, k, i))
}

const isUnmoved = (e: EventState, i: number): boolean => i < e.unmoved.length && e.unmoved[i] === 1
const knownW = (e: EventState, i: number): number | undefined => (i < e.basisW.length && e.basisW[i]! >= 0 ? e.basisW[i] : undefined)

/**
 * A reduction below the baseline: chargers known to draw are taken to the floor, in the policy's order, until the ask is to be expected of them
 * (reliability x reduction; the last is reduced by what is missing), or until it is met with the programme's confidence, see `pick`. Idle ones deliver
 * nothing and are left alone. The programme's reserve stays back until metering, or the plan itself, lacks something; never in an emergency.
 */
function shed(
  s: State,
  e: EventState,
  interval: Interval,
  askedW: number,
  members: Uint32Array,
  takes: Uint8Array,
  p: Programme | undefined,
): Allocation {
  const give = givesOf(s, e, members, takes, p)
  const isEmergency = e.event.class === 'emergency'
  const policy = isEmergency ? 'proRata' : (p?.allocation ?? 'proRata')
  const order = givesIn(policy, e, drawsOf(members, e.seed, 'order'), members, m => give.usualW[m]!)
  const sheds = (cutW: Float64Array) =>
    p && p.confidence > 0
      ? confident(s, e, askedW, members, { ...give, cutW }, order, p)
      : expected(s, e, askedW, members, { ...give, cutW }, order, p)
  const share = p === undefined || isEmergency || e.extraW > 0 ? 0 : p.reserve
  const reserve = share === 0 ? undefined : drawnShare(members, share, e.seed, 'reserve')
  const sparing = sheds(reserve ? give.cutW.map((w, m) => (reserve[m] === 1 ? 0 : w)) : give.cutW)
  const isNeeded = reserve !== undefined && sparing.missingW > 0
  const fresh = isNeeded ? sheds(give.cutW) : sparing
  const watts = keepCuts(s, e, interval, members, { ...give, order, stays: isNeeded ? undefined : reserve }, fresh.watts, fresh.tally)
  return withIgnoring(e, members, takes, give, order, { watts, missingW: fresh.missingW })
}
/** A reduction as it would be told if nobody had been told one, and how another is counted. */
type Cuts = Allocation & { readonly tally: Tally }

/** By member: the least it can be brought to; what that takes off its draw if it takes part and is not known to ignore; the same for all who once could. */
type Gives = { readonly leastW: Int32Array; readonly cutW: Float64Array; readonly usualW: Float64Array }
function givesOf({ fleet: f }: State, e: EventState, members: Uint32Array, takes: Uint8Array, p: Programme | undefined): Gives {
  const n = members.length
  const floorW = p?.floorW ?? 0
  const leastW = new Int32Array(n)
  const cutW = new Float64Array(n)
  const usualW = new Float64Array(n)
  for (let m = 0; m < n; m++) {
    const i = members[m]!
    leastW[m] = flooredW(f, e, i, floorW)
    const drawsW = knownW(e, i) ?? 0
    if (drawsW < f.minW[i]! / 2 || f.reliability[i] === 0 || (i < e.excluded.length && e.excluded[i] !== 0)) continue
    // a meter may show more than the rated power; no limit takes that away
    usualW[m] = leastW[m]! >= f.maxW[i]! ? 0 : Math.max(0, drawsW - leastW[m]!)
    if (takes[m] === 1 && !isUnmoved(e, i)) cutW[m] = usualW[m]!
  }
  return { leastW, cutW, usualW }
}

function expected(
  { fleet: f }: State,
  e: EventState,
  askedW: number,
  members: Uint32Array,
  { cutW, leastW }: Gives,
  order: Uint32Array,
  p: Programme | undefined,
): Cuts {
  const chance = (m: number) => f.reliability[members[m]!]! / 1000
  const soften = (m: number, missingW: number) => softened(f, e, members[m]!, missingW / chance(m), leastW[m]!)
  const neededW = Math.max(0, askedW * (p?.overCommit ?? 1) + e.extraW)
  const watts = new Int32Array(members.length).fill(UNLIMITED)
  const far = reach(
    order,
    cutW.map((w, m) => w * chance(m)),
    neededW,
  )
  for (let m = 0; m < members.length; m++) if (cutW[m]! > 0 && isBelow(order[m]!, far)) watts[m] = leastW[m]!
  let missingW = far.left
  for (const m of far.inBin) {
    if (missingW <= 0) break
    watts[m] = soften(m, missingW)
    missingW -= chance(m) * (knownW(e, members[m]!)! - watts[m]!)
  }
  // what is planned beyond the ask may lack
  missingW -= Math.max(0, askedW * ((p?.overCommit ?? 1) - 1))
  return { watts, missingW: Math.max(0, Math.ceil(missingW)), tally: meanTally(chance, neededW, soften) }
}
/** The limit that takes `missingW` off what a charger draws, or all that can be had of it, W. */
function softened(f: Fleet, e: EventState, i: number, missingW: number, leastW: number): number {
  // a meter may show more than the rated power; no limit lies above that
  const softW = Math.min(f.maxW[i]!, Math.floor(knownW(e, i)! - missingW))
  return Math.max(softW < f.minW[i]! ? 0 : downW(f, i, softW), leastW)
}
/** Enough is what is to be expected, to half a watt: sums of fractions differ by the order in which they are made. */
function meanTally(chance: (m: number) => number, neededW: number, softenedBy: (m: number, missingW: number) => number): Tally {
  let meanW = 0
  return {
    add: (m, cutW) => (meanW += cutW * chance(m)),
    letGo: (m, cutW) => (meanW -= cutW * chance(m)),
    isMet: () => meanW >= neededW - 0.5,
    limitW: m => softenedBy(m, neededW - meanW),
  }
}

function confident(
  { fleet: f, learned }: State,
  e: EventState,
  askedW: number,
  members: Uint32Array,
  { cutW, usualW, leastW }: Gives,
  order: Uint32Array,
  p: Programme,
): Cuts {
  const chance = Float64Array.from(members, i => f.reliability[i]! / 1000)
  const neededW = Math.max(0, askedW + e.extraW)
  const goal = { neededW, askedW, confidence: p.confidence, meanW: askedW * p.overCommit + e.extraW, seed: e.seed }
  const of = { order, cutW, usualW, chance, ...commonOf(learned, f, members) }
  const { takes, meanW, met } = pick(of, goal)
  const watts = new Int32Array(members.length).fill(UNLIMITED)
  for (let m = 0; m < members.length; m++) if (takes[m] === 1) watts[m] = leastW[m]!
  return {
    watts,
    missingW: Math.max(0, Math.ceil(neededW - meanW)),
    tally: { ...tallyOf(of, goal, met >= p.confidence), limitW: m => leastW[m]! },
  }
}

/** Those who are known to ignore their limit are told all the same, as far as the order has come: nothing is expected of them, and they may yet follow. */
function withIgnoring(
  e: EventState,
  members: Uint32Array,
  takes: Uint8Array,
  { leastW }: Gives,
  order: Uint32Array,
  of: Allocation,
): Allocation {
  if (e.unmoved.length === 0) return of
  let last = of.missingW > 0 ? Infinity : -1
  for (let m = 0; m < members.length; m++) if (of.watts[m] !== UNLIMITED) last = Math.max(last, order[m]!)
  for (let m = 0; m < members.length; m++) if (takes[m] === 1 && isUnmoved(e, members[m]!) && order[m]! <= last) of.watts[m] = leastW[m]!
  return of
}
