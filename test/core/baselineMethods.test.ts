import { describe, expect, test } from 'vitest'
import {
  baselineOf,
  baselineParts,
  candidateDays,
  compare,
  controlGroup,
  errorFigures,
  type Groups,
  groupSize,
  type History,
  historyOf,
  pinnedRuleset,
  prepare,
  type Ruleset,
  rulesetAt,
  rulesets,
  withValues,
} from '../../src/core/verify/baseline/index.ts'
import type { ControlGroup } from '../../src/core/verify/baseline/ruleset.ts'
import { dayText, midnightS, parseDay } from '../../src/core/verify/calendar.ts'

const day = (text: string) => parseDay(text)!
const ruleset = (pin: string): Ruleset => pinnedRuleset(pin)!
/** `n` days that end with `last`, energy by days before `last` and slot. */
function history(last: string, n: number, energy: (back: number, slot: number) => number): History {
  const values = Float64Array.from({ length: n * 48 }, (_, i) => energy(n - 1 - Math.floor(i / 48), i % 48))
  return { values, meters: 1, firstDay: day(last) - n + 1, days: n, slotsPerDay: 48 }
}
/** A Thursday with nothing special in the 60 days before it but Memorial Day, which the American rulesets know. */
const thursday = '2024-06-27'
const at = (pin: string, startSlot = 34, slots = 2) => prepare(ruleset(pin), { day: day(thursday), startSlot, slots })
const backs = (days: readonly number[]) => days.map(d => day(thursday) - d)

describe('which days', () => {
  test('low usage: a day below a quarter of the pool is replaced by the next (PJM)', () => {
    const h = history(thursday, 61, back => (back === 2 ? 0.2 : back === 0 ? 1 : 1 + back / 100))
    const b = baselineOf(at('pjm-high-4-of-5-saa@1'), h)
    expect(backs(b.selected)).toEqual([3, 6, 7, 8])
    expect(b.excluded.map(x => [day(thursday) - x.day, x.reason])).toEqual([
      [1, 'rank'],
      [2, 'lowUsage'],
    ])
  })
  test('NYISO begins two days before', () => {
    const b = baselineOf(
      at('nyiso-high-5-of-10@1'),
      history(thursday, 61, back => back + 1),
    )
    expect(backs(b.selected)).toEqual([9, 10, 13, 14, 15])
  })
  test('rank is by the event window where the rule says so: a day that is large elsewhere does not count', () => {
    const h = history(thursday, 61, (back, slot) => (back === 1 ? (slot < 10 ? 100 : 0.5) : 1))
    expect(backs(baselineOf(at('high-5-of-10@1'), h).selected)).not.toContain(1)
    const wholeDay = withValues(ruleset('high-5-of-10@1'), { id: 'own', values: { 'method.rank': 'wholeDay' } })
    expect(backs(baselineOf(prepare(wholeDay, { day: day(thursday), startSlot: 34, slots: 2 }), h).selected)).toContain(1)
  })
  test('equal days: the most recent are kept', () => {
    expect(
      backs(
        baselineOf(
          at('high-5-of-10@1'),
          history(thursday, 61, () => 1),
        ).selected,
      ),
    ).toEqual([1, 2, 3, 6, 7])
  })
  test('weights go by rank: 50, 30 and 20 % of the three highest weekend days (CAISO residential)', () => {
    const saturday = { day: day('2024-06-29'), startSlot: 34, slots: 2 }
    const b = baselineOf(
      prepare(ruleset('caiso-residential-5-in-10@1'), saturday),
      history('2024-06-29', 61, back => [1, 0, 0, 0, 0, 0, 10, 20][back] ?? 5),
    )
    expect(b.unadjusted[0]).toBeCloseTo(0.5 * 20 + 0.3 * 10 + 0.2 * 5, 12)
    expect(b.weights).toEqual([0.3, 0.5, 0.2])
  })
  test('matching days: those whose day before the event was most alike', () => {
    const alike = new Set([6, 9, 13, 16, 20, 23, 27, 30, 34, 37])
    const h = history(thursday, 62, (back, slot) => (back <= 1 || alike.has(back) || alike.has(back - 1) ? slot : 3 * slot))
    expect(backs(baselineOf(at('ercot-matching-day@1'), h).selected)).toEqual([...alike])
  })
  test('weather: the four days nearest in a number that is given by day', () => {
    const h = history(thursday, 91, () => 1)
    const dayKey = Float64Array.from({ length: 91 }, (_, r) => [30, 0, 0, 29, 0, 0, 31, 29.5, 0, 0, 28][90 - r] ?? 10)
    expect(backs(baselineOf(at('caiso-weather-match@1'), { ...h, dayKey }).selected)).toEqual([3, 6, 7, 10])
    expect(baselineOf(at('caiso-weather-match@1'), h).shortage).toBe('tooFewDays')
  })
  test('a pool that drops as many as it has is too few, not nothing divided by nothing', () => {
    const own = withValues(ruleset('mid-8-in-10@1'), { id: 'own', values: { 'method.pools.working.minimum': 1 } })
    const b = baselineOf(
      prepare(own, { day: day(thursday), startSlot: 34, slots: 2 }),
      history(thursday, 3, () => 1),
    )
    expect(b).toMatchObject({ shortage: 'tooFewDays', isOutTurn: false })
    expect([...b.baseline]).toEqual([Number.NaN, Number.NaN])
  })
  test('what to read from a store: like days that are no event days, most recent first', () => {
    const days = candidateDays(ruleset('elexon-bl01@1'), day('2024-04-03'), d => d === day('2024-03-28'))
    expect(days.slice(0, 3).map(dayText)).toEqual(['2024-04-02', '2024-03-27', '2024-03-26'])
    expect(days).toHaveLength(42 - 2 - 1)
  })
})

test.each([
  ['englandAndWales', 'working', '2024-01-02'],
  ['scotland', 'nonWorking', '2023-12-31'],
] as const)('2 January 2024 in %s is %s', (holidays, kind, newest) => {
  const own = withValues(ruleset('elexon-bl01@1'), { id: 'own', values: { 'method.holidays': holidays } })
  expect(prepare(own, { day: day('2024-01-02'), startSlot: 34, slots: 2 }).kindOfDay).toBe(kind)
  const wednesday = prepare(own, { day: day('2024-01-03'), startSlot: 34, slots: 2 })
  expect(wednesday.skipped.slice(0, 2).map(x => dayText(x.day))).toEqual(
    holidays === 'scotland' ? ['2024-01-02', '2024-01-01'] : ['2024-01-01', '2023-12-26'],
  )
  expect(dayText(candidateDays(own, day(kind === 'working' ? '2024-01-03' : '2024-01-01'))[0]!)).toBe(newest)
})

describe('how the event day moves it', () => {
  test('a day that drew nothing where it is usual to draw nothing is not multiplied by anything', () => {
    const b = baselineOf(
      at('caiso-10-in-10@1'),
      history(thursday, 61, (back, slot) => (slot >= 34 ? 2 : back === 0 ? 1 : 0)),
    )
    expect(b.adjustment).toEqual({ kind: 'ratio', value: 1, uncapped: 1, capHit: false })
    expect([...b.baseline]).toEqual([2, 2])
  })
  test('a window that lacks a reading adjusts nothing, and says so', () => {
    const b = baselineOf(
      at('elexon-bl01@1'),
      history(thursday, 61, (back, slot) => (back === 0 && slot === 27 ? Number.NaN : 1 + back)),
    )
    expect(b.adjustment).toEqual({ kind: 'additive', value: 0, uncapped: Number.NaN, capHit: false })
    expect(b.baseline[0]).toBe(b.unadjusted[0])
  })
  test('meter points may go below zero: nothing is clipped', () => {
    const b = baselineOf(
      at('elexon-bl01@1'),
      history(thursday, 61, back => (back === 0 ? -3 : 1)),
    )
    expect([...b.baseline]).toEqual([-3, -3])
  })
  test('an additive cap, where a configuration sets one', () => {
    const own = withValues(ruleset('elexon-bl01@1'), {
      id: 'own',
      values: { 'method.adjustment': { kind: 'additive', windows: [{ from: 'start', offsetMin: -240, minutes: 180 }], capShare: 0.2 } },
    })
    const b = baselineOf(
      prepare(own, { day: day(thursday), startSlot: 34, slots: 2 }),
      history(thursday, 61, back => (back === 0 ? 3 : 1)),
    )
    expect(b.adjustment).toEqual({ kind: 'additive', value: expect.closeTo(0.2, 12), uncapped: 2, capHit: true })
  })
  test('windows before and after the event count together (CAISO residential)', () => {
    const h = history(thursday, 61, (back, slot) => (back > 0 ? 1 : slot < 34 ? 1.1 : slot >= 40 ? 1.3 : 0))
    expect(baselineOf(at('caiso-residential-5-in-10@1'), h).adjustment.value).toBeCloseTo(1.2, 12)
  })
  test('rolling: 0.9 of what it was and 0.1 of the day, begun with the mean of five (ISO-NE)', () => {
    const own = withValues(ruleset('iso-ne-rolling@1'), {
      id: 'own',
      values: { 'method.adjustment': { kind: 'none' }, 'method.pools.weekday.minimum': 6, 'method.lookBackDays': 9 },
    })
    const b = baselineOf(
      prepare(own, { day: day(thursday), startSlot: 34, slots: 1 }),
      history(thursday, 10, back => back),
    )
    // weekdays back: 1 2 3 6 7 8 9
    const seed = (9 + 8 + 7 + 6 + 3) / 5
    expect(b.baseline[0]).toBeCloseTo(0.9 * (0.9 * seed + 0.1 * 2) + 0.1 * 1, 12)
  })
})

describe('without like days', () => {
  test('meter before: the half hour before, for an hour at most', () => {
    const h = history(thursday, 3, (back, slot) => (back === 0 && slot === 33 ? 7 : 0))
    expect([...baselineOf(at('meter-before@1'), h).baseline]).toEqual([7, 7])
    expect(baselineOf(at('meter-before@1', 34, 3), h)).toMatchObject({ shortage: 'tooLong', isOutTurn: false })
    expect(baselineOf(at('meter-before@1', 0, 2), { ...h, days: 1, firstDay: day(thursday) }).shortage).toBe('noReadings')
  })
  test('nominated, profile x devices, zero', () => {
    const h = history(thursday, 1, () => 5)
    expect([...baselineOf(at('nominated@1'), h, 0, { nominated: [4, 3] }).baseline]).toEqual([4, 3])
    expect(baselineOf(at('nominated@1'), h).shortage).toBe('notGiven')
    // 150 chargers of 7 kW at 0.83 kW each: 124.5 kW, not the 12.5 kW of a page that lost a factor of ten
    const profile = new Float64Array(48).fill(0.83 / 2)
    expect(baselineOf(at('fixed-reference@1'), h, 0, { profile, devices: 150 }).baseline[0]! * 2).toBeCloseTo(124.5, 10)
    expect([...baselineOf(at('zero@1'), h).baseline]).toEqual([0, 0])
  })
})

describe('past midnight', () => {
  test('each day has its own like days, the adjustment is that of the start, and the event is not its own history', () => {
    const friday = '2024-06-28'
    const h = history('2024-06-29', 62, (back, slot) => (back === 1 ? (slot < 46 ? 2 : 0) : back === 0 ? 0 : back === 2 ? 1 : 1))
    const [first, second] = baselineParts(ruleset('elexon-bl01@1'), { day: day(friday), startSlot: 46, slots: 4 }, h)
    expect([first!.kindOfDay, second!.kindOfDay]).toEqual(['working', 'nonWorking'])
    expect([[...first!.baseline], [...second!.baseline]]).toEqual([
      [2, 2],
      [2, 2],
    ])
    expect([...first!.selected, ...second!.selected]).not.toContain(day(friday))
  })
  test('a nomination goes on where the first day ended', () => {
    const parts = baselineParts(
      ruleset('nominated@1'),
      { day: day(thursday), startSlot: 47, slots: 3 },
      history(thursday, 2, () => 0),
      0,
      {
        nominated: [1, 2, 3],
      },
    )
    expect(parts.map(p => [...p.baseline])).toEqual([[1], [2, 3]])
  })
  test('two hours are too long for meter-before, though each day has one of them', () => {
    const parts = baselineParts(
      ruleset('meter-before@1'),
      { day: day(thursday), startSlot: 46, slots: 4 },
      history(thursday, 2, () => 1),
    )
    expect(parts.map(p => p.shortage)).toEqual(['tooLong', 'tooLong'])
  })
  test('a window that begins the evening before reads that evening, and the usual evening of the chosen days', () => {
    const h = history(thursday, 61, (back, slot) => (back === 1 && slot >= 40 ? 4 : 1))
    const b = baselineOf(at('elexon-bl01@1', 0, 1), h)
    // slots 40..45 of the day before: 4 against the mean of 4 and nine times 1
    expect(b.adjustment.value).toBeCloseTo(4 - 1.3, 12)
  })
})

describe('the days on which clocks change', () => {
  const series = (from: string, days: number, value: (k: number) => number) => ({
    fromS: midnightS('Europe/London', day(from)),
    stepS: 1_800,
    wh: Float64Array.from({ length: days * 48 + 4 }, (_, k) => value(k)),
  })
  const layOut = (from: string, days = 1) =>
    historyOf([series(from, days, k => k)], { zone: 'Europe/London', firstDay: day(from), days }).values
  test('46 periods: the hour that is left out is no reading, what follows is at its clock time', () => {
    expect([...layOut('2024-03-31').subarray(0, 6)]).toEqual([0, 1, Number.NaN, Number.NaN, 2, 3])
    expect(layOut('2024-03-31')[47]).toBe(45)
  })
  test('50 periods: a clock time that comes twice has the mean of both', () => {
    expect([...layOut('2024-10-27').subarray(0, 6)]).toEqual([0, 1, 3, 4, 6, 7])
    expect(layOut('2024-10-27')[47]).toBe(49)
  })
  test('the day after begins at its midnight', () => {
    expect([layOut('2024-03-31', 2)[48], layOut('2024-10-27', 2)[48]]).toEqual([46, 50])
  })
  test('five minutes add up; one that is missing makes the half hour unknown', () => {
    const wh = Float64Array.from({ length: 288 }, (_, k) => (k === 7 ? Number.NaN : 1))
    const at5 = { zone: 'UTC', firstDay: 0, days: 1 } as const
    expect([...historyOf([{ fromS: 0, stepS: 300, wh }], at5).values.subarray(0, 3)]).toEqual([6, Number.NaN, 6])
    expect(() => historyOf([{ fromS: 60, stepS: 300, wh }], at5)).toThrow(/do not fill/)
  })
})

describe('rulesets', () => {
  test('an event is pinned to the version of its day: the domestic adjustment ended on 27 October 2023', () => {
    const kinds = ['2023-10-26', '2023-10-27'].map(d => rulesetAt('dfs-domestic', d)!)
    expect(kinds.map(r => [r.version, r.method.kind === 'likeDays' && r.method.adjustment.kind])).toEqual([
      [1, 'additive'],
      [2, 'none'],
    ])
    expect(rulesetAt('dfs-domestic', '2022-10-31')).toBeUndefined()
    expect(rulesetAt('elexon-bl01', 'yesterday')).toBeUndefined()
  })
  test("one's own has an id of its own, and what it sets is no band any more", () => {
    const own = withValues(ruleset('ercot-mid-8-of-10@1'), {
      id: 'own',
      version: 3,
      values: { 'method.adjustment.cap': 0.3, 'method.holidays': 'none' },
    })
    expect(own).toMatchObject({ id: 'own', version: 3, method: { holidays: 'none', adjustment: { cap: 0.3 } } })
    expect(own.bands).not.toContain('method.holidays')
    expect(ruleset('ercot-mid-8-of-10@1')).toMatchObject({ method: { holidays: 'nerc', adjustment: { cap: 0.2 } } })
    expect(() => withValues(own, { id: 'zero', values: {} })).toThrow(/taken/)
    expect(() => withValues(own, { id: 'x', values: { 'method.adjustment.cup': 1 } })).toThrow(/adjustment.cup/)
  })
  test.each(rulesets.map(r => [`${r.id}@${r.version}`, r] as const))('%s: every band is a field that it has', (_, r) => {
    const leads = (path: string) => path.split('.').reduce<unknown>((x, key) => (x as Record<string, unknown> | undefined)?.[key], r)
    expect(r.bands.filter(b => leads(b) === undefined)).toEqual([])
  })
})

describe('chargers held out by draw', () => {
  const rule = ruleset('control-group@1').method as ControlGroup
  const groups = (n: number, before: (i: number) => number, during: (i: number) => number): Groups => ({
    before: Array.from({ length: 2 * n }, (_, i) => before(i)),
    during: Array.from({ length: 2 * n }, (_, i) => during(i)),
    group: Array.from({ length: 2 * n }, (_, i) => (i < n ? 1 : 0)),
  })
  const noise = (i: number) => ((i * 7919) % 101) / 101 - 0.5

  test('the change of the one against the change of the other: what chance put unevenly falls out', () => {
    const e = controlGroup(
      rule,
      groups(
        200,
        i => 2 + (i < 200 ? 0.1 : 0),
        i => 2 + (i < 200 ? 0.1 - 0.8 : 0),
      ),
    )
    expect(e.plain).toBeCloseTo(0.7, 12)
    expect(e.effect).toBeCloseTo(0.8, 12)
    expect([e.asked, e.heldOut, e.delivered]).toEqual([200, 200, expect.closeTo(160, 9)])
  })
  test('the interval is that of Welch: s²/n of both', () => {
    const g = { before: [0, 0, 0, 0], during: [1, 3, 4, 8], group: [1, 1, 0, 0] }
    const e = controlGroup({ ...rule, minGroup: 2, interval: 'normal' }, g)
    expect([e.effect, e.standardError]).toEqual([4, Math.sqrt(2 / 2 + 8 / 2)])
    expect(e.high - e.low).toBeCloseTo(2 * 1.959964 * Math.sqrt(5), 12)
  })
  test('few chargers make it wider, as Student says: 2.228 standard errors with ten degrees of freedom', () => {
    const of = (n: number) => Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : -1))
    const g = {
      before: Array<number>(12).fill(0),
      during: [...of(6), ...of(6)],
      group: Array.from({ length: 12 }, (_, i) => (i < 6 ? 1 : 0)),
    }
    const e = controlGroup({ ...rule, minGroup: 2 }, g)
    expect((e.high - e.effect) / e.standardError).toBeCloseTo(2.228, 3)
  })
  test('chargers of one box are no independent units: their error is that of the boxes', () => {
    const during = [1, 1, 3, 3, 4, 4, 8, 8]
    const g = { before: Array<number>(8).fill(0), during, group: [1, 1, 1, 1, 0, 0, 0, 0], cluster: [0, 0, 1, 1, 2, 2, 3, 3] }
    const boxes = { before: [0, 0, 0, 0], during: [1, 3, 4, 8], group: [1, 1, 0, 0] }
    expect(controlGroup({ ...rule, minGroup: 2 }, g).standardError).toBeCloseTo(
      controlGroup({ ...rule, minGroup: 2 }, boxes).standardError,
      12,
    )
  })
  test('the standardised mean difference is by the scatter of a charger, whatever their number', () => {
    const g = groups(200, i => (i % 2 === 0 ? 1 : -1) + (i < 200 ? 0.5 : 0), noise)
    expect(controlGroup(rule, g).balanceSmd).toBeCloseTo(0.5 / Math.sqrt(200 / 199), 12)
  })
  test('groups that differed before the event, or are too small, are doubted', () => {
    expect(
      controlGroup(
        rule,
        groups(200, i => noise(i) + (i < 200 ? 1 : 0), noise),
      ).doubt,
    ).toBe('unbalanced')
    expect(controlGroup(rule, groups(200, noise, noise)).doubt).toBeUndefined()
    expect(controlGroup(rule, groups(149, noise, noise)).doubt).toBe('groupTooSmall')
  })
  test('who was not measured, or opted out, is in neither group', () => {
    const e = controlGroup(rule, { before: [1, Number.NaN, 1, 1, 1], during: [1, 1, 1, 1, 1], group: [1, 1, 0, 0, 2] })
    expect([e.asked, e.heldOut]).toEqual([1, 2])
  })
  test('how many it takes: 2.5 kW of scatter, 0.8 kW of effect, 153 in each', () => {
    expect(groupSize(2.5, 0.8)).toBeCloseTo(153.3, 1)
  })
})

describe('how good a ruleset is on days without an event', () => {
  test('by hand', () => {
    // errors +1, -1, +2, 0 on 2, 4, 2, 8
    expect(errorFigures([2, 4, 2, 8, Number.NaN], [3, 3, 4, 8, 1])).toEqual({
      n: 4,
      mpe: 2 / 16,
      mae: 1,
      cvrmse: Math.sqrt(6 / 4) / 4,
      rrmse: Math.sqrt(6 / 4) / 4,
      phantom: 3,
      phantomShare: 3 / 16,
    })
  })
  test('a flat meter is foretold exactly; independent errors of many shrink with the square root of their number', () => {
    const meters = 64
    const days = 80
    let s = 1
    const values = Float64Array.from(
      { length: meters * days * 48 },
      () => 1 + ((s = (Math.imul(1_664_525, s) + 1_013_904_223) >>> 0) / 2 ** 32 - 0.5),
    )
    const h: History = { values, meters, firstDay: day('2024-01-08'), days, slotsPerDay: 48 }
    const supposed = { days: [70, 71, 72, 73].map(r => h.firstDay + r), startSlot: 34, slots: 4 }
    const [one, many] = compare([ruleset('elexon-bl01-unadjusted@1')], h, supposed, [1, 64])
    expect(one).toMatchObject({ groups: 64, days: 4, without: 0, n: 4 * 4 * 64 })
    expect(one!.cvrmse / many!.cvrmse).toBeGreaterThan(4)
    expect(one!.cvrmse / many!.cvrmse).toBeLessThan(16)
    const flat = compare([ruleset('elexon-bl01@1')], { ...h, values: values.fill(2) }, supposed, [1])[0]!
    expect([flat.mpe, flat.cvrmse, flat.phantom]).toEqual([0, 0, 0])
  })
  test('a group with a meter that has no reading, or was in an event, does not count that day', () => {
    const values = new Float64Array(2 * 80 * 48).fill(1)
    values[(80 + 70) * 48 + 34] = Number.NaN
    const isEventDay = new Uint8Array(160)
    isEventDay[71] = 1
    const h: History = { values, meters: 2, firstDay: day('2024-01-08'), days: 80, slotsPerDay: 48, isEventDay }
    const supposed = { days: [70, 71, 72].map(r => h.firstDay + r), startSlot: 34, slots: 1 }
    expect(compare([ruleset('elexon-bl01-unadjusted@1')], h, supposed, [1, 2]).map(x => [x.size, x.n, x.days])).toEqual([
      [1, 4, 3],
      [2, 1, 1],
    ])
  })
})
