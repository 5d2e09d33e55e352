import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendDispatch } from '../../adapters/signals/webhook/client.ts'
import { signedHeaders } from '../../adapters/signals/webhook/signing.ts'
import { changedMinds } from './support/fleetLog.ts'
import { babble, knock, noise, throwAt } from './support/rubbish.ts'
import { reached, until } from './support/until.ts'
import { adminToken, insist, isLong, letter, secret, startWorld, version, type World } from './support/world.ts'

const CHARGERS = 30
const DURATION_S = isLong ? 120 : 45
const RUBBISH = isLong ? 50 : 5
/** Bytes that are not text cannot be signed as such: they are signed as the text they are not. */
const signedBytes = (id: string, body: string | Buffer) => signedHeaders(secret, id, Date.now(), String(body))
const STRANGER = 'x'.repeat(20)

describe(`in the middle of an event (${version})`, () => {
  let world: World
  let endMs = 0
  let settledMs = 0
  let event = ''
  beforeAll(async () => {
    world = await startWorld({
      chargers: CHARGERS,
      fleet: { plugged: 1, lag: 0, reject: 0, resume: 0, ignore: 0, offline: 0, 'status-every': 1 },
      extraRows: [`CP-9000,CP-9000,South West,BATH,F9,X,1,${STRANGER},1,230,32,,,,`],
    })
    const { body } = await insist(() =>
      world.dso.dispatch(letter('long', { a: 8 }, { durationS: DURATION_S, windowS: 3, restoreWindowS: 5 })),
    )
    endMs = Date.parse(String(body['until']))
    await until(
      'all obey',
      () => world.log.limited(),
      n => n === CHARGERS,
    )
    event = (await world.json('event', 'list'))[0].id
    settledMs = Date.now()
  }, 120_000)
  afterAll(() => world?.close())

  /** Since all obeyed: nobody was freed or told otherwise. */
  const isUndisturbed = () => {
    expect(world.log.limited()).toBe(CHARGERS)
    expect(world.log.changes().filter(c => c.atMs > settledMs && c.limitW === null)).toEqual([])
    expect(changedMinds(world.log.calls(), world.specs)).toEqual([])
  }

  test('rubbish at the chargers’ port gets its code and leaves the event alone', async () => {
    const ocpp = `ws://127.0.0.1:${world.ports.ocpp}`
    const real = world.specs[0]!.identity
    for (let k = 0; k < RUBBISH; k++) await throwAt(world.ports.ocpp, noise(1 + k * 997))
    expect(await throwAt(world.ports.ocpp, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toBe('HTTP/1.1 426 Upgrade Required')
    expect(await knock(`${ocpp}/nobody`, 'ocpp1.6')).toBe(404)
    expect(await knock(`${ocpp}/..%2F..%2Fetc`, 'ocpp1.6')).toBe(404)
    expect(await knock(`${ocpp}/${real}`, 'ocpp1.6', 'guessed')).toBe(401)
    expect(await knock(`${ocpp}/${real}`, 'soap')).toBe(400)
    const { heard, closed } = await babble(`${ocpp}/CP-9000`, STRANGER, [
      'not JSON',
      '{"an":"object"}',
      noise(1_000),
      '[99,"x"]',
      '[2,"a","NoSuchAction",{}]',
      '[2,"b","BootNotification",[]]',
      '[2,"c",7,{}]',
      '[3,"never asked",{}]',
      `[2,"d","DataTransfer",{"vendorId":"x","data":"${'y'.repeat(100_000)}"}]`,
    ])
    expect(heard.flatMap(frame => ((frame as unknown[])[0] === 4 ? [(frame as unknown[]).slice(0, 3)] : []))).toEqual([
      [4, 'a', 'NotImplemented'],
      [4, 'b', 'FormationViolation'],
      [4, 'c', 'ProtocolError'],
    ])
    expect(closed).toBe(1009)
    isUndisturbed()
  }, 60_000)

  test('rubbish at the API gets its code and leaves the event alone', async () => {
    const api = `http://127.0.0.1:${world.ports.api}`
    const headers = { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() }
    const ask = async (path: string, init: RequestInit = {}) => {
      const response = await fetch(api + path, init)
      const body = (await response.json()) as { status: number; code: string }
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
      expect(body).toMatchObject({ status: response.status, code: expect.stringMatching(/^[a-z-]+$/) })
      return response.status
    }
    for (let k = 0; k < RUBBISH; k++) expect(await throwAt(world.ports.api, noise(1 + k * 997))).toMatch(/^HTTP\/1.1 40[08]|^$/)
    // a stranger who begins a request and says no more
    expect(await throwAt(world.ports.api, 'GET ')).toMatch(/^HTTP\/1.1 408|^$/)
    expect(await ask('/v1/events')).toBe(401)
    expect(await ask('/v1/nothing', { headers })).toBe(404)
    expect(await ask('/v1/opt-outs', { method: 'POST', headers, body: '{"chargers": [' })).toBe(400)
    expect(await ask('/v1/opt-outs', { method: 'POST', headers, body: noise(500) })).toBe(400)
    expect(await ask('/v1/opt-outs', { method: 'POST', headers, body: '{"chargers": "all"}' })).toBe(400)
    expect(await ask('/v1/opt-outs', { method: 'POST', headers, body: JSON.stringify({ chargers: ['x'.repeat(9_000_000)] }) })).toBe(413)
    expect(await ask(`/v1/events/${encodeURIComponent(event)}/cancel`, { method: 'POST', headers, body: '{}' })).toBe(400)
    expect(
      await ask('/v1/fleet/import?apply=perhaps', { method: 'POST', headers: { ...headers, 'content-type': 'text/csv' }, body: 'x' }),
    ).toBe(400)
    isUndisturbed()
  }, 60_000)

  test('rubbish at the webhook gets its code and leaves the event alone', async () => {
    const url = `http://127.0.0.1:${world.ports.webhook}`
    const json = { 'content-type': 'application/json' }
    const ask = async (headers: Record<string, string>, body: string | Buffer, path = '/dso/v1/dispatch') => {
      const response = await fetch(url + path, { method: 'POST', headers, body })
      return [response.status, ((await response.json()) as { code: string }).code]
    }
    const signed = (body: string | Buffer) => ({ ...json, ...signedBytes(`msg_${randomUUID()}`, body) })
    for (let k = 0; k < RUBBISH; k++) expect(await throwAt(world.ports.webhook, noise(1 + k * 997))).toMatch(/^HTTP\/1.1 40[08]|^$/)
    expect(await ask(json, '{}')).toEqual([401, 'unsigned'])
    expect(await ask(json, '{}', '/elsewhere')).toEqual([404, 'not-found'])
    expect(await ask({ 'content-type': 'text/plain' }, '{}')).toEqual([415, 'content-type'])
    expect(await ask(json, 'x'.repeat(70_000))).toEqual([413, 'too-large'])
    expect(await ask({ ...signed('{}'), 'webhook-signature': 'v1,AAAA' }, '{}')).toEqual([401, 'bad-signature'])
    expect(await ask(signed('{"id":'), '{"id":')).toEqual([400, 'not-json'])
    const deep = '['.repeat(200) + ']'.repeat(200)
    expect(await ask(signed(deep), deep)).toEqual([400, 'too-deep'])
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), noise(200)])
    expect(await ask(signed(bytes), bytes)).toEqual([400, 'not-utf8'])
    // Somebody stops "long" with a version that is not higher, and sends limits that are none.
    const misspelt = JSON.stringify({
      ...letter('long', { a: 8 }, { durationS: 60, windowS: 0, restoreWindowS: 0 }),
      version: 2,
      limti: {},
    })
    expect(await ask(signed(misspelt), misspelt)).toEqual([400, 'invalid'])
    const other = letter('long', { a: 32 }, { durationS: 60, windowS: 0, restoreWindowS: 0 })
    expect(await sendDispatch({ url, secret, body: other })).toMatchObject({ status: 409, body: { code: 'version-conflict' } })
    isUndisturbed()
    expect((await world.json('event', 'show', event)).event).toMatchObject({ state: 'active', revision: 1 })
  }, 60_000)

  test('SIGTERM stops it cleanly; a restart carries on, holds the target and verifies at the end', async () => {
    const kept = await world.keepCheckpoint('before.checkpoint')
    const beganMs = performance.now()
    world.bridge().child.kill('SIGTERM')
    const stopped = await world.bridge().done
    expect(stopped).toMatchObject({ code: 0, stdout: expect.stringContaining('"event":"stopped"') })
    expect(performance.now() - beganMs).toBeLessThan(10_000)
    expect(await world.verify(kept)).toMatchObject({ code: 0 })
    isUndisturbed()

    const again = await world.serve()
    await again.seen(/carrying on with 1 event: /)
    await until(
      'they are back',
      async () => JSON.parse(await world.get('/v1/nodes/BATH/capacity')) as { online: number },
      c => c.online === CHARGERS,
      Math.max(20_000, endMs - Date.now()),
    )
    // Whoever comes back within an event is told its limit again; until it has answered it is not said to hold it.
    if (Date.now() < endMs - 5_000) {
      const limits = await until(
        'it holds its limit',
        () => world.json('charger', 'limits', 'CP-0001'),
        l => l.held === 'yes',
      )
      expect(limits).toMatchObject({ online: true, limited: { event } })
    }
    // By the boxes' own clocks, which are up to two seconds wrong.
    await reached(endMs - 3_000)
    isUndisturbed()
    const loads = world
      .fleet()
      .stdout()
      .trim()
      .split('\n')
      .slice(-2, -1)
      .map(line => JSON.parse(line).totalW)
    const targetW = world.specs.reduce((w, s) => w + 8 * s.phases * 230, 0)
    expect(loads[0]).toBeLessThanOrEqual(targetW)

    const shown = await until(
      'the verdict',
      () => world.json('event', 'show', event),
      d => d.verification !== null,
    )
    // Metered every second, a box whose clock is wrong can show its release two readings before the end.
    expect(shown.verification.counts.noData).toBe(0)
    expect(shown.verification.counts.compliant).toBeGreaterThanOrEqual(CHARGERS * 0.9)
    await until(
      'the control room hears of it',
      () => world.dso.received().map(c => c.status),
      s => s.includes('completed'),
    )
    await until(
      'all are free',
      () => world.log.limited(),
      n => n === 0,
    )
    expect(await world.verify(kept)).toMatchObject({ code: 0 })
  }, 240_000)
})
