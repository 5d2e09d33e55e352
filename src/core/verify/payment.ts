import type { Second } from '../model.ts'
import { payFactorAt } from './payFactor.ts'
import type { Performance, PeriodResult } from './performance.ts'
import type { Scheme } from './schemes.ts'

/** What is paid for a period: `factor` of its ask. `pounds` is not rounded: that is done once, with the sum. */
export type PaidPeriod = PeriodResult & { readonly factor: number; readonly pounds: number }
export type Payment = { readonly pounds: number; readonly pence: number; readonly periods: readonly PaidPeriod[] }

/**
 * Price x asked x factor (DFS: S = 0.5 P Q K). `performance` has the periods that the scheme looks at: minutes, settlement periods; one for whole
 * events is made here. Where nothing is known nothing was delivered, and where nothing was asked nothing is paid. Negative where a factor is (DFS).
 */
export function paymentOf(scheme: Scheme, performance: Performance, poundsPerMWh: number): Payment {
  const factorOf = (ratio: number | null): number => payFactorAt(scheme.payFactor, ratio ?? 0)
  const ofEvent = scheme.payFactor.per === 'event' ? factorOf(performance.ratio) : null
  const periods = performance.periods.map((p): PaidPeriod => {
    const factor = p.askedWh > 0 ? (ofEvent ?? factorOf(p.ratio)) : 0
    return { ...p, factor, pounds: (poundsPerMWh * p.askedWh * factor) / 1e6 }
  })
  const pounds = periods.reduce((sum, p) => sum + p.pounds, 0)
  return { pounds, pence: penceOf(pounds), periods }
}
/** Half a penny goes away from zero; what binary fractions lose (1.005 is a little less) is put right at a millionth of a penny. */
export const penceOf = (pounds: number): number => {
  const pence = Math.sign(pounds) * Math.round(Math.abs(pounds) * 100 + 1e-6)
  return pence === 0 ? 0 : pence
}

/** An acceptance of a DFS unit in one settlement period, and the factor that it came to. */
export type Acceptance = { readonly atS: Second; readonly factor: number }
export type Deregistration = {
  /** Most poor acceptances in a row, and within any three months. */
  readonly inARow: number
  readonly inThreeMonths: number
  readonly isDue: boolean
}
const POOR_BELOW = 0.5
const ROW = 5
const QUARTER = 10
/**
 * Is a unit to be taken off the register (DFS Service Terms v4.0): K < 0.5 in five or more acceptances in a row, or in ten or more within any three
 * months? The terms do not say whose months: calendar months, UTC; a window has its first instant and not its last.
 */
export function deregistrationOf(acceptances: readonly Acceptance[]): Deregistration {
  const inOrder = [...acceptances].sort((a, b) => a.atS - b.atS)
  let row = 0
  let inARow = 0
  for (const { factor } of inOrder) {
    row = factor < POOR_BELOW ? row + 1 : 0
    inARow = Math.max(inARow, row)
  }
  const poor = inOrder.filter(a => a.factor < POOR_BELOW).map(a => a.atS)
  let inThreeMonths = 0
  let end = 0
  poor.forEach((atS, k) => {
    const untilS = threeMonthsOnS(atS)
    while (end < poor.length && poor[end]! < untilS) end++
    inThreeMonths = Math.max(inThreeMonths, end - k)
  })
  return { inARow, inThreeMonths, isDue: inARow >= ROW || inThreeMonths >= QUARTER }
}
/** The same time three months on; the last of the month where it has fewer days. */
function threeMonthsOnS(atS: Second): Second {
  const d = new Date(atS * 1000)
  const [year, month] = [d.getUTCFullYear(), d.getUTCMonth() + 3]
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  const midnightMs = Date.UTC(year, month, Math.min(d.getUTCDate(), lastDay))
  return midnightMs / 1000 + (atS % 86_400)
}
