import { describe, expect, test } from 'vitest'
import { check } from '../../src/core/check.ts'
import { decode, encode } from '../../src/core/codec.ts'
import type { Fact, Input, Programme, SessionPhase } from '../../src/core/model.ts'
import { nodeKinds, sessionPhases } from '../../src/core/model.ts'
import { branchesBack } from '../../src/core/pickUp.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const W = 7_360
const CAP = 1.5
const N = 20
const levelCapped = { policy: 'levelCapped', levelCap: CAP, maxS: 7_200 } as const

/** Two feeders of ten chargers each, four of which drew on either before the cut; now a car that wants to charge stands at each. */
function street(programme: Partial<Programme> = {}, spec: Parameters<typeof fleetOfN>[1] = {}, n = N) {
  const b = bed(fleetOfN(n, spec), { restore: levelCapped, ...programme }, { perSite: 5, perFeeder: 2 })
  const f = b.s.fleet
  const feederOf = (i: number) => f.parent[f.parent[f.station[i]!]!]!
  const cars = (who: readonly number[], phase: SessionPhase = 'plugged') =>
    b.turn({
      kind: 'session',
      who: Uint32Array.from(who),
      phase: new Uint8Array(who.length).fill(sessionPhases.indexOf(phase)),
      departS: new Uint32Array(who.length),
      needWh: new Int32Array(who.length).fill(-1),
    })
  const booted = (
    who: readonly number[],
    seen: { who?: readonly number[]; powerW?: (i: number) => number; readS?: number } = {},
  ): Input => {
    const all = seen.who ?? b.everyone
    return {
      kind: 'booted',
      stations: Uint32Array.from(new Set(who.map(i => f.station[i]!))),
      who: Uint32Array.from(all),
      powerW: Int32Array.from(all, seen.powerW ?? (i => (i % 10 < 4 ? W : 0))),
      readS: new Uint32Array(all.length).fill(seen.readS ?? T - 600),
    }
  }
  const held = () => b.everyone.filter(i => b.want(i).some(x => x.fromS <= b.nowS() && b.nowS() < x.toS))
  cars(b.everyone)
  return {
    ...b,
    f,
    feederOf,
    cars,
    booted,
    boots: (who: readonly number[], seen: Parameters<typeof booted>[1] = {}) => b.turn(booted(who, seen)),
    held,
    wrong: () => check(b.s, b.nowS()),
  }
}
const kinds = (facts: readonly Fact[]) => facts.map(f => f.kind)
const first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

describe('when a branch is back', () => {
  test('five of ten stations within a minute: not four, not over two minutes', () => {
    const b = street()
    b.until(T + 10)
    expect(kinds(b.boots([0, 1, 2, 3]))).not.toContain('outage')
    b.until(T + 80)
    expect(kinds(b.boots([4, 5, 6]))).not.toContain('outage')
    b.until(T + 90)
    expect(one(b.boots([7, 8]), 'outage')).toMatchObject({ node: b.feederOf(0), programme: 'flex', backS: T + 80, atS: T + 90 })
  })
  test('not for less than three in ten of a long feeder', () => {
    const b = bed(fleetOfN(40), { restore: levelCapped }, { perSite: 40 })
    const back = (n: number) =>
      branchesBack(
        b.s,
        Array.from({ length: n }, (_, i) => b.s.fleet.station[i]!),
        T,
      )
    expect(back(11)).toEqual([])
    expect(back(12)).toHaveLength(1)
  })
  test('the feeders, each by itself; what is above them only where none of them is enough by itself', () => {
    const b = street()
    const stations = (who: readonly number[]) => who.map(i => b.f.station[i]!)
    expect(branchesBack(b.s, stations(first), T)).toEqual([b.feederOf(0)])
    expect(branchesBack(b.s, stations(b.everyone), T)).toEqual([b.feederOf(0), b.feederOf(10)])
    const spread = branchesBack(b.s, stations([0, 1, 2, 10, 11, 12]), T)
    expect(spread).toEqual([b.f.parent[b.feederOf(0)]])
  })
  test('a whole region: where more feeders come back than can be looked after one by one, what is above them', () => {
    const b = bed(fleetOfN(200), { restore: levelCapped }, { perSite: 5, perFeeder: 1, perPrimary: 4, perGsp: 100 })
    const { fleet: f } = b.s
    const kindsBack = (n: number) => branchesBack(b.s, f.station.subarray(0, 5 * n), T).map(node => nodeKinds[f.nodeKind[node]!])
    expect(kindsBack(16)).toEqual(Array.from({ length: 16 }, () => 'feeder'))
    // the fifth primary too: half of its feeders are back
    expect(new Set(kindsBack(18))).toEqual(new Set(['primary']))
    expect(kindsBack(40)).toHaveLength(10)
  })
  test('once an hour on one branch, whatever starts again there', () => {
    const b = street()
    b.until(T + 10)
    expect(kinds(b.boots(first))).toContain('outage')
    b.until(T + 1_800)
    expect(kinds(b.boots(b.everyone))).toContain('outage')
    expect(b.s.events.size).toBe(2)
    b.until(T + 3_600)
    expect(kinds(b.boots(first))).not.toContain('outage')
    b.until(T + 3_700)
    expect(kinds(b.boots(first))).toContain('outage')
  })
  test('only where a programme lets load back by level, and has somebody there', () => {
    const uniform = street({ restore: { policy: 'uniform' } })
    expect(kinds(uniform.boots(first))).not.toContain('outage')
    expect(uniform.s.boots.size).toBe(0)
    const b = street()
    b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.from(first), basis: new Uint8Array(10).fill(2) })
    expect(kinds(b.boots(first))).not.toContain('outage')
    expect(kinds(b.boots([10, 11, 12, 13, 14]))).toContain('outage')
  })
  test('boxes that the fleet does not have start, and nothing happens', () => {
    const b = street()
    expect(kinds(b.turn({ ...b.booted([]), stations: Uint32Array.of(900, 901, 902, 903, 904) } as Input))).toEqual(['booted'])
  })
})

describe('who comes back', () => {
  test('as many as the load before leaves room for, by level, and the other feeder is left alone', () => {
    const b = street()
    b.until(T + 10)
    const facts = b.boots(first)
    expect(one(facts, 'restoring')?.who).toHaveLength(10)
    // four drew before, and six of them fit at 1.5 times
    expect(one(facts, 'admitted')?.who).toHaveLength(6)
    expect(b.held()).toHaveLength(4)
    expect(b.held().every(i => i < 10)).toBe(true)
    expect(b.wrong()).toBeUndefined()
    b.until(T + 60)
    expect(b.held()).toHaveLength(4)
    const done = first.find(i => !b.held().includes(i))!
    expect(one(b.cars([done], 'none'), 'admitted')?.who).toHaveLength(1)
    expect(b.wrong()).toBeUndefined()
  })
  test('those that the meter shows charging again count in the load and go on, whatever room there is', () => {
    const b = street()
    b.until(T + 10)
    b.boots([0, 1, 2, 3])
    b.until(T + 40)
    const facts = b.boots([4], { powerW: i => (i < 4 ? W : 0), readS: T + 30 })
    expect(facts.flatMap(f => (f.kind === 'admitted' ? [...f.who] : [])).slice(0, 4)).toEqual([0, 1, 2, 3])
    expect([0, 1, 2, 3].filter(i => b.held().includes(i))).toEqual([])
    // what they drew before the cut is what counts before, not what they draw now
    expect(b.s.events.get(0)!.basisW.slice(0, 10)).toEqual(Int32Array.of(W, W, W, W, 0, 0, 0, 0, 0, 0))
  })
  test('nobody without consent, nobody who has opted out or whose box refuses', () => {
    const b = street()
    b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.of(1, 2), basis: Uint8Array.of(2, 0) })
    b.optOut(3, T - 60, T + 9_000)
    b.until(T + 10)
    const facts = b.boots(first, { powerW: () => 0 })
    const who = [...one(facts, 'restoring')!.who]
    expect(who).toHaveLength(7)
    for (const i of [1, 2, 3]) expect(who).not.toContain(i)
    expect(b.wrong()).toBeUndefined()
  })
  test('a driver who takes the charger back is free at once and for good', () => {
    const b = street()
    b.until(T + 10)
    b.boots(first)
    const i = b.held()[0]!
    b.optOut(i, T + 10, T + 600)
    expect(b.held()).not.toContain(i)
    b.until(T + 700)
    expect(b.held()).not.toContain(i)
  })
  test('cars that cannot be paused, and programmes with a floor, keep their least', () => {
    for (const [programme, spec] of [
      [{}, { pauses: false }],
      [{ floorW: 1_380 }, {}],
    ] as const) {
      const b = street(programme, spec)
      b.until(T + 10)
      b.boots(first, { powerW: () => 0 })
      const limits = new Set(b.held().map(i => b.want(i).at(-1)!.limitW))
      expect([...limits]).toEqual([1_380])
    }
  })
  test('without a reading and without a word of a car, nothing tells that more comes back than was there: nobody waits', () => {
    const b = bed(fleetOfN(10), { restore: levelCapped }, { perSite: 10 })
    const stations = Uint32Array.from(b.everyone, i => b.s.fleet.station[i]!)
    b.turn({ kind: 'booted', stations, who: new Uint32Array(0), powerW: new Int32Array(0), readS: new Uint32Array(0) })
    expect(b.wants(T).every(w => w === null)).toBe(true)
  })
  test('who was limited by an event when the supply failed counts with what it drew before that', () => {
    const b = street()
    b.signal({ ...during(T + 60, T + 7_000, { kind: 'off' }) })
    b.observed(b.everyone.map(() => W))
    b.until(T + 600)
    b.boots(first, { powerW: () => 0 })
    expect(
      b.s.events
        .get(1)!
        .basisW.slice(0, 10)
        .every(w => w === W),
    ).toBe(true)
    expect(b.held()).toEqual(b.everyone)
    b.until(T + 7_000)
    expect(b.held()).toEqual([])
  })
  test('a bound on what may come back within a minute holds for them too', () => {
    const b = street()
    b.turn({ kind: 'bounds', bounds: [{ node: b.feederOf(0), wPerMinute: 2 * W }] })
    b.until(T + 10)
    b.boots(first)
    expect(b.held()).toHaveLength(8)
    let free = 2
    for (let t = T + 20; t <= T + 600; t += 10) {
      const inWindow = b.s.events.get(0)!.restore!.admittedS.filter(x => x > t - 60).length
      expect(inWindow).toBeLessThanOrEqual(3)
      b.until(t)
      free = 10 - b.held().length
      expect(b.wrong()).toBeUndefined()
    }
    expect(free).toBe(6)
  })
  test('an emergency in the queue goes first, and the queue goes on after it', () => {
    const b = street()
    b.until(T + 10)
    b.boots(first)
    const waiting = b.held()
    b.until(T + 60)
    b.signal({ ...during(T + 60, T + 360, { kind: 'off' }), class: 'emergency', basis: 'supply limitation' })
    expect(b.held()).toEqual(b.everyone)
    b.until(T + 2_400)
    expect(waiting.filter(i => !b.held().includes(i))).toEqual([])
  })
  test('all are free when the time is up, or once an operator calls it off', () => {
    const b = street()
    b.until(T + 10)
    b.boots(first)
    b.until(T + 10 + 7_200)
    expect(b.held()).toEqual([])
    const c = street()
    c.until(T + 10)
    c.boots(first)
    const e = c.s.events.get(0)!
    c.until(T + 60)
    c.turn({ kind: 'signal', event: { ...e.event, revision: 1, intervals: [] }, seed: new Uint8Array(32), raw: new Uint8Array(0) })
    expect(c.held()).toHaveLength(4)
    c.until(T + 60 + 600)
    expect(c.held()).toEqual([])
    expect(c.wrong()).toBeUndefined()
  })
})

test('it is in the record, and the record folds to the same: from the journal and from a snapshot', () => {
  const b = street()
  b.until(T + 10)
  b.boots([0, 1, 2])
  expect(stateDigest(fromBytes(toBytes(b.s)))).toBe(stateDigest(b.s))
  b.until(T + 20)
  const outage = one(b.boots([3, 4]), 'outage')!
  const { leaf, blobs } = encode({ turn: 1, at: 1, fact: outage }, () => new Uint8Array(16))
  expect(decode(leaf, hash => blobs.find(x => x.hash === hash)?.salted.subarray(16)).fact).toEqual(outage)
  const again = fromBytes(toBytes(b.s))
  expect(stateDigest(again)).toBe(stateDigest(b.s))
  expect(again.events.get(0)!.restore!.heldW).toEqual(b.s.events.get(0)!.restore!.heldW)
})

describe('the checker knows what an outage may not do', () => {
  const back = () => {
    const b = street()
    b.until(T + 10)
    b.boots(first)
    return { ...b, e: b.s.events.get(0)! }
  }
  test('limit anybody before it was seen', () => {
    const b = back()
    Object.assign(b.e, { event: { ...b.e.event, intervals: [{ ...b.e.event.intervals[0]!, toS: T + 20 }] } })
    expect(b.wrong()).toMatch(/by outage 0, which was seen at/)
  })
  test('limit anybody without a queue', () => {
    const b = back()
    b.e.restore!.heldW = new Int32Array(0)
    expect(b.wrong()).toMatch(/which holds nobody/)
  })
  test('limit whom it does not hold', () => {
    const b = back()
    b.e.restore!.heldW[b.held()[0]!] = -1
    expect(b.wrong()).toMatch(/which had it at -1 W/)
  })
})
