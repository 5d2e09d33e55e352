import { chargersOf, rangesOf } from './members.ts'
import type { Programme, Second } from './model.ts'
import { isOutage } from './outage.ts'
import { grown } from './rows.ts'
import { isStanding } from './standing.ts'
import { type EventState, firstS, type State } from './state.ts'

/**
 * What the calendar rules of a programme need to know of the past: how many of its events ran in a day and in a year, and since when each charger
 * rests. Events a day and a season are counted per programme; rest per charger. State forgets events after a while, so what they leave is kept
 * in two small columns: a count per programme and year, and the end of the last event that used a charger.
 */
const DAY_S = 86_400

/** The calendar year of an instant, UTC (civil from days, proleptic Gregorian). */
export function yearOf(atS: Second): number {
  const days = Math.floor(atS / DAY_S) + 719_468
  const era = Math.floor(days / 146_097)
  const ofEra = days - era * 146_097
  const yearOfEra = Math.floor((ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365)
  const dayOfYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  // the civil year of this reckoning begins in March
  return era * 400 + yearOfEra + (dayOfYear >= 306 ? 1 : 0)
}
const dayOf = (atS: Second): number => Math.floor(atS / DAY_S)
const beginS = (e: EventState): Second => e.event.intervals[0]?.fromS ?? 0
/** When it asks nothing more of anybody; the way back is not part of it. */
const endS = (e: EventState): Second => Math.min(e.event.intervals.at(-1)?.toS ?? 0, e.cancelledS)

/** Did it limit anybody, or will it? A test commands nobody, what was cancelled before its start never was, and neither a standing limit nor an outage is an event of a calendar. */
const runs = (e: EventState): boolean =>
  e.status === 'accepted' && !e.event.test && e.cancelledS > firstS(e) && !isStanding(e.event) && !isOutage(e.event)
const others = (s: State, e: EventState): EventState[] =>
  [...s.events.values()].filter(x => x.no !== e.no && x.event.programme === e.event.programme && runs(x))

/** Which rule of the calendar keeps all chargers out of this event, if any. Emergencies of the programme count, and are not asked. */
export function spentRule(s: State, e: EventState, p: Programme): 'eventsPerDay' | 'eventsPerSeason' | undefined {
  const fromS = beginS(e)
  const mine = others(s, e)
  if (mine.filter(x => dayOf(beginS(x)) === dayOf(fromS)).length >= p.maxEventsPerDay) return 'eventsPerDay'
  const year = yearOf(fromS)
  const forgotten = s.ran.get(p.id)?.get(year) ?? 0
  return forgotten + mine.filter(x => yearOf(beginS(x)) === year).length >= p.maxEventsPerSeason ? 'eventsPerSeason' : undefined
}

/**
 * 1 by charger number for who would not have rested `restS` between this event and another of its programme, before or after it; undefined where
 * there is nothing to rest from. An event still to end uses all whom it may use; one that is over used those that it sent a limit.
 */
export function unrested(s: State, e: EventState, p: Programme): Uint8Array | undefined {
  if (p.restS === 0) return undefined
  const [fromS, toS] = [beginS(e), endS(e)]
  const out = new Uint8Array(s.fleet.chargers)
  for (const x of others(s, e)) {
    if (fromS >= endS(x) + p.restS || beginS(x) >= toS + p.restS) continue
    for (const i of chargersOf(s.fleet, rangesOf(s.fleet, x.event.targets))) if (uses(s, x, i, endS(x) <= s.nowMs / 1000)) out[i] = 1
  }
  const ended = s.endedS.get(p.id)
  if (ended) for (let i = 0; i < Math.min(ended.length, out.length); i++) if (ended[i]! > 0 && fromS < ended[i]! + p.restS) out[i] = 1
  return out
}
function uses(s: State, x: EventState, i: number, isOver: boolean): boolean {
  if (i < x.excluded.length && x.excluded[i] !== 0) return false
  // of a box that takes one limit for all its chargers only the first is sent it
  return !isOver || (x.answer[i] ?? 0) > 0 || s.fleet.limitsAtStation[i] === 1
}

/** Its columns are about to go: whom it used rests from its end. Kept only where the programme has a rest. */
export function rememberRest(s: State, e: EventState): void {
  if (!runs(e) || (s.programmes.get(e.event.programme)?.restS ?? 0) === 0) return
  const column = grown(s.endedS.get(e.event.programme) ?? new Uint32Array(0), s.fleet.chargers)
  for (const i of chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets)))
    if (uses(s, e, i, true)) column[i] = Math.max(column[i]!, Math.min(endS(e), 0xffffffff))
  s.endedS.set(e.event.programme, column)
}
/** It is about to be forgotten: it stays in the count of its year. Years before the last are past asking. */
export function rememberRun(s: State, e: EventState): void {
  if (!runs(e)) return
  const years = s.ran.get(e.event.programme) ?? new Map<number, number>()
  const year = yearOf(beginS(e))
  years.set(year, (years.get(year) ?? 0) + 1)
  for (const y of years.keys()) if (y < yearOf(s.nowMs / 1000) - 1) years.delete(y)
  s.ran.set(e.event.programme, years)
}
