import { parse } from 'csv-parse/sync'
import { expect, test } from 'vitest'
import type { Vtn } from '../../simulations/grid/vtn2b.ts'
import { boxesOf, visitsOf } from '../../simulations/live/fleet.ts'
import { fleetFile } from '../../simulations/live/fleetFile.ts'
import { freeLoad } from '../../simulations/live/freeLoad.ts'
import { announcementsOf } from '../../simulations/live/vtn.ts'
import { build } from '../../simulations/scenario/build.ts'
import { library, openScenario } from '../../simulations/scenario/library.ts'
import { play } from '../../simulations/scenario/play.ts'
import { readScenario } from '../../simulations/scenario/read.ts'

const scenario = (asks: string) =>
  readScenario(`
scenario: 1
name: live
seed: 7
start: 2026-01-15T16:00
end: 2026-01-15T21:00
fleet: { chargers: 20, kinds: [{ phases: 1 }, { phases: 3, maxA: 16, onLinkLoss: resumes }], faults: { ignores: 0.2 } }
cars: { from: drawn, share: 1, arrival: "17:00" }
events:
${asks}`)
const peak =
  '  - { id: peak, target: feeder/0, announced: "16:30", intervals: [{ from: "17:30", forS: 600, ask: { kind: shed, totalW: 5000 } }, { from: "17:40", forS: 600, ask: { kind: shed, totalW: 9000 } }], changes: [{ announced: "17:35" }] }'

test('the chargers of a scenario become boxes of both versions, with its quirks', () => {
  const built = build(scenario(peak))
  const boxes = boxesOf(built, 60)
  expect(boxes.map(b => b.version).slice(0, 4)).toEqual(['1.6', '2.0.1', '1.6', '2.0.1'])
  expect(new Set(boxes.map(b => b.password)).size).toBe(20)
  built.setting.chargers.forEach((c, i) => {
    expect(boxes[i]!.traits?.ignores ?? false).toBe(c.ignores)
    expect(boxes[i]!.maxA * boxes[i]!.phases * 230).toBe(c.maxW)
    expect(boxes[i]!.traits?.resumesOnLinkLoss ?? false).toBe(c.onLinkLoss === 'resumes')
  })
})
test('its cars come and go at the same seconds, with room made before it is taken', () => {
  const { setting, startS } = build(scenario(peak))
  const visits = visitsOf(setting.cars, setting.chargers, setting.fleet.chargers.phases, startS)
  const there = new Set<number>()
  let last = 0
  for (const { atS, charger, car } of visits) {
    expect(atS).toBeGreaterThanOrEqual(last)
    expect(there.has(charger)).toBe(car === undefined)
    if (car) there.add(charger)
    else there.delete(charger)
    last = atS
  }
  expect(there.size).toBe(0)
  expect(visits.length).toBeGreaterThan(20)
})
test('its operators speak OpenADR: what is announced, changed and cancelled, when, in W', () => {
  const told: unknown[] = []
  const vtn: Pick<Vtn, 'announce' | 'modify' | 'cancel'> = {
    announce: plan => void told.push(['announce', plan]),
    modify: (id, change) => void told.push(['modify', id, change]),
    cancel: id => void told.push(['cancel', id]),
  }
  const announcements = announcementsOf(scenario(peak), { startMs: 1_000_000, context: 'http://dso.example' })
  expect(announcements.map(a => [a.atS, a.what])).toEqual([
    [1_800, 'peak announced'],
    [5_700, 'peak cancelled'],
  ])
  for (const a of announcements) a.tell(vtn)
  expect(told).toMatchObject([
    [
      'announce',
      {
        id: 'peak',
        marketContext: 'http://dso.example/flex',
        startMs: 1_000_000 + 5_400_000,
        durationS: 1_200,
        targets: [{ kind: 'groupID', id: 'feeder/0' }],
        signals: [
          {
            signalName: 'LOAD_DISPATCH',
            signalType: 'delta',
            intervals: [
              { durationS: 600, value: -5_000 },
              { durationS: 600, value: -9_000 },
            ],
          },
        ],
      },
    ],
    ['cancel', 'peak'],
  ])
})
test('a share is of what the fleet of the scenario draws there when it is announced, nobody limited', async () => {
  const share = scenario(
    '  - { id: peak, target: feeder/1, announced: "17:30", intervals: [{ from: "18:00", forS: 600, ask: { kind: shedShare, share: 0.5 } }] }',
  )
  const built = build(share)
  const loadW = freeLoad(built)
  const [told] = announcementsOf(share, { startMs: 0, context: 'c', loadW })
  const values: unknown[] = []
  told!.tell({ announce: plan => void values.push(plan.signals[0]!.intervals[0]!.value), modify: () => {}, cancel: () => {} })
  const played = await play(share)
  const k = played.recorded.nodes.findIndex(n => n.name === 'feeder/1')
  const at = (minute: number) => played.freeNodeW[k]![minute]!
  // power at half past lies between what the minutes before and after it mean, give or take a car
  expect(at(89)).toBeGreaterThan(10_000)
  expect(Math.abs(values[0] as number)).toBeGreaterThan(0.5 * Math.min(at(89), at(90)) - 1)
  expect(Math.abs(values[0] as number)).toBeLessThan(0.5 * Math.max(at(89), at(90)) + 1)
  expect(values[0]).toBeLessThan(0)
  expect(loadW('all', built.startS + 5_400)).toBeGreaterThan(loadW('feeder/1', built.startS + 5_400))
})
test.each([
  ['{ kind: keep, fraction: 0.4 }', 'LOAD_CONTROL', 'x-loadControlCapacity', 0.4],
  ['{ kind: limitEach, limitW: 1400 }', 'LOAD_CONTROL', 'x-loadControlSetpoint', 1_400],
  ['{ kind: cap, totalW: 50000 }', 'LOAD_DISPATCH', 'setpoint', 50_000],
  ['{ kind: off }', 'SIMPLE', 'level', 3],
])('%s is one signal of the profile', (ask, signalName, signalType, value) => {
  const events = `  - { id: x, announced: "16:30", intervals: [{ from: "17:30", forS: 600, ask: ${ask} }] }`
  const signals: unknown[] = []
  const [told] = announcementsOf(scenario(events), { startMs: 0, context: 'c' })
  told!.tell({ announce: plan => void signals.push(...plan.signals), modify: () => {}, cancel: () => {} })
  expect(signals).toMatchObject([{ signalName, signalType, intervals: [{ durationS: 600, value }] }])
})
test('each of the library can be told by a VTN', () => {
  for (const { name } of library()) {
    const { scenario, folder } = openScenario(name, '.')
    if (scenario.events.length === 0) continue
    const told = announcementsOf(scenario, { startMs: 0, context: 'c', folder, loadW: () => 100_000 })
    expect(told.length, name).toBeGreaterThanOrEqual(scenario.events.length)
  }
})
test('its fleet file enrols every box in the programme, under the places of the scenario, by which a VTN names them', () => {
  const built = build(scenario(peak))
  const rows: Record<string, string>[] = parse(fleetFile(built, boxesOf(built, 60), 'flex'), { columns: true })
  expect(rows).toHaveLength(20)
  expect(new Set(rows.map(r => r.programme))).toEqual(new Set(['flex']))
  expect(rows[0]).toMatchObject({
    identity: 'CP-00001',
    feeder: 'feeder 0',
    site: 'site 0',
    phases: String(built.setting.fleet.chargers.phases[0]),
  })
  const inFeeder = rows.flatMap((r, i) => (r.group_id!.split('|').includes('feeder/0') ? [i] : []))
  expect(inFeeder).toEqual(Array.from({ length: 16 }, (_, i) => i))
})
test.each([
  [
    'a share of a load that it cannot know',
    '  - { id: x, announced: "16:30", intervals: [{ from: "17:30", forS: 600, ask: { kind: shedShare, share: 0.5 } }] }',
  ],
  [
    'intervals with a gap',
    '  - { id: x, announced: "16:30", intervals: [{ from: "17:30", forS: 600, ask: { kind: shed, totalW: 1 } }, { from: "18:00", forS: 600, ask: { kind: shed, totalW: 1 } }] }',
  ],
])('an operator cannot say %s', (_, events) => {
  expect(() => announcementsOf(scenario(events), { startMs: 0, context: 'c' })).toThrow(/event x: /)
})
