import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

// The end-to-end suites start the built product as processes, kill it and wait for real seconds: minutes, not seconds. GRIDBRIDGE_LONG=1 runs them,
// as CI does; GRIDBRIDGE_LONG=0 runs their short versions.
const endToEnd = process.env.GRIDBRIDGE_LONG !== undefined

// These take seconds where others take less. They start first, so that none of them is alone at the end; a new clone has no timings that would tell.
const longest = [
  'cli/cli',
  'fuzz/fuzz',
  'fuzz/mutants',
  'fuzz/everyAppend',
  'ocpp/limitKey',
  'openadr2b/ven',
  'fuzz/kept',
  'ocpp/installer',
  'openadr2b/wire',
].map(name => `${name}.test.ts`)
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex(name => moduleId.endsWith(`/${name}`))
      return at < 0 ? longest.length : at
    }
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b))
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(endToEnd ? [] : ['test/e2e/**'])],
    globalSetup: endToEnd ? [] : ['test/notice.ts'],
    // On a machine that others use too, what takes a second may take twenty: only what hangs is to end here.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real processes in real seconds, on CI's machines that others use too: one more try there, and the report names it. None by hand.
    retry: endToEnd && process.env.CI ? 1 : 0,
    pool: 'forks',
    // Loading fastify, zod and ajv anew for each of sixty files costs more than most of them take.
    isolate: endToEnd,
    sequence: { sequencer: LongestFirst },
    // Those that run side by side mostly wait.
    maxConcurrency: 12,
    // One more than there are cores: at any time one of them waits for a socket, a process or the clock.
    maxWorkers: Math.max(endToEnd ? 3 : 2, availableParallelism() + 1),
  },
})
