import { createHash } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { leafHash, verifyInclusion } from '../../src/audit/merkle.ts'
import { ana, type Bridge, eve, gridEvent, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge({ programme: { startSpreadS: 600 } })
})
const id = 'openadr2b:vtn:e1'
const url = `/v1/events/${encodeURIComponent(id)}/seed`
async function submit(change = {}, lengthS = 1800) {
  const { event, raw } = gridEvent(0, b.engine.now(), change, 0, lengthS)
  await b.engine.bridge.submit(event, raw)
  await b.seconds(1)
  return { event, raw }
}
const hour = 3600

test('what an event was drawn from is told when it is over, and found in the log', async () => {
  await submit()
  const drawnFrom = Buffer.from(b.engine.state().events.get(0)!.seed)
  await b.seconds(2 * hour)
  const answer = await b.get(url)
  expect(answer.statusCode).toBe(200)
  const found = answer.json()
  const seed = Buffer.from(found.seed, 'hex')
  expect(seed).toEqual(drawnFrom)
  expect(createHash('sha256').update(Buffer.from(found.salt, 'hex')).update(seed).digest('hex')).toBe(found.hash)
  const { entries } = (await b.get(`/v1/audit/entries?from=${found.leaf}&limit=1`)).json()
  expect(entries[0].entry.fact).toMatchObject({ kind: 'signal', seed: { $blob: found.hash }, event: { id, rawHash: found.signalHash } })
  expect(found.keyHash).toBe(createHash('sha256').update(new Uint8Array(32).fill(3)).digest('hex'))
  // the log begins with the key
  const { leaf, root, count, slot, path } = found.committed
  expect({ leaf, count, slot }).toEqual({ leaf: 0, count: 128, slot: 0 })
  const hashes = path.map((hash: string) => Buffer.from(hash, 'hex'))
  expect(verifyInclusion(leafHash(Buffer.from(found.key, 'hex')), slot, count, hashes, Buffer.from(root, 'hex'))).toEqual({ ok: true })
  expect(b.notes.at(-1)).toMatchObject({ what: 'seedRevealed', about: { event: 0, by: 'ana' } })
})

test('before its end it is secret: while it is to come, while it runs, while chargers come back', async () => {
  await submit({}, hour)
  for (const s of [0, 1800, 1810]) {
    await b.seconds(s)
    const answer = await b.get(url)
    expect(answer.json()).toMatchObject({ status: 409, code: 'event-not-over', hint: expect.stringContaining('ask again after') })
    expect(answer.body).not.toContain(Buffer.from(b.engine.state().events.get(0)!.seed).toString('hex'))
  }
  await b.seconds(600)
  expect((await b.get(url)).statusCode).toBe(200)
})

test('cancelled is not over before what was announced is past: a changed revision would run under the same ranks', async () => {
  const { event } = await submit({}, hour)
  const raw = new TextEncoder().encode('cancel')
  const rawHash = createHash('sha256').update(raw).digest('hex')
  await b.engine.bridge.submit({ ...event, revision: 1, intervals: [], stopAtOnce: true, rawHash }, raw)
  await b.seconds(60)
  expect((await b.get(url)).statusCode).toBe(409)
  await b.seconds(hour + 600)
  expect((await b.get(url)).statusCode).toBe(200)
})

test('an open end is never past', async () => {
  await submit({ class: 'emergency', intervals: [{ fromS: Math.floor(b.engine.now() / 1000), toS: 0xffffffff, ask: { kind: 'off' } }] })
  await b.seconds(2 * hour)
  expect((await b.get(url)).json()).toMatchObject({ code: 'event-not-over', hint: 'cancel it, or wait for its end' })
})

test('only for auditors, and only for an event that there is', async () => {
  await submit()
  expect((await b.get(url, eve)).statusCode).toBe(403)
  expect((await b.get('/v1/events/none/seed', ana)).json()).toMatchObject({ status: 404, code: 'event-not-found' })
})

test('an event that was forgotten here has its seed in the log still', async () => {
  await submit()
  await b.seconds(32 * 86_400)
  await b.engine.bridge.note('a month later', {})
  expect(b.engine.state().events.size).toBe(0)
  expect((await b.get(url)).statusCode).toBe(200)
})
