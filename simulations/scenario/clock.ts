import type { Second } from '../../src/core/model.ts'
import { DAY_S, localDay, midnightS, offsetS, type Zone } from '../../src/core/verify/calendar.ts'
import { ScenarioError } from './read.ts'

/**
 * The instant of a local time like `2026-03-29T01:30` or `18:00:30`; a time alone is the first such from `afterS` on. An hour that the clock leaves out
 * is read as if it had not, an hour that it has twice is the first.
 * @throws ScenarioError for a date that is none
 */
export function instantOf(zone: Zone, text: string, afterS: Second): Second {
  const [date, clock] = text.includes('T') ? text.split('T') : [undefined, text]
  const [hours, minutes, secondsPast] = clock!.split(':').map(Number)
  const ofDayS = hours! * 3_600 + minutes! * 60 + (secondsPast ?? 0)
  if (date === undefined) {
    for (let day = localDay(zone, afterS); ; day++) {
      const atS = onDay(zone, day, ofDayS)
      if (atS >= afterS) return atS
    }
  }
  const ms = Date.parse(`${date}T00:00:00Z`)
  if (Number.isNaN(ms)) throw new ScenarioError([`${text} is no date`])
  return onDay(zone, ms / 1000 / DAY_S, ofDayS)
}
/** The instant of a local time of a day: `day` as `localDay` counts, `ofDayS` by the clock's hands. */
export function onDay(zone: Zone, day: number, ofDayS: number): Second {
  const localS = day * DAY_S + ofDayS
  // the offset before noon's guess and after it differ on two days a year
  const early = localS - offsetS(zone, midnightS(zone, day))
  const late = localS - offsetS(zone, early)
  return offsetS(zone, late) === offsetS(zone, early) ? late : early
}
export const localText = (zone: Zone, atS: Second): string => new Date((atS + offsetS(zone, atS)) * 1000).toISOString().slice(0, 19)
