import { type Day, dayOf, weekdayOf, yearOfDay } from './calendar.ts'

/**
 * Holidays as rules and one-off dates. England and Wales, Scotland: Banking and Financial Dealings Act 1971, schedule 1, and the proclamations since 2011, as
 * listed on gov.uk/bank-holidays. `nerc`: the six off-peak holidays of the North American markets. A date that falls on a weekend moves to the next weekday that
 * is no holiday itself, except that NERC's Saturdays stay where they are.
 */
export const holidaySets = ['none', 'englandAndWales', 'scotland', 'nerc'] as const
export type HolidaySet = (typeof holidaySets)[number]

type Rule =
  | { readonly on: readonly [month: number, day: number] }
  /** Days after Easter Sunday. */
  | { readonly easter: number }
  /** `nth` Monday (weekday 0) of a month, -1: the last. */
  | { readonly nth: number; readonly weekday: number; readonly month: number }
type Rules = {
  readonly rules: readonly Rule[]
  readonly moves: 'weekend' | 'sunday'
  /** Dates that a proclamation took away and gave. */
  readonly instead: Readonly<Record<number, { readonly not: readonly string[]; readonly but: readonly string[] }>>
}
const monday = (nth: number, month: number): Rule => ({ nth, weekday: 0, month })
const on = (month: number, day: number): Rule => ({ on: [month, day] })

/** Moved and extra days of the whole of Great Britain. */
const ofBritain: Rules['instead'] = {
  2011: { not: [], but: ['04-29'] },
  2012: { not: ['05-28'], but: ['06-04', '06-05'] },
  2020: { not: ['05-04'], but: ['05-08'] },
  2022: { not: ['05-30'], but: ['06-02', '06-03', '09-19'] },
  2023: { not: [], but: ['05-08'] },
}
const sets: Readonly<Record<Exclude<HolidaySet, 'none'>, Rules>> = {
  englandAndWales: {
    rules: [on(1, 1), { easter: -2 }, { easter: 1 }, monday(1, 5), monday(-1, 5), monday(-1, 8), on(12, 25), on(12, 26)],
    moves: 'weekend',
    instead: ofBritain,
  },
  scotland: {
    rules: [on(1, 1), on(1, 2), { easter: -2 }, monday(1, 5), monday(-1, 5), monday(1, 8), on(11, 30), on(12, 25), on(12, 26)],
    moves: 'weekend',
    instead: { ...ofBritain, 2026: { not: [], but: ['06-15'] } },
  },
  nerc: {
    rules: [on(1, 1), monday(-1, 5), on(7, 4), monday(1, 9), { nth: 4, weekday: 3, month: 11 }, on(12, 25)],
    moves: 'sunday',
    instead: {},
  },
}

const years = new Map<string, ReadonlySet<Day>>()
export function isHoliday(set: HolidaySet, day: Day): boolean {
  if (set === 'none') return false
  const year = yearOfDay(day)
  const key = `${set} ${year}`
  const known = years.get(key) ?? holidaysOf(set, year)
  years.set(key, known)
  return known.has(day)
}
/** All of one year. */
export function holidaysOf(set: Exclude<HolidaySet, 'none'>, year: number): ReadonlySet<Day> {
  const { rules, moves, instead } = sets[set]
  const dated = (text: string): Day => dayOf(year, Number(text.slice(0, 2)), Number(text.slice(3)))
  const not = new Set(instead[year]?.not.map(dated))
  const days = rules.map(rule => dateOf(rule, year)).filter(day => !not.has(day))
  // who already falls on a weekday keeps it: Boxing Day on a Monday stays, Christmas Day of that Sunday goes to Tuesday
  const out = new Set([...days.filter(day => !isMoved(day, moves)), ...(instead[year]?.but ?? []).map(dated)])
  for (const day of days.filter(d => isMoved(d, moves))) {
    let to = day
    while (weekdayOf(to) > 4 || out.has(to)) to++
    out.add(to)
  }
  return out
}
const isMoved = (day: Day, moves: Rules['moves']): boolean => weekdayOf(day) === 6 || (moves === 'weekend' && weekdayOf(day) === 5)

function dateOf(rule: Rule, year: number): Day {
  if ('on' in rule) return dayOf(year, ...rule.on)
  if ('easter' in rule) return easterOf(year) + rule.easter
  const { nth, weekday, month } = rule
  if (nth < 0) {
    const last = dayOf(year, month + 1, 0)
    return last - ((weekdayOf(last) - weekday + 7) % 7)
  }
  const first = dayOf(year, month, 1)
  return first + ((weekday - weekdayOf(first) + 7) % 7) + 7 * (nth - 1)
}
/** Easter Sunday of the Gregorian calendar (the rule of the Calendar (New Style) Act 1750, in Meeus' arithmetic). */
function easterOf(year: number): Day {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const d = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30
  const e = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - d - (c % 4)) % 7
  const m = Math.floor((a + 11 * d + 22 * e) / 451)
  const n = d + e - 7 * m + 114
  return dayOf(year, Math.floor(n / 31), (n % 31) + 1)
}
