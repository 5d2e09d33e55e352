import type { Second } from '../model.ts'
import { type Day, slotS, weekdayOf, type Zone } from './calendar.ts'

/** How often a submission is owed: for each day by the day before, or for a week, Monday to Sunday. */
export const cadences = ['dayAhead', 'weekly'] as const
export type Cadence = (typeof cadences)[number]
export const submissionStates = ['draft', 'due', 'sent', 'late'] as const
export type SubmissionState = (typeof submissionStates)[number]

export const daysOf: Readonly<Record<Cadence, number>> = { dayAhead: 1, weekly: 7 }
/** A submission is due from so long before its deadline. */
const DUE_S: Readonly<Record<Cadence, number>> = { dayAhead: 6 * 3600, weekly: 24 * 3600 }
/** Noon, as a half hour of the day. */
const NOON = 24
const WEDNESDAY = 2

/** The Monday of its week, or the day itself. */
export const firstDayOf = (cadence: Cadence, day: Day): Day => (cadence === 'weekly' ? day - weekdayOf(day) : day)
/**
 * By when, where the buyer says nothing else: noon of the day before (revisions of a day-ahead baseline are taken until then); a week by noon of the Wednesday
 * before it, which is ours: terms differ, and an own deadline may be given.
 */
export const deadlineS = (cadence: Cadence, firstDay: Day, zone: Zone): Second =>
  slotS(zone, cadence === 'dayAhead' ? firstDay - 1 : firstDay - 7 + WEDNESDAY, NOON)

/** What has been sent after its deadline is late for good: it may not be settled. What is not sent is draft, then due, then late. */
export function submissionState(cadence: Cadence, byS: Second, sentS: Second | null, nowS: Second): SubmissionState {
  if (sentS !== null) return sentS <= byS ? 'sent' : 'late'
  if (nowS > byS) return 'late'
  return nowS >= byS - DUE_S[cadence] ? 'due' : 'draft'
}
