import { beforeEach, describe, expect, test } from 'vitest'
import { limitAt } from '../../src/core/rows.ts'
import { createEngine } from '../../src/engine.ts'
import { createNodeLimits } from '../../src/operations/nodeLimits.ts'
import { ana, type Bridge, eve, gridEvent, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
const feeder = '/v1/nodes/BATH%2FBATH-11/limit'
const put = (body: object, headers: Record<string, string> = ana, url = feeder) =>
  b.api.inject({ method: 'PUT', url, headers, payload: body })
const clear = (url = feeder) => b.send('DELETE', url)
/** What the chargers of BATH-11 may draw by the plan, W. */
const mayDrawW = async () => {
  const { items } = (await b.get('/v1/chargers?node=BATH%2FBATH-11')).json()
  return items.reduce((sum: number, c: { limitW: number | null; maxW: number }) => sum + (c.limitW ?? c.maxW), 0)
}

describe('a limit that stands on a node', () => {
  test('is met, is an event, and shows in every view until it is cleared', async () => {
    const answer = await put({ limitW: 20_000 })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      node: { path: 'BATH/BATH-11' },
      limitW: 20_000,
      programme: 'evenings',
      setBy: 'ana',
      chargers: 6,
      usable: 6,
      unreachableW: 0,
    })
    const { event, node } = answer.json()
    expect(event).toBe(`operator:limit:${node.no}`)
    await b.seconds(10)
    expect(await mayDrawW()).toBeLessThanOrEqual(20_000)
    expect((await b.get('/v1/events')).json().items).toMatchObject([
      { id: event, adapter: 'operator', class: 'obligation', state: 'active', until: null },
    ])
    const { limited } = (await b.get('/v1/chargers/c0/limits')).json()
    expect(limited).toMatchObject({ event, until: null, emergency: false, why: 'a limit stands on the network that it hangs on' })
    expect((await b.get('/v1/nodes/BATH%2FBATH-11/capacity')).json().node.limitW).toBe(20_000)
    expect((await b.get('/v1/limits')).json().items).toHaveLength(1)
    expect((await b.get(feeder)).json()).toEqual(answer.json())

    const cleared = await clear()
    expect(cleared.json()).toMatchObject({ event, node: { path: 'BATH/BATH-11' } })
    await b.seconds(601)
    expect(await mayDrawW()).toBe(6 * 7_360)
    expect((await b.get(feeder)).json().code).toBe('no-limit')
    expect((await b.get('/v1/limits')).json().items).toEqual([])
    expect((await b.get('/v1/nodes/BATH%2FBATH-11/capacity')).json().node.limitW).toBeNull()
    expect(b.notes.map(n => n.what)).toEqual(expect.arrayContaining(['limitSet', 'limitCleared']))
  })
  test('may be in amps on each phase, with watts or without', async () => {
    const answer = await put({ limitA: { L1: 60, L2: 200, L3: 200 } })
    expect(answer.json()).toMatchObject({ limitW: 460 * 230, limitA: { L1: 60, L2: 200, L3: 200 }, revision: 0 })
    await b.seconds(10)
    // nobody's phase is known, so each counts on L1
    expect(await mayDrawW()).toBeLessThanOrEqual(60 * 230)
    expect((await put({ limitA: { L1: 60, L2: 200, L3: 200 } })).json().revision).toBe(0)
    expect((await put({ limitA: { L1: 80, L2: 200, L3: 200 }, limitW: 10_000 })).json()).toMatchObject({ limitW: 10_000, revision: 1 })
    expect((await b.get(`/v1/events/${encodeURIComponent(answer.json().event)}`)).json().intervals.at(-1).ask).toEqual({
      kind: 'cap',
      totalW: 10_000,
      phaseA: [80, 200, 200],
    })
    expect((await put({ limitW: 20_000 })).json()).toMatchObject({ limitA: null, revision: 2 })
  })
  test.each([{}, { limitA: { L1: 60, L2: 60 } }, { limitA: { L1: -1, L2: 60, L3: 60 } }])('%j is no limit', async body => {
    expect((await put(body)).statusCode).toBeGreaterThanOrEqual(400)
    expect((await b.get('/v1/limits')).json().items).toEqual([])
  })
  test('comes back over the restore window, not in one step', async () => {
    await put({ limitW: 0 })
    await b.seconds(10)
    await clear()
    await b.seconds(2)
    expect(await mayDrawW()).toBeLessThan(3 * 7_360)
  })
  test('set again is the next revision, and nobody is free in between', async () => {
    await b.engine.handle({
      kind: 'programme',
      programme: { ...b.engine.state().programmes.get('evenings')!, version: 2, startSpreadS: 600 },
    })
    const first = (await put({ limitW: 20_000 })).json()
    await b.seconds(700)
    expect(await mayDrawW()).toBeLessThanOrEqual(20_000)
    const second = (await put({ limitW: 10_000 })).json()
    expect(second).toMatchObject({ event: first.event, revision: first.revision + 1, limitW: 10_000 })
    for (let s = 0; s <= 600; s += 50) {
      expect(await mayDrawW()).toBeLessThanOrEqual(20_000)
      await b.seconds(50)
    }
    expect(await mayDrawW()).toBeLessThanOrEqual(10_000)
    expect((await b.get('/v1/limits')).json().items).toHaveLength(1)
  })
  test('the same limit again changes nothing', async () => {
    const first = (await put({ limitW: 20_000 })).json()
    expect((await put({ limitW: 20_000 })).json()).toEqual(first)
  })
  test('may be set again after it was cleared', async () => {
    await put({ limitW: 20_000 })
    await clear()
    await b.seconds(700)
    // c5 is offline and counts at its maximum
    expect((await put({ limitW: 9_000 })).json()).toMatchObject({ limitW: 9_000, revision: 2 })
    await b.seconds(5)
    expect(await mayDrawW()).toBeLessThanOrEqual(9_000)
  })
  test('outlives the process', async () => {
    await put({ limitW: 20_000 })
    await b.seconds(10)
    const before = (await b.get(feeder)).json()
    await b.engine.stop()
    const { runtime, journal, engine: was } = b
    const engine = createEngine({
      runtime,
      journal,
      meters: was.meters,
      registry: was.registry,
      chargers: b.link,
      signals: [],
      seedKey: new Uint8Array(32).fill(3),
    })
    await engine.start()
    // nobody is connected yet
    expect(createNodeLimits(engine).list()).toMatchObject([{ ...before, unreachableW: expect.any(Number) }])
    for (const station of engine.registry.stations()) engine.sink.link(station.no, true)
    await b.seconds(5)
    const { rows, want } = engine.state()
    const nowS = Math.floor(engine.now() / 1000)
    const mayDraw = [0, 1, 2, 3, 4, 5].map(i => limitAt(rows, want[i]!, nowS)).map(w => (w < 0 ? 7_360 : w))
    expect(mayDraw.reduce((x, y) => x + y, 0)).toBeLessThanOrEqual(20_000)
  })
  test('is no event of the programme: it needs no notice, and takes no event from the day', async () => {
    await b.engine.handle({
      kind: 'programme',
      programme: { ...b.engine.state().programmes.get('evenings')!, version: 2, minNoticeS: 600, maxEventsPerDay: 1, restS: 3_600 },
    })
    expect((await put({ limitW: 20_000 })).statusCode).toBe(200)
    await b.seconds(10)
    const { no } = (await b.get(feeder)).json().node
    const { event, raw } = gridEvent(no, b.engine.now(), {}, 900)
    expect(await b.engine.bridge.submit(event, raw)).toMatchObject({ kind: 'accepted', excluded: 0 })
  })
  test('a driver is free of it for as long as the opt-out says, and no longer', async () => {
    await put({ limitW: 10_000 })
    await b.seconds(10)
    const until = new Date(b.engine.now() + 3_600_000).toISOString()
    expect((await b.send('POST', '/v1/opt-outs', { chargers: ['c0'], reason: 'driver', until })).statusCode).toBe(201)
    await b.seconds(5)
    const limitOf = async () => (await b.get('/v1/chargers/c0/limits')).json().limited
    expect(await limitOf()).toBeNull()
    await b.seconds(3_000)
    expect(await limitOf()).toBeNull()
    await b.seconds(620)
    expect(await limitOf()).toMatchObject({ until: null })
  })
  test('whom it does not limit is counted at what it draws now, not at what it drew months ago', async () => {
    // c8 has no consent and c9 no programme: BATH-12 has c6 and c7 to steer
    const other = '/v1/nodes/BATH%2FBATH-12/limit'
    b.meter({ c6: 0, c7: 0, c8: 7_000, c9: 0 })
    await put({ limitW: 14_000 }, ana, other)
    const mine = async () => {
      const all = await Promise.all(['c6', 'c7'].map(async c => (await b.get(`/v1/chargers/${c}`)).json().limitW ?? 7_360))
      return all.reduce((x, y) => x + y, 0)
    }
    await b.seconds(10)
    expect(await mine()).toBeLessThanOrEqual(7_000)
    for (let s = 0; s < 1_500; s += 60) {
      b.meter({ c6: 0, c7: 0, c8: 0, c9: 0 })
      await b.seconds(60)
    }
    expect(await mine()).toBeGreaterThan(13_000)
  })
})

describe('with other events', () => {
  test('an evening cap of the whole area counts what the feeder withholds; the feeder keeps its own limit', async () => {
    await put({ limitW: 10_000 })
    await b.seconds(10)
    const area = (await b.get('/v1/nodes')).json().items.find((n: { path: string }) => n.path === 'BATH').no
    const { event, raw } = gridEvent(area, b.engine.now(), {}, 60)
    const evening = { ...event, intervals: event.intervals.map(i => ({ ...i, ask: { kind: 'cap', totalW: 30_000 } as const })) }
    b.meter({ c8: 0, c9: 0 })
    expect(await b.engine.bridge.submit(evening, raw)).toMatchObject({ kind: 'accepted' })
    await b.seconds(120)
    expect(await mayDrawW()).toBeLessThanOrEqual(10_000)
    const { items } = (await b.get('/v1/chargers')).json()
    const usable = items.filter((c: { charger: string }) => !['c8', 'c9'].includes(c.charger))
    const allW = usable.reduce((sum: number, c: { limitW: number | null; maxW: number }) => sum + (c.limitW ?? c.maxW), 0)
    expect(allW).toBeLessThanOrEqual(30_000)
    // 10 kW to the feeder, 14.7 kW to c6 and c7: without nesting they would have had a share of 30 kW only
    expect(allW).toBeGreaterThan(23_000)
    await b.seconds(3_000)
    expect(await mayDrawW()).toBeLessThanOrEqual(10_000)
  })
})

describe('refused', () => {
  test.each([
    ['a node that nobody knows', { limitW: 1 }, '/v1/nodes/nowhere/limit', 404, 'node-not-found'],
    ['a programme that nobody knows', { limitW: 1, programme: 'mornings' }, feeder, 400, 'programme-needed'],
    ['half a watt', { limitW: 0.5 }, feeder, 400, 'validation'],
    ['less than nothing', { limitW: -1 }, feeder, 400, 'validation'],
    ['a unit of its own', { limitKw: 3 }, feeder, 400, 'validation'],
  ])('%s', async (_, body, url, status, code) => {
    const answer = await put(body, ana, url)
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
  })
  test('clearing what is not there, and whoever may only look', async () => {
    expect((await clear()).json().code).toBe('no-limit')
    expect((await put({ limitW: 1 }, eve)).statusCode).toBe(403)
  })
  test('an Idempotency-Key repeats the answer and not the deed', async () => {
    const key = { ...ana, 'idempotency-key': 'k1' }
    await put({ limitW: 10_000 }, key)
    await put({ limitW: 20_000 })
    const again = await put({ limitW: 10_000 }, key)
    expect(again.headers['idempotency-replayed']).toBe('true')
    expect((await b.get(feeder)).json().limitW).toBe(20_000)
  })
})
