import { describe, expect, test } from 'vitest'
import { accuracyOf, deliveredInterval, passOf } from '../../src/core/verify/accuracy.ts'
import { complianceOf } from '../../src/core/verify/compliance.ts'
import { pairUp } from '../../src/core/verify/load.ts'

const rows = (...pairs: readonly (readonly [baselineWh: number, actualWh: number])[]) => {
  const series = (wh: number) => ({ fromS: 0, stepS: 1800, wh: Float64Array.of(wh), flaws: new Uint16Array(1) })
  return pairUp(
    { fromS: 0, stepS: 1800, periods: 1 },
    pairs.map(([, a]) => series(a)),
    pairs.map(([b]) => series(b)),
  )
}

describe('did a charger keep its limit of 4,200 W?', () => {
  test.each([
    ['below it', [4_100, 4_000], 0.1, 'compliant'],
    ['above it, but within what its meter may err', [4_600, 4_600], 0.1, 'compliant'],
    ['the same on a better meter', [4_600, 4_600], 0.01, 'notCompliant'],
    ['beyond doubt, in two intervals', [4_700, 1_000, 4_700], 0.1, 'notCompliant'],
    ['one interval beyond doubt, others that kept it', [4_700, 4_000, 4_000], 0.1, 'compliant'],
    ['one interval alone, beyond doubt', [4_700], 0.1, 'noData'],
    ['one interval alone that kept it', [4_000], 0.1, 'compliant'],
    ['no interval', [], 0.1, 'noData'],
    ['readings that say nothing', [Number.NaN, 4_700], 0.1, 'noData'],
  ])('%s', (_, powerW, accuracy, verdict) => {
    expect(
      complianceOf(
        powerW,
        powerW.map(() => 4_200),
        accuracy,
      ),
    ).toBe(verdict)
  })
  test('what a paused box itself draws is not above a limit of 0 W', () => {
    expect(complianceOf([40, 55], [0, 0], 0.02)).toBe('compliant')
  })
})

describe('what was delivered, as an interval', () => {
  test.each([
    ['one charger, 10 %', [[1000, 400]], 0.1, 0, 60],
    [
      'four alike: their own errors add as squares',
      [
        [1000, 400],
        [1000, 400],
        [1000, 400],
        [1000, 400],
      ],
      0.1,
      0,
      120,
    ],
    [
      'the part they share does not average out',
      [
        [1000, 400],
        [1000, 400],
        [1000, 400],
        [1000, 400],
      ],
      0.1,
      0.02,
      168,
    ],
    [
      'one up, one down: errors do not cancel',
      [
        [1000, 400],
        [400, 1000],
      ],
      0.1,
      0.02,
      60 * Math.SQRT2,
    ],
    [
      'who is unknown adds neither energy nor error',
      [
        [1000, 400],
        [1000, Number.NaN],
      ],
      0.1,
      0,
      60,
    ],
  ] as const)('%s', (_, pairs, accuracy, commonShare, errorWh) => {
    const load = rows(...pairs)
    const found = deliveredInterval(load, { accuracy: pairs.map(() => accuracy), commonShare })
    expect(found.highWh - found.deliveredWh).toBeCloseTo(errorWh, 9)
    expect(found.deliveredWh - found.lowWh).toBeCloseTo(errorWh, 9)
  })
  test('against a baseline that was not read on this meter, the whole reading may err', () => {
    expect(deliveredInterval(rows([1000, 400]), { accuracy: [0.1], baselineFrom: 'other' }).highWh).toBeCloseTo(640, 9)
  })
  test('a meter of which nothing is known may err by 10 %', () => {
    expect(deliveredInterval(rows([1000, 400]), { accuracy: [] }).lowWh).toBeCloseTo(540, 9)
  })
  test.each([
    [500, 'pass'],
    [540, 'pass'],
    [600, 'withinMeasurementError'],
    [660, 'withinMeasurementError'],
    [661, 'fail'],
  ])('asked %d Wh', (asked, pass) => {
    expect(passOf({ lowWh: 540, deliveredWh: 600, highWh: 660 }, asked)).toBe(pass)
  })
})

test.each([
  ['MID B', 0.01],
  ['mid-b', 0.01],
  ['IEC 0.5S', 0.005],
  ['unknown', 0.1],
  ['something else', 0.1],
])('a meter of class %j may err by %d', (meterClass, accuracy) => {
  expect(accuracyOf(meterClass)).toBe(accuracy)
})
