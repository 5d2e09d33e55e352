import { type Instant, NEVER_S, type Second } from '../core/model.ts'
import type { Load } from '../core/verify/load.ts'
import { performanceOf } from '../core/verify/performance.ts'
import { reboundOf } from '../core/verify/rebound.ts'
import type { Verified } from '../core/verify/record.ts'
import { responseTime, worstRamp } from '../core/verify/responseTime.ts'
import { type EachAsk, limitOf } from '../core/views.ts'
import type { EventReport, PowerSeries } from '../report/model.ts'
import type { EventFacts } from './reportFacts.ts'
import type { Metered } from './reportMeters.ts'

export type Span = { readonly fromS: Second; readonly toS: Second }

/** Before the event, and after its load is back, as far as is shown. */
const LEAD_S = 900
const REBOUND_S = 3_600
/** Longer events in coarser steps: no more than some thousand points. */
const STEPS_S: readonly (readonly [upToS: number, stepS: number])[] = [
  [900, 10],
  [86_400, 60],
  [7 * 86_400, 300],
  [Number.POSITIVE_INFINITY, 1_800],
]
/** Where a baseline is read when there is no verdict that says where. */
const BASELINE_S = 300

/** Of what a report speaks: all that is shown, what was asked, what was settled, what its baseline was read from, and when load was back. */
export type Spans = {
  readonly steps: Span & { stepS: number }
  readonly asked: Span
  readonly window: Span
  readonly before: Span
  readonly backS: Second
}
export function spansOf({ event, cancelledS, accepted, programme }: EventFacts, verdict: Verified | undefined, nowMs: Instant): Spans {
  const nowS = Math.floor(nowMs / 1000)
  const fromS = event.intervals[0]?.fromS ?? nowS
  const endS = Math.min(cancelledS, event.intervals.at(-1)?.toS ?? fromS)
  const toS = Math.max(fromS + 1, endS >= NEVER_S ? nowS : endS)
  const asked = { fromS, toS }
  const w = verdict?.verification.window
  const window = w && w.toS > w.fromS ? { fromS: w.fromS, toS: w.toS } : asked
  const before = w ? { fromS: w.baselineFromS, toS: w.baselineToS } : { fromS: fromS - BASELINE_S, toS: fromS }
  const spread = accepted?.spread
  const tailS = spread ? Math.max(0, spread.endFollowsStart ? spread.startShiftS + spread.startS : spread.endShiftS + spread.endS) : 0
  const backS = toS + (programme?.restore.policy === 'levelCapped' ? programme.restore.maxS : tailS)
  const stepS = STEPS_S.find(([upToS]) => toS - fromS <= upToS)![1]
  const firstS = Math.min(fromS - LEAD_S, before.fromS)
  const lastS = Math.max(toS, Math.min(nowS, backS + REBOUND_S))
  // counted from the event's start: a step that is half in it would say nothing
  const whole = (s: number): number => Math.ceil(s / stepS) * stepS
  const steps = { fromS: fromS - whole(fromS - firstS), toS: fromS + whole(lastS - fromS), stepS }
  return { steps, asked, window, before, backS }
}

/** Target, baseline and actual by step, with the band that the meters' accuracy leaves; and when chargers were told and answered. */
export function seriesOf(facts: EventFacts, verdict: Verified | undefined, meters: Metered, spans: Spans): PowerSeries {
  const { stepS } = meters.steps
  const hours = stepS / 3600
  const [firstK, lastK] = shownSteps(meters, spans)
  const fromS = meters.steps.fromS + firstK * stepS
  const part = (column: Float64Array): Float64Array => column.slice(firstK, lastK)
  const steps = Array.from({ length: lastK - firstK }, (_, k) => fromS + k * stepS)
  const baselineAt = baselineOver(verdict, meters)
  const baselineW = steps.map(atS => milli(baselineAt(atS)))
  const targets = targetsOf(facts, meters)
  const isAsked = (atS: Second): boolean => atS + stepS / 2 >= spans.asked.fromS && atS + stepS / 2 < spans.asked.toS
  const actualW = part(meters.actualWh).map(wh => milli(wh / hours))
  const errorW = part(meters.errorWh).map(wh => wh / hours)
  const told = (at: Float64Array): number[] => {
    const out = steps.map(() => 0)
    for (const charger of facts.members) {
      const k = Math.floor((at[charger]! / 1000 - fromS) / stepS)
      if (k >= 0 && k < out.length) out[k]!++
    }
    return out
  }
  return {
    ...{ fromMs: fromS * 1000, stepMs: stepS * 1000, baselineW, actualW, coverage: part(meters.coverage) },
    targetW: steps.map((atS, k) => (isAsked(atS) ? targets(atS + stepS / 2, baselineW[k]!) : Number.NaN)),
    lowW: actualW.map((w, k) => milli(w - errorW[k]!)),
    highW: actualW.map((w, k) => milli(w + errorW[k]!)),
    commanded: told(facts.told.commandedMs),
    answered: told(facts.told.answeredMs),
  }
}
/** As fine as readings are stored. */
const milli = (w: number): number => Math.round(w * 1000) / 1000
/** From what is first metered to what is last, and at least what was asked. */
function shownSteps({ steps, actualWh }: Metered, { asked }: Spans): [number, number] {
  const at = (s: Second): number => (s - steps.fromS) / steps.stepS
  const first = actualWh.findIndex(wh => !Number.isNaN(wh))
  const last = actualWh.findLastIndex(wh => !Number.isNaN(wh))
  const from = Math.floor(at(asked.fromS)) - 1
  return [Math.max(0, first < 0 ? from : Math.min(first, from)), Math.min(actualWh.length, Math.max(last, Math.ceil(at(asked.toS))) + 1)]
}
/** By settlement period where the verdict says it, before and after as in the first and the last; else the mean before the event. */
function baselineOver(verdict: Verified | undefined, { baselineSumW, baselineW }: Metered): (atS: Second) => number {
  const p = verdict?.periods
  const count = p?.startS.length ?? 0
  const isKnown = baselineW.some(w => !Number.isNaN(w))
  if (!p || count === 0) return () => (isKnown ? baselineSumW : Number.NaN)
  // a period without length, of an event that was called off in its ramp, has no energy to say a power by
  const powerW = (t: number): number => {
    const lengthS = p.endS[t]! - p.startS[t]!
    return lengthS > 0 ? (p.baselineWh[t]! * 3600) / lengthS : isKnown ? baselineSumW : Number.NaN
  }
  return atS => {
    let t = 0
    while (t + 1 < count && p.startS[t + 1]! <= atS) t++
    return powerW(t)
  }
}
/** What the targets may draw, W. Asks about each charger: the sum of what each may draw of what it drew before. */
function targetsOf(facts: EventFacts, meters: Metered): (atS: Second, baselineW: number) => number {
  const { event, members, fleet, excluded, programme } = facts
  const sums = new Map<number, number>()
  const sumOf = (k: number, ask: EachAsk): number => {
    const before = sums.get(k)
    if (before !== undefined) return before
    let sumW = 0
    members.forEach((charger, m) => {
      const drawsW = Number.isNaN(meters.baselineW[m]!) ? fleet.maxW[charger]! : meters.baselineW[m]!
      sumW += Math.min(excluded[charger] ? Number.POSITIVE_INFINITY : limitOf(fleet, charger, ask, programme?.floorW ?? 0), drawsW)
    })
    sums.set(k, sumW)
    return sumW
  }
  return (atS, baselineW) => {
    const k = event.intervals.findIndex(i => i.fromS <= atS && atS < i.toS)
    const ask = event.intervals[k]?.ask
    if (ask === undefined) return Number.NaN
    if (ask.kind === 'cap') return ask.totalW
    return ask.kind === 'shed' ? Math.max(0, baselineW - ask.totalW) : sumOf(k, ask)
  }
}

export function responseOf(facts: EventFacts, verdict: Verified | undefined, meters: Metered, { window }: Spans): EventReport['response'] {
  const hours = (window.toS - window.fromS) / 3600
  const askedWh = verdict?.verification.askedWh
  if (verdict === undefined || askedWh === undefined || hours <= 0) return null
  const { steps } = meters
  const actual = { fromS: steps.fromS, stepS: steps.stepS, wh: meters.actualWh, flaws: new Uint16Array(meters.actualWh.length) }
  const issuedS = Math.floor(facts.signal.atMs / 1000)
  const p = verdict.periods
  const grid = p && { fromS: p.startS[0] ?? 0, stepS: 1, periods: p.startS.length }
  return {
    issuedS,
    ...responseTime(actual, issuedS, meters.baselineSumW, askedWh / hours),
    ramp: worstRamp(actual),
    overWh: grid && p ? performanceOf(grid, p.deliveredWh, p.askedWh).overWh : null,
  }
}
export function reboundAfter(verdict: Verified | undefined, meters: Metered, { asked, before }: Spans): EventReport['rebound'] {
  const { steps } = meters
  const at = (s: Second): number => Math.max(0, Math.min(meters.actualWh.length, Math.floor((s - steps.fromS) / steps.stepS)))
  const [fromK, toK] = [Math.ceil((asked.toS - steps.fromS) / steps.stepS), meters.actualWh.findLastIndex(wh => !Number.isNaN(wh)) + 1]
  if (verdict === undefined || meters.baselineSumW <= 0 || toK <= fromK) return null
  const baselineWh = (meters.baselineSumW * steps.stepS) / 3600
  const load = (a: number, z: number): Load => ({
    ...{ fromS: steps.fromS + a * steps.stepS, stepS: steps.stepS, periods: z - a, rows: 1 },
    ...{ actualWh: meters.actualWh.subarray(a, z), baselineWh: new Float64Array(z - a).fill(baselineWh) },
    ...{ flaws: new Uint16Array(z - a), known: new Float64Array(z - a), wanted: new Float64Array(z - a).fill(1) },
  })
  const rebound = reboundOf(load(at(before.fromS), at(before.toS)), load(fromK, toK), verdict.verification.deliveredWh)
  return { ...rebound, fromS: steps.fromS + fromK * steps.stepS, toS: steps.fromS + toK * steps.stepS }
}
