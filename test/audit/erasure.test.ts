import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openStore, type SqliteStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { logOf } from '../../src/audit/log.ts'
import { verifyLog } from '../../src/audit/verify.ts'
import { directoryReader, exportLog } from '../../src/cli/logDirectory.ts'
import { evidenceOf } from '../../src/core/codec.ts'
import { scheduleOf } from '../../src/core/rows.ts'
import { emptyState } from '../../src/core/state.ts'
import { entries, fold, recover } from '../../src/engine/recover.ts'
import { expire } from '../../src/operations/retention.ts'
import { type Bridge, gridEvent, startBridge, startMs, startS } from '../api/bridge.ts'

/** A home with everything that names somebody; and neighbours that must stay. */
const home = {
  id: 'SMITH-GARAGE-1',
  mpan: '1200012345678',
  site: '14 Orchard Lane',
  identity: 'CP-SMITH-4711',
  words: 'Mrs Jane Smith rang',
}
const secrets = [home.id, home.mpan, home.site, home.identity, home.words, 'Jane Smith']
const csv = [
  'external_id,station,gsp,feeder,site,phases,max_current_a,programme,consent,consent_date,consent_text,mpan',
  `${home.id},${home.identity},BATH,BATH-11,${home.site},1,32,evenings,yes,2023-10-01,Jane Smith signed v3,${home.mpan}`,
  ...Array.from({ length: 5 }, (_, i) => `n${i},CP-N${i},BATH,BATH-11,Site ${i},1,32,evenings,yes,2023-10-01,v3,120009999000${i}`),
].join('\n')

let dir: string
let store: SqliteStore
let b: Bridge
let no: number
beforeEach(async () => {
  dir = join(mkdtempSync(join(tmpdir(), 'gridbridge-')), 'data')
  const runtime = createVirtualRuntime(startMs)
  store = openStore({ dir, origin: 'grid.example/log', runtime })
  b = await startBridge({ fleet: false, store: { ...store, runtime } })
  const imported = await b.operations.fleetImport.run(csv, { apply: true }, { name: 'ana' })
  expect(imported).toMatchObject({ ok: true, value: { rejected: 0, created: 6 } })
  no = b.engine.registry.chargerByExternalId(home.id)!
  for (const identity of [home.identity, 'CP-N0', 'CP-N1', 'CP-N2'])
    b.engine.sink.link(b.engine.registry.stationByIdentity(identity)!.no, true)
  await b.seconds(2)
  b.meter({ [home.id]: 5000, n0: 5000, n1: 4000 })
})
afterEach(async () => {
  await b.api.close()
  await store.close()
  rmSync(join(dir, '..'), { recursive: true })
})

/** Every kind of thing that people say and do around one charger. */
async function aDay(): Promise<void> {
  const feeder = b.engine.registry.resolve('feeder', 'BATH-11')![0]!
  const node = feeder.kind === 'node' ? feeder.node : -1
  // A message that names this one's meter point among others.
  const { event, raw } = gridEvent(node, b.engine.now(), {}, 60)
  const named = Buffer.from(JSON.stringify({ mpans: [home.mpan, '1200099990001'], ...JSON.parse(Buffer.from(raw).toString()) }))
  const { createHash } = await import('node:crypto')
  await b.engine.bridge.submit({ ...event, rawHash: createHash('sha256').update(named).digest('hex') }, named)
  await b.engine.bridge.submit(...own(no))
  b.engine.sink.override(no, home.words)
  await b.seconds(2)
  await b.send('POST', '/v1/opt-outs', { chargers: [home.id], reason: 'driver', until: new Date(startMs + 600_000).toISOString() })
  b.engine.sink.note('ocpp', {
    station: b.engine.registry.stationByIdentity(home.identity)!.no,
    what: 'refused',
    detail: `${home.identity} from 203.0.113.9`,
  })
  await b.engine.bridge.note('meterRefused', { meter: home.mpan, why: 'nobody has declared it' })
  await b.send('POST', '/v1/opt-outs', { chargers: ['nobody'], reason: 'driver' })
  for (let i = 0; i < 5; i++) {
    await b.seconds(60)
    b.meter({ [home.id]: 1800 + i, n0: 1900, n1: 1900 })
  }
  const selected = (await b.send('POST', '/v1/dispatch-orders', { node: 'BATH/BATH-11', limit: { amps: 6 }, durationS: 600 })).json()
  const sure = { authorization: 'Bearer ana-has-every-scope-there-is', 'if-match': selected.etag, 'idempotency-key': 'k1' }
  const fired = await b.send('POST', `/v1/dispatch-orders/${selected.id}/operate`, { reason: 'thermalOverload', text: home.words }, sure)
  await b.send('POST', `/v1/register/${encodeURIComponent(fired.json().event)}/review`, { by: 'Jane Smith', note: home.words })
  await b.seconds(30)
}
function own(charger: number): Parameters<Bridge['engine']['bridge']['submit']> {
  const { event, raw } = gridEvent(0, startMs + 2, {
    id: 'webhook:dso:own',
    upstreamRef: 'own',
    targets: [{ kind: 'charger', charger }],
    intervals: [{ fromS: startS + 90, toS: startS + 900, ask: { kind: 'limitEach', limitW: 2000 } }],
  })
  return [event, raw]
}
async function leaves(): Promise<string[]> {
  const out: string[] = []
  for await (const chunk of store.journal.read(0)) for (const leaf of chunk) out.push(Buffer.from(leaf).toString('utf8'))
  return out
}
const files = () => readdirSync(dir).map(name => ({ name, bytes: readFileSync(join(dir, name)) }))
const found = (text: string) => files().flatMap(f => (f.bytes.includes(text) ? [f.name] : []))
const verify = () => verifyLog(openReader(store.path), store.signer.verifier)

describe('no leaf has personal data', () => {
  it('after a day with events, opt-outs, overrides, refusals, an emergency and its review', async () => {
    await aDay()
    const log = await leaves()
    expect(log.length).toBeGreaterThan(20)
    const ids = [...secrets, 'CP-N0', '"n0"', '203.0.113.9', '120009999000', 'signed v3']
    for (const id of ids)
      expect(
        log.filter(l => l.includes(id)),
        id,
      ).toEqual([])
    // and yet they were all said: what is absent from the leaves stands in blobs
    for (const id of secrets) expect(found(id), id).not.toEqual([])
  })
})

describe('a person asks what is kept', () => {
  it('is given all of it, and nothing of a neighbour', async () => {
    await aDay()
    for (const name of [home.id, home.identity, home.mpan, String(no)]) {
      const answer = await b.get(`/v1/subjects/${encodeURIComponent(name)}`)
      expect(answer.statusCode, name).toBe(200)
      const data = answer.json()
      expect(Object.keys(data.settings as object).length).toBeGreaterThan(0)
      expect(data.registry).toMatchObject({ identity: home.identity, externalIds: [{ charger: no, externalId: home.id }] })
      expect(data.chargers[0]).toMatchObject({
        no,
        consent: { given: true, text: 'Jane Smith signed v3' },
        enrolments: [{ programme: 'evenings', consented: true }],
      })
      expect(data.readings.map((r: { powerW: number }) => r.powerW)).toContain(1804)
      const kinds = new Set(data.log.map((f: { kind: string }) => f.kind))
      for (const kind of ['fleet', 'enrolled', 'optOut', 'planned', 'sent', 'outcome', 'observed', 'noted'])
        expect(kinds, kind).toContain(kind)
      expect(JSON.stringify(data)).toContain(home.words)
      expect(JSON.stringify(data)).not.toMatch(/CP-N0|1200099990001|passwordHash/)
    }
    expect(b.notes.filter(n => n.what === 'subjectExported')).toHaveLength(4)
  })
  it('nobody is found by a name that nobody has, and who may only look at events is refused', async () => {
    expect((await b.get('/v1/subjects/nobody')).statusCode).toBe(404)
    expect((await b.get(`/v1/subjects/${home.id}`, { authorization: 'Bearer eve-may-only-look-at-events' })).statusCode).toBe(403)
  })
})

describe('a person is erased', () => {
  it('a dry run changes nothing', async () => {
    await aDay()
    const before = store.journal.size()
    const answer = await b.send('POST', `/v1/subjects/${home.id}/erasure`, {})
    expect(answer.json()).toMatchObject({ applied: false, station: expect.any(Number), chargers: [no], readings: 6 })
    expect(store.journal.size()).toBe(before)
    expect(found(home.id)).not.toEqual([])
  })
  it('no name and no word of it is left in the files, the neighbours are all there, and the whole log verifies', async () => {
    await aDay()
    const checkpoint = store.journal.checkpoint()
    const answer = await b.send('POST', `/v1/subjects/${home.id}/erasure`, { apply: true, also: ['Jane Smith'] })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({ applied: true, isGone: true, readings: 6 })
    expect(answer.json().blobs).toBeGreaterThanOrEqual(4)
    for (const text of secrets) expect(found(text), text).toEqual([])
    // nor is it in what is exported from now on, all of which is proven as before
    const folder = join(dir, 'exported')
    await exportLog(logOf(store.journal), store.journal.checkpoint(), folder)
    expect(await verifyLog(directoryReader(folder), store.signer.verifier, checkpoint)).toMatchObject({ ok: true })
    const exported = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(f => f.isFile())
    for (const file of exported)
      for (const text of secrets)
        expect(readFileSync(join(file.parentPath, file.name)).includes(text), `${text} in ${file.name}`).toBe(false)
    rmSync(folder, { recursive: true })

    const result = await verifyLog(openReader(store.path), store.signer.verifier, checkpoint)
    expect(result).toMatchObject({ ok: true, absentBlobs: answer.json().blobs })
    for (const name of ['n0', 'n1', 'n4']) expect(b.engine.registry.chargerByExternalId(name)).toBeDefined()
    for (const name of [home.id, home.identity, home.mpan])
      expect((await b.get(`/v1/subjects/${encodeURIComponent(name)}`)).statusCode).toBe(404)
    expect((await b.engine.meters.range(Uint32Array.of(no), 0, startMs * 2)).charger).toHaveLength(0)
    expect((await b.engine.meters.range(Uint32Array.of(no + 1), 0, startMs * 2)).charger.length).toBeGreaterThan(0)
  })
  it('what the box says until its end is found too, and it is cut off a second time where it came back under its old name', async () => {
    const forgotten: (string | undefined)[] = []
    const station = b.engine.registry.stationByIdentity(home.identity)!.no
    b.link.forget = no => void forgotten.push(b.engine.registry.station(no)?.identity)
    const { release } = b.link
    b.link.release = async no => {
      await b.engine.bridge.note('ocpp', { station, detail: `goodbye of ${home.identity}` })
      return release(no)
    }
    const answer = await b.send('POST', `/v1/subjects/${home.id}/erasure`, { apply: true })
    expect(answer.json()).toMatchObject({ applied: true, isGone: true })
    expect(found('goodbye of')).toEqual([])
    expect(forgotten).toEqual([home.identity, `erased-${station}`])
  })
  it('the bridge recovers from what is left: the same state, the numbers still taken, and the box is let in no more', async () => {
    await aDay()
    await b.send('POST', `/v1/subjects/${home.id}/erasure`, { apply: true, also: ['Jane Smith'] })
    await b.seconds(10)
    const [left, live] = [await recover(store.journal), b.engine.state()]
    // power that was its alone is not known again; what each is to do and holds is
    for (const column of ['want', 'holds', 'pending', 'seq'] as const)
      expect(left[column].slice(0, 6), column).toEqual(live[column].slice(0, 6))
    expect(scheduleOf(live.rows, live.want[no]!)).toEqual([])
    const count = b.engine.registry.chargerCount()
    await store.registry.close()
    expect(b.engine.registry.station(b.engine.registry.charger(no)!.station.no)).toMatchObject({
      identity: expect.stringMatching(/^erased-\d+$/),
    })
    expect(b.engine.registry.chargerCount()).toBe(count)
    expect(b.engine.registry.stationByIdentity(home.identity)).toBeUndefined()
  })
  it('asked again by its number, as after a crash in the middle, it is erased again and nothing breaks', async () => {
    await aDay()
    await b.send('POST', `/v1/subjects/${home.id}/erasure`, { apply: true, also: ['Jane Smith'] })
    const again = await b.send('POST', `/v1/subjects/${no}/erasure`, { apply: true })
    expect(again.json()).toMatchObject({ applied: true, readings: 0, isGone: true })
    expect(await verify()).toMatchObject({ ok: true })
  })
  it('a blob that goes without a word is a finding, one that was erased is not', async () => {
    await aDay()
    const evidence = (await leaves()).flatMap(l => evidenceOf(Buffer.from(l)))
    await store.journal.forget([evidence[0]!.hash])
    expect(await verify()).toMatchObject({ ok: false, findings: [{ code: 'blob-absent', hash: evidence[0]!.hash }] })
    await b.engine.handle({ kind: 'erased', who: new Uint32Array(0), stations: new Uint32Array(0), blobs: [evidence[0]!.hash] })
    expect(await verify()).toMatchObject({ ok: true, absentBlobs: 1 })
  })
  it('a token of a driver is forgotten', async () => {
    await b.engine.registry.set('ocpp.token:04A2B3C4D5E6F7', '1')
    expect((await b.get('/v1/subjects/04A2B3C4D5E6F7')).json()).toMatchObject({ subject: 'token' })
    expect((await b.send('POST', '/v1/subjects/04A2B3C4D5E6F7/erasure', { apply: true })).json()).toMatchObject({
      applied: true,
      isGone: true,
    })
    expect(found('04A2B3C4D5E6F7')).toEqual([])
  })
})

describe('evidence expires by age', () => {
  it('what is older than its time is recorded as expired and goes; the fold does without it, schedules and all', async () => {
    await aDay()
    await b.seconds(7_200)
    const before = await fold(emptyState(), entries(store.journal, 0))
    const done = await expire(b.engine, { rawDays: 1 / 24, powerDays: 1 / 24 })
    expect(done).toBeGreaterThan(5)
    expect(await verify()).toMatchObject({ ok: true, absentBlobs: done })
    const after = await fold(emptyState(), entries(store.journal, 0))
    for (const column of ['want', 'holds', 'pending', 'seq'] as const) expect(after[column], column).toEqual(before[column])
    // the review of an emergency stays; running it again finds nothing
    expect([...after.register.values()].map(u => u.review)).toEqual([...before.register.values()].map(u => u.review))
    expect(await expire(b.engine, { rawDays: 1 / 24, powerDays: 1 / 24 })).toBe(0)
  })
  it('what is younger stays, and 0 days is for ever', async () => {
    await aDay()
    expect(await expire(b.engine, { rawDays: 1, powerDays: 1 })).toBe(0)
    await b.seconds(7_200)
    expect(await expire(b.engine, { rawDays: 0, powerDays: 0 })).toBe(0)
  })
})
