import { describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/virtual/fleet.ts'
import { apply } from '../../src/core/apply.ts'
import type { Programme } from '../../src/core/model.ts'
import { drawnShare } from '../../src/core/pick.ts'
import { plan } from '../../src/core/plan.ts'
import { at, bed, during, T } from './bed.ts'

const specs: readonly ChargerSpec[] = Array.from({ length: 40 }, (_, i) =>
  i % 2 === 0 ? { phases: 3, maxA: 32 } : { phases: 1, maxA: 32 },
)
const ask = (totalW: number) => ({ kind: 'shed' as const, totalW })
/** Everybody draws its most, and is metered before the event. */
const shedding = (totalW: number, programme: Partial<Programme>, seed = 'seed', endS = 0) => {
  const b = bed(specs, programme)
  b.signal({ ...during(T + 600, T + 7_200, ask(totalW)), spread: { ...at, endS } }, seed)
  b.observed(b.everyone.map(i => b.s.fleet.maxW[i]!))
  return b
}
const wants = (b: ReturnType<typeof bed>) => b.wants(T + 3_600)
/** As a verified event would leave it: what is thought of how likely each obeys. */
const thinks = (b: ReturnType<typeof bed>, permille: (i: number) => number) => {
  b.s.fleet.reliability.forEach((_, i) => {
    b.s.fleet.reliability[i] = permille(i)
  })
  apply(b.s, plan(b.s, T + 601))
}
const cutW = (b: ReturnType<typeof bed>) =>
  wants(b).reduce<number>((sum, w, i) => sum + (w === null ? 0 : (b.s.fleet.maxW[i]! - w) * (b.s.fleet.reliability[i]! / 1000)), 0)

describe.each([
  ['the expectation', { confidence: 0 }],
  ['a confidence', { confidence: 0.95 }],
] as const)('a cut that was told stays where the ask is met by %s', (_name, programme) => {
  const seeds = Array.from({ length: 10 }, (_, k) => `seed ${k}`)

  test.each(seeds)('what is thought of the others changes a little: nobody who was told is told otherwise, %s', seed => {
    const b = shedding(150_000, programme, seed)
    const before = wants(b)
    expect(before.some(w => w !== null)).toBe(true)
    thinks(b, i => 930 + ((i * 7) % 20))
    thinks(b, i => 950 - ((i * 11) % 20))
    const after = wants(b)
    before.forEach((w, i) => {
      if (w !== null && after[i] !== null) expect(after[i], `charger ${i}`).toBe(w)
    })
    expect(cutW(b)).toBeGreaterThanOrEqual(150_000 - 1)
  })

  test('one opts out: others are added, and nobody who was told is let go', () => {
    const b = shedding(150_000, programme)
    const before = wants(b)
    const first = before.findIndex(w => w !== null)
    b.optOut(first, T, T + 9_000)
    const after = wants(b)
    expect(after[first]).toBeNull()
    before.forEach((w, i) => {
      if (w !== null && i !== first) expect(after[i]).toBe(w)
    })
    expect(cutW(b)).toBeGreaterThanOrEqual(150_000 - 1)
  })

  test('and the twin: less is needed, and those go who are needed no more; more, and some come', () => {
    const b = shedding(150_000, programme)
    const count = () => wants(b).filter(w => w !== null).length
    const before = count()
    b.signal({ ...during(T + 600, T + 7_200, ask(60_000)), revision: 1 })
    expect(count()).toBeLessThan(before)
    const kept = wants(b)
    b.signal({ ...during(T + 600, T + 7_200, ask(180_000)), revision: 2 })
    expect(count()).toBeGreaterThan(before)
    kept.forEach((w, i) => {
      if (w !== null) expect(wants(b)[i]).toBe(w)
    })
  })

  test.each(seeds)('the ask is over: nobody is told to come down who was not, however the others are thought of, %s', seed => {
    const b = shedding(150_000, programme, seed, 1_800)
    const limited = () => b.everyone.filter(i => b.want(i).some(x => x.toS > T + 7_230))
    const before = limited()
    expect(before.length).toBeGreaterThan(5)
    b.s.fleet.reliability.forEach((_, i) => {
      b.s.fleet.reliability[i] = 100 + ((i * 397) % 800)
    })
    b.until(T + 7_230)
    apply(b.s, plan(b.s, T + 7_230))
    expect(limited().filter(i => !before.includes(i))).toEqual([])
  })
  test.each(seeds)('one opts out: the reserve stays back while the others are enough, %s', seed => {
    const b = shedding(100_000, { ...programme, reserve: 0.3 }, seed)
    const stays = drawnShare(Uint32Array.from(b.everyone), 0.3, b.event().seed, 'reserve')
    for (let k = 0; k < 3; k++) {
      b.optOut(
        wants(b).findIndex(w => w !== null),
        T,
        T + 9_000,
      )
      expect(b.everyone.filter(i => stays[i] === 1 && wants(b)[i] !== null)).toEqual([])
    }
    expect(cutW(b)).toBeGreaterThanOrEqual(100_000 - 1)
  })
})
