import { createRequire } from 'node:module'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { dispatchJsonSchema, type ParseContext, parse } from '../../adapters/signals/webhook/index.ts'
import { maxDepth } from '../../adapters/signals/webhook/parse.ts'
import { type GridEvent, NEVER_S, type Target } from '../../src/core/model.ts'

const nowMs = Date.UTC(2026, 0, 31, 17) + 400
const nowS = Math.floor(nowMs / 1000)
const peer: ParseContext['peer'] = {
  name: 'western',
  programme: 'winter',
  otherProgrammes: ['summer'],
  defaultClass: 'contracted',
  emergency: { basis: 'connection agreement 7.2' },
  restoreWindowS: 600,
  failsafeW: 1_400,
  failsafeS: 7_200,
  heartbeatS: 60,
  telemetryEveryS: 60,
  callback: { url: 'https://dso.example/callbacks' },
}
const nodes = [-1, 0, 1, 1] as const
const places: Record<string, readonly Target[]> = {
  'feeder BATH-11': [{ kind: 'node', node: 2 }],
  'feeder BATH-12': [{ kind: 'node', node: 3 }],
  'externalId cp-9': [{ kind: 'charger', charger: 9 }],
  'gsp BATH': [{ kind: 'node', node: 1 }],
}
const ctx: ParseContext = {
  peer,
  credential: 'secret:abc',
  rawHash: 'f00d',
  nowMs,
  resolve: (scheme, value) => places[`${scheme} ${value}`],
  node: no => (nodes[no] === undefined ? undefined : { no, kind: 'feeder', name: `${no}`, parent: nodes[no] }),
  station: charger => (charger === 9 ? 2 : undefined),
  previous: undefined,
}
type Body = Record<string, unknown>
const common = { id: 'D-1', version: 1 }
const target = [{ scheme: 'feeder', value: 'BATH-11' }]
const limit: Body = { ...common, kind: 'limit', target, durationS: 1800, limit: { totalKw: 350 } }
const shed: Body = { ...common, kind: 'shed', target, durationS: 1800, shed: { totalW: 90_000 } }
const stop: Body = { ...common, version: 2, kind: 'stop', stop: { immediate: true } }
const emergency: Body = { ...limit, class: 'emergency', reason: { code: 'thermal-overload' } }

const of = (body: unknown, change: Partial<ParseContext> = {}) =>
  parse(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), { ...ctx, ...change })
function eventOf(body: Body, change: Partial<ParseContext> = {}): GridEvent {
  const parsed = of(body, change)
  if ('error' in parsed) throw new Error(JSON.stringify(parsed.error))
  return parsed.ok.event
}

describe('a dispatch becomes an event', () => {
  it('carries everything that was said', () => {
    expect(eventOf({ ...shed, from: '2026-01-31T18:00:00+01:00', priority: 3, test: true })).toEqual({
      id: 'webhook:western:D-1',
      source: { adapter: 'webhook', peer: 'western', credential: 'secret:abc' },
      upstreamRef: 'D-1',
      revision: 1,
      class: 'contracted',
      programme: 'winter',
      targets: [{ kind: 'node', node: 2 }],
      intervals: [{ fromS: nowS, toS: nowS + 1800, ask: { kind: 'shed', totalW: 90_000 } }],
      spread: 'programme',
      priority: 3,
      stopAtOnce: false,
      test: true,
      duties: { ack: true, started: true, completed: true, telemetryEveryS: 60 },
      liveness: { heartbeatS: 60, failsafeW: 1_400, failsafeS: 7_200 },
      basis: null,
      rawHash: 'f00d',
    })
  })
  it.each([
    ['a ceiling in kW', { totalKw: 350 }, { kind: 'cap', totalW: 350_000 }],
    ['a ceiling of 1.005 kW', { totalKw: 1.005 }, { kind: 'cap', totalW: 1_005 }],
    ['a ceiling rounds down', { totalW: 1.9 }, { kind: 'cap', totalW: 1 }],
    ['a ceiling of 0 still counts what cannot be commanded', { totalW: 0 }, { kind: 'cap', totalW: 0 }],
    ['amps for each', { perCharger: { a: 6.5 } }, { kind: 'limitEach', limitA: 6.5 }],
    ['watts for each', { perCharger: { w: 1_400 } }, { kind: 'limitEach', limitW: 1_400 }],
    ['a share for each', { perCharger: { share: 0.4 } }, { kind: 'keep', fraction: 0.4 }],
    ['0 A for each', { perCharger: { a: 0 } }, { kind: 'off' }],
    ['0 W for each', { perCharger: { w: 0 } }, { kind: 'off' }],
  ])('%s', (_, wire, ask) => {
    expect(eventOf({ ...limit, limit: wire }).intervals[0]!.ask).toEqual(ask)
  })
  it('a reduction rounds up', () => {
    expect(eventOf({ ...shed, shed: { totalKw: 0.0001 } }).intervals[0]!.ask).toEqual({ kind: 'shed', totalW: 1 })
  })
  it.each([
    ['now, for a while', { durationS: 60 }, [nowS, nowS + 60]],
    ['from an instant, for a while', { from: '2026-01-31T18:00:00Z', durationS: 60 }, [nowS + 3600, nowS + 3660]],
    ['fractions widen it', { from: '2026-01-31T18:00:00.900Z', until: '2026-01-31T18:30:00.100Z' }, [nowS + 3600, nowS + 5401]],
    ['begun before it was received', { from: '2026-01-31T16:59:00Z', until: '2026-01-31T17:30:00Z' }, [nowS, nowS + 1800]],
    ['until it is stopped', { until: 'stopped' }, [nowS, NEVER_S]],
  ])('%s', (_, times, [fromS, toS]) => {
    expect(eventOf({ ...limit, durationS: undefined, ...times }).intervals[0]).toMatchObject({ fromS, toS })
  })
  it.each([
    [undefined, 'programme'],
    [{ mode: 'programme' }, 'programme'],
    [
      { mode: 'window', windowS: 300 },
      { startS: 300, endS: 300, startShiftS: 0, endShiftS: 0, endFollowsStart: false },
    ],
    [
      { mode: 'window', windowS: 0, restoreWindowS: 900 },
      { startS: 0, endS: 900, startShiftS: 0, endShiftS: 0, endFollowsStart: false },
    ],
    [{ mode: 'forbidden', basis: 'response service' }, { forbidden: 'response service' }],
  ])('randomise %j', (randomise, spread) => {
    expect(eventOf({ ...limit, randomise }).spread).toEqual(spread)
  })
  it('names of the same place count once, in the order given', () => {
    const both = [...target, { scheme: 'externalId', value: 'cp-9' }, ...target]
    expect(eventOf({ ...limit, target: both }).targets).toEqual([
      { kind: 'node', node: 2 },
      { kind: 'charger', charger: 9 },
    ])
  })
})

describe('an emergency', () => {
  it('acts now, unspread at its start, first in line, and comes back spread', () => {
    expect(eventOf(emergency)).toMatchObject({
      class: 'emergency',
      priority: 0,
      intervals: [{ fromS: nowS }],
      spread: { startS: 0, endS: 600, startShiftS: 0 },
      basis: 'connection agreement 7.2 (thermal-overload)',
    })
  })
  it.each([undefined, { mode: 'programme' }, { mode: 'forbidden', basis: 'x' }, { mode: 'window', windowS: 0 }])(
    'whatever %j says',
    randomise => {
      expect(eventOf({ ...emergency, randomise }).spread).toMatchObject({ startS: 0, endS: 600 })
    },
  )
  it('that claims an exemption from random delay has it on record, whatever its end', () => {
    expect(eventOf({ ...emergency, randomise: { mode: 'forbidden', basis: 'supply limitation' } }).exemption).toBe('supply limitation')
    expect('exemption' in eventOf(emergency)).toBe(false)
  })
  it('may name its own ground and restore window', () => {
    const event = eventOf({ ...emergency, basis: 'DOC6', randomise: { mode: 'window', windowS: 0, restoreWindowS: 1200 } })
    expect(event).toMatchObject({ basis: 'DOC6 (thermal-overload)', spread: { startS: 0, endS: 1200 } })
  })
  it('is for peers with a configured ground only', () => {
    expect(of(emergency, { peer: { ...peer, emergency: undefined } })).toMatchObject({
      error: { code: 'class-not-allowed', pointer: '/class' },
    })
  })
})

describe('a stop', () => {
  const previous = eventOf(emergency)
  it.each([true, false])('ends the dispatch of the same id; immediate %s', immediate => {
    expect(eventOf({ ...stop, stop: { immediate } }, { previous, rawHash: 'beef' })).toEqual({
      ...previous,
      revision: 2,
      intervals: [],
      stopAtOnce: immediate,
      rawHash: 'beef',
    })
  })
  it('of nothing is refused', () => {
    expect(of(stop)).toMatchObject({ error: { code: 'nothing-to-stop', pointer: '/id', value: 'D-1' } })
  })
})

const deep = `${'{"a":'.repeat(maxDepth + 1)}1${'}'.repeat(maxDepth + 1)}`
describe('a fault is one coded error that points at its place', () => {
  it.each<[string, unknown, string, string | undefined]>([
    ['not JSON', '{"id": ', 'not-json', undefined],
    ['nested too deeply', deep, 'too-deep', undefined],
    ['32,000 brackets', '['.repeat(32_000), 'too-deep', undefined],
    ['not an object', '[]', 'invalid', ''],
    ['an unknown kind', { ...limit, kind: 'sched' }, 'invalid', '/kind'],
    ['an unknown key', { ...limit, limits: 1 }, 'invalid', '/limits'],
    ['an unknown key inside', { ...limit, limit: { totalW: 1, 'a/b~c': 2 } }, 'invalid', '/limit/a~1b~0c'],
    ['a key of the prototype', `{"__proto__":{"test":true},${JSON.stringify(limit).slice(1)}`, 'invalid', '/__proto__'],
    ['an id that is a path', { ...limit, id: '../x' }, 'invalid', '/id'],
    ['version 0', { ...limit, version: 0 }, 'invalid', '/version'],
    ['an infinite limit', JSON.stringify(limit).replace('350', '1e999'), 'invalid', '/limit/totalKw'],
    ['a negative limit', { ...limit, limit: { totalW: -1 } }, 'invalid', '/limit/totalW'],
    ['two limits', { ...limit, limit: { totalW: 1, totalKw: 1 } }, 'invalid', '/limit'],
    ['no limit', { ...limit, limit: {} }, 'invalid', '/limit'],
    ['no target', { ...limit, target: [] }, 'invalid', '/target'],
    ['an instant without an offset', { ...limit, from: '2026-01-31T18:00:00' }, 'invalid', '/from'],
    ['two ends', { ...limit, until: '2026-01-31T18:00:00Z' }, 'invalid', '/until'],
    ['no end', { ...limit, durationS: undefined }, 'invalid', '/until'],
    ['a reduction without end', { ...shed, durationS: undefined, until: 'stopped' }, 'invalid', '/until'],
    ['an emergency reduction', { ...shed, class: 'emergency' }, 'invalid', '/class'],
    ['an emergency without a reason', { ...emergency, reason: undefined }, 'invalid', '/reason'],
    ['an emergency tomorrow', { ...emergency, from: '2026-02-01T17:00:00Z' }, 'invalid', '/from'],
    ['a randomised emergency', { ...emergency, randomise: { mode: 'window', windowS: 60 } }, 'invalid', '/randomise/windowS'],
    ['a ground for what needs none', { ...limit, basis: 'DOC6' }, 'invalid', '/basis'],
    ['a window beyond 1800 s', { ...limit, randomise: { mode: 'window', windowS: 1801 } }, 'invalid', '/randomise/windowS'],
    ['randomisation forbidden without a ground', { ...limit, randomise: { mode: 'forbidden' } }, 'invalid', '/randomise/basis'],
    [
      'over before it came',
      { ...limit, durationS: undefined, from: '2026-01-31T16:00:00Z', until: '2026-01-31T16:30:00Z' },
      'already-over',
      '/until',
    ],
    [
      'an end before its beginning',
      { ...limit, durationS: undefined, from: '2026-01-31T19:00:00Z', until: '2026-01-31T18:00:00Z' },
      'already-over',
      '/until',
    ],
    ['a year that is a slip', { ...limit, from: '2062-01-31T16:00:00Z' }, 'invalid', '/from'],
    ['a foreign programme', { ...limit, programme: 'spring' }, 'programme-not-allowed', '/programme'],
    ['an unknown target', { ...limit, target: [...target, { scheme: 'feeder', value: 'BATH-99' }] }, 'unknown-target', '/target/1'],
  ])('%s', (_, body, code, pointer) => {
    const parsed = of(body)
    expect(parsed).toMatchObject({ error: { adapter: 'webhook', code } })
    if ('error' in parsed) expect(parsed.error.pointer).toBe(pointer)
  })
  it('bytes that are not UTF-8', () => {
    expect(parse(Buffer.from([0x7b, 0xff, 0x7d]), ctx)).toMatchObject({ error: { code: 'not-utf8' } })
  })
  it('brackets within strings are no depth', () => {
    expect(of({ ...limit, reason: { code: 'x', text: `\\"${'[{'.repeat(100)}` } })).toHaveProperty('ok')
  })
  it('a long value is shown cut', () => {
    const parsed = of({ ...limit, extra: 'x'.repeat(10_000) })
    expect(JSON.stringify(parsed).length).toBeLessThan(1_500)
  })
})

describe('a peer may command only what is its own', () => {
  const within = { ...peer, within: [{ scheme: 'feeder', value: 'BATH-11' }] }
  it.each([
    ['its feeder', 'feeder', 'BATH-11', undefined],
    ['a charger on it', 'externalId', 'cp-9', undefined],
    ['the next feeder', 'feeder', 'BATH-12', 'target-not-allowed'],
    ['what lies above', 'gsp', 'BATH', 'target-not-allowed'],
  ])('%s', (_, scheme, value, code) => {
    const parsed = of({ ...limit, target: [{ scheme, value }] }, { peer: within })
    expect('error' in parsed ? parsed.error.code : undefined).toBe(code)
  })
  it('a boundary that no longer resolves permits nothing', () => {
    expect(of(limit, { peer: { ...peer, within: [{ scheme: 'feeder', value: 'gone' }] } })).toMatchObject({
      error: { code: 'target-not-allowed' },
    })
  })
})

describe('the published schema', () => {
  it('is up to date (vitest -u writes it)', async () => {
    const text = `${JSON.stringify(dispatchJsonSchema(), null, 2)}\n`
    await expect(text).toMatchFileSnapshot('../../docs/reference/dispatch-webhook.schema.json')
  })
  const Ajv2020 = createRequire(import.meta.url)('ajv/dist/2020.js').default
  const ajv = new Ajv2020({ strict: false })
  ;(addFormats as unknown as (target: unknown) => void)(ajv)
  const validate = ajv.compile(dispatchJsonSchema())
  const withoutUndefined = (body: unknown) => JSON.parse(JSON.stringify(body))
  it.each<[string, Body, boolean]>([
    ['a limit', limit, true],
    ['a reduction', shed, true],
    ['a stop', stop, true],
    ['an emergency', emergency, true],
    ['an emergency from now, unspread', { ...emergency, from: 'now', randomise: { mode: 'window', windowS: 0 } }, true],
    ['an emergency with forbidden randomisation', { ...emergency, randomise: { mode: 'forbidden', basis: 'x' } }, true],
    ['an emergency without a reason', { ...emergency, reason: undefined }, false],
    ['an emergency tomorrow', { ...emergency, from: '2026-02-01T17:00:00Z' }, false],
    ['a randomised emergency', { ...emergency, randomise: { mode: 'window', windowS: 60 } }, false],
    ['a ground for what needs none', { ...limit, basis: 'DOC6' }, false],
    ['an emergency reduction', { ...shed, class: 'emergency' }, false],
    ['two limits', { ...limit, limit: { totalW: 1, totalKw: 1 } }, false],
    ['no limit', { ...limit, limit: {} }, false],
    ['two limits for each', { ...limit, limit: { perCharger: { a: 1, w: 1 } } }, false],
    ['two ends', { ...limit, until: '2026-01-31T18:00:00Z' }, false],
    ['no end', { ...limit, durationS: undefined }, false],
    ['an unknown key', { ...limit, limits: 1 }, false],
    ['an instant without an offset', { ...limit, from: '2026-01-31T18:00:00' }, false],
  ])('agrees with us on %s', (_, body, isGood) => {
    expect(validate(withoutUndefined(body))).toBe(isGood)
    const parsed = of(body, { previous: eventOf(limit) })
    expect('error' in parsed ? parsed.error.code : 'ok').toBe(isGood ? 'ok' : 'invalid')
  })
})
