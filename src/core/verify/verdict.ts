import { scoreOf } from '../capacity.ts'
import type { EventNo, Verdict } from '../model.ts'
import { deliveredInterval, passOf } from './accuracy.ts'
import type { Baselines } from './baselines.ts'
import type { ControlBaselines } from './control.ts'
import { rulesetOf } from './eventDays.ts'
import { codeOf, isCommanded, type Judged, judgedBy } from './judged.ts'
import { nominationUsed } from './nominated.ts'
import { isStacked, overlapsIn } from './overlaps.ts'
import { periodsIn } from './periods.ts'
import { marksOf } from './readingsRoot.ts'
import { type Measured, MOST_NAMED, nameOf, type Unsettleable, type VerdictTerms, type Verification, type Verified } from './record.ts'
import { askCode, askedWhIn, coverageOf, type Energy, energyOf, periodColumns, sumBy, sumsOf } from './sums.ts'
import { needsWeather, weatherUsed, weatherWindow } from './weather.ts'
import { type Evidence, workedOut } from './worked.ts'

/** Below this share of metered charger-time nothing is said about the event. */
const MIN_COVERAGE = 0.8
const DELIVERED_FROM = 0.95
const PARTIAL_FROM = 0.5

export type Judging = { readonly event: EventNo; readonly revision: number; readonly who: Uint32Array; readonly terms: VerdictTerms }

/**
 * Did the load fall? A function of the terms and the readings alone, so that anybody who has both comes to the same, to the last digit: sums are made row by
 * row of `who`, within a row period by period. A charger without readings is no data, never a number; too little data makes the whole unverifiable. Where
 * a charger that does not keep its limit without the link was not heard, nothing was delivered: it counts at its baseline.
 */
export function verdictOn(judging: Judging, given: Evidence): Verified {
  const { who, terms } = judging
  const periods = periodsIn(terms.window, terms.rules.periodS)
  const { meters, baselines, tree } = workedOut(judging, given)
  const energy = energyOf(terms, meters, baselines, periods)
  const judged = Array.from(who, (_, r) => judgedBy(terms, r, meters.kept[r]!, energy.heardS[r]!, energy.meanW[r]!))
  const columns = periodColumns(terms, periods, energy)
  return {
    kind: 'verified',
    who,
    verdict: Uint8Array.from(judged, j => codeOf(j)[0]),
    cause: Uint8Array.from(judged, j => codeOf(j)[1]),
    terms,
    energy: { baselineWh: energy.baselineWh, actualWh: energy.actualWh, meteredS: energy.countedS },
    periods: columns,
    ...(baselines.days ? { days: baselines.days } : {}),
    marks: marksOf(who, tree, meters.readings),
    verification: {
      ...figuresOf(judging, energy, baselines, judged, sumsOf(columns)),
      ...usedOf(judging, baselines, given),
      readings: {
        root: tree.root,
        count: meters.count,
        estimated: meters.estimated,
        flawed: meters.flawed,
        chargers: sumBy(meters.readings, n => (n > 0 ? 1 : 0)),
      },
      // the value is what a home drew: whoever may see that has the readings
      findings: meters.findings.slice(0, MOST_NAMED).map(x => ({ ...x, value: null })),
      findingCounts: countedBy(meters.findings),
    },
  }
}

function figuresOf(
  { event, revision, terms }: Judging,
  energy: Energy,
  baselines: Baselines & Partial<ControlBaselines>,
  judged: readonly Judged[],
  sums: ReturnType<typeof sumsOf>,
): Verification {
  const { window, forecast } = terms
  const coverage = coverageOf(terms, energy)
  const ratio = sums.askedWh > 0 ? sums.deliveredWh / sums.askedWh : null
  const { counts, causes } = tallied(judged)
  const verdict = verdictOf(terms, coverage, ratio, sums.actualWh, counts)
  const unsettleable = unsettleableOf(event, terms, coverage, baselines)
  const { gbpPerMWh } = terms.rules
  return {
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
    ...(forecast ? { forecast: scoreOf(forecast, { verdict, deliveredWh: sums.deliveredWh, window }) } : {}),
    verdictRevision: 1,
    measured: measuredOf(terms, energy, baselines, sums, verdict),
    baseline: {
      insufficient: sumBy(baselines.insufficient, x => x),
      adjusted: baselines.days ? sumBy(baselines.days.adjustment, x => (Number.isNaN(x) ? 0 : 1)) : 0,
      capped: baselines.days ? sumBy(baselines.days.flags, x => x & 1) : 0,
    },
    ...(unsettleable ? { unsettleable } : {}),
    ...(gbpPerMWh === null ? {} : { gbp: (sums.deliveredWh * gbpPerMWh) / 1e6 }),
  }
}
/** What the baselines were made of beside readings, and who else acted. */
function usedOf(
  { event, terms }: Judging,
  { control }: Partial<ControlBaselines>,
  { weather }: Evidence,
): Pick<Verification, 'nomination' | 'weather' | 'control' | 'overlaps'> {
  const { ruleset: ref, nominated, window } = terms
  const ruleset = rulesetOf(ref)
  const overlaps = overlapsIn(terms, event)
  return {
    ...(nominated ? { nomination: nominationUsed(nominated) } : {}),
    ...(weather && ruleset ? { weather: weatherUsed(weather, ruleset, weatherWindow(ruleset, window)) } : {}),
    ...(control ? { control } : {}),
    ...(overlaps ? { overlaps } : {}),
  }
}
function tallied(judged: readonly Judged[]): Pick<Verification, 'counts' | 'causes'> {
  const counts = { compliant: 0, notCompliant: 0, noData: 0, notCommanded: 0 }
  const causes: { -readonly [K in keyof Verification['causes']]: number } = {}
  for (const { verdict, cause } of judged) {
    counts[verdict]++
    if (cause !== 'none' && cause !== 'idle') causes[cause] = (causes[cause] ?? 0) + 1
  }
  return { counts, causes }
}
function countedBy(named: readonly { readonly kind: string }[]): NonNullable<Verification['findingCounts']> {
  const out: Record<string, number> = {}
  for (const { kind } of named) out[kind] = (out[kind] ?? 0) + 1
  return out
}

/** Where no energy was asked, those who were told a limit decide: that nobody was, or nobody was seen, is no delivery. */
function verdictOf(
  { asks, window }: VerdictTerms,
  coverage: number,
  ratio: number | null,
  actualWh: number,
  counts: Verification['counts'],
): Verdict {
  if (coverage < MIN_COVERAGE || window.toS <= window.fromS) return 'unverifiable'
  if (asks.kind.every(kind => kind === askCode.cap) && actualWh <= askedWhIn(asks, window, (_, totalW) => totalW)) return 'delivered'
  if (ratio === null) return counts.notCompliant > 0 ? 'missed' : counts.compliant > 0 ? 'delivered' : 'unverifiable'
  if (ratio >= DELIVERED_FROM) return 'delivered'
  return ratio >= PARTIAL_FROM ? 'partial' : 'missed'
}

function unsettleableOf(
  event: EventNo,
  terms: VerdictTerms,
  coverage: number,
  baselines: Baselines & Partial<ControlBaselines>,
): Unsettleable | undefined {
  const { window, rules, errorBp } = terms
  if (window.toS <= window.fromS) return 'noWindow'
  if (baselines.control?.doubt === 'groupTooSmall') return 'groupTooSmall'
  const isShort = baselines.insufficient.every((x, r) => x === 1 || !isCommanded(terms, r))
  if (isShort && isGiven(terms)) return 'baseline'
  if (coverage < MIN_COVERAGE) return 'coverage'
  const most = rules.meterErrorAtMost
  if (most !== null && errorBp.some((bp, r) => isCommanded(terms, r) && bp > most * 10_000)) return 'meterClass'
  if (isShort) return 'baseline'
  if (isStacked(terms, event)) return 'stacked'
  return baselines.control?.doubt ?? undefined
}

/** Does a baseline hang on what no meter says, so that its lack is not theirs? */
function isGiven({ nominated, ruleset: ref }: VerdictTerms): boolean {
  const ruleset = rulesetOf(ref)
  return nominated !== undefined || (ruleset !== undefined && needsWeather(ruleset))
}
/** The delivery within what the meters can tell, and the draw of a control group: errors of both are independent. */
function measuredOf(
  terms: VerdictTerms,
  energy: Energy,
  baselines: Baselines & Partial<ControlBaselines>,
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
  const metersWh = interval.highWh - interval.deliveredWh
  const { errorWh: drawnWh = 0 } = baselines
  const errorWh = drawnWh > 0 ? Math.sqrt(metersWh * metersWh + drawnWh * drawnWh) : metersWh
  const { askedWh, deliveredWh } = sums
  const own = { lowWh: deliveredWh - errorWh, deliveredWh, highWh: deliveredWh + errorWh }
  const isKnown = askedWh > 0 && verdict !== 'unverifiable'
  return { lowWh: own.lowWh, highWh: own.highWh, result: isKnown ? passOf(own, askedWh) : null }
}
