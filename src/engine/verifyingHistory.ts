import { candidateDays, historyOf, prepare } from '../core/verify/baseline/index.ts'
import type { Ruleset } from '../core/verify/baseline/ruleset.ts'
import { type Day, localDay, midnightS } from '../core/verify/calendar.ts'
import { rulesetOf } from '../core/verify/eventDays.ts'
import { eventSlots, ownSlots } from '../core/verify/historic.ts'
import { periodsIn } from '../core/verify/periods.ts'
import { type History, MISSING, type RulesetRef, type VerdictTerms } from '../core/verify/record.ts'
import { flaw } from '../core/verify/series.ts'
import type { Window } from '../core/verify/window.ts'
import { type Meters, type RollupStep, rollupSteps } from '../ports.ts'

/** Of a slot that lacks a part, what is there is not the energy of the slot. */
const INCOMPLETE = flaw.partial | flaw.gap

type Wanted = {
  readonly who: Uint32Array
  readonly window: Window
  readonly ruleset: RulesetRef
  readonly periodS: number
  /** Was the charger of a row in an event on that day? */
  isEventDay(row: number, day: Day): boolean
}
/** By what a verdict was made of: events that were verified since do not count. */
export const eventDayIn =
  ({ eventDays = new Int32Array(0), inEvent = new Uint8Array(0) }: VerdictTerms) =>
  (row: number, day: Day): boolean =>
    eventDays.includes(day) && inEvent[row * eventDays.length + eventDays.indexOf(day)] === 1

/**
 * Reads the days that a ruleset with history needs, for each charger the most recent first until it has enough of them: complete, and without an
 * event. With them the days of the event and the day before, which adjust the baseline. Undefined where the ruleset needs none.
 */
export function createHistoryReader(meters: Meters) {
  return async ({ who, window, ruleset: ref, periodS, isEventDay }: Wanted): Promise<History | undefined> => {
    const ruleset = rulesetOf(ref)
    const stepS = rollupSteps.find(step => step === periodS)
    if (!ruleset || !stepS || (ruleset.method.kind !== 'likeDays' && ruleset.method.kind !== 'meterBefore')) return undefined
    const today = localDay(ruleset.zone, window.fromS)
    const last = localDay(ruleset.zone, Math.max(window.fromS, window.toS - 1))
    const perDay = 86_400 / stepS
    const own = ownSlots(ruleset, eventSlots(ruleset, periodsIn(window, stepS), stepS), perDay)
    const isOf = (day: Day, slot: number): boolean => day < today || own.has((day - today) * perDay + slot)
    const days = gathered(who.length, isOf)
    for (let day = today - 1; day <= last; day++) await days.add(meters, ruleset, day, who, allOf(who), stepS)
    for (const { from, enough } of searchesIn(ruleset, today, last, perDay)) {
      let open = allOf(who)
      const found = new Uint16Array(who.length)
      for (const day of candidateDays(ruleset, from, candidate => candidate >= today)) {
        if (open.length === 0) break
        const complete = await days.add(meters, ruleset, day, who, open, stepS)
        open.forEach((row, k) => {
          if (complete[k] && !isEventDay(row, day)) found[row]!++
        })
        open = open.filter(row => found[row]! < enough)
      }
    }
    return days.history(who, perDay)
  }
}
const allOf = (who: Uint32Array): Uint32Array => Uint32Array.from(who, (_, row) => row)

/**
 * Past midnight an event may go on on a day of another kind, which has like days of its own. `enough`: how many complete days end the search; a rule that
 * passes over days of little use, or looks for days alike, is given all there are.
 */
function searchesIn(ruleset: Ruleset, today: Day, last: Day, perDay: number): readonly { readonly from: Day; readonly enough: number }[] {
  const { method: m } = ruleset
  const byKind = new Map<string, { from: Day; enough: number }>()
  for (let from = today; from <= last; from++) {
    const { kindOfDay, pool } = prepare(ruleset, { day: from, startSlot: 0, slots: 1 }, perDay)
    if (m.kind !== 'likeDays' || !pool || byKind.has(kindOfDay)) continue
    const takesAny = m.lowUsage !== undefined || pool.keep.by === 'nearest'
    byKind.set(kindOfDay, { from, enough: takesAny ? Number.POSITIVE_INFINITY : pool.target })
  }
  return [...byKind.values()]
}

/** Days before the event that a ruleset may look at, whoever of the chargers has them. */
export function daysLookedAt(ruleset: Ruleset, window: Window, periodS: number): Day[] {
  const today = localDay(ruleset.zone, window.fromS)
  const last = localDay(ruleset.zone, Math.max(window.fromS, window.toS - 1))
  return searchesIn(ruleset, today, last, 86_400 / periodS).flatMap(({ from }) => candidateDays(ruleset, from, day => day >= today))
}

type OneDay = { readonly day: Day; readonly milliWh: Int32Array }
/** `isOf`: does a slot of a day belong to what is looked at? */
function gathered(rows: number, isOf: (day: Day, slot: number) => boolean) {
  const byRow: OneDay[][] = Array.from({ length: rows }, () => [])
  return {
    /** By place in `open`: was the day complete? A day that a row has already is not read again. */
    async add(meters: Meters, { zone }: Ruleset, day: Day, who: Uint32Array, open: Uint32Array, stepS: RollupStep): Promise<boolean[]> {
      const known = open.map(row => (byRow[row]!.some(x => x.day === day) ? 1 : 0))
      const chargers = Uint32Array.from(open, row => who[row]!)
      const { wh, flaws, fromS, count } = await meters.history(chargers, {
        fromS: midnightS(zone, day),
        toS: midnightS(zone, day + 1),
        stepS,
      })
      const whole = wh.map((x, cell) => ((flaws[cell]! & INCOMPLETE) !== 0 ? Number.NaN : x))
      const series = Array.from(open, (_, k) => ({ fromS, stepS, wh: whole.subarray(k * count, (k + 1) * count) }))
      const slots = 86_400 / stepS
      const { values } = historyOf(series, { zone, firstDay: day, days: 1, slotsPerDay: slots })
      return Array.from(open, (row, k) => {
        const milliWh = Int32Array.from(values.subarray(k * slots, (k + 1) * slots), (x, slot) =>
          Number.isNaN(x) || !isOf(day, slot) ? MISSING : Math.round(x * 1000),
        )
        if (known[k] === 0 && milliWh.some(x => x !== MISSING)) byRow[row]!.push({ day, milliWh })
        return !milliWh.includes(MISSING)
      })
    },
    history(who: Uint32Array, slots: number): History {
      const order = allOf(who).sort((a, b) => who[a]! - who[b]!)
      const all = Array.from(order, row => ({ charger: who[row]!, days: byRow[row]!.toSorted((a, b) => a.day - b.day) }))
      const count = all.reduce((n, x) => n + x.days.length, 0)
      const out = { who: new Uint32Array(count), day: new Int32Array(count), slots, milliWh: new Int32Array(count * slots) }
      let k = 0
      for (const { charger, days } of all)
        for (const { day, milliWh } of days) {
          out.who[k] = charger
          out.day[k] = day
          out.milliWh.set(milliWh, k++ * slots)
        }
      return out
    },
  }
}
