import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ConfigError, DEFAULT_SPREAD_S, describeConfig, loadConfig, MAX_SPREAD_S, type Sources } from '../src/config.ts'
import { engineOptions } from '../src/main.ts'

const kinds = [
  z.strictObject({ kind: z.literal('openadr2b'), url: z.url(), password: z.string().optional(), pollS: z.number().default(10) }),
  z.strictObject({ kind: z.literal('webhook'), secrets: z.array(z.string()), programme: z.string().optional() }),
] as const

const disk = (files: Record<string, string>) => (file: string) => {
  const text = files[file]
  if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  return text
}
const load = (yaml: string | null, more: Partial<Sources> & { files?: Record<string, string> } = {}) =>
  loadConfig(kinds, {
    env: {},
    cwd: '/here',
    ...more,
    read: disk({ ...(yaml === null ? {} : { '/here/gridbridge.yaml': yaml }), ...more.files }),
  })
function faults(run: () => unknown) {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  throw new Error('was accepted')
}

describe('precedence: flag > environment > file > default', () => {
  const env = { GRIDBRIDGE_OCPP__PORT: '7002' }
  const flags = { 'ocpp.port': 7003 }
  const yaml = 'ocpp: { port: 7001 }\n'
  test.each([
    ['default', null, {}, {}, 9220, 'default'],
    ['file', yaml, {}, {}, 7001, 'file'],
    ['environment', yaml, env, {}, 7002, 'env'],
    ['flag', yaml, env, flags, 7003, 'flag'],
  ] as const)('%s', (_, file, e, f, port, from) => {
    const loaded = load(file, { env: e, flags: f })
    expect(loaded.config.ocpp.port).toBe(port)
    expect(describeConfig(loaded).find(l => l.path === 'ocpp.port')).toMatchObject({ value: port, from })
  })
  test('a flag that was not given changes nothing', () => {
    expect(load(yaml, { flags: { 'ocpp.port': undefined } }).config.ocpp.port).toBe(7001)
  })
  test('the origin names line, variable and flag', () => {
    const loaded = load('dataDir: /d\nocpp:\n  port: 7001\n', { env: { GRIDBRIDGE_API__HOST: '::1' }, flags: { 'api.port': 0 } })
    const where = Object.fromEntries(describeConfig(loaded).map(l => [l.path, l.where]))
    expect(where).toMatchObject({
      'ocpp.port': '/here/gridbridge.yaml:3',
      'api.host': 'GRIDBRIDGE_API__HOST',
      'api.port': '--api-port',
      'ocpp.host': 'default',
    })
  })
  test('how long late readings are gathered: an hour unless somebody says otherwise, and who said it is told', () => {
    expect(engineOptions(load(null).config).reviseAfterMs).toBe(3_600_000)
    const loaded = load('verification:\n  reviseAfterS: 60\n')
    expect(engineOptions(loaded.config)).toEqual({ freshMs: 180_000, observeEveryMs: 30_000, graceMs: 120_000, reviseAfterMs: 60_000 })
    const said = { path: 'verification.reviseAfterS', value: 60, from: 'file', where: '/here/gridbridge.yaml:2' }
    expect(describeConfig(loaded)).toContainEqual(said)
    const env = load('verification: { reviseAfterS: 60 }\n', { env: { GRIDBRIDGE_VERIFICATION__REVISE_AFTER_S: '90' } })
    expect(engineOptions(env.config).reviseAfterMs).toBe(90_000)
    expect(faults(() => load('verification: { reviseAfterS: -1 }\n'))).toHaveLength(1)
  })
  test('a list in the environment changes one item and keeps the others', () => {
    const loaded = load('programmes:\n  - {id: a, startSpreadS: 30}\n  - {id: b}\n', {
      env: { GRIDBRIDGE_PROGRAMMES__1__START_SPREAD_S: '45' },
    })
    expect(loaded.config.programmes.map(p => [p.id, p.startSpreadS])).toEqual([
      ['a', 30],
      ['b', 45],
    ])
  })
  test('digits are text where text is wanted', () => {
    const loaded = load('signals:\n  - {kind: openadr2b, url: "http://vtn"}\n', { env: { GRIDBRIDGE_SIGNALS__0__PASSWORD: '0123' } })
    expect(loaded.config.signals[0]).toMatchObject({ password: '0123' })
  })
})

describe('chargers', () => {
  test('metering, pings, admission and what counts as an override have defaults that change nothing at a charger', () => {
    expect(load(null).config.ocpp).toMatchObject({
      alignedS: 0,
      pingS: 45,
      acceptPerS: 1000,
      messagesPerS: 50,
      override: { limitSources: [], dataTransfer: [] },
    })
  })
  test('and are taken from the file and the environment', () => {
    const yaml = [
      'ocpp:',
      '  alignedS: 900',
      '  messagesPerS: 20',
      '  override:',
      '    limitSources: [Other]',
      '    dataTransfer: [{ vendorId: Maker, messageId: BoostNow }, { vendorId: Second }]',
    ].join('\n')
    const { ocpp } = load(yaml, { env: { GRIDBRIDGE_OCPP__PING_S: '20', GRIDBRIDGE_OCPP__ACCEPT_PER_S: '5' } }).config
    expect(ocpp).toMatchObject({ alignedS: 900, messagesPerS: 20, pingS: 20, acceptPerS: 5 })
    expect(ocpp.override).toEqual({
      limitSources: ['Other'],
      dataTransfer: [{ vendorId: 'Maker', messageId: 'BoostNow' }, { vendorId: 'Second' }],
    })
  })
  test.each([
    ['ocpp: { alignedS: -1 }', 'ocpp.alignedS'],
    ['ocpp: { pingS: 0 }', 'ocpp.pingS'],
    ['ocpp: { acceptPerS: 0 }', 'ocpp.acceptPerS'],
    ['ocpp: { messagesPerS: 0 }', 'ocpp.messagesPerS'],
    ['ocpp: { override: { limitSources: [Driver] } }', 'ocpp.override.limitSources[0]'],
  ])('%s is refused', (yaml, path) => {
    expect(faults(() => load(yaml))[0]).toMatchObject({ code: 'GB-1004', path })
  })
  test('a maker without a name is refused', () => {
    expect(faults(() => load('ocpp: { override: { dataTransfer: [{ messageId: x }] } }'))[0]).toMatchObject({
      code: 'GB-1005',
      path: 'ocpp.override.dataTransfer[0].vendorId',
    })
  })
})

describe('where a file is looked for', () => {
  test.each([
    ['here first', { '/here/gridbridge.yaml': 'dataDir: a', '/x/gridbridge/gridbridge.yaml': 'dataDir: b' }, 'a'],
    ['then XDG', { '/x/gridbridge/gridbridge.yaml': 'dataDir: b', '/etc/gridbridge/gridbridge.yaml': 'dataDir: c' }, 'b'],
    ['then /etc', { '/etc/gridbridge/gridbridge.yaml': 'dataDir: c' }, 'c'],
    ['none: defaults', {}, './gridbridge-data'],
  ])('%s', (_, files, dataDir) => {
    expect(load(null, { env: { XDG_CONFIG_HOME: '/x' }, files }).config.dataDir).toBe(dataDir)
  })
  test('a file that was asked for must exist', () => {
    expect(faults(() => load(null, { file: '/nowhere.yaml' }))[0]).toMatchObject({ code: 'GB-1001', value: '/nowhere.yaml' })
  })
})

describe('refuses on doubt, with code, path, value and hint', () => {
  test.each([
    ['an unknown key', 'ocpp: { prot: 1 }', { code: 'GB-1003', path: 'ocpp.prot', hint: 'did you mean port?' }],
    ['an unknown key at the top', 'dataDri: x', { code: 'GB-1003', path: 'dataDri', hint: 'did you mean dataDir?' }],
    [
      'an unknown key in a list',
      'programmes: [{id: a, startSpread: 5}]',
      { code: 'GB-1003', path: 'programmes[0].startSpread', hint: 'did you mean startSpreadS?' },
    ],
    [
      'an unknown key of an adapter',
      'signals: [{kind: webhook, secrets: [], secret: x}]',
      { code: 'GB-1003', path: 'signals[0].secret', hint: 'did you mean secrets?' },
    ],
    ['an unknown adapter', 'signals: [{kind: openadr2}]', { code: 'GB-1004', path: 'signals[0].kind', hint: 'did you mean openadr2b?' }],
    ['a value of the wrong type', 'ocpp: { port: often }', { code: 'GB-1004', path: 'ocpp.port', value: 'often' }],
    [
      'a value with a unit in it',
      'programmes: [{id: a, startSpreadS: 600s}]',
      { code: 'GB-1004', path: 'programmes[0].startSpreadS', value: '600s' },
    ],
    [
      'a spread beyond the bound',
      `programmes: [{id: a, startSpreadS: ${MAX_SPREAD_S + 1}}]`,
      { code: 'GB-1004', path: 'programmes[0].startSpreadS' },
    ],
    ['a missing value', 'signals: [{kind: openadr2b}]', { code: 'GB-1005', path: 'signals[0].url' }],
    ['no YAML', 'ocpp: {', { code: 'GB-1002' }],
    ['a list instead of settings', '- a', { code: 'GB-1002' }],
    [
      'a secret file that is not there',
      'notices: { endpoints: [{ url: "http://x", secretFile: /none }] }',
      { code: 'GB-1006', path: 'notices.endpoints[0].secretFile', value: '/none' },
    ],
    [
      'a secret given twice',
      'notices: { endpoints: [{ url: "http://x", secret: 0123456789012345678901234, secretFile: /s }] }',
      { code: 'GB-1007', path: 'notices.endpoints[0].secretFile' },
    ],
    ['two programmes of one name', 'programmes: [{id: a}, {id: a}]', { code: 'GB-1008', path: 'programmes', value: 'a' }],
    [
      'notices that nobody could check',
      'notices: { endpoints: [{ url: "http://x" }] }',
      { code: 'GB-1005', path: 'notices.endpoints[0].secret' },
    ],
    [
      'a signal for a programme that is not there',
      'programmes: [{id: winter}]\nsignals: [{kind: webhook, secrets: [], programme: wintr}]',
      { code: 'GB-1008', path: 'signals[0].programme', hint: 'did you mean winter?' },
    ],
    [
      'an unknown key that holds a list',
      'ocpp: { tokenz: [a] }',
      { code: 'GB-1003', path: 'ocpp.tokenz', message: 'unknown key [/here/gridbridge.yaml:1]' },
    ],
    ['an API that tokens reach readable from outside', 'api: { host: 0.0.0.0 }', { code: 'GB-1008', path: 'api.host', value: '0.0.0.0' }],
    ['the same under a name', 'api: { host: dsr.example }', { code: 'GB-1008', hint: expect.stringContaining('api.tls') }],
    ['a prototype as a key', '__proto__: { port: 1 }', { code: 'GB-1003', path: '__proto__' }],
  ])('%s', (_, yaml, expected) => {
    expect(faults(() => load(yaml, { files: { '/s': 'x'.repeat(30) } }))).toContainEqual(expect.objectContaining(expected))
  })
  test.each([
    'host: 127.0.0.1',
    'host: 127.1.2.3',
    'host: "::1"',
    'host: localhost',
    'host: 0.0.0.0, allowPlain: true',
    'host: 0.0.0.0, tls: { certFile: c, keyFile: k }',
  ])('but not an API at { %s }', api => {
    expect(() => load(`api: { ${api} }`)).not.toThrow()
  })
  test('all faults at once', () => {
    expect(
      faults(() => load('ocpp: { port: -1, hots: x }\napi: { port: x }'))
        .map(f => f.path)
        .sort(),
    ).toEqual(['api.port', 'ocpp.hots', 'ocpp.port'])
  })
  test('a mistyped variable of the environment, by its name', () => {
    expect(faults(() => load(null, { env: { GRIDBRIDGE_OCPP__PROT: '1' } }))[0]).toMatchObject({
      code: 'GB-1003',
      message: 'unknown key [GRIDBRIDGE_OCPP__PROT]',
      hint: 'did you mean port?',
    })
  })
})

describe('secrets', () => {
  const secret = 'correct-horse-battery-staple'
  const yaml = `api:\n  tokens:\n    - {name: ops, token: ${secret}, scopes: ["event:read"]}\nsignals: [{kind: webhook, secrets: [${secret}]}]\n`
  test('are never shown', () => {
    const text = JSON.stringify(describeConfig(load(yaml)))
    expect(text).not.toContain(secret)
    expect(text.match(/\(redacted\)/g)).toHaveLength(2)
  })
  test('are not in an error about them', () => {
    const short = faults(() => load('api: { tokens: [{name: a, token: hush, scopes: ["event:read"]}] }'))
    expect(JSON.stringify(short)).not.toContain('hush')
    expect(short[0]).toMatchObject({ path: 'api.tokens[0].token', value: '(redacted)' })
  })
  test.each([
    ['the file', 'api: { tokens: [{name: ops, tokenFile: /run/t, scopes: ["event:read"]}] }', {}],
    ['the environment', 'api: { tokens: [{name: ops, scopes: ["event:read"]}] }', { GRIDBRIDGE_API__TOKENS__0__TOKEN_FILE: '/run/t' }],
  ])('can come from a file named in %s', (_, text, env) => {
    const loaded = load(text, { env, files: { '/run/t': `${secret}\n` } })
    expect(loaded.config.api.tokens[0]?.token).toBe(secret)
    expect(describeConfig(loaded).find(l => l.path === 'api.tokens[0].token')).toMatchObject({ value: '(redacted)', where: 'file /run/t' })
  })
})

test('a programme that says nothing spreads over 600 s', () => {
  expect(DEFAULT_SPREAD_S).toBe(600)
  expect(load(null).config.programmes).toMatchObject([{ id: 'default', startSpreadS: 600, endSpreadS: 600 }])
})
