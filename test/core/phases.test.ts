import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/virtual/fleet.ts'
import { type AllocationPolicy, allocationPolicies, NEVER_S, type PhaseAmps } from '../../src/core/model.ts'
import { at, bed, fleetOfN, T } from './bed.ts'

const [L1, L2, L3] = [1, 2, 4]
const cap = (totalW: number, phaseA?: PhaseAmps) => ({
  intervals: [{ fromS: T + 60, toS: T + 40_000, ask: { kind: 'cap' as const, totalW, ...(phaseA ? { phaseA } : {}) } }],
  class: 'obligation' as const,
  spread: at,
})
const PLENTY = 10_000_000
const amps = (w: number | null, maxW: number, phases: number) => (w ?? maxW) / (230 * phases)

describe('a ceiling on each phase', () => {
  test('is met by those on it, and the others are free', () => {
    const b = bed([...fleetOfN(4, { gridPhases: L1 }), ...fleetOfN(4, { gridPhases: L2 })])
    b.signal(cap(PLENTY, [64, 200, 200]))
    const wants = b.wants(T + 100)
    expect(wants.slice(4)).toEqual([null, null, null, null])
    expect(wants.slice(0, 4).reduce((sum, w) => sum! + amps(w, 7_360, 1), 0)).toBeLessThanOrEqual(64)
    expect(wants.slice(0, 4).reduce((sum, w) => sum! + amps(w, 7_360, 1), 0)).toBeGreaterThan(62)
  })

  test('one whose phase nobody knows counts in full on each', () => {
    const b = bed(fleetOfN(3))
    b.signal(cap(PLENTY, [48, 300, 300]))
    expect(b.wants(T + 100).reduce((sum, w) => sum! + amps(w, 7_360, 1), 0)).toBeLessThanOrEqual(48)
  })

  test('three phases count a third of their power on each', () => {
    const b = bed(fleetOfN(2, { phases: 3, gridPhases: 7 }))
    b.signal(cap(PLENTY, [64, 64, 64]))
    expect(b.wants(T + 100)).toEqual([null, null])
    b.signal({ ...cap(PLENTY, [64, 40, 64]), revision: 1 })
    const used = b.wants(T + 200).reduce((sum, w) => sum! + amps(w, 22_080, 3), 0)!
    expect(used).toBeLessThanOrEqual(40)
    expect(used).toBeGreaterThan(39)
  })

  test('what is not ours to limit comes off its own phase alone, and what cannot be met is said', () => {
    const b = bed([{ gridPhases: L1 }, { gridPhases: L2 }, { gridPhases: L1 }])
    b.optOut(0, T, NEVER_S)
    b.signal(cap(PLENTY, [40, 40, 40]))
    const [, onL2, onL1] = b.wants(T + 100)
    expect(onL2).toBeNull()
    expect(amps(onL1!, 7_360, 1)).toBeLessThanOrEqual(8)
    expect(onL1).toBeGreaterThan(0)
    b.signal({ ...cap(PLENTY, [10, 40, 40]), revision: 1 })
    expect(b.wants(T + 200).slice(1)).toEqual([null, 0])
    expect(b.event().missingW).toBe(22 * 230)
  })

  test('a ceiling without phases is shared as ever', () => {
    const specs = fleetOfN(9, { gridPhases: L3 })
    const [one, other] = [bed(specs), bed(fleetOfN(9))]
    for (const b of [one, other]) b.signal(cap(30_000))
    expect(one.wants(T + 100)).toEqual(other.wants(T + 100))
  })
})

type Limit = { readonly level: number; readonly pick: number; readonly phaseA: PhaseAmps; readonly totalW: number }
const spec: fc.Arbitrary<ChargerSpec> = fc
  .record({
    phases: fc.constantFrom(1 as const, 1 as const, 3 as const, 2 as const),
    known: fc.constantFrom(0, 1, 2, 3),
    maxA: fc.constantFrom(16, 32),
    stepW: fc.constantFrom(0, 0, 230, 700),
    pauses: fc.constantFrom(true, true, true, false),
  })
  .map(({ phases, known, ...x }) => ({
    ...x,
    phases,
    gridPhases: known === 0 ? 0 : phases === 3 ? 7 : phases === 2 ? 7 ^ (1 << (known - 1)) : 1 << (known - 1),
  }))
const limit: fc.Arbitrary<Limit> = fc.record({
  level: fc.nat({ max: 5 }),
  pick: fc.nat(),
  phaseA: fc.tuple(fc.nat({ max: 200 }), fc.nat({ max: 200 }), fc.nat({ max: 200 })),
  totalW: fc.constantFrom(20_000, 100_000, PLENTY),
})

test('under any tree and any limits on it no node draws more on a phase than it may, but for what nobody can help', () => {
  fc.assert(
    fc.property(
      fc.array(spec, { minLength: 1, maxLength: 24 }),
      fc.array(limit, { minLength: 1, maxLength: 4 }),
      fc.constantFrom<AllocationPolicy>(...allocationPolicies),
      fc.array(fc.nat({ max: 23 }), { maxLength: 3 }),
      fc.array(fc.nat({ max: 23 }), { maxLength: 3 }),
      (specs, limits, allocation, offline, optedOut) => {
        const b = bed(specs, { allocation }, { perSite: 2, perFeeder: 2, perPrimary: 2, perGsp: 2 })
        const f = b.s.fleet
        for (const i of optedOut) if (i < specs.length) b.optOut(i, T, NEVER_S)
        const gone = offline.filter(i => i < specs.length)
        if (gone.length > 0) b.link(false, gone)
        const asked = limits.map(({ level, pick, ...x }, k) => {
          const nodes = Array.from({ length: f.nodes }, (_, n) => n).filter(n => f.nodeKind[n] === level)
          return { ...x, id: `limit-${k}`, node: nodes[pick % nodes.length]! }
        })
        for (const { id, node, totalW, phaseA } of asked) b.signal({ ...cap(totalW, phaseA), id, targets: [{ kind: 'node', node }] })
        b.until(T + 90)
        const wants = b.wants(T + 100)
        asked.forEach(({ node, phaseA }, k) => {
          const under = Array.from(f.order.subarray(f.nodeFrom[node]!, f.nodeTo[node]!))
          const missingA = b.event(k).missingW / 230
          for (const [phase, limitA] of phaseA.entries()) {
            const usedA = under
              .filter(i => f.gridPhases[i] === 0 || (f.gridPhases[i]! & (1 << phase)) !== 0)
              // nobody offline was ever sent a limit
              .reduce((sum, i) => sum + amps(b.s.up[f.station[i]!] === 1 ? wants[i]! : null, f.maxW[i]!, f.phases[i]!), 0)
            expect(usedA).toBeLessThanOrEqual(limitA + missingA + 0.01)
          }
        })
      },
    ),
    { numRuns: Math.min(600, Number(process.env['FUZZ_RUNS'] ?? 60)) },
  )
}, 120_000)

test('where every charger is on one known phase, each phase is used up to less than one charger’s least', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(L1, L2, L3), { minLength: 1, maxLength: 30 }),
      fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 400 }), fc.nat({ max: 400 })),
      (phases, phaseA) => {
        const b = bed(phases.map(gridPhases => ({ gridPhases })))
        b.signal(cap(PLENTY, phaseA))
        const wants = b.wants(T + 100)
        for (const [k, limitA] of phaseA.entries()) {
          const on = wants.filter((_, i) => phases[i] === 1 << k)
          const usedA = on.reduce<number>((sum, w) => sum + amps(w, 7_360, 1), 0)
          expect(usedA).toBeLessThanOrEqual(limitA + 0.001)
          expect(usedA).toBeGreaterThan(Math.min(limitA, 32 * on.length) - 6 - 0.01)
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('where boxes of one and of three phases share, nothing lies idle that any of them could use', () => {
  const kind = fc.constantFrom<ChargerSpec>({ gridPhases: L1 }, { gridPhases: L2 }, { gridPhases: L3 }, { phases: 3, gridPhases: 7 })
  fc.assert(
    fc.property(
      fc.array(kind, { minLength: 2, maxLength: 24 }),
      fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 300 }), fc.nat({ max: 300 })),
      fc.constantFrom(PLENTY, 60_000),
      fc.constantFrom<AllocationPolicy>(...allocationPolicies),
      (specs, phaseA, totalW, allocation) => {
        const b = bed(specs, { allocation })
        b.signal(cap(totalW, phaseA))
        const has = b.wants(T + 100).map((w, i) => w ?? b.s.fleet.maxW[i]!)
        const idleW = totalW - has.reduce((sum, w) => sum + w, 0)
        expect(idleW).toBeGreaterThanOrEqual(0)
        const idleA = phaseA.map((limitA, k) => {
          const on = specs.map((x, i) => (((x.gridPhases ?? 0) >> k) & 1 ? has[i]! / (230 * (x.phases ?? 1)) : 0))
          return limitA - on.reduce((sum, a) => sum + a, 0)
        })
        expect(Math.min(...idleA)).toBeGreaterThanOrEqual(-0.01)
        specs.forEach(({ gridPhases, phases = 1 }, i) => {
          if (has[i]! >= b.s.fleet.maxW[i]!) return
          const couldUseA = Math.min(idleW / (230 * phases), ...idleA.filter((_, k) => ((gridPhases! >> k) & 1) === 1))
          expect(couldUseA, `charger ${i}`).toBeLessThan(6.01)
        })
      },
    ),
    { numRuns: Math.min(600, Number(process.env['FUZZ_RUNS'] ?? 60)) },
  )
}, 60_000)
