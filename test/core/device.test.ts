import { describe, expect, test } from 'vitest'
import { LEASE_S } from '../../src/core/fit.ts'
import { NEVER_S, type Schedule } from '../../src/core/model.ts'
import { LEAD_S } from '../../src/core/reconcile.ts'
import { limitAt, NONE, scheduleOf, UNKNOWN } from '../../src/core/rows.ts'
import { remaining } from '../../src/core/schedule.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

const off = { kind: 'off' } as const
const soon = { class: 'emergency', basis: 'order', ...during(T, T + 3600, off) } as const
const sentTo = (facts: readonly { kind: string }[]) => Array.from(one(facts as never, 'sent')?.who ?? [])

describe('what is sent, and when', () => {
  test('a limit goes out five minutes before it begins, not earlier', () => {
    const b = bed(fleetOfN(2))
    expect(sentTo(b.signal({ ...during(T + 3600, T + 7200, off) }))).toEqual([])
    expect(sentTo(b.until(T + 3600 - LEAD_S - 1))).toEqual([])
    expect(sentTo(b.until(T + 3600 - LEAD_S))).toEqual([0, 1])
  })
  test('nobody is told again who has accepted', () => {
    const b = bed(fleetOfN(2))
    b.signal(soon)
    b.answer('accepted')
    for (const s of [1, 60, 3_599, 4_200, 90_000]) expect(sentTo(b.until(T + s))).toEqual([])
  })
  test('without an answer it is sent again after 15 s, 30 s, 60 s, and then at most every 5 minutes', () => {
    const b = bed(fleetOfN(1))
    b.signal(soon)
    const sends: number[] = []
    for (let s = 1; s < 1_500; s++) if (sentTo(b.until(T + s)).length > 0) sends.push(s)
    expect(sends.slice(0, 5)).toEqual([15, 45, 105, 225, 465])
    expect(sends.slice(5).every((s, k) => s - sends[k + 4]! <= 300)).toBe(true)
  })
  test('nothing is sent to a station that is offline; when it comes back it is told at once', () => {
    const b = bed(fleetOfN(2))
    b.link(false, [1])
    expect(sentTo(b.signal(soon))).toEqual([0])
    expect(sentTo(b.until(T + 600))).toEqual([0])
    expect(sentTo(b.link(true, [1]))).toEqual([1])
  })
  test('an answer to an older command says nothing about the newer one', () => {
    const b = bed(fleetOfN(1))
    b.signal(soon)
    const old = b.s.seq[0]!
    b.until(T + 15)
    b.turn({
      kind: 'outcome',
      who: Uint32Array.of(0),
      seq: Uint16Array.of(old),
      what: Uint8Array.of(0),
      cause: Uint8Array.of(0),
      causes: [''],
    })
    expect(b.s.pending[0]).not.toBe(NONE)
  })
  test('a late answer leaves what is held unknown, and it is told again at once', () => {
    const b = bed(fleetOfN(1))
    b.signal(soon)
    b.answer('unknown')
    expect(b.s.holds[0]).toBe(UNKNOWN)
    expect(sentTo(b.turn({ kind: 'doubt', who: Uint32Array.of(0), why: 'late answer' }))).toEqual([0])
  })
  test('a charger that reboots in mid-event is told again; one that was never limited is not', () => {
    const b = bed(fleetOfN(2))
    b.signal({ ...soon, targets: [{ kind: 'charger', charger: 0 }] })
    b.answer('accepted')
    expect(sentTo(b.turn({ kind: 'doubt', who: Uint32Array.of(0, 1), why: 'rebooted' }))).toEqual([0])
  })
  test('a command that was replaced before it was sent is no answer: the newer one stands', () => {
    const b = bed(fleetOfN(1))
    b.signal(soon)
    b.signal({ ...soon, revision: 1, ...during(T, T + 3600, { kind: 'limitEach', limitW: 2_000 }) })
    expect(scheduleOf(b.s.rows, b.s.pending[0]!)[0]?.limitW).toBe(2_000)
    b.answer('accepted')
    expect(limitAt(b.s.rows, b.s.holds[0]!, T)).toBe(2_000)
  })
  test('the number that pairs answers wraps around and goes on', () => {
    const b = bed(fleetOfN(1))
    b.s.seq[0] = 65_535
    b.signal(soon)
    expect(b.s.seq[0]).toBe(0)
    b.answer('accepted')
    expect(b.s.pending[0]).toBe(NONE)
  })
  test('a refused release is asked again, and never becomes a refusal', () => {
    const b = bed(fleetOfN(1))
    b.signal(soon)
    b.answer('accepted')
    b.signal({ ...soon, revision: 1, intervals: [], stopAtOnce: true })
    expect(one(b.answer('rejected'), 'refused')).toBeUndefined()
    b.until(T + 60)
    b.answer('accepted')
    expect(b.s.holds[0]).toBe(0)
  })
})

describe('a refusal is not an opt-out', () => {
  test('a firmware that says no is left out until that limit would have ended, and is no opted-out driver', () => {
    const b = bed(fleetOfN(3))
    b.signal(soon)
    expect(one(b.answer('rejected', [1]), 'refused')).toMatchObject({ causes: ['said so'] })
    expect(b.wants(T + 10)).toEqual([0, null, 0])
    expect(b.s.optOuts.size).toBe(0)
    b.signal({ id: 'later', ...during(T + 7200, T + 9000, off) })
    expect(b.wants(T + 8000)).toEqual([0, 0, 0])
  })
  test('a box that says no says it for all its connectors', () => {
    const b = bed([{ station: 0, limitsAtStation: true }, { station: 0, limitsAtStation: true }, { station: 1 }])
    b.signal(soon)
    expect(Array.from(one(b.answer('rejected', [0]), 'refused')!.who)).toEqual([0, 1])
    expect(b.wants(T + 10)).toEqual([null, null, 0])
  })
})

describe('a driver opts out', () => {
  test('in mid-event: free at once, and not limited again when the opt-out ends within the interval', () => {
    const b = bed(fleetOfN(2))
    b.signal(soon)
    b.answer('accepted')
    b.until(T + 600)
    expect(sentTo(b.optOut(0, T + 600, T + 1200))).toEqual([0])
    b.answer('accepted')
    b.until(T + 1300)
    b.signal({ id: 'other', ...during(T + 9000, T + 9600, off) })
    expect(b.wants(T + 1400)).toEqual([null, 0])
  })
  test('against an emergency whose programme does not know an override: recorded, without effect', () => {
    const b = bed(fleetOfN(2), { overrideInEmergency: false })
    b.signal(soon)
    b.optOut(0, T, T + 3600)
    expect(b.wants(T + 10)).toEqual([0, 0])
    expect(b.s.optOuts.size).toBe(1)
  })
  test('while its delayed part of an event runs: it counts for that, even outside the event itself', () => {
    const b = bed(fleetOfN(20))
    b.signal({ ...during(T + 3600, T + 3660, off), spread: { ...at, startS: 1_800, endS: 1_800, endFollowsStart: true } })
    const late = b.everyone.find(i => b.want(i)[0]!.fromS > T + 4_600)!
    b.optOut(late, T + 4_500, T + 6_000)
    expect(b.want(late)).toEqual([])
  })
  test('takes it back', () => {
    const b = bed(fleetOfN(1))
    b.optOut(0, T, NEVER_S)
    b.signal(soon)
    expect(b.wants(T + 10)).toEqual([null])
    b.turn({ kind: 'optIn', who: Uint32Array.of(0) })
    expect(b.wants(T + 10)).toEqual([0])
  })
})

describe('edges', () => {
  const spread = { ...at, startS: 600, endS: 300 }
  test('startafter: the end follows the start, so every charger is limited for the full length', () => {
    const b = bed(fleetOfN(50))
    b.signal({ ...during(T + 3600, T + 7200, off), spread: { ...at, startS: 600, endS: 600, endFollowsStart: true } })
    expect(new Set(b.everyone.map(i => b.want(i)[0]!.toS - b.want(i)[0]!.fromS))).toEqual(new Set([3_600]))
  })
  test('a ramp before the start has everyone down when the event begins', () => {
    const b = bed(fleetOfN(50))
    b.signal({ ...during(T + 3600, T + 7200, off), spread: { ...at, startS: 300, startShiftS: -300 } })
    expect(b.wants(T + 3600).every(w => w === 0)).toBe(true)
    expect(b.wants(T + 3300).filter(w => w === 0).length).toBeLessThan(3)
  })
  test('cancelled in the stagger: whoever had begun is let go over the restore window, the others never begin', () => {
    const b = bed(fleetOfN(100))
    b.signal({ ...during(T + 3600, T + 7200, off), spread })
    b.until(T + 3300)
    b.answer('accepted')
    b.until(T + 3900)
    const begun = b.everyone.filter(i => b.want(i)[0]!.fromS < T + 3900)
    expect(begun.length).toBeGreaterThan(40)
    b.signal({ revision: 1, intervals: [], spread })
    for (const i of b.everyone) expect(b.want(i).length, `charger ${i}`).toBe(begun.includes(i) && b.want(i).length ? 1 : 0)
    const ends = begun.flatMap(i => b.want(i).map(x => x.toS))
    expect(Math.max(...ends)).toBeLessThanOrEqual(T + 4200)
    expect(new Set(ends).size).toBeGreaterThan(begun.length / 2)
    expect(b.wants(T + 4201).every(w => w === null)).toBe(true)
  })
  test('cancelled to stop at once: everyone is free at once', () => {
    const b = bed(fleetOfN(10))
    b.signal({ ...during(T, T + 7200, off), spread })
    b.until(T + 900)
    b.signal({ revision: 1, intervals: [], stopAtOnce: true })
    expect(b.wants(T + 900).every(w => w === null)).toBe(true)
  })
  test('cancelled with a recovery before the end: still spread, not in one step', () => {
    const b = bed(fleetOfN(50))
    b.signal({ ...during(T, T + 7200, off), spread: { ...at, endShiftS: -300, endS: 300 } })
    b.until(T + 900)
    b.signal({ revision: 1, intervals: [] })
    expect(new Set(b.everyone.map(i => b.want(i)[0]?.toS)).size).toBeGreaterThan(25)
  })
})

describe('what a charger can hold', () => {
  const steps: { intervals: { fromS: number; toS: number; ask: { kind: 'limitEach'; limitW: number } }[] } = {
    intervals: [1, 2, 3].map(k => ({ fromS: T + 600 * k, toS: T + 600 * (k + 1), ask: { kind: 'limitEach', limitW: 1_000 + 1_000 * k } })),
  }
  /** Plays an hour with prompt answers and returns what the charger holds at each command. */
  function played(depth: number): { atS: number; holds: Schedule }[] {
    const b = bed([{ depth }])
    b.signal(steps)
    const out: { atS: number; holds: Schedule }[] = []
    for (let s = 0; s <= 3600; s++) {
      b.until(T + s)
      if (b.s.pending[0] === NONE) continue
      out.push({ atS: s, holds: remaining(scheduleOf(b.s.rows, b.s.pending[0]!), T + s) })
      b.answer('accepted')
    }
    return out
  }
  test('any schedule: one command', () => {
    expect(played(0).map(x => [x.atS, x.holds.length])).toEqual([[300, 3]])
  })
  test.each([
    // the free stretch before the first limit is a period of its own
    [4, [[300, 3]]],
    [
      3,
      [
        [300, 2],
        [600, 3],
      ],
    ],
    [
      2,
      [
        [300, 1],
        [600, 2],
        [1200, 2],
      ],
    ],
    [
      1,
      [
        [600, 1],
        [1200, 1],
        [1800, 1],
      ],
    ],
  ])('%i periods', (depth, expected) => {
    expect(played(depth).map(x => [x.atS, x.holds.length])).toEqual(expected)
  })
  test('a limit without end is held for a lease, renewed at half of it, each charger at its own second', () => {
    const n = 200
    const b = bed(fleetOfN(n), { endSpreadS: 600 })
    b.signal({ class: 'emergency', basis: 'order', ...during(T, NEVER_S, off) })
    b.answer('accepted')
    const sends: number[] = []
    for (let s = 1; s <= LEASE_S; s++) {
      const who = sentTo(b.until(T + s))
      for (const i of who) {
        expect(limitAt(b.s.rows, b.s.holds[i]!, T + s), 'still limited while it is renewed').toBe(0)
        sends.push(s)
      }
      if (who.length > 0) b.answer('accepted', who)
    }
    expect(sends.length).toBe(2 * n)
    const worstMinute = Math.max(...sends.map(s => sends.filter(x => x >= s && x < s + 60).length))
    expect(worstMinute).toBeLessThan(n / 10)
    const ends = b.everyone.map(i => scheduleOf(b.s.rows, b.s.holds[i]!)[0]!.toS)
    expect(Math.max(...ends)).toBeLessThanOrEqual(T + 2 * LEASE_S + 600)
    expect(new Set(ends).size).toBeGreaterThan(n / 2)
  })
})
