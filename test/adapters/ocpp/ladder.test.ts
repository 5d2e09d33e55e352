import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  ceilingW,
  type Foreign,
  type ForeignLimit,
  foreignComposite,
  foreignProfile,
  freeStackLevel,
  isOurs,
  profileId,
  unread,
} from '../../../adapters/chargers/foreign.ts'
import { formatRung, next, rungsOf, startAt } from '../../../adapters/chargers/ladder.ts'
import { capabilities } from './bed.ts'

const nothingThere: Foreign = { how: 'profiles', limits: [] }
const names = (...given: Parameters<typeof rungsOf>): string[] => rungsOf(...given).map(formatRung)

describe('the ladder of a box', () => {
  it('goes from the station maximum to the transaction, each in amps, then watts, high, then at level 0', () => {
    expect(names({ ...capabilities, maxStackLevel: 1 }, 1, nothingThere)).toEqual([
      'stationMax@station A free',
      'stationMax@station A zero',
      'stationMax@station W free',
      'stationMax@station W zero',
      'txDefault@station A free',
      'txDefault@station A zero',
      'txDefault@station W free',
      'txDefault@station W zero',
      'txDefault@evse A free',
      'txDefault@evse A zero',
      'txDefault@evse W free',
      'txDefault@evse W zero',
      'tx@evse A free',
      'tx@evse A zero',
      'tx@evse W free',
      'tx@evse W zero',
    ])
  })
  it('has one level where the box has one', () => {
    expect(names({ ...capabilities, maxStackLevel: 0, units: ['W'] }, 1, nothingThere)).toEqual([
      'stationMax@station W free',
      'txDefault@station W free',
      'txDefault@evse W free',
      'tx@evse W free',
    ])
  })
  it('starts at the defaults, not at the station maximum, where nothing could be read', () => {
    expect(names(capabilities, 1, unread)[0]).toBe('txDefault@station A free')
  })
  it('leaves out what binds all EVSEs where each is limited for itself', () => {
    expect(names({ ...capabilities, units: ['A'], maxStackLevel: 0 }, 2, nothingThere)).toEqual(['txDefault@evse A free', 'tx@evse A free'])
    expect(names({ ...capabilities, units: ['A'], maxStackLevel: 0, limitsAt: 'station' }, 2, nothingThere)[0]).toBe(
      'stationMax@station A free',
    )
  })

  const rungs = rungsOf({ ...capabilities, maxStackLevel: 1 }, 1, nothingThere)
  const cases: [answer: string, next: string | null][] = [
    ['Rejected', 'stationMax@station A zero'],
    ['PropertyConstraintViolation', 'stationMax@station A zero'],
    ['SomethingNobodyKnows', 'stationMax@station A zero'],
    ['InvalidStackLevel', 'stationMax@station A zero'],
    ['UnsupportedRateUnit', 'stationMax@station W free'],
    ['NotSupported', 'txDefault@station A free'],
    ['UnsupportedPurpose', 'txDefault@station A free'],
    ['noStackLevel', 'txDefault@station A free'],
    ['unmoved', 'txDefault@station A free'],
    ['NotImplemented', null],
  ]
  it.each(cases)('after %s comes %s', (answer, after) => {
    const at = next(rungs, 0, answer)
    expect(at < 0 ? null : formatRung(rungs[at]!)).toBe(after)
  })
  it('ends', () => {
    let at = 0
    let steps = 0
    while ((at = next(rungs, at, 'Rejected')) >= 0) steps++
    expect(steps).toBe(rungs.length - 1)
    expect(next(rungs, rungs.length - 1, 'unmoved')).toBe(-1)
  })
  it('begins at the remembered rung, at the first if the box has no such rung', () => {
    expect(startAt(rungs, 'txDefault@evse W zero')).toBe(11)
    expect(startAt(rungs, 'vendorKey')).toBe(0)
    expect(startAt(rungs, undefined)).toBe(0)
  })
})

const limit = (more: Partial<ForeignLimit>): ForeignLimit => ({
  purpose: 'txDefault',
  evseId: 0,
  stackLevel: 0,
  repeats: 'once',
  startS: 1_000,
  durationS: Number.POSITIVE_INFINITY,
  validFromS: 0,
  validToS: Number.POSITIVE_INFINITY,
  periods: [{ atS: 0, limitW: 11_040 }],
  ...more,
})
const among = (...limits: ForeignLimit[]): Foreign => ({ how: 'profiles', limits })

describe('what others have set is a ceiling for what would hide it', () => {
  const cases: [name: string, Foreign, purpose: 'stationMax' | 'txDefault' | 'tx', evseId: number, ceiling: number | null][] = [
    ['a default under our default', among(limit({})), 'txDefault', 0, 11_040],
    ['a default at 0 under ours at an EVSE', among(limit({})), 'txDefault', 1, 11_040],
    ['a default under our transaction limit, which replaces it', among(limit({})), 'tx', 1, 11_040],
    ['a default beside our station maximum composes by itself', among(limit({})), 'stationMax', 0, null],
    ['a station maximum beside our default composes by itself', among(limit({ purpose: 'stationMax' })), 'txDefault', 1, null],
    ['a station maximum under ours', among(limit({ purpose: 'stationMax' })), 'stationMax', 0, 11_040],
    ['a default of the other EVSE', among(limit({ evseId: 2 })), 'txDefault', 1, null],
    ['whoever is behind a composite', among(limit({ purpose: 'any' })), 'stationMax', 0, 11_040],
    ['the least of several', among(limit({}), limit({ stackLevel: 3, periods: [{ atS: 0, limitW: 6_900 }] })), 'txDefault', 1, 6_900],
  ]
  it.each(cases)('%s', (_name, foreign, purpose, evseId, ceiling) => {
    expect(ceilingW(foreign, purpose, evseId, 2_000, 3_000)).toBe(ceiling)
  })
  const times: [name: string, Partial<ForeignLimit>, fromS: number, toS: number, ceiling: number | null][] = [
    ['before it starts', {}, 0, 1_000, null],
    ['after its duration', { durationS: 100 }, 1_100, 1_200, null],
    ['after its validity', { validToS: 1_500 }, 1_500, 1_600, null],
    [
      'its least in the span',
      {
        periods: [
          { atS: 0, limitW: 9_000 },
          { atS: 50, limitW: 5_000 },
          { atS: 80, limitW: 8_000 },
        ],
      },
      1_000,
      1_100,
      5_000,
    ],
    [
      'relative: its least, always',
      {
        repeats: 'flat',
        periods: [
          { atS: 0, limitW: 9_000 },
          { atS: 3_600, limitW: 5_000 },
        ],
      },
      10,
      20,
      5_000,
    ],
    ['daily, two days later', { repeats: 'daily', durationS: 100 }, 1_000 + 2 * 86_400 + 10, 1_000 + 2 * 86_400 + 20, 11_040],
    ['daily, outside its hours', { repeats: 'daily', durationS: 100 }, 1_000 + 2 * 86_400 + 200, 1_000 + 2 * 86_400 + 300, null],
    ['daily, begins within the span', { repeats: 'daily', durationS: 100 }, 1_000 + 86_400 - 50, 1_000 + 86_400 + 5, 11_040],
  ]
  it.each(times)('%s', (_name, more, fromS, toS, ceiling) => {
    expect(ceilingW(among(limit(more)), 'txDefault', 1, fromS, toS)).toBe(ceiling)
  })
})

describe('a stack level is taken only where it is free', () => {
  const composite16: Foreign = { how: 'composite', limits: [limit({ purpose: 'any' })] }
  const cases: [name: string, Foreign, purpose: 'txDefault' | 'tx', stack: 'free' | 'zero', max: number, level: number | null][] = [
    ['nothing there: the highest', nothingThere, 'txDefault', 'free', 8, 8],
    ['nothing there: 0 where the box wants it', nothingThere, 'txDefault', 'zero', 8, 0],
    ["above an installer's", among(limit({ stackLevel: 2 })), 'txDefault', 'free', 8, 8],
    ["never at an installer's", among(limit({ stackLevel: 8 })), 'txDefault', 'free', 8, null],
    ["never under an installer's", among(limit({ stackLevel: 2 })), 'txDefault', 'zero', 8, null],
    ['a composite limit may sit on any low level', composite16, 'txDefault', 'zero', 8, null],
    ['a composite limit: the highest', composite16, 'txDefault', 'free', 8, 8],
    ['a composite limit and one level only', composite16, 'txDefault', 'free', 0, null],
    ['nothing could be read: the highest', unread, 'txDefault', 'free', 3, 3],
    ['nothing could be read and one level only', unread, 'txDefault', 'free', 0, null],
    ['a transaction is nobody else’s', unread, 'tx', 'free', 0, 0],
  ]
  it.each(cases)('%s', (_name, foreign, purpose, stack, max, level) => {
    expect(freeStackLevel(foreign, purpose, 1, stack, max)).toBe(level)
  })
})

describe('reading what is there', () => {
  const installer = {
    id: 1,
    stackLevel: 0,
    chargingProfilePurpose: 'TxDefaultProfile',
    chargingProfileKind: 'Absolute',
    chargingSchedule: [
      { id: 1, startSchedule: '2026-01-01T00:00:00Z', chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] },
    ],
  }
  it('a profile of an installer, in watts', () => {
    expect(foreignProfile(installer, 0, capabilities)).toMatchObject({
      purpose: 'txDefault',
      evseId: 0,
      stackLevel: 0,
      repeats: 'once',
      periods: [{ atS: 0, limitW: 11_040 }],
    })
  })
  it('its instants are those of the box: by its clock, and UTC where it names no zone, wherever we run', () => {
    vi.stubEnv('TZ', 'America/New_York')
    onTestFinished(() => void vi.unstubAllEnvs())
    const [schedule] = installer.chargingSchedule
    const unzoned = {
      ...installer,
      validTo: '2026-01-02T00:00:00',
      chargingSchedule: [{ ...schedule, startSchedule: '2026-01-01T00:00:00' }],
    }
    const startS = Date.UTC(2026, 0, 1) / 1000
    expect(foreignProfile(unzoned, 0, capabilities)).toMatchObject({ startS, validToS: startS + 86_400, validFromS: 0 })
    expect(foreignProfile(unzoned, 0, capabilities, 3_600_000)).toMatchObject({ startS: startS - 3_600, validToS: startS + 82_800 })
  })
  it('ours is not foreign, and the box composes external constraints itself', () => {
    expect(isOurs(profileId('tx', 4))).toBe(true)
    expect(foreignProfile({ ...installer, id: profileId('txDefault', 0) }, 0, capabilities)).toBeNull()
    expect(foreignProfile({ ...installer, chargingProfilePurpose: 'ChargingStationExternalConstraints' }, 0, capabilities)).toBeNull()
  })
  const composite = (...limits: number[]) => ({
    chargingRateUnit: 'A',
    chargingSchedulePeriod: limits.map((l, k) => ({ startPeriod: k * 60, limit: l })),
  })
  it('a composite at the rating is no limit, one below it is', () => {
    expect(foreignComposite(composite(32), 1, 0, capabilities)).toEqual([])
    expect(foreignComposite(composite(-1), 1, 0, capabilities)).toEqual([])
    expect(foreignComposite(composite(32, 16), 1, 0, capabilities)).toMatchObject([{ purpose: 'any', periods: [{ limitW: 11_040 }] }])
  })
  it('no schedule or no periods say nothing', () => {
    expect(foreignComposite(undefined, 1, 0, capabilities)).toBeNull()
    expect(foreignComposite(composite(), 1, 0, capabilities)).toBeNull()
  })
})
