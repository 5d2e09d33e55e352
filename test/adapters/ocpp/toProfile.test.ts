import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { profileId } from '../../../adapters/chargers/foreign.ts'
import { type ProfileRung as Rung, rungsOf } from '../../../adapters/chargers/ladder.ts'
import type { Protocol } from '../../../adapters/chargers/ocppj/frames.ts'
import { violation } from '../../../adapters/chargers/ocppj/schemas.ts'
import { type ProfileContext, toProfile } from '../../../adapters/chargers/toProfile.ts'
import { NEVER_S, type Segment } from '../../../src/core/model.ts'
import type { Capabilities } from '../../../src/ports.ts'
import { capabilities, profileOf, scheduleOf } from './bed.ts'

const nowS = 1_800_000_000
const rung = (purpose: Rung['purpose'], unit: Rung['unit'] = 'A', at: Rung['at'] = purpose === 'tx' ? 'evse' : 'station'): Rung => ({
  purpose,
  at,
  unit,
  stack: 'free',
})
const context = (more: Partial<ProfileContext> = {}): ProfileContext => ({
  protocol: 'ocpp1.6',
  nowS,
  clockOffsetS: 0,
  evseId: 1,
  evseIds: [1],
  stackLevel: 8,
  transactionOf: () => null,
  ceilingW: () => null,
  ...more,
})
type Limits = readonly (readonly [fromS: number, toS: number, limitW: number])[]
const schedule = (limits: Limits): readonly Segment[] =>
  limits.map(([fromS, toS, limitW]) => ({ fromS: nowS + fromS, toS: nowS + toS, limitW, because: 1 }))

type Case = {
  name: string
  limits: Limits
  rung?: Rung
  of?: Partial<Capabilities>
  with?: Partial<ProfileContext>
  urgent?: boolean
}
const drawn = ({ limits, rung: on = rung('stationMax'), of = {}, with: more = {}, urgent = false }: Case) =>
  toProfile({ schedule: schedule(limits), urgent }, { ...capabilities, ...of }, on, context(more))
/** Periods as [seconds from now, limit]. */
const periods = (payload: object, startInPastS = 60): number[][] =>
  scheduleOf(payload as never)['chargingSchedulePeriod'].map((p: { startPeriod: number; limit: number }) => [
    p.startPeriod - startInPastS,
    p.limit,
  ])

describe('a schedule becomes one expiring Absolute profile', () => {
  const cases: (Case & { periods: number[][]; expires: number })[] = [
    { name: 'a limit in force holds since before now', limits: [[-300, 600, 11_040]], periods: [[-60, 16]], expires: 600 },
    {
      name: 'before the first segment the charger is free',
      limits: [[100, 600, 11_040]],
      periods: [
        [-60, 32],
        [100, 16],
      ],
      expires: 600,
    },
    {
      name: 'a gap between segments is free',
      limits: [
        [0, 60, 11_040],
        [120, 180, 6_900],
      ],
      periods: [
        [-60, 16],
        [60, 32],
        [120, 10],
      ],
      expires: 180,
    },
    {
      name: 'equal neighbours are one period',
      limits: [
        [0, 60, 11_040],
        [60, 180, 11_040],
      ],
      periods: [[-60, 16]],
      expires: 180,
    },
    {
      name: 'what is over is left out',
      limits: [
        [-600, -10, 0],
        [-10, 60, 11_040],
      ],
      periods: [[-60, 16]],
      expires: 60,
    },
    {
      name: 'a shallow box holds the first periods and expires there',
      limits: [
        [0, 60, 11_040],
        [60, 120, 8_280],
        [120, 180, 6_900],
      ],
      of: { depth: 2 },
      periods: [
        [-60, 16],
        [60, 12],
      ],
      expires: 120,
    },
    { name: 'without an end it lapses after a day', limits: [[0, NEVER_S, 11_040]], periods: [[-60, 16]], expires: 86_400 },
    { name: 'never more than the rating', limits: [[0, 60, 99_000]], periods: [[-60, 32]], expires: 60 },
  ]
  it.each(cases)('$name', wanted => {
    const made = drawn(wanted)
    expect(made.requests).toHaveLength(1)
    expect(periods(made.requests[0]!.payload)).toEqual(wanted.periods)
    expect(made.expiresS).toBe(nowS + wanted.expires)
    const profile = profileOf(made.requests[0]!.payload)
    expect(profile['chargingProfileKind']).toBe('Absolute')
    expect(Date.parse(scheduleOf(made.requests[0]!.payload)['startSchedule'])).toBe((nowS - 60) * 1000)
    expect(scheduleOf(made.requests[0]!.payload)['duration']).toBe(wanted.expires + 60)
    expect(Date.parse(profile['validTo'])).toBe((nowS + wanted.expires) * 1000)
  })

  it('an emergency begins a day in the past, so that no clock of a box delays it', () => {
    const { requests } = drawn({ name: '', limits: [[0, 600, 0]], urgent: true })
    expect(Date.parse(scheduleOf(requests[0]!.payload)['startSchedule'])).toBe((nowS - 86_400) * 1000)
    expect(periods(requests[0]!.payload, 86_400)).toEqual([[-86_400, 0]])
  })
  it('nothing ahead means nothing to set', () => {
    expect(drawn({ name: '', limits: [] }).requests).toEqual([])
    expect(drawn({ name: '', limits: [[-60, -1, 0]] }).requests).toEqual([])
  })
  it("instants are written by the box's clock", () => {
    const { requests, expiresS } = drawn({ name: '', limits: [[0, 600, 0]], with: { clockOffsetS: 37 } })
    expect(Date.parse(scheduleOf(requests[0]!.payload)['startSchedule'])).toBe((nowS - 60 + 37) * 1000)
    expect(Date.parse(profileOf(requests[0]!.payload)['validTo'])).toBe((nowS + 600 + 37) * 1000)
    expect(expiresS).toBe(nowS + 600)
  })
})

describe('limits are rounded down, to 0 or to at least 6 A', () => {
  const one: Partial<Capabilities> = { phases: 1 }
  const cases: [name: string, limitW: number, unit: 'A' | 'W', of: Partial<Capabilities>, limit: number, floored: string | null][] = [
    ['16 A on three phases', 11_040, 'A', {}, 16, null],
    ['just under 16 A', 11_039, 'A', {}, 15.9, null],
    ['16.1 A survives binary fractions', 16.1 * 690, 'A', {}, 16.1, null],
    ['whole amps', 11_039, 'A', { stepA: 1 }, 15, null],
    ['two-amp steps', 10_350, 'A', { stepA: 2 }, 14, null],
    ['one phase', 3_680, 'A', one, 16, null],
    ['the German 4.2 kW on three phases', 4_200, 'A', {}, 6, null],
    ['the German 4.2 kW on one phase', 4_200, 'A', one, 18.2, null],
    ['below 6 A pauses', 4_139, 'A', {}, 0, 'zero'],
    ['below 6 A where pausing fails', 4_139, 'A', { takesZero: false }, 6, 'min'],
    ['off', 0, 'A', {}, 0, null],
    ['off where pausing fails', 0, 'A', { takesZero: false }, 6, null],
    ['watts are total and whole', 7_000.7, 'W', {}, 7_000, null],
    ['watts below the floor pause', 4_000, 'W', {}, 0, 'zero'],
    ['watts below the floor where pausing fails', 4_000, 'W', { takesZero: false }, 4_140, 'min'],
    ['watts of a box with whole amps', 7_000, 'W', { stepA: 1 }, 6_900, null],
    ['watts on one phase', 4_200, 'W', one, 4_200, null],
  ]
  it.each(cases)('%s', (_name, limitW, unit, of, limit, floored) => {
    const made = drawn({ name: '', limits: [[0, 60, limitW]], rung: rung('stationMax', unit), of })
    expect(scheduleOf(made.requests[0]!.payload)['chargingSchedulePeriod'][0]!.limit).toBe(limit)
    expect(made.floored).toBe(floored)
  })
  it('watts name the phases, amps do not', () => {
    const period = (unit: 'A' | 'W') =>
      scheduleOf(drawn({ name: '', limits: [[0, 60, 3_680]], rung: rung('stationMax', unit), of: one }).requests[0]!.payload)[
        'chargingSchedulePeriod'
      ][0]
    expect(period('W')).toEqual({ startPeriod: 0, limit: 3_680, numberPhases: 1 })
    expect(period('A')).toEqual({ startPeriod: 0, limit: 16 })
  })
})

describe('never above what others have set', () => {
  const ceiling16 = { ceilingW: () => 11_040 }
  it('neither in a segment, nor in a gap, nor before the start', () => {
    const made = drawn({
      name: '',
      limits: [
        [60, 120, 13_800],
        [180, 240, 6_900],
      ],
      with: ceiling16,
    })
    expect(periods(made.requests[0]!.payload)).toEqual([
      [-60, 16],
      [60, 16],
      [120, 16],
      [180, 10],
    ])
  })
  it('a floor does not lift it', () => {
    const made = drawn({ name: '', limits: [[0, 60, 0]], of: { takesZero: false }, with: { ceilingW: () => 5 * 690 } })
    expect(periods(made.requests[0]!.payload)).toEqual([[-60, 5]])
  })
  it('asks for the purpose, the place and the time that would be hidden', () => {
    const asked: unknown[] = []
    const ceilingW: ProfileContext['ceilingW'] = (...question) => {
      asked.push(question)
      return null
    }
    drawn({ name: '', limits: [[60, 120, 0]], rung: rung('txDefault', 'A', 'evse'), with: { ceilingW } })
    expect(asked).toEqual([
      ['txDefault', 1, nowS, nowS + 60],
      ['txDefault', 1, nowS + 60, nowS + 120],
    ])
  })
})

describe('a budget for the box is divided when it becomes a limit for each', () => {
  const of: Partial<Capabilities> = { limitsAt: 'station' }
  const two = { evseIds: [1, 2], transactionOf: (evseId: number) => `tx-${evseId}` }
  const cases: [name: string, Rung, evses: number[], limit: number][] = [
    ['station maximum: one for the box', rung('stationMax'), [0], 32],
    ['default at 0: half for each', rung('txDefault'), [0], 16],
    ['default at each: half for each', rung('txDefault', 'A', 'evse'), [1, 2], 16],
    ['transactions: half for each', rung('tx'), [1, 2], 16],
  ]
  it.each(cases)('%s', (_name, on, evses, limit) => {
    const made = drawn({ name: '', limits: [[0, 60, 22_080]], rung: on, of, with: two })
    expect(made.requests.map(request => request.evseId)).toEqual(evses)
    for (const request of made.requests) expect(periods(request.payload)).toEqual([[-60, limit]])
  })
  it('free is the sum of both', () => {
    const made = drawn({ name: '', limits: [[60, 120, 0]], of, with: two })
    expect(periods(made.requests[0]!.payload)).toEqual([
      [-60, 64],
      [60, 0],
    ])
  })
  it('without a budget a limit is for its own EVSE only', () => {
    const made = drawn({ name: '', limits: [[0, 60, 11_040]], rung: rung('txDefault', 'A', 'evse'), with: { ...two, evseId: 2 } })
    expect(made.requests.map(request => request.evseId)).toEqual([2])
  })
})

describe('each purpose in each version', () => {
  const oracle = createRequire(import.meta.url)
  const strict = (protocol: Protocol): ((payload: unknown) => boolean) => {
    const file = protocol === 'ocpp1.6' ? 'ocpp1_6' : 'ocpp2_0_1'
    const list = oracle(`../../../node_modules/ocpp-rpc/lib/schemas/${file}.json`) as { $id: string }[]
    const { $id: _id, $schema: _schema, ...schema } = list.find(s => s.$id === 'urn:SetChargingProfile.req') as Record<string, unknown>
    const ajv = new Ajv({ strict: false, multipleOfPrecision: 6 })
    ;(addFormats as unknown as (ajv: Ajv) => void)(ajv)
    return ajv.compile(schema)
  }
  const names = {
    'ocpp1.6': { stationMax: 'ChargePointMaxProfile', txDefault: 'TxDefaultProfile', tx: 'TxProfile' },
    'ocpp2.0.1': { stationMax: 'ChargingStationMaxProfile', txDefault: 'TxDefaultProfile', tx: 'TxProfile' },
  }
  for (const protocol of ['ocpp1.6', 'ocpp2.0.1'] as const) {
    const valid = strict(protocol)
    for (const purpose of ['stationMax', 'txDefault', 'tx'] as const)
      for (const unit of ['A', 'W'] as const)
        it(`${protocol} ${purpose} in ${unit} is valid, has our id and no null`, () => {
          const transactionId = protocol === 'ocpp1.6' ? 42 : 'tx-42'
          const made = drawn({
            name: '',
            limits: [[30, 60, 11_109.3]],
            rung: rung(purpose, unit),
            with: { protocol, transactionOf: () => transactionId },
          })
          const { payload } = made.requests[0]!
          expect(violation(protocol, 'SetChargingProfile', 'Request', payload)).toBeNull()
          expect(valid(payload)).toBe(true)
          const text = JSON.stringify(payload)
          expect(text).not.toContain('null')
          const profile = profileOf(payload)
          const evseId = purpose === 'tx' ? 1 : 0
          expect(profile['id'] ?? profile['chargingProfileId']).toBe(profileId(purpose, evseId))
          expect(payload['evseId'] ?? payload['connectorId']).toBe(evseId)
          expect(profile['chargingProfilePurpose']).toBe(names[protocol][purpose])
          expect(profile['transactionId']).toBe(purpose === 'tx' ? transactionId : undefined)
          expect(profile['stackLevel']).toBe(8)
          expect(Array.isArray(profile['chargingSchedule'])).toBe(protocol === 'ocpp2.0.1')
        })
  }
  it('a DC box is limited in watts, and nothing is said of phases', () => {
    const dc: Capabilities = { ...capabilities, current: 'DC', units: ['W'], phases: 1, voltageV: 400, minA: 0, maxA: 375 }
    expect(rungsOf(dc, 1, { how: 'profiles', limits: [] }).every(r => r.unit === 'W')).toBe(true)
    expect(rungsOf({ ...dc, units: ['A', 'W'] }, 1, { how: 'profiles', limits: [] }).every(r => r.unit === 'W')).toBe(true)
    const at = (limitW: number) =>
      scheduleOf(
        toProfile({ schedule: [{ fromS: nowS, toS: nowS + 60, limitW, because: 0 }], urgent: false }, dc, rung('stationMax', 'W'), {
          protocol: 'ocpp2.0.1',
          nowS,
          clockOffsetS: 0,
          evseId: 1,
          evseIds: [1],
          stackLevel: 8,
          transactionOf: () => null,
          ceilingW: () => null,
        }).requests[0]!.payload as never,
      )['chargingSchedulePeriod'][0]
    expect([at(50_000), at(33_333), at(0), at(900_000)]).toEqual([50_000, 33_333, 0, 150_000].map(limit => ({ startPeriod: 0, limit })))
  })
  it('a TxProfile needs a transaction', () => {
    expect(drawn({ name: '', limits: [[0, 60, 0]], rung: rung('tx') }).requests).toEqual([])
  })
  it('the id is the same every time, and another for each EVSE and purpose', () => {
    const ids = [0, 1, 2].flatMap(evseId => (['stationMax', 'txDefault', 'tx'] as const).map(purpose => profileId(purpose, evseId)))
    expect(new Set(ids).size).toBe(9)
    expect(profileId('txDefault', 1)).toBe(7_000_012)
  })
})
