import { expect, test } from 'vitest'
import { compared } from '../../simulations/replay/differences.ts'
import type { Fact } from '../../src/core/model.ts'

const verified = (energy: object) => ({ kind: 'verified', energy }) as unknown as Fact
const baselineWh = Float64Array.of(1, 2)

test('a record of a former version that does not say how long was metered is the same as one decided today', () => {
  const found = compared([verified({ baselineWh })], [verified({ baselineWh, meteredS: Float64Array.of(60, 60) })])
  expect(found).toEqual({ same: 1, differences: [] })
})
test('and the twin: one that says it differently is another, and so is one that lacks anything else', () => {
  const today = verified({ baselineWh, meteredS: Float64Array.of(60, 60) })
  expect(compared([verified({ baselineWh, meteredS: Float64Array.of(60, 59) })], [today])).toMatchObject({
    same: 0,
    differences: [{ kind: 'verified', path: 'energy.meteredS[1]', recorded: 59, again: 60 }],
  })
  expect(compared([verified({})], [today]).differences.map(d => d.path)).toContain('energy.baselineWh')
})
