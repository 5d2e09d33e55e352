import { parseDay } from '../calendar.ts'
import type { Adjustment, LikeDays, Pool, Ruleset, Window } from './ruleset.ts'

/**
 * The rulesets that are known without configuration. A value in `bands` was not re-read in the published rule: it is a reasonable band, not a fact, and
 * `withValues` sets it. Nothing here is code: a scheme that is not here is another entry.
 */
const workingWeek = ['working', 'working', 'working', 'working', 'working', 'nonWorking', 'nonWorking'] as const
const satSunWeek = ['weekday', 'weekday', 'weekday', 'weekday', 'weekday', 'saturday', 'sundayOrHoliday'] as const
/** The three hours that end one hour before the start: six half hours in GB, where the hour is the gate closure of the balancing mechanism. */
const threeHoursBeforeGate: Window = { from: 'start', offsetMin: -240, minutes: 180 }
const beforeGate: Adjustment = { kind: 'additive', windows: [threeHoursBeforeGate] }
const none: Adjustment = { kind: 'none' }
const ratio = (cap: number, ...windows: Window[]): Adjustment => ({ kind: 'ratio', windows, cap })
const all = (target: number, minimum: number): Pool => ({ target, minimum, keep: { by: 'all' } })
const highest = (count: number, target: number, minimum: number): Pool => ({ target, minimum, keep: { by: 'highest', count } })
const middle = (target: number, minimum: number): Pool => ({ target, minimum, keep: { by: 'drop', high: 1, low: 1 } })

const bl01 = (adjustment: Adjustment): LikeDays => ({
  kind: 'likeDays',
  holidays: 'englandAndWales',
  week: workingWeek,
  holiday: 'nonWorking',
  fromDaysBack: 1,
  lookBackDays: 60,
  pools: { working: all(10, 5), nonWorking: middle(4, 4) },
  rank: 'wholeDay',
  adjustment,
  insufficient: 'outTurn',
})
/** Like days where a scheme says no more than how many of how many. */
const likeDays = (pools: LikeDays['pools'], rest: Partial<LikeDays>): LikeDays => ({ ...bl01(none), insufficient: 'none', pools, ...rest })
const american = { holidays: 'nerc', lookBackDays: 45 } as const

const gb = { zone: 'Europe/London', bands: [] as string[] } as const
const always = '2000-01-01'

export const rulesets: readonly Ruleset[] = [
  {
    ...gb,
    id: 'elexon-bl01',
    version: 1,
    title: 'Elexon BL01 (BSC P376) with in-day adjustment',
    effectiveFrom: '2023-02-23',
    source: 'BSC P376 baselining methodology BL01; DFS Procurement Rules schedule 3 part 3',
    bands: ['effectiveFrom'],
    method: bl01(beforeGate),
  },
  {
    ...gb,
    id: 'elexon-bl01-unadjusted',
    version: 1,
    title: 'Elexon BL01 without in-day adjustment',
    effectiveFrom: '2023-02-23',
    source: 'as elexon-bl01',
    bands: ['effectiveFrom'],
    method: bl01(none),
  },
  {
    ...gb,
    id: 'dfs-domestic',
    version: 1,
    title: 'NESO Demand Flexibility Service, domestic, winter 2022/23: BL01 with in-day adjustment',
    effectiveFrom: '2022-11-01',
    effectiveTo: '2023-10-26',
    source: 'DFS Procurement Rules 2022/23 schedule 3 part 3',
    bands: ['effectiveFrom'],
    method: bl01(beforeGate),
  },
  {
    ...gb,
    id: 'dfs-domestic',
    version: 2,
    title: 'NESO Demand Flexibility Service, domestic, from 27 October 2023: BL01 without in-day adjustment, because it was gamed',
    effectiveFrom: '2023-10-27',
    source: 'DFS Procurement Rules 2023/24 schedule 3 part 3',
    method: bl01(none),
  },
  {
    ...gb,
    id: 'mid-8-in-10',
    version: 1,
    title: 'Middle 8 of 10 like days (ENA Open Networks historical)',
    effectiveFrom: always,
    source: 'ENA Open Networks WS1A P7',
    bands: ['method.pools.working.minimum', 'method.pools.nonWorking', 'method.lookBackDays', 'method.rank', 'method.insufficient'],
    method: likeDays({ working: middle(10, 5), nonWorking: middle(4, 4) }, {}),
  },
  {
    ...gb,
    id: 'mid-8-in-10-adjusted',
    version: 1,
    title: 'Middle 8 of 10 like days with same-day adjustment',
    effectiveFrom: always,
    source: 'ENA Open Networks WS1A P7',
    bands: [
      'method.pools.working.minimum',
      'method.pools.nonWorking',
      'method.lookBackDays',
      'method.rank',
      'method.insufficient',
      'method.adjustment',
    ],
    method: likeDays({ working: middle(10, 5), nonWorking: middle(4, 4) }, { adjustment: beforeGate }),
  },
  {
    ...gb,
    id: 'high-5-of-10',
    version: 1,
    title: 'High 5 of 10 like days, ranked over the event window',
    effectiveFrom: always,
    source: 'high X of Y as in VERIFICATION 1.0; X and Y by configuration',
    bands: ['method.pools', 'method.lookBackDays', 'method.insufficient'],
    method: likeDays({ working: highest(5, 10, 5), nonWorking: highest(2, 4, 3) }, { rank: 'eventWindow' }),
  },
  {
    id: 'pjm-high-4-of-5-saa',
    version: 1,
    title: 'PJM economic: high 4 of 5 with symmetric additive adjustment',
    effectiveFrom: always,
    zone: 'America/New_York',
    source: 'PJM Manual 11 section 10 (3 day types with SAA)',
    bands: ['method.pools.saturday', 'method.pools.sundayOrHoliday', 'method.pools.weekday.minimum', 'method.lookBackDays', 'method.rank'],
    method: likeDays(
      { weekday: highest(4, 5, 4), saturday: highest(2, 3, 2), sundayOrHoliday: highest(2, 3, 2) },
      {
        ...american,
        week: satSunWeek,
        holiday: 'sundayOrHoliday',
        rank: 'eventWindow',
        lowUsage: { share: 0.25 },
        adjustment: beforeGate,
      },
    ),
  },
  {
    id: 'caiso-10-in-10',
    version: 1,
    title: 'CAISO 10 in 10, non-residential: ratio within 20 %; weekends 4 of 4',
    effectiveFrom: always,
    zone: 'America/Los_Angeles',
    source: 'CAISO tariff 4.13.4 (day matching)',
    bands: ['method.pools.working.minimum', 'method.pools.nonWorking', 'method.adjustment.windows'],
    method: likeDays({ working: all(10, 5), nonWorking: all(4, 4) }, { ...american, adjustment: ratio(0.2, threeHoursBeforeGate) }),
  },
  {
    id: 'caiso-residential-5-in-10',
    version: 1,
    title: 'CAISO residential: 5 highest of 10, ratio within 40 % before and after; weekends 3 highest of 5, weighted',
    effectiveFrom: always,
    zone: 'America/Los_Angeles',
    source: 'CAISO tariff 4.13.4 (day matching, residential)',
    bands: ['method.pools.working.minimum', 'method.pools.nonWorking', 'method.adjustment.windows', 'method.rank'],
    method: likeDays(
      {
        working: highest(5, 10, 5),
        nonWorking: { target: 5, minimum: 3, keep: { by: 'highest', count: 3, weights: [0.5, 0.3, 0.2] } },
      },
      {
        ...american,
        rank: 'eventWindow',
        adjustment: ratio(0.4, { from: 'start', offsetMin: -240, minutes: 120 }, { from: 'end', offsetMin: 120, minutes: 120 }),
      },
    ),
  },
  {
    id: 'caiso-weather-match',
    version: 1,
    title: 'CAISO weather match: the 4 days of 90 nearest in maximum temperature (one number a day, given by the caller)',
    effectiveFrom: always,
    zone: 'America/Los_Angeles',
    source: 'CAISO tariff 4.13.4 (weather matching)',
    bands: ['method.pools', 'method.adjustment.windows'],
    method: likeDays(
      {
        working: { target: 90, minimum: 4, keep: { by: 'nearest', count: 4 } },
        nonWorking: { target: 90, minimum: 4, keep: { by: 'nearest', count: 4 } },
      },
      { ...american, lookBackDays: 90, adjustment: ratio(0.4, threeHoursBeforeGate) },
    ),
  },
  {
    id: 'nyiso-high-5-of-10',
    version: 1,
    title: 'NYISO day-ahead and emergency demand response: 5 highest of 10 weekdays, ratio within 20 %',
    effectiveFrom: always,
    zone: 'America/New_York',
    source: 'NYISO DADRP/EDRP manuals, customer baseline load',
    bands: ['method.adjustment', 'method.pools.nonWorking', 'method.pools.working.minimum', 'method.lookBackDays', 'method.holidays'],
    method: likeDays(
      { working: highest(5, 10, 5), nonWorking: highest(2, 3, 2) },
      {
        ...american,
        fromDaysBack: 2,
        rank: 'eventWindow',
        lowUsage: { share: 0.25 },
        adjustment: ratio(0.2, { from: 'start', offsetMin: -240, minutes: 120 }),
      },
    ),
  },
  {
    id: 'ercot-mid-8-of-10',
    version: 1,
    title: 'ERCOT ERS: middle 8 of 10 like days, multiplied by the event day',
    effectiveFrom: always,
    zone: 'America/Chicago',
    source: 'ERCOT ERS default baselines',
    bands: ['method.adjustment', 'method.pools.nonWorking', 'method.pools.working.minimum', 'method.lookBackDays', 'method.holidays'],
    method: likeDays(
      { working: middle(10, 5), nonWorking: middle(4, 4) },
      { ...american, adjustment: ratio(0.2, { from: 'start', offsetMin: -180, minutes: 120 }) },
    ),
  },
  {
    id: 'ercot-matching-day',
    version: 1,
    title: 'Matching days: the 10 like days whose hours before the event were most like those of the event day',
    effectiveFrom: always,
    zone: 'America/Chicago',
    source: 'ERCOT ERS matching day pair',
    bands: ['method'],
    method: likeDays(
      {
        working: { target: 60, minimum: 5, keep: { by: 'nearest', count: 10, window: { from: 'start', offsetMin: -1440, minutes: 1440 } } },
        nonWorking: {
          target: 60,
          minimum: 4,
          keep: { by: 'nearest', count: 4, window: { from: 'start', offsetMin: -1440, minutes: 1440 } },
        },
      },
      { ...american, lookBackDays: 60 },
    ),
  },
  {
    id: 'aemo-wdr-10-of-10',
    version: 1,
    title: 'AEMO wholesale demand response: 10 of 10, ratio within 20 %',
    effectiveFrom: '2021-10-24',
    zone: 'Australia/Brisbane',
    source: 'AEMO baseline methodology register',
    bands: ['method', 'effectiveFrom'],
    method: likeDays(
      { working: all(10, 5), nonWorking: all(4, 4) },
      { holidays: 'none', lookBackDays: 45, adjustment: ratio(0.2, threeHoursBeforeGate) },
    ),
  },
  {
    id: 'iso-ne-rolling',
    version: 1,
    title: 'ISO New England: 0.9 of the day before + 0.1 of the day, additive adjustment of two hours',
    effectiveFrom: always,
    zone: 'America/New_York',
    source: 'ISO-NE demand resource baseline',
    bands: ['method'],
    method: likeDays(
      { weekday: all(60, 10), saturday: all(60, 5), sundayOrHoliday: all(60, 5) },
      {
        ...american,
        week: satSunWeek,
        holiday: 'sundayOrHoliday',
        lookBackDays: 60,
        rolling: { keep: 0.9, seedDays: 5 },
        adjustment: { kind: 'additive', windows: [{ from: 'start', offsetMin: -120, minutes: 120 }] },
      },
    ),
  },
  {
    ...gb,
    id: 'meter-before',
    version: 1,
    title: 'Meter before, meter after: the half hour before the event, for events of an hour at most',
    effectiveFrom: always,
    source: 'ENA Open Networks meter-before; ERCOT MBMA (there the quarter of an hour before)',
    bands: ['method.window', 'method.maxMinutes'],
    method: { kind: 'meterBefore', window: { from: 'start', offsetMin: -30, minutes: 30 }, maxMinutes: 60, insufficient: 'none' },
  },
  {
    ...gb,
    id: 'nominated',
    version: 1,
    title: 'Nominated: what was submitted by noon of the day before',
    effectiveFrom: always,
    source: 'SSEN day-ahead markets; DFS from 9 April 2026',
    bands: ['method.deadline.daysBefore', 'method.deadline.atMin'],
    method: { kind: 'nominated', deadline: { daysBefore: 1, atMin: 720 } },
  },
  {
    ...gb,
    id: 'fixed-reference',
    version: 1,
    title: 'Fixed reference: the published profile of an asset type x devices (default of GB distribution networks for homes)',
    effectiveFrom: '2025-01-01',
    source: 'ENA Open Networks; Electron help pages',
    bands: ['effectiveFrom'],
    method: { kind: 'profile' },
  },
  {
    ...gb,
    id: 'zero',
    version: 1,
    title: 'Zero: whatever is fed in counts',
    effectiveFrom: always,
    source: 'ENA Open Networks zero baseline',
    method: { kind: 'constant', value: 0 },
  },
  {
    ...gb,
    id: 'control-group',
    version: 1,
    title: 'Chargers held out by draw: difference in differences against the two hours before',
    effectiveFrom: always,
    source: 'CAISO control group settlement methodology; CrowdFlex trials',
    bands: ['method.minGroup', 'method.interval', 'method.maxBalanceT'],
    method: { kind: 'controlGroup', beforeMinutes: 120, minGroup: 150, z: 1.959964, interval: 'student', maxBalanceT: 1.959964 },
  },
]

/** The version of a ruleset that is in force on a day (`2024-02-15`), the highest where several are; undefined where none is. */
export function rulesetAt(id: string, day: string, known: readonly Ruleset[] = rulesets): Ruleset | undefined {
  const at = parseDay(day)
  if (at === undefined) return undefined
  return known
    .filter(r => r.id === id && parseDay(r.effectiveFrom)! <= at && at <= (r.effectiveTo === undefined ? at : parseDay(r.effectiveTo)!))
    .sort((a, b) => b.version - a.version)[0]
}
/** The very one that an event was pinned to: `elexon-bl01@1`. */
export const pinnedRuleset = (pin: string, known: readonly Ruleset[] = rulesets): Ruleset | undefined => known.find(r => pinOf(r) === pin)
/**
 * A ruleset of one's own: another one with some values set, by dotted path (`method.adjustment.cap`), under an id of its own, because an id always means the same. A
 * value that is set is no band any more.
 * @throws RangeError where a path leads nowhere in the ruleset, or the id is taken
 */
export function withValues(
  base: Ruleset,
  own: { readonly id: string; readonly version?: number; readonly values: Readonly<Record<string, unknown>> },
): Ruleset {
  if (rulesets.some(r => r.id === own.id)) throw new RangeError(`the id ${own.id} is taken`)
  const copy = structuredClone(base) as unknown as Record<string, unknown>
  for (const [path, value] of Object.entries(own.values)) setAt(copy, path.split('.'), value, path)
  const isSet = (band: string) => Object.keys(own.values).some(path => band === path || band.startsWith(`${path}.`))
  return { ...(copy as unknown as Ruleset), id: own.id, version: own.version ?? 1, bands: base.bands.filter(b => !isSet(b)) }
}
function setAt(into: Record<string, unknown>, [key = '', ...rest]: string[], value: unknown, path: string): void {
  if (!Object.hasOwn(into, key)) throw new RangeError(`${path} is nothing of this ruleset`)
  if (rest.length === 0) into[key] = value
  else if (typeof into[key] === 'object' && into[key] !== null) setAt(into[key] as Record<string, unknown>, rest, value, path)
  else throw new RangeError(`${path} is nothing of this ruleset`)
}
export const pinOf = (r: Ruleset): string => `${r.id}@${r.version}`
