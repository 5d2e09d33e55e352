import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { offsetS } from '../../src/core/edges.ts'
import { withChanges } from '../../src/core/fleet.ts'
import { rangesOf } from '../../src/core/members.ts'
import { nodeKinds, type Target } from '../../src/core/model.ts'
import { staggerRanks } from '../../src/core/stagger.ts'
import { emptyFleet, type Fleet } from '../../src/core/state.ts'
import { at, bed, during, fleetOfN, seedOf, T } from './bed.ts'

/** A random uneven tree: `shape[k]` says under which of the nodes so far node k + 1 hangs, `stations` at which node each charger stands. */
function tree(shape: readonly number[], stations: readonly number[]): Fleet {
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
      maxW: new Int32Array(count).fill(7360),
      phases: new Uint8Array(count).fill(1),
      voltageV: new Uint16Array(count).fill(230),
      depth: new Uint16Array(count),
      onLinkLoss: new Uint8Array(count),
      limitsAtStation: new Uint8Array(count),
      reliability: new Uint16Array(count).fill(1000),
    },
  )
}
/** The most that go within any 60 s. */
function worstMinute(offsets: readonly number[]): number {
  const sorted = offsets.toSorted((a, b) => a - b)
  let worst = 0
  for (let to = 0, from = 0; to < sorted.length; to++) {
    while (sorted[to]! - sorted[from]! >= 60) from++
    worst = Math.max(worst, to - from + 1)
  }
  return worst
}
const arbitraryTree = fc.record({
  shape: fc.array(fc.nat(1_000), { minLength: 3, maxLength: 40 }),
  stations: fc.array(fc.nat(1_000), { minLength: 20, maxLength: 300 }),
  seed: fc.string({ minLength: 1, maxLength: 8 }),
  spreadS: fc.constantFrom(300, 600, 1_800),
})
const everyone: readonly Target[] = [{ kind: 'node', node: 0 }]

describe('the random delay', () => {
  test('leaves the target at most one charger above an even ramp, and every part of the network at most three, in the worst minute', () => {
    fc.assert(
      fc.property(arbitraryTree, ({ shape, stations, seed, spreadS }) => {
        const f = tree(shape, stations)
        const ranks = staggerRanks(f, rangesOf(f, everyone), seedOf(seed), 'start')
        for (let node = 0; node < f.nodes; node++) {
          const offsets = Array.from(f.order.subarray(f.nodeFrom[node]!, f.nodeTo[node]!), i => offsetS(ranks, i, spreadS))
          const n = offsets.length
          // whole seconds: a minute holds 60 of the spread's `spreadS + 1` seconds
          const ideal = Math.ceil((60 * n) / (spreadS + 1))
          expect(worstMinute(offsets) - ideal, `node ${node} of ${n}`).toBeLessThanOrEqual(node === 0 ? 1 : 3)
        }
      }),
      { numRuns: 150 },
    )
  })
  test('is as even where the target is a handful of single chargers, or two feeders side by side', () => {
    fc.assert(
      fc.property(arbitraryTree, fc.array(fc.nat(1_000), { minLength: 10, maxLength: 60 }), ({ shape, stations, seed, spreadS }, picks) => {
        const f = tree(shape, stations)
        const targets: Target[] = picks.map(x =>
          x % 3 === 0 ? { kind: 'node', node: 1 + (x % (f.nodes - 1)) } : { kind: 'charger', charger: x % f.chargers },
        )
        const ranges = rangesOf(f, targets)
        const members = ranges.flatMap(r => Array.from(f.order.subarray(r.from, r.to)))
        const ranks = staggerRanks(f, ranges, seedOf(seed), 'start')
        const offsets = members.map(i => offsetS(ranks, i, spreadS))
        expect(worstMinute(offsets)).toBeLessThanOrEqual(Math.ceil((60 * members.length) / (spreadS + 1)) + 1)
      }),
      { numRuns: 100 },
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
