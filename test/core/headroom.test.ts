import { describe, expect, test } from 'vitest'
import type { Programme } from '../../src/core/model.ts'
import { exclusionOf } from '../../src/core/state.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const N = 200
const SEVEN_W = 7_360
/** A shed of 500 kW among 200 chargers of 7.36 kW and 0.8, all charging: who is limited, and what that is expected to give. */
function shed(programme: Partial<Programme>, change: { class?: 'emergency'; drawW?: number; totalW?: number } = {}) {
  const b = bed(fleetOfN(N, { maxA: 32, reliability: 800 }), programme)
  const { class: of, drawW = SEVEN_W, totalW = 500_000 } = change
  b.signal({ ...during(T + 3_600, T + 7_200, { kind: 'shed', totalW }), ...(of ? { class: of, basis: 'law' } : {}) })
  const facts = b.observed(new Array(N).fill(drawW))
  const limited = () => b.wants(T + 3_600).flatMap((w, i) => (w === null ? [] : [i]))
  return { b, facts, limited, expectedW: () => limited().length * drawW * 0.8 }
}

describe('what is planned beyond the ask', () => {
  test('by expectation alone: as much as was asked, the last one in part', () => {
    expect(shed({}).limited().length).toBe(Math.ceil(500_000 / (SEVEN_W * 0.8)))
  })
  test('over-committed by a tenth: a tenth more', () => {
    const { expectedW } = shed({ overCommit: 1.1 })
    expect(expectedW()).toBeGreaterThanOrEqual(550_000)
    expect(expectedW()).toBeLessThan(550_000 + SEVEN_W)
  })
  test('with confidence: more the surer it has to be, and only for what chance may take', () => {
    const at = (confidence: number) => shed({ confidence }).limited().length
    expect(at(0.9)).toBeGreaterThan(shed({}).limited().length)
    expect(at(0.98)).toBeGreaterThan(at(0.9))
    expect(at(0.98)).toBeLessThan(shed({}).limited().length * 1.4)
  })
  test('a fleet that is too small for the surplus is used as a whole, and nothing is called missing that can be expected', () => {
    const { facts, limited } = shed({ overCommit: 1.5 }, { totalW: 1_000_000 })
    expect(limited().length).toBe(N)
    expect(one(facts, 'planned')?.unreachable).toEqual([])
  })
  test('one too small for the ask says what is missing', () => {
    for (const programme of [{}, { overCommit: 1.5 }, { confidence: 0.95 }]) {
      const { facts, limited } = shed(programme, { totalW: 1_200_000 })
      expect(limited().length).toBe(N)
      expect(one(facts, 'planned')?.unreachable).toEqual([{ event: 0, missingW: 1_200_000 - N * SEVEN_W * 0.8 }])
    }
  })
})

describe('the reserve', () => {
  const reserve = 0.3
  test('stays back, by lot, while what is left suffices', () => {
    const all = shed({}).limited()
    const { limited } = shed({ reserve })
    const others = limited().filter(i => !all.includes(i))
    expect(limited().length).toBe(all.length)
    expect(others.length).toBeGreaterThan(5)
  })
  test('is used at once where the rest cannot do it, and in an emergency', () => {
    expect(shed({ reserve }, { totalW: 1_000_000 }).limited().length).toBeGreaterThan(N * (1 - reserve) + 10)
    expect(shed({ reserve }, { class: 'emergency' }).limited()).toEqual(shed({}, { class: 'emergency' }).limited())
  })
  test('is let in when metering falls short, and whoever was limited stays so', () => {
    const { b, limited } = shed({ reserve: 0.5, shortfallBelow: 0.95 }, { totalW: 560_000 })
    const before = limited()
    b.until(T + 3_500)
    b.answer('accepted')
    b.until(T + 3_700)
    const lax = b.everyone.map(i => (before.includes(i) ? (i % 4 === 0 ? SEVEN_W : 0) : SEVEN_W))
    const facts = [...b.observed(lax), ...b.until(T + 3_760), ...b.observed(lax)]
    expect(one(facts, 'shortfall')?.missingW).toBeGreaterThan(0)
    const after = b.wants(T + 3_800).flatMap((w, i) => (w === null ? [] : [i]))
    expect(after.length).toBeGreaterThan(before.length)
  })
})

describe('the control group', () => {
  const heldOut = (change: Parameters<typeof shed>[1] = {}) => {
    const { b, limited } = shed({ holdOut: 0.25 }, change)
    return { limited: limited(), left: [...b.event().excluded.keys()].filter(i => b.event().excluded[i] !== 0), b }
  }
  test('is a share by seeded draw that is left alone whatever is asked, and said to be', () => {
    const { limited, left, b } = heldOut({ totalW: 2_000_000 })
    expect(left.length / N).toBeGreaterThan(0.15)
    expect(left.length / N).toBeLessThan(0.35)
    expect(limited).toEqual(b.everyone.filter(i => !left.includes(i)))
    expect(new Set(left.map(i => exclusionOf(b.event(), i)))).toEqual(new Set(['heldOut']))
  })
  test('there is none in an emergency', () => {
    expect(heldOut({ class: 'emergency', totalW: 2_000_000 })).toMatchObject({ left: [], limited: { length: N } })
  })
})

describe('what a charger is worth', () => {
  test('follows its verified events: who never moved is not counted on, and more others are taken', () => {
    const b = bed(fleetOfN(4, { maxA: 32, reliability: 800 }))
    const reliability = () => [...b.s.fleet.reliability]
    const readings = (powerW: readonly number[], fromS: number) => {
      const n = powerW.length
      // before, and two intervals within: a single one above its limit proves nothing
      const each = <A>(f: (i: number, k: number) => A) => [0, 1, 2].flatMap(k => powerW.map((_, i) => f(i, k)))
      const startS = [fromS - 600, fromS + 60, fromS + 1_800]
      const endS = [fromS, fromS + 1_800, fromS + 3_600]
      return {
        charger: Uint32Array.from(each(i => i)),
        fromMs: Float64Array.from(each((_, k) => startS[k]! * 1000)),
        toMs: Float64Array.from(each((_, k) => endS[k]! * 1000)),
        powerW: Float64Array.from(each((i, k) => (k === 0 ? SEVEN_W : powerW[i]!))),
        registerWh: new Float64Array(3 * n).fill(Number.NaN),
        quality: new Uint8Array(3 * n),
      }
    }
    b.signal({ ...during(T + 3_600, T + 7_200, { kind: 'off' }) })
    b.observed([SEVEN_W, SEVEN_W, SEVEN_W, SEVEN_W])
    b.until(T + 3_400)
    b.answer('accepted')
    b.until(T + 7_500)
    b.turn({ kind: 'metered', event: 0, readings: readings([0, 0, 0, SEVEN_W], T + 3_600) })
    expect(
      reliability()
        .slice(0, 3)
        .every(r => r > 800),
    ).toBe(true)
    expect(reliability()[3]).toBeLessThan(800)
    expect(b.event().verification?.forecast).toMatchObject({ deliveredW: expect.closeTo(3 * SEVEN_W), inside: true })
  })
})
