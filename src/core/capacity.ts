import { ownDelayS } from './edges.ts'
import { SETTLE_S } from './effect.ts'
import { membersOf } from './members.ts'
import type { Decision, Forecast, Instant, Second, Target, Verification } from './model.ts'
import { type Case, casesOf, chanceOf, type Moments } from './pick.ts'
import { LEAD_S } from './reconcile.ts'
import { commonOf, type Learned } from './reliability.ts'
import { limitAt, UNKNOWN } from './rows.ts'
import { type EventState, firstS, isUp, type State } from './state.ts'
import { chargersUnder, FRESH_MS, freshPowerW, type Latest, leastW, type Standing, standingAt, standings } from './views.ts'

/** A reading that is not of now but of the last hour: the car may be done by now. */
const STALE_MS = 3_600_000
const STILL_DRAWS = 0.5

/**
 * What the targets give within `withinS` if all who may be used are told now, W reduction: from present power, what was learned of each and of its
 * maker or backend, links, consent and opt-outs, and the programme's random window (who waits behind it gives nothing yet; ranks are even, so it is a
 * share). In an emergency nobody waits but a box that does so of itself: pass `isEmergency`. Whoever is in several programmes counts under the one where it stands best.
 */
export function forecast(
  s: State,
  targets: readonly Target[],
  latest: Latest,
  nowMs: Instant,
  withinS: number,
  { freshMs = FRESH_MS, isEmergency = false }: { freshMs?: number; isEmergency?: boolean } = {},
): Forecast {
  const who = chargersUnder(s.fleet, targets)
  const sums = newSums(s, who)
  const programmes = [...s.enrolments].flatMap(([id, basis]) => {
    const p = s.programmes.get(id)
    const spreadS = isEmergency ? 0 : (p?.startSpreadS ?? 0)
    return p && (!isEmergency || p.emergencyAllowed) ? [{ basis, floorW: p.floorW, spreadS }] : []
  })
  const nowS = Math.floor(nowMs / 1000)
  who.forEach((i, m) => {
    const powerW = freshPowerW(latest, i, nowMs, freshMs)
    const best = programmes
      .map(p => ({ p, rank: standings.indexOf(standingAt(s, i, p.basis[i] ?? 0, powerW, nowS)) }))
      .reduce<{ spreadS: number; floorW: number; rank: number }>((a, { p, rank }) => (rank > a.rank ? { ...p, rank } : a), nobody)
    const standing: Standing = standings[best.rank] ?? 'notEnrolled'
    if (standing !== 'drawing' && standing !== 'unknown') return
    const seenW = standing === 'drawing' ? powerW : freshPowerW(latest, i, nowMs, STALE_MS)
    const chance = (s.fleet.reliability[i]! / 1000) * (standing === 'drawing' ? 1 : STILL_DRAWS)
    addTo(
      sums,
      m,
      Math.max(0, seenW - leastW(s.fleet, i, best.floorW)),
      chance,
      windowShare(Math.max(best.spreadS, s.fleet.ownDelayS[i]!), withinS),
    )
  })
  return rangeOf(s.learned, sums)
}
const nobody = { spreadS: 0, floorW: 0, rank: 0 }
const windowShare = (spreadS: number, withinS: number): number => {
  const leftS = withinS - SETTLE_S
  return leftS < 0 ? 0 : leftS >= spreadS ? 1 : leftS / spreadS
}

/**
 * What the plan of an event is expected to take off its targets once all have begun, by what they drew before. Once for each revision, after its plan is
 * made and before anybody can have followed for long; only for an event of one interval, whose delivery is one number.
 */
export function eventForecast(s: State, e: EventState, nowS: Second): Extract<Decision, { kind: 'forecast' }> | undefined {
  const { intervals, test } = e.event
  const isDue = nowS > e.receivedS && nowS >= firstS(e) - LEAD_S - 10 && nowS < Math.min(intervals[0]?.toS ?? 0, e.cancelledS)
  if (e.status !== 'accepted' || e.forecast || test || !isDue || intervals.length !== 1 || e.basisAtS === 0) return undefined
  const who = membersOf(s, e)
  const sums = newSums(s, who)
  const atS = Math.max(nowS, firstS(e) + e.spread.startS)
  who.forEach((i, m) => {
    const limitW = limitOf(s, i, atS)
    const drewW = i < e.basisW.length ? e.basisW[i]! : -1
    if (limitW < 0 || drewW <= limitW || !(isUp(s, i) || s.holds[i] === s.want[i])) return
    addTo(sums, m, drewW - limitW, s.fleet.reliability[i]! / 1000, actingShare(e, i, atS))
  })
  return { kind: 'forecast', event: e.no, revision: e.event.revision, forecast: rangeOf(s.learned, sums) }
}
/** Of the time from `atS`, when the ramp is over, to the event's end: the share that may be expected of a box that waits longer by its own chance. */
function actingShare(e: EventState, i: number, atS: Second): number {
  const ownS = ownDelayS(e, i)
  const lateS = ownS - e.spread.startS
  const lengthS = (e.event.intervals.at(-1)?.toS ?? 0) - atS
  return lateS <= 0 || lengthS <= 0 ? 1 : Math.max(0, 1 - lateS ** 2 / (2 * ownS * lengthS))
}
/** The limit that is wanted of a charger, W; its even share where a box takes one for all; -1: none. */
function limitOf(s: State, i: number, atS: Second): number {
  const { fleet: f } = s
  if (f.limitsAtStation[i] === 0) return s.want[i] === UNKNOWN ? -1 : limitAt(s.rows, s.want[i]!, atS)
  const station = f.station[i]!
  const mine = f.order.subarray(f.nodeFrom[station]!, f.nodeTo[station]!)
  const boxW = limitAt(s.rows, s.want[mine[0]!]!, atS)
  return boxW < 0 ? -1 : boxW / mine.length
}

type Sums = { readonly moments: Moments; readonly group: Uint16Array; readonly common: ReturnType<typeof commonOf>['common'] }
function newSums(s: State, who: Uint32Array): Sums {
  const { group, common } = commonOf(s.learned, s.fleet, who)
  const column = () => new Float64Array(common.outage.length)
  return { moments: { mean: column(), own: column(), root: column() }, group, common }
}
function addTo({ moments, group }: Sums, m: number, cutW: number, chance: number, share: number): void {
  const g = group[m]!
  const spread = chance * (1 - chance)
  moments.mean[g]! += cutW * chance * share
  moments.own[g]! += cutW * cutW * spread * share
  moments.root[g]! += cutW * Math.sqrt(spread) * share
}
function rangeOf(l: Learned, { moments, common }: Sums): Forecast {
  const cases = casesOf(moments, common)
  const p50W = quantile(cases, 0.5)
  const widened = (w: number) => Math.max(0, p50W + l.width * (w - p50W))
  return { p10W: widened(quantile(cases, 0.1)), p50W, p90W: widened(quantile(cases, 0.9)) }
}
/** What is delivered at most with probability p, W. Halving, to a watt. */
function quantile(cases: readonly Case[], p: number): number {
  let [low, high] = [0, Math.max(...cases.map(c => c.meanW + 9 * c.sdW))]
  while (high - low > 1) {
    const mid = (low + high) / 2
    if (1 - chanceOf(cases, mid) < p) low = mid
    else high = mid
  }
  return Math.round((low + high) / 2)
}

export type Score = Forecast & { readonly deliveredW: number; readonly inside: boolean }
type Seen = Pick<Verification, 'verdict' | 'deliveredWh'> & { readonly window: { readonly fromS: Second; readonly toS: Second } }
/** How a forecast did, by the meters; null where the event is not verifiable or has no settled window. */
export function scoreOf(f: Forecast, { verdict, deliveredWh, window }: Seen): Score | null {
  const hours = (window.toS - window.fromS) / 3600
  if (verdict === 'unverifiable' || hours <= 0) return null
  const deliveredW = deliveredWh / hours
  return { ...f, deliveredW, inside: f.p10W <= deliveredW && deliveredW <= f.p90W }
}
