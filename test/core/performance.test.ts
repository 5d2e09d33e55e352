import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { floored, floors, totalWh } from '../../src/core/verify/floors.ts'
import { deliveredWh, type Grid, type Load, NO_GROUP, pairUp, rowOf, sumAll, sumBy } from '../../src/core/verify/load.ts'
import { askedByPeriod, availabilityFactor, freeRiders, performanceOf, persistenceSlope } from '../../src/core/verify/performance.ts'
import { reboundOf } from '../../src/core/verify/rebound.ts'
import { responseTime, worstRamp } from '../../src/core/verify/responseTime.ts'
import { type EnergySeries, flaw } from '../../src/core/verify/series.ts'
import { witnessGap } from '../../src/core/verify/witness.ts'

const T0 = 1_700_000_000 - (1_700_000_000 % 1800)
const SP = 1800
const gap = Number.NaN
const series = (wh: readonly number[], stepS = SP, fromS = T0): EnergySeries => ({
  fromS,
  stepS,
  wh: Float64Array.from(wh),
  flaws: Uint16Array.from(wh, x => (Number.isNaN(x) ? flaw.gap : 0)),
})
const grid = (periods: number, stepS = SP): Grid => ({ fromS: T0, stepS, periods })
/** Rows of [baseline, actual]. */
const load = (rows: readonly (readonly [readonly number[], readonly number[]])[], stepS = SP): Load =>
  pairUp(
    grid(rows[0]![0].length, stepS),
    rows.map(([, a]) => series(a, stepS)),
    rows.map(([b]) => series(b, stepS)),
  )
const one = (baseline: readonly number[], actual: readonly number[], stepS = SP): Load => load([[baseline, actual]], stepS)

/** VERIFICATION.md 1.8 (a): Thu 15 Feb 2024 17:00-18:00, actual 0.3 kWh in both half hours. */
describe('the hand example, delivered against each baseline', () => {
  test.each([
    ['BL01 without in-day adjustment', 1.1, 0.8, 1.6],
    ['BL01 with in-day adjustment', 1.3, 1.0, 2.0],
    ['mid 8 of 10', 1.075, 0.775, 1.55],
    ['high 5 of 10', 1.38, 1.08, 2.16],
    ['PJM high 4 of 5', 1.3, 1.0, 2.0],
    ['CAISO 10 in 10', 1.3, 1.0, 2.0],
    ['CAISO, capped at 1.2', 1.32, 1.02, 2.04],
    ['CAISO, capped at 0.8', 0.88, 0.58, 1.16],
  ])('%s', (_, baselineKWh, deliveredKWh, kW) => {
    const event = one([baselineKWh * 1000, baselineKWh * 1000], [300, 300])
    const result = performanceOf(event, deliveredWh(event), [1000, 1000])
    for (const p of result.periods) {
      expect(p.deliveredWh! / 1000).toBeCloseTo(deliveredKWh, 10)
      expect(p.deliveredW! / 1000).toBeCloseTo(kW, 10)
    }
    expect(result.deliveredWh / 1000).toBeCloseTo(2 * deliveredKWh, 10)
    expect(result.ratio).toBeCloseTo(deliveredKWh, 10)
  })
})

describe('what is not known delivers nothing, and is said', () => {
  test('a baseline without its actual is no delivery', () => {
    const both = load([
      [[1000], [gap]],
      [[1000], [400]],
    ])
    expect([...deliveredWh(sumAll(both))]).toEqual([600])
    expect(sumAll(both).flaws[0]! & flaw.partial).toBe(flaw.partial)
  })
  test('a period in which nobody is known has no result', () => {
    const event = one([1000, 1000], [400, gap])
    const result = performanceOf(event, deliveredWh(event), [500, 500])
    expect(result.periods[1]).toMatchObject({ deliveredWh: null, ratio: null })
    expect(result).toMatchObject({ deliveredWh: 600, askedWh: 1000, ratio: 0.6, knownPeriods: 1 })
  })
  test('a series that ends early leaves a gap, one of another step is refused', () => {
    expect([...pairUp(grid(2), [series([1])], [series([1, 1])]).known]).toEqual([1, 0])
    expect([...pairUp(grid(1), [series([1, 2], SP, T0 - SP)], [series([5])]).actualWh]).toEqual([2])
    expect(() => pairUp(grid(2), [series([1], 60)], [series([1, 1])])).toThrow(/does not fit/)
  })
  test('flaws of the readings reach the sum', () => {
    const late = { ...series([400]), flaws: Uint16Array.of(flaw.late) }
    const rows = pairUp(grid(1), [late, series([400])], [series([500]), series([500])])
    expect(sumAll(rows).flaws[0]).toBe(flaw.late)
  })
})

describe('one shape at all levels', () => {
  const chargers = load([
    [
      [1000, 1000],
      [400, 300],
    ],
    [
      [1000, 1000],
      [900, 1200],
    ],
    [
      [500, 500],
      [500, 0],
    ],
  ])
  test('site, group and event are sums of the rows below', () => {
    const sites = sumBy(chargers, [0, 0, 1], 2)
    expect([...deliveredWh(sites)]).toEqual([700, 500, 0, 500])
    expect([...deliveredWh(sumAll(sites))]).toEqual([...deliveredWh(sumAll(chargers))])
    expect([...rowOf(sites, 1).actualWh]).toEqual([500, 0])
  })
  test('who is in no group is in no sum', () => {
    expect([...deliveredWh(sumBy(chargers, [NO_GROUP, 0, 0], 1))]).toEqual([100, 300])
  })
  test('turn-up is the other way round', () => {
    expect([...deliveredWh(one([500], [800]), 'up')]).toEqual([300])
  })
})

describe('floors', () => {
  test('the phantom delivery of a floor is the difference to none', () => {
    const meters = load([
      [[1000], [400]],
      [[1000], [1300]],
      [[1000], [1500]],
    ])
    const f = floored(meters, [0, 0, 1], 2)
    expect(floors.map(name => totalWh(f[name]))).toEqual([-200, 600, 300])
  })
  test('perMeterSP >= perUnitSP >= none, whatever was metered', () => {
    const wh = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -5000, max: 9000 }) }, { weight: 1, arbitrary: fc.constant(Number.NaN) })
    const row = fc.record({
      b: fc.array(wh, { minLength: 4, maxLength: 4 }),
      a: fc.array(wh, { minLength: 4, maxLength: 4 }),
      unit: fc.nat(3),
    })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 30 }), rows => {
        const f = floored(
          load(rows.map(r => [r.b, r.a])),
          rows.map(r => r.unit),
          4,
        )
        for (let t = 0; t < 4; t++) {
          expect(Number.isNaN(f.perMeterSP[t]!)).toBe(Number.isNaN(f.none[t]!))
          if (Number.isNaN(f.none[t]!)) continue
          expect(f.perMeterSP[t]!).toBeGreaterThanOrEqual(f.perUnitSP[t]!)
          expect(f.perUnitSP[t]!).toBeGreaterThanOrEqual(f.none[t]!)
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('asked and delivered', () => {
  test('too much in one half hour does not make up for too little in the next', () => {
    const event = one([1000, 1000], [200, 800])
    expect(performanceOf(event, deliveredWh(event), [500, 500])).toMatchObject({ ratio: 1, overWh: 300, shortWh: 300, deliveredW: 1000 })
  })
  test('an ask that begins within a period asks its part', () => {
    expect([...askedByPeriod(grid(3), [{ fromS: T0 + 900, toS: T0 + 2 * SP, askedW: 1000 }])]).toEqual([250, 500, 0])
  })
  test('nothing asked has no ratio', () => {
    const event = one([1000], [800])
    expect(performanceOf(event, deliveredWh(event), [0])).toMatchObject({ ratio: null, overWh: 200 })
  })
})

describe('how fast, and how steep', () => {
  // 10 kW, then 6 kW in the third minute and 2 kW from the fourth on
  const minutes = series(
    [10_000, 10_000, 6_000, 2_000, 2_000].map(w => w / 60),
    60,
  )
  test.each([
    ['issued with the first minute', T0, 8_000, 180, 240],
    ['issued half a minute later', T0 + 30, 8_000, 150, 210],
    ['half is reached, nine tenths are not', T0, 8_900, 240, null],
    ['never', T0, 40_000, null, null],
    ['nothing was asked', T0, 0, null, null],
  ])('%s', (_, issuedS, targetW, t50S, t90S) => {
    expect(responseTime(minutes, issuedS, 10_000, targetW)).toEqual({ t50S, t90S, resolutionS: 60 })
  })
  test('a drop before the signal is no response to it', () => {
    expect(responseTime(minutes, T0 + 299, 10_000, 8_000)).toMatchObject({ t50S: 1, t90S: 1 })
    expect(responseTime(minutes, T0 + 300, 10_000, 8_000)).toMatchObject({ t50S: null })
  })
  test('the worst 60 s', () => {
    expect(worstRamp(minutes)).toEqual({ riseW: 0, fallW: expect.closeTo(4_000, 6) })
    const tens = series(
      Array.from({ length: 13 }, (_, k) => (k < 6 ? 0 : k * 10)),
      10,
    )
    expect(worstRamp(tens)!.riseW).toBeCloseTo((110 - 0) * 360, 6)
    expect(worstRamp(series([1, 2], SP))).toBeNull()
    expect(worstRamp(series([1, gap, 2], 60))).toBeNull()
  })
})

describe('what comes back', () => {
  test('cars that stay plugged in take it all back, and settle', () => {
    const after = one([1000, 1000, 1000, 1000], [1800, 1400, 1040, 1000])
    expect(reboundOf(one([1200], [1200]), after, 1240)).toEqual({
      reboundWh: 1240,
      paybackRatio: 1,
      peakW: 3600,
      peakRatio: 1.5,
      settledAfterS: 2 * SP,
    })
  })
  test('load that leaves the band again has not settled', () => {
    expect(reboundOf(one([1000], [1000]), one([1000, 1000], [1000, 1200]), 100).settledAfterS).toBeNull()
  })
  test('without readings after the event nothing is said', () => {
    expect(reboundOf(one([1000], [1000]), one([1000], [gap]), 0)).toEqual({
      reboundWh: 0,
      paybackRatio: null,
      peakW: null,
      peakRatio: null,
      settledAfterS: null,
    })
  })
})

describe('over many events', () => {
  test.each([
    ['steady', [5, 5, 5], 0],
    ['tiring', [6, 5, 4], -1],
    ['an unknown event between', [6, gap, 4], -1],
    ['too few', [6, gap], null],
  ])('persistence: %s', (_, events, slope) => {
    expect(persistenceSlope(events)).toEqual(slope)
  })
  test('availability counts contracted periods alone', () => {
    expect(availabilityFactor([1, 1, 1, 0], [1, 0, 1, 1])).toBeCloseTo(2 / 3)
    expect(availabilityFactor([0], [1])).toBeNull()
  })
  test('free riders are credited with nothing to curtail', () => {
    expect(freeRiders([300, 100, -50, 0], [7000, 0, 0, 0])).toEqual({ count: 1, shareWh: 0.25 })
    expect(freeRiders([], [])).toEqual({ count: 0, shareWh: 0 })
  })
})

describe('the second witness', () => {
  test('the parts of the gap add up to the drop of the feeder', () => {
    const feeder = one([10_000, 10_000], [9_000, 8_800])
    const gapOf = witnessGap(feeder, one([3000, 3000], [2200, 2000]), one([500, 500], [450, 450]))
    expect(gapOf).toEqual({
      feederWh: 2200,
      commandedWh: 1800,
      notCommandedWh: 100,
      residualWh: 300,
      gapWh: 400,
      share: 1800 / 2200,
      periods: 2,
    })
  })
  test('a period that one of the two does not know is not compared', () => {
    expect(witnessGap(one([100, 100], [50, gap]), one([100, 100], [60, 0]))).toMatchObject({ feederWh: 50, commandedWh: 40, periods: 1 })
  })
})
