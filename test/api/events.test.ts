import { beforeEach, describe, expect, test } from 'vitest'
import { createOperations } from '../../src/operations/index.ts'
import { ana, type Bridge, eve, gridEvent, startBridge, startMs } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
const id = 'openadr2b:vtn:e1'
const url = `/v1/events/${encodeURIComponent(id)}`
const feeder = () => (b.engine.registry.resolve('node', 'BATH/BATH-11')![0] as { node: number }).node
async function submit(change = {}, inS = 0) {
  const { event, raw } = gridEvent(feeder(), b.engine.now(), change, inS)
  await b.engine.bridge.submit(event, raw)
  await b.seconds(2)
  return event
}
/** A reading each minute for everybody: 5 kW, or the limit. */
async function minutes(n: number, obeys: (name: string) => boolean = () => true) {
  for (let i = 0; i < n; i++) {
    await b.seconds(60)
    const limitOf = (name: string) => b.link.sent.filter(c => c.charger === Number(name.slice(1))).at(-1)?.schedule ?? []
    const nowS = b.engine.now() / 1000
    const powers = ['c0', 'c1', 'c2', 'c3', 'c4'].map(name => {
      const now = limitOf(name).find(s => s.fromS <= nowS - 30 && nowS - 30 < s.toS)
      return [name, now && obeys(name) ? Math.min(5000, now.limitW) : 5000]
    })
    b.meter(Object.fromEntries(powers))
  }
}

describe('events', () => {
  test('are listed newest first, and by state', async () => {
    await submit()
    await submit({ id: 'openadr2b:vtn:e2', upstreamRef: 'e2' }, 3600)
    const { items, total, next } = (await b.get('/v1/events')).json()
    expect([total, next, items.map((e: { upstreamRef: string; state: string }) => [e.upstreamRef, e.state])]).toEqual([
      2,
      null,
      [
        ['e2', 'scheduled'],
        ['e1', 'active'],
      ],
    ])
    expect((await b.get('/v1/events?state=active')).json().items).toHaveLength(1)
    const misspelt = await b.get('/v1/events?stat=active')
    expect([misspelt.statusCode, misspelt.body]).toEqual([400, expect.stringContaining('stat')])
    expect((await b.get('/v1/events?limit=1')).json()).toMatchObject({ total: 2, next: 1 })
  })

  test('show how far they are: who answered, who is silent, who is offline', async () => {
    b.link.outcome = 'silent'
    await submit()
    const before = (await b.get(url)).json().progress
    expect(before).toMatchObject({ targeted: 6, usable: 6, limited: 6, answered: 0, silent: 5, offline: 1, inDelay: 0, limitedToW: 12_000 })
    expect(before.ask).toEqual({ kind: 'limitEach', limitW: 2000 })
    b.link.outcome = 'accepted'
    await b.seconds(120)
    expect((await b.get(url)).json().progress).toMatchObject({ answered: 5, silent: 0, offline: 1 })
  })

  test('count those still in their random delay apart from the silent', async () => {
    b = await startBridge({ programme: { startSpreadS: 600 } })
    await submit()
    await b.seconds(60)
    const { progress } = (await b.get(url)).json()
    expect(progress.inDelay).toBeGreaterThan(0)
    expect(progress.inDelay + progress.answered + progress.silent + progress.offline).toBe(6)
  })

  test('count opt-outs and refusals apart', async () => {
    await submit()
    await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })
    b.link.outcome = 'rejected'
    await b.online('c5')
    await b.seconds(5)
    expect((await b.get(url)).json().progress).toMatchObject({ usable: 6, optedOut: 1, refused: 1, limited: 4 })
  })

  test('bring target and measured power, and no number where nothing was metered', async () => {
    await minutes(15)
    await submit({}, 60)
    await minutes(10)
    const { series } = (await b.get(url)).json()
    expect(series.stepS).toBe(60)
    const at = (s: number) =>
      series.points.find((p: { at: string }) => Date.parse(p.at) === Math.floor(startMs / 60_000) * 60_000 + s * 1000)
    const during = series.points.filter(
      (p: { targetW: number | null; measuredW: number | null }) => p.targetW !== null && p.measuredW !== null,
    )
    expect(during.length).toBeGreaterThan(5)
    // five metered chargers at 2 kW; the one that was never metered counts with its limit
    expect(during[0].targetW).toBe(12_000)
    expect(during.at(-2).measuredW).toBe(10_000)
    expect(during.at(-2).coverage).toBeCloseTo(5 / 6)
    expect(at(600).measuredW).toBe(25_000)
    expect(series.points.at(-1)).toMatchObject({ targetW: null, measuredW: null, coverage: 0 })
  })

  test('are verified by meters, charger by charger', async () => {
    await minutes(20)
    await submit({}, 60)
    expect((await b.get(`${url}/chargers`)).json()).toMatchObject({ status: 404, code: 'no-results' })
    await minutes(50, name => name !== 'c2')
    const detail = (await b.get(url)).json()
    expect(detail).toMatchObject({
      event: { state: 'verified' },
      verification: { verdict: expect.any(String), counts: { notCompliant: 1 } },
    })
    const { total, results } = (await b.get(`${url}/chargers`)).json()
    expect(total).toBe(6)
    expect(results.find((r: { charger: string }) => r.charger === 'c2')).toMatchObject({ verdict: 'notCompliant' })
    expect((await b.get(`${url}/chargers?from=5&limit=10`)).json()).toMatchObject({ total: 6, results: [{}] })
    // after a restart nobody remembers, but the journal does
    const later = createOperations({
      engine: b.engine,
      passwords: { hash: async p => p, matches: async () => false },
      readings: b.readings,
    })
    expect(await later.events.results(id, 0, 1000)).toEqual({ ok: true, value: { total, results } })
  })

  test('that nobody knows are not found', async () => {
    expect((await b.get('/v1/events/none')).json()).toMatchObject({ status: 404, code: 'event-not-found' })
  })
})

describe('cancel', () => {
  const cancel = (body: object = { reason: 'fault cleared' }, headers: Record<string, string> = ana) =>
    b.send('POST', `${url}/cancel`, body, headers)
  test('frees everybody over the restore window, or at once, and says who did it', async () => {
    await submit()
    const answer = await cancel({ reason: 'fault cleared', atOnce: true })
    expect(answer.json()).toMatchObject({ id, revision: 1, state: 'cancelled' })
    await b.seconds(3)
    expect((await b.get('/v1/chargers/c1/limits')).json()).toMatchObject({ limited: null, held: 'yes' })
    expect(b.notes.find(n => n.what === 'eventCancelled')?.about).toMatchObject({ by: 'ana', atOnce: true })
  })
  test('only the event that was looked at', async () => {
    await submit()
    const { etag } = (await b.get(url)).headers
    expect(etag).toBe('"r0"')
    expect((await cancel({ reason: 'x' }, { ...ana, 'if-match': '"r7"' })).json()).toMatchObject({ status: 412, code: 'revision-mismatch' })
    expect((await cancel({ reason: 'x' }, { ...ana, 'if-match': 'r0' })).json()).toMatchObject({ status: 412 })
    expect((await cancel({ reason: 'x' }, { ...ana, 'if-match': String(etag) })).statusCode).toBe(200)
  })
  test('twice with one key is once; twice without is a conflict', async () => {
    await submit()
    const first = await cancel({ reason: 'x', atOnce: true }, { ...ana, 'idempotency-key': 'k' })
    const again = await cancel({ reason: 'x', atOnce: true }, { ...ana, 'idempotency-key': 'k' })
    expect(again.json()).toEqual(first.json())
    expect((await cancel()).json()).toMatchObject({ status: 409, code: 'event-over' })
  })
  test('without the scope, the link is not offered and the request refused', async () => {
    await submit()
    expect((await b.get(url, eve)).json().event.links.cancel).toBeUndefined()
    expect((await b.get(url)).json().event.links.cancel).toBe(`${url}/cancel`)
    expect((await cancel({ reason: 'x' }, eve)).statusCode).toBe(403)
  })
})

describe('audit', () => {
  test('pages through the log with leaf hashes, and signs where it ends', async () => {
    await submit()
    const first = (await b.get('/v1/audit/entries?limit=2')).json()
    expect(first).toMatchObject({ size: b.journal.size(), from: 0, next: 2 })
    expect(first.entries.map((e: { index: number }) => e.index)).toEqual([0, 1])
    expect(first.entries[0].entry.fact.kind).toBe('keyCommitted')
    const leaf = Buffer.from(first.entries[1].leaf, 'base64')
    expect(Buffer.compare(leaf, b.journal.store.leaves[1]!)).toBe(0)
    const last = (await b.get('/v1/audit/entries?from=-3')).json()
    expect(last.entries).toHaveLength(3)
    expect(last.next).toBeNull()
    expect((await b.get('/v1/audit/entries?from=100000')).json()).toMatchObject({ status: 400, code: 'beyond-the-end' })
    const checkpoint = (await b.get('/v1/audit/checkpoint')).json()
    expect(checkpoint).toMatchObject({ size: b.journal.size(), note: b.journal.checkpoint() })
    expect((await b.get('/v1/audit/checkpoint', { ...ana, accept: 'text/plain' })).body).toBe(b.journal.checkpoint())
  })
})
