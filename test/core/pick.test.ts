import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { draws } from '../../src/core/draw.ts'
import { type Candidates, casesOf, chanceOf, drawnShare, type Goal, momentsOf, pick } from '../../src/core/pick.ts'
import { seedOf } from './bed.ts'

type Change = Partial<Candidates> & { outage?: readonly number[]; rho?: number }
function candidates(n: number, name: string, { outage = [0, 0, 0, 0], rho = 0, ...change }: Change = {}): Candidates {
  const u = draws(n, seedOf(name), 'of')
  return {
    order: draws(n, seedOf(name), 'order'),
    cutW: Float64Array.from(u, x => 3_680 * (1 + (x % 3))),
    chance: Float64Array.from(u, x => 0.5 + ((x >>> 8) % 400) / 1000),
    group: Uint16Array.from(u, x => (x >>> 20) % outage.length),
    common: { outage: Float64Array.from(outage), rho: new Float64Array(outage.length).fill(rho) },
    ...change,
  }
}
const total = (of: Candidates): number => of.cutW.reduce((sum, w, m) => sum + w * of.chance[m]!, 0)
const goal = (neededW: number, confidence: number, name = 'goal'): Goal => ({ neededW, confidence, meanW: neededW, seed: seedOf(name) })
const taken = (takes: Uint8Array): number[] => [...takes.keys()].filter(m => takes[m] === 1)

/** Share of simulated events in which those taken deliver what was needed: each by its chance, a group not at all by its chance of an outage. */
function simulated(of: Candidates, takes: Uint8Array, neededW: number, events: number): number {
  const groups = of.common.outage.length
  let met = 0
  for (let e = 0; e < events; e++) {
    const u = draws(of.cutW.length + groups, seedOf(`sim ${e}`), 'u')
    let sumW = 0
    for (let m = 0; m < takes.length; m++) {
      const isOut = u[of.cutW.length + of.group[m]!]! / 2 ** 32 < of.common.outage[of.group[m]!]!
      if (takes[m] === 1 && !isOut && u[m]! / 2 ** 32 < of.chance[m]!) sumW += of.cutW[m]!
    }
    if (sumW >= neededW) met++
  }
  return met / events
}

const numbers = (n: number) => Uint32Array.from({ length: n }, (_, i) => i)

describe('without a confidence', () => {
  test('chargers are taken in order until the expectation reaches the ask, and not one more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.double({ min: 0.01, max: 0.99, noNaN: true }), fc.string(), (n, share, name) => {
        const of = candidates(n, name)
        const neededW = total(of) * share
        const { takes, meanW } = pick(of, goal(neededW, 0))
        const inOrder = [...of.order.keys()].sort((a, b) => of.order[a]! - of.order[b]!)
        let sumW = 0
        for (const m of inOrder) {
          expect(takes[m]).toBe(sumW < neededW ? 1 : 0)
          if (takes[m] === 1) sumW += of.cutW[m]! * of.chance[m]!
        }
        expect(meanW).toBeCloseTo(sumW, 3)
      }),
      { numRuns: 60 },
    )
  })
  test('who gives nothing is not taken, and nothing is taken for nothing', () => {
    const of = candidates(50, 'x')
    of.cutW.fill(0, 0, 25)
    expect(taken(pick(of, goal(total(of) * 2, 0)).takes)).toEqual(Array.from({ length: 25 }, (_, k) => 25 + k))
    expect(taken(pick(of, goal(0, 0)).takes)).toEqual([])
  })
})

describe('with a confidence', () => {
  test('169 chargers of 7.36 kW and 0.85 are needed for 1 MW at 95 %, where 1 / r says 160', () => {
    const n = 400
    const of = candidates(n, 'x', { outage: [0], cutW: new Float64Array(n).fill(7_360), chance: new Float64Array(n).fill(0.85) })
    expect(taken(pick(of, goal(1e6, 0)).takes).length).toBe(160)
    const few = taken(pick(of, goal(1e6, 0.95)).takes).length
    expect(few).toBeGreaterThanOrEqual(168)
    expect(few).toBeLessThanOrEqual(170)
  })
  test('the ask is met in as many events as was promised, outages included', () => {
    for (const [outage, confidence] of [
      [[0, 0, 0, 0], 0.9],
      [[0.02, 0.02, 0.02, 0.02], 0.95],
      [[0.05, 0.01, 0.01, 0.05], 0.9],
    ] as const) {
      const of = candidates(800, 'kinds', { outage })
      const neededW = total(of) * 0.25
      const { takes, met } = pick(of, goal(neededW, confidence))
      expect(met).toBeGreaterThanOrEqual(confidence)
      expect(Math.abs(simulated(of, takes, neededW, 3_000) - met)).toBeLessThan(0.02)
    }
  })
  test('a maker that may be out is not relied on further than the margin bears', () => {
    const of = candidates(1_000, 'x', { outage: [0.2, 0.2, 0.2, 0.2, 0.2, 0.2] })
    const neededW = total(of) * 0.2
    const { takes, met } = pick(of, goal(neededW, 0.6))
    const spread = pick(of, goal(neededW, 0)).takes
    expect(met).toBeGreaterThanOrEqual(0.6)
    expect(simulated(of, spread, neededW, 1_000)).toBeLessThan(0.3)
    expect(simulated(of, takes, neededW, 1_000)).toBeGreaterThan(0.55)
  })
  test('which makers are relied on is drawn anew with each event', () => {
    const of = candidates(1_000, 'x', { outage: [0.02, 0.02, 0.02, 0.02] })
    const most = (name: string) => {
      const perGroup = [0, 0, 0, 0]
      for (const m of taken(pick(of, goal(total(of) * 0.15, 0.95, name)).takes)) perGroup[of.group[m]!]!++
      return perGroup.indexOf(Math.max(...perGroup))
    }
    expect(new Set(Array.from({ length: 20 }, (_, k) => most(`event ${k}`))).size).toBe(4)
  })
  test('who is relied on stays while what is lacking comes and goes, also when many are lost: the order is gone further or less far', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const all = candidates(180, name, { outage: [0.06, 0.02] })
      const isLost = (m: number) => all.group[m] === 0 && m % 3 > 0
      const of = { ...all, usualW: all.cutW, cutW: all.cutW.map((w, m) => (isLost(m) ? 0 : w)) }
      const askedW = 0.4 * total(all)
      let last: number[] | undefined
      for (const part of [1.1, 1.09, 1.11, 1.085, 1.12, 1.1, 1.09, 1.08]) {
        const now = taken(pick(of, { ...goal(askedW * part, 0.9, name), askedW, meanW: askedW }).takes)
        const gone = last?.filter(m => !now.includes(m)).length ?? 0
        const come = last === undefined ? 0 : now.filter(m => !last!.includes(m)).length
        expect(Math.min(gone, come), `${name} at ${part}: ${gone} are let go for ${come} others`).toBeLessThanOrEqual(1)
        last = now
      }
    }
  })
  test('scatter beyond chance, which no number of chargers evens out, takes more of them', () => {
    const count = (rho: number) => {
      const of = candidates(2_000, 'x', { outage: [0, 0], rho })
      return taken(pick(of, goal(total(of) * 0.3, 0.95)).takes).length
    }
    expect(count(0.02)).toBeGreaterThan(count(0) * 1.05)
  })
  test('where outages alone break the promise it is kept while nobody is out', () => {
    const of = candidates(500, 'x', { outage: [0.3] })
    const neededW = total(of) * 0.4
    const { takes, met } = pick(of, goal(neededW, 0.95))
    expect(taken(takes).length).toBeLessThan(300)
    expect(met).toBeGreaterThan(0.65)
    expect(met).toBeLessThan(0.7)
  })
  test('where all are too few, all are taken', () => {
    const of = candidates(40, 'x')
    expect(taken(pick(of, goal(total(of) * 1.5, 0.95)).takes).length).toBe(40)
  })
  test('one who is lost is replaced: hardly any of the others move', () => {
    const moved: number[] = []
    for (let k = 0; k < 40; k++) {
      const of = candidates(1_000, `fleet ${k}`, { outage: [0.02, 0.02, 0.02, 0.02], rho: 0.005 })
      const wanted = goal(total(of) * 0.25, 0.96)
      const before = pick(of, wanted).takes
      const cutW = of.cutW.slice()
      cutW[taken(before)[k]!] = 0
      const after = pick({ ...of, cutW, usualW: of.cutW }, wanted).takes
      moved.push(before.reduce((n, x, m) => n + (x !== after[m] ? 1 : 0), 0) - 1)
    }
    moved.sort((a, b) => a - b)
    expect(moved[20]).toBeLessThan(4)
    // unless the makers relied on had just been enough, and no longer are
    expect(moved[37]).toBeLessThan(9)
  })
  test('the promise of a choice is what its sums say', () => {
    const of = candidates(300, 'x', { outage: [0.02, 0.02] })
    const { takes, met } = pick(of, goal(total(of) * 0.3, 0.9))
    const chosen = { ...of, cutW: of.cutW.map((w, m) => (takes[m] === 1 ? w : 0)) }
    expect(chanceOf(casesOf(momentsOf(chosen), of.common), total(of) * 0.3)).toBeCloseTo(met, 6)
  })
})

describe('those who stay back', () => {
  test('are the share that is asked for, drawn by the event’s seed, and reserve and control group differ', () => {
    const reserve = drawnShare(numbers(10_000), 0.1, seedOf('a'), 'reserve')
    const holdOut = drawnShare(numbers(10_000), 0.1, seedOf('a'), 'holdout')
    expect(taken(reserve).length / 10_000).toBeCloseTo(0.1, 1)
    expect(taken(reserve).filter(m => holdOut[m] === 1).length / 1_000).toBeLessThan(0.2)
    expect(taken(drawnShare(numbers(10_000), 0.1, seedOf('b'), 'reserve'))).not.toEqual(taken(reserve))
    expect(taken(drawnShare(numbers(100), 0, seedOf('a'), 'reserve'))).toEqual([])
  })
})
