import { describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/virtual/fleet.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

/** 22 kW: steps of 561 W. 7.36 kW: steps of 186 W. What is too little for a step of the one is enough for the other. */
const large: ChargerSpec = { phases: 3, maxA: 32 }
const small: ChargerSpec = { phases: 1, maxA: 32 }
const emergency = (totalW: number) => ({
  class: 'emergency' as const,
  basis: 'order',
  ...during(T, T + 7200, { kind: 'cap' as const, totalW }),
})
const mixed = [...fleetOfN(12, large), ...fleetOfN(12, small)]
const capped = (totalW: number, seed = 'seed') => {
  const b = bed(mixed)
  b.signal(emergency(totalW), seed)
  b.answer('accepted')
  b.until(T + 20)
  return b
}
const seeds = Array.from({ length: 20 }, (_, k) => `seed ${k}`)
const doubt = (b: ReturnType<typeof bed>, who: readonly number[]) =>
  ({ kind: 'doubt', who: Uint32Array.from(who), why: 'link lost, holds' }) as const satisfies Parameters<typeof b.turn>[0]
const linked = (b: ReturnType<typeof bed>, who: readonly number[], up: boolean) =>
  ({
    kind: 'link',
    stations: Uint32Array.from(who, i => b.s.fleet.station[i]!),
    up: new Uint8Array(who.length).fill(up ? 1 : 0),
  }) as const

describe('a share of a cap that was told stays', () => {
  test.each([60_000, 100_000, 200_000])(
    'while others are lost and come back in any order, under %i W: what is left over is given to nobody else',
    totalW => {
      for (const seed of seeds) {
        const b = capped(totalW, seed)
        const before = b.wants(T + 30)
        for (const who of [
          [0, 1, 2, 3, 4, 5],
          [12, 13, 14, 15],
          [6, 7, 8, 20, 21],
          [16, 9],
        ])
          expect(one(b.link(false, who), 'planned'), `${seed}: ${who} are lost`).toBeUndefined()
        for (const who of [[13], [0, 20, 6], [14, 15, 1, 2], [3, 4, 5, 7, 8, 9, 12, 16, 21]])
          expect(one(b.turn(linked(b, who, true), doubt(b, who)), 'planned'), `${seed}: ${who} are back`).toBeUndefined()
        expect(b.wants(T + 30)).toEqual(before)
      }
    },
  )
  test.each([49_000, 53_000])("where boxes of two connectors have a sum: it is nobody's own share, under %i W", totalW => {
    const twins = Array.from({ length: 8 }, (_, i): ChargerSpec => ({ ...small, station: Math.floor(i / 2), limitsAtStation: true }))
    const b = bed([...twins, ...[...fleetOfN(8, large), ...fleetOfN(8, small)].map((x, i) => ({ ...x, station: 4 + i }))])
    b.signal(emergency(totalW), `s${(totalW - 40_000) / 1_000}`)
    b.answer('accepted')
    b.until(T + 20)
    const before = b.wants(T + 30).slice(8)
    b.link(false, [8, 9, 10])
    expect(b.wants(T + 30).slice(8)).toEqual(before)
    b.link(true, [8, 9, 10])
    expect(b.wants(T + 30).slice(8)).toEqual(before)
  })
  test('when a charger comes back and is lost again before it could be told', () => {
    const b = capped(100_000)
    b.link(false, [0, 14])
    expect(one(b.turn(linked(b, [0, 14], false), doubt(b, [0, 14])), 'planned')).toBeUndefined()
    b.until(T + 40)
    expect(one(b.turn(linked(b, [0, 14], true)), 'sent')!.who).toEqual(Uint32Array.of(0, 14))
  })
  test('when the bridge died with commands unanswered: nobody counts as free because no meter was heard since', () => {
    const b = bed(mixed)
    b.signal(emergency(100_000))
    const noMeter = mixed.map(() => -1)
    b.observed(noMeter)
    b.answer('accepted', b.everyone.slice(0, 20))
    const before = b.wants(T + 30)
    b.until(T + 200)
    b.link(false)
    expect(one(b.observed(noMeter), 'shortfall')).toBeUndefined()
    b.link(true)
    expect(b.wants(T + 30)).toEqual(before)
  })
})

describe('a box that is back and has no meter', () => {
  /** The one has 6.6 A, the other nothing: what the one might draw without its limit is more than the whole cap. */
  const two = () => {
    const b = bed([{ phases: 1, maxA: 16 }, large])
    b.signal({ ...emergency(1_545), class: 'contracted' as const, basis: null, spread: at }, 'a')
    b.observed([-1, -1])
    b.answer('accepted')
    b.until(T + 300)
    b.link(false, [0])
    return b
  }
  const back = (b: ReturnType<typeof bed>) => {
    const unseen = { kind: 'observed' as const, event: 0, who: Uint32Array.from(b.everyone), powerW: new Int32Array(2).fill(-1) }
    return b.turn(linked(b, [0], true), doubt(b, [0]), unseen)
  }
  test('is told again what it had: the loop does not take it for free in the moment between', () => {
    const b = two()
    const before = b.wants(T + 400)
    expect(before[0]).toBeGreaterThan(0)
    expect(one(back(b), 'shortfall')).toBeUndefined()
    expect(b.wants(T + 400)).toEqual(before)
  })
  test('and the twin: one that says nothing to it, twice, is made good', () => {
    const b = two()
    back(b)
    for (const s of [315, 345, 405]) b.until(T + s)
    expect(one(b.observed([-1, -1]), 'shortfall')).toBeDefined()
  })
})

describe('and the twin: a share changes where it must', () => {
  test('a charger that was free and out of reach comes into reach: the others have its room', () => {
    const b = bed(mixed)
    b.link(false, [0])
    b.signal(emergency(100_000))
    b.answer('accepted')
    const sumW = () => b.wants(T + 30).reduce<number>((n, w, i) => n + (w ?? b.s.fleet.maxW[i]!), 0)
    b.until(T + 20)
    expect(one(b.link(true, [0]), 'planned')!.schedules.who.length).toBeGreaterThan(1)
    expect(b.wants(T + 30)[0]).not.toBeNull()
    expect(sumW()).toBeLessThanOrEqual(100_000)
    expect(sumW()).toBeGreaterThan(100_000 - 561)
  })
  test('more is allowed by a new revision: nobody stays paused, less: the sum is kept', () => {
    const b = capped(30_000)
    expect(b.wants(T + 30)).toContain(0)
    b.signal({ ...emergency(200_000), revision: 1 })
    expect(b.wants(T + 30)).not.toContain(0)
    b.signal({ ...emergency(50_000), revision: 2 })
    expect(b.wants(T + 30).reduce<number>((n, w) => n + w!, 0)).toBeLessThanOrEqual(50_000)
  })
  test('one refuses: a few have less, and the sum is kept', () => {
    const b = bed(mixed)
    b.signal(emergency(150_000))
    const free = b.wants(T + 30).findIndex(w => w! > 0)
    b.answer('rejected', [free])
    const others = b.wants(T + 30).filter((_, i) => i !== free)
    expect(others.reduce<number>((n, w) => n + w!, 0)).toBeLessThanOrEqual(150_000 - b.s.fleet.maxW[free]!)
  })
})

test('the ask is over: a charger that was free and out of reach is not limited on the way back of the others', () => {
  const b = bed(mixed)
  b.link(false, [0])
  b.signal({ ...emergency(100_000), class: 'contracted' as const, basis: null, spread: { ...at, endS: 900 } })
  b.answer('accepted')
  b.until(T + 7_210)
  const before = b.wants(T + 7_220)
  expect(before.some(w => w !== null)).toBe(true)
  b.link(true, [0])
  expect(b.wants(T + 7_220)[0]).toBeNull()
  expect(b.wants(T + 7_220)).toEqual(before)
})
