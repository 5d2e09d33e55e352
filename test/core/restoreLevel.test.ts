import { describe, expect, test } from 'vitest'
import { check } from '../../src/core/check.ts'
import { type Ask, type GridEvent, type Input, type Programme, type Session, sessionPhases } from '../../src/core/model.ts'
import { admit, rebound } from '../../src/core/restore.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { eventSummary } from '../../src/core/views.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

const W = 7_360
const CAP = 1.2
const MAX_S = 3 * 3600
const start = T + 300
const end = T + 3_900

describe('who is let in', () => {
  const queue = (laxityS: number[], extraW = laxityS.map(() => W)) => ({ laxityS, extraW, drawn: laxityS.map((_, k) => 9 - k) })
  test.each<[string, number[], number, boolean, number[]]>([
    ['nobody waits', [], 9 * W, true, []],
    ['the most urgent first, as far as there is room', [30, 10, 20], 2 * W, true, [1, 2]],
    ['no room', [30, 10], W - 1, true, []],
    ['no room, but nobody is served', [30, 10], -5 * W, false, [1]],
    ['equally urgent: as drawn', [10, 10, 10], 2 * W, true, [2, 1]],
  ])('%s', (_, laxityS, room, served, expected) => expect(admit(queue(laxityS), room, served)).toEqual(expected))

  test('a big one is not overtaken for ever by small ones behind it', () =>
    expect(admit(queue([1, 2, 3], [22_000, 3_680, 3_680]), 10_000, true)).toEqual([]))
})

/** Ten chargers, the first five of which draw when the event begins; everyone is paused for an hour. */
function evening(change: Partial<GridEvent> = {}, programme: Partial<Programme> = {}, ask: Ask = { kind: 'off' }) {
  const b = bed(fleetOfN(10), {
    restore: { policy: 'levelCapped', levelCap: CAP, maxS: MAX_S },
    startSpreadS: 0,
    endSpreadS: 0,
    ...programme,
  })
  const drawing = b.everyone.map(i => (i < 5 ? W : 0))
  const sessions = (news: Record<number, Session>): Input => {
    const who = Object.keys(news).map(Number)
    return {
      kind: 'session',
      who: Uint32Array.from(who),
      phase: Uint8Array.from(who, i => sessionPhases.indexOf(news[i]!.phase)),
      departS: Uint32Array.from(who, i => news[i]!.departS ?? 0),
      needWh: Int32Array.from(who, i => news[i]!.needWh ?? -1),
    }
  }
  b.turn(sessions(Object.fromEntries(b.everyone.map(i => [i, { phase: i < 5 ? 'plugged' : 'none' } as const]))))
  b.turn(
    {
      kind: 'signal',
      event: event(0, { ...during(start, end, ask), ...change }),
      seed: new Uint8Array(32).fill(3),
      raw: new Uint8Array(0),
    },
    { kind: 'observed', event: 0, who: Uint32Array.from(b.everyone), powerW: Int32Array.from(drawing) },
  )
  b.answer('accepted')
  const held = () => b.everyone.filter(i => b.want(i).some(x => x.fromS <= b.nowS() && b.nowS() < x.toS))
  return {
    ...b,
    sessions: (news: Record<number, Session>) => b.turn(sessions(news)),
    held,
    free: () => b.everyone.filter(i => !held().includes(i)),
    /** Whoever may charges, and the meters say so. */
    metered: (powerW: (i: number) => number = i => (b.s.phase[i] === 2 && !held().includes(i) ? W : 0)) =>
      b.observed(b.everyone.map(powerW)),
    wrong: () => check(b.s, b.nowS()),
  }
}
const event = (revision: number, change: Partial<GridEvent>): GridEvent => ({
  id: 'a',
  source: { adapter: 't', peer: 'dno', credential: '' },
  upstreamRef: 'a',
  revision,
  class: 'contracted',
  programme: 'flex',
  targets: [{ kind: 'node', node: 0 }],
  spread: 'programme',
  priority: 5,
  stopAtOnce: false,
  test: false,
  duties: { ack: false, started: false, completed: false, telemetryEveryS: 0 },
  liveness: null,
  basis: null,
  rawHash: '',
  intervals: [],
  ...change,
})
const cancel = (change: Partial<GridEvent> = {}): Input => ({
  kind: 'signal',
  event: event(1, change),
  seed: new Uint8Array(32),
  raw: new Uint8Array(0),
})
const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
const whoIn = (facts: ReturnType<ReturnType<typeof bed>['turn']>) => [...(one(facts, 'admitted')?.who ?? [])]

test('an evening shed: cars that came meanwhile wait their turn, the most urgent first, and the load stays within the cap', () => {
  const b = evening()
  b.until(T + 2000)
  b.sessions(Object.fromEntries([5, 6, 7, 8, 9].map(i => [i, { phase: 'plugged', departS: end + 3600 + i, needWh: 2_000 } as const])))
  expect(b.held()).toEqual(all)
  // base 5 x 7.36 kW, cap 1.2: six fit; those who leave in an hour before those who stay the night
  b.until(end)
  expect(b.free()).toHaveLength(6)
  expect(b.free()).toEqual(expect.arrayContaining([5, 6, 7, 8, 9]))
  b.answer('accepted')
  b.until(end + 60)
  expect(whoIn(b.metered())).toEqual([])
  expect(eventSummary(b.s, 0, b.nowS() * 1000)?.restore).toMatchObject({ held: 4, waiting: 4, capW: CAP * 5 * W, activeW: 6 * W })
  // one leaves, one of those who wait takes its place, and the next car there asks again
  const next = whoIn(b.sessions({ 9: { phase: 'none' } }))
  expect(next).toHaveLength(1)
  expect(b.held()).toContain(9)
  expect(whoIn(b.sessions({ 9: { phase: 'plugged', departS: end + 7200 } }))).toEqual([])
  expect(b.held()).toContain(9)
  expect(whoIn(b.sessions({ 8: { phase: 'none' } }))).toEqual([9])
  expect(b.wrong()).toBeUndefined()
})

test('a car that draws less than it may leaves room for the next, once its meter says so', () => {
  const b = evening()
  b.sessions(Object.fromEntries([5, 6, 7, 8, 9].map(i => [i, { phase: 'plugged' } as const])))
  b.until(end)
  expect(b.free()).toHaveLength(6)
  b.until(end + 60)
  b.metered(i => (b.held().includes(i) ? 0 : 2_000))
  expect(b.free().length).toBeGreaterThan(6)
})

test('cancelled half-way: the same queue, from the cancellation on', () => {
  const b = evening()
  b.until(T + 2000)
  b.sessions(Object.fromEntries([5, 6, 7, 8, 9].map(i => [i, { phase: 'plugged' } as const])))
  const facts = b.turn(cancel())
  expect(whoIn(facts)).toHaveLength(6)
  expect(b.free()).toHaveLength(6)
  expect(one(facts, 'restoring')?.who).toHaveLength(10)
})

test.each([
  ['half-way', T + 2000],
  ['in the queue', end + 60],
])('stopped at once, %s: nobody is held', (_, second) => {
  const b = evening()
  b.sessions(Object.fromEntries([5, 6, 7, 8, 9].map(i => [i, { phase: 'plugged' } as const])))
  b.until(second)
  b.turn(cancel({ stopAtOnce: true }))
  expect(b.free()).toEqual(all)
})

test('who was never limited is not held: a cancel before the start, a test', () => {
  for (const change of [{}, { test: true }]) {
    const b = evening(change)
    if (!change.test) b.turn(cancel())
    expect(b.until(end + 1).map(f => f.kind)).not.toContain('restoring')
    expect(b.free()).toEqual(all)
  }
})

test('a driver in the queue takes the charger back: free in that turn, and not fought again when the override is over', () => {
  const b = evening()
  b.sessions(Object.fromEntries([5, 6, 7, 8, 9].map(i => [i, { phase: 'plugged' } as const])))
  b.until(end)
  const waiting = b.held()[0]!
  b.until(end + 30)
  b.optOut(waiting, end + 30, end + 600)
  expect(b.free()).toContain(waiting)
  b.until(end + 700)
  b.metered()
  expect(b.free()).toContain(waiting)
  expect(b.wrong()).toBeUndefined()
})

test('an opt-out of later on does not reach back into the event, and bounds the hold', () => {
  const b = evening()
  b.optOut(7, end + 1800, end + 9000)
  b.until(start + 60)
  expect(b.held()).toEqual(all)
  b.until(end + 1700)
  expect(b.held()).toContain(7)
  b.until(end + 1800)
  b.metered()
  expect(b.free()).toContain(7)
})

test('with a base of nothing one at a time is served, until the time is up', () => {
  const b = evening({}, {}, { kind: 'off' })
  b.s.events.get(0)!.basisW.fill(0)
  b.sessions(Object.fromEntries(all.map(i => [i, { phase: 'plugged' } as const])))
  b.until(end)
  expect(b.free()).toHaveLength(1)
  b.until(end + 60)
  b.metered()
  expect(b.free()).toHaveLength(1)
  b.sessions({ [b.free()[0]!]: { phase: 'satisfied' } })
  b.metered()
  expect(b.free()).toHaveLength(2)
})

test('when the time is up everybody is let go, one after another and never in a step', () => {
  const b = evening()
  b.sessions(Object.fromEntries(all.map(i => [i, { phase: 'plugged' } as const])))
  b.until(end)
  const freed: number[] = []
  let before = b.free().length
  for (let t = end + 30; t <= end + MAX_S + 30; t += 30) {
    b.until(t)
    b.metered()
    expect(b.wrong()).toBeUndefined()
    if (b.free().length > before) freed.push(t)
    before = b.free().length
  }
  expect(b.free()).toEqual(all)
  expect(freed.length).toBeGreaterThanOrEqual(3)
  expect(freed[0]).toBeGreaterThanOrEqual(end + MAX_S - 600)
})

test('nobody waits and the load is within the cap for a while: it is over, and idle chargers are let go', () => {
  const b = evening()
  b.until(end)
  expect(b.free()).toEqual([0, 1, 2, 3, 4])
  let over: number | undefined
  for (let t = end + 30; t < end + 1500; t += 30) {
    if (one([...b.until(t), ...b.metered()], 'restored')) over = t
  }
  expect(over).toBe(end + 600)
  expect(b.free()).toEqual(all)
})

test('the hold is told for a lease at a time: a fleet whose bridge dies comes back by itself, spread', () => {
  const b = evening()
  b.sessions(Object.fromEntries(all.map(i => [i, { phase: 'plugged' } as const])))
  const told = () => b.held().map(i => b.s.rows.toS[b.s.rows.end[b.s.pending[i] === 0xffffffff ? b.s.holds[i]! : b.s.pending[i]!]! - 1]!)
  for (let t = end - 3000; t <= end + 7200; t += 30) {
    b.until(t)
    if (t >= end) b.metered()
    b.answer('accepted')
    for (const toS of told()) {
      expect(toS).toBeGreaterThan(b.nowS())
      expect(toS).toBeLessThanOrEqual(Math.max(end, b.nowS()) + 3_600 + 600)
    }
  }
  expect(new Set(told()).size).toBe(told().length)
})

test('a box that takes one limit for its chargers is held with the sum, and let go with the last', () => {
  const b = bed([{ station: 0, limitsAtStation: true }, { station: 0, limitsAtStation: true }, { station: 1 }], {
    restore: { policy: 'levelCapped', levelCap: 1.1, maxS: MAX_S },
    endSpreadS: 0,
  })
  b.signal({ ...during(start, end, { kind: 'off' }), spread: at })
  b.observed([W, W, 0])
  b.until(end)
  expect(b.wants(end)).toEqual([null, null, 0])
  expect(b.s.events.get(0)!.restore!.heldW).toEqual(Int32Array.of(0, 0, 0))
})

test('the bridge restarts in the queue: the same queue, from the journal or from a snapshot', () => {
  const b = evening()
  b.sessions(Object.fromEntries(all.map(i => [i, { phase: 'plugged' } as const])))
  b.until(end)
  b.until(end + 60)
  b.metered()
  const again = fromBytes(toBytes(b.s))
  expect(stateDigest(again)).toBe(stateDigest(b.s))
  expect([...again.events.get(0)!.restore!.admittedS].filter(x => x > 0)).toHaveLength(6)
})

test.each([
  [3600, 5400, 1.2, 1.667, 12_600],
  [7200, 5400, 1.2, 2.333, 30_600],
  [1800, 5400, 1.5, 1.333, 0],
])('curtailed %d s, a mean charge of %d s, cap %d: rebound %d, clear after %d s', (d, s, c, ratio, clearS) => {
  const r = rebound(d, s, c)
  expect(r.peakRatio).toBeCloseTo(ratio, 3)
  expect(r.clearS).toBeCloseTo(clearS, 6)
})
test('a cap of the level itself never clears by itself', () => expect(rebound(3600, 5400, 1).clearS).toBeNull())

describe('the checker knows what a restore may not do', () => {
  const restoring = () => {
    const b = evening()
    b.sessions(Object.fromEntries(all.map(i => [i, { phase: 'plugged' } as const])))
    b.until(end)
    return { ...b, r: b.s.events.get(0)!.restore!, i: b.held()[0]! }
  }
  test('hold whom it has let in', () => {
    const { r, i, wrong } = restoring()
    r.admittedS[i] = end
    expect(wrong()).toMatch(/has let it in/)
  })
  test('hold somebody lower, or higher, than the event did', () => {
    const { r, i, wrong } = restoring()
    r.heldW[i] = 1_380
    expect(wrong()).toMatch(/had it at 1380 W/)
  })
  test('hold against a driver', () => {
    const { s, i, wrong } = restoring()
    s.optOuts.set(i, [{ fromS: end, toS: end + 60, reason: 'driver' }])
    expect(wrong()).toMatch(/against its driver/)
  })
  test('hold longer than its programme says', () => {
    const { r, wrong } = restoring()
    Object.assign(r, { maxS: 600 })
    expect(wrong()).toMatch(/longer than the restore/)
  })
  test('hold anybody of an event without a level cap, or stopped at once', () => {
    for (const change of [
      { restore: null },
      { cancelledS: end, event: event(1, { ...during(start, end, { kind: 'off' }), stopAtOnce: true }) },
    ]) {
      const b = restoring()
      Object.assign(b.s.events.get(0)!, change)
      expect(b.wrong()).toMatch(/past the end/)
    }
  })
  test('let somebody go before the schedule would have', () => {
    const b = evening({}, { endSpreadS: 600 })
    b.until(end + 1)
    expect(b.wrong()).toBeUndefined()
    b.s.want[b.held()[0]!] = 0
    expect(b.wrong()).toMatch(/before its end/)
  })
})

test('an opt-out that reaches back before the end, told while the ends are spread, frees at once', () => {
  const b = evening({}, { endSpreadS: 600 })
  b.until(end + 1)
  const last = b.held().at(-1)!
  b.optOut(last, start, end + 1200)
  expect(b.free()).toContain(last)
  expect(b.wrong()).toBeUndefined()
})
