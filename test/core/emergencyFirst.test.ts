import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodesOfKind } from '../../simulations/virtual/fleet.ts'
import { apply } from '../../src/core/apply.ts'
import { check } from '../../src/core/check.ts'
import type { Ask } from '../../src/core/model.ts'
import { closeSchedule, draftSegment, finished, newDraft } from '../../src/core/rows.ts'
import { bed, during, fleetOfN, T } from './bed.ts'

const MAX_W = 7_360
const shape = { perSite: 2, perFeeder: 2, perPrimary: 2 }
/** What each charger may draw under an ask, by the words of the ask alone: 1,380 W is 6 A, and nothing lies between it and a pause. */
function allowedW(ask: Ask): number {
  if (ask.kind === 'off') return 0
  const w = ask.kind === 'keep' ? Math.floor(MAX_W * ask.fraction) : ask.kind === 'limitEach' && 'limitW' in ask ? ask.limitW : MAX_W
  return w < 1_380 ? 0 : Math.min(w, MAX_W)
}
const each: fc.Arbitrary<Ask> = fc.oneof(
  fc.constant({ kind: 'off' } as const),
  fc.integer({ min: 0, max: 8_000 }).map(limitW => ({ kind: 'limitEach', limitW }) as const),
  fc.double({ min: 0, max: 1, noNaN: true }).map(fraction => ({ kind: 'keep', fraction }) as const),
)
const any: fc.Arbitrary<Ask> = fc.oneof(
  each,
  fc.integer({ min: 0, max: 60_000 }).map(totalW => ({ kind: 'cap', totalW }) as const),
  fc.integer({ min: 0, max: 60_000 }).map(totalW => ({ kind: 'shed', totalW }) as const),
)
const when = fc.record({
  startMin: fc.integer({ min: 1, max: 40 }),
  lengthMin: fc.integer({ min: 5, max: 60 }),
  level: fc.nat(3),
  nth: fc.nat(8),
})

describe('an emergency', () => {
  it('is said to be the one that limits where a routine event, older or newer, limits as much', () => {
    for (const order of [['routine', 'emergency'] as const, ['emergency', 'routine'] as const]) {
      const b = bed(fleetOfN(2))
      for (const id of order)
        b.signal({
          id,
          ...(id === 'emergency' ? { class: 'emergency' } : {}),
          ...during(T + 60, T + 3600, { kind: 'limitEach', limitW: 2_300 }),
        })
      expect(b.want(0).map(x => b.event(x.because).event.id)).toEqual(['emergency'])
    }
  })
  it('is never loosened by a contracted event, whatever that asks, whenever it comes, begins, ends or is cancelled', () => {
    fc.assert(
      fc.property(
        when,
        each,
        fc.array(fc.record({ when, ask: any, comesMin: fc.nat(60), cancelled: fc.boolean() }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 2_000),
        (emergency, ask, others, floorW) => {
          const b = bed(fleetOfN(12), { startSpreadS: 120, floorW }, shape)
          const levels = ['licenceArea', 'primary', 'feeder', 'site'] as const
          const span = (x: typeof emergency) => [T + 60 * x.startMin, T + 60 * (x.startMin + x.lengthMin)] as const
          const at = (x: typeof emergency) => {
            const nodes = nodesOfKind(b.fleet.nodes, levels[x.level]!)
            return { targets: [{ kind: 'node' as const, node: nodes[x.nth % nodes.length]! }], ...during(...span(x), ask) }
          }
          b.signal({ id: 'emergency', class: 'emergency', basis: 'law', ...at(emergency) })
          const [fromS, toS] = span(emergency)
          const { targets } = at(emergency)
          const node = targets[0]!.node
          const mine = b.everyone.filter(i => {
            for (let n = b.s.fleet.station[i]!; n >= 0; n = b.s.fleet.parent[n]!) if (n === node) return true
            return false
          })
          const steps = others.flatMap((o, k) => {
            const signal = { id: `e${k}`, spread: 'programme' as const, ...at(o.when), ...during(...span(o.when), o.ask) }
            const comesS = T + 60 * o.comesMin
            return [
              { atS: comesS, signal },
              ...(o.cancelled ? [{ atS: comesS + 600, signal: { ...signal, revision: 1, intervals: [] } }] : []),
            ]
          })
          const mostW = ask.kind === 'keep' && floorW > 0 ? Math.max(allowedW(ask), floorW) : allowedW(ask)
          const within = () => {
            for (const atS of [fromS, fromS + 1, Math.floor((fromS + toS) / 2), toS - 1].filter(x => x >= b.nowS())) {
              const wants = b.wants(atS)
              for (const i of mine) expect(wants[i] ?? MAX_W).toBeLessThanOrEqual(mostW)
            }
          }
          within()
          for (const { atS, signal } of steps.sort((x, y) => x.atS - y.atS)) {
            b.until(Math.max(b.nowS(), atS))
            b.signal(signal)
            within()
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it.each([
    ['a higher limit', [[T + 3_600, T + 7_200, 5_000]]],
    ['none from the middle on', [[T + 3_600, T + 5_000, 2_000]]],
    [
      'a gap of a minute',
      [
        [T + 3_600, T + 5_000, 2_000],
        [T + 5_060, T + 7_200, 2_000],
      ],
    ],
  ] as const)('loosened by a plan, the check sees it: %s', (_, segments) => {
    const b = bed(fleetOfN(4))
    b.signal({ class: 'emergency', basis: 'law', ...during(T + 3_600, T + 7_200, { kind: 'limitEach', limitW: 2_000 }) })
    expect(check(b.s, T + 3_600)).toBeUndefined()
    const d = newDraft()
    for (const [fromS, toS, limitW] of segments) draftSegment(d, fromS, toS, limitW, 0)
    closeSchedule(d, 1)
    apply(b.s, { kind: 'planned', generation: b.s.generation + 1, algorithm: 'by hand', schedules: finished(d), unreachable: [] })
    expect(check(b.s, T + 3_600)).toBe('charger 1: may draw more than emergency 0 allows')
  })
})

it.each([{ policy: 'uniform' as const }, { policy: 'levelCapped' as const, levelCap: 1.5, maxS: 3_600 }])(
  'whom an opt-out kept out of what was announced is not limited because it is called off ($policy)',
  restore => {
    const b = bed(fleetOfN(12), { restore, endSpreadS: 600 })
    for (const i of b.everyone) b.optOut(i, T + 3_700 + 60 * i, T + 7_200)
    b.until(T + 10)
    b.signal({ class: 'emergency', basis: 'order', ...during(T + 10, T + 3_600, { kind: 'limitEach', limitW: 0 }), spread: 'programme' })
    b.answer('accepted')
    const free = b.everyone.filter(i => b.want(i).length === 0)
    expect(free.length).toBeGreaterThan(0)
    expect(free.length).toBeLessThan(12)
    b.until(T + 60)
    b.signal({ class: 'emergency', basis: 'order', revision: 1, intervals: [] })
    for (const i of free) expect(b.want(i)).toEqual([])
    b.until(T + 7_200)
    expect(b.wants(T + 7_200)).toEqual(Array(12).fill(null))
  },
)
