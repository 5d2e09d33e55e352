import { connect } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuthenticate } from '../../src/api/auth.ts'
import { createRate } from '../../src/api/rate.ts'
import { ana, type Bridge, eve, startBridge } from './bridge.ts'

let b: Bridge
beforeAll(async () => {
  b = await startBridge()
})
afterAll(() => b.api.close())
const json = { ...ana, 'content-type': 'application/json' }

describe('every error is a problem', () => {
  test.each([
    ['nothing there', 'GET', '/v1/nothing', ana, undefined, 404, 'no-such-resource'],
    ['a charger nobody knows', 'GET', '/v1/chargers/zz', ana, undefined, 404, 'charger-not-found'],
    ['another method', 'PUT', '/v1/events', ana, undefined, 405, 'method-not-allowed'],
    ['a media type we do not speak', 'GET', '/v1/events', { ...ana, accept: 'text/html' }, undefined, 406, 'not-acceptable'],
    ['a body too large', 'POST', '/v1/opt-outs', json, `{"chargers":["${'x'.repeat(1_100_000)}"]}`, 413, 'body-too-large'],
    [
      'a body of another kind',
      'POST',
      '/v1/opt-outs',
      { ...ana, 'content-type': 'application/xml' },
      '<a/>',
      415,
      'unsupported-media-type',
    ],
    ['a CSV where JSON belongs', 'POST', '/v1/opt-outs', { ...ana, 'content-type': 'text/csv' }, 'a', 415, 'unsupported-media-type'],
    ['JSON where CSV belongs', 'POST', '/v1/fleet/import', json, '{}', 415, 'unsupported-media-type'],
    ['JSON cut off', 'POST', '/v1/opt-outs', json, '{"chargers":', 400, 'bad-json'],
    ['no body', 'POST', '/v1/opt-outs', json, '', 400, 'empty-body'],
    ['no token', 'GET', '/v1/events', {}, undefined, 401, 'token-missing'],
    ['a wrong token', 'GET', '/v1/events', { authorization: 'Bearer nobody-has-this' }, undefined, 401, 'token-unknown'],
    ['a token without the scope', 'GET', '/v1/chargers', eve, undefined, 403, 'scope-missing'],
    ['a wrong number', 'GET', '/v1/events?limit=x', ana, undefined, 400, 'validation'],
    ['a URL that cannot be decoded', 'GET', '/v1/events/%E0%A4%A', ana, undefined, 400, 'bad-url'],
  ] as const)('%s', async (_, method, url, headers, payload, status, code) => {
    const answer = await b.api.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(answer.json()).toMatchObject({
      type: `/problems/${code}`,
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
      instance: url,
    })
    expect(answer.statusCode).toBe(status)
  })

  test('says where, what and with which value', async () => {
    const answer = await b.send('POST', '/v1/opt-outs', { chargers: ['c1', ''], reason: 'weather' })
    expect(answer.json().errors).toMatchObject([
      { pointer: '#/chargers/1', value: '' },
      { pointer: '#/reason', value: 'weather' },
    ])
  })

  test('401 and 405 carry the headers that the standards ask for', async () => {
    expect((await b.get('/v1/events', {})).headers['www-authenticate']).toMatch(/^Bearer/)
    const wrong = await b.api.inject({ method: 'PUT', url: '/v1/opt-outs/c1', headers: ana })
    expect(wrong.headers.allow).toBe('DELETE')
  })

  test('bytes that are no HTTP at all', async () => {
    await b.api.listen({ port: 0, host: '127.0.0.1' })
    const { port } = b.api.server.address() as { port: number }
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('HELO\r\n\r\n'))
      let got = ''
      socket
        .on('data', d => (got += d))
        .on('end', () => resolve(got))
        .on('error', reject)
    })
    expect(text).toContain('application/problem+json')
    expect(text).toContain('"status":400')
  })
})

describe('tokens', () => {
  test('a token is known by its SHA-256 as well', async () => {
    expect((await b.get('/v1/events', eve)).statusCode).toBe(200)
  })
  test.each([undefined, '', 'Basic YTpi', 'Bearer', 'Bearer  '])('%s is no token', header => {
    expect(() => createAuthenticate([{ name: 'a', token: 'a'.repeat(24), scopes: [] }])(header)).toThrow('token')
  })
  test('a setting with neither token nor hash does not start', () => {
    expect(() => createAuthenticate([{ name: 'a', scopes: [] }])).toThrow(TypeError)
  })
  test('who is not let in is in the record, and who signs in once a day; a look that finds nothing is not', async () => {
    const before = b.notes.length
    await b.get('/v1/events/none', eve)
    await b.get('/v1/chargers', eve)
    await b.send('POST', '/v1/opt-outs', { chargers: ['c1'] }, eve)
    await b.send('DELETE', '/v1/opt-outs/c1', undefined, {})
    await b.seconds(2)
    expect(b.notes.slice(before)).toEqual([
      { what: 'refusedRequest', about: { route: 'GET /v1/chargers', by: 'eve', code: 'scope-missing', status: 403 } },
      { what: 'refusedRequest', about: { route: 'POST /v1/opt-outs', by: 'eve', code: 'scope-missing', status: 403 } },
      { what: 'refusedRequest', about: { route: 'DELETE /v1/opt-outs/:id', by: null, code: 'token-missing', status: 401 } },
    ])
  })
  test('whoever uses a token is in the record once a day', async () => {
    await b.get('/v1/events', eve)
    await b.get('/v1/events', eve)
    await b.seconds(2)
    expect(b.notes.filter(n => n.what === 'signedIn')).toEqual([{ what: 'signedIn', about: { by: 'eve' } }])
  })
  test('nobody without a token can fill the journal', async () => {
    const before = b.journal.size()
    const noted = b.notes.length
    for (let i = 0; i < 200; i++) await b.send('DELETE', '/v1/opt-outs/c1', undefined, {})
    await b.seconds(120)
    expect(b.journal.size() - before).toBeLessThan(10)
    await b.send('DELETE', '/v1/opt-outs/c1', undefined, {})
    await b.seconds(2)
    const refused = b.notes.slice(noted).filter(n => n.what === 'refusedRequest')
    const counted = refused.map(n => (n.about['code'] === 'suppressed' ? 0 : 1) + Number(n.about['suppressed'] ?? 0))
    expect(counted.reduce((n, x) => n + x, 0)).toBe(201)
  })
})

describe('too many requests', () => {
  test('wait, but never for an emergency or for health', async () => {
    const small = await startBridge({ fleet: false, api: { perMinute: 2 } })
    await small.get('/v1/events')
    await small.get('/v1/events')
    const third = await small.get('/v1/events')
    expect(third.json()).toMatchObject({ status: 429, code: 'too-many-requests' })
    expect(third.headers['retry-after']).toBe('30')
    expect((await small.get('/livez', {})).statusCode).toBe(200)
    expect((await small.get('/v1/dispatch-orders/x')).statusCode).toBe(404)
    await small.seconds(30)
    expect((await small.get('/v1/events')).statusCode).toBe(200)
  })
  test('one who waits is not held up by another', () => {
    const rate = createRate(1, () => 0)
    expect([rate('a'), rate('b'), rate('a')]).toEqual([0, 0, 60])
  })
})

describe('the document', () => {
  const document = async () => (await b.get('/openapi.json', {})).json()
  test('is OpenAPI 3.1, with every route, its scope and its errors', async () => {
    const doc = await document()
    expect(doc.openapi).toBe('3.1.0')
    const listed = Object.entries<Record<string, unknown>>(doc.paths).flatMap(([path, item]) =>
      Object.keys(item).map(m => `${m.toUpperCase()} ${path}`),
    )
    expect(listed.sort()).toEqual(
      [
        'DELETE /v1/dispatch-orders/{id}',
        'DELETE /v1/nodes/{id}/limit',
        'GET /v1/incident',
        'GET /v1/limits',
        'GET /v1/nodes/{id}/limit',
        'GET /v1/nominations',
        'PUT /v1/nodes/{id}/limit',
        'GET /v1/chargers/{id}/session',
        'PUT /v1/chargers/{id}/session',
        'DELETE /v1/opt-outs/{id}',
        'GET /healthz',
        'GET /log/checkpoint',
        'GET /log/tile/{*}',
        'GET /livez',
        'GET /metrics',
        'GET /readyz',
        'GET /v1',
        'GET /v1/audit/checkpoint',
        'GET /v1/audit/consistency',
        'GET /v1/audit/entries/{index}/proof',
        'GET /v1/audit/entries',
        'GET /v1/chargers',
        'GET /v1/chargers/{id}',
        'GET /v1/chargers/{id}/limits',
        'GET /v1/controllable',
        'GET /v1/dispatch-orders/{id}',
        'GET /v1/events',
        'GET /v1/events/{id}',
        'GET /v1/events/{id}/chargers',
        'GET /v1/events/{id}/seed',
        'GET /v1/nodes',
        'GET /v1/nodes/{id}/capacity',
        'GET /v1/opt-outs',
        'GET /v1/register',
        'GET /v1/register/export',
        'GET /v1/register/{id}',
        'GET /v1/subjects/{id}',
        'POST /v1/chargers/{id}/release',
        'POST /v1/dispatch-orders',
        'POST /v1/dispatch-orders/{id}/operate',
        'POST /v1/events/{id}/cancel',
        'POST /v1/fleet/import',
        'POST /v1/fleet/tests',
        'POST /v1/opt-outs',
        'POST /v1/register/{id}/review',
        'POST /v1/subjects/{id}/erasure',
        'GET /v1/chargers/{id}/energy',
        'GET /v1/chargers/{id}/sessions',
        'GET /v1/chargers/{id}/signed-values',
        'POST /v1/chargers/{id}/readings',
        'GET /v1/meters',
        'GET /v1/meters/{id}/energy',
        'POST /v1/meters/{id}/readings',
        'POST /v1/nominations',
        'POST /v1/meters/import',
        'GET /v1/events/{id}/evidence',
        'GET /v1/events/{id}/report',
        'GET /v1/events/{id}/report.html',
        'GET /v1/events/{id}/report/chargers',
        'GET /v1/events/{id}/settlement',
        'GET /v1/events/{id}/witnesses',
        'GET /v1/programmes/{id}/performance',
        'GET /v1/submissions',
        'GET /v1/submissions/{id}',
        'POST /v1/submissions',
        'POST /v1/submissions/{id}/sent',
      ].sort(),
    )
    for (const [path, item] of Object.entries<Record<string, { summary?: string; security?: unknown; responses: Record<string, unknown> }>>(
      doc.paths,
    ))
      for (const [method, operation] of Object.entries(item)) {
        expect(operation.summary, `${method} ${path}`).toBeTruthy()
        expect(operation.responses.default, `${method} ${path}`).toEqual({ $ref: '#/components/responses/Problem' })
        expect(operation.security !== undefined, `${method} ${path}`).toBe(/^\/(v1|log\/tile)\//.test(path))
      }
  })
  test('refers to nothing that it does not have, and its schemas are schemas', async () => {
    const doc = await document()
    const refs = [...JSON.stringify(doc).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(m => m[1]!)
    expect(refs.length).toBeGreaterThan(10)
    for (const ref of refs)
      expect(
        ref.split('/').reduce((o, k) => o?.[k], doc),
        ref,
      ).toBeDefined()
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const schema of Object.values<object>(doc.components.schemas))
      expect(ajv.validateSchema(JSON.parse(JSON.stringify(schema)))).toBe(true)
  })
  test('can be read on a page that loads nothing from elsewhere', async () => {
    const page = await b.get('/docs/', {})
    expect(page.statusCode).toBe(200)
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//)
    expect((await b.get('/docs/static/swagger-ui-bundle.js', {})).statusCode).toBe(200)
  })
})

describe('those who run the bridge', () => {
  test('find everything from the entry document', async () => {
    const entry = (await b.get('/v1', {})).json()
    expect(entry).toMatchObject({ name: 'gridbridge', version: '0.0.0-test', links: { events: '/v1/events' } })
  })
  test('see that it lives and is ready, and when each source was last heard', async () => {
    b.engine.bridge.heard('openadr2b', 'vtn', b.engine.now(), 60_000)
    expect((await b.get('/livez', {})).json()).toEqual({ status: 'ok', version: '0.0.0-test' })
    expect((await b.get('/readyz', {})).json()).toMatchObject({
      ready: true,
      checks: { journal: { ok: true } },
      signals: [{ adapter: 'openadr2b', peer: 'vtn', stale: false }],
    })
    await b.seconds(61)
    expect((await b.get('/readyz', {})).json()).toMatchObject({ ready: true, signals: [{ stale: true }] })
    expect((await b.get('/healthz', {})).json()).toMatchObject({ ready: true, chargers: 10, eventsActive: 0 })
  })
  test('see a source that was never heard, until it is', async () => {
    const early = await startBridge({ fleet: false, api: { awaited: [{ adapter: 'openadr2b', peer: 'vtn' }] } })
    const signals = async () => (await early.get('/readyz', {})).json().signals
    expect(await signals()).toEqual([{ adapter: 'openadr2b', peer: 'vtn', lastContact: null, stale: true }])
    early.engine.bridge.heard('openadr2b', 'vtn', early.engine.now(), 60_000)
    expect(await signals()).toEqual([{ adapter: 'openadr2b', peer: 'vtn', lastContact: expect.stringMatching(/Z$/), stale: false }])
  })
  test('see that the OCPP port is shut, or that the journal cannot be written', async () => {
    let open = false
    const shut = await startBridge({ fleet: false, api: { checks: { ocpp: () => ({ ok: open, detail: 'not listening' }) } } })
    const answer = await shut.get('/readyz', {})
    expect(answer.json()).toMatchObject({ status: 503, code: 'not-ready', detail: 'ocpp: not listening', checks: { ocpp: { ok: false } } })
    open = true
    expect((await shut.get('/readyz', {})).statusCode).toBe(200)
    shut.journal.failNext('before')
    await shut.engine.bridge.note('x', {}).catch(() => {})
    expect((await shut.get('/readyz', {})).json()).toMatchObject({
      status: 503,
      checks: { journal: { ok: false, detail: expect.stringContaining('injected') } },
    })
  })
  test('read metrics that name no charger and no event', async () => {
    const answer = await b.get('/metrics', { accept: 'text/plain' })
    expect(answer.headers['content-type']).toMatch('text/plain')
    for (const name of [
      'signals_received_total',
      'signal_to_first_command_seconds',
      'commands_total',
      'command_ack_seconds',
      'event_active',
    ])
      expect(answer.body).toContain(`# TYPE gridbridge_${name} `)
    for (const name of ['event_target_watts', 'event_achieved_watts', 'meter_age_seconds', 'verification_results_total', 'optouts_total'])
      expect(answer.body).toContain(`# TYPE gridbridge_${name} `)
    for (const name of ['audit_entries_total', 'audit_tree_size', 'webhook_deliveries_total', 'emergency_orders_total', 'build_info'])
      expect(answer.body).toContain(`# TYPE gridbridge_${name} `)
    expect(answer.body).toContain('gridbridge_chargers{state="online"} 9')
    expect(answer.body).not.toMatch(/c[0-9]"|event_id|charger=/)
  })
})
