import fc from 'fast-check'
import { expect, it } from 'vitest'
import { scenario } from './scenario.ts'
import { play } from './world.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 200)
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)

it(
  `${runs} random scenarios with faults: the plan is kept, nobody ends capped, the journal is intact (FUZZ_SEED=${seed})`,
  async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async s => {
        expect(await play(s)).toBeUndefined()
      }),
      { numRuns: runs, seed },
    )
  },
  Math.max(240_000, runs * 240),
)
