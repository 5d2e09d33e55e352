import { type Baseline, baselineParts, preparedParts } from './baseline/baseline.ts'
import type { History as DenseHistory, Given } from './baseline/history.ts'
import { type EventSlots, exclusions, slotsOf } from './baseline/prepare.ts'
import type { Ruleset, Window } from './baseline/ruleset.ts'
import type { Baselines } from './baselines.ts'
import { DAY_S, type Day, offsetS, type Zone } from './calendar.ts'
import { rulesetOf } from './eventDays.ts'
import type { Periods } from './periods.ts'
import { type Rows, rowsBy } from './readingsRoot.ts'
import { type History, MISSING, type SelectedDays, type VerdictTerms, type Weather } from './record.ts'
import { maximaOf } from './weather.ts'

/** Why a day was not selected; see `SelectedDays`. */
export const dayReasons = exclusions.slice(1)
const [NOT_LOOKED_AT, SELECTED] = [0, 1]

/**
 * The event as slots of the ruleset's zone: from the slot in which it begins to the one in which it ends. A slot is as long as a settlement period. Where the
 * clocks go back within the event, it may end at an earlier clock time than it began: all that it touches counts.
 */
export function eventSlots({ zone }: Ruleset, { startS }: Periods, periodS: number): EventSlots {
  const perDay = DAY_S / periodS
  const begins = slotNo(zone, startS[0] ?? 0, periodS)
  let [first, last] = [begins, begins]
  for (const atS of startS) {
    const slot = slotNo(zone, atS, periodS)
    first = Math.min(first, slot)
    last = Math.max(last, slot)
  }
  const day = Math.floor(first / perDay)
  return { day, startSlot: first - day * perDay, slots: last - first + 1 }
}
/** By the clock: counted from local midnight of day 0. */
const slotNo = (zone: Ruleset['zone'], atS: number, periodS: number): number => Math.floor((atS + offsetS(zone, atS)) / periodS)

/** Windows of the event's own time that a ruleset looks at, beside the event. */
const windowsOf = ({ method: m }: Ruleset): readonly Window[] => {
  if (m.kind === 'meterBefore') return [m.window]
  if (m.kind !== 'likeDays') return []
  const alike = Object.values(m.pools).flatMap(({ keep }) => (keep.by === 'nearest' && keep.window ? [keep.window] : []))
  return [...(m.adjustment.kind === 'none' ? [] : m.adjustment.windows), ...alike]
}
/** Slots of the event's own days, from its first day on, that a ruleset looks at: what else is read there says nothing of it, and is not done yet. */
export const ownSlots = (ruleset: Ruleset, event: EventSlots, perDay: number): ReadonlySet<number> =>
  new Set(windowsOf(ruleset).flatMap(w => slotsOf(w, event, perDay)))
/** How long after the event's end what its ruleset looks at goes on, S. */
export const looksAfterS = (ruleset: Ruleset): number =>
  Math.max(0, ...windowsOf(ruleset).map(w => (w.from === 'end' ? 60 * (w.offsetMin + w.minutes) : 0)))

/** How long before the event's first slot that begins, S. */
export const looksBeforeS = (ruleset: Ruleset): number => Math.max(0, ...windowsOf(ruleset).map(w => -60 * w.offsetMin))

/** Some ten milliseconds. */
const ROWS_AT_ONCE = 500

/** Baselines by a ruleset of `baseline/`, from the days before; a ruleset that nobody knows any more has none. Stops after some rows, so that others may have their turn. */
export function* historicBaselines(
  who: Uint32Array,
  terms: VerdictTerms,
  periods: Periods,
  history: History | undefined,
  weather?: Weather,
): Generator<void, Baselines> {
  const count = periods.hours.length
  const wh = new Float64Array(who.length * count).fill(Number.NaN)
  const insufficient = new Uint8Array(who.length).fill(1)
  const outTurn = new Uint8Array(who.length)
  const ruleset = rulesetOf(terms.ruleset)
  if (!ruleset || count === 0) return { wh, from: 'sameMeter', insufficient, outTurn }
  const { periodS } = terms.rules
  const event = eventSlots(ruleset, periods, periodS)
  const prepared = preparedParts(ruleset, event, DAY_S / periodS)
  const given = givenOf(terms)
  const days = selectedDays(who.length)
  const firstNo = event.day * (DAY_S / periodS) + event.startSlot
  const view = viewOf(terms, history, event, periodS, weather && { of: weather, zone: ruleset.zone })
  const rows = history ? rowsBy(history.who) : new Map<number, Rows>()
  for (const [r, charger] of who.entries()) {
    if (r % ROWS_AT_ONCE === 0) yield
    const parts = baselineParts(ruleset, event, view(r, rows.get(charger)), 0, given, prepared)
    const bySlot = parts.flatMap(part => [...part.baseline])
    insufficient[r] = parts.some(part => part.shortage !== undefined) ? 1 : 0
    outTurn[r] = parts.some(part => part.isOutTurn) ? 1 : 0
    days.add(r, parts)
    for (let t = 0; t < count; t++) {
      const share = (periods.hours[t]! * 3600) / periodS
      const slot = slotNo(ruleset.zone, periods.startS[t]!, periodS) - firstNo
      // what stands in for too few days is what was measured, and the readings of the event say that
      wh[r * count + t] = outTurn[r] === 1 ? Number.NaN : (bySlot[slot] ?? Number.NaN) * share
    }
  }
  yield
  const { kind } = ruleset.method
  const from = kind === 'likeDays' || kind === 'meterBefore' ? 'sameMeter' : 'other'
  return { wh, from, insufficient, outTurn, days: days.columns() }
}
const givenOf = ({ profileWh }: VerdictTerms): Given => (profileWh ? { profile: profileWh, devices: 1 } : {})

/** The days of one charger after another, in the same columns. */
function viewOf(
  terms: VerdictTerms,
  history: History | undefined,
  event: EventSlots,
  periodS: number,
  weather: { readonly of: Weather; readonly zone: Zone } | undefined,
) {
  const slotsPerDay = DAY_S / periodS
  const known = history ? history.day : new Int32Array(0)
  const firstDay: Day = known.reduce((least, day) => Math.min(least, day), event.day)
  const days = known.reduce((most, day) => Math.max(most, day), event.day) - firstDay + 1
  const values = new Float64Array(days * slotsPerDay)
  const isEventDay = new Uint8Array(days)
  const dayKey = weather && maximaOf(weather.of, weather.zone, firstDay, days)
  const view: DenseHistory = { values, meters: 1, firstDay, days, slotsPerDay, isEventDay, ...(dayKey ? { dayKey } : {}) }
  const { eventDays = new Int32Array(0), inEvent = new Uint8Array(0) } = terms
  return (row: number, rows: Rows | undefined): DenseHistory => {
    values.fill(Number.NaN)
    isEventDay.fill(0)
    for (let k = rows?.from ?? 0; k < (rows?.to ?? 0) && history!.slots === slotsPerDay; k++)
      for (let slot = 0; slot < slotsPerDay; slot++) {
        const milliWh = history!.milliWh[k * slotsPerDay + slot]!
        values[(history!.day[k]! - firstDay) * slotsPerDay + slot] = milliWh === MISSING ? Number.NaN : milliWh / 1000
      }
    eventDays.forEach((day, k) => {
      if (day >= firstDay && day < firstDay + days) isEventDay[day - firstDay] = inEvent[row * eventDays.length + k]!
    })
    return view
  }
}

/** Gathers which days were taken and which not; chargers with the same days share a pattern. */
function selectedDays(rows: number) {
  const byRow: ReadonlyMap<Day, number>[] = []
  const adjustment = new Float64Array(rows).fill(Number.NaN)
  const flags = new Uint8Array(rows)
  return {
    add(row: number, parts: readonly Baseline[]): void {
      const codes = new Map<Day, number>()
      for (const part of [...parts].reverse()) {
        for (const { day, reason } of part.excluded) codes.set(day, 1 + exclusions.indexOf(reason))
        for (const day of part.selected) codes.set(day, SELECTED)
      }
      byRow[row] = codes
      const head = parts[0]
      if (!head) return
      const isShort = parts.some(part => part.shortage !== undefined)
      if (!isShort && head.adjustment.kind !== 'none') adjustment[row] = head.adjustment.value
      flags[row] = (head.adjustment.capHit ? 1 : 0) | (isShort ? 2 : 0)
    },
    columns(): SelectedDays {
      const day = Int32Array.from(new Set(byRow.flatMap(codes => [...codes.keys()])))
        .sort()
        .reverse()
      const known = new Map<string, number>()
      const patterns: number[] = []
      const patternOf = Uint32Array.from(byRow, codes => {
        const pattern = Array.from(day, d => codes.get(d) ?? NOT_LOOKED_AT)
        const key = pattern.join()
        if (!known.has(key)) {
          known.set(key, known.size)
          patterns.push(...pattern)
        }
        return known.get(key)!
      })
      return { day, patterns: Uint8Array.from(patterns), patternOf, adjustment, flags }
    },
  }
}
