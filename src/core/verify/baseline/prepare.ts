import { type Day, isClockChange, weekdayOf } from '../calendar.ts'
import { isHoliday } from '../calendarHolidays.ts'
import type { LikeDays, Pool, Ruleset, Window } from './ruleset.ts'

/**
 * An event, or the part of one that lies on one local day: from slot `startSlot` (a clock time) for `slots` slots. `slotsInAll` is the length of the whole
 * event where this is its first part.
 */
export type EventSlots = { readonly day: Day; readonly startSlot: number; readonly slots: number; readonly slotsInAll?: number }

/** Why a like day does not count. `holiday` is a day that would be of the kind but for the calendar; `rank` was in the pool and was not kept. */
export const exclusions = ['', 'eventDay', 'incomplete', 'lowUsage', 'noData', 'rank', 'holiday', 'clockChange'] as const
export type Exclusion = Exclude<(typeof exclusions)[number], ''>
export const exclusionCode = { kept: 0, eventDay: 1, incomplete: 2, lowUsage: 3, noData: 4, rank: 5 } as const

/** A ruleset for one event: everything that does not depend on a meter. Slots may be below 0 (the day before) or past the end of the day. */
export type Prepared = {
  readonly ruleset: Ruleset
  readonly event: EventSlots
  readonly slotsPerDay: number
  readonly kindOfDay: string
  readonly pool: Pool | undefined
  /** Does the energy of a day decide anything? */
  readonly isRanked: boolean
  /** Like days by the calendar alone, most recent first. */
  readonly candidates: Int32Array
  /** Days that the calendar alone leaves out, most recent first. */
  readonly skipped: readonly { readonly day: Day; readonly reason: Exclusion }[]
  /** Slots of the adjustment, relative to the event day. */
  readonly windowSlots: Int32Array
  /** Clock times at which the unadjusted baseline is needed: those of the event, then those of the window. */
  readonly slotsOfDay: Int32Array
}

/** @throws RangeError where the event does not lie within one day of `slotsPerDay` slots: cut it at midnight first (`partsOf`). */
export function prepare(ruleset: Ruleset, event: EventSlots, slotsPerDay = 48): Prepared {
  const { startSlot, slots } = event
  if (!(startSlot >= 0 && slots > 0 && startSlot + slots <= slotsPerDay && Number.isInteger(startSlot) && Number.isInteger(slots)))
    throw new RangeError(`slots ${startSlot}..${startSlot + slots} are not within a day of ${slotsPerDay}`)
  const m = ruleset.method
  const windows = m.kind === 'likeDays' && m.adjustment.kind !== 'none' ? m.adjustment.windows : m.kind === 'meterBefore' ? [m.window] : []
  const windowSlots = Int32Array.from(windows.flatMap(w => slotsOf(w, event, slotsPerDay)))
  const asked = Array.from({ length: slots }, (_, k) => startSlot + k)
  const clock = Array.from(windowSlots, s => ((s % slotsPerDay) + slotsPerDay) % slotsPerDay)
  const kindOfDay = m.kind === 'likeDays' ? kindOf(m, event.day) : ''
  const pool = m.kind === 'likeDays' ? m.pools[kindOfDay] : undefined
  return {
    ruleset,
    event,
    slotsPerDay,
    kindOfDay,
    pool,
    isRanked: m.kind === 'likeDays' && (m.lowUsage !== undefined || pool?.keep.by !== 'all'),
    ...daysOf(ruleset, event.day),
    windowSlots,
    slotsOfDay: Int32Array.from([...asked, ...clock]),
  }
}
/** A window that is no whole number of slots takes in the slots that it touches. */
export function slotsOf(w: Window, { startSlot, slots, slotsInAll = slots }: EventSlots, slotsPerDay: number): number[] {
  const slotMin = 1_440 / slotsPerDay
  const origin = w.from === 'start' ? startSlot : startSlot + slotsInAll
  const from = origin + Math.floor(w.offsetMin / slotMin)
  const to = origin + Math.ceil((w.offsetMin + w.minutes) / slotMin)
  return Array.from({ length: to - from }, (_, k) => from + k)
}
const kindOf = (m: LikeDays, day: Day): string => (isHoliday(m.holidays, day) ? m.holiday : m.week[weekdayOf(day)]!)

function daysOf({ method: m, zone }: Ruleset, day: Day): Pick<Prepared, 'candidates' | 'skipped'> {
  if (m.kind !== 'likeDays') return { candidates: new Int32Array(0), skipped: [] }
  const wanted = kindOf(m, day)
  const candidates: number[] = []
  const skipped: { day: Day; reason: Exclusion }[] = []
  for (let back = m.fromDaysBack; back <= m.lookBackDays; back++) {
    const d = day - back
    if (kindOf(m, d) !== wanted) {
      if (m.week[weekdayOf(d)] === wanted) skipped.push({ day: d, reason: 'holiday' })
    } else if (isClockChange(zone, d)) skipped.push({ day: d, reason: 'clockChange' })
    else candidates.push(d)
  }
  return { candidates: Int32Array.from(candidates), skipped }
}

/**
 * The days whose readings a ruleset may ask for, most recent first: like days by the calendar that are no event days. Those a meter lacks are passed over, so
 * `target` of them is enough for most meters, and all of them for any.
 */
export function candidateDays(ruleset: Ruleset, eventDay: Day, isEventDay: (day: Day) => boolean = () => false): Day[] {
  return [...daysOf(ruleset, eventDay).candidates].filter(d => !isEventDay(d))
}

/** An event cut at midnights: `slots` may run past the end of its first day. The clock's change is not an end of a day. */
export function partsOf(event: EventSlots, slotsPerDay = 48): EventSlots[] {
  const parts: EventSlots[] = []
  for (let { day, startSlot, slots } = event; slots > 0; day++, startSlot = 0) {
    const here = Math.min(slots, slotsPerDay - startSlot)
    parts.push({ day, startSlot, slots: here, ...(parts.length === 0 && here < slots ? { slotsInAll: slots } : {}) })
    slots -= here
  }
  return parts
}
