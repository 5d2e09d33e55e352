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
  series.forEach((s, meter) => {
    for (let r = 0; r < at.days; r++) {
      const row = (meter * at.days + r) * slotsPerDay
      fillDay(s, at.zone, at.firstDay + r, values.subarray(row, row + slotsPerDay))
    }
  })
  return { values, meters: series.length, firstDay: at.firstDay, days: at.days, slotsPerDay }
}
function fillDay(s: Pick<EnergySeries, 'fromS' | 'stepS' | 'wh'>, zone: Zone, day: Day, row: Float64Array): void {
  const slotS = DAY_S / row.length
  const fromS = midnightS(zone, day)
  const steps = slotS / s.stepS
  if (!Number.isInteger(steps) || (fromS - s.fromS) % s.stepS !== 0)
    throw new RangeError(`intervals of ${s.stepS} s from ${s.fromS} do not fill slots of ${slotS} s`)
  const seen = new Uint8Array(row.length)
  for (let period = 0; period < periodsOf(zone, day, row.length); period++) {
    const first = (fromS + period * slotS - s.fromS) / s.stepS
    let total = 0
    for (let k = 0; k < steps; k++) total += s.wh[first + k] ?? Number.NaN
    const slot = slotOfPeriod(zone, day, period, row.length)
    row[slot] = seen[slot] === 0 ? total : (row[slot]! + total) / 2
    seen[slot]!++
  }
}
