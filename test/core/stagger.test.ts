import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { everyoneEnrolled, fleetOf } from '../../simulations/virtual/fleet.ts'
import { offsetS } from '../../src/core/edges.ts'
import { withChanges } from '../../src/core/fleet.ts'
import { rangesOf } from '../../src/core/members.ts'
import { type GridEvent, NEVER_S, nodeKinds, type Programme, type Target } from '../../src/core/model.ts'
import { staggerRanks } from '../../src/core/stagger.ts'
import { emptyFleet, exclusionOf, type Fleet } from '../../src/core/state.ts'
import { toldIn } from '../../src/core/told.ts'
import { at, bed, during, fleetOfN, one, seedOf, T } from './bed.ts'

/** A random uneven tree: `shape[k]` says under which of the nodes so far node k + 1 hangs, `stations` at which node each charger stands. */
function tree(
  shape: readonly number[],
  stations: readonly number[],
  powerW: (station: number, charger: number) => number = () => 7_360,
): Fleet {
  const n = shape.length + 1
  const parent = Int32Array.from([-1, ...shape.map((x, k) => x % (k + 1))])
  const count = stations.length
  return withChanges(
    emptyFleet(),
    {
      no: Uint32Array.from({ length: n }, (_, i) => i),
      parent,
      kind: new Uint8Array(n).fill(nodeKinds.length - 1),
      limitW: new Int32Array(n).fill(-1),
    },
    {
      no: Uint32Array.from({ length: count }, (_, i) => i),
      station: Uint32Array.from(stations, x => x % n),
      minW: new Int32Array(count).fill(1380),
      maxW: Int32Array.from(stations, (x, i) => powerW(x % n, i)),
      phases: new Uint8Array(count).fill(1),
      voltageV: new Uint16Array(count).fill(230),
      depth: new Uint16Array(count),
      onLinkLoss: new Uint8Array(count),
      limitsAtStation: new Uint8Array(count),
      reliability: new Uint16Array(count).fill(1000),
    },
  )
}
/** Second by second, as a meter on the node would see it: the most power that goes in any 60 s, beyond its even share, in chargers of its largest power. */
function excess(f: Fleet, who: readonly number[], offsets: readonly number[], spreadS: number): number {
  const goneW = new Float64Array(spreadS + 61)
  for (const i of who) goneW[offsets[i]!]! += f.maxW[i]!
  let worstW = 0
  let sumW = 0
  for (let second = 0; second < goneW.length; second++) {
    sumW += goneW[second]! - (second >= 60 ? goneW[second - 60]! : 0)
    worstW = Math.max(worstW, sumW)
  }
  const totalW = who.reduce((sum, i) => sum + f.maxW[i]!, 0)
  return (worstW - (60 * totalW) / spreadS) / Math.max(...who.map(i => f.maxW[i]!))
}
const under = (f: Fleet, node: number): number[] => Array.from(f.order.subarray(f.nodeFrom[node]!, f.nodeTo[node]!))
const offsetsOf = (f: Fleet, targets: readonly Target[], seed: string, spreadS: number): number[] => {
  const ranks = staggerRanks(f, rangesOf(f, targets), seedOf(seed), 'start')
  return Array.from({ length: f.chargers }, (_, i) => offsetS(ranks, i, spreadS))
}
const arbitraryTree = fc.record({
  shape: fc.array(fc.nat(1_000), { minLength: 3, maxLength: 40 }),
  stations: fc.array(fc.nat(1_000), { minLength: 20, maxLength: 300 }),
  seed: fc.string({ minLength: 1, maxLength: 8 }),
  spreadS: fc.constantFrom(120, 300, 600, 1_800),
})
const everyone: readonly Target[] = [{ kind: 'node', node: 0 }]
const classesW = [3_680, 7_360, 22_080]
const mixes: readonly (readonly [string, (station: number, charger: number) => number])[] = [
  ['alike', () => 7_360],
  ['of three kW classes everywhere', (_, i) => classesW[(i * 7_919) % 3]!],
  ['of one kW class at each station', station => classesW[(station * 31) % 3]!],
  ['of many powers', (_, i) => 2_300 + ((i * 7_919) % 41) * 500],
  ['homes among rapid chargers', station => (station % 4 === 0 ? 150_000 : 7_360)],
]

describe('the random delay', () => {
  test.each(mixes)(
    'takes at most one charger more than an even ramp off the target in any minute, three off every part of it, %s',
    (_, powerW) => {
      fc.assert(
        fc.property(arbitraryTree, ({ shape, stations, seed, spreadS }) => {
          const f = tree(shape, stations, powerW)
          const offsets = offsetsOf(f, everyone, seed, spreadS)
          for (let node = 0; node < f.nodes; node++) {
            const who = under(f, node)
            if (who.length === 0) continue
            expect(excess(f, who, offsets, spreadS), `node ${node} of ${who.length}`).toBeLessThanOrEqual((node === 0 ? 1 : 3) + 1e-9)
          }
        }),
        { numRuns: 100, seed: 20_260_101 },
      )
    },
  )
  test.each([7, 37, 50, 53, 200, 213, 1_000])(
    'of %i chargers on one branch lets no more go in a minute than the next whole charger and one',
    n => {
      const f = tree([0], new Array(n).fill(1))
      for (const spreadS of [600, 1_800])
        for (let k = 0; k < 20; k++) {
          const most = excess(f, under(f, 0), offsetsOf(f, everyone, `${k}`, spreadS), spreadS) + (60 * n) / spreadS
          expect(Math.round(most)).toBeLessThanOrEqual(Math.ceil((60 * n) / spreadS) + 1)
        }
    },
  )
  test('is as even where the target is a handful of single chargers, or two feeders side by side, and in the part of a feeder that is targeted', () => {
    fc.assert(
      fc.property(arbitraryTree, fc.array(fc.nat(1_000), { minLength: 10, maxLength: 60 }), ({ shape, stations, seed, spreadS }, picks) => {
        const f = tree(shape, stations, mixes[1]![1])
        const targets: Target[] = picks.map(x =>
          x % 3 === 0 ? { kind: 'node', node: 1 + (x % (f.nodes - 1)) } : { kind: 'charger', charger: x % f.chargers },
        )
        const members = new Set(rangesOf(f, targets).flatMap(r => Array.from(f.order.subarray(r.from, r.to))))
        const offsets = offsetsOf(f, targets, seed, spreadS)
        expect(excess(f, [...members], offsets, spreadS)).toBeLessThanOrEqual(1 + 1e-9)
        for (let node = 1; node < f.nodes; node++) {
          const part = under(f, node).filter(i => members.has(i))
          if (part.length > 0) expect(excess(f, part, offsets, spreadS)).toBeLessThanOrEqual(3 + 1e-9)
        }
      }),
      { numRuns: 100, seed: 20_260_102 },
    )
  })
  test('is a whole second within the window, its last second included', () => {
    const f = tree(
      [0, 0, 0],
      Array.from({ length: 2_000 }, (_, i) => i),
    )
    const ranks = staggerRanks(f, rangesOf(f, everyone), seedOf('x'), 'start')
    const offsets = Array.from(ranks, (_, i) => offsetS(ranks, i, 600))
    expect(offsets.every(o => Number.isInteger(o) && o >= 0 && o <= 600)).toBe(true)
    expect([Math.min(...offsets), Math.max(...offsets)]).toEqual([0, 600])
  })
  test('can be recomputed from the revealed seed, and is another one with another seed or for the other edge', () => {
    const f = tree(
      [0, 1, 0, 2, 1],
      Array.from({ length: 100 }, (_, i) => i),
    )
    const ranks = (seed: string, label: string) => Array.from(staggerRanks(f, rangesOf(f, everyone), seedOf(seed), label))
    expect(ranks('a', 'start')).toEqual(ranks('a', 'start'))
    expect(ranks('a', 'start')).not.toEqual(ranks('b', 'start'))
    expect(ranks('a', 'start')).not.toEqual(ranks('a', 'end'))
  })
  test('may be any part of the window for every charger, whatever its power and wherever it stands', () => {
    const f = tree([0, 0, 1, 1], [0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 4], mixes[1]![1])
    const draws = 800
    const tenths = Array.from({ length: f.chargers }, () => new Array<number>(10).fill(0))
    for (let k = 0; k < draws; k++) {
      const ranks = staggerRanks(f, rangesOf(f, everyone), seedOf(`draw ${k}`), 'start')
      for (let i = 0; i < f.chargers; i++) tenths[i]![Math.floor((ranks[i]! * 10) / 65_536)]!++
    }
    // 99.99 % of uniform draws stay below 33.7 (chi-square, 9 degrees of freedom)
    for (const counts of tenths) expect(counts.reduce((sum, n) => sum + (n - draws / 10) ** 2 / (draws / 10), 0)).toBeLessThan(33.7)
  })
  test('says nothing about which of two chargers goes first: each does in half of the draws', () => {
    const f = tree([0, 0], [1, 1, 1, 2, 2, 2])
    let first = 0
    for (let k = 0; k < 400; k++) {
      const ranks = staggerRanks(f, rangesOf(f, everyone), seedOf(`draw ${k}`), 'start')
      if (ranks[0]! < ranks[4]!) first++
    }
    expect(first).toBeGreaterThan(150)
    expect(first).toBeLessThan(250)
  })
})

describe('a modified event', () => {
  const spread = { ...at, startS: 600, endS: 600 }
  const startsOf = (b: ReturnType<typeof bed>) => b.everyone.map(i => b.want(i)[0]?.fromS)
  test('keeps the delay that each charger has drawn', () => {
    const b = bed(fleetOfN(30))
    b.signal({ spread, ...during(T + 3600, T + 7200, { kind: 'off' }) })
    const before = startsOf(b)
    b.signal({ revision: 1, spread, ...during(T + 3600, T + 9000, { kind: 'limitEach', limitW: 1380 }) })
    expect(startsOf(b)).toEqual(before)
    b.signal({ revision: 2, spread: { ...spread, startS: 1200 }, ...during(T + 3600, T + 9000, { kind: 'off' }) })
    startsOf(b).forEach((second, i) => {
      expect(Math.abs(second! - T - 3600 - 2 * (before[i]! - T - 3600))).toBeLessThanOrEqual(2)
    })
  })
  test('that takes in more chargers spreads the new ones too, and leaves the old ones alone', () => {
    const b = bed(fleetOfN(60))
    const some = b.everyone.slice(0, 10).map(charger => ({ kind: 'charger', charger }) as const)
    b.signal({ spread, targets: some })
    const before = startsOf(b).slice(0, 10)
    b.signal({ revision: 1, spread })
    expect(startsOf(b).slice(0, 10)).toEqual(before)
    expect(new Set(startsOf(b).slice(10)).size).toBeGreaterThan(30)
  })
})

describe('whoever comes late', () => {
  const spread = { ...at, startS: 1_800, endS: 1_800 }
  const shape = { perSite: 10, perFeeder: 2 }
  test('goes where the gap at its own site is widest, and the same place from the same record', () => {
    const starts = () => {
      const b = bed(fleetOfN(40), {}, shape)
      b.signal({ spread, targets: b.everyone.slice(0, 39).map(charger => ({ kind: 'charger', charger }) as const) })
      b.signal({ revision: 1, spread })
      return b.everyone.map(i => b.want(i)[0]!.fromS)
    }
    const all = starts()
    const others = all.slice(30, 39).toSorted((x, y) => x - y)
    const nearest = Math.min(...others.map(s => Math.abs(s - all[39]!)))
    const widest = Math.max(...others.slice(1).map((s, k) => s - others[k]!))
    expect(nearest).toBeGreaterThanOrEqual(Math.floor(widest / 4))
    expect(starts()).toEqual(all)
  })
  test('in numbers is a fleet of its own, as even as the first', () => {
    const b = bed(fleetOfN(700), {}, shape)
    b.signal({ spread, targets: b.everyone.slice(0, 100).map(charger => ({ kind: 'charger', charger }) as const) })
    const facts = b.signal({ revision: 1, spread })
    const ranks = one(facts, 'accepted')!.startRank
    const offsets = b.everyone.map(i => offsetS(ranks, i, 1_800))
    expect(excess(b.s.fleet, b.everyone.slice(100), offsets, 1_800)).toBeLessThanOrEqual(1)
    expect(excess(b.s.fleet, b.everyone, offsets, 1_800)).toBeLessThanOrEqual(2)
  })
  test('with a box that is installed while the event runs, is judged as the others were and limited in a gap of their ramp', () => {
    const b = bed(fleetOfN(10), {}, { perSite: 20 })
    b.signal({ spread: { ...at, startS: 600, endS: 600 } })
    const before = b.everyone.map(i => b.want(i))
    const { fleet, enrolled } = grownTo(12, 11)
    const facts = b.turn(fleet, enrolled)
    expect(one(facts, 'joined')).toMatchObject({ event: 0, who: Uint32Array.of(10, 11), why: Uint8Array.of(0, 1) })
    expect(b.everyone.map(i => b.want(i))).toEqual(before)
    const starts = before.map(w => w[0]!.fromS)
    const own = b.want(10)[0]!.fromS
    expect(own).toBeGreaterThan(T + 3_600)
    expect(starts).not.toContain(own)
    expect(b.want(11)).toEqual([])
  })
  test.each(['contracted', 'emergency'] as const)(
    'with boxes that come late, has those in its control group whom it would have had from the beginning: %s',
    ofClass => {
      const heldOut = (b: ReturnType<typeof bed>, n: number) => Array.from({ length: n }, (_, i) => exclusionOf(b.event(), i) === 'heldOut')
      const change = { class: ofClass, spread: { ...at, startS: 600, endS: 600 } }
      const late = bed(fleetOfN(10), { holdOut: 0.5 }, { perSite: 60 })
      late.signal(change)
      late.turn(fleetOf(fleetOfN(40), { perSite: 60 }), everyoneEnrolled(40))
      const all = bed(fleetOfN(40), { holdOut: 0.5 }, { perSite: 60 })
      all.signal(change)
      expect(heldOut(late, 40)).toEqual(heldOut(all, 40))
      expect(heldOut(late, 40).slice(10).includes(true)).toBe(ofClass === 'contracted')
    },
  )
  test('with a box that is installed while a cap runs, is judged by what it was told like any other', () => {
    const b = bed(fleetOfN(10), {}, { perSite: 20 })
    b.signal(during(T, T + 3_600, { kind: 'cap', totalW: 30_000 }))
    b.until(T + 60)
    const { fleet, enrolled } = grownTo(12, 12)
    b.turn(fleet, enrolled, { kind: 'link', stations: fleet.chargers.station, up: new Uint8Array(12).fill(1) })
    const told = [10, 11].map(i => b.want(i)[0]!.limitW)
    expect([10, 11].map(i => toldIn(b.event(), 0, i)!.limitW)).toEqual(told)
  })
  test('with a box that is installed between others while a shed runs, has nobody else let go for it or limited', () => {
    const b = bed(fleetOfN(20), {}, { perSite: 40 })
    b.signal({ class: 'emergency', basis: 'order', ...during(T, T + 3_600, { kind: 'shed', totalW: 70_000 }) })
    b.observed(Array<number>(20).fill(7_000))
    const before = b.wants(T + 70)
    b.until(T + 60)
    const fleet = fleetOf([...fleetOfN(20), { station: 3 }], { perSite: 40 })
    b.turn(fleet, everyoneEnrolled(21))
    expect(b.s.fleet.position[20]).toBe(4)
    expect(b.wants(T + 70)).toEqual(before)
  })
  test('with a box that nobody has asked for yet, changes nothing', () => {
    const b = bed(fleetOfN(10), {}, { perSite: 20 })
    const { fleet, enrolled } = grownTo(11, 11)
    expect(one(b.turn(fleet, enrolled), 'joined')).toBeUndefined()
  })
  /** The fleet of 10 in one site with more boxes; those from `enrolledTo` on are not enrolled. */
  function grownTo(n: number, enrolledTo: number) {
    return { fleet: fleetOf(fleetOfN(n), { perSite: 20 }), enrolled: everyoneEnrolled(enrolledTo) }
  }
})

describe('the ramp of a programme', () => {
  const rules = (programme: Partial<Programme>, change: Partial<GridEvent> = {}) => {
    const b = bed(fleetOfN(60), { startSpreadS: 600, endSpreadS: 600, ...programme })
    const facts = b.signal({ spread: 'programme', ...during(T + 3_600, T + 7_200, { kind: 'off' }), ...change })
    const starts = b.everyone.map(i => (b.want(i)[0]?.fromS ?? Number.NaN) - T - 3_600)
    return { b, spread: one(facts, 'accepted')!.spread, first: Math.min(...starts), last: Math.max(...starts) }
  }
  test.each([
    ['pre', -600, 0],
    ['centred', -300, 300],
    ['post', 0, 600],
  ] as const)('%s: from %i s to %i s around the start', (ramp, from, to) => {
    const { first, last } = rules({ ramp })
    expect(first).toBeGreaterThanOrEqual(from)
    expect(first).toBeLessThanOrEqual(from + 20)
    expect(last).toBeLessThanOrEqual(to)
    expect(last).toBeGreaterThanOrEqual(to - 20)
  })
  test('of an odd window is centred to the second', () => {
    expect(rules({ ramp: 'centred', startSpreadS: 601 }).spread).toMatchObject({ startS: 601, startShiftS: -300 })
  })
  test('that was heard of too late begins at once, keeps its length and ends as much later: nobody steps', () => {
    const { spread, first, last } = rules({ ramp: 'pre' }, during(T + 200, T + 7_200, { kind: 'off' }))
    expect(spread).toMatchObject({ startS: 600, startShiftS: -200 })
    expect(first).toBeGreaterThanOrEqual(-3_600)
    expect(last - first).toBeGreaterThan(560)
  })
  test('is not cut short by a change that comes while it runs', () => {
    const { b } = rules({ ramp: 'pre' })
    b.until(T + 3_300)
    const before = b.wants(T + 3_300)
    const facts = b.signal({ revision: 1, spread: 'programme', ...during(T + 3_600, T + 9_000, { kind: 'off' }) })
    expect(one(facts, 'accepted')!.spread.startShiftS).toBe(-600)
    expect(b.wants(T + 3_300)).toEqual(before)
  })
  test("is the programme's to say only where the signal leaves it to the programme", () => {
    expect(rules({ ramp: 'pre' }, { spread: { ...at, startS: 300, endS: 300 } }).spread).toMatchObject({ startS: 300, startShiftS: 0 })
    expect(rules({ ramp: 'pre' }, { spread: { forbidden: 'response service' } }).spread).toEqual(at)
  })
  test.each(['pre', 'centred', 'post'] as const)('%s: an emergency starts at once for everybody', ramp => {
    const { spread, first, last } = rules({ ramp }, { class: 'emergency', basis: 'supply limitation' })
    expect(spread).toMatchObject({ startS: 0, startShiftS: 0 })
    expect([first, last]).toEqual([0, 0])
  })
  test('is not early where a later interval asks for less: the one before it would be let go too soon', () => {
    const intervals = (first: number, second: number): Pick<GridEvent, 'intervals'> => ({
      intervals: [first, second].map((fraction, k) => ({
        fromS: T + 3_600 * (k + 1),
        toS: T + 3_600 * (k + 2),
        ask: { kind: 'keep', fraction },
      })),
    })
    expect(rules({ ramp: 'pre' }, intervals(0.2, 0.8)).spread.startShiftS).toBe(0)
    expect(rules({ ramp: 'pre' }, intervals(0.8, 0.2)).spread.startShiftS).toBe(-600)
  })
})

describe('load that comes back', () => {
  const endOf = (programme: Partial<Programme>, change: Partial<GridEvent> = {}) => {
    const b = bed(fleetOfN(200), { endSpreadS: 600, ...programme })
    b.signal({ spread: 'programme', ...during(T + 3_600, T + 7_200, { kind: 'off' }), ...change })
    return b.everyone.map(i => b.want(i).at(-1)!.toS - T - 7_200)
  }
  test('in a step, where the programme says so', () => {
    expect(new Set(endOf({ restore: { policy: 'step' } }))).toEqual(new Set([0]))
  })
  test('after an emergency is spread even then', () => {
    const ends = endOf({ restore: { policy: 'step' } }, { class: 'emergency', basis: 'supply limitation' })
    expect(Math.max(...ends)).toBeGreaterThan(580)
  })
  test('stays within a limit per minute, though that takes longer than any random delay', () => {
    const wPerMinute = 50_000
    const ends = endOf({ restore: { policy: 'rampLimited', wPerMinute } })
    const totalW = 200 * 7_360
    expect(Math.max(...ends)).toBeGreaterThan(1_800)
    const most = Math.max(...ends.map(from => ends.filter(s => s >= from && s < from + 60).length))
    expect(most * 7_360).toBeLessThanOrEqual(wPerMinute)
    expect(Math.max(...ends)).toBeLessThan((60 * totalW) / (wPerMinute - 7_360) + 1)
  })
  test('that would be within the limit anyway takes its window', () => {
    expect(Math.max(...endOf({ restore: { policy: 'rampLimited', wPerMinute: 10_000_000 } }))).toBeLessThanOrEqual(600)
  })
})

describe('startafter', () => {
  test('each charger starts up to that much later, ends as much later than the end, and not a second otherwise', () => {
    const b = bed(fleetOfN(50))
    const spread = { ...at, startS: 900, endS: 900, endFollowsStart: true }
    const facts = b.signal({ spread, ...during(T + 3_600, T + 7_200, { kind: 'off' }) })
    expect(one(facts, 'accepted')!.endRank).toHaveLength(0)
    for (const i of b.everyone) {
      const [{ fromS, toS } = { fromS: 0, toS: NEVER_S }] = b.want(i)
      expect(fromS - T - 3_600).toBeGreaterThanOrEqual(0)
      expect(fromS - T - 3_600).toBeLessThanOrEqual(900)
      expect(toS - fromS).toBe(3_600)
    }
  })
})

test('those who may not be used leave no holes in the ramp of the others', () => {
  const b = bed(fleetOfN(200), {}, { perSite: 10 })
  const out = b.everyone.filter(i => i % 10 < 5)
  b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.from(out), basis: new Uint8Array(out.length) })
  const ranks = one(b.signal({ spread: { ...at, startS: 600 } }), 'accepted')!.startRank
  const offsets = b.everyone.map(i => offsetS(ranks, i, 600))
  expect(
    excess(
      b.s.fleet,
      b.everyone.filter(i => !out.includes(i)),
      offsets,
      600,
    ),
  ).toBeLessThanOrEqual(1)
})
