import { describe, expect, test } from 'vitest'
import type { Verification } from '../../src/core/model.ts'
import { FREE } from '../../src/core/rows.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const emergency = (totalW: number) => ({
  class: 'emergency' as const,
  basis: 'order',
  ...during(T, T + 7_200, { kind: 'cap' as const, totalW }),
})

describe('before anything is sent, what is wanted is checked', () => {
  const underACap = () => {
    const b = bed(fleetOfN(10, { onLinkLoss: 'holds' }))
    b.signal(emergency(50_000))
    b.answer('accepted', [0, 1, 2, 3, 4, 5, 6, 7, 8])
    b.link(false, [0])
    return b
  }
  test('a retry goes out on the plan that stands', () => {
    const b = underACap()
    const facts = b.until(T + 60)
    expect(one(facts, 'sent')?.who).toEqual(Uint32Array.of(9))
    expect(one(facts, 'planned')).toBeUndefined()
  })
  test('what is lawful no more, whatever made it so, is planned again first', () => {
    const b = underACap()
    const before = b.wants(T + 61)
    b.s.want[3] = FREE
    const facts = b.until(T + 60)
    expect(facts.map(f => f.kind)).toEqual(['planned', 'sent'])
    expect(one(facts, 'planned')?.schedules.who).toEqual(Uint32Array.of(3))
    expect(b.wants(T + 61)).toEqual(before)
  })
})

test('what a verified event teaches of a charger, another that is running plans with at once', () => {
  const b = bed(fleetOfN(10, { reliability: 900 }), { confidence: 0 })
  b.signal(during(T, T + 600, { kind: 'limitEach', limitW: 0 }))
  b.observed(Array(10).fill(7_360))
  b.answer('accepted')
  b.until(T + 900)
  b.signal({ id: 'b', upstreamRef: 'b', ...during(T + 900, T + 7_200, { kind: 'shed', totalW: 30_000 }) })
  b.observed(Array(10).fill(7_360), 1)
  b.answer('accepted')
  b.until(T + 1_000)
  const facts = b.turn({ kind: 'metered', event: 0, readings: onlyFirstMoved(10, 7) })
  expect(verdictOf(one(facts, 'verified')?.verification)).toBe('partial')
  expect(one(facts, 'planned')?.schedules.who.length).toBeGreaterThan(0)
})
const verdictOf = (v: Verification | undefined) => v?.verdict
/** The others drew as before, in the event too. */
function onlyFirstMoved(chargers: number, moved: number) {
  const minutes = 20
  const rows = Array.from({ length: chargers * minutes }, (_, k) => ({ i: Math.floor(k / minutes), fromS: T - 600 + (k % minutes) * 60 }))
  return {
    charger: Uint32Array.from(rows, r => r.i),
    fromMs: Float64Array.from(rows, r => r.fromS * 1_000),
    toMs: Float64Array.from(rows, r => (r.fromS + 60) * 1_000),
    powerW: Float64Array.from(rows, r => (r.i < moved && r.fromS >= T ? 0 : 7_360)),
    registerWh: new Float64Array(rows.length).fill(Number.NaN),
    quality: new Uint8Array(rows.length),
  }
}
