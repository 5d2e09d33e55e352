import { describe, expect, test } from 'vitest'
import { chargerVerdicts } from '../../../src/core/model.ts'
import { countedIn, countsWith, coverageOf } from '../../../src/core/verify/coverage.ts'
import type { Verified } from '../../../src/core/verify/record.ts'

const all = () => true
describe('coverage is metered time of all time of the chargers that count', () => {
  test.each([
    ['all of it', [3600, 3600], all, 1],
    ['half of one of two', [3600, 1800], all, 0.75],
    ['one that does not count takes nothing from it', [3600, 0], (row: number) => row === 0, 1],
    ['and adds nothing to it', [1800, 3600], (row: number) => row === 0, 0.5],
    ['overlapping readings are no more than all', [4000], all, 1],
    ['where nobody counts there is none', [3600], () => false, null],
    ['nor of no time', [], all, null],
  ])('%s', (_, meteredS, counts, share) => {
    expect(coverageOf(meteredS, counts, 3600)).toBe(share)
  })
  test('a charger counts that was commanded or would have drawn', () => {
    expect([
      countsWith(true, 0),
      countsWith(true, Number.NaN),
      countsWith(false, 1),
      countsWith(false, 0),
      countsWith(false, null),
    ]).toEqual(
      [true, true, true, false, false], // biome-ignore format: a table
    )
  })
  test('of a verdict too', () => {
    const code = (name: (typeof chargerVerdicts)[number]) => chargerVerdicts.indexOf(name)
    const counts = countedIn({
      who: Uint32Array.of(7, 8, 9),
      verdict: Uint8Array.of(code('noData'), code('notCommanded'), code('notCommanded')),
      energy: { baselineWh: Float64Array.of(Number.NaN, Number.NaN, Number.NaN, 50, 0, 0), actualWh: new Float64Array(6) },
      periods: { startS: Uint32Array.of(0, 1800) } as Verified['periods'],
    } as unknown as Verified)
    expect([0, 1, 2].map(counts)).toEqual([true, true, false])
  })
})
