import { describe, expect, test } from 'vitest'
import { forecast, scoreOf } from '../../src/core/capacity.ts'
import type { Programme } from '../../src/core/model.ts'
import { scored } from '../../src/core/reliability.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const N = 100
const SEVEN_W = 7_360
const node = [{ kind: 'node', node: 0 }] as const
/** 100 chargers of 0.8 that draw 7.36 kW each, as metered a minute ago, or `agoS`. */
function world(programme: Partial<Programme> = {}, agoS = 60) {
  const b = bed(fleetOfN(N, { reliability: 800 }), { startSpreadS: 600, ...programme })
  const latest = { powerW: new Float64Array(N).fill(SEVEN_W), atMs: new Float64Array(N).fill((T - agoS) * 1000) }
  return { b, within: (s: number, more = {}) => forecast(b.s, node, latest, T * 1000, s, more) }
}
const allW = N * SEVEN_W * 0.8

describe('what a node gives within a time', () => {
  test('is what experience says of those who charge, once the random window is over', () => {
    const { p10W, p50W, p90W } = world().within(700)
    expect(Math.abs(p50W / allW - 1)).toBeLessThan(0.03)
    expect(p10W).toBeGreaterThan(0.8 * allW)
    expect(p90W).toBeLessThan(1.2 * allW)
    expect(p10W).toBeLessThan(p50W)
    expect(p50W).toBeLessThan(p90W)
  })
  test('grows with the share of the window that has passed; in an emergency there is none', () => {
    const { within } = world()
    expect(within(10).p50W).toBe(0)
    expect(Math.abs(within(330).p50W / (allW / 2) - 1)).toBeLessThan(0.03)
    expect(within(60, { isEmergency: true }).p50W).toBeGreaterThan(0.9 * allW)
    expect(world({ emergencyAllowed: false }).within(60, { isEmergency: true }).p50W).toBe(0)
  })
  test('counts nobody who is offline, opted out or unenrolled, down to the floor only, and old readings for half', () => {
    const { b, within } = world()
    b.link(
      false,
      b.everyone.filter(i => i < 30),
    )
    for (let i = 30; i < 50; i++) b.optOut(i, T, T + 3_600)
    expect(Math.abs(within(700).p50W / (allW / 2) - 1)).toBeLessThan(0.03)
    expect(Math.abs(world({ floorW: SEVEN_W / 2 }).within(700).p50W / (allW / 2) - 1)).toBeLessThan(0.03)
    expect(Math.abs(world({}, 1_800).within(700).p50W / (allW / 2) - 1)).toBeLessThan(0.03)
    expect(world({}, 7_200).within(700).p50W).toBe(0)
  })
})

describe('the forecast of an event', () => {
  test('is recorded once its plan is made and before it begins, once', () => {
    const b = bed(fleetOfN(N, { reliability: 800 }))
    const facts = b.signal(during(T + 3_600, T + 7_200, { kind: 'off' }))
    facts.push(...b.observed(new Array(N).fill(SEVEN_W)), ...b.until(T + 3_000))
    expect(one(facts, 'forecast')).toBeUndefined()
    const due = b.until(T + 3_500)
    expect(Math.abs(one(due, 'forecast')!.forecast.p50W / allW - 1)).toBeLessThan(0.03)
    expect(one(b.until(T + 3_700), 'forecast')).toBeUndefined()
  })
  test('is scored by the meters, not where they say nothing', () => {
    const f = { p10W: 100, p50W: 200, p90W: 300 }
    const seen = { verdict: 'delivered', deliveredWh: 125, window: { fromS: 0, toS: 1_800 } } as const
    expect(scoreOf(f, seen)).toEqual({ ...f, deliveredW: 250, inside: true })
    expect(scoreOf(f, { ...seen, deliveredWh: 160 })?.inside).toBe(false)
    expect(scoreOf(f, { ...seen, verdict: 'unverifiable' })).toBeNull()
  })
  test('that is missed widens the next ones: in the long run as many hit as promised, whatever the model does not know', () => {
    const { b } = world()
    let hits = 0
    for (let k = 0; k < 2_000; k++) {
      // errors three times as wide as thought, in a fixed order of every size
      const isInside = ((k * 0.6180339887) % 1) * 3 <= b.s.learned.width
      if (isInside && k >= 100) hits++
      scored(b.s.learned, isInside)
    }
    expect(hits / 1_900).toBeGreaterThan(0.8)
    expect(hits / 1_900).toBeLessThan(0.9)
  })
})
