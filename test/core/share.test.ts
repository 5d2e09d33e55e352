import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Sharers, type Sharing, share } from '../../src/core/share.ts'

type One = { order: number; minW: number; maxW: number; stepW?: number; pauses?: boolean }
const sharers = (all: readonly One[]): Sharers => ({
  order: Uint32Array.from(all, x => x.order),
  pauseW: Int32Array.from(all, x => (x.pauses === false ? x.minW : 0)),
  minW: Int32Array.from(all, x => x.minW),
  maxW: Int32Array.from(all, x => x.maxW),
  stepW: Int32Array.from(all, x => x.stepW ?? 0),
})
const wattsOf = (budgetW: number, rule: Sharing, ...all: One[]) => [...share(budgetW, sharers(all), rule).watts]
const seven = (order: number, more: Partial<One> = {}): One => ({ order, minW: 1_380, maxW: 7_360, ...more })
const three = (order: number): One => ({ order, minW: 1_380, maxW: 3_680 })

describe('sharing a budget', () => {
  it('has everyone run at least power before anyone has more, and pauses the last in order where even that is too much', () => {
    expect(wattsOf(2_800, 'proRata', seven(1 << 30), seven(2 << 30), seven(5))).toEqual([1_380, 0, 1_380])
    expect(wattsOf(0, 'proRata', seven(1), seven(2))).toEqual([0, 0])
  })
  it('pro rata gives the same share of each range', () => {
    const [a, b] = wattsOf(6_600, 'proRata', seven(1), three(2))
    expect((a! - 1_380) / (7_360 - 1_380)).toBeCloseTo((b! - 1_380) / (3_680 - 1_380), 1)
  })
  it('max-min gives the same watts, and what the small cannot use to the large', () => {
    const [a, b, c] = wattsOf(6_900, 'maxMin', seven(1), seven(2), seven(3))
    expect(Math.max(a!, b!, c!) - Math.min(a!, b!, c!)).toBeLessThanOrEqual(Math.ceil(7_360 / 32))
    const [big, small] = wattsOf(10_000, 'maxMin', seven(1), three(2))
    expect(small).toBe(3_680)
    expect(big).toBeGreaterThan(6_000)
  })
  it('whole serves in order and gives what is left to the first who can run on it', () => {
    expect(wattsOf(10_000, 'whole', seven(1), seven(2), seven(3))).toEqual([7_360, 2_640, 0])
    expect(wattsOf(8_000, 'whole', seven(1), seven(2), seven(3))).toEqual([7_360, 0, 0])
  })
  it('leaves who cannot be paused at least power, and says what is short', () => {
    expect(share(1_000, sharers([seven(1, { pauses: false }), seven(2)]), 'proRata')).toEqual({
      watts: Int32Array.of(1_380, 0),
      shortW: 380,
    })
  })
  it('a bound from elsewhere below the least power is kept as it is', () => {
    expect(wattsOf(20_000, 'maxMin', { order: 1, minW: 1_380, maxW: 0 }, seven(2))).toEqual([0, 7_360])
  })

  const one = fc.record({
    order: fc.nat(0xffffffff),
    minW: fc.constantFrom(1_380, 4_140),
    maxW: fc.constantFrom(0, 3_680, 7_360, 11_040, 22_080),
    stepW: fc.constantFrom(0, 0, 230, 690),
    pauses: fc.boolean(),
  })
  it('keeps to the budget and to what can be told, whatever the fleet', () => {
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 60 }),
        fc.nat(400_000),
        fc.constantFrom<Sharing>('proRata', 'maxMin', 'whole'),
        (all, budgetW, rule) => {
          const { watts, shortW } = share(budgetW, sharers(all), rule)
          const sumW = watts.reduce((a, b) => a + b, 0)
          expect(sumW).toBeLessThanOrEqual(budgetW + shortW)
          watts.forEach((w, m) => {
            const { minW, maxW, stepW, pauses } = all[m]!
            const pausedW = Math.min(maxW, pauses ? 0 : minW)
            if (w === pausedW || w === maxW) return
            expect(w).toBeGreaterThanOrEqual(minW)
            expect(w).toBeLessThan(maxW)
            if (stepW! > 0) expect((w - minW) % stepW!).toBe(0)
          })
        },
      ),
      { numRuns: 500 },
    )
  })
  it('leaves nothing that somebody who is limited could still be told', () => {
    fc.assert(
      fc.property(
        fc.array(one, { minLength: 1, maxLength: 40 }),
        fc.nat(300_000),
        fc.constantFrom<Sharing>('proRata', 'maxMin', 'whole'),
        (all, budgetW, rule) => {
          const { watts, shortW } = share(budgetW, sharers(all), rule)
          if (shortW > 0) return
          const leftW = budgetW - watts.reduce((a, b) => a + b, 0)
          const largestRange = Math.max(0, ...all.map(x => x.maxW))
          // one step, or one least power of somebody paused; rounding to whole steps of a range loses less than 32 W each
          const bound = Math.max(4_140, Math.ceil(largestRange / 32) + 32, 690)
          if (watts.some((w, m) => w < all[m]!.maxW && all[m]!.maxW >= all[m]!.minW))
            expect(leftW).toBeLessThan(rule === 'whole' ? bound : bound + 32 * all.length)
        },
      ),
      { numRuns: 500 },
    )
  })
})
