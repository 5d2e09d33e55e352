import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'

// The end-to-end suites start the built product as processes, kill it and wait for real seconds: minutes, not seconds. GRIDBRIDGE_LONG=1 runs them,
// as CI does; GRIDBRIDGE_LONG=0 runs their short versions.
const endToEnd = process.env.GRIDBRIDGE_LONG !== undefined

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(endToEnd ? [] : ['test/e2e/**'])],
    globalSetup: endToEnd ? [] : ['test/notice.ts'],
    testTimeout: 20_000,
    pool: 'forks',
    // the default leaves one core idle, half of a small machine; the end-to-end suites mostly wait
    // real processes in real seconds on a machine that others use too: one more try, and the report names it
    retry: endToEnd ? 1 : 0,
    maxWorkers: Math.max(endToEnd ? 3 : 2, availableParallelism()),
  },
})
