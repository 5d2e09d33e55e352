import type { Second } from '../model.ts'

/**
 * Local days and the periods of a day. A `Day` is a civil day of a zone as days since 1970-01-01; a `slot` is a clock time of that day (slot 34 of 48 is
 * 17:00), whatever the clocks do; a `period` is a settlement period, counted from 0 at local midnight in elapsed time: 46, 48 or 50 a day.
 *
 * The zones' rules are a table here and not Intl: a verdict must come out the same to the last digit on another machine, years later, and Intl's answers hang on
 * the tables that a runtime was built with. The table covers what the rulesets need; a test compares it with Intl, day by day.
 */
export type Day = number
export const DAY_S = 86_400

/** EU: last Sunday of March to last Sunday of October, at 01:00 UTC (Directive 2000/84/EC; GB: Summer Time Order 2002). US: second Sunday of March to first Sunday of November, at 02:00 local (Energy Policy Act 2005, from 2007). */
type Saving = 'none' | 'eu' | 'us'
const zones = {
  UTC: { h: 0, saving: 'none' },
  'Europe/London': { h: 0, saving: 'eu' },
  'Europe/Dublin': { h: 0, saving: 'eu' },
  'Europe/Paris': { h: 1, saving: 'eu' },
  'Europe/Berlin': { h: 1, saving: 'eu' },
  'Europe/Amsterdam': { h: 1, saving: 'eu' },
  'America/New_York': { h: -5, saving: 'us' },
  'America/Chicago': { h: -6, saving: 'us' },
  'America/Denver': { h: -7, saving: 'us' },
  'America/Phoenix': { h: -7, saving: 'none' },
  'America/Los_Angeles': { h: -8, saving: 'us' },
  /** The time of the Australian market all year. */
  'Australia/Brisbane': { h: 10, saving: 'none' },
} as const satisfies Record<string, { h: number; saving: Saving }>
export type Zone = keyof typeof zones
export const zoneNames = Object.keys(zones) as Zone[]
export const isZone = (name: string): name is Zone => Object.hasOwn(zones, name)

export const dayOf = (year: number, month: number, day: number): Day => Date.UTC(year, month - 1, day) / (DAY_S * 1000)
export const yearOfDay = (day: Day): number => new Date(day * DAY_S * 1000).getUTCFullYear()
/** `2024-02-15`. */
export const dayText = (day: Day): string => new Date(day * DAY_S * 1000).toISOString().slice(0, 10)
/** Undefined for what is no day of the calendar. */
export function parseDay(text: string): Day | undefined {
  const [, y, m, d] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []
  const day = dayOf(Number(y), Number(m), Number(d))
  return Number.isFinite(day) && dayText(day) === text ? day : undefined
}
/** Monday is 0. */
export const weekdayOf = (day: Day): number => (((day + 3) % 7) + 7) % 7

const lastSunday = (year: number, month: number): Day => {
  const last = dayOf(year, month + 1, 0)
  return last - ((weekdayOf(last) + 1) % 7)
}
const nthSunday = (year: number, month: number, n: number): Day => {
  const first = dayOf(year, month, 1)
  return first + ((6 - weekdayOf(first) + 7) % 7) + 7 * (n - 1)
}
type Summer = { readonly first: Day; readonly last: Day; readonly fromS: Second; readonly toS: Second }
const summers = new Map<string, Summer>()
function summerOf(zone: Zone, year: number): Summer | undefined {
  const { h, saving } = zones[zone]
  if (saving === 'none') return undefined
  const key = `${zone} ${year}`
  const known = summers.get(key)
  if (known) return known
  const [first, last] = saving === 'eu' ? [lastSunday(year, 3), lastSunday(year, 10)] : [nthSunday(year, 3, 2), nthSunday(year, 11, 1)]
  const [fromS, toS] =
    saving === 'eu' ? [first * DAY_S + 3600, last * DAY_S + 3600] : [first * DAY_S + (2 - h) * 3600, last * DAY_S + (1 - h) * 3600]
  const summer = { first, last, fromS, toS }
  summers.set(key, summer)
  return summer
}

/** Local clock minus UTC, in seconds. */
export function offsetS(zone: Zone, atS: Second): number {
  const { h } = zones[zone]
  const summer = summerOf(zone, yearOfDay(Math.floor((atS + h * 3600) / DAY_S)))
  return h * 3600 + (summer && summer.fromS <= atS && atS < summer.toS ? 3600 : 0)
}
/** The local day of an instant. */
export const localDay = (zone: Zone, atS: Second): Day => Math.floor((atS + offsetS(zone, atS)) / DAY_S)
/** The instant of local midnight: clocks change at 01:00 or later in every zone of the table, so it is always there, once. */
export function midnightS(zone: Zone, day: Day): Second {
  const guess = day * DAY_S - zones[zone].h * 3600
  return day * DAY_S - offsetS(zone, guess - (offsetS(zone, guess) - zones[zone].h * 3600))
}
export function isClockChange(zone: Zone, day: Day): boolean {
  const summer = summerOf(zone, yearOfDay(day))
  return summer !== undefined && (day === summer.first || day === summer.last)
}
/** Periods of a local day: of half an hour 46, 48 or 50. */
export const periodsOf = (zone: Zone, day: Day, slotsPerDay = 48): number =>
  ((midnightS(zone, day + 1) - midnightS(zone, day)) * slotsPerDay) / DAY_S
/** The clock time at which a period (from 0) begins, as a slot. In the hour that comes twice two periods have the same slot. */
export function slotOfPeriod(zone: Zone, day: Day, period: number, slotsPerDay = 48): number {
  const atS = midnightS(zone, day) + (period * DAY_S) / slotsPerDay
  return Math.floor(((atS + offsetS(zone, atS) - day * DAY_S) * slotsPerDay) / DAY_S)
}
/** The instant of a clock time; of the hour that comes twice the first, of the hour that is left out the instant an hour later on the clock. */
export function slotS(zone: Zone, day: Day, slot: number, slotsPerDay = 48): Second {
  const clockS = day * DAY_S + (slot * DAY_S) / slotsPerDay
  const readsRight = (atS: Second) => atS + offsetS(zone, atS) === clockS
  // with the offset that holds at midnight, then with that after the change
  const early = clockS - offsetS(zone, midnightS(zone, day))
  const late = clockS - offsetS(zone, early)
  return readsRight(early) || !readsRight(late) ? early : late
}
