/** Boxes of the independent simulation in simulations/fleet that hold somebody else's limit before we come. */
import { afterAll, describe, expect, it } from 'vitest'
import { createFleet, type Fleet, type Held, type Traits } from '../../../simulations/fleet/index.ts'
import { bed, capabilities, command, nowS, outcomeOf, station, until } from './bed.ts'

const installer = (purpose: Held['profile']['purpose'], evse: number, stackLevel = 0): Held => ({
  evse,
  profile: { id: 1, stackLevel, purpose, kind: 'Absolute', schedules: [{ startMs: 0, unit: 'A', periods: [{ startS: 0, limit: 16 }] }] },
})

// Tests run side by side here: a hook of one test alone would not know whose it is.
const opened: (() => Promise<void>)[] = []
afterAll(() => Promise.all(opened.map(close => close())))

const start = async (version: '1.6' | '2.0.1', presets: readonly Held[], traits: Partial<Traits>) => {
  const b = await bed([station(1, 'BOX')], { sampleS: 1 })
  const fleet = createFleet({
    url: b.url,
    tickMs: 20,
    chargers: [
      {
        identity: 'BOX',
        version,
        idTag: 'TAG',
        phases: 3,
        maxA: 32,
        cars: [{ phases: 3, maxA: 32, batteryWh: 80_000, soc: 0.3 }],
        sampleIntervalS: 1,
        presets,
        traits,
      },
    ],
  })
  opened.push(async () => {
    fleet.stop()
    await b.close()
  })
  fleet.start()
  const box = fleet.get('BOX')
  await until('the car charges', () => box.charging() && box.powerW() > 0)
  return { b, box }
}
const most16W = 16 * 230 * 3
const excess = (box: ReturnType<Fleet['get']>): unknown[] =>
  box.log.filter(entry => entry.atMs > 0 && (entry.appliedW === undefined || entry.appliedW > most16W + 1))

const where: [name: string, presets: Held[], traits: Partial<Traits>][] = [
  ['a default for the box at level 0', [installer('txDefault', 0)], {}],
  ['a default for the connector at level 0', [installer('txDefault', 1)], {}],
  ['a station maximum at level 0', [installer('stationMax', 0)], {}],
  ['a default at level 0 of a box with one level', [installer('txDefault', 0)], { maxStackLevel: 0 }],
  ['a default at the highest level', [installer('txDefault', 0, 8)], { maxStackLevel: 8 }],
  ['a default of a box that takes level 0 only', [installer('txDefault', 0)], { stack0Only: true }],
]

describe.concurrent.each(['1.6', '2.0.1'] as const)('a %s box with a 16 A limit of its installer', version => {
  it.each(where)('%s: an event at 20 A, its expiry and a clear never lift it', async (_name, presets, traits) => {
    const { b, box } = await start(version, presets, traits)
    const event = command(1, [
      { fromS: nowS() - 5, toS: nowS() + 1, limitW: 20 * 690 },
      { fromS: nowS() + 2, toS: nowS() + 3, limitW: 20 * 690 },
    ])
    b.link.send([event])
    const first = await outcomeOf(b.seen, event)
    expect(['accepted', 'rejected']).toContain(first.kind)
    const endsMs = (event.schedule.at(-1)!.toS + 0.3) * 1000
    await until('the event is over', () => Date.now() > endsMs)
    const clear = command(1, [])
    b.link.send([clear])
    await outcomeOf(b.seen, clear)
    await new Promise(resolve => setTimeout(resolve, 100)) // a few ticks of the box: what must not happen cannot be awaited
    expect(excess(box)).toEqual([])
    expect(box.appliedW()).toBe(most16W)
    // Every profile of the installer is where it was.
    const held = box.charger.box.store.filter(h => h.profile.id === 1)
    expect(held).toHaveLength(1)
  })

  it('that nothing shows: the station maximum is left alone, the profile stays and counts again at the end', async () => {
    const hidden = { compositeMissing: 'rejected' } as const
    const { b, box } = await start(version, [installer('txDefault', 0), { ...installer('stationMax', 0), evse: 0 }], hidden)
    const event = command(1, [{ fromS: nowS() - 5, toS: nowS() + 2, limitW: 20 * 690 }])
    b.link.send([event])
    await outcomeOf(b.seen, event)
    expect(excess(box)).toEqual([]) // the fuse behind the station maximum is safe even where the default is hidden
    await until('our profile has lapsed', () => Date.now() > (event.schedule[0]!.toS + 0.3) * 1000)
    expect(box.appliedW()).toBe(most16W)
    expect(box.charger.box.store.filter(h => h.profile.id === 1)).toHaveLength(2)
  })

  it('a limit below it acts, and gives way to it again', async () => {
    const { b, box } = await start(version, [installer('txDefault', 0)], {})
    const event = command(1, [{ fromS: nowS() - 5, toS: nowS() + 2, limitW: 10 * 690 }])
    b.link.send([event])
    expect(await outcomeOf(b.seen, event)).toMatchObject({ kind: 'accepted' })
    await until('the box obeys', () => box.appliedW() === 10 * 690)
    expect(b.link.ceilingW(1)).toBe(most16W)
    await until('the profile has lapsed', () => box.appliedW() === most16W)
    expect(excess(box)).toEqual([])
  })
})

describe.concurrent.each(['1.6', '2.0.1'] as const)('a %s box without anyone else’s limit', version => {
  it('is limited, freed by expiry alone and free after a clear', async () => {
    const { b, box } = await start(version, [], {})
    const event = command(1, [{ fromS: nowS() - 5, toS: nowS() + 2, limitW: 10 * 690 }])
    b.link.send([event])
    expect(await outcomeOf(b.seen, event)).toMatchObject({ kind: 'accepted' })
    await until('the box obeys', () => box.appliedW() === 10 * 690)
    await until('it is free again', () => box.appliedW() === undefined)
    const again = command(1, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW: 10 * 690 }])
    const clear = command(1, [])
    b.link.send([again])
    await outcomeOf(b.seen, again)
    b.link.send([clear])
    expect(await outcomeOf(b.seen, clear)).toMatchObject({ kind: 'accepted' })
    await until('it is free again', () => box.appliedW() === undefined)
    expect(b.link.ceilingW(1)).toBeNull()
    expect(capabilities.maxA).toBe(32)
  })
})

const quirks: [name: string, traits: Partial<Traits>][] = [
  ['refuses amps', { rejectA: true }],
  ['refuses watts', { rejectW: true }],
  ['takes level 0 only', { stack0Only: true }],
  ['has no station maximum', { noStationMax: true }],
  ['takes defaults only', { txDefaultOnly: true }],
  ['refuses 0', { rejectLimit0: true }],
  ['has whole amps', { integerAmps: true }],
]
describe.concurrent.each(['1.6', '2.0.1'] as const)('a %s box', version => {
  it.each(quirks)('that %s is limited all the same', async (_name, traits) => {
    const { b, box } = await start(version, [], traits)
    const event = command(1, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW: 10 * 690 }])
    b.link.send([event])
    expect(await outcomeOf(b.seen, event)).toMatchObject({ kind: 'accepted' })
    await until('the box obeys', () => (box.appliedW() ?? Number.POSITIVE_INFINITY) <= 10 * 690)
    await until('the meter tells', () => b.seen.readings.some(reading => Math.abs(reading.powerW - 6_900) < 100))
    expect(b.link.counters().invalidOut).toBe(0)
    expect(b.link.counters().invalidIn).toBe(0)
  })
  it('that refuses everything ends rejected in its own words, not opted out', async () => {
    const { b } = await start(version, [], { rejectsAll: 'Rejected' })
    const event = command(1, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW: 10 * 690 }])
    b.link.send([event])
    expect(await outcomeOf(b.seen, event)).toMatchObject({ kind: 'rejected' })
    expect(b.seen.overrides).toEqual([])
    expect(b.seen.notes.filter(note => note.what === 'tried').length).toBeGreaterThan(3)
  })
})
