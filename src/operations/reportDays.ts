import { dayText } from '../core/verify/calendar.ts'
import { dayReasons } from '../core/verify/historic.ts'
import type { SelectedDays } from '../core/verify/record.ts'
import type { Days } from '../report/model.ts'

const NOT_LOOKED_AT = 0
const SELECTED = 1

/** Days that the baselines of an event were made of, and those that were not, each with how many chargers that is true of; newest first. */
export function daysOf({ day, patterns, patternOf }: SelectedDays): Days {
  const chargers = new Map<number, number>()
  for (const p of patternOf) chargers.set(p, (chargers.get(p) ?? 0) + 1)
  const byDay = new Map<string, { day: number; code: number; chargers: number }>()
  for (const [p, count] of chargers)
    day.forEach((d, k) => {
      const code = patterns[p * day.length + k]!
      if (code === NOT_LOOKED_AT) return
      const key = `${d} ${code}`
      byDay.set(key, { day: d, code, chargers: (byDay.get(key)?.chargers ?? 0) + count })
    })
  const all = [...byDay.values()].sort((a, b) => b.day - a.day || a.code - b.code)
  return {
    selected: all.filter(x => x.code === SELECTED).map(x => ({ day: dayText(x.day), chargers: x.chargers })),
    excluded: all.filter(x => x.code !== SELECTED).map(x => ({ day: dayText(x.day), why: reasonOf(x.code), chargers: x.chargers })),
  }
}
const reasonOf = (code: number): string => dayReasons[code - 2] ?? 'unknown'
