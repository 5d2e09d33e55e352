import { type NonResponse, nonResponses, type Second } from '../model.ts'
import { type Floored, floored, totalWh } from './floors.ts'
import { coverageOf, type Load, rowOf, sumBy, withoutUnknown } from './load.ts'
import { type Payment, paymentOf } from './payment.ts'
import { performanceOf } from './performance.ts'
import type { PeriodColumns, Verified } from './record.ts'
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
  /** Share of its chargers' periods that was metered. */
  readonly coverage: number
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
  readonly split: SplitRule
  readonly askedWh: number
  /** After the floor of the scheme. */
  readonly deliveredWh: number
  readonly ratio: number | null
  /** The same meters under each floor, Wh. */
  readonly floors: Readonly<Record<keyof Floored, number>>
  readonly coverage: number
  readonly periods: readonly SettledPeriod[]
  readonly pence: number
  readonly statements: readonly Statement[]
}

/** Energy of each charger (row of `who`) in each period of a verdict; undefined where the record does not have it (an older log, or it has expired). */
export function loadOf({ energy, periods, who }: Verified): Load | undefined {
  if (!energy || !periods || periods.startS.length === 0) return undefined
  // the first and the last period may be cut; all begin with the clock
  const stepS = Math.max(...Array.from(periods.startS, (s, t) => periods.endS[t]! - s))
  return withoutUnknown({ fromS: periods.startS[0]!, stepS, periods: periods.startS.length }, who.length, energy)
}

/**
 * Who gets what for an event. `participant` is the row in `names` of each charger of the verdict: a participant is a unit, where a floor is per unit.
 * Schemes that look at minutes are settled by the periods of the verdict.
 */
export function settlementOf(verified: Verified, load: Load, participant: Int32Array, names: readonly string[], terms: Terms): Settlement {
  const { scheme, split, money } = terms
  const asked = verified.periods!.askedWh
  const byFloor = floored(load, participant, names.length)
  const performance = performanceOf(load, byFloor[scheme.floor], asked)
  const payment: Payment | null = 'poundsPerMWh' in money ? paymentOf(scheme, performance, money.poundsPerMWh) : null
  const pence = payment ? payment.pence : (money as { amountPence: number }).amountPence
  const sums = sumBy(load, participant, names.length)
  const weights = weightsOf(split, verified, load, participant, sums)
  const shares = names.length === 0 && pence === 0 ? [] : splitPence(pence, weights)
  return {
    scheme: scheme.id,
    exact: scheme.exact,
    split,
    askedWh: performance.askedWh,
    deliveredWh: performance.deliveredWh,
    ratio: performance.ratio,
    floors: { none: totalWh(byFloor.none), perMeterSP: totalWh(byFloor.perMeterSP), perUnitSP: totalWh(byFloor.perUnitSP) },
    coverage: coverageOf(load),
    periods: performance.periods.map((p, t) => ({
      ...spanOf(verified.periods!, t),
      askedWh: p.askedWh,
      deliveredWh: p.deliveredWh,
      ratio: p.ratio,
      factor: payment?.periods[t]?.factor ?? null,
      pounds: payment?.periods[t]?.pounds ?? null,
    })),
    pence,
    statements: names.map((name, g) => statementOf(name, g, participant, rowOf(sums, g), weights[g]!, shares[g]!)),
  }
}
const spanOf = (periods: PeriodColumns, t: number) => ({ fromS: periods.startS[t]!, toS: periods.endS[t]! })

function statementOf(name: string, g: number, participant: Int32Array, own: Load, weight: number, pence: number): Statement {
  const [baselineWh, actualWh] = [totalWh(own.baselineWh), totalWh(own.actualWh)]
  const chargers = participant.reduce((n, p) => (p === g ? n + 1 : n), 0)
  return { participant: name, chargers, baselineWh, actualWh, deliveredWh: baselineWh - actualWh, coverage: coverageOf(own), weight, pence }
}

/** Who could not have given anything was not available, whatever its meter says. */
const unavailable: ReadonlySet<NonResponse> = new Set<NonResponse>(['offline', 'refused', 'optedOut', 'resumedOnLinkLoss'])
function weightsOf(split: SplitRule, verified: Verified, load: Load, participant: Int32Array, sums: Load): Float64Array {
  const out = new Float64Array(sums.rows)
  if (split === 'equal') return out.fill(1)
  if (split === 'delivered') return out.map((_, g) => totalWh(rowOf(sums, g).baselineWh) - totalWh(rowOf(sums, g).actualWh))
  participant.forEach((g, row) => {
    if (g < 0) return
    if (split === 'chargers') out[g]!++
    else if (!unavailable.has(nonResponses[verified.cause[row]!]!)) out[g]! += rowOf(load, row).known.reduce((n, x) => n + x, 0)
  })
  return out
}

/** `-12.05`; a statement is in pounds with two decimals, never in a binary fraction. */
export const poundsText = (pence: number): string => {
  const digits = String(Math.abs(pence)).padStart(3, '0')
  return `${pence < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}
