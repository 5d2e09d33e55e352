import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nonResponses } from '../../src/core/model.ts'
import type { Verified } from '../../src/core/verify/record.ts'
import { dfs, flexiblePower, proportional, ssen } from '../../src/core/verify/schemes.ts'
import { inSteps, loadOf, poundsText, settlementOf } from '../../src/core/verify/settlement.ts'
import { splitRules } from '../../src/core/verify/split.ts'

const T0 = Date.UTC(2026, 4, 12, 17) / 1000
/** A verdict over two half hours, of chargers as [baseline, actual] in both. */
function verdict(
  chargers: readonly (readonly [number, number])[],
  askedWh = 1000,
  causes: readonly (typeof nonResponses)[number][] = [],
): Verified {
  const both = (of: (c: readonly [number, number]) => number) => Float64Array.from(chargers.flatMap(c => [of(c), of(c)]))
  const zero = new Float64Array(2)
  return {
    kind: 'verified',
    verification: { coverage: 1, window: { fromS: T0, toS: T0 + 3600 } } as Verified['verification'],
    who: Uint32Array.from(chargers, (_, k) => k),
    verdict: new Uint8Array(chargers.length),
    cause: Uint8Array.from(chargers, (_, k) => nonResponses.indexOf(causes[k] ?? 'none')),
    energy: {
      ...{ baselineWh: both(c => c[0]), actualWh: both(c => c[1]) },
      meteredS: Float64Array.from(chargers, ([b, a]) => (Number.isNaN(a + b) ? 0 : 3600)),
    },
    periods: {
      startS: Uint32Array.of(T0, T0 + 1800),
      endS: Uint32Array.of(T0 + 1800, T0 + 3600),
      askedWh: Float64Array.of(askedWh, askedWh),
      ...{ baselineWh: zero, actualWh: zero, deliveredWh: zero, ratio: zero },
    },
  }
}
const gap = Number.NaN
const three = verdict([
  [1000, 400],
  [1000, 900],
  [500, 800],
])
const settled = (v: Verified, names: readonly string[], of: readonly number[], terms: Partial<Parameters<typeof settlementOf>[4]> = {}) =>
  settlementOf(v, loadOf(v)!, Int32Array.from(of), names, {
    scheme: proportional,
    split: 'delivered',
    money: { poundsPerMWh: 300 },
    ...terms,
  })

describe('who gets what', () => {
  test.each([
    ['equal', [34, 33, 33]],
    ['delivered', [86, 14, 0]],
    ['chargers', [34, 33, 33]],
    ['availability', [34, 33, 33]],
  ] as const)('a pound, by %s', (split, pence) => {
    expect(settled(three, ['a', 'b', 'c'], [0, 1, 2], { split, money: { amountPence: 100 } }).statements.map(s => s.pence)).toEqual(pence)
  })
  test('by availability, who was offline or not metered gets less', () => {
    const v = verdict([[1000, 400], [1000, gap], [500, 800]], 1000, ['none', 'noData', 'offline']) // biome-ignore format: a table
    expect(
      settled(v, ['a', 'b', 'c'], [0, 1, 2], { split: 'availability', money: { amountPence: 100 } }).statements.map(s => s.pence),
    ).toEqual([100, 0, 0])
    expect(settled(v, ['a'], [0, 0, 0]).availability).toBeCloseTo(1 / 3, 9)
  })
  test('how much was metered is told as in the verdict: what was filled up with a baseline was not', () => {
    const v = verdict([[1000, 400], [1000, 1000], [0, 0]]) // biome-ignore format: a table
    const filledUp = { ...v, energy: { ...v.energy!, meteredS: Float64Array.of(3600, 0, 0) }, verdict: Uint8Array.of(0, 2, 3) }
    const { statements, coverage } = settled(filledUp, ['north', 'south', 'idle'], [0, 1, 2])
    // the third was not commanded and has nothing to be metered for
    expect(statements.map(s => s.coverage)).toEqual([1, 0, null])
    expect(coverage).toBe(v.verification.coverage)
    const byAvailability = settled(filledUp, ['north', 'south', 'idle'], [0, 1, 2], { split: 'availability' })
    expect(byAvailability.statements.map(s => s.weight)).toEqual([2, 0, 0])
    const { meteredS: _, ...before } = filledUp.energy
    expect(settled({ ...filledUp, energy: before }, ['all'], [0, 0, 0]).statements[0]!.coverage).toBeNull()
  })
  test('chargers of one participant are one statement', () => {
    const { statements } = settled(three, ['north', 'south'], [0, 0, 1])
    expect(statements[0]).toMatchObject({
      participant: 'north',
      chargers: 2,
      baselineWh: 4000,
      actualWh: 2600,
      deliveredWh: 1400,
      coverage: 1,
    })
    expect(statements[1]).toMatchObject({ deliveredWh: -600, pence: 0 })
  })
  test.each(splitRules)('whatever was metered, statements by %s sum to the penny', split => {
    const wh = fc.oneof(fc.integer({ min: -2000, max: 9000 }), fc.constant(gap))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(wh, wh, fc.nat(3)), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: -1e6, max: 1e6 }),
        (rows, amountPence) => {
          const x = settled(verdict(rows.map(([b, a]) => [b, a])), ['a', 'b', 'c', 'd'], rows.map(r => r[2]), { split, money: { amountPence } }) // biome-ignore format: one line
          expect(x.statements.reduce((sum, s) => sum + s.pence, 0)).toBe(amountPence)
        },
      ),
      { numRuns: 40 },
    )
  })
})

describe('what it comes to', () => {
  test('by price, under the floor of the scheme: the others are shown beside it', () => {
    const x = settled(three, ['all'], [0, 0, 0])
    expect(x).toMatchObject({
      deliveredWh: 800,
      ratio: 0.4,
      pence: 24,
      exact: true,
      floors: { none: 800, perUnitSP: 800, perMeterSP: 1400 },
    })
    expect(x.periods.map(p => [p.fromS, p.toS, p.factor])).toEqual([
      [T0, T0 + 1800, 0.4],
      [T0 + 1800, T0 + 3600, 0.4],
    ])
  })
  test('a unit is a participant where the floor is per unit', () => {
    expect(settled(three, ['a', 'b', 'c'], [0, 1, 2], { scheme: ssen() })).toMatchObject({ deliveredWh: 1400, ratio: 0.7, exact: false })
  })
  test('DFS: load that goes up costs money', () => {
    expect(settled(verdict([[1_000_000, 1_500_000]], 1_000_000), ['a'], [0], { scheme: dfs }).pence).toBe(-30_000)
  })
  test('Flexible Power: by the minute what half hours would make up for is not paid', () => {
    const v = verdict([[1000, 0]], 1000)
    // nothing in the first quarter of an hour, all of it twice in the second
    const wh = Float64Array.from({ length: 60 }, (_, k) => (k % 30 < 15 ? 1000 / 30 : -1000 / 30))
    const terms = { scheme: flexiblePower(), split: 'equal', money: { poundsPerMWh: 1000 } } as const
    const x = settlementOf(v, loadOf(v)!, Int32Array.of(0), ['a'], terms, inSteps(v, { fromS: T0, stepS: 60, periods: 60 }, wh))
    expect(x).toMatchObject({
      per: 'minute',
      ratio: 1,
      pence: 100,
      periods: [{ factor: expect.closeTo(0.5, 9), pounds: expect.closeTo(0.5, 9) }, {}],
    })
    expect(settlementOf(v, loadOf(v)!, Int32Array.of(0), ['a'], terms)).toMatchObject({ per: 'SP', pence: 200 })
  })
  test('a window that cuts its first period, and so its last minute, is asked and paid its part', () => {
    const v = verdict([[900, 0]], 900)
    const cut = { ...v, periods: { ...v.periods!, startS: Uint32Array.of(T0 + 190, T0 + 1800) } }
    const minutes = inSteps(cut, { fromS: T0 + 190, stepS: 60, periods: 57 }, new Float64Array(57))
    expect(minutes.baselineWh[56]).toBeCloseTo((900 * 50) / 1800, 9)
    expect(minutes.baselineWh.reduce((sum, b) => sum + b, 0)).toBeCloseTo(1800, 9)
    const terms = { scheme: flexiblePower(), split: 'equal', money: { poundsPerMWh: 1000 } } as const
    const x = settlementOf(cut, loadOf(cut)!, Int32Array.of(0), ['a'], terms, minutes)
    expect(x.periods.map(p => [p.fromS - T0, p.toS - T0, p.pounds])).toEqual([[190, 1800, expect.closeTo(0.905, 9)], [1800, 3600, expect.closeTo(0.895, 9)]]) // biome-ignore format: a table
    expect(x.pence).toBe(180)
  })
  test('an amount that was paid needs no scheme', () => {
    expect(settled(three, ['a'], [0, 0, 0], { money: { amountPence: 1250 } })).toMatchObject({
      pence: 1250,
      periods: [{ factor: null }, { pounds: null }],
    })
  })
  test('who drew nothing before and is credited is a free rider', () => {
    const v = verdict([[1000, 400], [200, 0]], 1000, ['none', 'idle']) // biome-ignore format: a table
    expect(settled(v, ['a'], [0, 0]).freeRiders).toEqual({ count: 1, shareWh: 0.25 })
  })
  test('who belongs to nobody is in no sum', () => {
    expect(settled(three, ['a'], [0, -1, -1])).toMatchObject({ deliveredWh: 1200, statements: [{ chargers: 1 }] })
  })
  test('a verdict without energies, or whose energies have expired, cannot be settled', () => {
    const { energy: _, ...old } = three
    expect(loadOf(old)).toBeUndefined()
    const none = new Float64Array(0)
    expect(loadOf({ ...three, energy: { baselineWh: none, actualWh: none } })).toBeUndefined()
  })
})

test.each([
  [0, '0.00'],
  [5, '0.05'],
  [-5, '-0.05'],
  [123_456, '1234.56'],
])('%d pence read %s', (pence, text) => {
  expect(poundsText(pence)).toBe(text)
})
