import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ChargerSpec, nodesOfKind } from '../../simulations/virtual/fleet.ts'
import type { Fact, GridEvent, NodeNo, RestoreRule } from '../../src/core/model.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const seven: ChargerSpec = { phases: 1, maxA: 32 }
const SEVEN_W = 7_360
type Bed = ReturnType<typeof bed>
const shape = { perSite: 4, perFeeder: 2, perPrimary: 2 }

const under = (b: Bed, node: NodeNo | -1): number[] =>
  b.everyone.filter(i => {
    if (node < 0) return true
    for (let n = b.s.fleet.station[i]!; n >= 0; n = b.s.fleet.parent[n]!) if (n === node) return true
    return false
  })
const bounded = (b: Bed, ...bounds: { node: NodeNo | -1; wPerMinute: number }[]) => b.turn({ kind: 'bounds', bounds })
/**
 * What the plan lets each charger draw, lived through second by second: what was wanted at that second. Nothing of the planner's own sums; gives the most
 * that was cut and let go in any minute under a node.
 */
function lived(b: Bed, toS: number, doing: ReadonlyMap<number, () => void> = new Map()) {
  const steps: { atS: number; i: number; byW: number }[] = []
  let before = b.wants(b.nowS()).map((w, i) => w ?? b.s.fleet.maxW[i]!)
  for (let atS = b.nowS() + 1; atS <= toS; atS++) {
    if (doing.has(atS)) {
      b.until(atS)
      doing.get(atS)!()
    } else if (atS % 30 === 0) b.until(atS)
    const now = b.wants(atS).map((w, i) => w ?? b.s.fleet.maxW[i]!)
    now.forEach((w, i) => {
      if (w !== before[i]) steps.push({ atS, i, byW: w - before[i]! })
    })
    before = now
  }
  const worst = (node: NodeNo | -1, way: 1 | -1): number => {
    const mine = new Set(under(b, node))
    const own = steps.filter(x => mine.has(x.i) && x.byW * way > 0)
    return own.reduce(
      (most, { atS }) =>
        Math.max(
          most,
          own.reduce((sum, x) => sum + (x.atS > atS - 60 && x.atS <= atS ? Math.abs(x.byW) : 0), 0),
        ),
      0,
    )
  }
  return { cutW: (node: NodeNo | -1) => worst(node, -1), backW: (node: NodeNo | -1) => worst(node, 1) }
}
const on = (id: string, node: NodeNo, change: Partial<GridEvent> = {}, fromS = T + 3_600, toS = T + 7_200) => ({
  id,
  targets: [{ kind: 'node' as const, node }],
  ...during(fromS, toS, { kind: 'off' }),
  spread: 'programme' as const,
  ...change,
})
const quick = { startSpreadS: 0, endSpreadS: 0 }

describe('a bound per minute', () => {
  it('lengthens start and end as far as it must, and leaves alone what has no bound', () => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    bounded(b, { node: -1, wPerMinute: 5 * SEVEN_W })
    b.signal(on('a', 0))
    expect(b.event().spread.startS).toBeGreaterThan(8 * 60 - 60)
    expect(b.event().spread.startS).toBeLessThan(10 * 60)
    expect(b.event().spread.endS).toBeGreaterThan(8 * 60 - 60)
    const moved = lived(b, T + 9_000)
    expect(moved.cutW(-1)).toBeLessThanOrEqual(5 * SEVEN_W)
    expect(moved.backW(-1)).toBeLessThanOrEqual(5 * SEVEN_W)
    expect(moved.cutW(-1)).toBeGreaterThan(0)

    const free = bed(fleetOfN(40, seven), quick, shape)
    free.signal(on('a', 0))
    expect(free.event().spread).toMatchObject({ startS: 0, endS: 0 })
  })
  it('binds a feeder alone where only it has one', () => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    const [feeder, other] = nodesOfKind(b.fleet.nodes, 'feeder')
    bounded(b, { node: feeder!, wPerMinute: 2 * SEVEN_W })
    b.signal(on('b', other!))
    expect(b.event().spread).toMatchObject({ startS: 0, endS: 0 })
    b.signal(on('a', feeder!))
    const moved = lived(b, T + 9_000)
    expect(moved.cutW(feeder!)).toBeLessThanOrEqual(2 * SEVEN_W)
    expect(moved.backW(feeder!)).toBeLessThanOrEqual(2 * SEVEN_W)
  })
  it('a start that finds no room within its window is declined', () => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    bounded(b, { node: -1, wPerMinute: SEVEN_W })
    expect(one(b.signal(on('a', 0)), 'declined')?.why).toBe('ramp')
    expect(b.wants(T + 4_000).every(w => w === null)).toBe(true)
  })
  it('a source that forbids a random delay is declined where all at once is too much, and taken where it is not', () => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    bounded(b, { node: -1, wPerMinute: 10 * SEVEN_W })
    expect(one(b.signal(on('a', 0, { spread: { forbidden: 'balancing' } })), 'declined')?.why).toBe('ramp')
    const [site] = nodesOfKind(b.fleet.nodes, 'site')
    expect(one(b.signal(on('b', site!, { spread: { forbidden: 'balancing' } })), 'accepted')).toBeDefined()
  })
  it('a restore may take longer than any random delay', () => {
    const b = bed(fleetOfN(60, seven), quick, shape)
    bounded(b, { node: -1, wPerMinute: SEVEN_W })
    b.signal(on('a', 0, { class: 'emergency', basis: 'law', spread: 'programme' }, T + 60, T + 1_800))
    expect(b.event().spread.endS).toBeGreaterThan(3_000)
    const moved = lived(b, T + 7_000)
    expect(moved.backW(-1)).toBeLessThanOrEqual(SEVEN_W)
  })
  it("an emergency's cut is exempt, calls for a review, and its restore is bound", () => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    bounded(b, { node: -1, wPerMinute: 5 * SEVEN_W })
    const facts = b.signal(on('a', 0, { class: 'emergency', basis: 'law' }, T + 60, T + 3_600))
    expect(one(facts, 'alarm')?.rules).toContain('ramp')
    const moved = lived(b, T + 6_000)
    expect(moved.cutW(-1)).toBe(40 * SEVEN_W)
    expect(moved.backW(-1)).toBeLessThanOrEqual(5 * SEVEN_W)
  })
  it('two events that end together come back one after the other', () => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    const [left, right] = nodesOfKind(b.fleet.nodes, 'primary')
    bounded(b, { node: -1, wPerMinute: 4 * SEVEN_W })
    b.signal(on('a', left!))
    b.signal(on('b', right!))
    const moved = lived(b, T + 10_000)
    expect(moved.cutW(-1)).toBeLessThanOrEqual(4 * SEVEN_W)
    expect(moved.backW(-1)).toBeLessThanOrEqual(4 * SEVEN_W)
  })
  it.each([false, true])('two that are cancelled in one second do too (at once: %s)', stopAtOnce => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    const [left, right] = nodesOfKind(b.fleet.nodes, 'primary')
    bounded(b, { node: -1, wPerMinute: 4 * SEVEN_W })
    b.signal(on('a', left!, {}, T + 600, T + 9_000))
    b.signal(on('b', right!, {}, T + 600, T + 9_000))
    const cancel = (id: string, node: NodeNo) => b.signal({ ...on(id, node), revision: 1, intervals: [], stopAtOnce })
    const both = () => {
      cancel('a', left!)
      cancel('b', right!)
    }
    const moved = lived(b, T + 7_000, new Map([[T + 4_000, both]]))
    expect(b.wants(T + 7_000).every(w => w === null)).toBe(true)
    expect(moved.backW(-1)).toBeLessThanOrEqual(4 * SEVEN_W)
  })
  it('what an event that is just over let go last still counts in the minute', () => {
    const b = bed(fleetOfN(24, seven), { startSpreadS: 60, endSpreadS: 60, ramp: 'pre' }, shape)
    bounded(b, { node: -1, wPerMinute: 4 * SEVEN_W })
    const [, right] = nodesOfKind(b.fleet.nodes, 'primary')
    const site = nodesOfKind(b.fleet.nodes, 'site')[2]!
    const late = on('late', site, {}, T + 1_860, T + 3_060)
    b.signal(on('first', right!, {}, T + 420, T + 1_800))
    const endS = T + 1_800 + b.event().spread.endS
    const moved = lived(
      b,
      T + 4_000,
      new Map([
        [T + 1_801, () => void b.signal(late)],
        [endS + 1, () => void b.signal({ ...late, revision: 1, intervals: [] })],
      ]),
    )
    expect(b.event().endRank.length).toBe(0)
    expect(moved.backW(-1)).toBeLessThanOrEqual(4 * SEVEN_W)
  })
  it('whom a level cap holds is let in within it as well', () => {
    const restore: RestoreRule = { policy: 'levelCapped', levelCap: 3, maxS: 7_200 }
    const b = bed(fleetOfN(24, seven), { ...quick, restore }, shape)
    bounded(b, { node: -1, wPerMinute: 3 * SEVEN_W })
    b.signal(on('a', 0, {}, T + 600, T + 2_400))
    b.observed(b.everyone.map(() => SEVEN_W))
    const moved = lived(b, T + 5_000)
    expect(moved.backW(-1)).toBeLessThanOrEqual(3 * SEVEN_W)
    expect(moved.backW(-1)).toBeGreaterThan(0)
  })
  it('a bound that is new while load is already to come back faster is an alarm, not a crash', () => {
    const b = bed(fleetOfN(40, seven), quick, shape)
    b.signal(on('a', 0))
    const facts = bounded(b, { node: -1, wPerMinute: SEVEN_W })
    expect(one(facts, 'alarm')).toMatchObject({ what: 'rampPassed', event: 0 })
    expect(one(b.signal(on('b', 1)), 'alarm')).toBeUndefined()
  })

  const arrival = fc.record({
    level: fc.constantFrom('licenceArea' as const, 'primary' as const, 'feeder' as const, 'site' as const),
    nth: fc.nat(20),
    atMin: fc.integer({ min: 0, max: 40 }),
    leadMin: fc.integer({ min: 1, max: 30 }),
    lengthMin: fc.integer({ min: 20, max: 60 }),
    emergency: fc.boolean(),
    cancelMin: fc.option(fc.integer({ min: 1, max: 60 })),
    spreadS: fc.constantFrom(0, 300, 600),
  })
  it('holds at every second, whatever overlaps, is cancelled or is an emergency', () => {
    fc.assert(
      fc.property(
        fc.array(arrival, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 2, max: 4 }),
        fc.constantFrom('pre' as const, 'centred' as const, 'post' as const),
        (arrivals, wide, narrow, ramp) => {
          const b = bed(fleetOfN(24, seven), { startSpreadS: 60, endSpreadS: 60, ramp }, shape)
          const [feeder] = nodesOfKind(b.fleet.nodes, 'feeder')
          const bounds = [
            { node: -1 as const, wPerMinute: wide * SEVEN_W },
            { node: feeder!, wPerMinute: narrow * SEVEN_W },
          ]
          bounded(b, ...bounds)
          const doing = new Map<number, (() => Fact[])[]>()
          const add = (atS: number, f: () => Fact[]) => doing.set(atS, [...(doing.get(atS) ?? []), f])
          arrivals.forEach((x, k) => {
            const nodes = nodesOfKind(b.fleet.nodes, x.level)
            const node = nodes[x.nth % nodes.length]!
            const fromS = T + 60 * (x.atMin + x.leadMin)
            const change = x.emergency ? ({ class: 'emergency', basis: 'law' } as const) : {}
            const signal = on(`e${k}`, node, change, fromS, fromS + 60 * x.lengthMin)
            add(T + 1 + 60 * x.atMin, () => b.signal(signal))
            if (x.cancelMin !== null) add(T + 1 + 60 * (x.atMin + x.cancelMin), () => b.signal({ ...signal, revision: 1, intervals: [] }))
          })
          const alarms: Fact[] = []
          const all = new Map(
            [...doing].map(([atS, fs]) => [
              atS,
              () => fs.forEach(f => alarms.push(...f().filter(x => x.kind === 'alarm' && x.what === 'rampPassed'))),
            ]),
          )
          const moved = lived(b, T + 3 * 3_600, all)
          for (const { node, wPerMinute } of bounds) {
            expect(moved.backW(node)).toBeLessThanOrEqual(wPerMinute)
            if (arrivals.every(x => !x.emergency)) expect(moved.cutW(node)).toBeLessThanOrEqual(wPerMinute)
          }
          expect(alarms).toEqual([])
        },
      ),
      { numRuns: 60 },
    )
  }, 60_000)
})
