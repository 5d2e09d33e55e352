import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ChargerSpec, nodesOfKind } from '../../simulations/virtual/fleet.ts'
import type { Ask, Fact, GridEvent, NodeNo } from '../../src/core/model.ts'
import { isWaiting } from '../../src/core/waits.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const seven: ChargerSpec = { phases: 1, maxA: 32 }
const SEVEN_W = 7_360
type Bed = ReturnType<typeof bed>
const shape = { perSite: 4, perFeeder: 2, perPrimary: 2 }
const N = 40
const bounded = (chargersPerMinute: number, change: Parameters<typeof bed>[1] = {}): Bed => {
  const b = bed(fleetOfN(N, seven), { startSpreadS: 0, endSpreadS: 0, ...change }, shape)
  b.turn({ kind: 'bounds', bounds: [{ node: -1, wPerMinute: chargersPerMinute * SEVEN_W }] })
  return b
}
const from = T + 3_600
const asks = (ask: Ask, change: Partial<GridEvent> = {}): Partial<GridEvent> => ({
  ...during(from, from + 5_400, ask),
  spread: 'programme',
  ...change,
})
const powerAt = (b: Bed, atS: number): number[] => b.wants(atS).map((w, i) => w ?? b.s.fleet.maxW[i]!)

/** The most that is cut and let go in a minute, lived through second by second; each turn of `doing` at its own. */
function lived(b: Bed, toS: number, doing: Readonly<Record<number, () => Fact[]>> = {}) {
  const moved: { atS: number; byW: number }[] = []
  const facts: Fact[] = []
  let before = powerAt(b, b.nowS())
  for (let atS = b.nowS() + 1; atS <= toS; atS++) {
    if (doing[atS] || atS % 30 === 0) facts.push(...b.until(atS))
    facts.push(...(doing[atS]?.() ?? []))
    const now = powerAt(b, atS)
    now.forEach((w, i) => {
      if (w !== before[i]) moved.push({ atS, byW: w - before[i]! })
    })
    before = now
  }
  const worst = (way: 1 | -1): number => {
    const own = moved.filter(x => x.byW * way > 0)
    const minuteTo = (toS: number) => own.reduce((sum, x) => sum + (x.atS > toS - 60 && x.atS <= toS ? Math.abs(x.byW) : 0), 0)
    return Math.max(0, ...own.map(x => minuteTo(x.atS)))
  }
  return { cutW: worst(-1), backW: worst(1), moved, facts, alarms: facts.filter(x => x.kind === 'alarm' && x.what === 'rampPassed') }
}
const total = (b: Bed, atS: number) => powerAt(b, atS).reduce((a, w) => a + w, 0)

describe('what changes in the midst of an event', () => {
  it('a revision that asks for more takes it by and by, one that asks for less gives it so', () => {
    const b = bounded(5)
    b.signal(asks({ kind: 'keep', fraction: 0.8 }))
    const revised = lived(b, from + 3_000, {
      [from + 900]: () => b.signal(asks({ kind: 'off' }, { revision: 1 })),
      [from + 2_000]: () => b.signal(asks({ kind: 'keep', fraction: 0.8 }, { revision: 2 })),
    })
    expect(total(b, from + 3_000)).toBeGreaterThan(N * 0.75 * SEVEN_W)
    expect(revised.cutW).toBeLessThanOrEqual(5 * SEVEN_W)
    expect(revised.backW).toBeLessThanOrEqual(5 * SEVEN_W)
    expect(Math.min(revised.cutW, revised.backW)).toBeGreaterThan(3 * SEVEN_W)
    expect(revised.alarms).toEqual([])
    // the same without a bound is one step
    const free = bed(fleetOfN(N, seven), { startSpreadS: 0, endSpreadS: 0 }, shape)
    free.signal(asks({ kind: 'keep', fraction: 0.8 }))
    expect(lived(free, from + 950, { [from + 900]: () => free.signal(asks({ kind: 'off' }, { revision: 1 })) }).cutW).toBeGreaterThan(
      5 * SEVEN_W,
    )
  })
  it('a second revision before the first has come counts on what each has by then', () => {
    const b = bounded(5)
    b.signal(asks({ kind: 'keep', fraction: 0.8 }))
    const revised = lived(b, from + 2_400, {
      [from + 900]: () => b.signal(asks({ kind: 'keep', fraction: 0.4 }, { revision: 1 })),
      [from + 960]: () => b.signal(asks({ kind: 'off' }, { revision: 2 })),
    })
    expect(total(b, from + 2_400)).toBe(0)
    expect(revised.cutW).toBeLessThanOrEqual(5 * SEVEN_W)
    expect(revised.alarms).toEqual([])
  })
  it.each(['emergency', 'obligation'] as const)('an %s that asks for more has it at once', kind => {
    const b = bounded(5, { startSpreadS: 600 })
    const change = kind === 'emergency' ? { class: kind, basis: 'law' } : { class: kind }
    b.signal(asks({ kind: 'keep', fraction: 0.8 }, change))
    b.until(from + 900)
    b.signal(asks({ kind: 'off' }, { ...change, revision: 1 }))
    expect(total(b, from + 900)).toBe(0)
  })
  it('what a shortfall asks in addition comes by and by', () => {
    const b = bounded(3)
    b.signal(asks({ kind: 'shed', totalW: 4 * SEVEN_W }))
    b.observed(b.everyone.map(() => SEVEN_W))
    const drawn: Fact[] = []
    const doing: Record<number, () => Fact[]> = {}
    // nobody obeys: every minute more is asked
    for (let atS = from + 30; atS < from + 1_800; atS += 30)
      doing[atS] = () => {
        b.answer('accepted')
        const facts = b.observed(b.everyone.map(() => SEVEN_W))
        drawn.push(...facts)
        return facts
      }
    const moved = lived(b, from + 1_800, doing)
    expect(drawn.some(x => x.kind === 'shortfall')).toBe(true)
    expect(one(drawn, 'eased')).toBeDefined()
    expect(moved.cutW).toBeLessThanOrEqual(3 * SEVEN_W)
    expect(total(b, from + 1_800)).toBeLessThan((N - 10) * SEVEN_W)
    expect(moved.alarms).toEqual([])
  })
  it('opt-outs that end in one second under a standing limit: their chargers are limited one after another, and others gain after that', () => {
    const b = bounded(2)
    b.signal(
      asks(
        { kind: 'limitEach', limitW: 2_000 },
        {
          class: 'obligation',
          source: { adapter: 'operator', peer: '', credential: '' },
          ...during(T, 0xffffffff, { kind: 'limitEach', limitW: 2_000 }),
        },
      ),
    )
    b.until(T + 1_800)
    for (let i = 0; i < 12; i++) b.optOut(i, T + 1_800, T + 3_000)
    expect(powerAt(b, T + 1_800).filter(w => w === SEVEN_W)).toHaveLength(12)
    const moved = lived(b, T + 4_000)
    expect(moved.cutW).toBeLessThanOrEqual(2 * SEVEN_W)
    expect(moved.cutW).toBeGreaterThan(0)
    expect(powerAt(b, T + 4_000).every(w => w < 2_100)).toBe(true)
    expect(moved.alarms).toEqual([])
  })
  it('a driver who says no while waiting is let go at once, or is not limited at all', () => {
    const b = bounded(2)
    b.signal(asks({ kind: 'off' }))
    b.until(from + 1_700)
    b.signal(asks({ kind: 'keep', fraction: 0.9 }, { revision: 1 }))
    const waits = [...b.event().waits].filter(([, w]) => w.untilS > from + 1_760)
    expect(waits.length).toBeGreaterThan(10)
    const [i] = waits[0]!
    expect(powerAt(b, from + 1_700)[i]).toBe(0)
    b.optOut(i, b.nowS(), from + 9_000)
    expect(powerAt(b, from + 1_700)[i]).toBe(SEVEN_W)
  })
  it('an emergency that comes while others wait is not loosened by them', () => {
    const b = bounded(2)
    b.signal(asks({ kind: 'keep', fraction: 0.9 }))
    b.until(from + 900)
    b.signal(asks({ kind: 'cap', totalW: 10 * SEVEN_W }, { revision: 1 }))
    expect(isWaiting(b.event(), b.nowS())).toBe(true)
    b.until(from + 930)
    b.signal({ id: 'e', class: 'emergency', basis: 'law', ...during(from + 930, from + 3_000, { kind: 'cap', totalW: 12 * SEVEN_W }) })
    expect(total(b, from + 930)).toBeLessThanOrEqual(12 * SEVEN_W)
  })

  const ask = fc.oneof(
    fc.record({ kind: fc.constant('keep' as const), fraction: fc.constantFrom(0.2, 0.5, 0.9) }),
    fc.record({ kind: fc.constant('cap' as const), totalW: fc.integer({ min: 0, max: N }).map(n => n * SEVEN_W) }),
    fc.record({ kind: fc.constant('limitEach' as const), limitW: fc.constantFrom(0, 1_500, 4_000, 7_000) }),
    fc.constant({ kind: 'off' as const }),
  )
  it('whatever is revised, wherever, whenever, nested in what: every minute is within the bound, and the plan is lawful', () => {
    const change = fc.record({
      atMin: fc.integer({ min: 1, max: 40 }),
      which: fc.nat(1),
      ask,
      optOut: fc.option(fc.nat(N - 1)),
      link: fc.option(fc.nat(N - 1)),
    })
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 6 }),
        fc.constantFrom('beside' as const, 'nested' as const, 'emergency' as const),
        fc.array(change, { minLength: 1, maxLength: 5 }),
        (perMinute, other, changes) => {
          const b = bounded(perMinute)
          const [left, right] = nodesOfKind(b.fleet.nodes, 'primary') as [NodeNo, NodeNo]
          const on = [left, other === 'beside' ? right : 0].map((node, k) => ({
            id: `e${k}`,
            targets: [{ kind: 'node' as const, node }],
            ...(k === 1 && other === 'emergency' ? ({ class: 'emergency', basis: 'law' } as const) : {}),
          }))
          for (const which of [0, 1]) b.signal(asks({ kind: 'keep', fraction: 0.95 }, on[which]))
          let revision = 0
          const doing: Record<number, () => Fact[]> = {}
          for (const x of changes)
            doing[from + 60 * x.atMin + 7] = () => [
              ...(x.link === null ? [] : b.link(b.s.up[b.s.fleet.station[x.link]!] === 0, [x.link])),
              ...(x.optOut === null ? [] : b.optOut(x.optOut, from + 60 * x.atMin, from + 60 * x.atMin + 600)),
              ...b.signal(asks(x.ask, { ...on[x.which], revision: ++revision })),
            ]
          const moved = lived(b, from + 5_000, doing)
          if (changes.some(x => x.link !== null || x.optOut !== null)) return
          expect(moved.alarms).toEqual([])
          expect(moved.backW).toBeLessThanOrEqual(perMinute * SEVEN_W)
          if (other !== 'emergency') expect(moved.cutW).toBeLessThanOrEqual(perMinute * SEVEN_W)
        },
      ),
      { numRuns: 25 },
    )
  }, 60_000)
})
