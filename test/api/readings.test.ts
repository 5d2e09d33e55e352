import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ana, type Bridge, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
afterEach(() => b.api.close())
const iso = (ms: number) => new Date(ms).toISOString()
/** The begin of an hour that is over. */
const hour = () => Math.floor(b.engine.now() / 3_600_000) * 3_600_000 - 2 * 3_600_000
const csv = (url: string, payload: string) =>
  b.api.inject({ method: 'POST', url, headers: { ...ana, 'content-type': 'text/csv' }, payload })

describe('readings of a charger that come by another way', () => {
  const readings = (from: number, n: number, powerW = 6_000) =>
    Array.from({ length: n }, (_, k) => ({ from: iso(from + k * 60_000), until: iso(from + (k + 1) * 60_000), powerW }))

  test('are energy at once, and late where they are', async () => {
    const sent = await b.send('POST', '/v1/chargers/c9/readings', { readings: readings(hour(), 60) })
    expect([sent.statusCode, sent.json()]).toEqual([200, { taken: 60 }])
    const { points } = (await b.get(`/v1/chargers/c9/energy?from=${iso(hour())}&until=${iso(hour() + 5_400_000)}`)).json()
    expect(points).toEqual([
      { at: iso(hour()), energyWh: 3_000, flaws: ['late'] },
      { at: iso(hour() + 1_800_000), energyWh: 3_000, flaws: ['late'] },
      { at: iso(hour() + 3_600_000), energyWh: null, flaws: ['gap'] },
    ])
  })
  test.each([
    ['ends before it begins', { from: 60_000, until: 0, powerW: 1 }],
    ['is not over yet', { from: 0, until: 8 * 3_600_000, powerW: 1 }],
    ['has neither', { from: 0, until: 60_000 }],
  ])('one that %s is refused, and all with it', async (why, { from, until, ...rest }) => {
    const bad = { from: iso(hour() + (until > 4e6 ? until - 60_000 : from)), until: iso(hour() + until), ...rest }
    const answer = await b.send('POST', '/v1/chargers/c9/readings', { readings: [...readings(hour(), 1), bad] })
    expect(answer.json()).toMatchObject({
      status: 400,
      code: 'bad-reading',
      errors: [{ pointer: '#/readings/1', detail: expect.stringContaining(why) }],
    })
    const { points } = (await b.get(`/v1/chargers/c9/energy?from=${iso(hour())}&until=${iso(hour() + 1_800_000)}`)).json()
    expect(points[0].energyWh).toBeNull()
  })
  test('a step that is not kept is refused', async () => {
    const answer = await b.get(`/v1/chargers/c9/energy?from=${iso(hour())}&until=${iso(hour() + 1)}&stepS=7`)
    expect(answer.json()).toMatchObject({ status: 400, code: 'bad-step' })
  })
})

describe("the network operator's own series", () => {
  const url = '/v1/meters/import?node=BATH-11&name=feeder%20BATH-11&unit=kWh&stepS=1800'
  const file = () => `start,kwh\n${iso(hour())},120.5\n${iso(hour() + 1_800_000)},-3\n${iso(hour() + 3_600_000)},n/a\n`
  const seen = async () => (await b.get(`/v1/meters/feeder%20BATH-11/energy?from=${iso(hour())}&until=${iso(hour() + 5_400_000)}`)).json()

  test('from a file: nothing is changed by a dry run, and each bad row is named', async () => {
    const dry = (await csv(url, file())).json()
    expect(dry).toMatchObject({
      applied: false,
      rows: 3,
      readings: 2,
      errors: [{ line: 4, column: 'kwh', value: 'n/a', hint: expect.any(String) }],
    })
    expect((await b.get('/v1/meters')).json()).toEqual({ items: [] })
    expect((await csv(`${url}&apply=true`, file())).json()).toMatchObject({ applied: true, meters: ['feeder BATH-11'] })
    expect((await b.get('/v1/meters')).json().items).toMatchObject([
      { name: 'feeder BATH-11', unit: 'kWh', sign: 'consumption', stepS: 1800 },
    ])
    expect((await seen()).points.map((p: { energyWh: number }) => p.energyWh)).toEqual([120_500, -3_000, null])
  })
  test('pushed in the unit and with the sign that were declared; a bad value takes no other with it', async () => {
    await csv(`/v1/meters/import?apply=true&node=BATH-11&name=feeder%20BATH-11&sign=generation&unit=kWh`, file())
    const answer = await b.send('POST', '/v1/meters/feeder%20BATH-11/readings', {
      readings: [
        { at: iso(hour()), value: 7 },
        { at: iso(hour() + 1), value: 7 },
        { at: 'noon', value: 7 },
        { at: iso(hour() + 1_800_000), value: 9e9 },
        { at: hour() + 3_600_000 * 9, value: 7 },
      ],
    })
    expect(answer.json()).toMatchObject({ taken: 1, errors: [{ index: 1 }, { index: 2, value: 'noon' }, { index: 3 }, { index: 4 }] })
    expect((await seen()).points.map((p: { energyWh: number }) => p.energyWh)).toEqual([-7_000, 3_000, null])
  })
  test('of a meter that nobody declared, at a node that nobody knows, or in steps of another length are refused', async () => {
    expect((await b.send('POST', '/v1/meters/x/readings', { readings: [{ at: 0, value: 1 }] })).json()).toMatchObject({
      status: 404,
      code: 'meter-not-found',
    })
    expect((await csv('/v1/meters/import?node=NOWHERE', file())).json()).toMatchObject({ status: 404, code: 'node-not-found' })
    expect((await csv('/v1/meters/import?node=BATH-11&stepS=900', file())).json()).toMatchObject({ status: 400, code: 'wrong-step' })
    expect((await csv('/v1/meters/import?node=BATH-11', 'nothing')).json()).toMatchObject({ status: 400, code: 'not-a-meter-file' })
  })
})

describe('sessions', () => {
  test('have a record: energy, time with power, time plugged in', async () => {
    b.operations.readings.start()
    const no = b.engine.registry.chargerByExternalId('c9')!
    b.engine.sink.session(no, { phase: 'plugged' })
    await b.seconds(60)
    const from = b.engine.now()
    for (let k = 0; k < 30; k++) {
      await b.seconds(60)
      b.meter({ c9: k < 20 ? 6_000 : 0 })
    }
    b.engine.sink.session(no, { phase: 'none' })
    await b.seconds(1_000)
    const { items } = (await b.get(`/v1/chargers/c9/sessions?from=${iso(from)}&until=${iso(b.engine.now())}`)).json()
    expect(items).toMatchObject([{ charger: 'c9', energyWh: expect.closeTo(2_000, 0), poweredS: expect.any(Number) }])
    expect(items[0].pluggedS).toBeGreaterThanOrEqual(1_800)
    expect(items[0].poweredS).toBeGreaterThanOrEqual(1_200)
    expect(items[0].poweredS).toBeLessThanOrEqual(1_260)
    b.operations.readings.stop()
  })
})

test('what a meter signed is given back to the letter', async () => {
  const no = b.engine.registry.chargerByExternalId('c9')!
  const value = { value: 'OCMF|{}|{"SD":"30"}', format: 'SignedData', context: 'Transaction.End' }
  b.engine.sink.signed!([{ charger: no, atMs: b.engine.now(), body: JSON.stringify(value) }])
  const answer = await b.get(`/v1/chargers/c9/signed-values?from=${iso(b.engine.now())}&until=${iso(b.engine.now() + 1)}`)
  expect(answer.json()).toEqual({ items: [{ at: iso(b.engine.now()), value }] })
})

test('an event keeps its readings for as long as it may be disputed', async () => {
  b.operations.readings.start()
  await b.engine.registry.set('readings.window.7', JSON.stringify({ fromMs: b.engine.now() - 86_400_000, toMs: b.engine.now() }))
  await b.engine.registry.set('readings.window.8', JSON.stringify({ fromMs: 0, toMs: 1 }))
  expect(b.operations.readings.keptWindows(b.engine.now())).toEqual([{ fromMs: b.engine.now() - 86_400_000, toMs: b.engine.now() }])
  expect([...b.engine.registry.keys('readings.window.')]).toEqual(['readings.window.7'])
  b.operations.readings.stop()
})
