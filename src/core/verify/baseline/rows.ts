import { DAY_S, type Day, midnightS, periodsOf, slotOfPeriod, type Zone } from '../calendar.ts'
import type { EnergySeries } from '../series.ts'
import type { History } from './history.ts'

/**
 * Series of energy in time (UTC) laid out by the zone's clock, one row a local day. Finer intervals are added up; a slot with a part missing is NaN. Where the clocks
 * change, the hour left out is NaN (so the day is incomplete), and a slot that comes twice has the mean of the two: energy per settlement period either way.
 * @throws RangeError where the series' interval does not divide a slot, or does not begin on one.
 */
export function historyOf(
  series: readonly Pick<EnergySeries, 'fromS' | 'stepS' | 'wh'>[],
  at: { readonly zone: Zone; readonly firstDay: Day; readonly days: number; readonly slotsPerDay?: number },
): History {
  const slotsPerDay = at.slotsPerDay ?? 48
  const values = new Float64Array(series.length * at.days * slotsPerDay).fill(Number.NaN)
  for (let r = 0; r < at.days; r++) {
    const periods = periodsIn(at.zone, at.firstDay + r, slotsPerDay)
    series.forEach((s, meter) => {
      const row = (meter * at.days + r) * slotsPerDay
      fillDay(s, periods, values.subarray(row, row + slotsPerDay))
    })
  }
  return { values, meters: series.length, firstDay: at.firstDay, days: at.days, slotsPerDay }
}

/** The settlement periods of a local day: the slot of each, and 1 where the clock has been there already. */
type DayPeriods = { readonly fromS: number; readonly slot: Uint16Array; readonly isAgain: Uint8Array }
function periodsIn(zone: Zone, day: Day, slotsPerDay: number): DayPeriods {
  const slot = Uint16Array.from({ length: periodsOf(zone, day, slotsPerDay) }, (_, period) => slotOfPeriod(zone, day, period, slotsPerDay))
  return { fromS: midnightS(zone, day), slot, isAgain: Uint8Array.from(slot, (own, period) => (slot.indexOf(own) < period ? 1 : 0)) }
}
function fillDay(s: Pick<EnergySeries, 'fromS' | 'stepS' | 'wh'>, { fromS, slot, isAgain }: DayPeriods, row: Float64Array): void {
  const slotS = DAY_S / row.length
  const steps = slotS / s.stepS
  if (!Number.isInteger(steps) || (fromS - s.fromS) % s.stepS !== 0)
    throw new RangeError(`intervals of ${s.stepS} s from ${s.fromS} do not fill slots of ${slotS} s`)
  for (let period = 0; period < slot.length; period++) {
    const first = (fromS + period * slotS - s.fromS) / s.stepS
    let total = 0
    for (let k = 0; k < steps; k++) total += s.wh[first + k] ?? Number.NaN
    row[slot[period]!] = isAgain[period] === 0 ? total : (row[slot[period]!]! + total) / 2
  }
}
