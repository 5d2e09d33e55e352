import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { databaseName } from '../../adapters/stores/sqlite/db.ts'
import { findsAny } from '../../adapters/stores/sqlite/erase.ts'
import { closeAndBegin } from '../../adapters/stores/sqlite/nextLog.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { asItWas } from '../../simulations/replay/asItWas.ts'
import { cosignedKey } from '../../src/audit/cosigned.ts'
import { verifyFile } from '../../src/cli/auditVerify.ts'
import { scheduleOf } from '../../src/core/rows.ts'
import { stateDigest } from '../../src/core/snapshot.ts'
import { entries, recover } from '../../src/engine/recover.ts'
import { evidenceFiles } from '../../src/operations/evidence.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import { sourceOf } from '../../src/operations/evidencePacks.ts'
import { checkNothingUnderWay, firstOfNext } from '../../src/operations/nextLog.ts'
import { programmePerformance } from '../../src/operations/programmePerformance.ts'
import { factsOf } from '../../src/operations/reportFacts.ts'
import { chartLibrary } from '../../src/report/library.ts'
import { gridEvent, startBridge, startMs } from '../api/bridge.ts'

const [origin, next] = ['grid.example/log-2026', 'grid.example/log-2027']
let root: string
let dir: string
const runtime = createVirtualRuntime(startMs)
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  dir = join(root, 'data')
})
afterEach(() => rmSync(root, { recursive: true }))
const close = (nowMs: number) =>
  closeAndBegin({
    dir,
    origin,
    next,
    nowMs,
    archive: join(root, 'closed'),
    check: j => checkNothingUnderWay(j, nowMs),
    first: (j, f) => firstOfNext(j, f, nowMs, () => new Uint8Array(16)),
  })
const verify = (folder: string, since?: string) =>
  verifyFile(openReader, join(folder, databaseName), readFileSync(join(folder, 'audit.pub'), 'utf8'), since)

it('a log ends and the next begins: each names the other, the bridge goes on where it was, and both verify apart', async () => {
  let store = openStore({ dir, origin, runtime })
  let b = await startBridge({ store: { ...store, runtime } })
  await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })
  const feeder = b.engine.registry.resolve('feeder', 'BATH-11')![0]!
  const node = feeder.kind === 'node' ? feeder.node : -1
  const old = gridEvent(node, b.engine.now(), { id: 'x:y:old', upstreamRef: 'old' }, 600)
  await b.engine.bridge.submit(old.event, old.raw)
  const off = gridEvent(node, b.engine.now(), { id: 'x:y:old', upstreamRef: 'old', revision: 1, intervals: [] })
  await b.engine.bridge.submit(off.event, off.raw)
  await b.seconds(3600)
  const before = stateDigest(b.engine.state())
  for (const key of [cosignedKey, 'audit.witness.0123abcd', 'ocpp.clock:1']) await b.engine.registry.set(key, 'of the old log')
  await b.api.close()
  await store.close()
  const kept = readFileSync(join(dir, 'audit.pub'), 'utf8')

  const done = await close(runtime.now())
  expect(await verify(join(root, 'closed'))).toMatchObject({ exitCode: 0, json: { origin, size: done.final.size } })
  expect(readFileSync(join(root, 'closed', 'audit.pub'), 'utf8')).toBe(kept)
  expect(readFileSync(join(root, 'closed', 'checkpoint'), 'utf8')).toBe(done.final.checkpoint)
  expect(await verify(dir)).toMatchObject({ exitCode: 0, json: { origin: next, size: 1 } })
  for (const folder of [dir, join(root, 'closed')]) expect(statSync(join(folder, databaseName)).mode & 0o777, folder).toBe(0o600)
  // who a charger is stays with the bridge, and only there
  expect(await findsAny(join(root, 'closed', databaseName), ['BATH-11', '"identity"'])).toBe(false)

  store = openStore({ dir, origin: next, runtime })
  const [first] = (await store.journal.read(0)[Symbol.asyncIterator]().next()).value as Uint8Array[]
  expect(JSON.parse(Buffer.from(first!).toString()).fact.previous).toMatchObject({
    origin,
    size: done.final.size,
    checkpoint: done.final.checkpoint,
  })
  expect(stateDigest(Object.assign(await recover(store.journal), { turn: 0, nowMs: 0 }))).not.toBe(before)
  b = await startBridge({ fleet: false, store: { ...store, runtime } })
  expect([...b.engine.state().optOuts.keys()]).toEqual([1])
  // how far witnesses were with the old log says nothing of this one
  expect([...b.engine.registry.keys('audit.')]).toEqual([])
  expect(b.engine.registry.get('ocpp.clock:1')).toBe('of the old log')
  expect(b.engine.registry.chargerByExternalId('c3')).toBe(3)
  // it plans as before, over the same fleet and consents
  for (const c of ['c0', 'c2']) b.engine.sink.link(b.engine.registry.stationByIdentity(c)!.no, true)
  b.meter({ c0: 5000, c2: 5000 })
  const fromS = Math.floor(b.engine.now() / 1000) + 60
  const { event, raw } = gridEvent(node, b.engine.now(), {
    id: 'x:y:new',
    upstreamRef: 'new',
    intervals: [{ fromS, toS: fromS + 300, ask: { kind: 'off' } }],
  })
  expect(await b.engine.bridge.submit(event, raw)).toMatchObject({ kind: 'accepted' })
  await b.seconds(5)
  expect(scheduleOf(b.engine.state().rows, b.engine.state().want[0]!)).toHaveLength(1)
  await b.seconds(3600)
  await b.api.close()
  await store.close()
  // the new log alone tells of its events: the fleet, the terms, what was committed before the draw; and it is decided again from its record
  store = openStore({ dir, origin: next, runtime })
  const facts = await factsOf(store.journal, 'x:y:new')
  expect(facts).toMatchObject({ no: 1, fleet: { chargers: 10 }, programme: { id: 'evenings' }, members: { length: 6 } })
  const kinds: string[] = []
  for await (const { fact } of entries(store.journal, 0)) kinds.push(fact.kind)
  expect(kinds.slice(0, 2)).toEqual(['opened', 'keyCommitted'])
  expect(kinds.indexOf('keyCommitted')).toBeLessThan(kinds.indexOf('signal'))
  expect(await programmePerformance(store, 'evenings', { scheme: 'dfs' })).toMatchObject({
    ok: true,
    value: { events: [{ event: 'x:y:new' }] },
  })
  expect(await asItWas(store.journal)).toMatchObject({ differing: 0, differences: [] })
  // so does a pack of one of them: its report holds, and it is said that the fleet is of the log before
  const nowMs = runtime.now()
  const source = await sourceOf(store.journal, { seedKey: new Uint8Array(32).fill(3), cosigned: undefined, nowMs })
  const report = { meters: store.meters, registry: store.registry, witnesses: null, command: 'verify' }
  const files = (await evidenceFiles(source, 'x:y:new', { nowMs, version: '1', report }))!
  const { lines } = checkPack(files, { keys: [store.signer.verifier] }, { version: '1', library: chartLibrary() })
  expect(lines.filter(l => l.result === 'failed')).toEqual([])
  expect(lines.find(l => l.what === 'page of the report')).toMatchObject({ result: 'ok' })
  expect(lines.find(l => l.what === 'beyond the log')!.why).toContain('the fleet that this log began with')
  expect(Buffer.from(files['report/chargers.csv']!).toString().split('\r\n')).toHaveLength(8)
  await store.close()
  // a start in between, from the log alone
  store = openStore({ dir, origin: next, runtime })
  expect((await recover(store.journal)).events.size).toBe(2)
  await store.close()
})
it('not while an event is under way: its verdict belongs into the log that it began in', async () => {
  const store = openStore({ dir, origin, runtime })
  const b = await startBridge({ store: { ...store, runtime } })
  const feeder = b.engine.registry.resolve('feeder', 'BATH-11')![0]!
  const { event, raw } = gridEvent(feeder.kind === 'node' ? feeder.node : -1, b.engine.now())
  await b.engine.bridge.submit(event, raw)
  await b.api.close()
  const size = store.journal.size()
  await store.close()
  await expect(close(runtime.now())).rejects.toThrow('openadr2b:vtn:e1')
  // and the bridge starts as before, with a log that does not say that it has ended
  const again = openStore({ dir, origin, runtime })
  expect(again.journal.size()).toBe(size)
  expect((await recover(again.journal)).events.size).toBe(1)
  await again.close()
})
it('not while somebody reads the file: the end of the log would stand where it is thrown away', async () => {
  const store = openStore({ dir, origin, runtime })
  const b = await startBridge({ store: { ...store, runtime } })
  const reader = openReader(join(dir, databaseName))
  reader.head()
  await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })
  await b.api.close()
  await store.close()
  await expect(close(runtime.now())).rejects.toMatchObject({ code: 'db-in-use' })
  reader.close()
  await close(runtime.now())
  expect(await verify(dir)).toMatchObject({ exitCode: 0, json: { origin: next } })
})
