import { totalWh } from './floors.ts'
import { type Direction, deliveredWh, type Load } from './load.ts'

/**
 * The drop of a feeder or substation, by the DNO's own series, beside the sum of the chargers under it, over periods in which both are known. The
 * parts add up to the feeder's drop exactly: what is not explained is said to be that.
 */
export type WitnessGap = {
  readonly feederWh: number
  /** Chargers that were commanded, by their meters. */
  readonly commandedWh: number
  /** Metered chargers that nobody commanded: they moved by themselves. */
  readonly notCommandedWh: number
  /** The rest: unmetered chargers, all other load behind the feeder, losses. */
  readonly residualWh: number
  /** feeder - commanded: what the chargers' own meters do not show. */
  readonly gapWh: number
  /** Commanded / feeder; null where the feeder did not fall. */
  readonly share: number | null
  readonly periods: number
}
/** All three are one row over the same periods (`sumAll`, `rowOf`); without any metered charger of a kind its load is undefined. */
export function witnessGap(feeder: Load, commanded: Load, notCommanded?: Load, direction: Direction = 'down'): WitnessGap {
  const [f, c] = [deliveredWh(feeder, direction), deliveredWh(commanded, direction)]
  const n = notCommanded ? deliveredWh(notCommanded, direction) : undefined
  const both = f.map((wh, t) => (Number.isNaN(wh + c[t]!) ? 0 : 1))
  const over = (cells: Float64Array | undefined): number => (cells ? totalWh(cells.map((wh, t) => (both[t] ? wh : Number.NaN))) : 0)
  const [feederWh, commandedWh, notCommandedWh] = [over(f), over(c), over(n)]
  return {
    ...{ feederWh, commandedWh, notCommandedWh },
    residualWh: feederWh - commandedWh - notCommandedWh,
    gapWh: feederWh - commandedWh,
    share: feederWh > 0 ? commandedWh / feederWh : null,
    periods: both.reduce((sum, x) => sum + x, 0),
  }
}
