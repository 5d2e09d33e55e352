import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CarSession, carsOf } from '../../simulations/model/cars.ts'
import { type Box, createPhysics } from '../../simulations/model/physics.ts'
import { drawnDay, dundeeDays, outletDays } from '../../simulations/model/real.ts'

const box: Box = { minW: 1_380, maxW: 7_360, onLinkLoss: 'holds', ignores: false }
const hour = 3_600
const limit = (fromS: number, toS: number, limitW: number) => [{ fromS, toS, limitW, because: 0 }]
const one = (session: Partial<CarSession> = {}, more: Partial<Box> = {}) =>
  createPhysics(
    [{ ...box, ...more }],
    carsOf(1, [{ charger: 0, arriveS: hour, departS: 9 * hour, needWh: 20_000, maxW: 7_360, ...session }]).cars,
    0,
  )

describe('a car at a charger', () => {
  test('charges from when it comes until it is full, and no longer than it stays', () => {
    const p = one()
    p.advance(2 * hour)
    expect(p.registerWh[0]).toBeCloseTo(7_360, 6)
    p.advance(24 * hour)
    expect(p.takenWh[0]).toBe(20_000)
    expect(p.takeNews().map(n => n.what)).toEqual(['came', 'full', 'left'])
    const short = one({ departS: 2 * hour })
    short.advance(24 * hour)
    expect(short.takenWh[0]).toBeCloseTo(7_360, 6)
  })
  test('keeps a limit to the second; below 6 A it is a pause', () => {
    const p = one()
    p.hold(0, limit(2 * hour, 3 * hour, 3_000), 0)
    p.advance(3 * hour)
    expect(p.registerWh[0]).toBeCloseTo(10_360, 6)
    p.hold(0, limit(3 * hour, 4 * hour, 1_000), 3 * hour)
    p.advance(4 * hour)
    expect(p.registerWh[0]).toBeCloseTo(10_360, 6)
  })
  test.each([
    ['wakes at once', {}, 7_360 + 7_360],
    ['wakes after ten minutes', { wakeS: 600 }, 7_360 + (7_360 * 50) / 60],
    ['never wakes', { wakes: false }, 7_360],
  ])('after a pause %s', (_, car, wh) => {
    const p = one(car)
    p.hold(0, limit(2 * hour, 9 * hour, 0), 0)
    p.advance(3 * hour)
    // let go earlier than was said
    p.hold(0, [], 3 * hour)
    p.advance(4 * hour)
    expect(p.registerWh[0]).toBeCloseTo(wh, 3)
  })
  test('takes less and less above 80 % of its battery', () => {
    const p = one({ needWh: 40_000, batteryWh: 50_000, startWh: 36_320 })
    p.advance(1.5 * hour)
    expect(p.powerW(0)).toBeCloseTo(7_360, 0)
    p.advance(2.5 * hour)
    expect(p.powerW(0)).toBeLessThan(6_000)
    p.advance(9 * hour)
    expect(36_320 + p.takenWh[0]!).toBeLessThanOrEqual(50_000 + 1e-6)
  })
  test.each([
    ['holds', 3_000],
    ['resumes', 7_360],
    ['dropsProfile', 7_360],
  ] as const)('without its link a box that %s draws %i W', (onLinkLoss, w) => {
    const p = one({}, { onLinkLoss })
    p.hold(0, limit(2 * hour, 9 * hour, 3_000), 0)
    p.advance(3 * hour)
    p.link(0, false, 3 * hour)
    expect(p.powerW(0)).toBe(w)
    p.link(0, true, 4 * hour)
    expect(p.powerW(0)).toBe(onLinkLoss === 'dropsProfile' ? 7_360 : 3_000)
  })
  test('without supply it draws nothing, and has lost its limit afterwards', () => {
    const p = one()
    p.hold(0, limit(2 * hour, 9 * hour, 3_000), 0)
    p.dark(0, 3 * hour, 4 * hour)
    expect(p.powerW(0)).toBe(0)
    p.advance(4 * hour)
    expect(p.powerW(0)).toBe(7_360)
  })
})

test('whatever is held when, no car gets more than it needs, none more than its limit, and the register is the sum of the cars', () => {
  const step = fc.record({
    afterS: fc.integer({ min: 1, max: 4_000 }),
    limitW: fc.constantFrom(0, 1_000, 1_380, 4_140, 9_000),
    lastsS: fc.integer({ min: 1, max: 9_000 }),
  })
  const car = fc.record({
    gapS: fc.integer({ min: 0, max: 7_200 }),
    staysS: fc.integer({ min: 1, max: 20_000 }),
    needWh: fc.integer({ min: 0, max: 30_000 }),
    batteryWh: fc.constantFrom(20_000, 60_000),
    wakes: fc.boolean(),
    wakeS: fc.constantFrom(0, 300),
  })
  fc.assert(
    fc.property(fc.array(car, { minLength: 1, maxLength: 4 }), fc.array(step, { maxLength: 12 }), (cars, steps) => {
      let atS = 0
      const sessions = cars.map(({ gapS, staysS, ...rest }): CarSession => {
        const arriveS = atS + gapS
        atS = arriveS + staysS
        return { charger: 0, arriveS, departS: atS, maxW: 7_360, ...rest }
      })
      const p = createPhysics([box], carsOf(1, sessions).cars, 0)
      let nowS = 0
      let held = limit(0, 1, 9_000)
      for (const { afterS, limitW, lastsS } of steps) {
        const toS = nowS + afterS
        for (let s = nowS; s < toS; s += 61) {
          const before = p.registerWh[0]!
          const end = Math.min(toS, s + 61)
          p.advance(end)
          const w = ((p.registerWh[0]! - before) * 3_600) / (end - s)
          expect(w).toBeLessThanOrEqual(7_360 + 1e-3)
          const x = held[0]!
          if (x.fromS <= s && end <= x.toS) expect(w).toBeLessThanOrEqual((x.limitW < 1_380 ? 0 : x.limitW) + 1e-3)
        }
        nowS = toS
        held = limit(nowS, nowS + lastsS, limitW)
        p.hold(0, held, nowS)
      }
      p.advance(nowS + 200_000)
      for (const [k, x] of sessions.entries()) {
        expect(p.takenWh[k]!).toBeLessThanOrEqual(x.needWh)
        expect(p.takenWh[k]!).toBeGreaterThanOrEqual(0)
      }
      expect(p.takenWh.reduce((a, b) => a + b, 0)).toBeCloseTo(p.registerWh[0]!, 3)
    }),
    { numRuns: 60 },
  )
})
test('one more charger shifts nobody else, one more step neither', () => {
  const days = dundeeDays()
  const all = (n: number) =>
    drawnDay(
      days,
      Array.from({ length: n }, (_, no) => ({ no, maxW: 7_360 })),
      { midnightS: 0, perCharger: 1.5, seed: 's' },
    )
  expect(all(9).filter(x => x.charger < 8)).toEqual(all(8))
  const end = (stepS: number) => {
    const { cars } = carsOf(8, all(8))
    const p = createPhysics(Array(8).fill(box), cars, 0)
    for (let s = 0; s <= 86_400; s += stepS) p.advance(s)
    return [...p.registerWh]
  }
  end(60).forEach((wh, i) => expect(wh).toBeCloseTo(end(86_400)[i]!, 3))
})
describe('sessions that were recorded', () => {
  test('come with the project', () => {
    const days = dundeeDays()
    expect(days).toHaveLength(3_787)
    expect(days.flat()).toHaveLength(5_893)
  })
  test('a bad row is named, and nothing else is lost', () => {
    const { days, rejected } = outletDays(
      'start_local,end_local,energy_kwh,outlet,max_kw\n2018-06-06T10:00,2018-06-06T11:00,3,a/1,7\n2018-06-06T10:00,2018-06-06T09:00,3,a/1,7\n2018-06-06T10:00,2018-06-06T11:00,lots,a/1,7\n',
    )
    expect(days).toEqual([[{ startMinute: 600, minutes: 60, energyWh: 3_000, maxW: 7_000 }]])
    expect(rejected).toEqual(['row 3, column end_local: "2018-06-06T09:00" is not after its start', 'row 4, column energy_kwh: "lots"'])
  })
  test('a car cannot come to an occupied charger', () => {
    const x = { charger: 0, arriveS: 0, departS: 100, needWh: 1, maxW: 1 }
    const { cars, dropped } = carsOf(1, [x, { ...x, arriveS: 50 }, { ...x, arriveS: 100, departS: 200 }])
    expect(cars.count).toBe(2)
    expect(dropped).toHaveLength(1)
  })
})
