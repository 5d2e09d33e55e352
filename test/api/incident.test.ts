import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { controllable } from '../../src/operations/incident.ts'
import { type Bridge, eve, gridEvent, startBridge, startMs } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
afterEach(() => b.api.close())
const iso = (ms: number) => new Date(ms).toISOString()
const ask = (fromMs: number, toMs: number) => b.get(`/v1/incident?from=${iso(fromMs)}&to=${iso(toMs)}`)

describe('enrolled controllable load', () => {
  it('is the rated power of every enrolled charger once, consented to or not, against 300 MW', async () => {
    // c0 to c8 at 32 A and 230 V; c9 is in no programme
    expect((await b.get('/v1/controllable')).json()).toEqual({
      chargers: 9,
      controllableW: 9 * 7360,
      thresholdW: 300_000_000,
      share: (9 * 7360) / 300_000_000,
    })
    expect((await b.get('/metrics')).body).toContain(`gridbridge_controllable_watts ${9 * 7360}`)
    const { fleet, enrolments } = b.engine.state()
    const twice = new Map([...enrolments, ['another', enrolments.get('evenings')!]])
    expect(controllable({ fleet, enrolments: twice }).chargers).toBe(9)
  })
})

describe('an incident is exported', () => {
  it('with its scale, its impact and a timeline of entries, and without a name or a word of anybody', async () => {
    const feeder = b.engine.registry.resolve('feeder', 'BATH-11')![0]!
    const { event, raw } = gridEvent(feeder.kind === 'node' ? feeder.node : -1, b.engine.now(), {}, 10)
    await b.engine.bridge.submit(event, raw)
    await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] }, eve)
    b.engine.sink.note('securityEvent', { station: 1, type: 'TamperDetectionActivated', detail: 'Jane Smith was here' })
    await b.seconds(30)
    const answer = await ask(startMs, b.engine.now() + 1)
    expect(answer.statusCode).toBe(200)
    const incident = answer.json()
    expect(incident).toMatchObject({
      deadlines: { earlyWarningH: 24, fullNoticeH: 72 },
      exportedBy: 'ana',
      controllable: { chargers: 9 },
      impact: { events: 1, emergencies: 0, commands: 5, chargersCommanded: 5, refusedRequests: 1 },
      log: { checkpoint: expect.stringContaining('gridbridge') },
    })
    const what = incident.timeline.map((x: { what: string }) => x.what)
    expect(what).toEqual(expect.arrayContaining(['signal', 'accepted', 'refusedRequest', 'securityEvent', 'fleetImported', 'signedIn']))
    expect(answer.body).not.toMatch(/Jane|"c1"|BATH/)
    // each line is that entry of the log
    for (const { entry, what: name } of incident.timeline) {
      const [found] = (await b.get(`/v1/audit/entries?from=${entry}&limit=1`)).json().entries
      expect([found.entry.fact.kind, found.entry.fact.what]).toContain(name)
    }
    expect(b.notes.at(-1)).toMatchObject({ what: 'incidentExported', about: { by: 'ana' } })
  })
  it('a period without anything is empty, one that ends before it begins is refused', async () => {
    expect((await ask(startMs - 7_200_000, startMs - 3_600_000)).json()).toMatchObject({ timeline: [], impact: { events: 0 } })
    expect((await ask(startMs, startMs - 1)).statusCode).toBe(400)
  })
})
