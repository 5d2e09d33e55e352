import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Oadr20bEvent } from '../../adapters/signals/openadr2b/event.ts'
import { format } from '../../adapters/signals/openadr2b/messages.ts'
import { loadDispatch, simple } from '../../simulations/grid/vtn2b.ts'
import { announcementsOf } from '../../simulations/live/vtn.ts'
import { runOf, sha256 } from '../../simulations/output/run.ts'
import { type Expected, expectedOf } from '../../simulations/scenario/asked.ts'
import { instantOf, localText } from '../../simulations/scenario/clock.ts'
import { placeOf } from '../../simulations/scenario/places.ts'
import { type Played, play } from '../../simulations/scenario/play.ts'
import { readScenario, ScenarioError } from '../../simulations/scenario/read.ts'
import type { Scenario } from '../../simulations/scenario/schema.ts'

const folder = mkdtempSync(join(tmpdir(), 'gridbridge-lists-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const written = (text: string, ending: string): string => {
  const name = `${files++}.${ending}`
  writeFileSync(join(folder, name), text)
  return name
}

const scenario = (events: string, more = ''): Scenario =>
  readScenario(`
scenario: 1
name: lists
seed: 7
start: 2026-01-15T16:00
end: 2026-01-15T20:00
fleet: { chargers: 16 }
cars: { from: drawn, share: 1, arrival: "16:00", arrivalDeviationS: 600, energyWh: [20000, 40000] }
programmes: [{ id: flex, startSpreadS: 0, endSpreadS: 0 }, { id: rescue, startSpreadS: 0, endSpreadS: 0 }]
events: ${events}
${more}`)
const faultsOf = (of: () => unknown): readonly string[] => {
  try {
    of()
    return []
  } catch (error) {
    if (error instanceof ScenarioError) return error.faults
    throw error
  }
}
const clock = (atS: number): string => localText('Europe/London', atS).slice(0, 16)
const allOf = ({ asked, handed }: Expected) => [...asked, ...handed.flatMap(h => h.events)]

/** An event of an hour at 18:00 that was made at 17:00. */
const sent = (change: Partial<Oadr20bEvent> = {}): Oadr20bEvent => ({
  eventID: 'peak',
  modificationNumber: 0,
  marketContext: 'http://dso.example/flex',
  createdMs: Date.UTC(2026, 0, 15, 17),
  status: 'far',
  testEvent: 'false',
  activePeriod: { dtstartMs: Date.UTC(2026, 0, 15, 18), durationS: 3_600 },
  signals: [loadDispatch(3_600, [20, 10], 'setpoint', 'k')],
  targets: [],
  responseRequired: 'always',
  ...change,
})
const message = (...events: Oadr20bEvent[]): string =>
  written(
    format({ kind: 'oadrDistributeEvent', requestID: 'r1', vtnID: 'VTN-1', events: events.map(event => ({ ok: true, event })) }),
    'xml',
  )
const markets =
  'markets: [{ context: "http://dso.example/flex", programme: flex, simple: { "2": { kind: keep, fraction: 0.5 } } }, { context: "http://dso.example/rescue", programme: rescue, class: emergency, basis: "supply limitation" }]'
const handed = (named: string | string[], more = ''): string => `{ openadr: ${JSON.stringify(named)}, ${markets}${more} }`
const played = (events: string, more = ''): Promise<Played> => play(scenario(events, more), { folder })
const signals = ({ world }: Played) =>
  world.facts.flatMap(({ atMs, fact }) => (fact.kind === 'signal' ? [{ at: clock(atMs / 1000).slice(11), event: fact.event }] : []))

describe('events that an operator hands over as OpenADR 2.0b', () => {
  test('are told when the file was made, to the programme and class of their market', async () => {
    const rescue = sent({
      eventID: 'rescue',
      marketContext: 'http://dso.example/rescue',
      signals: [loadDispatch(3_600, [-5_000], 'delta')],
    })
    const run = await played(handed(message(sent(), rescue)))
    expect(run.events.map(e => [e.id, e.answer])).toEqual([
      ['peak', 'accepted'],
      ['rescue', 'accepted'],
    ])
    expect(signals(run)).toMatchObject([
      {
        at: '17:00',
        event: {
          class: 'contracted',
          programme: 'flex',
          source: { adapter: 'openadr2b', peer: 'vtn' },
          intervals: [{ ask: { kind: 'cap', totalW: 20_000 } }, { ask: { kind: 'cap', totalW: 10_000 } }],
        },
      },
      {
        at: '17:00',
        event: {
          class: 'emergency',
          programme: 'rescue',
          basis: 'supply limitation',
          intervals: [{ ask: { kind: 'shed', totalW: 5_000 } }],
        },
      },
    ])
    expect(run.events[0]!.verification?.verdict).toBe('delivered')
  })
  test('are changed and cancelled by a higher modification number; an older one that comes late is refused', async () => {
    const at = (h: number, m: number) => ({ modificationDateTimeMs: Date.UTC(2026, 0, 15, h, m) })
    const changed = sent({ modificationNumber: 1, ...at(17, 30), signals: [loadDispatch(3_600, [8_000])] })
    const cancelled = sent({ modificationNumber: 2, ...at(18, 20), status: 'cancelled' })
    const run = await played(handed([message(changed), message(sent()), message(cancelled)]))
    expect(signals(run).map(({ at, event }) => [at, event.intervals.length])).toEqual([
      ['17:00', 2],
      ['17:30', 1],
      ['18:20', 0],
    ])
    expect(run.events).toMatchObject([{ id: 'peak', answer: 'accepted' }])
    const endS = run.world.runtime.now() / 1000
    expect(run.built.setting.chargers.some(c => run.world.model.physics.isLimited(c.no, endS))).toBe(false)
  })
  test('levels, random delays, targets and test events mean what they mean to the bridge', async () => {
    const of = (eventID: string, change: Partial<Oadr20bEvent>) => sent({ eventID, signals: [simple(3_600, [2])], ...change })
    const run = await played(
      handed(
        message(
          of('here', {
            targets: [{ kind: 'groupID', id: 'feeder/0' }],
            activePeriod: { dtstartMs: Date.UTC(2026, 0, 15, 18), durationS: 3_600, startafterS: 300 },
          }),
          of('named', { targets: [{ kind: 'resourceID', id: 'BATH-11' }] }),
          of('strange', { targets: [{ kind: 'groupID', id: 'feeder/99' }] }),
          of('drill', { testEvent: 'true' }),
          of('three', { signals: [simple(3_600, [3])] }),
        ),
        ', targets: [{ scheme: resourceID, value: BATH-11, place: site/1 }]',
      ),
    )
    expect(Object.fromEntries(run.events.map(e => [e.id, [e.answer, placeOf(run, e.id)]]))).toEqual({
      here: ['accepted', 'feeder/0'],
      named: ['accepted', 'site/1'],
      strange: ['462 no target known here: groupID feeder/99', 'all'],
      drill: ['accepted (test)', 'all'],
      three: ['460 level 3 has no meaning in this market', 'all'],
    })
    expect(signals(run).map(s => s.event)).toMatchObject([
      { upstreamRef: 'here', spread: { startS: 300, endS: 300 }, intervals: [{ ask: { kind: 'keep', fraction: 0.5 } }] },
      { upstreamRef: 'named' },
      { upstreamRef: 'drill', test: true },
    ])
  })
  test('a scenario of another day: shift moves the first event, and what was said of it, noticeS says when', () => {
    const later = sent({ eventID: 'later', activePeriod: { dtstartMs: Date.UTC(2026, 0, 15, 18, 45), durationS: 3_600 } })
    const file = message(later, sent())
    const old = scenario(handed(file, ', shift: "2026-01-15T17:15", noticeS: 600'))
    expect(allOf(expectedOf(old, folder)).map(e => ('forms' in e ? [e.id, clock(e.fromS), clock(e.forms[0]!.atS)] : []))).toEqual([
      ['peak', '2026-01-15T17:15', '2026-01-15T17:05'],
      ['later', '2026-01-15T18:00', '2026-01-15T17:50'],
    ])
    const elsewhere = { ...scenario(handed(file)), start: '2024-01-01T00:00', end: '2024-01-02T00:00' }
    expect(faultsOf(() => expectedOf(elsewhere, folder))).toEqual([
      `${file}: nothing of it (2026-01-15T18:00 to 2026-01-15T19:45) is between start and end; shift moves the first of them`,
    ])
  })
  test('while the bridge is down nobody hears; when it is back its first poll tells all', async () => {
    const run = await played(handed(message(sent())), 'incidents: [{ at: "16:50", what: bridgeDies, forS: 1200 }]')
    expect(signals(run).map(s => s.at)).toEqual(['17:10'])
    expect(run.events).toMatchObject([{ id: 'peak', answer: 'accepted' }])
    const dead = await played(handed(message(sent())), 'incidents: [{ at: "16:50", what: bridgeDies }]')
    expect(dead.events).toMatchObject([{ id: 'peak', no: null, answer: 'bridge down', verification: null }])
  })
  test('the record has the bytes of the file, the manifest its hash, and the same files are the same run', async () => {
    const file = message(sent())
    const runs = [await played(handed(file)), await played(handed(file))] as const
    const [a, b] = runs.map(r => Buffer.from(r.world.journal.root()).toString('hex'))
    expect(a).toBe(b)
    const { manifest } = await runOf(runs[0], { version: '1', folder })
    const other = await runOf(await played(handed(message(sent({ vtnComment: 'said otherwise' })))), { version: '1', folder })
    expect(manifest.eventSources).toEqual([
      { kind: 'openadr', files: [{ path: file, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }], events: 1, leftOut: 0 },
    ])
    expect(signals(runs[0])[0]!.event.rawHash).toBe(manifest.eventSources![0]!.files[0]!.sha256)
    expect(other.manifest.scenarioSha256).not.toBe(manifest.scenarioSha256)
  })
  test.each([
    ['a DOCTYPE', '<!DOCTYPE x><x/>', /\/: "<!DOCTYPE" doctype$/],
    ['too large', `<x>${'x'.repeat(1_000_001)}</x>`, /tooLarge$/],
    ['another namespace', '<oadrDistributeEvent xmlns="http://openadr.org/oadr-2.0a/2012/07"/>', /oadr-2\.0a.*notOpenAdr$/],
    [
      'another message',
      '<oadrPoll xmlns="http://openadr.org/oadr-2.0b/2012/07"><venID xmlns="http://docs.oasis-open.org/ns/energyinterop/201110">V</venID></oadrPoll>',
      /"oadrPoll" is no oadrDistributeEvent$/,
    ],
    ['cut off', '<a><b', /notXml$/],
    ['nothing', '', /notXml$/],
  ])('a file that is %s is refused, and said where', (_, text, fault) => {
    const file = written(text, 'xml')
    expect(faultsOf(() => expectedOf(scenario(handed(file)), folder))).toEqual([expect.stringMatching(fault)])
  })
  test('every event that cannot be read is named, with its file, path and value; nothing is played without it', () => {
    const good = format({
      kind: 'oadrDistributeEvent',
      requestID: 'r',
      vtnID: 'v',
      events: [sent(), sent({ eventID: 'b' })].map(event => ({ ok: true, event })),
    })
    const file = written(good.replaceAll('<ei:eventStatus>far', '<ei:eventStatus>soon'), 'xml')
    expect(faultsOf(() => expectedOf(scenario(`[${handed(file)}, ${handed('none.xml', ', peer: other')}]`), folder))).toEqual([
      expect.stringMatching(/oadrEvent\/eiEvent\/eventDescriptor\/eventStatus: "soon" badValue, event peak$/),
      expect.stringMatching(/oadrEvent\[2\]\/eiEvent\/eventDescriptor\/eventStatus: "soon" badValue, event b$/),
      'none.xml: cannot be read (ENOENT)',
    ])
  })
  test('a VTN on the wire tells them as they stand in the file', () => {
    const cancel = sent({ modificationNumber: 1, modificationDateTimeMs: Date.UTC(2026, 0, 15, 17, 30), status: 'cancelled' })
    const told: unknown[] = []
    const vtn = {
      announce: (plan: object) => void told.push(plan),
      modify: () => {},
      cancel: (id: string) => void told.push(id),
    }
    const announcements = announcementsOf(scenario(handed(message(sent(), cancel))), { startMs: 5_000_000, context: 'x', folder })
    for (const a of announcements) a.tell(vtn)
    expect(announcements.map(a => [a.atS, a.what])).toEqual([
      [3_600, 'peak announced'],
      [5_400, 'peak cancelled'],
    ])
    expect(told).toMatchObject([
      { id: 'peak', marketContext: 'http://dso.example/flex', startMs: 5_000_000 + 7_200_000, durationS: 3_600 },
      'peak',
    ])
  })
})

const HEAD = '\uFEFFDelivery Date,From,To,Service Requirement Type,DFS Required MW,DFS Procured MW ,Settled Volume MW\r\n'
const evening = `${HEAD}15/01/2026,18:30,19:00,Live,200,150,120\r\n15/01/2026,18:00,18:30,Live,400,300,240\r\n14/01/2026,17:00,17:30,Test,100,90,80\r\n`
const dfs = (file: string, more: string): string => `{ dfs: ${file}, ${more} }`

describe('half hours of the Demand Flexibility Service', () => {
  test('that follow each other are one event, told an hour before, and asked by MW scaled to this fleet', () => {
    const file = written(evening, 'csv')
    const { asked, sources } = expectedOf(scenario(dfs(file, 'scaleKw: 20')), folder)
    expect(asked).toMatchObject([
      {
        id: 'dfs-2026-01-15-1800',
        operator: 'neso',
        class: 'contracted',
        intervals: [{ ask: { kind: 'shed', totalW: 20_000 } }, { ask: { kind: 'shed', totalW: 10_000 } }],
      },
    ])
    expect([asked[0]!.announcedS, asked[0]!.intervals[0]!.fromS, asked[0]!.intervals[1]!.toS].map(clock)).toEqual([
      '2026-01-15T17:00',
      '2026-01-15T18:00',
      '2026-01-15T19:00',
    ])
    // the day before is not within the scenario
    expect(sources).toEqual([{ kind: 'dfs', files: [{ path: file, sha256: sha256(Buffer.from(evening)) }], events: 1, leftOut: 1 }])
  })
  test.each([
    ['a share of what was required', 'share: 0.0001', [40_000, 20_000]],
    ['of what was procured', 'share: 0.0001, volume: procured', [30_000, 15_000]],
    ['of what was settled', 'scaleKw: 24, volume: settled', [24_000, 12_000]],
  ])('%s', (_, how, wanted) => {
    const { asked } = expectedOf(scenario(dfs(written(evening, 'csv'), how)), folder)
    expect(asked[0]!.intervals.map(i => i.ask)).toEqual(wanted.map(totalW => ({ kind: 'shed', totalW })))
  })
  test('rows of units are summed; of one participant or unit alone where that is asked, and never what was rejected', () => {
    const rows = [
      'Event ID,Event Type,Delivery Date,From_Local,To_Local,Registered DFS Participant,DFS Unit ID,DFS Procured MW,Status',
      '1,Downwards,2026-01-15,18:00,18:30,AXLE,AXLE-1,3.5,Accepted',
      '1,Downwards,2026-01-15,18:00,18:30,AXLE,AXLE-2,1.5,Accepted',
      '1,Downwards,2026-01-15,18:00,18:30,OTHER,O-1,5,Accepted',
      '1,Downwards,2026-01-15,18:00,18:30,OTHER,O-2,50,Rejected',
      '2,Upwards,2026-01-15,18:30,19:00,AXLE,AXLE-1,7,Accepted',
    ].join('\n')
    const file = written(rows, 'csv')
    const watts = (more: string) =>
      expectedOf(scenario(dfs(file, `volume: procured, share: 0.001${more}`)), folder).asked.map(e => e.intervals.map(i => i.ask))
    const one = (totalW: number) => [[{ kind: 'shed', totalW }]]
    expect([watts(''), watts(', participant: axle'), watts(', unit: AXLE-2')]).toEqual([one(10_000), one(5_000), one(1_500)])
    expect(faultsOf(() => watts(', unit: NOBODY'))).toEqual([`${file}: no half hour of it asks for anything`])
  })
  test('shift moves the first event; evenings stay evenings over the change of the clock', () => {
    const file = written(`Date,From,To,DFS Required\n23/03/2026,18:00,18:30,10\n30/03/2026,18:00,18:30,10\n`, 'csv')
    const moved = { ...scenario(dfs(file, 'scaleKw: 1, shift: "17:30"')), end: '2026-01-25T00:00' }
    const { asked } = expectedOf(moved, folder)
    expect(asked.map(e => clock(e.intervals[0]!.fromS))).toEqual(['2026-01-15T17:30', '2026-01-22T17:30'])
    const spring = { ...scenario(dfs(file, 'scaleKw: 1')), start: '2026-03-20T00:00', end: '2026-04-02T00:00' }
    expect(expectedOf(spring, folder).asked.map(e => e.intervals[0]!.fromS % 86_400)).toEqual([18 * 3_600, 17 * 3_600])
  })
  test('every bad row is named with file, line, column and value, and the scenario is refused', () => {
    const file = written(
      `${HEAD}31/02/2026,18:00,18:30,Live,1,1,1\n15/01/2026,18:00,19:00,Live,1,1,1\n15/01/2026,25:00,18:30,Live,1,1,1\n15/01/2026,18:00,18:30,Live,lots,1,1\n15/01/2026,18:30,19:00,Live,1,1,1\n15/01/2026,18:30,19:00,Live,2,1,1\n15/01/2026,19:00\n`,
      'csv',
    )
    expect(faultsOf(() => expectedOf(scenario(dfs(file, 'scaleKw: 1')), folder))).toEqual([
      `${file}:2: Delivery Date: "31/02/2026" is no day: write dd/mm/yyyy`,
      `${file}:3: To: "19:00" does not end a half hour`,
      `${file}:4: From: "25:00" is no time: write hh:mm`,
      `${file}:5: DFS Required MW: "lots" is no number of MW`,
      `${file}:7: From: "18:30" is a half hour that line 6 has already`,
      `${file}:8: To: "" does not end a half hour`,
    ])
    const [stranger, quoted] = [written('a,b\n1,2\n', 'csv'), written('Date,From,To,DFS Required\n"1', 'csv')]
    expect(faultsOf(() => expectedOf(scenario(dfs(stranger, 'scaleKw: 1')), folder))[0]).toBe(
      `${stranger}:1: "a,b" has no column called date or delivery date`,
    )
    expect(faultsOf(() => expectedOf(scenario(dfs(quoted, 'scaleKw: 1')), folder))[0]).toMatch(/is no CSV: Quote Not Closed/)
  })
  test('a list and events of the scenario are played together; neither an id nor a peer is there twice', async () => {
    const file = written(evening, 'csv')
    const own = '{ id: own, announced: "16:20", intervals: [{ from: "16:40", forS: 1200, ask: { kind: shedShare, share: 0.5 } }] }'
    const run = await played(`[${own}, ${dfs(file, 'scaleKw: 10')}]`)
    expect(run.events.map(e => [e.id, e.answer, e.verification?.verdict])).toEqual([
      ['own', 'accepted', 'delivered'],
      ['dfs-2026-01-15-1800', 'accepted', 'delivered'],
    ])
    const twice = scenario(`[${own}, ${own}, ${handed(message(sent()))}, ${handed(message(sent({ eventID: 'x' })))}]`)
    expect(faultsOf(() => expectedOf(twice, folder))).toEqual([
      'events: the event own is there more than once',
      'events: the OpenADR list with the peer vtn is there more than once',
    ])
  })
  test('mistakes are those of the kind of entry that was meant', () => {
    expect(
      faultsOf(() =>
        scenario(
          `[${dfs('x.csv', 'scaleKw: 1, share: 0.1')}, { openadr: x.xml }, { id: a, announced: "16:00", targt: all, intervals: [] }]`,
        ),
      ),
    ).toEqual([
      expect.stringMatching(/^scenario:10: events\.0\.scaleKw: say either scaleKw or share/),
      expect.stringMatching(/events\.1\.markets: /),
      expect.stringMatching(/events\.2\.intervals: /),
      expect.stringMatching(/events\.2: no such key: targt/),
    ])
  })
})

const neso = join(import.meta.dirname, '../../../shared/data/neso-dfs-events')
/** Supported by National Energy SO Open Data. */
describe.skipIf(!existsSync(neso))('what NESO published (needs ../shared/data/neso-dfs-events)', () => {
  test.each([
    ['s2223L_sum.csv', '2023-01-01', 2, 5],
    ['s2223T_sum.csv', '2022-11-01', 19, 40],
    ['s2324_sum.csv', '2023-11-01', 17, 32],
  ])('%s', (file, from, events, halfHours) => {
    const winter = { ...scenario(dfs(file, 'share: 0.001')), start: `${from}T00:00`, end: '2024-04-01T00:00' }
    const { asked } = expectedOf(winter, neso)
    expect([asked.length, asked.flatMap(e => e.intervals).length]).toEqual([events, halfHours])
    expect(
      asked.every(
        e => e.intervals[0]!.fromS === instantOf('Europe/London', e.id.slice(4, 14) + `T${e.id.slice(15, 17)}:${e.id.slice(17)}`, 0),
      ),
    ).toBe(true)
  })
})
