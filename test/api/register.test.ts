import { beforeEach, describe, expect, test } from 'vitest'
import { entryText } from '../../src/cli/register.ts'
import { publicCsv } from '../../src/operations/register.ts'
import { ana, type Bridge, eve, startBridge } from './bridge.ts'

let b: Bridge
beforeEach(async () => {
  b = await startBridge({ programme: { startSpreadS: 600 } })
})
async function fired(change: object = {}): Promise<string> {
  const ask = { node: 'BATH/BATH-11', limit: { watts: 4_200 }, durationS: 600, basis: 'ESQCR reg. 3', ...change }
  const order = (await b.send('POST', '/v1/dispatch-orders', ask)).json()
  const headers = { ...ana, 'if-match': order.etag, 'idempotency-key': order.id }
  const answer = await b.send('POST', `/v1/dispatch-orders/${order.id}/operate`, { reason: 'thermalOverload', text: 'T2' }, headers)
  return answer.json().event
}

describe('the register of emergencies', () => {
  test('has who, what, why, how long and with what effect, by number and by event', async () => {
    const event = await fired()
    await b.seconds(40)
    b.meter({ c0: 4_100, c1: 4_100, c2: 4_100, c3: 4_100 })
    await b.seconds(20)
    const entry = (await b.get('/v1/register/0')).json()
    expect(entry).toMatchObject({
      event,
      state: 'running',
      by: 'ana',
      reason: 'thermalOverload',
      why: 'a local cable or transformer is overloaded',
      basis: 'ESQCR reg. 3',
      exemption: null,
      targets: ['BATH/BATH-11'],
      intervals: [{ ask: { kind: 'limitEach', limitW: 4_200 } }],
      durationS: 600,
      commanded: 5,
      drawing: 4,
      drawnW: 20_000,
      beyond: ['ramp'],
      needsReview: true,
    })
    expect((await b.get(`/v1/register/${encodeURIComponent(event)}`)).json().no).toBe(0)
    expect((await b.get('/v1/register')).json()).toMatchObject({ total: 1, items: [{ no: 0 }] })
    expect(entryText(entry)).toContain('no exemption from random delay is claimed')
    expect(entryText(entry)).toContain('▲ review owed: gridbridge register review 0')
  })
  test('keeps a review, and asks for it until then; the metric counts', async () => {
    await fired()
    const unreviewed = async () => [
      (await b.get('/v1/register?unreviewed=true')).json().total,
      /^gridbridge_emergency_unreviewed (\d+)$/m.exec((await b.get('/metrics')).body)?.[1],
    ]
    expect(await unreviewed()).toEqual([1, '1'])
    const answer = await b.send('POST', '/v1/register/0/review', { by: 'M. Jones', note: 'transformer at 104 %, limit was due' })
    expect(answer.json()).toMatchObject({ needsReview: false, review: { by: 'M. Jones', note: 'transformer at 104 %, limit was due' } })
    expect(await unreviewed()).toEqual([0, '0'])
    expect(b.notes.at(-1)).toMatchObject({ what: 'emergencyReviewed', about: { reviewer: 'M. Jones', by: 'ana' } })
  })
  test.each([
    ['nobody', { by: ' ', note: 'x' }, '0', 400, 'who-reviewed'],
    ['nothing', { by: 'x', note: ' ' }, '0', 400, 'what-was-found'],
    ['an emergency that never was', { by: 'x', note: 'x' }, '7', 404, 'use-not-found'],
  ])('a review by, of or about %s is refused', async (_, body, id, status, code) => {
    await fired()
    const answer = await b.send('POST', `/v1/register/${id}/review`, body)
    expect([answer.statusCode, answer.json().code]).toEqual([status, code])
  })
  test('a declined emergency is in it, as no use; a test needs no review', async () => {
    await fired({ test: true })
    expect((await b.get('/v1/register/0')).json()).toMatchObject({ test: true, needsReview: false, commanded: 0 })
  })
  test('is for those who may read the log', async () => {
    expect((await b.get('/v1/register', eve)).statusCode).toBe(403)
    expect((await b.get('/v1/register', {})).statusCode).toBe(401)
  })
})

describe('the public register', () => {
  test('names areas of ten chargers or more, counts, times and kW, and nobody', async () => {
    await fired()
    const { items } = (await b.get('/v1/register/export')).json()
    expect(items).toMatchObject([{ areas: ['BATH'], source: 'operator', chargers: 5, drawnkW: 20, reviewed: false }])
    const text = JSON.stringify(items) + (await b.get('/v1/register/export', { ...ana, accept: 'text/csv' })).body
    for (const secret of ['ana', 'BATH-11', 'c0', 'c1', 'ord-']) expect(text).not.toContain(secret)
  })
  test('is published only where the configuration says so', async () => {
    expect((await b.get('/v1/public/register', {})).statusCode).toBe(404)
    b = await startBridge({ api: { publicRegister: true } })
    await fired()
    const answer = await b.get('/v1/public/register', { accept: 'text/csv' })
    expect(answer.headers['content-type']).toContain('text/csv')
    expect(answer.body.split('\r\n')).toHaveLength(3)
  })
  test('a value that a spreadsheet would run is text', () => {
    const entry = { no: 1, basis: '=HYPERLINK("x")', areas: ['a', 'b,c'] } as unknown as Parameters<typeof publicCsv>[0][number]
    expect(publicCsv([entry]).split('\r\n')[1]).toBe(`1,,,,"a; b,c",,,"'=HYPERLINK(""x"")",,,,,,,,,,`)
  })
})
