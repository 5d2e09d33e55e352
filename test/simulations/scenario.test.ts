import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { build } from '../../simulations/scenario/build.ts'
import { instantOf, localText } from '../../simulations/scenario/clock.ts'
import type { ScenarioEvent } from '../../simulations/scenario/eventSchema.ts'
import { play } from '../../simulations/scenario/play.ts'
import { readScenario, type ScenarioError } from '../../simulations/scenario/read.ts'
import type { Scenario } from '../../simulations/scenario/schema.ts'
import { figuresOf } from '../../simulations/scenario/summary.ts'
import { thresholdsOf } from '../../simulations/scenario/thresholds.ts'

const small = (more = ''): Scenario =>
  readScenario(`
scenario: 1
name: small
seed: 7
start: 2026-01-15T16:00
end: 2026-01-15T21:00
fleet: { chargers: 40, faults: { ignores: 0.1 } }
cars: { from: drawn, share: 1, arrival: "16:00", arrivalDeviationS: 600, energyWh: [20000, 40000] }
events:
  - { id: peak, announced: "17:00", intervals: [{ from: "17:30", forS: 1800, ask: { kind: shedShare, share: 0.5 } }] }
${more}`)

describe('a scenario file', () => {
  test('every mistake is said at once, with its line', () => {
    const fault = (text: string) => {
      try {
        readScenario(text, 'peak.yaml')
        return []
      } catch (error) {
        return (error as ScenarioError).faults
      }
    }
    expect(
      fault(
        'scenario: 1\nname: x\nseed: 1\nstart: 2026-01-15T16:00\nend: soon\nfleet: { chargers: 0, feeders: 3 }\ncars: { from: dundee }\n',
      ),
    ).toEqual([
      expect.stringMatching(/^peak.yaml:5: end: /),
      expect.stringMatching(/^peak.yaml:6: fleet.chargers: /),
      expect.stringMatching(/^peak.yaml:6: fleet: no such key: feeders/),
    ])
    expect(fault('scenario: [1\n')[0]).toMatch(/^peak.yaml:\d+: /)
    expect(fault('scenario: 2\nname: of another format\n')[0]).toMatch(/^peak.yaml:1: scenario: /)
  })
  test.each([
    ['18:00', '2026-01-15T18:00:00'],
    ['09:00', '2026-01-16T09:00:00'],
    ['2026-03-29T12:00', '2026-03-29T12:00:00'],
    ['2026-10-25T03:30', '2026-10-25T03:30:00'],
    // the hour that is twice is the first; the one that is not there is read as if it were
    ['2026-10-25T01:30', '2026-10-25T01:30:00'],
    ['2026-03-29T01:30', '2026-03-29T02:30:00'],
  ])('%s is %s on the clock of London', (text, local) => {
    expect(localText('Europe/London', instantOf('Europe/London', text, Date.UTC(2026, 0, 15, 12) / 1000))).toBe(local)
  })
})

describe('a run', () => {
  test('is the same again, byte for byte, and another with another seed', async () => {
    const roots = await Promise.all(
      [7, 7, 8].map(async seed => Buffer.from((await play(small(), { seed })).world.journal.root()).toString('hex')),
    )
    expect(roots[0]).toBe(roots[1])
    expect(roots[2]).not.toBe(roots[0])
  })
  test('knows what the meters cannot: the load without the event, and what drivers lacked', async () => {
    const played = await play(small())
    const figures = figuresOf(played)
    expect(played.events).toMatchObject([
      { id: 'peak', answer: 'accepted', verification: { verdict: expect.stringMatching(/delivered|partial/) } },
    ])
    expect(figures['peak.trueWh']).toBeGreaterThan(0)
    expect(figures.energyWh).toBeLessThanOrEqual(figures.freeEnergyWh!)
    expect(figures.freeEnergyWh! - figures.energyWh!).toBeLessThanOrEqual(figures.unmetWh! + 1)
    expect(thresholdsOf(['peak.trueWh > 0', 'peak.trueWh < 0', 'no.such >= 0'], [figures]).map(t => t.holds)).toEqual([true, false, false])
  })
  test('a car that came before the start has charged since', () => {
    const cars = '{ from: drawn, share: 1, arrival: "18:00", arrivalDeviationS: 0, energyWh: [20000, 20000] }'
    const early = readScenario(
      `scenario: 1\nname: early\nseed: 1\nstart: 2026-01-15T20:00\nend: 2026-01-16T02:00\nfleet: { chargers: 3 }\ncars: ${cars}\n`,
    )
    // two hours at 32 A
    expect([...build(early).setting.cars.needWh]).toEqual(Array(3).fill(20_000 - 2 * 7_360))
  })
  test('cars of an export of ACN-Sim begin with the scenario; where it says when and where they were, they keep their time of day over both clocks', () => {
    // noon in California, the day before its clock changed and the day after, and the first evening
    const noons = [9 * 288 - 144, 10 * 288 + 132, 228]
    const csv = noons.map((p, k) => `S${k},${p},${p + 12},5,6.6`)
    const folder = mkdtempSync(join(tmpdir(), 'acn-'))
    writeFileSync(join(folder, 'march.csv'), ['station_id,arrival_period,departure_period,requested_kwh,max_power_kw', ...csv].join('\n'))
    const arrivals = (more: string, start: string) => {
      const text = `scenario: 1\nname: march\nseed: 1\nstart: ${start}\nend: 2026-04-05T00:00\nfleet: { chargers: 3 }\ncars: { from: acn, path: march.csv${more} }\n`
      return [...build(readScenario(text), { folder }).setting.cars.arriveS].map(s => localText('Europe/London', s))
    }
    expect(arrivals('', '2026-03-21T00:00')).toEqual(['2026-03-29T13:00:00', '2026-03-31T12:00:00', '2026-03-21T19:00:00'])
    const began = ', begins: "2019-03-01T00:00"'
    expect(arrivals(began, '2026-03-21T00:00')).toEqual(['2026-03-29T12:00:00', '2026-03-31T12:00:00', '2026-03-21T19:00:00'])
    expect(arrivals(`${began}, zone: UTC`, '2026-03-21T00:00')).toEqual([
      '2026-03-29T12:00:00',
      '2026-03-31T11:00:00',
      '2026-03-21T19:00:00',
    ])
    // who was gone before the start is not had
    expect(arrivals(began, '2026-03-21T21:00')).toEqual(['2026-03-29T12:00:00', '2026-03-31T12:00:00'])
  })
  test.each([
    ['the bridge dies for good: everybody is free in the end', '{ at: "17:40", what: bridgeDies }'],
    ['the bridge is away for ten minutes', '{ at: "17:40", what: bridgeDies, forS: 600 }'],
    ['all links are lost for a while', '{ at: "17:40", what: linksLost, forS: 900 }'],
    ['the supply of a feeder fails', '{ at: "17:40", what: powerCut, place: feeder/0, forS: 900 }'],
  ])('%s', async (_, incident) => {
    const { world, built } = await play(small(`incidents:\n  - ${incident}\n`))
    const endS = world.runtime.now() / 1000
    expect(built.setting.chargers.filter(c => world.model.physics.isLimited(c.no, endS))).toEqual([])
  })
  test('a feeder over its rating is capped until it has been calm', async () => {
    const free = await play({ ...small(), events: [] })
    const peakW = Math.max(...free.recorded.nodes.find(n => n.name === 'feeder/0')!.loadW)
    const capped = await play({
      ...small(),
      events: [],
      overloads: [{ place: 'feeder/0', ratingW: 0.6 * peakW, programme: 'flex', releaseBelow: 0.9 }],
    })
    expect(capped.events).toMatchObject([{ id: 'overload-1', answer: 'accepted' }])
    const loadW = capped.recorded.nodes.find(n => n.name === 'feeder/0')!.loadW
    const over = loadW.filter(w => w > 0.6 * peakW).length
    expect(over).toBeGreaterThan(0)
    expect(over).toBeLessThan(free.recorded.nodes.find(n => n.name === 'feeder/0')!.loadW.filter(w => w > 0.6 * peakW).length)
  })
  test('an operator escalates: what was contracted is an emergency from then on, and is told so at once', async () => {
    const [peak] = small().events as [ScenarioEvent]
    const off = { from: '17:40', forS: 1_200, ask: { kind: 'off' as const } }
    const changes: ScenarioEvent['changes'] = [
      { announced: '17:40', class: 'emergency', intervals: [off], stopAtOnce: false },
      { announced: '17:50', intervals: [], stopAtOnce: false },
    ]
    const { world, events } = await play({ ...small(), events: [{ ...peak, changes }] })
    const signals = world.facts.flatMap(({ fact }) => (fact.kind === 'signal' ? [fact.event] : []))
    expect(signals.map(e => [e.revision, e.class, e.basis, e.intervals.length])).toEqual([
      [0, 'contracted', null, 1],
      [1, 'emergency', 'supply limitation', 1],
      [2, 'emergency', 'supply limitation', 0],
    ])
    expect(events).toMatchObject([{ id: 'peak', answer: 'accepted' }])
    const asked = world.facts.find(f => f.fact.kind === 'signal' && f.fact.event.revision === 1)!.atMs
    const told = world.model.commands.filter(c => c.command.urgent && c.atMs < asked + 300_000)
    expect(told.length).toBeGreaterThan(10)
    expect(Math.max(...told.map(c => c.atMs)) - asked).toBeLessThanOrEqual(1_000)
  })
  test('a charger whose clock is wrong begins and ends by its own clock, an emergency at once by any', async () => {
    const clocked = (events: Scenario['events']) => {
      const scenario = small()
      const [kind] = scenario.fleet.kinds
      return play({
        ...scenario,
        events,
        fleet: { ...scenario.fleet, kinds: [{ ...kind!, clockS: 120 }], faults: { ...scenario.fleet.faults, ignores: 0 } },
      })
    }
    const { built, world } = await clocked(small().events)
    const aheadS = built.setting.chargers.map(c => c.clockAheadS!)
    expect(Math.min(...aheadS)).toBeLessThan(-60)
    expect(Math.max(...aheadS)).toBeGreaterThan(60)
    expect(Math.max(...aheadS.map(Math.abs))).toBeLessThanOrEqual(120)
    const newest = new Map(
      world.model.commands.filter(c => c.command.schedule.length > 0).map(c => [c.command.charger, c.command.schedule]),
    )
    expect(newest.size).toBeGreaterThan(10)
    for (const [charger, schedule] of newest)
      expect(world.model.physics.holds(charger).map(x => x.fromS)).toEqual(schedule.map(x => x.fromS - aheadS[charger]!))
    const [peak] = small().events as [ScenarioEvent]
    const urgent = await clocked([
      { ...peak, class: 'emergency', announced: '17:30', intervals: [{ from: '17:30', forS: 1_800, ask: { kind: 'off' } }] },
    ])
    for (const { command } of urgent.world.model.commands.filter(c => c.command.urgent))
      expect(urgent.world.model.physics.holds(command.charger)[0]!.fromS).toBe(command.schedule[0]!.fromS)
  })
  test('drivers who take their charger back are let go at once', async () => {
    const { world } = await play({ ...small(), manners: { neverWakes: 0, wakeS: 0, tells: 0, overrides: 1 } })
    const optedOut = world.facts.filter(f => f.fact.kind === 'optOut')
    expect(optedOut.length).toBeGreaterThan(0)
  })
})

describe('the library of scenarios', () => {
  const folder = new URL('../../simulations/scenarios/', import.meta.url)
  test.each(readdirSync(folder).filter(f => f.endsWith('.yaml')))('%s can be read', file => {
    expect(readScenario(readFileSync(new URL(file, folder), 'utf8'), file).name).not.toBe('')
  })
})
