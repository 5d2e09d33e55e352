import type { Day } from '../calendar.ts'

/**
 * What meters measured, as columns: `values[(meter * days + (day - firstDay)) * slotsPerDay + slot]` is the energy of that slot in whatever unit the caller
 * chooses (the baseline comes out in it), import positive, NaN where there is none. Slots are clock times. The event day is among the days: it has the
 * readings that adjust the baseline, and those it is compared with.
 */
export type History = {
  readonly values: Float64Array | Float32Array
  readonly meters: number
  readonly firstDay: Day
  readonly days: number
  readonly slotsPerDay: number
  /** 1 by meter and day where the meter was in an event (any delivery counts: DFS, balancing mechanism, a notified outage). */
  readonly isEventDay?: Uint8Array
  /** One number a day, for rulesets that look for days near in it. */
  readonly dayKey?: Float64Array
}
/** What a method needs that no meter measures. */
export type Given = {
  /** Nominated energy by slot of the event. */
  readonly nominated?: ArrayLike<number>
  /** Energy of one device by slot of the day, and how many devices. */
  readonly profile?: ArrayLike<number>
  readonly devices?: number
}

/** Where the row of a day begins in `values`; -1 where the history does not have it. */
export function rowAt(h: History, meter: number, day: Day): number {
  const r = day - h.firstDay
  return r < 0 || r >= h.days ? -1 : (meter * h.days + r) * h.slotsPerDay
}
/** A reading by slot of the event day; a slot below 0 is of the day before, one past the end of the day after. */
export function valueAt(h: History, meter: number, day: Day, slot: number): number {
  const row = rowAt(h, meter, day + Math.floor(slot / h.slotsPerDay))
  return row < 0 ? Number.NaN : h.values[row + (((slot % h.slotsPerDay) + h.slotsPerDay) % h.slotsPerDay)]!
}
