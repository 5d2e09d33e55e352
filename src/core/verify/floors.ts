import { type Direction, deliveredWh, type Load, sumBy } from './load.ts'

/** Where negative delivery is taken for none: nowhere (opt-out units, BSC), per settlement period of each meter (DFS opt-in units 2022/23), per period of each unit. */
export const floors = ['none', 'perMeterSP', 'perUnitSP'] as const
export type Floor = (typeof floors)[number]
/** What each floor makes of the same meters, Wh by period. A floored sum is never below one floored later: perMeterSP >= perUnitSP >= none. */
export type Floored = Readonly<Record<Floor, Float64Array>>

/**
 * All floors side by side, so that the phantom delivery of one is seen: the difference to `none`. Rows of `load` are meters, its periods settlement
 * periods; `unit` is the unit of each row. A period in which nobody is known is NaN in all of them.
 */
export function floored(load: Load, unit: ArrayLike<number>, units: number, direction: Direction = 'down'): Floored {
  const ofMeters = deliveredWh(load, direction)
  const ofUnits = deliveredWh(sumBy(load, unit, units), direction)
  const inUnits = ofMeters.map((wh, cell) => ((unit[Math.floor(cell / load.periods)] ?? -1) < 0 ? Number.NaN : wh))
  return {
    none: sumOfRows(inUnits, load.periods, wh => wh),
    perMeterSP: sumOfRows(inUnits, load.periods, atLeastNothing),
    perUnitSP: sumOfRows(ofUnits, load.periods, atLeastNothing),
  }
}
/** The same of each unit for itself: unit u, period t at `u * periods + t`, NaN where nobody of it is known. */
export function flooredEach(load: Load, unit: ArrayLike<number>, units: number, direction: Direction = 'down'): Floored {
  const none = deliveredWh(sumBy(load, unit, units), direction)
  const perMeterSP = none.map(wh => (Number.isNaN(wh) ? wh : 0))
  deliveredWh(load, direction).forEach((wh, cell) => {
    const u = unit[Math.floor(cell / load.periods)] ?? -1
    if (u >= 0 && !Number.isNaN(wh)) perMeterSP[u * load.periods + (cell % load.periods)]! += atLeastNothing(wh)
  })
  return { none, perMeterSP, perUnitSP: none.map(atLeastNothing) }
}
const atLeastNothing = (wh: number): number => Math.max(0, wh)

function sumOfRows(cells: Float64Array, periods: number, of: (wh: number) => number): Float64Array {
  const out = new Float64Array(periods).fill(Number.NaN)
  for (let cell = 0; cell < cells.length; cell++) {
    const t = cell % periods
    if (!Number.isNaN(cells[cell]!)) out[t] = (Number.isNaN(out[t]!) ? 0 : out[t]!) + of(cells[cell]!)
  }
  return out
}

/** Total over the periods that are known; 0 where none is. */
export function totalWh(byPeriod: Float64Array): number {
  let sum = 0
  for (const wh of byPeriod) if (!Number.isNaN(wh)) sum += wh
  return sum
}
