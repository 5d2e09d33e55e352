import { expect, test } from 'vitest'
import type { Fact } from '../../src/core/model.ts'
import { bed, fleetOfN, one, T } from './bed.ts'

/** What the newest plan says is missing. */
const missingOf = (facts: readonly Fact[]) => one(facts, 'planned')?.unreachable

test('a cap that could not be kept says nothing of the looser one that takes its place', () => {
  const b = bed(fleetOfN(3, { phases: 1, maxA: 32 }))
  b.optOut(0, T - 60, T + 9000)
  const first = { fromS: T, toS: T + 1800, ask: { kind: 'cap', totalW: 5_000 } } as const
  expect(missingOf(b.signal({ intervals: [first] }))).toEqual([{ event: 0, missingW: 2_360 }])
  b.until(T + 600)
  const replaced = b.signal({
    revision: 1,
    intervals: [
      { ...first, toS: T + 600 },
      { fromS: T + 600, toS: T + 1800, ask: { kind: 'cap', totalW: 20_000 } },
    ],
  })
  expect(missingOf(replaced)).toEqual([])
  expect(b.s.events.get(0)!.missingW).toBe(0)
})
