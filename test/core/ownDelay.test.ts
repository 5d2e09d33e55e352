import { describe, expect, test } from 'vitest'
import { check } from '../../src/core/check.ts'
import { offsetS } from '../../src/core/edges.ts'
import { showsEffect } from '../../src/core/effect.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

const spread = { ...at, startS: 600, endS: 600 }
const off = during(T + 3600, T + 7200, { kind: 'off' })
const ranks = (n: number) => Uint16Array.from({ length: n }, (_, i) => Math.max(1, Math.floor(((i + 0.5) * 65_536) / n)))

describe('a box with a random delay of its own', () => {
  test('is given a slot as wide as its delay, so that all of them together are as even as one draw', () => {
    const slots = new Map<number, number>()
    for (let i = 0; i < 600; i++) {
      const s = offsetS(ranks(600), i, 1_800, 600)
      slots.set(s, (slots.get(s) ?? 0) + 1)
    }
    expect([...slots].sort((a, b) => a[0] - b[0])).toEqual([
      [0, 200],
      [600, 200],
      [1_200, 200],
    ])
  })

  test('that waits as long as the whole ramp, or longer, is told with the first', () => {
    expect([600, 601, 1_800, 301].map(ownS => offsetS(ranks(10), 9, 600, ownS))).toEqual([0, 0, 0, 0])
    expect(offsetS(ranks(10), 9, 600, 300)).toBe(300)
    expect(offsetS(ranks(10), 9, 0, 300)).toBe(0)
  })

  test('has acted when the ramp is over, and is let go no later than the others; the others are where they would be without it', () => {
    const b = bed([...fleetOfN(4), ...fleetOfN(4, { ownDelayS: 200 })])
    const plain = bed(fleetOfN(8))
    for (const x of [b, plain]) x.signal({ spread, ...off })
    for (const i of [4, 5, 6, 7]) {
      expect([0, 200, 400]).toContain(b.want(i)[0]!.fromS - (T + 3600))
      expect([0, 200, 400]).toContain(b.want(i)[0]!.toS - (T + 7200))
    }
    for (const i of [0, 1, 2, 3]) expect(b.want(i)).toEqual(plain.want(i))
    expect(check(b.s, T)).toBeUndefined()
  })

  test('the checker finds one that is told too late for its delay', () => {
    const b = bed(fleetOfN(40, { ownDelayS: 300 }))
    b.signal({ spread, ...off })
    expect(check(b.s, T)).toBeUndefined()
    b.event().ownDelayS = b.event().ownDelayS.map(() => 0)
    b.s.fleet.ownDelayS.fill(0)
    b.link(false, [0])
    b.turn({ kind: 'optIn', who: Uint32Array.of(0) })
    expect(check(b.s, T)).toBeUndefined()
    b.event().ownDelayS = b.event().ownDelayS.map(() => 300)
    expect(check(b.s, T)).toMatch(/too late for its own delay of 300 s/)
  })

  test('learned of in mid-event changes nothing of the event that runs', () => {
    const b = bed(fleetOfN(6))
    b.signal({ spread, ...off })
    const before = b.everyone.map(b.want)
    const { fleet } = b
    b.turn({ ...fleet, chargers: { ...fleet.chargers, ownDelayS: new Uint16Array(6).fill(500) } })
    expect(b.everyone.map(b.want)).toEqual(before)
    b.signal({ id: 'b', spread, ...during(T + 20_000, T + 22_000, { kind: 'off' }) })
    expect(b.everyone.map(i => b.want(i).at(-1)!.fromS)).toEqual(Array(6).fill(T + 20_000))
  })

  test.each([
    { what: 'a routine event waits for it', change: { spread: at }, lastResort: true, shows: undefined },
    {
      what: 'so does an emergency that has nothing stronger',
      change: { class: 'emergency' as const },
      lastResort: false,
      shows: undefined,
    },
    { what: 'one that may stop or disable does not', change: { class: 'emergency' as const }, lastResort: true, shows: false },
  ])('that has not followed after a minute is no proof of anything: $what', ({ change, lastResort, shows }) => {
    const b = bed(fleetOfN(1, { ownDelayS: 600 }), { lastResort })
    b.signal({ ...change, ...during(T + 60, T + 7200, { kind: 'off' }) })
    b.until(T + 60)
    b.answer('accepted')
    expect(showsEffect(b.s, b.event(), 0, 7_000, T + 120)).toBe(shows)
    expect(showsEffect(b.s, b.event(), 0, 7_000, T + 60 + 631)).toBe(false)
  })

  test('counts in another ceiling from when its delay is over', () => {
    // an emergency takes half of the fleet to nothing now; what that frees under a ceiling that runs is not given to others before it is there
    const wants = (ownDelayS: number) => {
      const b = bed(fleetOfN(4, { ownDelayS }))
      b.signal({ ...during(T + 600, T + 7200, { kind: 'cap', totalW: 15_000 }) })
      b.until(T + 3_000)
      b.answer('accepted')
      const before = b.wants(T + 3_100).slice(2)
      const who = [0, 1].map(charger => ({ kind: 'charger' as const, charger }))
      b.signal({ id: 'e', class: 'emergency', targets: who, ...during(T + 3_000, T + 7_200, { kind: 'off' }) })
      return { before, after: b.wants(T + 3_100).slice(2) }
    }
    expect(wants(0).after.every(w => w === null || w > 7_000)).toBe(true)
    expect(wants(600).after).toEqual(wants(600).before)
  })

  test('is expected to give less of an event that is short, and nothing at once of an emergency', () => {
    const p50 = (ownDelayS: number) => {
      const b = bed(fleetOfN(50, { ownDelayS }))
      b.signal({ spread: at, ...during(T + 600, T + 600 + 1_200, { kind: 'off' }) })
      b.observed(b.everyone.map(() => 7_000))
      return one(b.until(T + 595), 'forecast')!.forecast.p50W
    }
    expect(p50(0)).toBeCloseTo(350_000, -4)
    expect(p50(600)).toBeCloseTo(350_000 * 0.75, -4)
  })
})
