import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deliveredWh, pairUp } from '../../src/core/verify/load.ts'
import { faultsOf, type PayFactor, payFactorAt } from '../../src/core/verify/payFactor.ts'
import { deregistrationOf, paymentOf, penceOf } from '../../src/core/verify/payment.ts'
import { type Performance, performanceOf } from '../../src/core/verify/performance.ts'
import { dfs, ercot, flexiblePower, proportional, type Scheme, schemeOf, schemes, ssen } from '../../src/core/verify/schemes.ts'

const T0 = Date.UTC(2026, 4, 12, 17) / 1000
const performance = (askedWh: number[], delivered: number[], stepS = 1800): Performance =>
  performanceOf({ fromS: T0, stepS, periods: askedWh.length }, Float64Array.from(delivered), askedWh)

/** VERIFICATION.md 1.2, all of the vector. */
test.each([
  [150, 1.2],
  [120, 1.2],
  [119.9, 1.199],
  [100, 1],
  [75, 0.75],
  [50, 0.5],
  [49.9, 0.498],
  [40, 0.3],
  [25, 0],
  [24.9, 0],
  [0, 0],
  [-10, -0.1],
  [-100, -1],
  [-150, -1],
])('DFS: RV %d is K %d', (rv, k) => {
  expect(payFactorAt(dfs.payFactor, rv / 100)).toBeCloseTo(k, 12)
})

test('DFS, the worked example: 30 MW at GBP 300/MWh, all delivered, is GBP 4,500', () => {
  const load = pairUp(
    { fromS: T0, stepS: 1800, periods: 1 },
    [{ fromS: T0, stepS: 1800, wh: Float64Array.of(85e6), flaws: new Uint16Array(1) }],
    [{ fromS: T0, stepS: 1800, wh: Float64Array.of(100e6), flaws: new Uint16Array(1) }],
  )
  const paid = paymentOf(dfs, performanceOf(load, deliveredWh(load), [15e6]), 300)
  expect(paid).toMatchObject({ pounds: 4500, pence: 450_000, periods: [{ factor: 1, ratio: 1 }] })
})

describe('other schemes, with the bands as found', () => {
  test.each([
    [ssen(), 0.49, 0],
    [ssen(), 0.5, 0.5],
    [ssen(), 0.8, 0.8],
    [ssen(), 1.3, 1],
    [ssen({ from: 0.6 }), 0.55, 0],
    [flexiblePower(), 1.2, 1],
    [flexiblePower(), 0.95, 1],
    [flexiblePower(), 0.85, 0.7],
    [flexiblePower(), 0.6, 0],
    [flexiblePower({ grace: 0.1, slope: 2 }), 0.8, 0.8],
    [ercot(), 0.95, 0.95],
    [ercot(), 0.85, 0.85],
    [ercot(), 0.8, 0.64],
    [ercot(), 1.1, 1],
    [ercot(), -0.5, 0],
    [proportional, 1.4, 1],
    [proportional, -0.2, 0],
  ])('%j', (scheme, ratio, factor) => {
    expect(payFactorAt(scheme.payFactor, ratio)).toBeCloseTo(factor, 12)
  })
  test('all tables are sound', () => {
    for (const [id, scheme] of Object.entries(schemes)) {
      expect(scheme.id).toBe(id)
      expect(faultsOf(scheme.payFactor)).toEqual([])
    }
  })
  test('one that is not says where', () => {
    const wrong: PayFactor = { per: 'SP', points: [[1, 1], [0.5, 0]], cap: 0, floor: 1, squaredBelow: null } // biome-ignore format: a table
    expect(faultsOf(wrong)).toEqual(['points[1]: its ratio 0.5 is below the one before', 'cap: 0 is below the floor 1'])
    expect(faultsOf({ ...wrong, points: [], cap: null })).toEqual(['points: at least one is needed'])
  })
})

describe('a factor', () => {
  const ratio = fc.double({ min: -3, max: 3, noNaN: true })
  test.each([
    ['dfs', dfs, 2],
    ['flexiblePower', flexiblePower(), 3],
    ['proportional', proportional, 1],
  ])('%s never jumps and never falls as more is delivered', (_, { payFactor }, slope) => {
    fc.assert(
      fc.property(ratio, fc.double({ min: 0, max: 0.5, noNaN: true }), (at, more) => {
        const rise = payFactorAt(payFactor, at + more) - payFactorAt(payFactor, at)
        expect(rise).toBeGreaterThanOrEqual(-1e-12)
        expect(rise).toBeLessThanOrEqual(slope * more + 1e-9)
      }),
    )
  })
  test('stays within its cap and floor', () => {
    fc.assert(
      fc.property(ratio, at => {
        const factor = payFactorAt({ ...dfs.payFactor, cap: 1, floor: 0 }, at)
        expect(factor >= 0 && factor <= 1).toBe(true)
      }),
    )
  })
})

describe('what is paid', () => {
  test('each period by itself: too much in one does not pay for too little in the next', () => {
    const paid = paymentOf(dfs, performance([1e6, 1e6], [1.5e6, 0.4e6]), 100)
    expect(paid.periods.map(p => p.pounds)).toEqual([120, expect.closeTo(30, 9)])
    expect(paid.pence).toBe(15_000)
  })
  test('the whole event as one, where the scheme says so', () => {
    expect(paymentOf(ercot(), performance([1e6, 1e6], [1.5e6, 0.1e6]), 100).pounds).toBeCloseTo(200 * 0.64, 9)
  })
  test('the wrong way round costs money, in DFS', () => {
    expect(paymentOf(dfs, performance([1e6], [-0.5e6]), 100).pence).toBe(-5_000)
  })
  test('a period without readings delivered nothing; one without an ask pays nothing', () => {
    expect(paymentOf(dfs, performance([1e6, 0], [Number.NaN, 1e6]), 100)).toMatchObject({ pence: 0 })
  })
  test('pence are rounded once, half away from zero', () => {
    expect([1.005, -1.005, 0.004, -0.001, 2.675].map(penceOf)).toEqual([101, -101, 0, 0, 268])
  })
})

describe('a DFS unit is taken off the register', () => {
  const day = 86_400
  const every = (days: number, factors: readonly number[]) => factors.map((factor, k) => ({ atS: T0 + k * days * day, factor }))
  test.each([
    ['four poor ones in a row', every(1, [0.4, 0.4, 0.4, 0.4, 1]), { inARow: 4, inThreeMonths: 4, isDue: false }],
    ['five', every(1, [1, 0.4, 0, -1, 0.4, 0.49]), { inARow: 5, inThreeMonths: 5, isDue: true }],
    ['K of 0.5 is not poor', every(1, [0.5, 0.5, 0.5, 0.5, 0.5]), { inARow: 0, inThreeMonths: 0, isDue: false }],
    [
      'ten in three months, never in a row',
      every(
        4,
        Array.from({ length: 20 }, (_, k) => k % 2),
      ),
      { inARow: 1, inThreeMonths: 10, isDue: true },
    ],
    [
      'ten in four months',
      every(
        7,
        Array.from({ length: 20 }, (_, k) => k % 2),
      ),
      { inARow: 1, inThreeMonths: 7, isDue: false },
    ],
    ['told in any order', every(1, [0, 0, 0, 0, 0]).reverse(), { inARow: 5, inThreeMonths: 5, isDue: true }],
    ['nothing yet', [], { inARow: 0, inThreeMonths: 0, isDue: false }],
  ])('%s', (_, acceptances, found) => {
    expect(deregistrationOf(acceptances)).toEqual(found)
  })
  test('three months from 30 November end with February', () => {
    const at = (y: number, m: number, d: number) => ({ atS: Date.UTC(y, m - 1, d) / 1000, factor: 0 })
    expect(deregistrationOf([at(2025, 11, 30), at(2026, 2, 27)]).inThreeMonths).toBe(2)
    expect(deregistrationOf([at(2025, 11, 30), at(2026, 2, 28)]).inThreeMonths).toBe(1)
  })
})

describe('a scheme as it is written', () => {
  const factorOf = (text: string, ratio: number) => {
    const scheme = schemeOf(text)
    return typeof scheme === 'string' ? scheme : payFactorAt(scheme.payFactor, ratio)
  }
  test.each([
    ['dfs', 1.5, 1.2],
    ['flexiblePower', 0.85, 0.7],
    ['flexiblePower:grace=0.1,slope=2', 0.8, 0.8],
    ['flexiblePower:slope=1', 0.85, 0.9],
    ['ssen:from=0.6', 0.55, 0],
    ['ercot:squaredBelow=0.5', 0.6, 0.6],
    ['points:0.6=0,0.95=1', 0.775, 0.5],
    ['points:per=minute,0=0,1=1', 0.3, 0.3],
  ])('%s at %f', (text, ratio, factor) => {
    expect(factorOf(text, ratio)).toBeCloseTo(factor, 12)
  })
  test('what a contract sets is exact, what is left as it was found is not', () => {
    const exact = (text: string) => (schemeOf(text) as Scheme).exact
    expect([
      exact('flexiblePower'),
      exact('flexiblePower:slope=2'),
      exact('flexiblePower:grace=0.03,slope=2'),
      exact('points:1=1'),
    ]).toEqual([
      false,
      false,
      true,
      true, // biome-ignore format: a table
    ])
    expect(schemeOf('points:per=minute,0=0,1=1')).toMatchObject({ payFactor: { per: 'minute' }, id: 'points:per=minute,0=0,1=1' })
  })
  test.each([
    ['fair', 'it must be one of dfs, ssen'],
    ['dfs:grace=1', 'dfs has nothing to be set'],
    ['ssen:grace=0.1', 'ssen has no "grace": it has from'],
    ['ssen:constructor=0.1', 'ssen has no "constructor"'],
    ['ssen:from=2', 'from is a share from 0 to 1'],
    ['ssen:from=', 'from is a share'],
    ['flexiblePower:slope=0', 'slope is a number above 0'],
    ['flexiblePower:slope=Infinity', 'slope is a number above 0'],
    ['points:', 'points[0]: not a number'],
    ['points:1=1,0.5=0', 'is below the one before'],
    ['points:per=week,1=1', 'per is one of minute, SP, event'],
    ['', 'it must be one of'],
    ['constructor', 'it must be one of'],
  ])('%s is refused, with what is wrong', (text, why) => {
    expect(schemeOf(text)).toContain(why)
  })
})
