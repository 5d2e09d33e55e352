import { describe, expect, test } from 'vitest'
import { between, stream } from '../../simulations/fleet/chance.ts'
import { type CarSession, carsOf } from '../../simulations/model/cars.ts'
import { createPhysics } from '../../simulations/model/physics.ts'
import { play } from '../../simulations/scenario/play.ts'
import { readScenario } from '../../simulations/scenario/read.ts'

const hour = 3_600
const text = `
scenario: 1
name: physics
seed: 3
start: 2026-01-15T15:00
end: 2026-01-16T12:00
fleet:
  chargers: 60
  kinds: [{ phases: 1, meterNoise: 0.01 }, { phases: 3, maxA: 16, latencyMs: 5000 }]
  background: [{ place: feeder/1, hourlyW: [9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9] }]
cars: { from: drawn, share: 1, arrival: "16:00", energyWh: [10000, 40000] }
events:
  - { id: peak, announced: "17:00", intervals: [{ from: "18:00", forS: 3600, ask: { kind: shedShare, share: 0.7 } }] }
`

describe('a played scenario keeps to physics', async () => {
  const played = await play(readScenario(text))
  const { world, built, recorded } = played
  test('each session: what the car took is what the meter counted, to 1 Wh', async () => {
    const who = Uint32Array.from(built.setting.chargers, c => c.no)
    const { charger, fromMs, toMs, powerW } = await world.meters.range(who, built.startS * 1000, built.endS * 1000)
    const metered = new Float64Array(who.length)
    charger.forEach((i, k) => (toMs[k]! - fromMs[k]! === 60_000 ? (metered[i]! += powerW[k]! / 60) : 0))
    const taken = new Float64Array(who.length)
    built.setting.cars.charger.forEach((i, k) => (taken[i]! += played.takenWh[k]!))
    for (const i of who) {
      expect(Math.abs(world.model.physics.registerWh[i]! - taken[i]!)).toBeLessThan(1)
      // its meter errs by 1 % a minute at random
      if (built.setting.chargers[i]!.meterNoise === 0) expect(Math.abs(metered[i]! - taken[i]!)).toBeLessThan(1)
    }
  })
  test('nobody is above a limit once it has been told', () => {
    const limits = world.model.commands.filter(c => c.outcome === 'accepted' && c.command.schedule.length > 0)
    expect(limits.length).toBeGreaterThan(10)
    for (const { command, dueMs } of limits) {
      const { charger, schedule } = command
      const later = world.model.commands.filter(c => c.command.charger === charger && c.dueMs > dueMs)
      const untilS = Math.min(...later.map(c => c.dueMs / 1000), Number.POSITIVE_INFINITY)
      const p = createPhysics([built.setting.chargers[charger]!], carsOf(1, carsAt(charger)).cars, built.startS)
      p.hold(0, schedule, dueMs / 1000)
      for (const x of schedule)
        for (let s = Math.max(x.fromS, Math.ceil(dueMs / 1000)); s < Math.min(x.toS, untilS); s += 30) {
          p.advance(s)
          expect(p.powerW(0)).toBeLessThanOrEqual(x.limitW)
        }
    }
  })
  const carsAt = (charger: number): CarSession[] => {
    const { cars } = built.setting
    return [...cars.charger.keys()]
      .filter(k => cars.charger[k] === charger)
      .map(k => ({ charger: 0, arriveS: cars.arriveS[k]!, departS: cars.departS[k]!, needWh: cars.needWh[k]!, maxW: cars.maxW[k]! }))
  }
  test('the load of the feeders is the load of all', () => {
    const feeders = recorded.nodes.filter(n => n.name.startsWith('feeder/'))
    recorded.loadW.forEach((w, k) => expect(feeders.reduce((sum, n) => sum + n.loadW[k]!, 0)).toBeCloseTo(w, 3))
    expect(recorded.nodes.find(n => n.name === 'feeder/1')!.backgroundW[0]).toBe(9)
  })
})

/** DISPATCH 2.3: cars come as a Poisson process, charge `S` hours on average, and are held back `D` hours. */
test.each([
  [1.5, 0.5, 1.33],
  [1.5, 1, 1.67],
  [1.5, 2, 2.33],
  [3, 0.5, 1.17],
  [3, 1, 1.33],
  [3, 2, 1.67],
])('charging %d h on average, held for %d h: %d times as many charge afterwards (Little’s law)', (S, D, ratio) => {
  const chance = stream('rebound', `${S} ${D}`)
  const [count, horizonS] = [24_000, 24 * hour]
  const sessions = Array.from({ length: count }, (_, charger): CarSession => {
    const hours = between(chance, 0, 2 * S)
    return { charger, arriveS: Math.floor(between(chance, 0, horizonS)), departS: 10 * horizonS, needWh: 7_000 * hours, maxW: 7_000 }
  })
  const physics = createPhysics(
    sessions.map(() => ({ minW: 1_380, maxW: 7_000, onLinkLoss: 'holds' as const, ignores: false })),
    carsOf(count, sessions).cars,
    0,
  )
  const charging = (atS: number) => {
    physics.advance(atS)
    let n = 0
    for (let i = 0; i < count; i++) if (physics.powerW(i) > 0) n++
    return n
  }
  const [fromS, toS] = [12 * hour, (12 + D) * hour]
  const before = charging(fromS)
  for (let i = 0; i < count; i++) physics.hold(i, [{ fromS, toS, limitW: 0, because: 0 }], fromS)
  expect(charging(fromS + 60)).toBe(0)
  expect(Math.abs(charging(toS) / before / ratio - 1)).toBeLessThan(0.05)
})
