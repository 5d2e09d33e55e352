import { describe, expect, test } from 'vitest'
import { lcgMeters } from '../../simulations/bench/lcgMeters.ts'
import {
  type Baseline,
  baselineOf,
  baselinesOf,
  type History,
  pinnedRuleset,
  prepare,
  type Ruleset,
  rulesets,
} from '../../src/core/verify/baseline/index.ts'
import { type Day, dayText, parseDay } from '../../src/core/verify/calendar.ts'

const day = (text: string): Day => parseDay(text)!
const ruleset = (pin: string): Ruleset => pinnedRuleset(pin)!
/** A history of one meter from flat days (energy per slot), or rows of 48. */
function historyOf(days: Readonly<Record<string, number | ArrayLike<number>>>, eventDays: readonly string[] = []): History {
  const all = Object.keys(days).map(day)
  const firstDay = Math.min(...all)
  const n = Math.max(...all) - firstDay + 1
  const values = new Float64Array(n * 48).fill(Number.NaN)
  for (const [text, row] of Object.entries(days))
    for (let k = 0; k < 48; k++) values[(day(text) - firstDay) * 48 + k] = typeof row === 'number' ? row : row[k]!
  const isEventDay = new Uint8Array(n)
  for (const text of eventDays) isEventDay[day(text) - firstDay] = 1
  return { values, meters: 1, firstDay, days: n, slotsPerDay: 48, isEventDay }
}
const row = (value: (slot: number) => number): number[] => Array.from({ length: 48 }, (_, k) => value(k))
const dates = (b: Baseline): string[] => b.selected.map(dayText)

// VERIFICATION 1.8 (a), the hand example
const handDays = {
  '2024-02-14': 1.0,
  '2024-02-13': 1.2,
  '2024-02-12': 0.8,
  '2024-02-09': 1.4,
  '2024-02-08': 1.1,
  '2024-02-07': 0.9,
  '2024-02-06': 2.0,
  '2024-02-05': 0.4,
  '2024-02-02': 1.0,
  '2024-02-01': 1.2,
  '2024-01-31': 3.0,
}
const eventDay = (beforehand: number) => row(k => (k >= 26 && k < 32 ? beforehand : k >= 34 && k < 36 ? 0.3 : 1))

describe('Thursday 15 February 2024, 17:00-18:00, by hand', () => {
  test.each<[string, string, number, number, number, number, number, boolean]>([
    ['BL01 without in-day adjustment', 'elexon-bl01-unadjusted@1', 1.3, 1.1, 0, 1.1, 0.8, false],
    ['BL01', 'elexon-bl01@1', 1.3, 1.1, 0.2, 1.3, 1.0, false],
    ['middle 8 of 10', 'mid-8-in-10@1', 1.3, 1.075, 0, 1.075, 0.775, false],
    ['high 5 of 10', 'high-5-of-10@1', 1.3, 1.38, 0, 1.38, 1.08, false],
    ['PJM high 4 of 5', 'pjm-high-4-of-5-saa@1', 1.3, 1.175, 0.125, 1.3, 1.0, false],
    ['CAISO 10 in 10', 'caiso-10-in-10@1', 1.3, 1.1, 1.3 / 1.1, 1.3, 1.0, false],
    ['CAISO, capped above', 'caiso-10-in-10@1', 1.5, 1.1, 1.2, 1.32, 1.02, true],
    ['CAISO, capped below', 'caiso-10-in-10@1', 0.5, 1.1, 0.8, 0.88, 0.58, true],
  ])('%s', (_, pin, beforehand, u, adjustment, baseline, delivered, capHit) => {
    const h = historyOf({ ...handDays, '2024-02-15': eventDay(beforehand) })
    const b = baselineOf(prepare(ruleset(pin), { day: day('2024-02-15'), startSlot: 34, slots: 2 }), h)
    expect(b.shortage).toBeUndefined()
    for (const k of [0, 1]) {
      expect(b.unadjusted[k]).toBeCloseTo(u, 12)
      expect(b.baseline[k]).toBeCloseTo(baseline, 12)
      expect(b.baseline[k]! - 0.3).toBeCloseTo(delivered, 12)
    }
    expect(b.adjustment.value).toBeCloseTo(adjustment, 12)
    expect(b.adjustment.capHit).toBe(capHit)
    expect(dates(b)).not.toContain('2024-01-31')
  })
})

describe('day i of 90 from Monday 2 January 2023 is flat at i', () => {
  const from = day('2023-01-02')
  const indexed = (skip: readonly number[] = [], value: (i: number) => number | number[] = i => i) =>
    Object.fromEntries(Array.from({ length: 90 }, (_, i) => [dayText(from + i), value(i)] as const).filter((_, i) => !skip.includes(i)))
  const at = (text: string) => prepare(ruleset('elexon-bl01-unadjusted@1'), { day: day(text), startSlot: 34, slots: 2 })
  const indices = (b: Baseline) => b.selected.map(d => d - from)

  test('Thursday 23 March: the mean of the ten working days before', () => {
    const b = baselineOf(at('2023-03-23'), historyOf(indexed()))
    expect(indices(b)).toEqual([79, 78, 77, 74, 73, 72, 71, 70, 67, 66])
    expect([...b.baseline]).toEqual([72.7, 72.7])
    expect(b.excluded).toEqual([])
  })
  test('with an event on day 79 and a gap in day 78', () => {
    const gap = indexed([], i => (i === 78 ? row(k => (k === 3 ? Number.NaN : i)) : i))
    const b = baselineOf(at('2023-03-23'), historyOf(gap, ['2023-03-22']))
    expect(indices(b)).toEqual([77, 74, 73, 72, 71, 70, 67, 66, 65, 64])
    expect(b.baseline[0]).toBeCloseTo(69.9, 12)
    expect(b.excluded.map(x => [dayText(x.day), x.reason])).toEqual([
      ['2023-03-22', 'eventDay'],
      ['2023-03-21', 'incomplete'],
    ])
  })
  test('Sunday 26 February: of the four weekend days before, the middle two', () => {
    const totals = new Map([9, 1, 3, 5].map((kWh, k) => [[54, 48, 47, 41][k]!, kWh]))
    const b = baselineOf(at('2023-02-26'), historyOf(indexed([], i => totals.get(i) ?? 1)))
    expect(b.baseline[0]).toBe(4)
    expect(indices(b)).toEqual([47, 41])
    expect(b.excluded.map(x => x.reason)).toEqual(['rank', 'rank'])
  })
  test('Thursday 5 January: two working days, which is too few: the out-turn stands, and nothing is delivered', () => {
    const b = baselineOf(at('2023-01-05'), historyOf(indexed()))
    expect(b).toMatchObject({ shortage: 'tooFewDays', isOutTurn: true, selected: [] })
    expect([...b.baseline]).toEqual([3, 3])
    expect(b.excluded).toContainEqual({ day: day('2023-01-02'), reason: 'holiday' })
  })
  test('the adjustment reads 13:00 to 16:00 for a start at 17:00, nothing after', () => {
    const today = row(k => (k >= 26 && k <= 31 ? 0.6 : k === 32 || k === 33 ? 9 : 0))
    const flat = indexed([], i => (i === 80 ? today : 0))
    const b = baselineOf(prepare(ruleset('elexon-bl01@1'), { day: day('2023-03-23'), startSlot: 34, slots: 2 }), historyOf(flat))
    expect(b.adjustment).toEqual({ kind: 'additive', value: 0.6, uncapped: 0.6, capHit: false })
  })
})

test('a thousand drawn meters give the published checksum', () => {
  const { values, advance } = lcgMeters(1_000)
  advance()
  const [p, h] = lcgCase(values, 1_000)
  const [b, status] = [new Float64Array(4_000), new Uint8Array(1_000)]
  baselinesOf(p, h, b, status)
  expect(b.reduce((x, y) => x + y, 0).toFixed(4)).toBe('2004.1408')
  expect(status.every(s => s === 0)).toBe(true)
  // one at a time it is the same to the last digit
  expect([...baselineOf(p, h, 17).baseline]).toEqual([...b.subarray(68, 72)])
})
function lcgCase(values: Float32Array, meters: number): [ReturnType<typeof prepare>, History] {
  const firstDay = day('2001-01-01')
  return [
    prepare(ruleset('elexon-bl01@1'), { day: firstDay + 60, startSlot: 34, slots: 4 }),
    { values, meters, firstDay, days: 61, slotsPerDay: 48 },
  ]
}

test('every ruleset that is known has a version, a date and a source, and none is listed twice', () => {
  const pins = rulesets.map(r => `${r.id}@${r.version}`)
  expect(new Set(pins).size).toBe(pins.length)
  for (const r of rulesets)
    expect([parseDay(r.effectiveFrom), r.source.length > 5, r.version > 0]).toEqual([expect.any(Number), true, true])
})
