import { beforeEach, describe, expect, test } from 'vitest'
import { createEmergency } from '../../src/operations/emergency.ts'
import { ana, type Bridge, ben, eve, gridEvent, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge()
})
const ask = { node: 'BATH/BATH-11', limit: { amps: 6 }, durationS: 1800 }
const select = (body: object = ask, headers: Record<string, string> = ana) => b.send('POST', '/v1/dispatch-orders', body, headers)
const operate = (
  order: { id: string; etag: string },
  headers: Record<string, string> = ana,
  body: object = { reason: 'thermalOverload', text: 'T2' },
) => b.send('POST', `/v1/dispatch-orders/${order.id}/operate`, body, { 'if-match': order.etag, 'idempotency-key': 'k1', ...headers })

describe('select', () => {
  test('says what the emergency would do, reserves the node and sends nothing', async () => {
    const answer = await select()
    expect(answer.statusCode).toBe(201)
    const order = answer.json()
    expect(answer.headers.etag).toBe(order.etag)
    expect(answer.headers.location).toBe(order.links.self)
    expect(order).toMatchObject({
      state: 'selected',
      selectedBy: 'ana',
      expiresInS: 30,
      node: { path: 'BATH/BATH-11' },
      restoreS: 600,
      driversTouched: 4,
    })
    // c5 is offline and c4 has no reading; 6 A at 230 V is 1,380 W
    expect(order.effect).toMatchObject({
      chargers: 6,
      commanded: 6,
      drawing: 4,
      unknown: 1,
      offline: 1,
      loadW: 20_000,
      cutW: 4 * (5000 - 1380),
    })
    expect(order.links.operate).toBe(`/v1/dispatch-orders/${order.id}/operate`)
    expect(b.link.sent).toEqual([])
    expect(b.notes.map(n => n.what)).toContain('emergencySelected')
  })

  test.each([
    ['a node that nobody knows', { node: 'BATH/BATH-99' }, 404, 'node-not-found'],
    ['no time at all', { durationS: 0 }, 400, 'validation'],
    ['longer than the programme allows', { durationS: 4 * 3600 + 1 }, 400, 'bad-duration'],
    ['two limits at once', { limit: { amps: 6, watts: 5 } }, 400, 'validation'],
    ['more than all', { limit: { percent: 120 } }, 400, 'validation'],
    ['a programme that is not there', { programme: 'mornings' }, 400, 'unknown-programme'],
    ['a word that is misspelt', { durationSecs: 5 }, 400, 'validation'],
  ])('refuses %s, and notes it', async (_, change, status, code) => {
    const answer = await select({ ...ask, ...change })
    expect(answer.statusCode).toBe(status)
    expect(answer.headers['content-type']).toMatch('application/problem+json')
    expect(answer.json().code).toBe(code)
    await b.seconds(2)
    expect(b.notes.at(-1)).toEqual({ what: 'refusedRequest', about: { route: 'POST /v1/dispatch-orders', by: 'ana', code, status } })
  })

  test('a programme without emergencies has none', async () => {
    b = await startBridge({ programme: { emergencyAllowed: false } })
    expect((await select({ ...ask, programme: 'evenings' })).json().code).toBe('emergency-not-allowed')
    expect((await select()).json().code).toBe('programme-needed')
  })

  test.each([
    ['the node itself', 'BATH/BATH-11'],
    ['what is above it', 'BATH'],
    ['what is below it', 'c3'],
  ])('locks %s against others until it expires', async (_, node) => {
    await select()
    const answer = await select({ ...ask, node }, ben)
    expect(answer.statusCode).toBe(409)
    expect(answer.json()).toMatchObject({ code: 'node-locked', detail: expect.stringContaining('ana') })
    await b.seconds(31)
    expect((await select({ ...ask, node }, ben)).statusCode).toBe(201)
  })

  test('leaves the feeder beside it free', async () => {
    await select()
    expect((await select({ ...ask, node: 'BATH/BATH-12' }, ben)).statusCode).toBe(201)
  })

  test('names the events that it runs into', async () => {
    const { event, raw } = gridEvent(0, b.engine.now())
    await b.engine.bridge.submit(event, raw)
    expect((await select()).json().conflicts).toMatchObject([{ event: 'openadr2b:vtn:e1', class: 'contracted', adapter: 'openadr2b' }])
  })

  test('those without consent are left out, unless there is a recorded ground', async () => {
    const without = (await select({ ...ask, node: 'BATH/BATH-12' })).json()
    expect(without.effect).toMatchObject({ chargers: 4, commanded: 2, unconsented: 1, notEnrolled: 1, withoutConsent: 0, cutW: 0 })
    await b.send('DELETE', `/v1/dispatch-orders/${without.id}`)
    const withBasis = (await select({ ...ask, node: 'BATH/BATH-12', basis: 'ESQCR reg. 3' })).json()
    expect(withBasis.effect).toMatchObject({ commanded: 4, withoutConsent: 2, cutW: 7000 - 1380 })
    expect(withBasis.warnings.join()).toContain('ESQCR reg. 3')
  })
})

describe('operate', () => {
  test('fires an emergency at once, with the reason in the record and in what drivers read', async () => {
    const order = (await select()).json()
    const answer = await operate(order)
    expect(answer.statusCode).toBe(201)
    expect(answer.json()).toMatchObject({ order: order.id, usable: 6, excluded: 0 })
    expect(b.link.sent.map(c => c.charger).sort()).toEqual([0, 1, 2, 3, 4])
    expect(b.link.sent.every(c => c.urgent && c.schedule[0]!.limitW === 1380)).toBe(true)
    await b.seconds(2)
    const limits = (await b.get('/v1/chargers/c1/limits')).json()
    expect(limits).toMatchObject({
      held: 'yes',
      limited: { limitW: 1380, emergency: true, why: 'a local cable or transformer is overloaded', who: { peer: 'ana' } },
    })
    const event = (await b.get(answer.json().links.event)).json()
    expect(event).toMatchObject({
      reason: 'thermalOverload',
      spread: { startS: 0, endS: 600 },
      event: { class: 'emergency', state: 'active' },
    })
    expect(b.notes.find(n => n.what === 'emergencyOperated')?.about).toMatchObject({
      by: 'ana',
      reason: 'thermalOverload',
      order: order.id,
    })
  })

  test('a basis reaches those without consent', async () => {
    const order = (await select({ ...ask, node: 'BATH/BATH-12', basis: 'ESQCR reg. 3' })).json()
    expect((await operate(order)).json()).toMatchObject({ usable: 4, excluded: 0 })
    expect(b.link.sent.map(c => c.charger).sort()).toEqual([6, 7, 8, 9])
  })

  test('the answer that was lost is given again, and nothing is fired twice', async () => {
    const order = (await select()).json()
    const [first, second] = await Promise.all([operate(order), operate(order)])
    const third = await operate(order)
    expect([first, second, third].map(a => a.statusCode)).toEqual([201, 201, 201])
    expect(third.json()).toEqual(first.json())
    expect(third.headers['idempotency-replayed']).toBe('true')
    expect(b.engine.bridge.events()).toHaveLength(1)
  })

  test('the same key with something else is refused, a new key finds the order operated', async () => {
    const order = (await select()).json()
    await operate(order)
    expect((await operate(order, ana, { reason: 'voltage' })).json()).toMatchObject({ status: 409, code: 'idempotency-key-reused' })
    expect((await operate(order, { ...ana, 'idempotency-key': 'k2' })).json()).toMatchObject({ status: 409, code: 'order-operated' })
  })

  test('too late is too late', async () => {
    const order = (await select()).json()
    await b.seconds(30)
    expect((await b.get(order.links.self)).json().state).toBe('expired')
    expect((await operate(order)).json()).toMatchObject({ status: 410, code: 'order-expired' })
    expect(b.engine.bridge.events()).toEqual([])
  })

  test('only as it was shown, and only by the one who selected', async () => {
    const order = (await select()).json()
    expect((await operate({ ...order, etag: '"else"' })).json()).toMatchObject({ status: 412, code: 'etag-mismatch' })
    expect((await operate(order, ben)).json()).toMatchObject({ status: 403, code: 'order-of-another' })
    expect((await operate(order, eve)).json()).toMatchObject({ status: 403, code: 'scope-missing' })
    const bare = await b.send('POST', `/v1/dispatch-orders/${order.id}/operate`, { reason: 'voltage' }, { ...ana, 'idempotency-key': 'k' })
    expect(bare.json()).toMatchObject({ status: 428, code: 'if-match-required' })
    const keyless = await b.send(
      'POST',
      `/v1/dispatch-orders/${order.id}/operate`,
      { reason: 'voltage' },
      { ...ana, 'if-match': order.etag },
    )
    expect(keyless.json()).toMatchObject({ status: 400, code: 'idempotency-key-required' })
    expect((await operate(order, ana, { reason: 'bored' })).json()).toMatchObject({
      status: 400,
      errors: [{ pointer: '#/reason', value: 'bored' }],
    })
    expect(b.link.sent).toEqual([])
  })

  test('the journal fails and nothing happened: 503, and the order can be operated again', async () => {
    const order = (await select()).json()
    b.journal.failNext('before')
    expect((await operate(order)).json()).toMatchObject({ status: 503, code: 'not-recorded' })
    expect(b.link.sent).toEqual([])
    expect((await operate(order)).statusCode).toBe(201)
    expect(b.link.sent).toHaveLength(5)
  })

  test('the journal fails and it was stored all the same: operating again is the same event', async () => {
    const order = (await select()).json()
    b.journal.failNext('after')
    expect((await operate(order)).statusCode).toBe(503)
    expect((await b.send('DELETE', order.links.self)).json()).toMatchObject({
      status: 409,
      code: 'order-operated',
      hint: expect.stringContaining(order.id),
    })
    expect((await operate(order)).statusCode).toBe(201)
    expect(b.engine.bridge.events()).toHaveLength(1)
  })

  test('an order that is put back frees its node', async () => {
    const order = (await select()).json()
    expect((await b.send('DELETE', order.links.self)).statusCode).toBe(200)
    expect((await operate(order)).json()).toMatchObject({ status: 404, code: 'order-not-found' })
    expect((await select(ask, ben)).statusCode).toBe(201)
  })
})

describe('after a crash', () => {
  const by = { name: 'ana' }
  const request = { reason: 'voltage' as const }
  /** Another life of the process: nothing but journal and registry is left. */
  const nextLife = () => createEmergency(b.engine)

  test('a selected order can be operated, until it expires', async () => {
    const order = (await select()).json()
    const next = nextLife()
    expect(next.find(order.id)).toMatchObject({ etag: order.etag, state: 'selected', selectedBy: 'ana' })
    expect(await next.select({ node: 'BATH', limit: { amps: 6 }, durationS: 60 }, by)).toMatchObject({ refusal: { code: 'node-locked' } })
    expect(await next.operate(order.id, { ...request, ifMatch: order.etag }, by)).toMatchObject({ ok: true, value: { usable: 6 } })
    expect(b.link.sent).toHaveLength(5)
    const late = (await select({ ...ask, node: 'BATH/BATH-12' })).json()
    await b.seconds(31)
    expect(await nextLife().operate(late.id, { ...request, ifMatch: late.etag }, by)).toMatchObject({ refusal: { code: 'order-expired' } })
  })
  test('what it had been is known: operated, put back, or long past', async () => {
    const operated = (await select()).json()
    await operate(operated)
    const back = (await select({ ...ask, node: 'BATH/BATH-12' })).json()
    await b.send('DELETE', back.links.self)
    const next = nextLife()
    expect(await next.operate(operated.id, { ...request, ifMatch: operated.etag }, by)).toMatchObject({
      refusal: { code: 'order-operated', hint: expect.stringContaining(operated.id) },
    })
    expect(next.find(back.id)).toBeUndefined()
    await b.seconds(2 * 86_400)
    expect(nextLife().find(operated.id)).toBeUndefined()
    expect([...b.engine.registry.keys('operator:order:')]).toEqual([])
  })
  test('one that was fired and did not live to say so is the same event when it is operated again, with another reason and later', async () => {
    const order = (await select()).json()
    const before = nextLife()
    await operate(order)
    await b.seconds(5)
    const again = await before.operate(order.id, { ...request, ifMatch: order.etag }, by)
    expect(again).toMatchObject({ ok: true, value: { usable: 6, fromS: b.engine.state().events.get(0)!.event.intervals[0]!.fromS } })
    expect(b.engine.bridge.events()).toHaveLength(1)
    await b.seconds(30)
    const later = nextLife()
    await b.engine.registry.set(`operator:order:${order.id}`, JSON.stringify({ ...later.find(order.id), state: 'selected', event: null }))
    expect(nextLife().find(order.id)).toMatchObject({ state: 'operated', event: `operator:ana:${order.id}` })
  })
})
