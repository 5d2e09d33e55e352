import { describe, expect, test } from 'vitest'
import { type Grid, placebo, sumOf } from '../../simulations/replay/load.ts'
import type { RecordedEvent } from '../../simulations/replay/recorded.ts'
import { linkLossTraits } from '../../src/core/model.ts'

const STEP_S = 10
/** A row per charger, a value per ten seconds. */
const gridOf = (rows: readonly (readonly number[])[]): Grid => ({
  ...{ fromS: 0, stepS: STEP_S, count: rows[0]!.length },
  w: Float32Array.from(rows.flat()),
})
const who = Uint32Array.of(0, 1)
const event = (limited: RecordedEvent['limited'] = []): RecordedEvent =>
  ({
    limited,
    ignores: new Uint8Array(2),
    facts: { fleet: { minW: [1_380, 1_380], maxW: [7_360, 7_360], onLinkLoss: who.map(() => linkLossTraits.indexOf('holds')) } },
  }) as unknown as RecordedEvent
const steps = (n: number, w: number): number[] => Array(n).fill(w)

describe('the error of the model over time in which nobody was limited', () => {
  // five minutes to look at, and five in which one goes on as before, and the other tapers to the half
  const tapering = gridOf([steps(60, 7_000), [...steps(30, 7_000), ...steps(30, 3_500)]])
  test('is what the model draws more than the meters say: by charger, of the sum, and with its sign', () => {
    const found = placebo(tapering, event(), who, 600, 300)!
    expect(found).toMatchObject({ windows: 1, lengthS: 300, chargers: 2 })
    expect(found.chargerMaeW).toBeCloseTo(1_750, 3)
    expect(found.chargerBiasW).toBeCloseTo(1_750, 3)
    expect(found.sumMaeW).toBeCloseTo(3_500, 3)
    expect(found.sumBiasW).toBeCloseTo(3_500, 3)
    expect(found.meanLoadW).toBeCloseTo(10_500, 3)
  })
  test('errors of two chargers that cancel each other are errors of each, and none of the sum', () => {
    const rising = gridOf([
      [...steps(30, 3_500), ...steps(30, 7_000)],
      [...steps(30, 7_000), ...steps(30, 3_500)],
    ])
    const found = placebo(rising, event(), who, 600, 300)!
    expect(found.chargerMaeW).toBeCloseTo(3_500, 3)
    expect(found.chargerBiasW).toBeCloseTo(0, 3)
    expect(found.sumMaeW).toBeCloseTo(0, 3)
  })
  test('a load that goes on as it was has none', () => {
    const found = placebo(gridOf([steps(60, 7_000), steps(60, 0)]), event(), who, 600, 300)!
    expect(found.chargerMaeW).toBeCloseTo(0, 3)
    expect(found.sumMaeW).toBeCloseTo(0, 3)
    expect(found.meanLoadW).toBeCloseTo(7_000, 3)
  })
  test('time in which somebody was limited is no placebo; without any other there is no error to print', () => {
    expect(placebo(tapering, event([{ fromS: 400, toS: 410 }]), who, 600, 300)).toBeNull()
    expect(placebo(tapering, event([{ fromS: 100, toS: 110 }]), who, 600, 300)).toMatchObject({ windows: 1 })
  })
})

describe('the sum of a record', () => {
  const none = Number.NaN
  test('is a gap where fewer than half are metered', () => {
    const rows = [
      [1, 1, 1, 1],
      [1, none, none, 1],
      [1, none, 1, 1],
    ]
    expect([...sumOf(gridOf(rows), 3)]).toEqual([3, none, 2, 3])
  })
  test('ends with the last step that all who are there have come to: the next would pass for a fall of the load', () => {
    const rows = [
      [5, 5, 5, 5, none],
      [5, 5, 5, none, none],
      [5, 5, 5, none, none],
    ]
    expect([...sumOf(gridOf(rows), 3)]).toEqual([15, 15, 15, none, none])
    expect([...sumOf(gridOf([[none, none]]), 1)]).toEqual([none, none])
  })
})
