import { scoreOf } from '../capacity.ts'
import type { EventNo, Interval, Verdict } from '../model.ts'
import { deliveredInterval, passOf } from './accuracy.ts'
import { type Baselines, meterBeforeBaselines } from './baselines.ts'
import { historicBaselines } from './historic.ts'
import { askedOfOneWh, codeOf, isCommanded, judgedBy, limitsAt } from './judged.ts'
import { type Metering, meteringOf } from './metering.ts'
import { type Periods, periodsIn } from './periods.ts'
import { inOrder, marksOf, readingsTree } from './readingsRoot.ts'
import {
  METER_BEFORE,
  type Measured,
  type Metered,
  MOST_NAMED,
  nameOf,
  type PeriodColumns,
  type Unsettleable,
  type VerdictTerms,
  type Verification,
  type Verified,
} from './record.ts'
import { overlapS, type Window } from './window.ts'

/** Below this share of metered charger-time nothing is said about the event. */
const MIN_COVERAGE = 0.8
const DELIVERED_FROM = 0.95
const PARTIAL_FROM = 0.5
const noSalt = new Uint8Array(0)

export type Judging = { readonly event: EventNo; readonly revision: number; readonly who: Uint32Array; readonly terms: VerdictTerms }
export type Evidence = Pick<Metered, 'readings' | 'history' | 'salt'>

/**
 * Did the load fall? A function of the terms and the readings alone, so that anybody who has both comes to the same, to the last digit: sums are made row by
 * row of `who`, within a row period by period. A charger without readings is no data, never a number; too little data makes the whole unverifiable. Where
 * a charger that does not keep its limit without the link was not heard, nothing was delivered: it counts at its baseline.
 */
export function verdictOn({ event, revision, who, terms }: Judging, given: Evidence): Verified {
  const evidence = { ...given, readings: inOrder(given.readings) }
  const { window } = terms
  const periods = periodsIn(window, terms.rules.periodS)
  const meters = meteringOf(who, terms, periods, evidence.readings)
  const baselines = baselinesOf(who, terms, meters, periods, evidence)
  const energy = energyOf(terms, meters, baselines, periods)
  const judged = who.length === 0 ? [] : Array.from(who, (_, r) => judgedBy(terms, r, meters.kept[r]!, energy.heardS[r]!, energy.meanW[r]!))
  const counts = { compliant: 0, notCompliant: 0, noData: 0, notCommanded: 0 }
  const causes: { -readonly [K in keyof Verification['causes']]: number } = {}
  for (const { verdict, cause } of judged) {
    counts[verdict]++
    if (cause !== 'none' && cause !== 'idle') causes[cause] = (causes[cause] ?? 0) + 1
  }
  const columns = periodColumns(terms, periods, energy)
  const sums = sumsOf(columns)
  const coverage = coverageOf(terms, energy)
  const ratio = sums.askedWh > 0 ? sums.deliveredWh / sums.askedWh : null
  const verdict = verdictOf(terms, coverage, ratio, sums.actualWh, counts)
  const unsettleable = unsettleableOf(terms, coverage, baselines)
  const { gbpPerMWh } = terms.rules
  const tree = readingsTree(who, evidence.readings, evidence.salt ?? noSalt, evidence.history)
  return {
    kind: 'verified',
    who,
    verdict: Uint8Array.from(judged, j => codeOf(j)[0]),
    cause: Uint8Array.from(judged, j => codeOf(j)[1]),
    terms,
    energy: { baselineWh: energy.baselineWh, actualWh: energy.actualWh },
    periods: columns,
    ...(baselines.days ? { days: baselines.days } : {}),
    marks: marksOf(who, tree, meters.readings),
    verification: {
      event,
      revision,
      verdict,
      ...sums,
      ratio: coverage < MIN_COVERAGE ? null : ratio,
      coverage,
      baselineRule: nameOf(terms.ruleset),
      window,
      counts,
      causes,
      ...(terms.forecast ? { forecast: scoreOf(terms.forecast, { verdict, deliveredWh: sums.deliveredWh, window }) } : {}),
      verdictRevision: 1,
      measured: measuredOf(terms, energy, baselines, sums, verdict),
      readings: {
        root: tree.root,
        count: evidence.readings.charger.length,
        estimated: meters.estimated,
        flawed: meters.flawed,
        chargers: sumBy(meters.readings, n => (n > 0 ? 1 : 0)),
      },
      baseline: {
        insufficient: sumBy(baselines.insufficient, x => x),
        adjusted: baselines.days ? sumBy(baselines.days.adjustment, x => (Number.isNaN(x) ? 0 : 1)) : 0,
        capped: baselines.days ? sumBy(baselines.days.flags, x => x & 1) : 0,
      },
      findings: meters.findings.slice(0, MOST_NAMED),
      findingCounts: countedBy(meters.findings),
      ...(unsettleable ? { unsettleable } : {}),
      ...(gbpPerMWh === null ? {} : { gbp: (sums.deliveredWh * gbpPerMWh) / 1e6 }),
    },
  }
}
function sumBy<T>(all: ArrayLike<T>, of: (x: T) => number): number {
  let sum = 0
  for (let k = 0; k < all.length; k++) sum += of(all[k]!)
  return sum
}
function countedBy(named: readonly { readonly kind: string }[]): NonNullable<Verification['findingCounts']> {
  const out: Record<string, number> = {}
  for (const { kind } of named) out[kind] = (out[kind] ?? 0) + 1
  return out
}

function baselinesOf(who: Uint32Array, terms: VerdictTerms, meters: Metering, periods: Periods, evidence: Evidence): Baselines {
  if (terms.ruleset.id !== METER_BEFORE.id) return historicBaselines(who, terms, periods, evidence.history)
  return meterBeforeBaselines(meters.before, periods)
}

type Energy = {
  readonly baselineWh: Float64Array
  readonly actualWh: Float64Array
  /** By row: seconds of the window with readings, and those that count for its coverage; mean baseline, W, null where there is none. */
  readonly heardS: Float64Array
  readonly countedS: Float64Array
  readonly meanW: readonly (number | null)[]
}
function energyOf(terms: VerdictTerms, meters: Metering, baselines: Baselines, periods: Periods): Energy {
  const count = periods.hours.length
  const baselineWh = baselines.wh.slice()
  const rows = meters.before.length
  const actualWh = new Float64Array(rows * count)
  const heardS = new Float64Array(rows)
  const countedS = new Float64Array(rows)
  const meanW = meters.before.map((_, r): number | null => {
    let [sumWh, hours] = [0, 0]
    const isFull = terms.ruleset.id === METER_BEFORE.id && terms.resumes[r] === 0
    for (let t = 0; t < count; t++) {
      const cell = r * count + t
      const seconds = meters.seconds[cell]!
      heardS[r]! += seconds
      actualWh[cell] = filledUp(meters.wh[cell]!, seconds, periods.hours[t]!, isFull ? Number.NaN : baselineWh[cell]!)
      if (baselines.outTurn[r] === 1) baselineWh[cell] = actualWh[cell]!
      if (Number.isNaN(baselineWh[cell]!)) continue
      sumWh += baselineWh[cell]!
      hours += periods.hours[t]!
      if (!Number.isNaN(actualWh[cell]!)) countedS[r]! += seconds
    }
    return hours > 0 ? sumWh / hours : null
  })
  return { baselineWh, actualWh, heardS, countedS, meanW }
}
/**
 * Energy of a period that is known in part: the rest was as its baseline (nothing is delivered in it), or where no baseline is to be counted, as the part
 * that is known. NaN where there is no telling.
 */
function filledUp(wh: number, seconds: number, hours: number, restWh: number): number {
  const share = Math.min(1, seconds / (hours * 3600))
  if (!Number.isNaN(restWh)) return wh + restWh * (1 - share)
  return share > 0 ? wh / share : Number.NaN
}

function periodColumns(terms: VerdictTerms, periods: Periods, energy: Energy): PeriodColumns {
  const count = periods.hours.length
  const rows = energy.meanW.length
  const column = () => new Float64Array(count)
  const out = { askedWh: column(), baselineWh: column(), actualWh: column(), deliveredWh: column(), ratio: column() }
  const ofAll = terms.intervals.some(x => x.ask.kind === 'cap' || x.ask.kind === 'shed')
  for (let r = 0; r < rows; r++) {
    const limits = ofAll ? [] : limitsAt(terms, r)
    for (let t = 0; t < count; t++) {
      const [b, a] = [energy.baselineWh[r * count + t]!, energy.actualWh[r * count + t]!]
      if (!Number.isNaN(b) && !Number.isNaN(a)) out.baselineWh[t]! += b
      if (!Number.isNaN(a)) out.actualWh[t]! += a
      if (!Number.isNaN(b)) out.askedWh[t]! += askedOfOneWh(limits, b / periods.hours[t]!, stretchOf(periods, t))
    }
  }
  for (let t = 0; t < count; t++) {
    if (ofAll) out.askedWh[t] = askedOfAllWh(terms.intervals, stretchOf(periods, t), out.baselineWh[t]! / periods.hours[t]!)
    out.deliveredWh[t] = out.baselineWh[t]! - out.actualWh[t]!
    out.ratio[t] = out.askedWh[t]! > 0 ? out.deliveredWh[t]! / out.askedWh[t]! : Number.NaN
  }
  return { startS: periods.startS, endS: periods.endS, ...out }
}
const stretchOf = ({ startS, endS }: Periods, t: number): Window => ({ fromS: startS[t]!, toS: endS[t]! })
/** What was asked of the targets as a whole; asks about each charger among them count as nothing asked of the whole. */
function askedOfAllWh(intervals: readonly Interval[], stretch: Window, baselineW: number): number {
  return energyWh(intervals, stretch, ask =>
    ask.kind === 'shed' ? ask.totalW : ask.kind === 'cap' ? Math.max(0, baselineW - ask.totalW) : 0,
  )
}
function energyWh(intervals: readonly Interval[], stretch: Window, powerW: (ask: Interval['ask']) => number): number {
  let wh = 0
  for (const x of intervals) wh += (powerW(x.ask) * overlapS(x, stretch)) / 3600
  return wh
}
function sumsOf({
  askedWh,
  baselineWh,
  actualWh,
}: PeriodColumns): Pick<Verification, 'askedWh' | 'baselineWh' | 'actualWh' | 'deliveredWh'> {
  const [baseline, actual] = [sumBy(baselineWh, x => x), sumBy(actualWh, x => x)]
  return { askedWh: sumBy(askedWh, x => x), baselineWh: baseline, actualWh: actual, deliveredWh: baseline - actual }
}

/** Of those who drew, or had to come down. */
function coverageOf(terms: VerdictTerms, { countedS, meanW }: Energy): number {
  const seconds = terms.window.toS - terms.window.fromS
  let coveredS = 0
  let drawing = 0
  for (let r = 0; r < meanW.length; r++) {
    coveredS += countedS[r]!
    if (isCommanded(terms, r) || (meanW[r] ?? 0) > 0) drawing++
  }
  return drawing === 0 || seconds === 0 ? 0 : Math.min(1, coveredS / (drawing * seconds))
}

/** Where no energy was asked, those who were told a limit decide: that nobody was, or nobody was seen, is no delivery. */
function verdictOf(
  { intervals, window }: VerdictTerms,
  coverage: number,
  ratio: number | null,
  actualWh: number,
  counts: Verification['counts'],
): Verdict {
  if (coverage < MIN_COVERAGE || window.toS <= window.fromS) return 'unverifiable'
  const isCap = intervals.every(x => x.ask.kind === 'cap')
  if (isCap && actualWh <= energyWh(intervals, window, ask => (ask.kind === 'cap' ? ask.totalW : 0))) return 'delivered'
  if (ratio === null) return counts.notCompliant > 0 ? 'missed' : counts.compliant > 0 ? 'delivered' : 'unverifiable'
  if (ratio >= DELIVERED_FROM) return 'delivered'
  return ratio >= PARTIAL_FROM ? 'partial' : 'missed'
}

function unsettleableOf(terms: VerdictTerms, coverage: number, baselines: Baselines): Unsettleable | undefined {
  const { window, rules, errorBp } = terms
  if (window.toS <= window.fromS) return 'noWindow'
  if (coverage < MIN_COVERAGE) return 'coverage'
  const most = rules.meterErrorAtMost
  if (most !== null && errorBp.some((bp, r) => isCommanded(terms, r) && bp > most * 10_000)) return 'meterClass'
  if (baselines.insufficient.every((x, r) => x === 1 || !isCommanded(terms, r))) return 'baseline'
  return undefined
}

/** The delivery within what the meters can tell. */
function measuredOf(
  terms: VerdictTerms,
  energy: Energy,
  baselines: Baselines,
  sums: { askedWh: number; deliveredWh: number },
  verdict: Verdict,
): Measured {
  const rows = energy.meanW.length
  const cells = energy.actualWh.length
  const grid = { fromS: terms.window.fromS, stepS: terms.rules.periodS, periods: rows === 0 ? 0 : cells / rows, rows }
  const column = new Float64Array(0)
  const load = {
    ...grid,
    baselineWh: energy.baselineWh,
    actualWh: energy.actualWh,
    flaws: new Uint16Array(0),
    known: column,
    wanted: column,
  }
  const accuracy = Float64Array.from(terms.errorBp, bp => bp / 10_000)
  const interval = deliveredInterval(load, { accuracy, commonShare: terms.rules.commonError, baselineFrom: baselines.from })
  const errorWh = interval.highWh - interval.deliveredWh
  const { askedWh, deliveredWh } = sums
  const own = { lowWh: deliveredWh - errorWh, deliveredWh, highWh: deliveredWh + errorWh }
  const isKnown = askedWh > 0 && verdict !== 'unverifiable'
  return { lowWh: own.lowWh, highWh: own.highWh, result: isKnown ? passOf(own, askedWh) : null }
}
