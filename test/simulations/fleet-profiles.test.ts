import { describe, expect, test } from 'vitest'
import {
  afterTransaction,
  clear,
  evseLimits,
  type Held,
  type Installing,
  install,
  type Profile,
  type Running,
  type Store,
  stationLimits,
  withoutCentral,
} from '../../simulations/fleet/profiles.ts'

const T0 = Date.UTC(2026, 0, 5, 12)
const at = (s: number) => T0 + s * 1000
const running: Running = { id: '41', startMs: at(-600) }
const context = (version: '1.6' | '2.0.1'): Installing => ({
  version,
  evses: 2,
  maxStackLevel: 10,
  maxPeriods: 24,
  maxProfiles: 20,
  running: n => (n === 1 ? running : undefined),
})

type Wanted = Partial<Omit<Profile, 'schedules'>> & {
  limitA?: number
  steps?: [number, number][]
  durationS?: number
  startS?: number | null
}

const profile = ({ limitA = 10, steps = [[0, limitA]], durationS, startS = -60, ...rest }: Wanted = {}): Profile => ({
  id: 1,
  stackLevel: 0,
  purpose: 'txDefault',
  kind: 'Absolute',
  schedules: [
    {
      id: 1,
      unit: 'A',
      startMs: startS === null ? undefined : at(startS),
      durationS,
      periods: steps.map(([s, limit]) => ({ startS: s, limit })),
    },
  ],
  ...rest,
})

const store = (version: '1.6' | '2.0.1', ...profiles: [number, Wanted][]): Store =>
  profiles.reduce<Store>((held, [evse, wanted]) => {
    const verdict = install(held, evse, profile(wanted), context(version))
    if (verdict.kind === 'rejected') throw new Error(verdict.reason)
    return verdict.store
  }, [])

/** Amps at connector 1, `s` seconds after T0: the least over purposes; undefined for no limit. */
const ampsAt = (held: Store, s: number, tx: Running | null = running): number | undefined => {
  const limits = [...evseLimits(held, 1, at(s), tx ?? undefined), ...stationLimits(held, at(s))].map(l => l.limit)
  return limits.length === 0 ? undefined : Math.min(...limits)
}

describe('which limit holds at an instant', () => {
  // biome-ignore format: a table
  const cases: [clause: string, profiles: [number, Wanted][], expected: Record<number, number | undefined>][] = [
    ['no profile, no limit (1.6 3.13)', [], { 0: undefined }],
    ['the last period holds until the duration ends (1.6 7.13)', [[1, { steps: [[0, 16], [90, 8]], durationS: 180 }]], { 0: 16, 29: 16, 30: 8, 119: 8, 120: undefined }],
    ['a period past the duration is never reached', [[1, { steps: [[0, 16], [300, 8]], durationS: 180 }]], { 119: 16, 120: undefined, 400: undefined }],
    ['before its start an Absolute schedule says nothing', [[1, { startS: 60 }]], { 0: undefined, 59: undefined, 60: 10 }],
    ['validFrom is inclusive, validTo exclusive', [[1, { validFromMs: at(10), validToMs: at(20) }]], { 9: undefined, 10: 10, 19: 10, 20: undefined }],
    ['the highest stack level leads (1.6 3.13.3)', [[1, { id: 1, stackLevel: 0, limitA: 16 }], [1, { id: 2, stackLevel: 3, limitA: 20 }]], { 0: 20 }],
    ['a lapsed level falls to the one below, not to none', [[1, { id: 1, stackLevel: 0, limitA: 16 }], [1, { id: 2, stackLevel: 3, limitA: 8, durationS: 90 }]], { 29: 8, 30: 16 }],
    ['a higher level without end hides the lower for ever', [[1, { id: 1, stackLevel: 0, limitA: 6 }], [1, { id: 2, stackLevel: 1, limitA: 32 }]], { 0: 32, 999999: 32 }],
    ['the least over purposes wins (1.6 3.13.4)', [[0, { id: 1, purpose: 'stationMax', limitA: 12 }], [1, { id: 2, limitA: 20 }]], { 0: 12 }],
    ['a TxProfile replaces the TxDefault even when it is higher', [[1, { id: 1, limitA: 8 }], [1, { id: 2, purpose: 'tx', transactionId: '41', limitA: 20, durationS: 90 }]], { 0: 20, 30: 8 }],
    ['TxDefault at 0 is for every connector', [[0, { limitA: 9 }]], { 0: 9 }],
    ['TxDefault of the connector goes before that of 0 (1.6 3.13.1)', [[0, { id: 1, limitA: 9 }], [1, { id: 2, limitA: 14, stackLevel: 1 }]], { 0: 14 }],
    ['Relative counts from the start of charging', [[1, { kind: 'Relative', startS: null, steps: [[0, 16], [610, 8]], durationS: 700 }]], { 0: 16, 10: 8, 100: undefined }],
    ['Recurring Daily comes back each day', [[1, { kind: 'Recurring', recurrency: 'Daily', startS: 0, durationS: 60 }]], { 0: 10, 60: undefined, 86400: 10, 86460: undefined }],
    ['Recurring Weekly comes back each week', [[1, { kind: 'Recurring', recurrency: 'Weekly', startS: 0, durationS: 60 }]], { 86400: undefined, 604800: 10 }],
  ]
  test.each(cases)('%s', (_clause, profiles, expected) => {
    for (const version of ['1.6', '2.0.1'] as const) {
      const held = store(version, ...profiles)
      for (const [s, amps] of Object.entries(expected)) expect([version, s, ampsAt(held, Number(s))]).toEqual([version, s, amps])
    }
  })

  test('without a transaction a TxProfile says nothing', () => {
    const held = store('2.0.1', [1, { purpose: 'tx', transactionId: '41' }])
    expect(ampsAt(held, 0, null)).toBeUndefined()
    expect(ampsAt(held, 0, { id: '42', startMs: at(0) })).toBeUndefined()
  })

  test('1.6: an Absolute schedule without startSchedule counts from the start of charging (5.16)', () => {
    const held = store('1.6', [1, { startS: null, durationS: 660 }])
    expect([ampsAt(held, 59), ampsAt(held, 60)]).toEqual([10, undefined])
  })
})

describe('what replaces what', () => {
  test('1.6: the same id replaces, on whatever connector', () => {
    const held = store('1.6', [1, { id: 5, limitA: 20 }], [2, { id: 5, limitA: 8 }])
    expect(held.map(h => [h.evse, h.profile.schedules[0]!.periods[0]!.limit])).toEqual([[2, 8]])
  })
  test('1.6: the same purpose and stack level at a connector replaces, under another id (5.16.2)', () => {
    expect(store('1.6', [1, { id: 5, limitA: 20 }], [1, { id: 6, limitA: 8 }]).map(h => h.profile.id)).toEqual([6])
  })
  test('1.6: another level, purpose or connector does not', () => {
    const held = store('1.6', [1, { id: 1 }], [1, { id: 2, stackLevel: 1 }], [0, { id: 3, purpose: 'stationMax' }], [2, { id: 4 }])
    expect(held.map(h => h.profile.id)).toEqual([1, 2, 3, 4])
  })
  test('2.0.1: the same id replaces (K01.FR.05)', () => {
    expect(store('2.0.1', [1, { id: 5, limitA: 20 }], [1, { id: 5, limitA: 8 }])).toHaveLength(1)
  })
  test('a replacement that starts later opens a gap at once', () => {
    const held = store('1.6', [1, { id: 5, limitA: 8 }], [1, { id: 5, limitA: 8, validFromMs: at(60) }])
    expect([ampsAt(held, 0), ampsAt(held, 60)]).toEqual([undefined, 8])
  })
  test("1.6: our station maximum at the installer's level takes the place of the installer's 16 A", () => {
    const preset: Held = { evse: 0, profile: profile({ id: 1, purpose: 'stationMax', limitA: 16 }) }
    const verdict = install([preset], 0, profile({ id: 7000, purpose: 'stationMax', limitA: 20, durationS: 90 }), context('1.6'))
    const held = verdict.kind === 'accepted' ? verdict.store : []
    expect([ampsAt(held, 0), ampsAt(held, 30)]).toEqual([20, undefined])
  })
  test("a locked installer's profile stays below every one of ours", () => {
    const preset: Held = { evse: 0, locked: true, profile: profile({ id: 1, purpose: 'stationMax', limitA: 16 }) }
    for (const version of ['1.6', '2.0.1'] as const) {
      const verdict = install([preset], 0, profile({ id: 7000, limitA: 20, durationS: 90 }), context(version))
      const held = verdict.kind === 'accepted' ? verdict.store : []
      expect([ampsAt(held, 0), ampsAt(held, 30), ampsAt(clear(held, {}).store, 0)]).toEqual([16, 16, 16])
    }
  })
})

describe('what is refused', () => {
  // biome-ignore format: a table
  const cases: [string, '1.6' | '2.0.1', [number, Wanted][], [number, Wanted], string][] = [
    ['2.0.1: the same slot under another id (K01.FR.06)', '2.0.1', [[1, { id: 5 }]], [1, { id: 6 }], 'DuplicateProfile'],
    ['2.0.1: TxDefault at 0 beside one at an EVSE (K01.FR.52)', '2.0.1', [[1, { id: 5 }]], [0, { id: 6 }], 'DuplicateProfile'],
    ['2.0.1: TxDefault at an EVSE beside one at 0 (K01.FR.53)', '2.0.1', [[0, { id: 5 }]], [1, { id: 6 }], 'DuplicateProfile'],
    ['2.0.1: TxProfile of the same transaction and level (K01.FR.39)', '2.0.1', [[1, { id: 5, purpose: 'tx', transactionId: '41' }]], [1, { id: 6, purpose: 'tx', transactionId: '41' }], 'DuplicateProfile'],
    ['2.0.1: TxProfile without transactionId (K01.FR.03)', '2.0.1', [], [1, { purpose: 'tx' }], 'MissingParam'],
    ['2.0.1: external constraints are not ours to set (K01.FR.22)', '2.0.1', [], [0, { purpose: 'external' }], 'UnsupportedPurpose'],
    ['2.0.1: Absolute needs a start (K01.FR.40)', '2.0.1', [], [1, { startS: null }], 'InvalidSchedule'],
    ['2.0.1: Relative has no start (K01.FR.41)', '2.0.1', [], [1, { kind: 'Relative' }], 'InvalidSchedule'],
    ['a station maximum is not Relative (K01.FR.38)', '2.0.1', [], [0, { purpose: 'stationMax', kind: 'Relative', startS: null }], 'InvalidProfile'],
    ['a station maximum is for connector 0 only', '1.6', [], [1, { purpose: 'stationMax' }], 'InvalidProfile'],
    ['a TxProfile is for one connector', '1.6', [], [0, { purpose: 'tx' }], 'InvalidProfile'],
    ['a TxProfile needs a running transaction', '1.6', [], [2, { purpose: 'tx' }], 'TxNotFound'],
    ['a TxProfile for another transaction', '1.6', [], [1, { purpose: 'tx', transactionId: '42' }], 'TxNotFound'],
    ['Recurring needs its recurrence', '1.6', [], [1, { kind: 'Recurring' }], 'InvalidProfile'],
    ['the first period starts at 0', '1.6', [], [1, { steps: [[5, 10]] }], 'InvalidSchedule'],
    ['periods go forward', '1.6', [], [1, { steps: [[0, 10], [60, 8], [60, 9]] }], 'InvalidSchedule'],
    ['no period at all', '1.6', [], [1, { steps: [] }], 'InvalidSchedule'],
    ['too many periods', '1.6', [], [1, { steps: Array.from({ length: 25 }, (_, i): [number, number] => [i, 10]) }], 'TooManyPeriods'],
    ['a stack level above the highest', '1.6', [], [1, { stackLevel: 11 }], 'InvalidStackLevel'],
  ]
  test.each(cases)('%s', (_why, version, before, [evse, wanted], reason) => {
    expect(install(store(version, ...before), evse, profile(wanted), context(version))).toEqual({ kind: 'rejected', reason })
  })

  test('2.0.1: one slot may hold two profiles whose validity does not meet', () => {
    const held = store('2.0.1', [1, { id: 5, validToMs: at(60) }], [1, { id: 6, validFromMs: at(60), limitA: 8 }])
    expect([ampsAt(held, 0), ampsAt(held, 60)]).toEqual([10, 8])
  })

  test('more profiles than the box can hold', () => {
    const tight = { ...context('1.6'), maxProfiles: 1 }
    const held = store('1.6', [1, { id: 1 }])
    expect(install(held, 2, profile({ id: 2 }), tight)).toEqual({ kind: 'rejected', reason: 'RateLimitExceeded' })
    expect(install(held, 1, profile({ id: 1, limitA: 8 }), tight).kind).toBe('accepted')
  })
})

describe('clearing', () => {
  const held = store('1.6', [0, { id: 1, purpose: 'stationMax' }], [1, { id: 2 }], [1, { id: 3, stackLevel: 1 }], [2, { id: 4 }])
  const external: Held = { evse: 0, source: 'EMS', profile: profile({ id: 9, purpose: 'external' }) }
  test.each<[string, Parameters<typeof clear>[1], number[]]>([
    ['nothing given clears all', {}, []],
    ['by id', { id: 3 }, [1, 2, 4]],
    ['by purpose', { purpose: 'txDefault' }, [1]],
    ['every criterion must be met', { evse: 1, purpose: 'txDefault', stackLevel: 0 }, [1, 3, 4]],
    ['connector 0 is the station, not all connectors', { evse: 0 }, [2, 3, 4]],
    ['an unknown id clears nothing', { id: 77 }, [1, 2, 3, 4]],
  ])('%s', (_what, filter, left) => {
    const result = clear(held, filter)
    expect(result.store.map(h => h.profile.id)).toEqual(left)
    expect(result.cleared).toBe(held.length - left.length)
  })
  test('external constraints stay (K10)', () => expect(clear([external], {}).store).toEqual([external]))
  test('the end of a transaction takes its TxProfiles along', () => {
    const all = store('1.6', [1, { id: 1 }], [1, { id: 2, purpose: 'tx' }])
    expect(afterTransaction(all, 1).map(h => h.profile.id)).toEqual([1])
    expect(afterTransaction(all, 2)).toBe(all)
  })
  test('a box that forgets the central system keeps what others set', () => {
    const locked: Held = { evse: 0, locked: true, profile: profile({ id: 8 }) }
    expect(withoutCentral([...held, external, locked])).toEqual([external, locked])
  })
})
