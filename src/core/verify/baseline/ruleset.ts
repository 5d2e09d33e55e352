import type { Zone } from '../calendar.ts'
import type { HolidaySet } from '../calendarHolidays.ts'

/**
 * A stretch of time by clock minutes from the event's start or end: `{ from: 'start', offsetMin: -240, minutes: 180 }` is the three hours that end one
 * hour before it.
 */
export type Window = { readonly from: 'start' | 'end'; readonly offsetMin: number; readonly minutes: number }

/**
 * How the event day itself moves the baseline. Over the windows, A measured and U unadjusted:
 * - additive: B = U + mean(A - U), not capped unless `capShare` says so (a share of mean U);
 * - ratio: B = r U, r = sum A / sum U kept within 1 - cap .. 1 + cap; where sum U is 0, r is 1.
 * A window that lacks a reading gives no adjustment (the rules are silent; a part of a window is another window).
 */
export type Adjustment =
  | { readonly kind: 'none' }
  | { readonly kind: 'additive'; readonly windows: readonly Window[]; readonly capShare?: number }
  | { readonly kind: 'ratio'; readonly windows: readonly Window[]; readonly cap: number }

/**
 * Which days of the pool count. Ranks are by energy (see `rank`), most first; equal days rank most recent first.
 * `highest` may weigh them, by rank; `nearest` takes those most like the event day: in readings over `window` (sum of squared differences), or without one in a
 * number that the caller gives for each day, such as its maximum temperature.
 */
export type Keep =
  | { readonly by: 'all' }
  | { readonly by: 'drop'; readonly high: number; readonly low: number }
  | { readonly by: 'highest'; readonly count: number; readonly weights?: readonly number[] }
  | { readonly by: 'nearest'; readonly count: number; readonly window?: Window }

/** The most recent `target` eligible days; fewer than `minimum` is insufficient. */
export type Pool = { readonly target: number; readonly minimum: number; readonly keep: Keep }

/** History of like days: X of Y, BL01, matching days, and the rolling mean. */
export type LikeDays = {
  readonly kind: 'likeDays'
  readonly holidays: HolidaySet
  /** The kind of day, Monday first. */
  readonly week: readonly [string, string, string, string, string, string, string]
  readonly holiday: string
  /** From how many days before the event day (1: the day before) back to how many. */
  readonly fromDaysBack: number
  readonly lookBackDays: number
  /** By kind of day. A kind that is not here has no baseline: insufficient. */
  readonly pools: Readonly<Record<string, Pool>>
  readonly rank: 'wholeDay' | 'eventWindow'
  /** A day with less than this share of the pool's mean (by `rank`) is left out and the next one taken. */
  readonly lowUsage?: { readonly share: number }
  /** The mean is not a plain one: U = keep x U of the day before + (1 - keep) x X, oldest first, begun with the plain mean of the first `seedDays`. */
  readonly rolling?: { readonly keep: number; readonly seedDays: number }
  readonly adjustment: Adjustment
  /** What stands in where there are too few days: what was measured (nothing delivered), or nothing. */
  readonly insufficient: 'outTurn' | 'none'
}
/** Chargers held out by draw: see `controlGroup.ts`. `z` standard errors are the interval; `beforeMinutes` is the window before the event. */
export type ControlGroup = {
  readonly kind: 'controlGroup'
  readonly beforeMinutes: number
  readonly minGroup: number
  readonly z: number
  /** `student`: wider than `z` standard errors, by how few there are. */
  readonly interval: 'normal' | 'student'
  readonly maxBalanceT: number
}
export type Method =
  | LikeDays
  | ControlGroup
  /** The mean of what was drawn just before, for short events only. */
  | { readonly kind: 'meterBefore'; readonly window: Window; readonly maxMinutes: number; readonly insufficient: 'outTurn' | 'none' }
  /** What the participant submitted, slot by slot: by a clock time, so many days before the day that it is for. */
  | { readonly kind: 'nominated'; readonly deadline: { readonly daysBefore: number; readonly atMin: number } }
  /** A profile by slot of the day, published per device, times devices. */
  | { readonly kind: 'profile' }
  /** The same for every slot; 0 where nothing may be assumed. */
  | { readonly kind: 'constant'; readonly value: number }

/** A method, and where its values come from. */
export type Ruleset = {
  readonly id: string
  /** Grows with each change of what it says; an event is pinned to `id@version`. */
  readonly version: number
  readonly title: string
  /** Civil days of its zone, both inclusive. */
  readonly effectiveFrom: string
  readonly effectiveTo?: string
  readonly zone: Zone
  readonly source: string
  /**
   * Fields that were not re-read in the published rule: bands, not facts, that a configuration should set before anybody is paid by them. Dotted paths into the
   * ruleset.
   */
  readonly bands: readonly string[]
  readonly method: Method
}
