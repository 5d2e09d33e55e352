import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import { createNotices, type Notice, type NoticesOptions } from '../../src/api/notices.ts'
import { type Bridge, gridEvent, startBridge, startS } from './bridge.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
type Delivery = { url: string; headers: Record<string, string>; body: string }

async function listening(change: Partial<NoticesOptions> & { statuses?: number[] } = {}) {
  const b = await startBridge()
  const { statuses = [], ...rest } = change
  const deliveries: Delivery[] = []
  const pauses: number[] = []
  const notices = createNotices({
    engine: b.engine,
    endpoints: [{ url: 'https://cpo.example/hook', secret }],
    reasonOf: b.operations.emergency.reasonOf,
    async fetch(url, { headers, body }) {
      deliveries.push({ url, headers, body })
      const status = statuses.shift() ?? 204
      if (status === 0) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
      return { status }
    },
    async wait(ms) {
      pauses.push(ms)
    },
    ...rest,
  })
  const told = () => deliveries.flatMap(d => (JSON.parse(d.body) as { data: { chargers: Notice[] } }).data.chargers)
  return { b, notices, deliveries, pauses, told }
}
const feeder = (b: Bridge) => {
  const [target] = b.engine.registry.resolve('node', 'BATH/BATH-11')!
  if (target?.kind !== 'node') throw new Error('no feeder')
  return target.node
}
const limit = async (b: Bridge, change = {}) => {
  const { event, raw } = gridEvent(feeder(b), b.engine.now(), { class: 'emergency', ...change })
  await b.engine.bridge.submit(event, raw)
  await b.seconds(2)
}

describe('charging.modified', () => {
  test('says who, what, why, since, until and how to override, signed', async () => {
    const { b, notices, deliveries, told } = await listening()
    await limit(b)
    await notices.idle()
    const { headers, body } = deliveries[0]!
    expect(headers['webhook-signature']).toBe(
      new Webhook(secret).sign(headers['webhook-id']!, new Date(Number(headers['webhook-timestamp']) * 1000), body),
    )
    expect(JSON.parse(body)).toMatchObject({ type: 'charging.modified' })
    const c1 = told().filter(n => n.charger === 'c1')
    expect(c1.map(n => n.status)).toEqual(['requested', 'applied'])
    expect(c1.at(-1)).toMatchObject({
      limitW: 2000,
      who: { adapter: 'openadr2b', peer: 'vtn', aggregator: 'gridbridge' },
      why: 'the grid operator vtn declared an emergency',
      emergency: true,
      event: 'openadr2b:vtn:e1',
      override: { allowed: true, how: expect.stringContaining('/v1/opt-outs') },
    })
    expect(new Date(c1.at(-1)!.since).getTime() / 1000).toBeGreaterThanOrEqual(startS)
  })

  test('the end is told as well, and nobody is told the same twice', async () => {
    const { b, notices, told } = await listening()
    await limit(b)
    await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })
    await b.seconds(5)
    await notices.idle()
    const c1 = told().filter(n => n.charger === 'c1')
    expect(c1.at(-1)).toMatchObject({ status: 'applied', limitW: null, until: null })
    const all = told().map(n => JSON.stringify([n.no, n.status, n.limitW, n.until]))
    expect(new Set(all).size).toBe(all.length)
  })

  test('a charger that was never limited is no news', async () => {
    const { b, notices, told } = await listening()
    await limit(b)
    await notices.idle()
    expect(told().some(n => n.charger === 'c7')).toBe(false)
  })

  test('an app that is down is tried again under the same id, then given up; the engine goes on', async () => {
    const { b, notices, deliveries, pauses } = await listening({ statuses: [503, 0, 503], retryAfterMs: [10, 20] })
    await limit(b)
    await notices.idle()
    expect(pauses).toEqual([10, 20])
    expect(new Set(deliveries.slice(0, 3).map(d => d.headers['webhook-id'])).size).toBe(1)
    expect(notices.counts()).toEqual({ delivered: 5, failed: 5, dropped: 0 })
    expect(b.engine.trouble()).toBeNull()
  })

  test('410 is not tried again', async () => {
    const { b, notices, pauses } = await listening({ statuses: [410, 410] })
    await limit(b)
    await notices.idle()
    expect(pauses).toEqual([])
    expect(notices.counts().failed).toBe(10)
  })

  test('an app that never answers holds nothing up', async () => {
    const { b, told } = await listening({ fetch: () => new Promise(() => {}) })
    await limit(b)
    expect((await b.get('/v1/chargers/c1/limits')).json().held).toBe('yes')
    expect(told()).toEqual([])
  })
})

describe('notices that a crash cut off', () => {
  const crashed = async (statuses: (number | 'never')[], crash: (b: Bridge) => Promise<unknown>) => {
    const b = await startBridge()
    const deliveries: Delivery[] = []
    const life = () =>
      createNotices({
        engine: b.engine,
        endpoints: [{ url: 'https://cpo.example/hook', secret }],
        reasonOf: b.operations.emergency.reasonOf,
        async fetch(url, { headers, body }) {
          deliveries.push({ url, headers, body })
          const status = statuses.shift() ?? 204
          if (status === 'never') await new Promise(() => {})
          return { status: status as number }
        },
        wait: async () => {},
      })
    const first = life()
    await b.seconds(1)
    await crash(b)
    first.stop()
    const before = deliveries.length
    const second = life()
    await b.engine.bridge.note('another life', {})
    await second.idle()
    return { b, second, before: deliveries.slice(0, before), deliveries: deliveries.slice(before) }
  }
  const notices = (d: Delivery) => (JSON.parse(d.body) as { data: { chargers: Notice[] } }).data.chargers

  test('the delivery under way goes out again, the same bytes under the same id; what waited behind it is told with what holds now', async () => {
    const { before, deliveries } = await crashed(['never'], limit)
    expect(before).toHaveLength(1)
    expect(deliveries[0]!.body).toBe(before[0]!.body)
    expect(deliveries[0]!.headers['webhook-id']).toBe(before[0]!.headers['webhook-id'])
    const rest = deliveries.slice(1).flatMap(notices)
    expect(rest.map(n => [n.charger, n.status, n.limitW]).sort()).toEqual(['c0', 'c1', 'c2', 'c3', 'c4'].map(c => [c, 'applied', 2_000]))
  })
  test('what was delivered is not told again', async () => {
    const { before, deliveries } = await crashed([], limit)
    expect(before.flatMap(notices)).toHaveLength(10)
    expect(deliveries).toEqual([])
  })
  test('a driver who was told of a limit in one life is told of its end in the next', async () => {
    const { b, second, deliveries } = await crashed([], limit)
    await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })
    await b.seconds(5)
    await second.idle()
    expect(deliveries).toEqual([])
    expect(second.counts().delivered).toBeGreaterThan(0)
  })
  test('a release that nobody was told of is told, though the charger is free by now', async () => {
    const { deliveries } = await crashed([204, 204, 'never'], async b => {
      await limit(b)
      await b.seconds(5)
      await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] })
      await b.seconds(5)
    })
    const c1 = deliveries.flatMap(notices).filter(n => n.charger === 'c1')
    expect(c1.at(-1)).toMatchObject({ status: 'applied', limitW: null, event: null })
  })
  test('given up is given up', async () => {
    const { before, deliveries } = await crashed([410, 410], limit)
    expect(before).toHaveLength(2)
    expect(deliveries).toEqual([])
  })
  test.each(['{', '{"size":1e12}', 'null'])('what it had kept cannot be read (%s): it begins anew', async text => {
    const { deliveries } = await crashed([], async b => {
      await limit(b)
      for (const key of b.engine.registry.keys('notices:')) await b.engine.registry.set(key, text)
    })
    expect(deliveries).toEqual([])
  })
})
