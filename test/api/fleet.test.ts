import { beforeEach, describe, expect, test } from 'vitest'
import { type Bridge, gridEvent, startBridge, startS } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
const limit = async (change = {}) => {
  const { event, raw } = gridEvent(0, b.engine.now(), change)
  await b.engine.bridge.submit(event, raw)
  await b.seconds(2)
}

describe('capacity', () => {
  test('says what can be cut at a node now, and why not more', async () => {
    await b.send('POST', '/v1/opt-outs', { chargers: ['c3'] })
    const answer = (await b.get('/v1/nodes/BATH/capacity')).json()
    expect(answer).toMatchObject({
      node: { path: 'BATH', kind: 'gsp', chargers: 10 },
      chargers: 10,
      online: 9,
      metered: 6,
      loadW: 27_000,
      drawingW: 15_000,
      curtailableW: 15_000,
      standing: { notEnrolled: 1, unconsented: 1, optedOut: 1, refused: 0, offline: 1, unknown: 2, idle: 1, drawing: 3 },
      programmes: [{ programme: 'evenings', chargers: 9, drawing: 3, curtailableW: 15_000 }],
    })
    expect(answer.dataAge.medianS).toBeLessThan(60)
  })
  test('a reading that is old promises nothing', async () => {
    await b.seconds(181)
    expect((await b.get('/v1/nodes/BATH/capacity')).json()).toMatchObject({
      curtailableW: 0,
      metered: 0,
      standing: { unknown: 7, drawing: 0 },
    })
  })
  test('says what of it comes within a time: nothing at once, where everyone waits behind a random delay', async () => {
    const within = async (s: number) => (await b.get(`/v1/nodes/BATH/capacity?withinS=${s}`)).json().forecast
    const [soon, usual] = [await within(10), await within(3_600)]
    expect(soon).toEqual({ withinS: 10, p10W: 0, p50W: 0, p90W: 0 })
    expect(usual.p10W).toBeLessThan(usual.p50W)
    expect(usual.p50W).toBeLessThan(usual.p90W)
    expect(usual.p50W).toBeGreaterThan(8_000)
    expect(usual.p50W).toBeLessThan(20_000)
    expect((await b.get('/v1/nodes/BATH/capacity?withinS=soon')).statusCode).toBe(400)
  })
  test('a floor stays', async () => {
    b = await startBridge({ programme: { floorW: 1400 } })
    expect((await b.get('/v1/nodes/BATH/capacity')).json()).toMatchObject({ drawingW: 20_000, curtailableW: 4 * 3600 })
  })
  test.each([
    ['its path', 'BATH%2FBATH-12'],
    ['its number', '8'],
    ['its name', 'BATH-12'],
  ])('a node is found by %s', async (_, name) => {
    expect((await b.get(`/v1/nodes/${name}/capacity`)).json().node).toMatchObject({ path: 'BATH/BATH-12', chargers: 4 })
  })
  test('a name that two nodes have is not guessed', async () => {
    await b.operations.fleetImport.run('external_id,gsp,feeder\nz,YORK,BATH-12', { apply: true }, { name: 'test' })
    expect((await b.get('/v1/nodes/BATH-12/capacity')).json()).toMatchObject({
      code: 'node-ambiguous',
      hint: expect.stringContaining('YORK/BATH-12'),
    })
  })
  test('a root does not hide a node further down that has its name', async () => {
    await b.operations.fleetImport.run('external_id,primary\nz,BATH-12', { apply: true }, { name: 'test' })
    expect((await b.get('/v1/nodes/BATH-12/capacity')).json()).toMatchObject({
      code: 'node-ambiguous',
      hint: expect.stringMatching(/\d+ for the root BATH-12/),
    })
    expect((await b.get('/v1/nodes/BATH%2FBATH-12/capacity')).statusCode).toBe(200)
  })
  test('the tree is listed without its stations, and they by kind', async () => {
    const { items } = (await b.get('/v1/nodes')).json()
    expect(items.map((n: { path: string }) => n.path)).toEqual(['BATH', 'BATH/BATH-11', 'BATH/BATH-12'])
    expect((await b.get('/v1/nodes?kind=station')).json().total).toBe(10)
  })
})

describe('chargers', () => {
  test('all, those under a node, and one, with what stands in the way', async () => {
    expect((await b.get('/v1/chargers?limit=3')).json()).toMatchObject({ total: 10, next: 3, items: [{ charger: 'c0' }, {}, {}] })
    const { items } = (await b.get('/v1/chargers?node=BATH-12')).json()
    expect(items.map((c: { charger: string; hindrances: string[] }) => [c.charger, c.hindrances])).toEqual([
      ['c6', []],
      ['c7', ['noFreshReading']],
      ['c8', ['noConsent']],
      ['c9', ['notEnrolled', 'noFreshReading']],
    ])
    expect((await b.get('/v1/chargers/c5')).json()).toMatchObject({
      hindrances: ['offline', 'noFreshReading'],
      powerW: null,
      node: 'BATH/BATH-11/c5',
    })
    expect((await b.get('/v1/chargers/0')).json()).toMatchObject({ charger: 'c0', powerW: 5000, maxW: 7360, capabilities: { phases: 1 } })
  })
})

describe('limits', () => {
  test('free means free', async () => {
    expect((await b.get('/v1/chargers/c1/limits')).json()).toMatchObject({
      limited: null,
      next: [],
      held: 'yes',
      override: { allowed: true },
    })
  })
  test('who, why, until when, what next, and how to override it', async () => {
    await limit()
    expect((await b.get('/v1/chargers/c1/limits')).json()).toMatchObject({
      limited: {
        limitW: 2000,
        who: { adapter: 'openadr2b', peer: 'vtn' },
        class: 'contracted',
        emergency: false,
        programme: 'evenings',
        event: 'openadr2b:vtn:e1',
        why: 'the grid operator vtn asked for less load (contracted, programme evenings)',
      },
      held: 'yes',
      override: { allowed: true, how: 'POST /v1/opt-outs {"chargers": ["c1"], "reason": "driver"}' },
    })
  })
  test('a command on its way is not yet held', async () => {
    b.link.outcome = 'silent'
    await limit()
    expect((await b.get('/v1/chargers/c1/limits')).json().held).toBe('sent')
    expect((await b.get('/v1/chargers/c5/limits')).json()).toMatchObject({ held: 'no', online: false })
  })
  test('an emergency that may not be overridden says so', async () => {
    b = await startBridge({ programme: { overrideInEmergency: false } })
    await limit({ class: 'emergency' })
    const before = (await b.get('/v1/chargers/c1/limits')).json()
    expect(before.override).toMatchObject({ allowed: false, how: expect.stringContaining('once it is over') })
    const [optOut] = (await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })).json().optOuts
    expect(optOut.effective).toBe('afterEmergency')
    await b.seconds(2)
    expect((await b.get('/v1/chargers/c1/limits')).json().limited.limitW).toBe(2000)
  })
})

describe('opt-outs', () => {
  test('lift the limit with the next turn, are listed, and end', async () => {
    await limit()
    const answer = await b.send('POST', '/v1/opt-outs', { chargers: ['c1', '2'], reason: 'driver' })
    expect(answer.statusCode).toBe(201)
    expect(answer.json().optOuts).toMatchObject([
      { charger: 'c1', until: null, effective: 'now' },
      { charger: 'c2', no: 2 },
    ])
    await b.seconds(3)
    expect((await b.get('/v1/chargers/c1/limits')).json()).toMatchObject({ limited: null, held: 'yes', optOuts: [{ reason: 'driver' }] })
    expect((await b.get('/v1/opt-outs')).json()).toMatchObject({ total: 2 })
    expect((await b.get('/v1/opt-outs?charger=c2')).json()).toMatchObject({ total: 1 })
    expect((await b.send('DELETE', '/v1/opt-outs/c1')).json()).toEqual({ charger: 'c1', no: 1 })
    expect((await b.send('DELETE', '/v1/opt-outs/c1')).json()).toMatchObject({ status: 404, code: 'not-opted-out' })
    await b.seconds(3)
    expect((await b.get('/v1/chargers/c1/limits')).json().limited.limitW).toBe(2000)
    expect(b.notes.filter(n => n.what.startsWith('opt')).map(n => [n.what, n.about.by])).toEqual([
      ['optOutAsked', 'ana'],
      ['optInAsked', 'ana'],
    ])
  })
  test('for a while, from later on', async () => {
    const iso = (s: number) => new Date((startS + s) * 1000).toISOString()
    const body = { chargers: ['c1'], reason: 'operator', from: iso(600), until: iso(1200) }
    expect((await b.send('POST', '/v1/opt-outs', body)).json().optOuts).toMatchObject([
      { effective: 'later', from: iso(600), until: iso(1200) },
    ])
    expect((await b.send('POST', '/v1/opt-outs', { ...body, until: iso(500) })).json()).toMatchObject({ code: 'bad-period' })
  })
  test('all or none: one wrong name changes nobody', async () => {
    const answer = (await b.send('POST', '/v1/opt-outs', { chargers: ['c1', 'zz'] })).json()
    expect(answer).toMatchObject({ status: 404, code: 'unknown-chargers', errors: [{ pointer: '#/chargers/1', value: 'zz' }] })
    expect(b.engine.state().optOuts.size).toBe(0)
  })
})

describe('release', () => {
  test('ends consent, frees the box, clears our profiles and puts its keys back', async () => {
    await limit()
    const answer = (await b.send('POST', '/v1/chargers/c1/release')).json()
    expect(answer).toMatchObject({
      chargers: ['c1'],
      programmesEnded: ['evenings'],
      cleared: 1,
      restoredKeys: ['MeterValueSampleInterval'],
      failed: [],
    })
    expect(b.link.released).toEqual([b.engine.registry.stationByIdentity('c1')!.no])
    expect(b.engine.state().enrolments.get('evenings')![1]).toBe(0)
    await b.seconds(3)
    expect((await b.get('/v1/chargers/c1/limits')).json().limited).toBeNull()
    expect(b.notes.filter(n => n.what.startsWith('release')).map(n => n.what)).toEqual(['releaseAsked', 'released'])
  })
  test('of what nobody knows is refused', async () => {
    expect((await b.send('POST', '/v1/chargers/zz/release')).json()).toMatchObject({ status: 404 })
  })
})
