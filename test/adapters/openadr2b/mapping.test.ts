import { describe, expect, it } from 'vitest'
import type { Oadr20bEvent, WireSignal } from '../../../adapters/signals/openadr2b/event.ts'
import { normalUri, type Openadr2bInput, optionsSchema } from '../../../adapters/signals/openadr2b/options.ts'
import { type ItemBase, realPower } from '../../../adapters/signals/openadr2b/parts.ts'
import { priorityOf, toGridEvent } from '../../../adapters/signals/openadr2b/toGridEvent.ts'
import { NEVER_S, type Target } from '../../../src/core/model.ts'
import { currency, event } from './messages.ts'

type Market = Openadr2bInput['markets'][number]
const CONTEXT = 'http://market.example/ev-dsr'
const FLEET: readonly Target[] = [{ kind: 'node', node: 0 }]

const map = (over: Partial<Oadr20bEvent>, market: Partial<Market> = {}) =>
  toGridEvent(event(over), {
    peer: 'dno',
    credential: 'plain',
    venID: 'VEN_1',
    markets: optionsSchema.parse({ peer: 'dno', url: 'http://vtn.example', markets: [{ context: CONTEXT, programme: 'flex', ...market }] })
      .markets,
    fleet: FLEET,
    resolve: (scheme, value) =>
      scheme === 'groupID' && value === 'feeder-7'
        ? [{ kind: 'node', node: 7 }]
        : scheme === 'resourceID' && value === 'depot'
          ? [{ kind: 'charger', charger: 3 }]
          : undefined,
    revision: 0,
    rawHash: 'h',
    silentAfterS: 20,
  })
const mapped = (over: Partial<Oadr20bEvent>, market: Partial<Market> = {}) => {
  const result = map(over, market)
  if (result.kind !== 'event') throw new Error(`${result.kind}: ${result.why}`)
  return result.event
}
const one = (signalName: string, signalType: string, value: number, itemBase?: ItemBase): WireSignal => ({
  signalName,
  signalType,
  signalID: 's',
  itemBase,
  intervals: [{ uid: '0', durationS: 1_800, value }],
  targets: [],
})
const amps: ItemBase = { name: 'current', description: 'Current', units: 'A', scale: 'none' }
const reactive: ItemBase = { ...realPower(), name: 'powerReactive', units: 'VAR' }

describe('what a signal asks for', () => {
  const levels: Partial<Market> = {
    simple: { '1': { kind: 'keep', fraction: 0.5 }, '2': { kind: 'limitEach', limitA: 6 }, '3': { kind: 'off' } },
  }
  it.each<[string, WireSignal, Partial<Market>, unknown]>([
    ['SIMPLE 1', one('SIMPLE', 'level', 1), levels, { kind: 'keep', fraction: 0.5 }],
    ['simple in lower case', one('simple', 'level', 2), levels, { kind: 'limitEach', limitA: 6 }],
    ['SIMPLE 3', one('SIMPLE', 'level', 3), levels, { kind: 'off' }],
    ['SIMPLE 0 is normal operation', one('SIMPLE', 'level', 0), levels, 'recorded optIn'],
    ['a level without a meaning', one('SIMPLE', 'level', 1), {}, '460'],
    ['a level that does not exist', one('SIMPLE', 'level', 4), levels, '454'],
    ['a setpoint in W', one('LOAD_DISPATCH', 'setpoint', 50_000, realPower()), {}, { kind: 'cap', totalW: 50_000 }],
    ['a setpoint in kW', one('LOAD_DISPATCH', 'setpoint', 50.5, realPower('k')), {}, { kind: 'cap', totalW: 50_500 }],
    ['a setpoint in MW', one('LOAD_DISPATCH', 'setpoint', 1, realPower('M')), {}, { kind: 'cap', totalW: 1_000_000 }],
    ['a setpoint of 0', one('LOAD_DISPATCH', 'setpoint', 0, realPower()), {}, { kind: 'cap', totalW: 0 }],
    ['a setpoint that asks for export', one('LOAD_DISPATCH', 'setpoint', -1, realPower()), {}, '460'],
    ['a setpoint without a unit', one('LOAD_DISPATCH', 'setpoint', 50), {}, '460'],
    ['a setpoint in VAR', one('LOAD_DISPATCH', 'setpoint', 50, reactive), {}, '460'],
    [
      'a setpoint beyond all measure limits nobody',
      one('LOAD_DISPATCH', 'setpoint', 1e300, realPower('T')),
      {},
      { kind: 'cap', totalW: 2e9 },
    ],
    ['a delta beyond all measure', one('LOAD_DISPATCH', 'delta', -1e300, realPower('T')), {}, '454'],
    ['parts of a watt: a ceiling goes down', one('LOAD_DISPATCH', 'setpoint', 1.0057, realPower('k')), {}, { kind: 'cap', totalW: 1_005 }],
    ['parts of a watt: a reduction goes up', one('LOAD_DISPATCH', 'delta', -1.0052, realPower('k')), {}, { kind: 'shed', totalW: 1_006 }],
    ['a negative delta is a reduction', one('LOAD_DISPATCH', 'delta', -20, realPower('k')), {}, { kind: 'shed', totalW: 20_000 }],
    ['a positive delta is more load', one('LOAD_DISPATCH', 'delta', 20, realPower('k')), {}, '460'],
    [
      'where the market says positive, a positive delta is a reduction',
      one('LOAD_DISPATCH', 'delta', 20, realPower('k')),
      { reduction: 'positive' },
      { kind: 'shed', totalW: 20_000 },
    ],
    ['a delta of 0 is normal operation', one('LOAD_DISPATCH', 'delta', 0, realPower()), {}, 'recorded optIn'],
    ['a dispatch level', one('LOAD_DISPATCH', 'level', 5), {}, '460'],
    ['a capacity', one('LOAD_CONTROL', 'x-loadControlCapacity', 0.4), {}, { kind: 'keep', fraction: 0.4 }],
    ['a capacity of 0 is off', one('LOAD_CONTROL', 'x-loadControlCapacity', 0), {}, { kind: 'off' }],
    ['a capacity of 1 is normal operation', one('LOAD_CONTROL', 'x-loadControlCapacity', 1), {}, 'recorded optIn'],
    ['a capacity beyond 1 (a percentage, perhaps)', one('LOAD_CONTROL', 'x-loadControlCapacity', 40), {}, '454'],
    ['an offset of -25 %', one('LOAD_CONTROL', 'x-loadControlPercentOffset', -25), {}, { kind: 'keep', fraction: 0.75 }],
    ['an offset of -100 %', one('LOAD_CONTROL', 'x-loadControlPercentOffset', -100), {}, { kind: 'off' }],
    ['an offset of +10 %', one('LOAD_CONTROL', 'x-loadControlPercentOffset', 10), {}, 'recorded optIn'],
    ['an offset below -100 %', one('LOAD_CONTROL', 'x-loadControlPercentOffset', -101), {}, '454'],
    ['a set point in kW', one('LOAD_CONTROL', 'x-loadControlSetpoint', 3.7, realPower('k')), {}, { kind: 'limitEach', limitW: 3_700 }],
    ['a set point in A', one('LOAD_CONTROL', 'x-loadControlSetpoint', 10, amps), {}, { kind: 'limitEach', limitA: 10 }],
    ['a set point of 0', one('LOAD_CONTROL', 'x-loadControlSetpoint', 0, amps), {}, { kind: 'off' }],
    ['a set point without a unit', one('LOAD_CONTROL', 'x-loadControlSetpoint', 10), {}, '460'],
    ['a level offset', one('LOAD_CONTROL', 'x-loadControlLevelOffset', 1), {}, '460'],
    ['a price nobody acts on', one('ELECTRICITY_PRICE', 'price', 0.5, currency), {}, 'recorded optOut'],
    [
      'a price a programme acts on',
      one('ELECTRICITY_PRICE', 'price', 0.5, currency),
      {
        prices: [
          { atLeast: 0.4, ask: { kind: 'keep', fraction: 0.5 } },
          { atLeast: 0.9, ask: { kind: 'off' } },
        ],
      },
      { kind: 'keep', fraction: 0.5 },
    ],
    [
      'a higher price',
      one('ELECTRICITY_PRICE', 'price', 1, currency),
      {
        prices: [
          { atLeast: 0.4, ask: { kind: 'keep', fraction: 0.5 } },
          { atLeast: 0.9, ask: { kind: 'off' } },
        ],
      },
      { kind: 'off' },
    ],
    ['a bid', one('BID_LOAD', 'setpoint', 1, realPower()), {}, '460'],
    ['something private', one('x-ours', 'level', 1), {}, '460'],
  ])('%s', (_, signal, market, meaning) => {
    const result = map({ signals: [signal] }, market)
    if (result.kind === 'event') expect(result.event.intervals.map(i => i.ask)).toEqual([meaning])
    else expect(result.kind === 'refused' ? result.code : `recorded ${result.opt}`).toBe(meaning)
  })

  it('the most exact signal acts; a SIMPLE beside it may be without meaning', () => {
    expect(
      mapped({
        signals: [
          one('SIMPLE', 'level', 2),
          one('ELECTRICITY_PRICE', 'price', 1, currency),
          one('LOAD_DISPATCH', 'setpoint', 9, realPower('k')),
        ],
      }).intervals[0]!.ask,
    ).toEqual({ kind: 'cap', totalW: 9_000 })
  })
  it('R109: any signal that is not supported refuses the whole event', () => {
    expect(map({ signals: [one('LOAD_DISPATCH', 'setpoint', 9, realPower()), one('BID_LOAD', 'setpoint', 1, realPower())] })).toMatchObject(
      { kind: 'refused', code: '460' },
    )
  })
})

describe('when', () => {
  const from = event().activePeriod.dtstartMs / 1000
  const steps = (values: readonly number[], durationS = 1_800): WireSignal => ({
    ...one('SIMPLE', 'level', 0),
    intervals: values.map((value, i) => ({ uid: String(i), durationS: durationS / values.length, value })),
  })
  const market: Partial<Market> = { simple: { '1': { kind: 'keep', fraction: 0.5 }, '2': { kind: 'off' } } }
  it('intervals follow each other; one of normal operation is a gap', () => {
    expect(mapped({ signals: [steps([1, 0, 2])] }, market).intervals).toEqual([
      { fromS: from, toS: from + 600, ask: { kind: 'keep', fraction: 0.5 } },
      { fromS: from + 1_200, toS: from + 1_800, ask: { kind: 'off' } },
    ])
  })
  it('intervals that do not add up to the event are bad data [R102]', () => {
    expect(map({ signals: [steps([1, 2], 1_200)] }, market)).toMatchObject({ kind: 'refused', code: '454' })
  })
  it('duration 0 is open-ended, its last interval too', () => {
    const period = { ...event().activePeriod, durationS: 0 }
    expect(
      mapped({ activePeriod: period, signals: [{ ...steps([1]), intervals: [{ uid: '0', durationS: 0, value: 1 }] }] }, market).intervals,
    ).toMatchObject([{ fromS: from, toS: NEVER_S }])
  })

  it('intervals that ask for the same without a break are one', () => {
    expect(mapped({ signals: [steps([1, 1, 2, 2, 0, 2])] }, market).intervals).toEqual([
      { fromS: from, toS: from + 600, ask: { kind: 'keep', fraction: 0.5 } },
      { fromS: from + 600, toS: from + 1_200, ask: { kind: 'off' } },
      { fromS: from + 1_500, toS: from + 1_800, ask: { kind: 'off' } },
    ])
  })
  it('fractions of a second end up in whole ones, without gaps', () => {
    const intervals = [0.5, 0.25, 1.75].map((durationS, i) => ({ uid: String(i), durationS, value: i % 2 === 0 ? 1 : 2 }))
    const activePeriod = { ...event().activePeriod, durationS: 2.5 }
    expect(mapped({ activePeriod, signals: [{ ...steps([1]), intervals }] }, market).intervals).toEqual([
      { fromS: from, toS: from + 2, ask: { kind: 'keep', fraction: 0.5 } },
    ])
  })
  it.each([
    ['begins before there was time', { dtstartMs: -86_400_000 }, 1_800],
    ['begins after 2106, where 32 bits begin anew', { dtstartMs: (from + 2 ** 32) * 1_000 }, 1_800],
    ['ends after 2106', {}, 100 * 365 * 86_400],
  ])('an event that %s is bad data, whatever its class', (_, over, durationS) => {
    const activePeriod = { ...event().activePeriod, ...over, durationS }
    const all: Partial<Market> = { ...market, class: 'emergency' }
    expect(map({ activePeriod, signals: [steps([1], durationS)] }, all)).toMatchObject({ kind: 'refused', code: '454' })
  })

  const spread = (period: object, market: Partial<Market> = {}) =>
    mapped({ activePeriod: { ...event().activePeriod, ...period } }, market).spread
  it.each([
    ['nothing said', {}, {}, 'programme'],
    ['startafter', { startafterS: 180 }, {}, { startS: 180, endS: 180, startShiftS: 0, endShiftS: 0, endFollowsStart: true }],
    ['ramp-up before the start', { rampUpS: 300 }, {}, { startS: 300, endS: 600, startShiftS: -300, endShiftS: 0, endFollowsStart: false }],
    ['ramp-up after the start', { rampUpS: -300 }, {}, { startS: 300, endS: 600, startShiftS: 0, endShiftS: 0, endFollowsStart: false }],
    ['recovery after the end', { recoveryS: 120 }, {}, { startS: 600, endS: 120, startShiftS: 0, endShiftS: 0, endFollowsStart: false }],
    [
      'recovery before the end',
      { recoveryS: -120 },
      {},
      { startS: 600, endS: 120, startShiftS: 0, endShiftS: -120, endFollowsStart: false },
    ],
    [
      'a ramp-up of two hours is done at the start, not long before',
      { rampUpS: 7_200 },
      {},
      { startS: 1_800, endS: 600, startShiftS: -1_800, endShiftS: 0, endFollowsStart: false },
    ],
    [
      'a recovery of two hours within the event ends with it',
      { recoveryS: -7_200 },
      {},
      { startS: 600, endS: 1_800, startShiftS: 0, endShiftS: -1_800, endFollowsStart: false },
    ],
    [
      'all of it',
      { startafterS: 60, rampUpS: 300, recoveryS: 120 },
      {},
      { startS: 360, endS: 180, startShiftS: -300, endShiftS: 0, endFollowsStart: false },
    ],
    [
      'an emergency is never delayed, its end is',
      { startafterS: 60 },
      { class: 'emergency' },
      { startS: 0, endS: 60, startShiftS: 0, endShiftS: 0, endFollowsStart: false },
    ],
  ] as const)('%s', (_, period, market, expected) => {
    expect(spread(period, market)).toEqual(expected)
  })
})

describe('who and what for', () => {
  const targets = (...list: [string, string][]) => map({ targets: list.map(([kind, id]) => ({ kind, id })) as never })
  it('no target is the whole VEN, as is its own venID', () => {
    expect(mapped({}).targets).toEqual(FLEET)
    expect(mapped({ targets: [{ kind: 'venID', id: 'VEN_1' }] }).targets).toEqual(FLEET)
  })
  it('targets are alternatives: all that are known', () => {
    expect(targets(['groupID', 'feeder-7'], ['resourceID', 'depot'])).toMatchObject({
      kind: 'event',
      event: { targets: [{ node: 7 }, { charger: 3 }] },
      unknownTargets: [],
    })
  })
  it('one that is unknown is named, and load that is ours is shed all the same', () => {
    expect(targets(['groupID', 'feeder-7'], ['groupID', 'feeder-8'])).toMatchObject({
      kind: 'event',
      event: { targets: [{ node: 7 }] },
      unknownTargets: ['groupID feeder-8'],
    })
  })
  it.each([
    ['an unknown group', 'groupID', 'feeder-8'],
    ['another VEN', 'venID', 'VEN_2'],
    ['our venID in other letters [R512]', 'venID', 'ven_1'],
    ['another class of device', 'endDeviceAsset', 'Exterior_Lighting'],
  ])('%s alone is 462', (_, kind, id) => {
    expect(targets([kind, id])).toMatchObject({ kind: 'refused', code: '462' })
  })
  it.each([
    ['Electric_Vehicle', 'event'],
    ['EVSE', 'event'],
    ['Exterior_Lighting', 'refused'],
  ])('a signal for %s: %s [R111]', (id, kind) => {
    expect(map({ signals: [{ ...event().signals[0]!, targets: [{ kind: 'endDeviceAsset', id }] }] }).kind).toBe(kind)
  })
  it('the market context chooses programme, class and basis', () => {
    expect(mapped({}, { class: 'emergency', basis: 'licence 12', programme: 'limits' })).toMatchObject({
      class: 'emergency',
      basis: 'licence 12',
      programme: 'limits',
    })
  })
  it.each([
    ['HTTP://Market.Example/ev-dsr', true],
    ['http://market.example:80/ev-dsr', true],
    ['http://market.example/x/../ev-dsr', true],
    ['http://market.example/%65v-dsr', true],
    ['http://market.example/EV-DSR', false],
    ['http://market.example/ev-dsr/', false],
    ['https://market.example/ev-dsr', false],
    ['ev-dsr', false],
  ])('the context %s is ours: %s [R512]', (marketContext, ours) => {
    expect(map({ marketContext }).kind).toBe(ours ? 'event' : 'refused')
  })
  it('a context that is no URI is compared as it stands', () => {
    expect(normalUri('Programme 1')).toBe('Programme 1')
  })
  it('priority: 1 is the highest there and becomes 0; 0 and none are the lowest there and come last', () => {
    expect([1, 2, 0, undefined].map(p => priorityOf(p))).toEqual([0, 1, 1_000_000, 1_000_000])
  })
  it('silence in mid-event has the failsafe of the market', () => {
    expect(mapped({}, { failsafeW: 4_200 }).liveness).toEqual({ heartbeatS: 20, failsafeW: 4_200 })
    expect(mapped({}, { failsafeW: 4_200, failsafeS: 7_200 }).liveness).toEqual({ heartbeatS: 20, failsafeW: 4_200, failsafeS: 7_200 })
  })
})

describe('the configuration', () => {
  const base: Openadr2bInput = { peer: 'dno', url: 'https://vtn.example/x', markets: [{ context: CONTEXT, programme: 'flex' }] }
  it.each([
    ['an answer time below 5 s', { timeoutMs: 4_999 }],
    ['a peer with a colon', { peer: 'a:b' }],
    ['no market', { markets: [] }],
    ['a basis without an emergency', { markets: [{ context: CONTEXT, programme: 'flex', basis: 'x' }] }],
    [
      'a limit in two units',
      { markets: [{ context: CONTEXT, programme: 'flex', simple: { '1': { kind: 'limitEach', limitA: 6, limitW: 1 } } }] },
    ],
    ['a level 0', { markets: [{ context: CONTEXT, programme: 'flex', simple: { '0': { kind: 'off' } } }] }],
    ['an unknown key', { pollEvery: 3 }],
    ['another scheme', { url: 'ftp://vtn.example' }],
  ])('%s is refused', (_, over) => {
    expect(optionsSchema.safeParse({ ...base, ...over }).success).toBe(false)
    expect(optionsSchema.safeParse(base).success).toBe(true)
  })
})
