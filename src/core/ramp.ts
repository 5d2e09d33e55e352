import { ownDelayS, spanFromS, spanToS } from './edges.ts'
import { heldToS } from './held.ts'
import { ranksFor, spansOf } from './late.ts'
import { type Alarm, type ChargerNo, type Decision, type Interval, NEVER_S, type NodeNo, type Second, type Spread } from './model.ts'
import { MAX_RAMP_S, MAX_SPREAD_S } from './spread.ts'
import { type EventState, exclusionOf, type Fleet, firstS, lastS, mayHold, type State } from './state.ts'

/*
 * Bounds of the network: so many watts a minute, under a node or under all, may be cut by routine events, and so many may come back by whatever event.
 * What a charger moves is counted as the most that it can: its rated power less what it keeps, whatever it draws now. So a schedule that is within a
 * bound when it is made is within it whoever is plugged in then. An emergency's cut is exempt; its restore is not.
 */

/** In `State.bounds`: the whole bridge. */
export const EVERYWHERE = -1
export const WINDOW_S = 60
/** An end waits for others in steps of this. */
const STEP_S = 30

/** Watts that move in each second from `loS` on. */
type Profile = { readonly downW: Float64Array; readonly upW: Float64Array; fromS: Second; toS: Second }
type Under = {
  readonly perMinuteW: number
  /** Chargers of the event under the node, and their largest power: one at a time may always move. */
  readonly who: Uint32Array
  readonly mostW: number
  readonly sumW: number
  readonly others: Profile
}

/**
 * The spread with which an event keeps to the bounds, together with all that are accepted: its start widened as far as its programme may (`widen`,
 * undefined where the window is the source's own, `begun` where the start has passed and what changes is eased in, see ease.ts), no later than `MAX_SPREAD_S` or its own duration allow; its end widened, or begun later where
 * others are coming back. Undefined where its start cannot. An end that finds no room within `MAX_RAMP_S` is as wide as that.
 */
export function withinBounds(
  s: State,
  e: EventState,
  base: Spread,
  widen: ((startS: number) => Spread) | undefined | 'begun',
  nowS: Second,
): Spread | undefined {
  const { intervals } = e.event
  const [first, last] = [intervals[0], intervals.at(-1)]
  if (s.bounds.size === 0 || !first || !last) return base
  const loS = Math.min(nowS, first.fromS) - 2 * MAX_SPREAD_S
  const hiS = (last.toS === NEVER_S ? last.fromS : last.toS) + 2 * MAX_RAMP_S
  const nodes = nodesUnder(s, e, loS, hiS)
  if (nodes.length === 0) return base
  const begun = widen === 'begun' || e.event.class === 'emergency' ? base : startWithin(s, e, base, widen, nodes, loS, hiS)
  if (!begun || last.toS === NEVER_S) return begun
  if (e.event.class !== 'emergency') for (const n of nodes) addMoves(s, { ...e, spread: begun }, n.who, n.others, loS, startMoves)
  return endWithin(s, e, begun, nodes, loS, hiS)
}

function startWithin(
  s: State,
  e: EventState,
  base: Spread,
  widen: ((startS: number) => Spread) | undefined,
  nodes: readonly Under[],
  loS: Second,
  hiS: Second,
): Spread | undefined {
  const own = (spread: Spread) => profiles(s, { ...e, spread }, nodes, loS, hiS, startMoves)
  const fits = (spread: Spread, alone = false) => isWithin(own(spread), nodes, 0, alone)
  if (fits(base)) return base
  if (!widen) return undefined
  const lengthS = (e.event.intervals.at(-1)?.toS ?? 0) - (e.event.intervals[0]?.fromS ?? 0)
  const mostS = Math.min(MAX_SPREAD_S, lengthS)
  const leastS = widths(base.startS, nodes, mostS).find(startS => fits(widen(startS), true))
  if (leastS === undefined) return undefined
  for (const startS of [leastS, Math.floor(1.5 * leastS), 2 * leastS, mostS])
    if (startS <= mostS && fits(widen(startS))) return widen(startS)
  const profile = own(widen(leastS))
  for (let byS = STEP_S; byS + leastS <= mostS; byS += STEP_S)
    if (isWithin(profile, nodes, byS)) return { ...widen(leastS), startShiftS: widen(leastS).startShiftS + byS }
  return undefined
}

function endWithin(s: State, e: EventState, begun: Spread, nodes: readonly Under[], loS: Second, hiS: Second): Spread {
  const own = (spread: Spread) => profiles(s, { ...e, spread }, nodes, loS, hiS, endMoves)
  if (isWithin(own(begun), nodes, 0)) return begun
  const wide = (endS: number): Spread => ({ ...begun, endS, endFollowsStart: false })
  return slowest(begun.endS, nodes, wide, own, (endS, byS) => ({ ...wide(endS), endShiftS: begun.endShiftS + byS }))
}

/** The narrowest way back that keeps to the bounds, in turn with others. */
function slowest(
  baseS: number,
  nodes: readonly Under[],
  wide: (endS: number) => Spread,
  own: (spread: Spread) => Profile[],
  later: (endS: number, byS: number) => Spread,
): Spread {
  const leastS = widths(baseS, nodes, MAX_RAMP_S).find(endS => isWithin(own(wide(endS)), nodes, 0, true)) ?? MAX_RAMP_S
  for (const endS of [leastS, Math.floor(1.5 * leastS), 2 * leastS]) {
    if (endS <= MAX_RAMP_S && isWithin(own(wide(endS)), nodes, 0)) return wide(endS)
  }
  const profile = own(wide(leastS))
  for (let byS = STEP_S; byS <= MAX_RAMP_S; byS += STEP_S) if (isWithin(profile, nodes, byS)) return later(leastS, byS)
  return wide(MAX_RAMP_S)
}

/** Spreads to try: the one wanted, then from the least that could do on. */
function widths(baseS: number, nodes: readonly Under[], mostS: number): number[] {
  const ideal = nodes.map(n => Math.ceil((WINDOW_S * n.sumW) / Math.max(1, n.perMinuteW)))
  const out = [baseS]
  for (let x = Math.max(baseS + 1, ...ideal.map(t => Math.min(t, mostS))); x < mostS; x = Math.ceil(x * 1.04) + 2) out.push(x)
  out.push(mostS)
  return out.filter(x => x <= mostS)
}

/**
 * A cancellation comes unannounced, and what it lets go may meet what comes back anyway: so it is spread anew, and may have to wait. At once is not
 * possible under a bound. Undefined where its own spread will do, and where a level cap lets its chargers in.
 */
export function pacedCancel(s: State, e: EventState, nowS: Second): Extract<Decision, { kind: 'paced' }> | undefined {
  const isNew = e.cancelledS === nowS && e.status === 'accepted' && !e.event.test && e.spread.releaseShiftS === undefined
  if (s.bounds.size === 0 || !isNew || firstS(e) >= nowS || mayHold(e)) return undefined
  const loS = nowS - 2 * MAX_SPREAD_S
  const hiS = nowS + 3 * MAX_RAMP_S
  const nodes = nodesUnder(s, e, loS, hiS)
  if (nodes.length === 0) return undefined
  if (isWithin(profiles(s, e, nodes, loS, hiS, endMoves), nodes, 0)) return undefined
  const drawn = ranksFor(s.fleet, spansOf(s.fleet, membersIn(s, e, rangeOf(s.fleet, EVERYWHERE))), e.seed, 'end', e.endRank)
  const endRank = drawn.length > 0 ? drawn : e.endRank
  const event = { ...e.event, stopAtOnce: false }
  const own = (spread: Spread) => profiles(s, { ...e, spread, event, endRank }, nodes, loS, hiS, endMoves)
  const wide = (endS: number): Spread => ({ ...e.spread, endS, endFollowsStart: false })
  const spread = slowest(e.event.stopAtOnce ? 0 : e.spread.endS, nodes, wide, own, (endS, byS) => ({ ...wide(endS), releaseShiftS: byS }))
  return { kind: 'paced', event: e.no, endS: spread.endS, shiftS: spread.releaseShiftS ?? 0, endRank: drawn }
}
export function applyPaced(s: State, fact: Extract<Decision, { kind: 'paced' }>): void {
  const e = s.events.get(fact.event)
  if (!e) return
  e.spread = { ...e.spread, endS: fact.endS, releaseShiftS: fact.shiftS, endFollowsStart: false }
  if (fact.endRank.length > 0) e.endRank = fact.endRank
  if (e.event.stopAtOnce) e.event = { ...e.event, stopAtOnce: false }
}

/** A bound was passed, see `passedBound`. */
export function applyPassed(s: State, alarm: Alarm, nowS: Second): void {
  const node = alarm.nodes[0] ?? EVERYWHERE
  const bound = s.bounds.get(node)
  if (alarm.what === 'rampPassed' && bound) s.bounds.set(node, { ...bound, saidS: nowS })
}

/** Those of `who`, in their order, whom a level cap may let in now without too much in a minute; one at a time always. */
export function admissible(s: State, who: readonly ChargerNo[], nowS: Second): ChargerNo[] {
  if (s.bounds.size === 0 || who.length === 0) return [...who]
  const rooms = [...s.bounds].map(([node, { wPerMinute }]) => ({
    ...rangeOf(s.fleet, node),
    leftW: wPerMinute - movingW(s, node, nowS),
    wPerMinute,
  }))
  const out: ChargerNo[] = []
  for (const i of who) {
    const at = s.fleet.position[i]!
    const above = rooms.filter(r => r.from <= at && at < r.to)
    if (above.some(r => s.fleet.maxW[i]! > r.leftW && r.leftW < r.wPerMinute)) break
    for (const r of above) r.leftW -= s.fleet.maxW[i]!
    out.push(i)
  }
  return out
}
/** What is let go under a node within a minute of now, let in or by schedule, W. */
function movingW(s: State, node: NodeNo | -1, nowS: Second): number {
  const range = rangeOf(s.fleet, node)
  let sumW = 0
  const profile = newProfile(2 * WINDOW_S)
  for (const e of acting(s, nowS - WINDOW_S)) {
    const members = membersIn(s, e, range)
    for (const i of members) {
      const atS = e.restore?.admittedS[i] ?? 0
      if (atS > nowS - WINDOW_S && atS <= nowS) sumW += s.fleet.maxW[i]!
    }
    addMoves(s, e, members, profile, nowS - WINDOW_S, (x, i, put) => {
      if ((x.restore?.admittedS[i] ?? 0) === 0) endMoves(x, i, put, s)
    })
  }
  return sumW + profile.upW.reduce((a, w) => a + w, 0)
}

/** Would an emergency cut more than a routine event may in a minute, by what those who may be used were last seen to draw? */
export function cutsBeyondBound(s: State, e: EventState): boolean {
  for (const [node, { wPerMinute }] of s.bounds) {
    let sumW = 0
    for (const i of membersIn(s, e, rangeOf(s.fleet, node))) sumW += (e.basisW[i] ?? -1) >= 0 ? e.basisW[i]! : s.fleet.maxW[i]!
    if (sumW > wPerMinute) return true
  }
  return false
}

// ---- what moves when -----------------------------------------------------------------------------------------------

type Put = (atS: Second, downW: number, upW: number) => void
type Moves = (e: EventState, i: ChargerNo, put: Put, s: State) => void

/** When a charger counts as moving that is told to at `atS`: its box may wait by chance, so those that do are counted evenly over their own delay. */
const movesS = (e: EventState, i: ChargerNo, atS: Second): Second => {
  const ownS = ownDelayS(e, i)
  return ownS === 0 ? atS : atS + Math.floor(((i * GOLDEN) % 1) * (ownS + 1))
}
const GOLDEN = 0.618033988749895

/** The start, and edges between intervals; none of an emergency. What a cap or a shed leaves each may be anything. */
const startMoves: Moves = (e, i, put, s) => {
  if (e.event.class === 'emergency') return
  const { intervals } = e.event
  intervals.forEach((interval, k) => {
    if (spanFromS(e, k, i) >= e.cancelledS) return
    const before = intervals[k - 1]
    const isEdge = before !== undefined && before.toS === interval.fromS
    const was = isEdge ? rangeW(s.fleet, i, before) : freeW(s.fleet, i)
    const is = rangeW(s.fleet, i, interval)
    put(movesS(e, i, spanFromS(e, k, i)), Math.max(0, was.mostW - is.leastW), isEdge ? Math.max(0, is.mostW - was.leastW) : 0)
    const next = intervals[k + 1]
    if (next && next.fromS !== interval.toS) put(movesS(e, i, spanToS(e, k, i)), 0, s.fleet.maxW[i]! - is.leastW)
  })
}
/** The way back, as scheduled. */
const endMoves: Moves = (e, i, put, s) => {
  const k = e.event.intervals.length - 1
  const toS = mayHold(e) ? heldToS(s, e, i) : endOf(e, k, i)
  const interval = e.event.intervals[k]
  if (interval && toS > 0 && toS !== NEVER_S) put(movesS(e, i, toS), 0, s.fleet.maxW[i]! - leastW(s.fleet, i, e.event.intervals))
}
/** In whichever interval a cancellation finds the charger. */
function endOf(e: EventState, k: number, i: ChargerNo): Second {
  if (e.cancelledS === NEVER_S) return spanToS(e, k, i)
  for (let x = k; x >= 0; x--) {
    const toS = spanToS(e, x, i)
    if (toS > 0) return toS
  }
  return 0
}
const freeW = (f: Fleet, i: ChargerNo) => ({ leastW: f.maxW[i]!, mostW: f.maxW[i]! })
function rangeW(f: Fleet, i: ChargerNo, { ask }: Interval): { leastW: number; mostW: number } {
  const maxW = f.maxW[i]!
  if (ask.kind === 'cap' || ask.kind === 'shed') return { leastW: 0, mostW: maxW }
  const askedW =
    ask.kind === 'off'
      ? 0
      : ask.kind === 'keep'
        ? maxW * ask.fraction
        : 'limitW' in ask
          ? ask.limitW
          : ask.limitA * f.phases[i]! * f.voltageV[i]!
  const stepW = Math.max(f.stepW[i]!, 1)
  const w = askedW >= maxW ? maxW : askedW < f.minW[i]! ? f.leastW[i]! : Math.max(f.minW[i]!, askedW - stepW)
  return { leastW: Math.min(w, maxW), mostW: ask.kind === 'keep' ? maxW : Math.min(maxW, Math.max(w + stepW, f.leastW[i]!)) }
}
const leastW = (f: Fleet, i: ChargerNo, intervals: readonly Interval[]): number =>
  intervals.reduce((w, interval) => Math.min(w, rangeW(f, i, interval).leastW), f.maxW[i]!)

const newProfile = (lengthS: number): Profile => ({
  downW: new Float64Array(lengthS),
  upW: new Float64Array(lengthS),
  fromS: lengthS,
  toS: 0,
})
function addMoves(s: State, e: EventState, who: Uint32Array, into: Profile, loS: Second, moves: Moves): void {
  const put: Put = (atS, downW, upW) => {
    const t = atS - loS
    if (t < 0 || t >= into.upW.length || downW + upW === 0) return
    into.downW[t]! += downW
    into.upW[t]! += upW
    into.fromS = Math.min(into.fromS, t)
    into.toS = Math.max(into.toS, t)
  }
  for (const i of who) moves(e, i, put, s)
}
function profiles(s: State, e: EventState, nodes: readonly Under[], loS: Second, hiS: Second, moves: Moves): Profile[] {
  return nodes.map(n => {
    const out = newProfile(hiS - loS)
    addMoves(s, e, n.who, out, loS, moves)
    return out
  })
}
/** Is every minute in which it moves, `byS` later, within the bound of each node? `alone`: others are left out. */
function isWithin(own: readonly Profile[], nodes: readonly Under[], byS: number, alone = false): boolean {
  return nodes.every((n, k) => {
    const mostW = Math.max(n.perMinuteW, n.mostW)
    return (['downW', 'upW'] as const).every(way => isWithinWay(own[k]!, n.others, way, byS, mostW, alone))
  })
}
function isWithinWay(own: Profile, others: Profile, way: 'downW' | 'upW', byS: number, mostW: number, alone: boolean): boolean {
  let [mine, all] = [0, 0]
  const mineAt = (t: number) => own[way][t - byS] ?? 0
  const allAt = (t: number) => mineAt(t) + (alone ? 0 : (others[way][t] ?? 0))
  for (let t = own.fromS + byS - WINDOW_S; t < own.toS + byS + WINDOW_S; t++) {
    mine += mineAt(t) - mineAt(t - WINDOW_S)
    all += allAt(t) - (t - WINDOW_S >= own.fromS + byS - WINDOW_S ? allAt(t - WINDOW_S) : 0)
    if (mine > 0.5 && all > mostW + 0.5) return false
  }
  return true
}

// ---- who is under what ---------------------------------------------------------------------------------------------

export const rangeOf = (f: Fleet, node: NodeNo | -1): { from: number; to: number } =>
  node === EVERYWHERE ? { from: 0, to: f.chargers } : node < f.nodes ? { from: f.nodeFrom[node]!, to: f.nodeTo[node]! } : { from: 0, to: 0 }

function membersIn({ fleet: f }: State, e: EventState, range: { from: number; to: number }): Uint32Array {
  const out: number[] = []
  const seen = new Set<number>()
  for (const t of e.event.targets) {
    const own =
      t.kind === 'node'
        ? rangeOf(f, t.node)
        : t.charger < f.chargers
          ? { from: f.position[t.charger]!, to: f.position[t.charger]! + 1 }
          : null
    if (!own || (t.kind === 'node' && t.node < 0)) continue
    for (let p = Math.max(own.from, range.from); p < Math.min(own.to, range.to); p++) {
      const i = f.order[p]!
      if (exclusionOf(e, i) !== null || (e.event.targets.length > 1 && seen.has(i))) continue
      if (e.event.targets.length > 1) seen.add(i)
      out.push(i)
    }
  }
  return Uint32Array.from(out)
}
/** Accepted events with anything still to move. */
const acting = (s: State, afterS: Second): EventState[] =>
  [...s.events.values()].filter(x => x.status === 'accepted' && !x.event.test && x.event.intervals.length > 0 && lastS(x) >= afterS)

function nodesUnder(s: State, e: EventState, loS: Second, hiS: Second): Under[] {
  const rivals = acting(s, loS).filter(x => x.no !== e.no)
  return [...s.bounds].flatMap(([node, { wPerMinute }]) => {
    const range = rangeOf(s.fleet, node)
    const who = membersIn(s, e, range)
    if (who.length === 0) return []
    const others = newProfile(hiS - loS)
    for (const x of rivals) {
      const members = membersIn(s, x, range)
      addMoves(s, x, members, others, loS, startMoves)
      addMoves(s, x, members, others, loS, endMoves)
    }
    let [mostW, sumW] = [0, 0]
    for (const i of who) {
      mostW = Math.max(mostW, s.fleet.maxW[i]!)
      sumW += s.fleet.maxW[i]!
    }
    return [{ perMinuteW: wPerMinute, who, mostW, sumW, others }]
  })
}
