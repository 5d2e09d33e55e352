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

const metered = (more: string, settings = ''): string => `
scenario: 1
name: conservation
seed: 3
start: 2026-06-15T10:00
end: 2026-06-15T21:00
fleet:
  chargers: 32
  background:
    - { place: site, spread: 0.3, hourlyW: [300, 300, 300, 300, 300, 300, 500, 900, 900, 700, 600, 600, 700, 600, 600, 700, 1000, 1800, 1900, 1700, 1300, 1000, 700, 400] }
  pv: [{ place: site, peakW: 9000 }]
  meters:
    - { place: site, ${more} }
    - { place: feeder, ${more} }
    - { place: primary/0, ${more} }
cars: { from: drawn, share: 1, arrival: "14:00", arrivalDeviationS: 7200, energyWh: [10000, 40000] }
events:
  - { id: peak, announced: "17:00", intervals: [{ from: "18:00", forS: 5400, ask: { kind: shedShare, share: 0.5 } }] }
${settings}`
const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

describe('what meters of sites and feeders say', async () => {
  const exact = await play(readScenario(metered('accuracy: 0, resolutionWh: 0')))
  const classed = await play(readScenario(metered('accuracy: 0.01, noise: 0.002, clockS: 0, resolutionWh: 10')))
  const of = (played: typeof exact, kind: string) => played.meters.filter(m => m.kind === kind)

  test('a site meter is its other load and the sum of its chargers; a feeder the sum of its sites, a primary that of its feeders', () => {
    const [sites, feeders, [primary]] = [of(exact, 'site'), of(exact, 'feeder'), of(exact, 'substation')]
    expect([sites.length, feeders.length]).toEqual([8, 2])
    primary!.intervals.forEach((x, t) => {
      feeders.forEach((feeder, f) => {
        const own = sites.slice(4 * f, 4 * f + 4).map(site => site.intervals[t]!)
        for (const one of own) expect(one.kwh! * 1000).toBeCloseTo(one.chargersWh + one.otherWh, 6)
        expect(feeder.intervals[t]!.kwh! * 1000).toBeCloseTo(sumOf(own.map(o => o.kwh! * 1000)), 4)
      })
      expect(x.kwh).toBeCloseTo(sumOf(feeders.map(f => f.intervals[t]!.kwh!)), 6)
    })
    // and the chargers in them are those of the run
    const drewWh = sumOf(primary!.intervals.map(x => x.chargersWh))
    expect(drewWh).toBeCloseTo(sumOf([...exact.world.model.physics.registerWh]), 0)
    // generation at noon is more than the load of some
    expect(Math.min(...sites.flatMap(s => s.intervals.map(x => x.otherWh)))).toBeLessThan(0)
  })
  test('of a class, each is right within it: what it reads is what flowed, to its error, noise and resolution', () => {
    for (const meter of classed.meters) {
      const error = meter.intervals.map(x => Math.abs(x.countedWh - x.chargersWh - x.otherWh))
      meter.intervals.forEach((x, t) => expect(error[t]).toBeLessThan((0.01 + 6 * 0.002) * Math.abs(x.chargersWh + x.otherWh) + 10 + 1e-6))
      expect(sumOf(error)).toBeGreaterThan(0)
    }
  })
  test('meters of a site change nothing of what happens: the record is the same without them', async () => {
    const scenario = readScenario(metered('accuracy: 0.01'))
    const { meters: _, ...bare } = scenario.fleet
    const root = (p: typeof exact) => Buffer.from(p.world.journal.root()).toString('hex')
    expect(root(await play({ ...scenario, fleet: bare }))).toBe(root(exact))
  })
  test('the bridge sets the drop of each beside that of its chargers, and what it does not explain is the other load', () => {
    const [{ witnessed }] = exact.events as [(typeof exact.events)[number]]
    expect(witnessed.map(w => w.meter)).toEqual([...[...Array(8).keys()].map(k => `site/${k}`), 'feeder/0', 'feeder/1', 'primary/0'])
    const known = witnessed.filter(w => w.gap)
    expect(known).toHaveLength(11)
    for (const { gap } of known) expect(gap!.feederWh).toBeCloseTo(gap!.commandedWh + gap!.notCommandedWh + gap!.residualWh, 6)
    const residual = (name: string) => witnessed.find(w => w.meter === name)!.gap!.residualWh
    expect(residual('feeder/0')).toBeCloseTo(sumOf([0, 1, 2, 3].map(k => residual(`site/${k}`))), 3)
    // chargers' own meters are exact here: the rest is what the other load of the site did
    const site = exact.meters[0]!
    const at = (h: number, m: number) => site.intervals.find(x => x.fromMs === Date.UTC(2026, 5, 15, h - 1, m))!
    const { fromS } = exact.events[0]!.verification!.window
    expect(fromS).toBeLessThanOrEqual(Date.UTC(2026, 5, 15, 17, 30) / 1000)
    const before = (at(17, 0).otherWh + at(17, 30).otherWh) / 2
    const during = [at(18, 30), at(19, 0)]
    expect(Math.abs(residual('site/0') - sumOf(during.map(x => before - x.otherWh)))).toBeLessThan(2_500)
  })
  test('a fault of one meter is in what the bridge has of it, and of no other; what comes a day late is not there yet', async () => {
    const script = ['gap', 'late', 'duplicate', 'whForKwh'].map((what, k) => `{ at: "18:40", what: ${what}, place: site/${k} }`)
    const text = metered('accuracy: 0, resolutionWh: 0').replace(
      '{ place: site, accuracy: 0,',
      `{ place: site, script: [${script.join(', ')}], accuracy: 0,`,
    )
    const { events } = await play(readScenario(text))
    const gaps = (of: typeof events) => of[0]!.witnessed.map(w => w.gap!)
    const [gap, late, duplicate, wh, ...others] = gaps(events)
    const [whole, alsoWhole, ...expected] = gaps(exact.events)
    expect([gap!.periods, late!.periods]).toEqual([whole!.periods - 1, alsoWhole!.periods - 1])
    // a thousand times of what is usual is flagged, and not taken for a load; the feeder's own meter above it is right
    expect(wh!.periods).toBe(expected[1]!.periods - 1)
    expect(events[0]!.witnessed.map(w => w.implausible ?? 0)).toEqual([0, 0, 0, 1, ...Array(7).fill(0)])
    expect(exact.events[0]!.witnessed.every(w => w.implausible === undefined)).toBe(true)
    expect([duplicate, ...others]).toEqual([expected[0], ...expected.slice(2)])
  })
  test('while the bridge is down what is due waits, and is taken when it is back', async () => {
    const away = await play(
      readScenario(metered('accuracy: 0, resolutionWh: 0', 'incidents: [{ at: "19:10", what: bridgeDies, forS: 1800 }]')),
    )
    expect(away.events[0]!.witnessed.find(w => w.meter === 'primary/0')!.gap?.periods).toBe(exact.events[0]!.witnessed.at(-1)!.gap!.periods)
  })
  test.each([
    ['two meters at one place', 'accuracy: 0 }\n    - { place: site/0', 'fleet.meters: there are two meters at site/0'],
    [
      'a fault where there is no such meter',
      'script: [{ at: "18:00", what: gap, place: feeder/1 }]',
      'fleet.meters: a gap of the script is for feeder/1, where there is none of these meters',
    ],
  ])('%s is refused', async (_, more, fault) => {
    await expect(play(readScenario(metered(more)))).rejects.toThrow(fault)
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
