import { chargerVerdicts, type Second } from '../model.ts'
import type { State } from '../state.ts'
import type { Ruleset } from './baseline/ruleset.ts'
import { pinnedRuleset, pinOf, withValues } from './baseline/rulesets.ts'
import { type Day, localDay, type Zone } from './calendar.ts'
import { nameOf, type RulesetRef, type VerdictTerms, type Verified } from './record.ts'

/** Days on which a charger was in any event are no baseline for another: kept for as long as the longest look-back of a ruleset. */
const KEPT_DAYS = 100
/** The zone of days where a ruleset has none. */
const HOME: Zone = 'Europe/London'

/** What an event is pinned to, with what its programme had set of it. */
export function rulesetOf(ref: RulesetRef): Ruleset | undefined {
  const known = pinnedRuleset(pinOf(ref as Ruleset))
  return known && ref.values
    ? { ...withValues(known, { id: nameOf(ref), values: ref.values }), id: known.id, version: known.version }
    : known
}
const zoneOf = (ref: RulesetRef): Zone => rulesetOf(ref)?.zone ?? HOME

const NOT_COMMANDED = chargerVerdicts.indexOf('notCommanded')

/** By local day: one bit for each charger number. */
export type EventDays = Map<Day, Uint8Array>
const has = (bits: Uint8Array | undefined, charger: number): boolean => ((bits?.[charger >> 3] ?? 0) & (1 << (charger & 7))) !== 0

/** Was a charger in an event on that day? */
export const isInEvent = (s: State, charger: number, day: Day): boolean => has(s.eventDays.get(day), charger)

/** Who was commanded had an event on the days of its window. In place. */
export function rememberEventDays(s: State, { verification, who, verdict, terms }: Verified): void {
  const { fromS, toS } = verification.window
  if (!terms || toS <= fromS) return
  const zone = zoneOf(terms.ruleset)
  for (let day = localDay(zone, fromS); day <= localDay(zone, toS - 1); day++) {
    const bits = s.eventDays.get(day) ?? new Uint8Array(0)
    const longer = new Uint8Array(Math.max(bits.length, Math.ceil(s.fleet.chargers / 8)))
    longer.set(bits)
    who.forEach((i, r) => {
      if (verdict[r] !== NOT_COMMANDED) longer[i >> 3]! |= 1 << (i & 7)
    })
    s.eventDays.set(day, longer)
  }
  const newest = Math.max(...s.eventDays.keys())
  for (const day of s.eventDays.keys()) if (day < newest - KEPT_DAYS) s.eventDays.delete(day)
}

/** Of the days before an event those on which a member was in one. */
export function eventDaysOf(s: State, who: Uint32Array, fromS: Second, ref: RulesetRef): Pick<VerdictTerms, 'eventDays' | 'inEvent'> {
  const today = localDay(zoneOf(ref), fromS)
  const days = [...s.eventDays.keys()].filter(day => day < today && day >= today - KEPT_DAYS && who.some(i => has(s.eventDays.get(day), i)))
  days.sort((a, b) => b - a)
  const inEvent = new Uint8Array(who.length * days.length)
  days.forEach((day, k) => {
    const bits = s.eventDays.get(day)
    who.forEach((i, r) => {
      if (has(bits, i)) inEvent[r * days.length + k] = 1
    })
  })
  return { eventDays: Int32Array.from(days), inEvent }
}
