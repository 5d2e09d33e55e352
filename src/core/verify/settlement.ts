import { nonResponses, type Second } from '../model.ts'
import { countedIn, shareOf } from './coverage.ts'
import { type Floored, floored, totalWh } from './floors.ts'
import { deliveredWh, type Grid, type Load, rowOf, sumBy, withoutUnknown } from './load.ts'
import { overlappingRows } from './overlaps.ts'
import type { PayFactor } from './payFactor.ts'
import { type Payment, paymentOf } from './payment.ts'
import { askedByPeriod, availabilityFactor, freeRiders, type Performance, performanceOf } from './performance.ts'
import type { Overlap, PeriodColumns, Verified } from './record.ts'
import type { Scheme } from './schemes.ts'
import { type SplitRule, splitPence } from './split.ts'

/** Either a price, and the scheme says what is due, or an amount that the buyer has paid; pounds. */
export type Money = { readonly poundsPerMWh: number } | { readonly amountPence: number }
export type Terms = { readonly scheme: Scheme; readonly split: SplitRule; readonly money: Money }

/** What one participant is told. `pence` is whole; the sum of all is the event's to the penny. */
export type Statement = {
  readonly participant: string
  readonly chargers: number
  readonly baselineWh: number
  readonly actualWh: number
  readonly deliveredWh: number
  /** Of its chargers; see `coverage.ts`. Null where none of them counts, or a log of before does not say. */
  readonly coverage: number | null
  /** Its chargers that another event limited, or that were limited for it, at the same time; see `overlaps.ts`. */
  readonly overlapping: number
  /** What the money was shared by: Wh, charger-periods, chargers, or 1. */
  readonly weight: number
  readonly pence: number
}
export type SettledPeriod = {
  readonly fromS: Second
  readonly toS: Second
  readonly askedWh: number
  readonly deliveredWh: number | null
  readonly ratio: number | null
  /** Null where the amount was given. */
  readonly factor: number | null
  readonly pounds: number | null
}
export type Settlement = {
  readonly scheme: string
  /** Its numbers were read in the published terms; else they are bands, and the sum an estimate. */
  readonly exact: boolean
  /** What ratios were taken over. A scheme of minutes is settled by the periods of the verdict where the minutes are not known any more. */
  readonly per: PayFactor['per']
  readonly split: SplitRule
  readonly askedWh: number
  /** After the floor of the scheme. */
  readonly deliveredWh: number
  readonly ratio: number | null
  /** The same meters under each floor, Wh. */
  readonly floors: Readonly<Record<keyof Floored, number>>
  /** The verdict's. */
  readonly coverage: number
  /** Charger-periods that were there and metered, of all. */
  readonly availability: number | null
  /** Chargers credited with delivery that drew nothing to be curtailed when the event began, and their share of all that is credited. */
  readonly freeRiders: { readonly count: number; readonly shareWh: number }
  /** The verdict's; none where a log of before does not say. */
  readonly overlaps: readonly Overlap[]
  readonly periods: readonly SettledPeriod[]
  readonly pence: number
  readonly statements: readonly Statement[]
}

/** Energy of each charger (row of `who`) in each period of a verdict; undefined where the record does not have it (an older log, or it has expired). */
export function loadOf({ energy, periods, who }: Verified): Load | undefined {
  const cells = who.length * (periods?.startS.length ?? 0)
  // columns that have expired come back empty
  if (!energy || !periods || cells === 0 || energy.baselineWh.length < cells || energy.actualWh.length < cells) return undefined
  // the first and the last period may be cut; all begin with the clock
  const stepS = Math.max(...Array.from(periods.startS, (s, t) => periods.endS[t]! - s))
  return withoutUnknown({ fromS: periods.startS[0]!, stepS, periods: periods.startS.length }, who.length, energy)
}

/**
 * The same in other steps, such as minutes: the baseline of a period lies evenly over it, the actual is what the meters say of each step (`wh`, row by
 * row), of the share of it that is metered; the rest was as the baseline, so nothing is delivered in it. Of a step that the window cuts its part counts,
 * evenly.
 */
export function inSteps(verified: Verified, grid: Grid, wh: Float64Array, metered?: Float64Array): Load {
  const { fromS, stepS, periods: steps } = grid
  const { startS, endS } = verified.periods!
  const { baselineWh } = verified.energy!
  const rows = verified.who.length
  const baseline = new Float64Array(rows * steps)
  const partS = new Float64Array(steps)
  for (let t = 0; t < startS.length; t++)
    for (let k = Math.max(0, Math.floor((startS[t]! - fromS) / stepS)); k < steps && fromS + stepS * k < endS[t]!; k++) {
      const ownS = Math.min(endS[t]!, fromS + stepS * (k + 1)) - Math.max(startS[t]!, fromS + stepS * k)
      partS[k]! += ownS
      for (let r = 0; r < rows; r++) baseline[r * steps + k]! += (baselineWh[r * startS.length + t]! * ownS) / (endS[t]! - startS[t]!)
    }
  const unseen = (cell: number): number => 1 - Math.min(1, metered?.[cell] ?? 1)
  const actual = baseline.map((own, cell) => (wh[cell]! * partS[cell % steps]!) / stepS + own * unseen(cell))
  return withoutUnknown(grid, rows, { baselineWh: baseline, actualWh: actual })
}
function askedByMinute({ startS, endS, askedWh }: PeriodColumns, grid: Grid): Float64Array {
  const asks = Array.from(startS, (from, t) => ({ fromS: from, toS: endS[t]!, askedW: (askedWh[t]! * 3600) / (endS[t]! - from) }))
  return askedByPeriod(grid, asks)
}

/**
 * Who gets what for an event. `participant` is the row in `names` of each charger of the verdict: a participant is a unit, where a floor is per unit.
 * Both loads are what may be settled: see `withoutRefused`. `minutes` (of `inSteps`) is looked at by schemes that pay by the minute.
 */
export function settlementOf(
  verified: Verified,
  load: Load,
  participant: Int32Array,
  names: readonly string[],
  terms: Terms,
  minutes?: Load,
): Settlement {
  const { scheme, split, money } = terms
  const columns = verified.periods!
  const byFloor = floored(load, participant, names.length)
  const performance = performanceOf(load, byFloor[scheme.floor], columns.askedWh)
  const isByMinute = scheme.payFactor.per === 'minute' && minutes !== undefined
  const paidFor = isByMinute ? performanceByMinute(verified, minutes, participant, names.length, scheme) : performance
  const payment: Payment | null = 'poundsPerMWh' in money ? paymentOf(scheme, paidFor, money.poundsPerMWh) : null
  const pence = payment ? payment.pence : (money as { amountPence: number }).amountPence
  const sums = sumBy(load, participant, names.length)
  const available = availableIn(verified, load)
  const weights = weightsOf(split, available, participant, sums)
  const coverage = coverageBy(verified, participant)
  const overlapping = new Float64Array(names.length)
  overlappingRows(verified).forEach((is, row) => {
    if (participant[row]! >= 0) overlapping[participant[row]!]! += is
  })
  const shares = names.length === 0 && pence === 0 ? [] : splitPence(pence, weights)
  return {
    scheme: scheme.id,
    exact: scheme.exact,
    per: scheme.payFactor.per === 'minute' && !isByMinute ? 'SP' : scheme.payFactor.per,
    split,
    askedWh: performance.askedWh,
    deliveredWh: performance.deliveredWh,
    ratio: performance.ratio,
    floors: { none: totalWh(byFloor.none), perMeterSP: totalWh(byFloor.perMeterSP), perUnitSP: totalWh(byFloor.perUnitSP) },
    coverage: verified.verification.coverage,
    availability: availabilityFactor(load.wanted, available),
    freeRiders: freeRidersIn(verified, load),
    overlaps: verified.verification.overlaps ?? [],
    periods: performance.periods.map((p, t) => ({
      ...{ fromS: columns.startS[t]!, toS: columns.endS[t]! },
      ...{ askedWh: p.askedWh, deliveredWh: p.deliveredWh, ratio: p.ratio },
      ...(payment ? paidIn(payment, t, columns, isByMinute) : { factor: null, pounds: null }),
    })),
    pence,
    statements: names.map((participant, g) => ({
      participant,
      ...sumsOf(rowOf(sums, g)),
      coverage: coverage(g),
      overlapping: overlapping[g]!,
      weight: weights[g]!,
      pence: shares[g]!,
    })),
  }
}
const IDLE = nonResponses.indexOf('idle')
function freeRidersIn({ cause }: Verified, load: Load) {
  const byCharger = Float64Array.from(cause, (_, row) => totalWh(deliveredWh(rowOf(load, row))))
  return freeRiders(
    byCharger,
    Array.from(cause, x => (x === IDLE ? 0 : 1)),
  )
}
const performanceByMinute = (verified: Verified, minutes: Load, participant: Int32Array, units: number, { floor }: Scheme): Performance =>
  performanceOf(minutes, floored(minutes, participant, units)[floor], askedByMinute(verified.periods!, minutes))

/** What was paid within period t of the verdict, and the factor that it comes to. A minute that two periods share is of the one in which it begins. */
function paidIn({ periods }: Payment, t: number, { startS, endS }: PeriodColumns, isByMinute: boolean) {
  if (!isByMinute) return { factor: periods[t]!.factor, pounds: periods[t]!.pounds }
  const own = periods.filter(p => p.fromS >= startS[t]! && p.fromS < endS[t]!)
  const askedWh = own.reduce((sum, p) => sum + p.askedWh, 0)
  return {
    factor: askedWh > 0 ? own.reduce((sum, p) => sum + p.factor * p.askedWh, 0) / askedWh : 0,
    pounds: own.reduce((sum, p) => sum + p.pounds, 0),
  }
}

function sumsOf(own: Load) {
  const [baselineWh, actualWh] = [totalWh(own.baselineWh), totalWh(own.actualWh)]
  return { chargers: own.wanted[0] ?? 0, baselineWh, actualWh, deliveredWh: baselineWh - actualWh }
}
/** Of the chargers of each participant. */
function coverageBy(verified: Verified, participant: Int32Array): (g: number) => number | null {
  const { who, energy, verification } = verified
  const { meteredS } = energy ?? {}
  if (!meteredS || meteredS.length < who.length) return () => null
  const counts = countedIn(verified)
  const own = new Map<number, { chargers: number; meteredS: number }>()
  participant.forEach((g, row) => {
    if (!counts(row)) return
    const { chargers, meteredS: before } = own.get(g) ?? { chargers: 0, meteredS: 0 }
    own.set(g, { chargers: chargers + 1, meteredS: before + meteredS[row]! })
  })
  const { fromS, toS } = verification.window
  return g => shareOf(own.get(g)?.meteredS ?? 0, own.get(g)?.chargers ?? 0, toS - fromS)
}

/** Who could not have given anything was not available, whatever its meter says. */
const unavailable: ReadonlySet<number> = new Set(
  (['offline', 'refused', 'optedOut', 'resumedOnLinkLoss'] as const).map(x => nonResponses.indexOf(x)),
)
/** By cell of the load: 1 where a charger was there and metered. Where nothing was read of it, what stands there is its baseline. */
function availableIn({ cause, energy }: Verified, load: Load): Float64Array {
  const isThere = (row: number): boolean => !unavailable.has(cause[row]!) && energy?.meteredS?.[row] !== 0
  return load.known.map((known, cell) => (isThere(Math.floor(cell / load.periods)) ? known : 0))
}

function weightsOf(split: SplitRule, available: Float64Array, participant: Int32Array, sums: Load): Float64Array {
  const out = new Float64Array(sums.rows)
  if (split === 'equal') return out.fill(1)
  if (split === 'chargers') return out.map((_, g) => sums.wanted[g * sums.periods] ?? 0)
  if (split === 'delivered') return out.map((_, g) => totalWh(deliveredWh(rowOf(sums, g))))
  available.forEach((x, cell) => {
    const g = participant[Math.floor(cell / sums.periods)]!
    if (g >= 0) out[g]! += x
  })
  return out
}

/** `-12.05`; a statement is in pounds with two decimals, never in a binary fraction. */
export const poundsText = (pence: number): string => {
  const digits = String(Math.abs(pence)).padStart(3, '0')
  return `${pence < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}
