import { createHash } from 'node:crypto'
import type { HashHex } from '../model.ts'
import type { Ruleset } from './baseline/ruleset.ts'
import { type Day, localDay, midnightS, type Zone } from './calendar.ts'
import type { Weather, WeatherUsed } from './record.ts'
import type { Window } from './window.ts'

/** A day of which less is known has no maximum that could be compared: its warmest hour may be the one that is missing. Ours: the rules are silent. */
const MIN_KNOWN = 0.75

/** Does a ruleset look for days alike in something that no charger's meter shows? */
export const needsWeather = ({ method: m }: Ruleset): boolean =>
  m.kind === 'likeDays' && Object.values(m.pools).some(({ keep }) => keep.by === 'nearest' && keep.window === undefined)

/** From the first day that a ruleset may look at to the end of the event's last: its maximum may come after the event. */
export function weatherWindow({ method: m, zone }: Ruleset, { fromS, toS }: Window): Window {
  const back = m.kind === 'likeDays' ? m.lookBackDays : 0
  return { fromS: midnightS(zone, localDay(zone, fromS) - back), toS: midnightS(zone, localDay(zone, Math.max(fromS, toS - 1)) + 1) }
}

/** The highest temperature of each local day, degrees Celsius; NaN where too little of it is known. */
export function maximaOf({ startS, endS, milliC }: Weather, zone: Zone, firstDay: Day, days: number): Float64Array {
  const maximum = new Float64Array(days).fill(Number.NaN)
  const known = new Float64Array(days)
  for (let k = 0; k < milliC.length; k++) {
    const day = localDay(zone, startS[k]!) - firstDay
    if (day < 0 || day >= days) continue
    known[day]! += endS[k]! - startS[k]!
    const own = milliC[k]! / 1000
    if (!(maximum[day]! >= own)) maximum[day] = own
  }
  return maximum.map((x, day) => {
    const lengthS = midnightS(zone, firstDay + day + 1) - midnightS(zone, firstDay + day)
    return known[day]! >= MIN_KNOWN * lengthS ? x : Number.NaN
  })
}

/** SHA-256 over the columns as they stand in the `metered` fact, one after another: startS, endS (u32), milliC (i32), late (u8), little-endian. */
export function weatherRoot({ startS, endS, milliC, late }: Weather): HashHex {
  const all = createHash('sha256')
  for (const column of [startS, endS, milliC, late]) all.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength))
  return all.digest('hex')
}

export function weatherUsed(weather: Weather, { zone }: Ruleset, window: Window): WeatherUsed {
  const firstDay = localDay(zone, window.fromS)
  const count = localDay(zone, window.toS - 1) - firstDay + 1
  const known = maximaOf(weather, zone, firstDay, count).reduce((n, x) => n + (Number.isNaN(x) ? 0 : 1), 0)
  return {
    name: weather.name,
    root: weatherRoot(weather),
    count: weather.milliC.length,
    late: weather.late.reduce((n, x) => n + x, 0),
    days: known,
    missing: count - known,
  }
}
