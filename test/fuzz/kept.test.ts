import fc from 'fast-check'
import { expect, it } from 'vitest'
import { playKept } from './kept.ts'

const runs = Math.ceil(Number(process.env.FUZZ_RUNS ?? 200) / 5)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)

const percent = fc.integer({ min: 1, max: 100 }).map(n => n / 100)
const afterMs = fc.oneof(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 60_000 }))
const trouble = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('crash' as const), afterMs, downMs: fc.integer({ min: 0, max: 10_000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('links' as const),
      afterMs,
      share: percent,
      up: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('flap' as const),
      afterMs,
      share: percent,
      gapMs: fc.integer({ min: 0, max: 3_000 }),
    }),
  },
)
const scenario = fc.record({
  seed: fc.string({ minLength: 4, maxLength: 8 }),
  chargers: fc.integer({ min: 2, max: 60 }),
  capShare: percent,
  spreadS: fc.constantFrom(0, 8, 240),
  leadS: fc.constantFrom(0, 0, 20),
  troubles: fc.array(trouble, { minLength: 1, maxLength: 8 }),
  faultShare: fc.constantFrom(0, 0.2, 0.5),
})

it(`${runs} caps under crashes, link storms and lost messages: whoever took a share is told no other (FUZZ_SEED=${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async s => {
      expect(await playKept(s)).toBeUndefined()
    }),
    { numRuns: runs, seed },
  )
}, 240_000)
