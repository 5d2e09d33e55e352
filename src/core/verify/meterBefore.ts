import { allocate, UNLIMITED } from '../allocate.ts'
import { membersOf } from '../apply.ts'
import { scoreOf } from '../capacity.ts'
import { spanFromS, spanToS } from '../edges.ts'
import { isAbove, SETTLE_S, showsAfterS } from '../effect.ts'
import { type Range, rangesOf } from '../members.ts'
import {
  chargerVerdicts,
  type Decision,
  type Interval,
  type NonResponse,
  nonResponses,
  type Readings,
  type Second,
  type Verdict,
} from '../model.ts'
import { askedUntilS } from '../silence.ts'
import {
  answerOf,
  type EventState,
  exclusionOf,
  firstEndS,
  firstS,
  isOptedOut,
  isUp,
  lastS,
  linkLossOf,
  ownLastS,
  type State,
} from '../state.ts'
import { toldIn } from '../told.ts'

/** The baseline is each charger's mean power in this stretch before the event (meter before / meter after: ERCOT MBMA, GB flexibility "meter-before"). */
export const BASELINE_S = 300
/** How far back an undisturbed stretch is looked for. */
const LOOK_BACK_S = 7_200
/** Below this share of metered charger-time nothing is said about the event. */
const MIN_COVERAGE = 0.8
/** A charger that does as it likes without the link, and was heard for less of the window, is a lost response. */
const MIN_HEARD = 0.9
const DELIVERED_FROM = 0.95
const PARTIAL_FROM = 0.5

type Verified = Extract<Decision, { kind: 'verified' }>
type Window = { readonly fromS: Second; readonly toS: Second }

/** The settled part of an event: after its start has been spread, until its end begins, or its source fell silent and its failsafe took over. */
export function settledWindow(e: EventState): Window {
  const first = e.event.intervals[0]
  const last = e.event.intervals.at(-1)
  const fromS = (first?.fromS ?? 0) + e.spread.startShiftS + e.spread.startS
  const toS = Math.min(firstEndS(e, last?.toS ?? 0), e.cancelledS, askedUntilS(e))
  return { fromS, toS: Math.max(fromS, toS) }
}
/**
 * Where the baseline is read: the last five minutes before the event in which no other event acted on its targets, restore included. An
 * event that limits through the whole of it and beyond this one's end does not count: what it cuts would be cut without this one too, and is not
 * credited twice. Meter-before stands for now, so it is looked for no more than two hours back; an empty window then makes the event unverifiable,
 * which is the truth.
 */
export function baselineWindow(s: State, e: EventState): Window {
  const untilS = Math.max(Math.min(firstS(e), e.cancelledS), 0)
  const mine = rangesOf(s.fleet, e.event.targets)
  const others = [...s.events.values()].filter(x => x.no !== e.no && acted(x) && overlaps(mine, rangesOf(s.fleet, x.event.targets)))
  let toS = untilS
  const endS = lastS(e)
  for (let other = disturbing(others, toS, endS); other; other = disturbing(others, toS, endS)) {
    toS = firstS(other)
    if (untilS - toS > LOOK_BACK_S) return { fromS: untilS, toS: untilS }
  }
  return { fromS: toS - BASELINE_S, toS }
}
const acted = (x: EventState): boolean => x.status === 'accepted' && !x.event.test && x.cancelledS > firstS(x)
const disturbing = (others: readonly EventState[], toS: Second, endS: Second): EventState | undefined =>
  others.find(x => firstS(x) < toS && lastS(x) + SETTLE_S > toS - BASELINE_S && !isSteady(x, toS - BASELINE_S, endS))
const isSteady = (x: EventState, fromS: Second, endS: Second): boolean =>
  firstS(x) + x.spread.startS + SETTLE_S <= fromS && Math.min(firstEndS(x, x.event.intervals.at(-1)?.toS ?? 0), x.cancelledS) >= endS
const overlaps = (a: readonly Range[], b: readonly Range[]): boolean => a.some(x => b.some(y => x.from < y.to && y.from < x.to))

/**
 * Did the load fall? From meters alone, over the settled window: asked and delivered energy against the meter-before baseline, and for each charger
 * whether its readings kept its limit. A charger without readings is no data, never a number; too little data makes the whole unverifiable. Where a
 * charger that does not keep its limit without the link was not heard, nothing was delivered: it counts at its baseline.
 * Not compliant: reading x (1 - 0.1) > limit in two intervals, or in the only one. The settlement-grade rules come with their own rulesets.
 */
export function verify(s: State, e: EventState, readings: Readings): Verified {
  const window = settledWindow(e)
  const before = baselineWindow(s, e)
  const members = membersOf(s, e)
  const index = byCharger(readings)
  const limits = limitsOf(s, e, members, window)
  const who: number[] = []
  const verdict: number[] = []
  const cause: number[] = []
  const counts = { compliant: 0, notCompliant: 0, noData: 0, notCommanded: 0 }
  const causes: Partial<Record<NonResponse, number>> = {}
  const sums = { askedWh: 0, baselineWh: 0, actualWh: 0, coveredS: 0, drawing: 0 }
  const hours = (window.toS - window.fromS) / 3600
  members.forEach((i, m) => {
    const mine = index.get(i) ?? []
    const baseline = meanW(readings, mine, before)
    const actual = meanW(readings, mine, window)
    const covered = actual.seconds
    if (baseline.meanW !== null && (actual.meanW !== null || resumes(s, i))) {
      const heard = resumes(s, i) ? Math.min(1, covered / Math.max(1, window.toS - window.fromS)) : 1
      sums.baselineWh += baseline.meanW * hours
      sums.actualWh += ((actual.meanW ?? 0) * heard + baseline.meanW * (1 - heard)) * hours
      sums.coveredS += covered
    } else if (baseline.meanW === null && actual.meanW !== null) sums.actualWh += actual.meanW * hours
    const commanded = limits[m]!.some(x => x.limitW !== UNLIMITED)
    if (commanded || (baseline.meanW ?? 0) > 0) sums.drawing++
    const isLost = commanded && resumes(s, i) && covered < (window.toS - window.fromS) * MIN_HEARD
    const judged = !commanded ? 'notCommanded' : isLost ? 'notCompliant' : complianceOf(readings, mine, limits[m]!)
    counts[judged]++
    const isIdle = judged === 'compliant' && (baseline.meanW ?? 0) < s.fleet.minW[i]! / 2
    const why = isLost ? 'resumedOnLinkLoss' : isIdle ? 'idle' : whyNot(s, e, i, judged)
    if (why !== 'none' && why !== 'idle') causes[why] = (causes[why] ?? 0) + 1
    who.push(i)
    verdict.push(chargerVerdicts.indexOf(judged))
    cause.push(nonResponses.indexOf(why))
    sums.askedWh += askedOfEachWh(e, limits[m]!, baseline.meanW)
  })
  const askedWh = askedOfAllWh(e, window, sums.baselineWh) ?? sums.askedWh
  const deliveredWh = sums.baselineWh - sums.actualWh
  const coverage = sums.drawing === 0 || hours === 0 ? 0 : Math.min(1, sums.coveredS / (sums.drawing * (window.toS - window.fromS)))
  const ratio = askedWh > 0 ? deliveredWh / askedWh : null
  const verdictOfAll = verdictOf(e, coverage, ratio, sums.actualWh, window, counts)
  return {
    kind: 'verified',
    who: Uint32Array.from(who),
    verdict: Uint8Array.from(verdict),
    cause: Uint8Array.from(cause),
    verification: {
      event: e.no,
      revision: e.event.revision,
      verdict: verdictOfAll,
      askedWh,
      baselineWh: sums.baselineWh,
      actualWh: sums.actualWh,
      deliveredWh,
      ratio: coverage < MIN_COVERAGE ? null : ratio,
      coverage,
      baselineRule: 'meterBefore-1',
      window: { fromS: window.fromS, toS: window.toS, baselineFromS: before.fromS, baselineToS: before.toS },
      counts,
      causes,
      ...(e.forecast ? { forecast: scoreOf(e.forecast, { verdict: verdictOfAll, deliveredWh, window }) } : {}),
    },
  }
}

const resumes = (s: State, i: number): boolean => linkLossOf(s.fleet, i) !== 'holds'

/** Where no energy was asked, those who were told a limit decide: that nobody was, or nobody was seen, is no delivery. */
function verdictOf(
  e: EventState,
  coverage: number,
  ratio: number | null,
  actualWh: number,
  { fromS, toS }: Window,
  counts: Verified['verification']['counts'],
): Verdict {
  if (coverage < MIN_COVERAGE || toS <= fromS) return 'unverifiable'
  const caps = e.event.intervals.filter(x => x.ask.kind === 'cap')
  if (caps.length === e.event.intervals.length && actualWh <= energyWh(e, { fromS, toS }, ask => (ask.kind === 'cap' ? ask.totalW : 0)))
    return 'delivered'
  if (ratio === null) return counts.notCompliant > 0 ? 'missed' : counts.compliant > 0 ? 'delivered' : 'unverifiable'
  if (ratio >= DELIVERED_FROM) return 'delivered'
  return ratio >= PARTIAL_FROM ? 'partial' : 'missed'
}

/** For asks about the targets as a whole; null for asks about each charger. */
function askedOfAllWh(e: EventState, window: Window, baselineWh: number): number | null {
  const kinds = new Set(e.event.intervals.map(x => x.ask.kind))
  if (kinds.size !== 1) return kinds.has('cap') || kinds.has('shed') ? mixedWh(e, window, baselineWh) : null
  if (kinds.has('shed')) return energyWh(e, window, ask => (ask.kind === 'shed' ? ask.totalW : 0))
  if (kinds.has('cap')) return Math.max(0, baselineWh - energyWh(e, window, ask => (ask.kind === 'cap' ? ask.totalW : 0)))
  return null
}
/** Intervals of several kinds: each against its own share of the baseline; asks about each charger count as nothing asked of the whole. */
function mixedWh(e: EventState, window: Window, baselineWh: number): number {
  const hours = (window.toS - window.fromS) / 3600
  const baselineW = hours > 0 ? baselineWh / hours : 0
  return energyWh(e, window, ask => (ask.kind === 'shed' ? ask.totalW : ask.kind === 'cap' ? Math.max(0, baselineW - ask.totalW) : 0))
}
function energyWh(e: EventState, window: Window, powerW: (ask: Interval['ask']) => number): number {
  let wh = 0
  for (const x of e.event.intervals) wh += (powerW(x.ask) * overlapS(x, window)) / 3600
  return wh
}
const overlapS = (a: Window, b: Window): number => Math.max(0, Math.min(a.toS, b.toS) - Math.max(a.fromS, b.fromS))

type Limit = Window & { readonly limitW: number }
/** What each member had to keep to, by interval, within the settled window, after its own start and after it was told. */
function limitsOf(s: State, e: EventState, members: Uint32Array, window: Window): Limit[][] {
  const out: Limit[][] = Array.from(members, () => [])
  e.event.intervals.forEach((interval, k) => {
    const isShared = interval.ask.kind === 'cap' || interval.ask.kind === 'shed'
    const watts = isShared ? undefined : allocate(s, e, interval, members).watts
    members.forEach((i, m) => {
      const own = { fromS: spanFromS(e, k, i), toS: spanToS(e, k, i) }
      // of a share that nobody kept (by an older version, or of what follows on a failsafe) it is not known what it was: nobody is judged by it
      const { limitW, sinceS } = toldIn(e, k, i) ?? { limitW: watts?.[m] ?? UNLIMITED, sinceS: 0 }
      const fromS = Math.max(window.fromS + SETTLE_S, Math.max(own.fromS, sinceS) + showsAfterS(s, e, i))
      if (own.fromS < own.toS) out[m]!.push({ fromS, toS: Math.min(own.toS, window.toS), limitW })
    })
  })
  return out
}

function askedOfEachWh(e: EventState, limits: readonly Limit[], baselineW: number | null): number {
  if (baselineW === null || e.event.intervals.some(x => x.ask.kind === 'cap' || x.ask.kind === 'shed')) return 0
  let wh = 0
  for (const x of limits)
    if (x.limitW !== UNLIMITED) wh += (Math.max(0, baselineW - x.limitW) * Math.max(0, x.toS - x.fromS + SETTLE_S)) / 3600
  return wh
}

function complianceOf(readings: Readings, mine: readonly number[], limits: readonly Limit[]): 'compliant' | 'notCompliant' | 'noData' {
  let seen = 0
  let above = 0
  for (const k of mine)
    for (const x of limits) {
      if (x.limitW === UNLIMITED || readings.fromMs[k]! < x.fromS * 1000 || readings.toMs[k]! > x.toS * 1000) continue
      seen++
      if (isAbove(readings.powerW[k]!, x.limitW)) above++
    }
  return seen === 0 ? 'noData' : above >= Math.min(2, seen) ? 'notCompliant' : 'compliant'
}

function whyNot(s: State, e: EventState, i: number, judged: (typeof chargerVerdicts)[number]): NonResponse {
  if (judged === 'compliant') return 'none'
  if (judged === 'notCommanded') return refusedHere(s, e, i) ? 'refused' : optedOutHere(s, e, i) || isExcluded(e, i) ? 'optedOut' : 'none'
  const answer = answerOf(e, i)
  if (answer === 'rejected') return 'refused'
  if (!isUp(s, i)) return resumes(s, i) ? 'resumedOnLinkLoss' : 'offline'
  if (judged === 'noData') return 'noData'
  return answer === 'accepted' ? 'acceptedButUnmoved' : 'noAnswer'
}

/** The control group has not opted out of anything. */
const isExcluded = (e: EventState, i: number): boolean => {
  const why = exclusionOf(e, i)
  return why !== null && why !== 'heldOut'
}
/** Refusals and opt-outs of other days stand in the state as well. */
const refusedHere = (s: State, e: EventState, i: number): boolean =>
  answerOf(e, i) === 'rejected' || (s.refusals.get(i)?.toS ?? 0) > firstS(e)
const optedOutHere = (s: State, e: EventState, i: number): boolean => isOptedOut(s, i, firstS(e), ownLastS(e))

function byCharger(readings: Readings): Map<number, number[]> {
  const out = new Map<number, number[]>()
  readings.charger.forEach((i, k) => {
    const list = out.get(i)
    if (list) list.push(k)
    else out.set(i, [k])
  })
  return out
}
/** Time-weighted mean power of the readings inside a window, and how many seconds they cover; null without any. */
function meanW(readings: Readings, mine: readonly number[], { fromS, toS }: Window): { meanW: number | null; seconds: number } {
  let ws = 0
  let seconds = 0
  for (const k of mine) {
    const part = overlapS({ fromS: readings.fromMs[k]! / 1000, toS: readings.toMs[k]! / 1000 }, { fromS, toS })
    ws += readings.powerW[k]! * part
    seconds += part
  }
  return { meanW: seconds > 0 ? ws / seconds : null, seconds }
}
