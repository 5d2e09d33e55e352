import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { getDispatch, type Reply, type Sender, sendDispatch, sendHeartbeat } from '../../adapters/signals/webhook/client.ts'
import { type DispatchBody, type WebhookOptions, type WebhookSource, webhook } from '../../adapters/signals/webhook/index.ts'
import { signedHeaders } from '../../adapters/signals/webhook/signing.ts'
import { type FakeBridge, fakeBridge } from '../ports/fakeBridge.ts'
import { signalSourceSuite } from '../ports/signals.suite.ts'

const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`
const [secret, oldSecret, otherSecret] = [secretOf(1), secretOf(2), secretOf(3)]
const options: WebhookOptions = {
  port: 0,
  requestTimeoutMs: 400,
  peers: [
    { name: 'western', secrets: [secret, oldSecret], programme: 'winter', heartbeatS: 60, emergency: { basis: 'agreement 7.2' } },
    { name: 'northern', secrets: [otherSecret], programme: 'winter' },
  ],
}
const limit: DispatchBody = {
  id: 'D-1',
  version: 1,
  kind: 'limit',
  target: [{ scheme: 'feeder', value: 'BATH-11' }],
  from: 'now',
  durationS: 1800,
  limit: { totalKw: 350 },
}
const urlOf = (source: WebhookSource) => `http://127.0.0.1:${source.port()}`

signalSourceSuite({
  adapter: 'webhook',
  scheme: 'feeder',
  async rig(bridge) {
    const source = webhook(options)
    const send = async (body: DispatchBody | string) => void (await sendDispatch({ url: urlOf(source), secret, now: bridge.now, body }))
    return {
      source,
      announce({ ref, revision, target, fromS, toS, shedW }) {
        const iso = (atS: number) => new Date(atS * 1000).toISOString()
        const place = [{ scheme: 'feeder', value: target }]
        return send({ id: ref, version: revision, kind: 'shed', target: place, from: iso(fromS), until: iso(toS), shed: { totalW: shedW } })
      },
      cancel: (ref, version) => send({ id: ref, version, kind: 'stop', stop: { immediate: false } }),
      garbage: () => send('{"kind": "limit"'),
      close: async () => undefined,
    }
  },
})

describe('the DSO dispatch webhook', () => {
  let bridge: FakeBridge
  let source: WebhookSource
  const sender = (change: Partial<Sender> = {}): Sender => ({ url: urlOf(source), secret, now: bridge.now, ...change })
  const send = (body: DispatchBody | string, change: Partial<Sender> = {}): Promise<Reply> => sendDispatch({ ...sender(change), body })
  async function restart() {
    await source.stop()
    source = webhook(options)
    await source.start(bridge)
  }

  beforeEach(async () => {
    bridge = fakeBridge()
    await bridge.registry.put({
      nodes: [{ no: 3, kind: 'feeder', name: 'BATH-11', parent: -1 }],
      aliases: [{ scheme: 'feeder', value: 'BATH-11', targets: [{ kind: 'node', node: 3 }] }],
    })
    source = webhook(options)
    await source.start(bridge)
  })
  afterEach(() => source.stop())

  describe('a dispatch', () => {
    it('is answered 202 with what may be used, once journalled and not before', async () => {
      const open = bridge.hold()
      let answered = false
      const reply = send(limit).finally(() => {
        answered = true
      })
      await vi.waitFor(() => expect(bridge.calls).toHaveLength(1))
      expect(answered).toBe(false)
      open()
      expect(await reply).toMatchObject({
        status: 202,
        body: {
          id: 'D-1',
          version: 1,
          status: 'accepted',
          usable: 7,
          excluded: 1,
          test: false,
          from: '2026-01-31T17:00:00.000Z',
          until: '2026-01-31T17:30:00.000Z',
          statusUrl: '/dso/v1/dispatch/D-1',
        },
      })
      expect(bridge.stored[0]!.event.source).toEqual({
        adapter: 'webhook',
        peer: 'western',
        credential: expect.stringMatching(/^secret:[0-9a-f]{12}$/),
      })
      expect(JSON.stringify(bridge.stored)).not.toContain(secret)
    })
    it('is told apart by peer: the same id of another peer is another event', async () => {
      await send(limit)
      expect((await send(limit, { secret: otherSecret })).status).toBe(202)
      expect(bridge.stored.map(({ event }) => event.id)).toEqual(['webhook:western:D-1', 'webhook:northern:D-1'])
    })
    it('that is declined gets 422 and why, and the same again', async () => {
      bridge.declineNext('notice')
      const first = await send(limit)
      expect(first).toMatchObject({ status: 422, body: { code: 'declined', why: 'notice', id: 'D-1', version: 1 } })
      expect(first.headers.get('content-type')).toBe('application/problem+json')
      expect((await send(limit)).body).toEqual(first.body)
      expect(bridge.calls).toHaveLength(1)
    })
    it('on an unknown target gets 422 with its place, is on record, and works once the feeder is imported', async () => {
      const body: DispatchBody = { ...limit, target: [{ scheme: 'feeder', value: 'BATH-12' }] }
      expect(await send(body)).toMatchObject({
        status: 422,
        body: { code: 'unknown-target', adapter: 'webhook', pointer: '/target/0', value: { scheme: 'feeder', value: 'BATH-12' } },
      })
      expect(bridge.notes).toMatchObject([
        { what: 'webhook.refused', about: { peer: 'western', code: 'unknown-target', id: 'D-1', version: 1 } },
      ])
      expect(Buffer.from(bridge.notes[0]!.raw!).toString()).toBe(JSON.stringify(body))
      await bridge.registry.put({ aliases: [{ scheme: 'feeder', value: 'BATH-12', targets: [{ kind: 'node', node: 4 }] }] })
      expect((await send(body)).status).toBe(202)
    })
    it('that no entry of the log can hold is refused for good, leaves what is in force, and may be corrected', async () => {
      await send(limit)
      const { submit } = bridge
      bridge.submit = async () => {
        throw new RangeError('a signal fact of 70000 bytes does not fit a log entry')
      }
      const reply = await send({ ...limit, version: 2 })
      expect(reply).toMatchObject({ status: 422, body: { code: 'too-large-to-record' } })
      bridge.submit = submit
      expect(await send(limit)).toMatchObject({ status: 202, body: { version: 1 } })
      expect((await send({ ...limit, version: 2, durationS: 60 })).status).toBe(202)
      expect(bridge.stored.map(({ event }) => event.revision)).toEqual([1, 2])
    })
    it('leaves no word of its body in the leaf of a refusal', async () => {
      await send('{"meterPoint": 1012345678901 x}')
      await send({ ...limit, programme: 'MPAN 1012345678901' })
      expect(bridge.notes.map(n => n.about['code'])).toEqual(['not-json', 'programme-not-allowed'])
      expect(JSON.stringify(bridge.notes.map(n => n.about))).not.toContain('101234')
    })
    it('of class emergency needs a configured ground', async () => {
      const body: DispatchBody = { ...limit, class: 'emergency', reason: { code: 'overload' } }
      expect((await send(body)).status).toBe(202)
      expect(bridge.stored[0]!.event).toMatchObject({ class: 'emergency', spread: { startS: 0 }, basis: 'agreement 7.2 (overload)' })
      expect(await send(body, { secret: otherSecret })).toMatchObject({ status: 403, body: { code: 'class-not-allowed' } })
    })
  })

  describe('the same id and version', () => {
    it('with the same body gets the stored answer, byte for byte, also after a restart and under a new webhook-id', async () => {
      const first = await send(limit, { id: 'msg_1' })
      bridge.advance(60_000)
      const again = await send(limit, { id: 'msg_1' })
      await restart()
      const later = await send(limit, { id: 'msg_2' })
      expect([again, later].map(({ status, body }) => [status, body])).toEqual([
        [202, first.body],
        [202, first.body],
      ])
      expect(first.headers.get('idempotent-replay')).toBeNull()
      expect(later.headers.get('idempotent-replay')).toBe('true')
      expect(bridge.calls).toHaveLength(1)
    })
    it('twice at the same moment is submitted once', async () => {
      const open = bridge.hold()
      const both = [send(limit), send(limit)]
      await vi.waitFor(() => expect(bridge.calls).toHaveLength(1))
      open()
      const [a, b] = await Promise.all(both)
      expect(a!.body).toEqual(b!.body)
      expect(bridge.calls).toHaveLength(1)
    })
    it('with another body is a conflict', async () => {
      await send(limit)
      const reply = await send({ ...limit, durationS: 60 })
      expect(reply).toMatchObject({ status: 409, body: { code: 'version-conflict', currentVersion: 1 } })
      expect(bridge.stored).toHaveLength(1)
    })
    it('at a lower version is a conflict that names the version in force', async () => {
      await send({ ...limit, version: 3 })
      expect(await send({ ...limit, version: 2 })).toMatchObject({
        status: 409,
        body: { code: 'version-old', currentVersion: 3, pointer: '/version' },
      })
    })
    it('under a reused webhook-id with another body is refused', async () => {
      await send(limit, { id: 'msg_1' })
      expect(await send({ ...limit, version: 2 }, { id: 'msg_1' })).toMatchObject({ status: 409, body: { code: 'webhook-id-reused' } })
    })
  })

  describe('a stop', () => {
    const stop = (version: number, immediate = true): DispatchBody => ({ id: 'D-1', version, kind: 'stop', stop: { immediate } })
    it('ends delivering at once, with the targets and the rules of its dispatch, also after a restart', async () => {
      await send(limit)
      await restart()
      expect(await send(stop(2))).toMatchObject({ status: 202, body: { status: 'accepted', version: 2 } })
      const [started, stopped] = bridge.stored.map(({ event }) => event)
      expect(stopped).toEqual({ ...started, revision: 2, intervals: [], stopAtOnce: true, rawHash: stopped!.rawHash })
    })
    it('and an update act although our own operator has cancelled the event in between', async () => {
      await send(limit)
      const cancelled = { ...bridge.stored[0]!.event, revision: 2, intervals: [], rawHash: 'ours' }
      await bridge.submit(cancelled, new Uint8Array(0))
      // The peer knows nothing of our revisions: its next version is 2 as well.
      expect(await send({ ...limit, version: 2 })).toMatchObject({ status: 202, body: { version: 2, usable: 7 } })
      expect(bridge.stored.at(-1)!.event).toMatchObject({ revision: 3, intervals: [{ ask: { kind: 'cap' } }] })
      expect((await getDispatch(sender(), 'D-1')).body).toMatchObject({ version: 2, state: 'scheduled' })
      expect(await send(stop(3))).toMatchObject({ status: 202, body: { version: 3 } })
      expect(bridge.stored.at(-1)!.event).toMatchObject({ revision: 4, intervals: [], stopAtOnce: true })
    })
    it('that overtakes its dispatch is refused, and the dispatch that comes late is the older version', async () => {
      expect(await send(stop(2))).toMatchObject({ status: 422, body: { code: 'nothing-to-stop' } })
      expect(await send(limit)).toMatchObject({ status: 409, body: { code: 'version-old', currentVersion: 2 } })
      expect(bridge.stored).toHaveLength(0)
    })
  })

  describe('when the record fails', () => {
    it.each(['before', 'after'] as const)('the submit fails %s it worked: 503, and the retry is accepted as the same event', async when => {
      bridge.failNext(when)
      const lost = await send(limit)
      expect(lost).toMatchObject({ status: 503, body: { code: 'not-recorded' } })
      expect(lost.headers.get('retry-after')).toBe('1')
      bridge.advance(90_000)
      expect(await send(limit)).toMatchObject({ status: 202, body: { status: 'accepted', from: '2026-01-31T17:00:00.000Z' } })
      expect(bridge.calls.map(({ event }) => event)).toEqual([bridge.calls[0]!.event, bridge.calls[0]!.event])
      expect(bridge.stored).toHaveLength(1)
    })
    it('we die after the event is stored and before the answer is: the retry after the restart is accepted', async () => {
      bridge.failNext('after')
      await send(limit)
      await restart()
      expect((await send(limit)).status).toBe(202)
      expect(bridge.stored).toHaveLength(1)
    })
    it('a core that calls the repeated revision superseded does not turn a taken dispatch into a refusal', async () => {
      bridge.failNext('after')
      await send(limit)
      const { submit } = bridge
      bridge.submit = async (event, raw) => {
        await submit(event, raw)
        return { kind: 'declined', event: 0, id: event.id, why: 'superseded' }
      }
      expect(await send(limit)).toMatchObject({ status: 202, body: { usable: null } })
    })
    it('a changed body under a version whose fate is unknown is a conflict', async () => {
      bridge.failNext('after')
      await send(limit)
      expect((await send({ ...limit, durationS: 60 })).status).toBe(409)
    })
    it('the answer cannot be stored: 503, and the retry finds it accepted', async () => {
      const { set } = bridge.registry
      let calls = 0
      bridge.registry.set = (key, value) => (++calls === 2 ? Promise.reject(new Error('the disk is full')) : set(key, value))
      expect((await send(limit)).status).toBe(503)
      expect((await send(limit)).status).toBe(202)
      expect(bridge.stored).toHaveLength(1)
    })
    it('a refusal that cannot be noted is 503 as well', async () => {
      bridge.failNotes(1)
      expect((await send('{}')).status).toBe(503)
      expect((await send('{}')).status).toBe(400)
    })
  })

  describe('who may speak', () => {
    it('a secret on its way out still works', async () => {
      expect((await send(limit, { secret: oldSecret })).status).toBe(202)
      expect(bridge.stored[0]!.event.source.peer).toBe('western')
    })
    it.each<[string, (headers: Record<string, string>) => void, string]>([
      ['no signature', headers => delete headers['webhook-signature'], 'unsigned'],
      ['no id', headers => delete headers['webhook-id'], 'unsigned'],
      ['a timestamp that is no number', headers => (headers['webhook-timestamp'] = 'soon'), 'unsigned'],
      ['another id than was signed', headers => (headers['webhook-id'] = 'msg_2'), 'bad-signature'],
      [
        'a signature of another version',
        headers => (headers['webhook-signature'] = headers['webhook-signature']!.replace('v1', 'v1a')),
        'bad-signature',
      ],
      ['a cut signature', headers => (headers['webhook-signature'] = 'v1,abc'), 'bad-signature'],
    ])('%s: 401', async (_, change, code) => {
      const body = JSON.stringify(limit)
      const headers: Record<string, string> = { 'content-type': 'application/json', ...signedHeaders(secret, 'msg_1', bridge.now(), body) }
      change(headers)
      const response = await fetch(`${urlOf(source)}/dso/v1/dispatch`, { method: 'POST', headers, body })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toContain('Signature')
      expect(await response.json()).toMatchObject({ code })
      expect(bridge.calls).toHaveLength(0)
    })
    it('one of several signatures is enough', async () => {
      const body = JSON.stringify(limit)
      const signed = signedHeaders(secret, 'msg_1', bridge.now(), body)
      const headers = { 'content-type': 'application/json', ...signed, 'webhook-signature': `v1,AAAA ${signed['webhook-signature']}` }
      expect((await fetch(`${urlOf(source)}/dso/v1/dispatch`, { method: 'POST', headers, body })).status).toBe(202)
    })
    it('an unknown secret, or a body changed by one byte', async () => {
      expect(await send(limit, { secret: secretOf(9) })).toMatchObject({ status: 401, body: { code: 'bad-signature' } })
      const headers = { 'content-type': 'application/json', ...signedHeaders(secret, 'msg_1', bridge.now(), JSON.stringify(limit)) }
      const response = await fetch(`${urlOf(source)}/dso/v1/dispatch`, { method: 'POST', headers, body: `${JSON.stringify(limit)} ` })
      expect(response.status).toBe(401)
    })
    it.each([
      [-299_000, 202],
      [299_000, 202],
      [-302_000, 401],
      [302_000, 401],
    ])('a clock that is %d ms off: %d', async (offMs, status) => {
      expect((await send(limit, { now: () => bridge.now() + offMs })).status).toBe(status)
    })
    it('strangers cannot fill the record: one note a minute with their number', async () => {
      for (let i = 0; i < 5; i++) await send(limit, { secret: secretOf(9) })
      bridge.advance(60_000)
      await send(limit, { secret: secretOf(9) })
      expect(bridge.notes.map(({ about }) => about)).toEqual([
        { count: 1, last: 'bad-signature' },
        { count: 5, last: 'bad-signature' },
      ])
    })
  })

  describe('status and heartbeat', () => {
    it('a peer reads how its own dispatch stands, and nobody else does', async () => {
      await send(limit)
      expect(await getDispatch(sender(), 'D-1')).toMatchObject({
        status: 200,
        body: { id: 'D-1', version: 1, state: 'scheduled', answered: 202, from: '2026-01-31T17:00:00.000Z' },
      })
      expect((await getDispatch(sender({ secret: otherSecret }), 'D-1')).status).toBe(404)
    })
    it('a signature for one dispatch does not read another', async () => {
      const headers = { ...signedHeaders(secret, 'msg_1', bridge.now(), '/dso/v1/dispatch/D-1') }
      expect((await fetch(`${urlOf(source)}/dso/v1/dispatch/D-2`, { headers })).status).toBe(401)
    })
    it('a heartbeat is heard, stale after two missed ones; a copy of it is not heard again', async () => {
      expect(await sendHeartbeat(sender({ id: 'msg_1' }))).toMatchObject({ status: 200, body: { receivedAt: '2026-01-31T17:00:00.000Z' } })
      bridge.advance(30_000)
      expect((await sendHeartbeat(sender({ id: 'msg_1', now: () => bridge.now() - 30_000 }))).status).toBe(200)
      expect(bridge.heards).toEqual([{ adapter: 'webhook', peer: 'western', at: bridge.now() - 30_000, staleMs: 120_000 }])
    })
    it('a peer that promised no heartbeat is never waited for', async () => {
      expect((await sendHeartbeat(sender({ secret: otherSecret }))).status).toBe(200)
      expect(bridge.heards).toEqual([])
    })
    it('a dispatch posted as a heartbeat is none', async () => {
      const body = JSON.stringify(limit)
      const headers = { 'content-type': 'application/json', ...signedHeaders(secret, 'msg_1', bridge.now(), body) }
      expect((await fetch(`${urlOf(source)}/dso/v1/heartbeat`, { method: 'POST', headers, body })).status).toBe(400)
    })
  })

  describe('what is not a dispatch', () => {
    const post = (init: RequestInit & { path?: string }) =>
      fetch(urlOf(source) + (init.path ?? '/dso/v1/dispatch'), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{}',
        ...init,
      })
    it.each<[string, RequestInit & { path?: string }, number, string]>([
      ['another address', { path: '/dso/v2/dispatch' }, 404, 'not-found'],
      ['another method', { method: 'PUT' }, 405, 'method'],
      ['text', { headers: { 'content-type': 'text/plain' } }, 415, 'content-type'],
      ['another charset', { headers: { 'content-type': 'application/json; charset=latin1' } }, 415, 'content-type'],
      ['a compressed body', { headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } }, 415, 'content-encoding'],
      ['more than 64 kB', { body: ' '.repeat(65_537) }, 413, 'too-large'],
    ])('%s', async (_, init, status, code) => {
      const response = await post(init)
      expect(response.status).toBe(status)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      expect(await response.json()).toMatchObject({ status, code, adapter: 'webhook', title: expect.any(String) })
    })
    it('more than 64 kB that hides its length', async () => {
      const status = await new Promise(resolve => {
        const request = httpRequest(
          `${urlOf(source)}/dso/v1/dispatch`,
          { method: 'POST', headers: { 'content-type': 'application/json' } },
          response => resolve(response.statusCode),
        )
        request.on('error', () => resolve('cut off'))
        for (let i = 0; i < 5; i++) request.write(' '.repeat(16_384))
        request.end()
      })
      expect(status).toBe(413)
    })
    it('exactly 64 kB is read', async () => {
      const text = JSON.stringify(limit)
      expect((await send(text + ' '.repeat(65_536 - text.length))).status).toBe(202)
    })
    it('a client that never finishes is cut off with 408, and others are served meanwhile', async () => {
      const socket = connect(source.port(), '127.0.0.1')
      let heard = ''
      socket.on('data', chunk => {
        heard += chunk
      })
      socket.write('POST /dso/v1/dispatch HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{')
      const closed = new Promise(resolve => socket.once('close', resolve))
      expect((await send(limit)).status).toBe(202)
      await closed
      expect(heard).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"timeout"/)
    })
    it('what is not HTTP gets 400', async () => {
      const socket = connect(source.port(), '127.0.0.1')
      let heard = ''
      socket.on('data', chunk => {
        heard += chunk
      })
      socket.write('\x16\x03\x01 hello\r\n\r\n')
      await new Promise(resolve => socket.once('close', resolve))
      expect(heard).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"bad-request"/)
    })
  })

  it('a half-sent request does not hold up the stop', async () => {
    await source.stop()
    source = webhook({ ...options, requestTimeoutMs: 60_000 })
    await source.start(bridge)
    const socket = connect(source.port(), '127.0.0.1')
    socket.on('error', () => undefined)
    await new Promise<void>(resolve => socket.write('POST /dso/v1/dispatch HTTP/1.1\r\nhost: x\r\n', () => resolve()))
    await source.stop()
    expect(bridge.calls).toHaveLength(0)
  })
  it('what ended long ago is forgotten, what is in force without end is not', async () => {
    await send(limit)
    await send({ ...limit, id: 'D-2', durationS: undefined, until: 'stopped' })
    bridge.advance(31 * 86_400_000)
    await restart()
    await vi.waitFor(() => expect([...bridge.registry.keys('webhook.seen:')]).toEqual(['webhook.seen:western:D-2']))
  })
})

describe('options', () => {
  const peer = options.peers[0]!
  it.each<[string, WebhookOptions, string]>([
    ['a short secret', { peers: [{ ...peer, secrets: ['whsec_AAAA'] }] }, '24 to 64 bytes'],
    ['a secret shared by two peers', { peers: [peer, { ...peer, name: 'northern' }] }, 'shared'],
    ['a name used twice', { peers: [peer, { ...peer, secrets: [otherSecret] }] }, 'used twice'],
    ['a name with a colon', { peers: [{ ...peer, name: 'a:b' }] }, 'letters, digits'],
    ['plain http to the outside', { host: '0.0.0.0', peers: [peer] }, 'set tls'],
    ['a callback over plain http', { peers: [{ ...peer, callback: { url: 'http://dso.example/' } }] }, 'plainHttp'],
    ['a callback with a password', { peers: [{ ...peer, callback: { url: 'https://u:p@dso.example/' } }] }, 'user name'],
    ['a callback that is a file', { peers: [{ ...peer, callback: { url: 'file:///etc/passwd' } }] }, 'http(s)'],
    [
      'a pinned certificate nobody asks for',
      { peers: [{ ...peer, clientFingerprint256: Array(32).fill('AB').join(':') }] },
      'clientCaFile',
    ],
  ])('%s is refused at start', (_, bad, why) => {
    expect(() => webhook(bad)).toThrow(why)
  })
})

const openssl = (() => {
  try {
    return execFileSync('openssl', ['version'], { stdio: 'pipe' }).length > 0
  } catch {
    return false
  }
})()
describe.skipIf(!openssl)('over TLS with client certificates (skipped without the openssl command, which makes them)', () => {
  let dir: string
  const file = (name: string) => join(dir, name)
  const run = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe', cwd: dir })
  const certificate = (name: string) => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`]
    run('req', '-x509', ...key, '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1')
    return new X509Certificate(readFileSync(file(`${name}.pem`))).fingerprint256
  }
  let source: WebhookSource
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'webhook-'))
  })
  afterEach(async () => {
    await source.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('the pinned certificate opens the door, a stranger of the same authority does not, none is no connection', async () => {
    certificate('server')
    const pin = certificate('western')
    certificate('stranger')
    const ca = file('clients.pem')
    writeFileSync(ca, readFileSync(file('western.pem'), 'utf8') + readFileSync(file('stranger.pem'), 'utf8'))
    const bridge = fakeBridge()
    const tls = { certFile: file('server.pem'), keyFile: file('server.key'), clientCaFile: ca }
    source = webhook({ ...options, tls, peers: [{ ...options.peers[0]!, clientFingerprint256: pin }] })
    await source.start(bridge)
    const post = (client?: string) =>
      new Promise<unknown>(resolve => {
        const body = JSON.stringify(limit)
        const headers = { 'content-type': 'application/json', ...signedHeaders(secret, 'msg_1', bridge.now(), body) }
        const shown = client === undefined ? {} : { cert: readFileSync(file(`${client}.pem`)), key: readFileSync(file(`${client}.key`)) }
        const request = httpsRequest(
          {
            host: '127.0.0.1',
            port: source.port(),
            path: '/dso/v1/dispatch',
            method: 'POST',
            headers,
            ca: readFileSync(file('server.pem')),
            ...shown,
          },
          response => {
            response.resume()
            resolve(response.statusCode)
          },
        )
        request.on('error', () => resolve('no connection'))
        request.end(body)
      })
    // The feeder is not known to this bridge: 422 is past the door.
    expect([await post('western'), await post('stranger'), await post()]).toEqual([422, 401, 'no connection'])
    expect(bridge.notes.map(({ what }) => what)).toEqual(['webhook.refused', 'webhook.unauthenticated'])
  })
})
