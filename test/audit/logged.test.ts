import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import { openReader } from '../../adapters/stores/sqlite/reader.ts'
import { rotateKey } from '../../adapters/stores/sqlite/rotate.ts'
import { createNotices } from '../../src/api/notices.ts'
import { recordConfig } from '../../src/operations/configChange.ts'
import { expire } from '../../src/operations/retention.ts'
import { type Bridge, eve, gridEvent, startBridge, startMs } from '../api/bridge.ts'

type Fact = Readonly<Record<string, unknown>> & {
  readonly kind: string
  readonly what?: string
  readonly about?: Readonly<Record<string, unknown>>
}
/** What a control room, an auditor or a regulator may ask for, and where the log has it. */
const noted = (what: string) => (f: Fact) => f.kind === 'noted' && f.what === what
const kind = (name: string) => (f: Fact) => f.kind === name
const rows: readonly [string, (f: Fact) => boolean][] = [
  [
    'a signal as received, by the hash of its bytes',
    f => f.kind === 'signal' && /^[0-9a-f]{64}$/.test(String((f['event'] as { rawHash: string }).rawHash)),
  ],
  ['the seed of its random delays, by its hash, before anything is drawn', f => f.kind === 'signal' && '$blob' in (f['seed'] as object)],
  ['that it was taken', kind('accepted')],
  ['that it was refused, and why', f => f.kind === 'declined' && typeof f['why'] === 'string'],
  [
    'a plan, with the version of the planner and what changes',
    f => f.kind === 'planned' && /^plan-/.test(String(f['algorithm'])) && 'schedules' in f,
  ],
  ['every command', kind('sent')],
  ['every answer', kind('outcome')],
  ['a driver who took the charger back', noted('override')],
  ['an opt-out, and who asked for it', noted('optOutAsked')],
  ['the end of an opt-out', kind('optIn')],
  ['notices to the apps of drivers, and how it went', f => noted('noticesSent')(f) && f.about?.['result'] === 'delivered'],
  ['an emergency by hand: selected', noted('emergencySelected')],
  ['fired, by whom and why', f => noted('emergencyOperated')(f) && f.about?.['reason'] === 'thermalOverload'],
  ['put back', noted('emergencyPutBack')],
  ['that it went beyond a routine event', kind('alarm')],
  ['its review', noted('emergencyReviewed')],
  ['what the meters said', kind('metered')],
  ['the verdict', kind('verified')],
  ['the seed, revealed', noted('seedRevealed')],
  ['an event called off, by whom', noted('eventCancelled')],
  ['a fleet file', noted('fleetImported')],
  ['a box let go', noted('released')],
  ['a change of the configuration, by the names of the settings', f => noted('configChanged')(f) && f.about?.['names'] === 'ocpp.port'],
  ['who signed in', f => noted('signedIn')(f) && f.about?.['by'] === 'ana'],
  ['a refused request', f => noted('refusedRequest')(f) && f.about?.['by'] === 'eve'],
  ['one of nobody', f => noted('refusedRequest')(f) && f.about?.['by'] === null],
  ['that a person was told what is kept', noted('subjectExported')],
  ['an erasure, with what is gone', f => f.kind === 'erased' && Array.isArray(f['blobs'])],
  ['evidence that expired', f => f.kind === 'expired' && (f['blobs'] as string[]).length > 0],
  ['the commitment to the key that seeds are made with', kind('keyCommitted')],
  ['a change of the signing key, signed by both', noted('keyRotated')],
]

let dir: string
let log: Fact[]
beforeAll(async () => {
  dir = join(mkdtempSync(join(tmpdir(), 'gridbridge-')), 'data')
  const runtime = createVirtualRuntime(startMs)
  const store = openStore({ dir, origin: 'grid.example/log', runtime })
  const b = await startBridge({ store: { ...store, runtime }, programme: { minNoticeS: 30 } })
  const notices = createNotices({
    engine: b.engine,
    endpoints: [{ url: 'https://app.example/hook', secret: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0' }],
    reasonOf: () => undefined,
    fetch: async () => ({ status: 200 }) as Response,
    wait: async () => {},
  })
  await everything(b, () => notices.idle())
  notices.stop()
  await b.api.close()
  await store.close()
  await rotateKey({ dir, origin: 'grid.example/log', nowMs: runtime.now() })
  log = await factsOf(join(dir, 'gridbridge.db'))
})
afterAll(() => rmSync(join(dir, '..'), { recursive: true }))

async function everything(b: Bridge, told: () => Promise<void>): Promise<void> {
  const settings = (port: number) => [
    { path: 'ocpp.port', value: port },
    { path: 'dataDir', value: './d' },
  ]
  await recordConfig(b.engine, settings(9220), 'a')
  await recordConfig(b.engine, settings(9000), 'a')
  const feeder = b.engine.registry.resolve('feeder', 'BATH-11')![0]!
  const node = feeder.kind === 'node' ? feeder.node : -1
  const submit = ({ event, raw }: ReturnType<typeof gridEvent>) => b.engine.bridge.submit(event, raw)
  await submit(gridEvent(node, b.engine.now(), {}, 60, 300))
  await submit(gridEvent(node, b.engine.now(), { id: 'x:y:gone', upstreamRef: 'gone', programme: 'none' }))
  for (let i = 0; i < 12; i++) {
    await b.seconds(60)
    b.meter({ c0: 2000, c1: 2000, c2: 2000, c3: 2000 })
    if (i === 2) b.engine.sink.override(0, 'button')
  }
  const select = () => b.send('POST', '/v1/dispatch-orders', { node: 'BATH/BATH-11', limit: { amps: 6 }, durationS: 600 })
  const fired = (await select()).json()
  const sure = { authorization: 'Bearer ana-has-every-scope-there-is', 'idempotency-key': 'k', 'if-match': fired.etag }
  expect((await b.send('POST', `/v1/dispatch-orders/${fired.id}/operate`, { reason: 'thermalOverload' }, sure)).statusCode).toBeLessThan(
    300,
  )
  await b.seconds(40)
  const [use] = (await b.get('/v1/register')).json().items
  await b.send('POST', `/v1/register/${use.no}/review`, { by: 'duty engineer', note: 'as it should be' })
  await b.send('POST', `/v1/events/${encodeURIComponent(use.event)}/cancel`, { reason: 'over' })
  await b.seconds(1300)
  await b.get(`/v1/events/${encodeURIComponent('openadr2b:vtn:e1')}/seed`)
  await b.send('DELETE', `/v1/dispatch-orders/${(await select()).json().id}`)
  await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })
  await b.send('DELETE', '/v1/opt-outs/c1')
  await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] }, eve)
  await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] }, {})
  await b.send('POST', '/v1/chargers/c4/release')
  await b.get('/v1/subjects/c3')
  await b.send('POST', '/v1/subjects/c3/erasure', { apply: true })
  await b.seconds(5)
  await told()
  await b.seconds(7200)
  await expire(b.engine, { rawDays: 1 / 24, powerDays: 1 / 24 })
}
async function factsOf(path: string): Promise<Fact[]> {
  const reader = openReader(path)
  const out: Fact[] = []
  for await (const chunk of reader.entries())
    for (const { body } of chunk) out.push((JSON.parse(Buffer.from(body).toString('utf8')) as { fact: Fact }).fact)
  reader.close()
  return out
}

describe('the log has', () => {
  it.each(rows)('%s', (_, fits) => {
    expect(log.some(fits)).toBe(true)
  })
})
