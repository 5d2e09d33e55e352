import fc from 'fast-check'
import { type RestoreRule, sessionPhases } from '../../src/core/model.ts'
import { chargerCount, type Scenario, type Step } from './world.ts'

const atMin = fc.integer({ min: 0, max: 90 })
const ask = fc.oneof(
  fc.record({ kind: fc.constant('cap' as const), totalW: fc.integer({ min: 0, max: 60_000 }) }),
  fc.record({ kind: fc.constant('shed' as const), totalW: fc.integer({ min: 1_000, max: 40_000 }) }),
  fc.record({ kind: fc.constant('keep' as const), fraction: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('limitEach' as const), limitW: fc.integer({ min: 0, max: 8_000 }) }),
  fc.record({ kind: fc.constant('limitEach' as const), limitA: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ kind: fc.constant('off' as const) }),
)
const signal: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('signal' as const),
  atMin,
  id: fc.constantFrom('a', 'b', 'c'),
  revision: fc.nat({ max: 4 }),
  startMin: fc.integer({ min: -10, max: 60 }),
  lengthMin: fc.integer({ min: 1, max: 60 }),
  spreadS: fc.constantFrom(0, 0, 30, 600),
  cancelled: fc.boolean().map(b => b && true),
  class: fc.constantFrom('contracted' as const, 'contracted' as const, 'emergency' as const),
  ask,
  test: fc.integer({ min: 0, max: 9 }).map(n => n === 0),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: signal },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('duplicate' as const), atMin, id: fc.constantFrom('a', 'b', 'c') }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('optOut' as const),
      atMin,
      charger: fc.nat({ max: chargerCount - 1 }),
      startMin: fc.integer({ min: 0, max: 90 }),
      lengthMin: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('link' as const), atMin, charger: fc.nat({ max: chargerCount - 1 }), up: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('storm' as const), atMin }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('blackout' as const),
      atMin,
      darkS: fc.integer({ min: 1, max: 600 }),
      apartS: fc.constantFrom(0, 1, 10),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('appendFails' as const), atMin, how: fc.constantFrom('before' as const, 'after' as const) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('flip' as const),
      atMin,
      afterS: fc.integer({ min: 0, max: 45 }),
      linksDrop: fc.boolean(),
      crash: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('quiet' as const), atMin }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('session' as const),
      atMin: fc.integer({ min: 0, max: 140 }),
      charger: fc.nat({ max: chargerCount - 1 }),
      phase: fc.constantFrom(...sessionPhases),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      atMin,
      followedBy: fc.constantFrom('change' as const, 'change' as const, 'nothing' as const),
    }),
  },
)
export const scenario: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.string({ minLength: 4, maxLength: 8 }),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
  faultShare: fc.constantFrom(0, 0.2, 0.5),
  restore: fc.constantFrom<RestoreRule>(
    { policy: 'uniform' },
    { policy: 'levelCapped', levelCap: 1, maxS: 1_800 },
    { policy: 'levelCapped', levelCap: 1.5, maxS: 3_600 },
  ),
  rejecting: fc.uniqueArray(fc.nat({ max: chargerCount - 1 }), { maxLength: 2 }),
  ignoring: fc.uniqueArray(fc.nat({ max: chargerCount - 1 }), { maxLength: 2 }),
  depths: fc.array(fc.constantFrom(0, 0, 1, 2, 3, 24), { minLength: 1, maxLength: 4 }),
  ownDelaysS: fc.array(fc.constantFrom(0, 0, 0, 60, 900), { minLength: 1, maxLength: 3 }),
})
