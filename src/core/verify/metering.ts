import { quality, type Readings } from '../model.ts'
import type { Compliance } from './compliance.ts'
import { curveOf, readingsByCharger, stepped } from './energy.ts'
import type { Finding } from './findings.ts'
import { isCommanded, keptTo } from './judged.ts'
import { type Amount, amountIn, type Periods } from './periods.ts'
import type { VerdictTerms } from './record.ts'

/** What meters tell of an event, and what is wrong with them. Of a meter's curve no more is kept than that: a large fleet's would fill the memory. */
export type Metering = {
  /** By row and period at `r * periods + t`: energy, Wh, and the seconds that it stands for. */
  readonly wh: Float64Array
  readonly seconds: Float64Array
  /** By row: the stretch of the meter-before baseline. */
  readonly before: readonly Amount[]
  /** By row: did it keep its limits? */
  readonly kept: readonly Compliance[]
  readonly readings: Uint32Array
  /** Of all rows. */
  readonly count: number
  readonly estimated: number
  readonly flawed: number
  /** In the order of `who`. */
  readonly findings: readonly Finding[]
}
const nothing: Amount = { wh: 0, seconds: 0 }
/** A stretch without readings is named from this on: boxes do not begin and end with an event. */
const GAP_S = 60

/**
 * By row of `who`, from the readings of some chargers after others: all of a charger's together. What is wrong with one meter is its own. `count`: how many
 * readings were added.
 */
export function meteringFor(who: Uint32Array, terms: VerdictTerms, periods: Periods) {
  const periodCount = periods.hours.length
  const rowOf = new Map(Array.from(who, (charger, r) => [charger, r]))
  const wh = new Float64Array(who.length * periodCount)
  const seconds = new Float64Array(who.length * periodCount)
  const before = new Array<Amount>(who.length).fill(nothing)
  const kept = new Array<Compliance>(who.length).fill('noData')
  const counts = new Uint32Array(who.length)
  const found: Finding[][] = []
  let estimated = 0
  let count = 0
  function take(r: number, own: Readings): void {
    const curve = curveOf(own, { maxW: terms.maxW[r]! })
    const { window } = terms
    before[r] = amountIn(curve.segments, window.baselineFromS, window.baselineToS)
    for (let t = 0; t < periodCount; t++) {
      const amount = amountIn(curve.segments, periods.startS[t]!, periods.endS[t]!)
      wh[r * periodCount + t] = amount.wh
      seconds[r * periodCount + t] = amount.seconds
    }
    kept[r] = keptTo(terms, r, curve.segments)
    counts[r] = own.charger.length
    for (const q of own.quality) if ((q & quality.estimated) !== 0) estimated++
    const fromS = Math.min(window.baselineFromS, window.fromS)
    const all = stepped(curve, { fromS, toS: window.toS, stepS: Math.max(1, window.toS - fromS) }).findings
    if (all.length > 0) found[r] = all.filter(x => x.kind !== 'fromRegister' && touches(x, window))
  }
  return {
    add(readings: Readings): void {
      count += readings.charger.length
      for (const [charger, own] of readingsByCharger(readings)) {
        const r = rowOf.get(charger)
        if (r !== undefined) take(r, own)
      }
    },
    metered(): Metering {
      const findings = Array.from(who, (charger, r) => withGap(found[r] ?? [], charger, r, terms, seconds, periodCount)).flat()
      const flawed = findings.reduce((n, x) => n + (x.kind === 'gap' || x.kind === 'estimated' ? 0 : x.count), 0)
      return { wh, seconds, before, kept, readings: counts, count, estimated, flawed, findings }
    },
  }
}
/** That much of what a box says is made of its register is how it is built, and a hole before the event's own stretches concerns nobody. */
function touches({ fromMs, toMs }: Finding, w: VerdictTerms['window']): boolean {
  const within = (fromS: number, toS: number): boolean => fromMs < toS * 1000 && toMs >= fromS * 1000
  return within(w.fromS, w.toS) || within(w.baselineFromS, w.baselineToS)
}

/** Readings that end early, or that are not there at all, leave no hole between two. */
function withGap(found: readonly Finding[], charger: number, r: number, terms: VerdictTerms, seconds: Float64Array, count: number) {
  const { fromS, toS } = terms.window
  if (!isCommanded(terms, r) || found.some(x => x.kind === 'gap')) return found
  const knownS = seconds.subarray(r * count, (r + 1) * count).reduce((sum, s) => sum + s, 0)
  if (toS - fromS - knownS < GAP_S) return found
  const gap: Finding = { charger, kind: 'gap', fromMs: fromS * 1000, toMs: toS * 1000, value: null, unit: 'Wh', count: 1 }
  return [...found, gap]
}
