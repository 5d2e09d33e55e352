import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ChargerSpec, nodesOfKind } from '../../simulations/virtual/fleet.ts'
import type { AllocationPolicy, Ask, NodeNo, Readings } from '../../src/core/model.ts'
import { allocationPolicies } from '../../src/core/model.ts'
import { toldIn } from '../../src/core/told.ts'
import { bed, during, fleetOfN, T } from './bed.ts'

const seven: ChargerSpec = { phases: 1, maxA: 32 }
const SEVEN_W = 7_360
const LEAST_W = 1_380
type Bed = ReturnType<typeof bed>

/** Chargers under a node, by going up from each one's station: nothing of the planner's own ordering. */
const under = (b: Bed, node: NodeNo): number[] =>
  b.everyone.filter(i => {
    for (let n = b.s.fleet.station[i]!; n >= 0; n = b.s.fleet.parent[n]!) if (n === node) return true
    return false
  })
/** What all of them may draw at an instant, W. */
const mayDrawW = (b: Bed, who: readonly number[], atS: number): number => {
  const wants = b.wants(atS)
  return who.reduce((sum, i) => sum + (wants[i] ?? b.s.fleet.maxW[i]!), 0)
}
const cap = (totalW: number): Ask => ({ kind: 'cap', totalW })
const on = (id: string, node: NodeNo, ask: Ask, fromS = T + 600, toS = T + 4_200) => ({
  id,
  targets: [{ kind: 'node' as const, node }],
  ...during(fromS, toS, ask),
})

describe('ceilings within one another', () => {
  // two feeders of eight chargers each under one primary
  const shape = { perSite: 4, perFeeder: 2, perPrimary: 2 }
  const fleet = fleetOfN(16, seven)
  const feeders = (b: Bed) => nodesOfKind(b.fleet.nodes, 'feeder')

  it.each(['inner first', 'outer first'])('what a feeder withholds, its primary gives to the other feeder (%s)', order => {
    const b = bed(fleet, {}, shape)
    const [left, right] = feeders(b)
    const signals = [on('feeder', left!, cap(4 * LEAST_W)), on('all', 0, cap(8 * SEVEN_W))]
    for (const signal of order === 'inner first' ? signals : signals.toReversed()) b.signal(signal)
    expect(mayDrawW(b, under(b, left!), T + 700)).toBeLessThanOrEqual(4 * LEAST_W)
    const rightW = mayDrawW(b, under(b, right!), T + 700)
    expect(mayDrawW(b, b.everyone, T + 700)).toBeLessThanOrEqual(8 * SEVEN_W)
    // 8 x 7,360 less what the left feeder may have: more than the half that an outer ceiling alone would give
    expect(rightW).toBeGreaterThan(8 * SEVEN_W - 4 * LEAST_W - 16 * 200)
  })
  it('a limit that ends sooner does not count, or there would be a moment with too much', () => {
    const b = bed(fleet, {}, shape)
    const [left] = feeders(b)
    b.signal(on('feeder', left!, cap(0), T + 600, T + 1_800))
    b.signal(on('all', 0, cap(8 * SEVEN_W)))
    for (const atS of [T + 700, T + 1_799, T + 1_800, T + 4_199]) expect(mayDrawW(b, b.everyone, atS)).toBeLessThanOrEqual(8 * SEVEN_W)
  })
  it('who is switched off by another event leaves its share to the rest', () => {
    const b = bed(fleet, {}, shape)
    const [left, right] = feeders(b)
    b.signal(on('off', left!, { kind: 'off' }))
    b.signal(on('all', 0, cap(8 * SEVEN_W)))
    expect(mayDrawW(b, under(b, left!), T + 700)).toBe(0)
    expect(mayDrawW(b, under(b, right!), T + 700)).toBe(8 * SEVEN_W)
  })
  it.each(['inner first', 'outer first'])('each charger is told, and judged, by the event that withholds its power (%s)', order => {
    const b = bed(fleet, {}, shape)
    const [left] = feeders(b)
    const signals = [on('feeder', left!, cap(4 * LEAST_W)), on('all', 0, cap(8 * SEVEN_W))]
    for (const signal of order === 'inner first' ? signals : signals.toReversed()) b.signal(signal)
    const inner = b.event(b.s.eventNoById.get('feeder')!)
    for (const i of under(b, left!)) {
      expect(b.want(i).map(x => x.because)).toEqual([inner.no])
      expect(toldIn(inner, 0, i)!.limitW).toBe(b.wants(T + 700)[i])
    }
  })
  it('a cancelled inner one gives its room back within the outer one', () => {
    const b = bed(fleet, {}, shape)
    const [left] = feeders(b)
    b.signal(on('feeder', left!, cap(0)))
    b.signal(on('all', 0, cap(8 * SEVEN_W)))
    b.until(T + 900)
    b.signal({ ...on('feeder', left!, cap(0)), revision: 1, intervals: [] })
    b.until(T + 2_000)
    expect(mayDrawW(b, b.everyone, T + 2_000)).toBeLessThanOrEqual(8 * SEVEN_W)
    expect(mayDrawW(b, under(b, left!), T + 2_000)).toBeGreaterThan(0)
  })

  const spec: fc.Arbitrary<ChargerSpec> = fc.record({
    phases: fc.constantFrom(1 as const, 3 as const),
    maxA: fc.constantFrom(16, 32),
    stepW: fc.constantFrom(0, 0, 690),
  })
  const signal = fc.record({
    level: fc.constantFrom('licenceArea' as const, 'primary' as const, 'feeder' as const, 'site' as const),
    nth: fc.nat(20),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    startMin: fc.integer({ min: 1, max: 40 }),
    lengthMin: fc.integer({ min: 5, max: 60 }),
    spreadS: fc.constantFrom(0, 0, 60, 600),
  })
  it("every node's ceiling at every instant, whatever overlaps, by whatever policy", () => {
    fc.assert(
      fc.property(
        fc.array(spec, { minLength: 8, maxLength: 40 }),
        fc.array(signal, { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...allocationPolicies),
        (specs, signals, allocation) => {
          const b = bed(specs, { allocation }, { perSite: 2, perFeeder: 2, perPrimary: 2 })
          const caps = signals.map((x, k) => {
            const nodes = nodesOfKind(b.fleet.nodes, x.level)
            const node = nodes[x.nth % nodes.length]!
            const who = under(b, node)
            const totalW = Math.floor(x.share * who.reduce((sum, i) => sum + b.s.fleet.maxW[i]!, 0))
            const fromS = T + 60 * x.startMin
            const toS = fromS + 60 * x.lengthMin
            b.signal({
              ...on(`e${k}`, node, cap(totalW), fromS, toS),
              spread: { startS: x.spreadS, endS: x.spreadS, startShiftS: 0, endShiftS: 0, endFollowsStart: false },
            })
            return { who, totalW, fromS: fromS + x.spreadS, toS }
          })
          const edges = caps.flatMap(c => [c.fromS, c.fromS + 1, c.toS - 1, c.toS]).concat([T + 1_000, T + 2_000, T + 3_000])
          for (const atS of edges)
            for (const c of caps) if (c.fromS <= atS && atS < c.toS) expect(mayDrawW(b, c.who, atS)).toBeLessThanOrEqual(c.totalW)
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('policies of a cap', () => {
  const watts = (allocation: AllocationPolicy, specs: readonly ChargerSpec[], totalW: number) => {
    const b = bed(specs, { allocation })
    b.signal(on('e', 0, cap(totalW)))
    return b.wants(T + 700).map((w, i) => w ?? b.s.fleet.maxW[i]!)
  }
  const mixed: ChargerSpec[] = [
    { phases: 1, maxA: 16 },
    { phases: 1, maxA: 32 },
    { phases: 3, maxA: 32 },
    { phases: 3, maxA: 16 },
  ]
  it('max-min: nobody has more while another, who could use it, has less', () => {
    const w = watts('maxMin', mixed, 24_000)
    expect(w[0]).toBe(3_680)
    expect(Math.max(...w.slice(1)) - Math.min(...w.slice(1))).toBeLessThanOrEqual(Math.ceil(22_080 / 32))
  })
  it('fewest: as few as can be are limited', () => {
    const w = watts('fewest', mixed, 24_000)
    expect(w.filter((x, i) => x < [3_680, 7_360, 22_080, 11_040][i]!)).toHaveLength(1)
  })
  it('who cannot be paused keeps its least power, and the others make room for it', () => {
    const w = watts('proRata', [{ ...seven, pauses: false }, seven, seven], 2_000)
    expect(w[0]).toBeGreaterThanOrEqual(LEAST_W)
    expect(w.slice(1)).toEqual([0, 0])
  })
  it('limits are told in the steps that a box takes', () => {
    const w = watts('proRata', [{ ...seven, stepW: 736 }, { ...seven, stepW: 736 }, seven], 12_000)
    for (const x of w.slice(0, 2)) expect((x! - LEAST_W) % 736).toBe(0)
    expect(w.reduce((a, x) => a + x, 0)).toBeLessThanOrEqual(12_000)
    expect(w.reduce((a, x) => a + x, 0)).toBeGreaterThan(11_000)
  })
})

/** Full power until the start, and from five minutes after it what each was told. */
function asLimited(wants: readonly (number | null)[], fromS: number): Readings {
  const n = wants.length
  const two = <T>(f: (i: number, half: number) => T): T[] => wants.flatMap((_, i) => [f(i, 0), f(i, 1)])
  return {
    charger: Uint32Array.from(two(i => i)),
    fromMs: Float64Array.from(two((_, half) => (fromS - 1_800 + half * 2_100) * 1000)),
    toMs: Float64Array.from(two((_, half) => (fromS + half * 1_800) * 1000)),
    powerW: Float64Array.from(two((i, half) => (half === 0 ? SEVEN_W : (wants[i] ?? SEVEN_W)))),
    registerWh: new Float64Array(2 * n).fill(Number.NaN),
    quality: new Uint8Array(2 * n),
  }
}

describe('rotation over events', () => {
  it('in fifty events everyone is limited about as long: max/min within 1.25', () => {
    const n = 40
    const b = bed(fleetOfN(n, seven), { allocation: 'rotation', maxEventsPerDay: 100 })
    const limitedS = new Array<number>(n).fill(0)
    for (let k = 0; k < 50; k++) {
      const fromS = T + 600 + k * 7_200
      b.until(fromS - 400)
      b.signal({ ...on(`e${k}`, 0, cap(n * SEVEN_W * 0.7), fromS, fromS + 1_800) }, `seed ${k}`)
      b.observed(new Array(n).fill(SEVEN_W), k)
      b.answer('accepted')
      const wants = b.wants(fromS + 60)
      b.until(fromS + 2_000)
      for (const i of b.everyone) if ((wants[i] ?? SEVEN_W) < SEVEN_W) limitedS[i]! += 1_800
      b.turn({ kind: 'metered', event: k, readings: asLimited(wants, fromS) })
    }
    // what the planner goes by is what the meters showed
    expect([...b.s.gaveS]).toEqual(limitedS)
    expect(Math.min(...limitedS)).toBeGreaterThan(0)
    expect(Math.max(...limitedS) / Math.min(...limitedS)).toBeLessThanOrEqual(1.25)
  })
})
