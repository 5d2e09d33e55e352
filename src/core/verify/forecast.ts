/**
 * Load of a group of chargers by day and half hour (or any other slot of the day), Wh: `wh[day * slots + slot]`, the last day is the newest. NaN where it is
 * not known. Days are civil days in a row, so the day seven rows back is the same weekday.
 */
export type DayLoads = { readonly days: number; readonly slots: number; readonly wh: Float64Array }
const WEEK = 7

/**
 * What a day `ahead` days after the last will draw: in each slot the mean of the same weekday in the last `weeks` weeks. Simple on purpose: whoever answers
 * for the number can do it by hand. NaN where none of those days is known.
 */
export function likeWeekday({ days, slots, wh }: DayLoads, ahead: number, weeks = 4): Float64Array {
  const out = new Float64Array(slots).fill(Number.NaN)
  for (let slot = 0; slot < slots; slot++) {
    let sum = 0
    let count = 0
    for (let week = 0; week < weeks; week++) {
      // the newest day of that weekday that has been
      const day = days - 1 + ahead - WEEK * (Math.ceil(ahead / WEEK) + week)
      const x = day < 0 ? Number.NaN : wh[day * slots + slot]!
      if (Number.isNaN(x)) continue
      sum += x
      count++
    }
    if (count > 0) out[slot] = sum / count
  }
  return out
}

export type ForecastError = {
  /** Slots in which the forecast could be held against what was metered. */
  readonly slots: number
  /** Mean of forecast - metered, as a share of the mean metered (MPE, the bias); null where nothing was metered. */
  readonly mpe: number | null
  /** Mean of |forecast - metered|, Wh per slot. */
  readonly maeWh: number | null
  readonly rmseWh: number | null
  /** Root mean square error / mean metered. */
  readonly cvrmse: number | null
  /** Root mean square error by slot of the day, Wh; NaN where there is none. */
  readonly bySlotWh: Float64Array
}
/**
 * How good the forecast has been: made anew for each of the last `testDays` days from what was known `ahead` days before it, held against what was metered.
 */
export function errorOfForecast(loads: DayLoads, ahead: number, weeks = 4, testDays = 14): ForecastError {
  const { days, slots, wh } = loads
  const [squares, counts] = [new Float64Array(slots), new Float64Array(slots)]
  let [bias, absolute, metered] = [0, 0, 0]
  for (let day = Math.max(ahead, days - testDays); day < days; day++) {
    const said = likeWeekday({ days: day - ahead + 1, slots, wh }, ahead, weeks)
    for (let slot = 0; slot < slots; slot++) {
      const was = wh[day * slots + slot]!
      const error = said[slot]! - was
      if (Number.isNaN(error)) continue
      squares[slot]! += error ** 2
      counts[slot]!++
      bias += error
      absolute += Math.abs(error)
      metered += was
    }
  }
  const n = counts.reduce((sum, c) => sum + c, 0)
  const rmseWh = n === 0 ? null : Math.sqrt(squares.reduce((sum, x) => sum + x, 0) / n)
  return {
    slots: n,
    mpe: metered > 0 ? bias / metered : null,
    maeWh: n === 0 ? null : absolute / n,
    rmseWh,
    cvrmse: rmseWh !== null && metered > 0 ? rmseWh / (metered / n) : null,
    bySlotWh: squares.map((x, slot) => (counts[slot] === 0 ? Number.NaN : Math.sqrt(x / counts[slot]!))),
  }
}

/** One in ten lies further below its mean than this many standard deviations. */
const ONE_IN_TEN = 1.2816
/**
 * What may be promised as available: the forecast less what it is likely to be wrong by, so that nine of ten times there is as much, never below 0. Where no
 * error is known nothing is promised. Terms of buyers are silent on how to get to a number; this is ours.
 */
export const available = (forecastWh: Float64Array, { bySlotWh }: ForecastError): Float64Array =>
  forecastWh.map((wh, slot) => (Number.isNaN(wh) || Number.isNaN(bySlotWh[slot]!) ? 0 : Math.max(0, wh - ONE_IN_TEN * bySlotWh[slot]!)))
