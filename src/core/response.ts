import { allocate, UNLIMITED } from './allocate.ts'
import { escalates, limitedSinceS, SETTLE_S, showsAfterS } from './effect.ts'
import { isByGroup } from './holdOut.ts'
import { membersOf } from './members.ts'
import type { Decision, Input, Interval, Second } from './model.ts'
import { becauseAt, FREE, limitAt, NONE, UNKNOWN } from './rows.ts'
import { type EventState, exclusionOf, firstEndS, firstS, isUp, linkLossOf, ownLastS, type State, termsOf } from './state.ts'
import { yields } from './vacant.ts'
import { waitsToS } from './waits.ts'

/** Observations in a row that must show no effect before a charger counts as unmoved. */
export const STRIKES = 2
/** Not more often than this is the ask grown, so that what was sent can be seen first. */
const AGAIN_AFTER_S = 60
/** Noise of meters and cars, as a share of the ask: inside it nothing is done. */
const DEADBAND = 0.03

export type Observed = Extract<Input, { kind: 'observed' }>

/** The interval of an event that acts at an instant. */
export const intervalAt = (e: EventState, atS: Second): Interval | undefined => e.event.intervals.find(x => x.fromS <= atS && atS < x.toS)

/** Members whose accepted limit shows no effect on the meter, and are not yet known for it. */
export function newlyUnmoved(e: EventState): Uint32Array {
  const out: number[] = []
  for (let i = 0; i < e.strikes.length; i++) if (e.strikes[i]! >= STRIKES && !(i < e.unmoved.length && e.unmoved[i] === 1)) out.push(i)
  return Uint32Array.from(out)
}

/**
 * Members of a running emergency who may be due for its last resort, and whose next reading is asked for instead of being waited for: those whose
 * newest one was a strike, those on a step that may not be the last, and those whose limit should show by now but have given no reading since.
 */
export function suspects(s: State, e: EventState, seen: Observed): number[] {
  const nowS = Math.floor(s.nowMs / 1000)
  if (!escalates(s, e) || !intervalAt(e, nowS) || nowS >= e.cancelledS) return []
  const isOpen = (i: number, k: number): boolean =>
    (e.strikes[i] ?? 0) > 0 || (isUnmoved(e, i) && (e.resort[i] ?? 0) < steps.length) || (seen.powerW[k]! < 0 && isOverdue(i))
  const isOverdue = (i: number): boolean => {
    const sinceS = limitedSinceS(s, e, i, nowS)
    return sinceS <= nowS && sinceS > 0 && becauseAt(s.rows, s.holds[i]!, nowS) === e.no
  }
  return Array.from(seen.who).filter((i, k) => isUp(s, i) && isOpen(i, k))
}

/**
 * What metering says the event lacks: declared once its start has passed, while no edge of it is spread and no command in flight, and at most once a
 * minute. The part that the plan itself makes good, because unmoved chargers no longer count, is not asked for twice, and comes back if it has been
 * before; so does, in reverse order, what was asked for in addition and is no longer lacking. Where the last plan had already used all that there is, no
 * more is asked, or the ask would wind up and hold on to chargers long after the load is back in bounds.
 */
export function shortfall(s: State, e: EventState, seen: Observed, nowS: Second): Extract<Decision, { kind: 'shortfall' }> | undefined {
  const interval = intervalAt(e, nowS)
  // what was read before anybody could follow, the plan's own basis above all, is no response
  const settledS = Math.max(firstS(e) + e.spread.startS, e.basisAtS) + SETTLE_S
  if (!interval || e.cancelledS <= nowS || nowS < settledS) return undefined
  const unmoved = newlyUnmoved(e)
  const tooSoon = nowS < e.lastShortfallS + AGAIN_AFTER_S
  // who ignores an emergency is due for its last resort, however lately something else was found
  if (tooSoon && !(escalates(s, e) && unmoved.length > 0)) return undefined
  // one more look decides who is unmoved: a new limit for everybody now would hide it for half a minute
  const isOpen =
    escalates(s, e) && nowS < settledS + AGAIN_AFTER_S / 2 && e.strikes.some((n, i) => n > 0 && n < STRIKES && !isUnmoved(e, i))
  const isFrozen = tooSoon || isOpen || isMoving(e, interval, nowS) || inFlight(s, seen.who)
  const lackW = isFrozen ? 0 : lackingW(s, e, interval, seen)
  const isMore = lackW > 0 && e.missingW === 0
  const missing = Math.max(-e.extraW, (isMore ? lackW : lackW < 0 ? -spareW(s, seen.who, -lackW) : 0) - madeGoodW(s, e, interval, unmoved))
  if (unmoved.length === 0 && missing === 0) return undefined
  return { kind: 'shortfall', event: e.no, missingW: Math.ceil(missing), unmoved }
}

/** What of a surplus can be let go for certain: chargers come whole, so it may be one more than asked, and the loop must not swing. */
const spareW = ({ fleet: f }: State, who: Uint32Array, surplusW: number): number =>
  Math.max(0, surplusW - who.reduce((w, i) => Math.max(w, f.maxW[i]!), 0))

/** Is an edge of the interval still spread, into it or out of it? Who has not begun is no shortfall. */
function isMoving(e: EventState, { fromS, toS, failsafe }: Interval, nowS: Second): boolean {
  const { startShiftS, startS, endS, endFollowsStart } = e.spread
  const begunS = fromS + (failsafe && !endFollowsStart ? endS : failsafe ? startS : startShiftS + startS)
  return nowS < Math.max(begunS, waitsToS(e)) + SETTLE_S || nowS >= firstEndS(e, toS)
}

/** Sent once and once again without an answer (45 s): in any fleet somebody never answers, and must not keep the rest from making good what is missing. */
const HEARD_WITHIN = 2
/** Whoever is doubted, as after its link came back, is told again in this turn: until then it is as if that were out already. */
const inFlight = (s: State, who: Uint32Array): boolean =>
  who.some(i => isUp(s, i) && s.attempt[i]! < HEARD_WITHIN && (s.pending[i] !== NONE || (s.holds[i] === UNKNOWN && s.want[i] !== FREE)))

/**
 * Watts between what was asked of the targets and what their meters show, negative where they show more than was asked; 0 inside the deadband, and
 * where the ask is about each charger alone. Who has no reading of now counts as the plan counts it, and may do otherwise: the deadband is as much wider as
 * that makes the sum uncertain (one standard deviation), so a meter that is silent or late is no reason to ask for more or to let go.
 */
function lackingW(s: State, e: EventState, interval: Interval, seen: Observed): number {
  const { ask } = interval
  const enough = termsOf(s, e)?.shortfallBelow ?? 0.95
  if (ask.kind === 'shed') {
    let cutW = 0
    // what the control group does is no delivery, of either sign
    const isByControl = isByGroup(e.ruleset)
    seen.who.forEach((i, k) => {
      if (isByControl && exclusionOf(e, i) === 'heldOut') return
      const before = basisOf(e, i)
      if (before >= 0) cutW += seen.powerW[k]! >= 0 ? before - seen.powerW[k]! : hopedW(s, e, i)
    })
    const sdW = unseenSdW(s, e, seen)
    return cutW + sdW >= ask.totalW * enough && cutW - sdW <= ask.totalW * (1 + DEADBAND) ? 0 : ask.totalW - cutW
  }
  if (ask.kind === 'cap') {
    let loadW = 0
    const followsW = yields(e, termsOf(s, e)) ? followingW(s, e) : undefined
    seen.who.forEach((i, k) => {
      const w = seen.powerW[k]!
      loadW += w < 0 ? unmeteredW(s, e, i) : (followsW?.(i, w) ?? w)
    })
    return Math.abs(loadW - ask.totalW) <= ask.totalW * DEADBAND + unseenSdW(s, e, seen) ? 0 : loadW - ask.totalW
  }
  return 0
}
/**
 * Where shares change with every car, the meter of one who was just told less shows what it drew before: that is no excess, or each arrival would wind up the
 * ask. It counts with what it was told.
 */
function followingW(s: State, e: EventState): (i: number, w: number) => number {
  const nowS = Math.floor(s.nowMs / 1000)
  return (i, w) => {
    const limitW = nowS < s.sentS[i]! + showsAfterS(s, e, i) ? heldW(s, i) : -1
    return limitW < 0 ? w : Math.min(w, limitW)
  }
}
/** How far those without a reading may be from what is counted on, W: each obeys by its own chance, or not at all. */
function unseenSdW(s: State, e: EventState, seen: Observed): number {
  let variance = 0
  seen.who.forEach((i, k) => {
    const limitW = seen.powerW[k]! >= 0 || isUnmoved(e, i) ? -1 : heldW(s, i)
    if (limitW < 0) return
    const r = s.fleet.reliability[i]! / 1000
    variance += r * (1 - r) * Math.max(0, freeW(s, e, i) - limitW) ** 2
  })
  return Math.sqrt(variance)
}
const basisOf = (e: EventState, i: number): number => (i < e.basisW.length ? e.basisW[i]! : -1)
const isUnmoved = (e: EventState, i: number): boolean => i < e.unmoved.length && e.unmoved[i] === 1
/**
 * The limit that a charger counts as holding, W; -1 for none. Out of reach it counts by what it was sent last, answered or not, as in a plan; one that
 * does as it likes without its link holds nothing then.
 */
function heldW(s: State, i: number): number {
  if (!isUp(s, i) && linkLossOf(s.fleet, i) !== 'holds') return -1
  const sent = isUp(s, i) || s.pending[i] === NONE ? s.holds[i]! : s.pending[i]!
  return limitAt(s.rows, sent, Math.floor(s.nowMs / 1000))
}

/** The cut that may be hoped of a charger under the limit that it holds, W. */
function hopedW(s: State, e: EventState, i: number): number {
  const limitW = heldW(s, i)
  if (limitW < 0 || isUnmoved(e, i)) return 0
  return (s.fleet.reliability[i]! / 1000) * Math.max(0, basisOf(e, i) - limitW)
}
/** The load of a charger without a reading: what it may draw, or drew before. */
function unmeteredW(s: State, e: EventState, i: number): number {
  const limitW = isUnmoved(e, i) ? -1 : heldW(s, i)
  return limitW < 0 ? freeW(s, e, i) : Math.min(freeW(s, e, i), limitW)
}
const freeW = (s: State, e: EventState, i: number): number => (basisOf(e, i) >= 0 ? basisOf(e, i) : s.fleet.maxW[i]!)

/** What the next plan finds elsewhere because these no longer count: a shed had hoped for its share of them, a cap had trusted them wholly. */
function madeGoodW(s: State, e: EventState, { ask }: Interval, who: Uint32Array): number {
  let sumW = 0
  for (const i of who) {
    const limitW = heldW(s, i)
    if (limitW < 0) continue
    sumW += ask.kind === 'cap' ? Math.max(0, freeW(s, e, i) - limitW) : hopedW(s, e, i)
  }
  return sumW
}

const steps = ['zero', 'stop', 'disable'] as const
/**
 * The last resort of an emergency, for chargers that accepted and that the meter shows unmoved: 0 A, then the session is stopped, then the EVSE is
 * disabled, one step per proof; only where the programme allows it. After the event whoever was disabled is enabled again.
 */
export function lastResorts(s: State, e: EventState, nowS: Second): Extract<Decision, { kind: 'lastResort' }>[] {
  const disabled = chargersAt(e, 3)
  if (disabled.length > 0 && e.status !== 'accepted') return [{ kind: 'lastResort', event: e.no, step: 'enable', who: disabled }]
  if (disabled.length > 0 && nowS >= Math.min(ownLastS(e), e.cancelledS))
    return [{ kind: 'lastResort', event: e.no, step: 'enable', who: disabled }]
  if (!escalates(s, e) || !intervalAt(e, nowS)) return []
  return steps.flatMap((step, level) => {
    const who: number[] = []
    for (let i = 0; i < e.unmoved.length; i++)
      if (e.unmoved[i] === 1 && (e.strikes[i] ?? 0) >= STRIKES && (e.resort[i] ?? 0) === level) who.push(i)
    return who.length === 0 ? [] : [{ kind: 'lastResort' as const, event: e.no, step, who: Uint32Array.from(who) }]
  })
}
function chargersAt(e: EventState, step: number): Uint32Array {
  const out: number[] = []
  for (let i = 0; i < e.resort.length; i++) if (e.resort[i] === step) out.push(i)
  return Uint32Array.from(out)
}

/** Live figures of an event: what it asks of its targets now, what they drew before, what they draw. W; null where unknown. */
export function figures(s: State, e: EventState, powerW: (charger: number) => number | null, nowS: Second) {
  const interval = intervalAt(e, nowS)
  const members = membersOf(s, e)
  let baselineW = 0
  let measuredW = 0
  let metered = 0
  for (const i of members) {
    const before = i < e.basisW.length ? e.basisW[i]! : -1
    const now = powerW(i)
    if (before > 0) baselineW += before
    if (now === null) continue
    measuredW += now
    metered++
  }
  return {
    baselineW: e.basisAtS > 0 ? baselineW : null,
    measuredW: metered > 0 ? measuredW : null,
    targetW: targetW(s, e, interval, members, baselineW),
    metered,
  }
}
/** The load that the targets may have, W; null while nothing is asked or the baseline is not known. */
function targetW(s: State, e: EventState, interval: Interval | undefined, members: Uint32Array, baselineW: number): number | null {
  if (!interval || e.basisAtS === 0) return null
  const { ask } = interval
  if (ask.kind === 'cap') return ask.totalW
  if (ask.kind === 'shed') return Math.max(0, baselineW - ask.totalW)
  const { watts } = allocate(s, e, interval, members)
  let sumW = 0
  members.forEach((i, m) => {
    const before = i < e.basisW.length ? Math.max(0, e.basisW[i]!) : 0
    sumW += watts[m] === UNLIMITED ? before : Math.min(before, watts[m]!)
  })
  return sumW
}
