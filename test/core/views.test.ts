import { beforeEach, describe, expect, test } from 'vitest'
import { fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { apply, beginTurn } from '../../src/core/apply.ts'
import type { Ask, Fact, GridEvent, ScheduleColumns } from '../../src/core/model.ts'
import { NEVER_S, outcomeCode } from '../../src/core/model.ts'
import { emptyState, type State } from '../../src/core/state.ts'
import {
  capacity,
  chargersUnder,
  type EachAsk,
  eventSummary,
  isAbove,
  isOnOnePath,
  type Latest,
  limitOf,
  limits,
  nodeRange,
  targetAt,
} from '../../src/core/views.ts'

const nowMs = 1_700_000_000_000
const nowS = nowMs / 1000
let s: State
const put = (...facts: Fact[]) => {
  for (const f of facts) apply(s, f)
}
const at = (ms: number) => beginTurn(s, s.turn + 1, ms)
const all = [{ kind: 'node', node: 0 } as const]
const up = (...stations: number[]): Fact => ({
  kind: 'link',
  stations: Uint32Array.from(stations),
  up: new Uint8Array(stations.length).fill(1),
})
const enrolled = (basis: number[], programme = 'p'): Fact => ({
  kind: 'enrolled',
  programme,
  who: Uint32Array.from(basis, (_, i) => i),
  basis: Uint8Array.from(basis),
})
const latest = (powers: readonly (number | null)[], ageMs = 1000): Latest => ({
  powerW: Float64Array.from(powers, p => p ?? 0),
  atMs: Float64Array.from(powers, p => (p === null ? 0 : nowMs - ageMs)),
})
const schedules = (who: number[], segments: { fromS: number; toS: number; limitW: number }[], because = 0): ScheduleColumns => ({
  who: Uint32Array.from(who),
  ends: Uint32Array.from(who, (_, k) => (k + 1) * segments.length),
  fromS: Uint32Array.from(who.flatMap(() => segments.map(x => x.fromS))),
  toS: Uint32Array.from(who.flatMap(() => segments.map(x => x.toS))),
  limitW: Int32Array.from(who.flatMap(() => segments.map(x => x.limitW))),
  because: Uint32Array.from(who.flatMap(() => segments.map(() => because))),
})
const planned = (schedule: ScheduleColumns): Fact => ({
  kind: 'planned',
  generation: 1,
  algorithm: 'test',
  schedules: schedule,
  unreachable: [],
})
const sent = (who: number[], seq = 1): Fact => ({
  kind: 'sent',
  who: Uint32Array.from(who),
  seq: Uint16Array.from(who, () => seq),
  fitted: schedules([], []),
})
const outcome = (who: number[], kind: keyof typeof outcomeCode, seq = 1): Fact => ({
  kind: 'outcome',
  who: Uint32Array.from(who),
  seq: Uint16Array.from(who, () => seq),
  what: new Uint8Array(who.length).fill(outcomeCode[kind]),
  cause: new Uint8Array(who.length),
  causes: [''],
})
const event = (ask: Ask, change: Partial<GridEvent> = {}): GridEvent => ({
  id: 'a:b:c',
  source: { adapter: 'a', peer: 'b', credential: 'b' },
  upstreamRef: 'c',
  revision: 0,
  class: 'contracted',
  programme: 'p',
  targets: all,
  intervals: [{ fromS: nowS - 60, toS: nowS + 600, ask }],
  spread: 'programme',
  priority: 0,
  stopAtOnce: false,
  test: false,
  duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
  liveness: null,
  basis: null,
  rawHash: '',
  ...change,
})
const none = { startS: 0, endS: 0, startShiftS: 0, endShiftS: 0, endFollowsStart: false }
const begin = (ask: Ask, excluded: number[] = [], change: Partial<GridEvent> = {}) =>
  put(
    { kind: 'signal', event: event(ask, change), seed: new Uint8Array(32), raw: new Uint8Array(0) },
    {
      kind: 'accepted',
      event: 0,
      revision: 0,
      programmeVersion: 1,
      spread: none,
      excluded: Uint32Array.from(excluded),
      why: new Uint8Array(excluded.length).fill(1),
      startRank: new Uint16Array(0),
      endRank: new Uint16Array(0),
    },
  )

/** Eight single-phase 32 A chargers, four stations a site: nodes 0..4 are the levels above two sites, 5 and 6 the sites. */
beforeEach(() => {
  s = emptyState()
  at(nowMs)
  put(fleetOf(Array.from({ length: 8 }, () => ({}))), { kind: 'programme', programme: testProgramme({ id: 'p', floorW: 0 }) })
})
const stationOf = (charger: number) => s.fleet.station[charger]!
const siteOf = (charger: number) => s.fleet.parent[stationOf(charger)]!

describe('the tree', () => {
  test('a node is the chargers below it, targets that overlap count once', () => {
    expect(Array.from(chargersUnder(s.fleet, all))).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    const targets = [
      { kind: 'node', node: siteOf(4) } as const,
      { kind: 'charger', charger: 5 } as const,
      { kind: 'charger', charger: 1 } as const,
    ]
    expect(Array.from(chargersUnder(s.fleet, targets))).toEqual([1, 4, 5, 6, 7])
  })
  test.each([-1, 99, 0.5])('node %s, which is not there, is empty', node => {
    expect(nodeRange(s.fleet, node)).toEqual({ from: 0, to: 0 })
  })
  test('what is above, below or beside', () => {
    expect([isAbove(s.fleet, 0, stationOf(3)), isAbove(s.fleet, stationOf(3), 0)]).toEqual([true, false])
    expect([isOnOnePath(s.fleet, stationOf(3), 0), isOnOnePath(s.fleet, stationOf(3), stationOf(4))]).toEqual([true, false])
  })
})

describe('capacity', () => {
  test('each charger stands in one place, and only the drawing ones count', () => {
    put(enrolled([1, 1, 1, 1, 1, 1, 2, 0]), up(...[0, 1, 2, 3, 4, 6, 7].map(stationOf)))
    put({ kind: 'optOut', who: Uint32Array.of(3), fromS: nowS - 1, toS: nowS + 10, reason: 'driver' })
    put({ kind: 'refused', who: Uint32Array.of(4), toS: Uint32Array.of(nowS + 10), causes: ['x'], cause: Uint8Array.of(0) })
    const seen = capacity(s, all, latest([3000, 0, null, 3000, 3000, 3000, 3000, 3000]), nowMs)
    expect(seen.standing).toEqual({ drawing: 1, idle: 1, unknown: 1, optedOut: 1, refused: 1, offline: 1, unconsented: 1, notEnrolled: 1 })
    expect(seen).toMatchObject({ chargers: 8, online: 7, metered: 7, loadW: 18_000, drawingW: 3000, curtailableW: 3000 })
    expect(seen.dataAge).toEqual({ medianMs: 1000, oldestMs: 1000 })
  })
  test('in two programmes the better one counts, and of equals the lower floor', () => {
    put({ kind: 'programme', programme: testProgramme({ id: 'q', floorW: 1000 }) }, up(...[0, 1, 2].map(stationOf)))
    put(enrolled([2, 1, 1], 'p'), enrolled([1, 1, 0], 'q'))
    const seen = capacity(s, all, latest([3000, 3000, 3000]), nowMs)
    expect(seen.programmes.map(p => [p.programme, p.drawing, p.unconsented, p.curtailableW])).toEqual([
      ['p', 2, 1, 6000],
      ['q', 2, 0, 3240],
    ])
    expect([seen.standing.drawing, seen.curtailableW]).toEqual([3, 7620])
  })
  test('an opt-out that is over, or not yet, does not count', () => {
    put(enrolled([1, 1]), up(stationOf(0), stationOf(1)))
    put({ kind: 'optOut', who: Uint32Array.of(0), fromS: nowS - 20, toS: nowS, reason: 'driver' })
    put({ kind: 'optOut', who: Uint32Array.of(1), fromS: nowS + 1, toS: NEVER_S, reason: 'driver' })
    expect(capacity(s, all, latest([3000, 3000]), nowMs).standing.drawing).toBe(2)
  })
  test('nobody ever metered: no age is invented', () => {
    put(enrolled([1]), up(stationOf(0)))
    expect(capacity(s, all, latest([]), nowMs)).toMatchObject({ dataAge: null, metered: 0, standing: { unknown: 1 } })
  })
})

describe('limits', () => {
  beforeEach(() => {
    put(enrolled([1, 1]), up(stationOf(0), stationOf(1)))
    begin({ kind: 'limitEach', limitW: 2000 })
  })
  const two = [
    { fromS: nowS - 10, toS: nowS + 60, limitW: 2000 },
    { fromS: nowS + 60, toS: nowS + 120, limitW: 2000 },
    { fromS: nowS + 120, toS: nowS + 600, limitW: 1400 },
  ]
  test('adjoining segments of one limit are one', () => {
    put(planned(schedules([0], two)))
    expect(limits(s, 0, nowMs)).toMatchObject({
      now: { fromS: nowS - 10, toS: nowS + 120, limitW: 2000, by: { id: 'a:b:c', class: 'contracted', overrideAllowed: true } },
      next: [{ fromS: nowS + 120, toS: nowS + 600, limitW: 1400 }],
    })
    expect(limits(s, 0, nowMs + 121_000)).toMatchObject({ now: { limitW: 1400 }, next: [] })
    expect(limits(s, 0, nowMs + 600_000)).toMatchObject({ now: null, next: [] })
  })
  test('is known to be held only after the charger has accepted', () => {
    const held = () => limits(s, 0, nowMs)!.held
    put(planned(schedules([0], two)))
    expect(held()).toBe('no')
    put(sent([0]))
    expect(held()).toBe('sent')
    put(outcome([0], 'unknown'))
    expect(held()).toBe('sent')
    put(sent([0], 2), outcome([0], 'accepted', 2))
    expect(held()).toBe('yes')
    put({ kind: 'doubt', who: Uint32Array.of(0), why: 'reboot' })
    expect(held()).toBe('unknown')
  })
  test('nothing lies between the limit of a charger that is not in the fleet and nothing', () => {
    expect(limits(s, 8, nowMs)).toBeUndefined()
    expect(limits(s, 1, nowMs)).toMatchObject({ now: null, held: 'yes', refused: null, optOuts: [] })
  })
  test.each([
    ['emergency', false, false],
    ['emergency', true, true],
    ['contracted', false, true],
  ] as const)('override in an event of class %s, allowed in emergencies %s: %s', (eventClass, overrideInEmergency, allowed) => {
    put({ kind: 'programme', programme: testProgramme({ id: 'p', overrideInEmergency }) })
    put({ kind: 'signal', event: event({ kind: 'off' }, { id: 'x', class: eventClass }), seed: new Uint8Array(32), raw: new Uint8Array(0) })
    put(planned(schedules([0], two, 1)))
    expect(limits(s, 0, nowMs)!.now!.by!.overrideAllowed).toBe(allowed)
  })
})

describe('how far an event is', () => {
  test('every limited charger is answered, silent, in its delay or offline', () => {
    put(up(...[0, 1, 2, 3, 4, 6].map(stationOf)))
    begin({ kind: 'limitEach', limitW: 2000 }, [7])
    const now = [{ fromS: nowS - 10, toS: nowS + 600, limitW: 2000 }]
    const later = [{ fromS: nowS + 10, toS: nowS + 600, limitW: 2000 }]
    put(planned(schedules([0, 1, 2, 5], now)), planned(schedules([3], later)))
    put(sent([0, 1]), outcome([0], 'accepted'), outcome([1], 'unknown'))
    put({ kind: 'optOut', who: Uint32Array.of(4), fromS: nowS, toS: NEVER_S, reason: 'driver' })
    put({ kind: 'refused', who: Uint32Array.of(6), toS: Uint32Array.of(NEVER_S), causes: ['x'], cause: Uint8Array.of(0) })
    const seen = eventSummary(s, 0, nowMs)!
    expect(seen).toMatchObject({
      targeted: 8,
      usable: 7,
      limited: 5,
      answered: 1,
      silent: 2,
      inDelay: 1,
      offline: 1,
      optedOut: 1,
      refused: 1,
    })
    expect(seen).toMatchObject({ excluded: { noConsent: 1 }, limitedNow: 4, limitedToW: 8000, askNow: { kind: 'limitEach', limitW: 2000 } })
    expect(eventSummary(s, 0, nowMs + 700_000)!.askNow).toBeNull()
    expect(eventSummary(s, 5, nowMs)).toBeUndefined()
  })
  test('who is held lower by another event until later is not in a random delay', () => {
    put(up(stationOf(0)))
    begin({ kind: 'limitEach', limitW: 4000 })
    const held = schedules(
      [0],
      [
        { fromS: nowS - 10, toS: nowS + 300, limitW: 0 },
        { fromS: nowS + 300, toS: nowS + 600, limitW: 4000 },
      ],
    )
    put(planned({ ...held, because: Uint32Array.of(9, 0) }), sent([0]), outcome([0], 'accepted'))
    expect(eventSummary(s, 0, nowMs)).toMatchObject({ limited: 1, answered: 1, inDelay: 0 })
  })
  test.each<[Ask, number | null]>([
    [{ kind: 'cap', totalW: 9000 }, 9000],
    [{ kind: 'shed', totalW: 4000 }, 6000],
    [{ kind: 'off' }, 5000],
    [{ kind: 'limitEach', limitW: 2000 }, 2000 + 5000 + 6 * 2000],
    [{ kind: 'limitEach', limitA: 10 }, 2300 + 5000 + 6 * 2300],
    [{ kind: 'keep', fraction: 0.5 }, 3680 + 5000 + 6 * 3680],
  ])('what %o lets the node draw: those who may not be used count with what they draw', (ask, targetW) => {
    begin(ask, [1])
    put({ kind: 'observed', event: 0, who: Uint32Array.of(0, 1), powerW: Int32Array.of(5000, 5000) })
    const e = s.events.get(0)!
    const who = chargersUnder(s.fleet, all)
    expect(targetAt(s, e, who, nowS)).toBe(targetW)
    expect(targetAt(s, e, who, nowS + 600)).toBeNull()
  })
  test.each<[EachAsk, number, number]>([
    [{ kind: 'limitEach', limitW: 8000 }, 0, 7360],
    [{ kind: 'limitEach', limitW: 2000 }, 0, 2000],
    [{ kind: 'limitEach', limitW: 1000 }, 0, 0],
    [{ kind: 'limitEach', limitW: 1000 }, 1400, 0],
    [{ kind: 'limitEach', limitA: 6 }, 0, 1380],
    [{ kind: 'off' }, 1400, 0],
    [{ kind: 'keep', fraction: 0.1 }, 0, 0],
    [{ kind: 'keep', fraction: 0.1 }, 600, 1380],
    [{ kind: 'keep', fraction: 0.1 }, 1500, 1500],
    [{ kind: 'keep', fraction: 1 }, 0, 7360],
  ])('%o with a floor of %i W limits a charger to %i W', (ask, floorW, limitW) => {
    expect(limitOf(s.fleet, 0, ask, floorW)).toBe(limitW)
  })
})
