import { describe, expect, test } from 'vitest'
import { everyoneEnrolled, fleetOf } from '../../simulations/virtual/fleet.ts'
import { draws } from '../../src/core/draw.ts'
import { withChanges } from '../../src/core/fleet.ts'
import { heldOut } from '../../src/core/holdOut.ts'
import { chargersOf } from '../../src/core/members.ts'
import { nodeKinds } from '../../src/core/model.ts'
import { emptyState, exclusionOf, type Fleet, path } from '../../src/core/state.ts'
import { controlGroup } from '../../src/core/verify/baseline/controlGroup.ts'
import type { ControlGroup } from '../../src/core/verify/baseline/ruleset.ts'
import { rulesetOf } from '../../src/core/verify/eventDays.ts'
import { at, bed, one, seedOf, T } from './bed.ts'

/** Whom a control group is made of: nobody can choose them, and both groups are alike where loads differ. */
const fleetWith = (n: number, chargersABox = 1): Fleet => {
  const specs = Array.from({ length: n }, (_, i) => ({ maxA: i % 3 === 0 ? 63 : 32, station: Math.floor(i / chargersABox) }))
  const { nodes, chargers } = fleetOf(specs, { perSite: 5, perFeeder: 4 })
  return withChanges(emptyState().fleet, nodes, chargers)
}
const everyone = (f: Fleet) => chargersOf(f, [{ from: 0, to: f.chargers }])
const feederOf = (f: Fleet, i: number) => path(f, i).find(node => f.nodeKind[node] === nodeKinds.indexOf('feeder'))!
const byStratum = (f: Fleet): Map<string, number[]> => {
  const out = new Map<string, number[]>()
  for (const i of everyone(f)) out.set(`${feederOf(f, i)} ${f.maxW[i]}`, [...(out.get(`${feederOf(f, i)} ${f.maxW[i]}`) ?? []), i])
  return out
}
const ref = { id: 'control-group', version: 1 }
const drawn = (f: Fleet, share: number, seed: string, who = everyone(f)) => {
  const out = heldOut(f, who, { holdOut: share }, seedOf(seed), ref)
  return new Set([...who].filter((_, m) => out[m] === 1))
}

describe('the hold-out of an event that is verified by its control group', () => {
  test('is the same share of each feeder and kW class, to one box', () => {
    const f = fleetWith(600)
    const out = drawn(f, 0.25, 'a')
    const strata = byStratum(f)
    for (const [stratum, own] of strata) {
      const count = own.filter(i => out.has(i)).length
      expect(Math.abs(count - own.length * 0.25), stratum).toBeLessThan(1)
    }
    expect(strata.size).toBeGreaterThan(20)
  })
  test('takes whole boxes: many obey one limit for all their chargers', () => {
    const f = fleetWith(400, 2)
    const out = drawn(f, 0.2, 'a')
    for (const i of out) expect(out.has(i ^ 1)).toBe(true)
    expect(out.size / 400).toBeCloseTo(0.2, 1)
  })
  test('is another with another seed, and everybody is in it as often as anybody', () => {
    const f = fleetWith(60)
    const times = new Uint32Array(60)
    for (let k = 0; k < 120; k++) for (const i of drawn(f, 0.3, `seed ${k}`)) times[i]!++
    expect(Math.min(...times)).toBeGreaterThan(120 * 0.3 - 5 * Math.sqrt(120 * 0.21))
    expect(Math.max(...times)).toBeLessThan(120 * 0.3 + 5 * Math.sqrt(120 * 0.21))
  })
  test('of nobody is nobody, and other rulesets draw as before', () => {
    const f = fleetWith(40)
    expect(drawn(f, 0, 'a').size).toBe(0)
    const plain = heldOut(f, everyone(f), { holdOut: 0.5 }, seedOf('a'), { id: 'elexon-bl01', version: 1 })
    expect(plain).toEqual(heldOut(f, everyone(f), { holdOut: 0.5 }, seedOf('a'), null))
  })
})

describe('the interval of difference in differences', () => {
  const f = fleetWith(240, 2)
  const who = everyone(f)
  const rule = rulesetOf(ref)!.method as ControlGroup
  const noise = (seed: string, label: string): Float64Array => Float64Array.from(draws(240, seedOf(seed), label), u => u / 4294967296 - 0.5)
  /** Both chargers of a box do much the same: there is one household behind them. True effect: 1 kW. */
  function coveredBy(cluster: boolean): number {
    let covered = 0
    for (let k = 0; k < 300; k++) {
      const out = drawn(f, 0.3, `draw ${k}`)
      const [house, own] = [noise(`${k}`, 'house'), noise(`${k}`, 'own')]
      const before = Float64Array.from(who, i => 3 + house[i >> 1]!)
      const during = Float64Array.from(who, i => before[i]! + 2 * house[120 + (i >> 1)]! + own[i]! / 2 - (out.has(i) ? 0 : 1))
      const group = Array.from(who, i => (out.has(i) ? 0 : 1))
      const e = controlGroup(rule, { before, during, group, ...(cluster ? { cluster: Array.from(who, i => f.station[i]!) } : {}) })
      if (e.low <= 1 && 1 <= e.high) covered++
    }
    return covered / 300
  }
  test('holds the true effect in 95 of 100 draws', () => {
    expect(Math.abs(coveredBy(true) - 0.95)).toBeLessThan(0.04)
  })
  test('and in far fewer where chargers of a box are taken for independent', () => {
    expect(coveredBy(false)).toBeLessThan(0.9)
  })
})

describe('an event of a programme with a control group', () => {
  const specs = Array.from({ length: 40 }, () => ({ maxA: 32 }))
  const street = () => bed(specs, { holdOut: 0.25, verification: { ruleset: 'control-group' } }, { perSite: 10 })
  const shed = { spread: at, intervals: [{ fromS: T + 3_600, toS: T + 7_200, ask: { kind: 'shed' as const, totalW: 100_000 } }] }
  const out = (b: ReturnType<typeof street>) => b.everyone.filter(i => exclusionOf(b.event(), i) === 'heldOut')

  test('leaves its group alone, and has the others make up for it', () => {
    const b = street()
    const facts = b.signal(shed)
    b.observed(Array<number>(40).fill(7_000))
    b.until(T + 3_500)
    expect(one(facts, 'accepted')!.ruleset).toEqual(ref)
    expect(out(b).length).toBeGreaterThan(5)
    for (const i of out(b)) expect(b.want(i)).toEqual([])
    const cutW = b.wants(T + 5_000).reduce<number>((sum, w) => sum + (w === null ? 0 : 7_000 - w), 0)
    expect(cutW).toBeGreaterThanOrEqual(99_000)
  })
  test.each([
    ['control-group', 0],
    ['meterBefore', 1],
  ] as const)('is not asked for more because its control group draws more; by %s it is no control', (id, times) => {
    const b = bed(specs, { holdOut: 0.25, verification: { ruleset: id } }, { perSite: 10 })
    b.signal(shed)
    b.observed(Array<number>(40).fill(5_000))
    b.until(T + 3_500)
    b.answer('accepted')
    b.until(T + 3_600)
    b.answer('accepted')
    b.until(T + 3_700)
    const limits = b.wants(T + 3_700)
    const facts = b.observed(limits.map((w, i) => (w === null ? (out(b).includes(i) ? 7_300 : 5_000) : Math.min(5_000, w))))
    expect(facts.filter(f => f.kind === 'shortfall')).toHaveLength(times)
  })
  test('keeps its group when it is asked anew, also with fewer to be used', () => {
    const b = street()
    b.signal(shed)
    const before = out(b)
    b.turn({ ...everyoneEnrolled(1), who: Uint32Array.of(before[0]! ^ 1), basis: new Uint8Array(1) })
    b.signal({ ...shed, revision: 1 })
    expect(out(b)).toEqual(before)
  })
  test('keeps its group when boxes come in and it is asked anew', () => {
    const all = fleetOf([...specs, ...Array.from({ length: 60 }, () => ({ maxA: 32 }))], { perSite: 20, perFeeder: 10 })
    const first = 40
    const part = <T extends object>(columns: T, from: number, to: number): T =>
      Object.fromEntries(Object.entries(columns).map(([k, v]) => [k, ArrayBuffer.isView(v) ? (v as Uint8Array).slice(from, to) : v])) as T
    for (let k = 0; k < 10; k++) {
      const b = bed([], { holdOut: 0.25, verification: { ruleset: 'control-group' } })
      b.turn({ ...all, chargers: part(all.chargers, 0, first) }, everyoneEnrolled(first))
      b.signal(shed, `seed ${k}`)
      const group = (to: number) => Array.from({ length: to }, (_, i) => i).filter(i => exclusionOf(b.event(), i) === 'heldOut')
      const before = group(first)
      expect(before.length).toBeGreaterThan(5)
      b.signal({ ...shed, revision: 1 })
      b.turn({ ...all, nodes: part(all.nodes, 0, 0), chargers: part(all.chargers, first, 100) }, everyoneEnrolled(100))
      b.signal({ ...shed, revision: 2 })
      expect(group(first)).toEqual(before)
      expect(group(100).length).toBeGreaterThan(before.length)
    }
  })
  test('holds nobody out in an emergency', () => {
    const b = street()
    b.signal({ ...shed, class: 'emergency', basis: 'order' })
    expect(out(b)).toEqual([])
    expect(b.event().ruleset).toBeNull()
  })
})
