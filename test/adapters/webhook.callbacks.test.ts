import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { maxWaiting } from '../../adapters/signals/webhook/callbacks.ts'
import { type DispatchBody, type WebhookSource, webhook } from '../../adapters/signals/webhook/index.ts'
import { createDso, type Dso } from '../../simulations/grid/dso.ts'
import type { Verification } from '../../src/core/model.ts'
import { type FakeBridge, fakeBridge } from '../ports/fakeBridge.ts'

const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
const callbackSecret = `whsec_${Buffer.alloc(32, 2).toString('base64')}`
const shed: DispatchBody = {
  id: 'D-1',
  version: 1,
  kind: 'shed',
  target: [{ scheme: 'feeder', value: 'BATH-11' }],
  durationS: 1800,
  shed: { totalKw: 90 },
}
const eventId = 'webhook:western:D-1'

/** Jobs wait until the bridge's time has come and a test says so. */
function manualTime(bridge: FakeBridge) {
  const jobs = new Map<string, { at: number; job: () => void | Promise<void> }>()
  return {
    at: (key: string, at: number, job: () => void | Promise<void>) => void jobs.set(key, { at, job }),
    /** How long until the retry, in ms; undefined if none is planned. */
    retryIn() {
      const retry = jobs.get('webhook.callback:western')
      return retry && retry.at - bridge.now()
    },
    runDue() {
      for (const [key, { at, job }] of [...jobs])
        if (at <= bridge.now()) {
          jobs.delete(key)
          void job()
        }
    },
  }
}

describe('status callbacks', () => {
  let bridge: FakeBridge
  let dso: Dso
  let time: ReturnType<typeof manualTime>
  let source: WebhookSource
  const statuses = () => dso.received().map(({ status }) => status)
  const arrived = (...expected: string[]) => vi.waitFor(() => expect(statuses()).toEqual(expected), { timeout: 5_000, interval: 5 })
  const retryPlanned = () => vi.waitFor(() => expect(time.retryIn()).toBeDefined(), { timeout: 5_000, interval: 5 })
  const inStore = () => [...bridge.registry.keys('webhook.out:')].length
  async function open(fetch = globalThis.fetch, url = dso.callbackUrl) {
    time = manualTime(bridge)
    const peer = { name: 'western', secrets: [secret], programme: 'winter', callback: { url, secret: callbackSecret } }
    source = webhook({ port: 0, peers: [peer] }, { at: time.at, random: n => new Uint8Array(n).fill(0x80), fetch })
    await source.start(bridge)
    dso.connect(`http://127.0.0.1:${source.port()}`)
  }
  async function begin(startMs?: number) {
    bridge = fakeBridge(startMs)
    await bridge.registry.put({ aliases: [{ scheme: 'feeder', value: 'BATH-11', targets: [{ kind: 'node', node: 3 }] }] })
    dso = await createDso({ secret, callbackSecret, now: () => bridge.now() })
    await open()
  }
  beforeEach(() => begin())
  afterEach(async () => {
    await source.stop()
    await dso.close()
  })

  it('tell the life of a dispatch, in order, with figures', async () => {
    await dso.dispatch(shed)
    bridge.advance(1_000)
    bridge.step(eventId, 'started')
    bridge.advance(60_000)
    bridge.step(eventId, 'measured', { measuredW: 209_999.99999999997, baselineW: 300_000, askedW: 90_000 })
    await arrived('received', 'accepted', 'started', 'measured')
    bridge.advance(1_740_000)
    bridge.step(eventId, 'completed')
    const verification = {
      verdict: 'delivered',
      deliveredWh: 43_999.662062124,
      askedWh: 45_000,
      ratio: 0.97777027,
      causes: { offline: 3 },
    } as unknown as Verification
    bridge.step(eventId, 'verified', { verification })
    await arrived('received', 'accepted', 'started', 'measured', 'completed', 'verified')
    const [received, , , measured, , verified] = dso.received().map(({ envelope }) => envelope)
    expect(received).toMatchObject({
      specversion: '1.0',
      type: 'energy.gridbridge.dispatch.received.v1',
      subject: 'D-1',
      time: '2026-01-31T17:00:00.000Z',
      data: { id: 'D-1', version: 1, status: 'received' },
    })
    expect(measured).toMatchObject({ data: { measuredW: 210_000, baselineW: 300_000, askedW: 90_000, state: 'scheduled' } })
    expect(verified).toMatchObject({ data: { verification: { verdict: 'delivered', deliveredWh: 44_000, ratio: 0.9778 } } })
    for (const { webhookId, envelope } of dso.received()) expect(envelope['id']).toBe(webhookId)
    await vi.waitFor(() => expect(inStore()).toBe(0))
    expect(dso.refused()).toEqual([])
  })
  it('tell each revision of the verdict, as a letter of its own: what changed, by how many Wh and pounds', async () => {
    await dso.dispatch(shed)
    const verification = { verdict: 'delivered', deliveredWh: 44_000, askedWh: 45_000, ratio: 0.9778, gbp: 13.2 } as unknown as Verification
    bridge.step(eventId, 'verified', { verification })
    await arrived('received', 'accepted', 'verified')
    bridge.advance(86_400_000)
    const changed = { deliveredWh: -2_000.4, actualWh: 2_000.4, baselineWh: 0, gbp: -0.60012, chargers: 1, named: [] }
    const former = [{ verdictRevision: 1, verdict: 'delivered' as const, askedWh: 45_000, deliveredWh: 44_000, ratio: 0.9778, root: 'aa' }]
    bridge.step(eventId, 'verified', {
      verification: { ...verification, deliveredWh: 41_999.6, gbp: 12.6, verdictRevision: 2, changed, former },
    })
    await arrived('received', 'accepted', 'verified', 'verified')
    const [first, second] = dso.received().slice(-2)
    expect(first!.envelope).toMatchObject({ data: { verification: { verdictRevision: 1, deliveredWh: 44_000, gbp: 13.2 } } })
    expect(second!.envelope).toMatchObject({
      type: 'energy.gridbridge.dispatch.verified.v1',
      data: {
        verification: {
          ...{ verdictRevision: 2, deliveredWh: 42_000, gbp: 12.6 },
          changed: { deliveredWh: -2_000, chargers: 1, gbp: -0.6 },
          former: [{ verdictRevision: 1, deliveredWh: 44_000 }],
        },
      },
    })
    expect(second!.webhookId).not.toBe(first!.webhookId)
  })
  it('say declined, cancelled and failed', async () => {
    bridge.declineNext('nobody')
    await dso.dispatch(shed)
    await dso.dispatch({ ...shed, version: 2 })
    bridge.step(eventId, 'failed')
    await dso.dispatch({ id: 'D-1', version: 3, kind: 'stop', stop: { immediate: true } })
    await arrived('received', 'declined', 'received', 'accepted', 'failed', 'received', 'cancelled')
  })
  it("name the peer's own version, also of what our operator cancelled", async () => {
    await dso.dispatch(shed)
    await bridge.submit({ ...bridge.stored[0]!.event, revision: 2, intervals: [], rawHash: 'ours' }, new Uint8Array(0))
    await arrived('received', 'accepted', 'cancelled')
    expect(dso.received().map(({ envelope }) => (envelope['data'] as { version: number }).version)).toEqual([1, 1, 1])
  })
  it('measure no more often than agreed', async () => {
    await dso.dispatch(shed)
    for (let s = 0; s < 180; s++) {
      bridge.step(eventId, 'measured', { measuredW: s })
      bridge.advance(1_000)
    }
    await arrived('received', 'accepted', 'measured', 'measured', 'measured', 'measured')
  })
  it('are signed as the Standard Webhooks library checks it', async () => {
    await source.stop()
    await dso.close()
    await begin(Date.now())
    const seen: { body: string; headers: Record<string, string> }[] = []
    await source.stop()
    await open(async (_, init) => {
      seen.push({ body: String(init?.body), headers: init?.headers as Record<string, string> })
      return new Response(null, { status: 204 })
    })
    await dso.dispatch(shed)
    await vi.waitFor(() => expect(seen).toHaveLength(2))
    for (const { body, headers } of seen) {
      expect(new Webhook(callbackSecret).verify(body, headers)).toEqual(JSON.parse(body))
      expect(() => new Webhook(secret).verify(body, headers)).toThrow()
    }
  })

  it('a refused letter comes again, later each time and jittered, and the others wait their turn', async () => {
    dso.fail(3, 500)
    await dso.dispatch(shed)
    const waits: number[] = []
    for (let i = 0; i < 3; i++) {
      await retryPlanned()
      waits.push(time.retryIn()!)
      bridge.advance(waits.at(-1)!)
      time.runDue()
      await vi.waitFor(() => expect(time.retryIn() ?? 1).toBeGreaterThan(0))
    }
    await arrived('received', 'accepted')
    for (const [i, ms] of waits.entries()) expect(ms / (1_000 * 2 ** i)).toBeCloseTo(1, 1)
  })
  it('a letter that was taken, but whose answer was lost, comes again under the same id', async () => {
    dso.fail(1, 502, true)
    await dso.dispatch(shed)
    await retryPlanned()
    bridge.advance(2_000)
    time.runDue()
    await arrived('received', 'accepted')
    expect(dso.duplicates()).toBe(1)
  })
  it('a step that the engine tells again after a restart comes under the same id, figures under new ones', async () => {
    await dso.dispatch(shed)
    bridge.step(eventId, 'started')
    bridge.advance(60_000)
    bridge.step(eventId, 'started')
    bridge.step(eventId, 'measured')
    bridge.advance(60_000)
    bridge.step(eventId, 'measured')
    await arrived('received', 'accepted', 'started', 'measured', 'measured')
    expect(dso.duplicates()).toBe(1)
  })
  it('wait for a peer that is down, through our restart', async () => {
    dso.fail(100, 503)
    await dso.dispatch(shed)
    await retryPlanned()
    await source.stop()
    expect(inStore()).toBe(2)
    dso.fail(0, 200)
    await open()
    bridge.step(eventId, 'started')
    await arrived('received', 'accepted', 'started')
    await vi.waitFor(() => expect(inStore()).toBe(0))
  })
  it('follow no redirect', async () => {
    const elsewhere = createServer((_, response) => response.writeHead(307, { location: dso.callbackUrl }).end())
    await new Promise<void>(resolve => elsewhere.listen(0, '127.0.0.1', resolve))
    await source.stop()
    await open(globalThis.fetch, `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`)
    await dso.dispatch(shed)
    await retryPlanned()
    expect(statuses()).toEqual([])
    expect(inStore()).toBe(2)
    elsewhere.close()
  })
  it('a letter is given up after 24 hours, which is noted', async () => {
    dso.fail(2, 500)
    await dso.dispatch(shed)
    await retryPlanned()
    bridge.advance(24 * 3_600_000)
    time.runDue()
    await vi.waitFor(() =>
      expect(bridge.notes).toMatchObject([
        { what: 'webhook.callbackGivenUp', about: { peer: 'western', status: 'received', why: 'HTTP 500' } },
      ]),
    )
    await arrived('accepted')
  })
  it('a peer that answers 410 wants no more of this letter', async () => {
    dso.fail(1, 410)
    await dso.dispatch(shed)
    await arrived('accepted')
    expect(bridge.notes).toMatchObject([{ what: 'webhook.callbackGivenUp', about: { why: 'HTTP 410' } }])
  })
  it('a full queue drops telemetry first, on record', async () => {
    dso.fail(1, 500)
    await dso.dispatch(shed)
    await retryPlanned()
    for (let i = 0; i < maxWaiting; i++) {
      bridge.advance(60_000)
      bridge.step(eventId, 'measured', { measuredW: i })
    }
    bridge.step(eventId, 'completed')
    expect(inStore()).toBe(maxWaiting)
    expect(bridge.notes).toHaveLength(3)
    for (const { what, about } of bridge.notes) expect([what, about['status']]).toEqual(['webhook.callbackDropped', 'measured'])
  })
  it('a store that fails costs a letter its safety, not its sending', async () => {
    await dso.dispatch(shed)
    await arrived('received', 'accepted')
    bridge.registry.set = async () => {
      throw new Error('the disk is full')
    }
    bridge.step(eventId, 'started')
    await arrived('received', 'accepted', 'started')
  })
  it('a peer without an address is told nothing, and nothing is kept for it', async () => {
    await source.stop()
    source = webhook({ port: 0, peers: [{ name: 'western', secrets: [secret], programme: 'winter' }] })
    await source.start(bridge)
    dso.connect(`http://127.0.0.1:${source.port()}`)
    expect((await dso.dispatch(shed)).status).toBe(202)
    expect(inStore()).toBe(0)
    expect(bridge.stored[0]!.event.duties).toEqual({ ack: false, started: false, completed: false, telemetryEveryS: 0 })
  })
  it('the simulated operator refuses a callback signed with another secret', async () => {
    await fetch(dso.callbackUrl, {
      method: 'POST',
      body: '{}',
      headers: { 'webhook-id': 'x', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' },
    })
    expect(dso.refused()).toHaveLength(1)
  })
})
