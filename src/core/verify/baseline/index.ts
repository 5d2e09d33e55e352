/**
 * Baselines: what a meter would have drawn without the event. One engine over data; a scheme is a `Ruleset` (see `rulesets.ts`), pinned to an event as
 * `id@version` when it is planned.
 *
 *   const ruleset = rulesetAt('elexon-bl01', '2024-02-15')              // or pinnedRuleset('elexon-bl01@1')
 *   const event = { day: parseDay('2024-02-15'), startSlot: 34, slots: 2 }   // 17:00-18:00, clock times of the ruleset's zone
 *   const days = candidateDays(ruleset, event.day, d => wasEventDay(d))      // most recent first: read these, the event day, and the day before it
 *   const h: History = { values, meters, firstDay, days, slotsPerDay: 48, isEventDay }   // values[(meter * days + day - firstDay) * 48 + slot], NaN: no reading
 *   const p = prepare(ruleset, event, 48)                                     // once per event
 *   const b = baselineOf(p, h, meter)                                         // one meter, with selected and excluded days, U, adjustment, flags
 *   baselinesOf(p, h, baseline, status)                                       // all meters, numbers only: baseline[meter * slots + k]
 *   baselineParts(ruleset, { ...event, slots: 20 }, h, meter)                 // an event past midnight, one part a day; for many meters with
 *   baselineParts(ruleset, event, h, meter, {}, preparedParts(ruleset, event)) //   preparedParts made once
 *
 * Energy is in the unit of the history and per slot; kW is energy (kWh) / hours of a slot. Turned down: D = baseline - measured. `shortage` set means the ruleset
 * lacks what it needs; if `isOutTurn`, the out-turn stands for the baseline (delivered 0), otherwise it is NaN (nothing can be said).
 * `historyOf` makes a history of interval series (5 min, 30 min ... in UTC) by the zone's clock; `slotOfPeriod` says which slot a settlement period of a 46 or 50 period
 * day reads. `controlGroup(rule, groups)` compares chargers with chargers and needs no history of days; `compare` says how good rulesets are on days without an event;
 * `withValues` makes a ruleset of one's own.
 */
export { type Baseline, baselineOf, baselineParts, baselinesOf, preparedParts, type Shortage } from './baseline.ts'
export { type Compared, compare, type ErrorFigures, errorFigures } from './compare.ts'
export { controlGroup, type Effect, type Groups, groupSize } from './controlGroup.ts'
export type { Given, History } from './history.ts'
export { statuses, type Work, workFor } from './likeDays.ts'
export { candidateDays, type EventSlots, type Exclusion, exclusions, type Prepared, partsOf, prepare } from './prepare.ts'
export { historyOf } from './rows.ts'
export type { Adjustment, ControlGroup, Keep, LikeDays, Method, Pool, Ruleset, Window } from './ruleset.ts'
export { pinnedRuleset, pinOf, rulesetAt, rulesets, withValues } from './rulesets.ts'
