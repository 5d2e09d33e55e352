import { expect, test } from 'vitest'
import { createMemoryMeters } from '../../adapters/stores/memory/meters.ts'
import { fleetHistory } from '../../src/engine/history.ts'
import { readings } from '../ports/meters.suite.ts'

const day = 1_700_006_400_000
const minute = (charger: number, m: number, powerW: number): [number, number, number, number] => [
  charger,
  day + m * 60_000,
  day + (m + 1) * 60_000,
  powerW,
]
const ask = (stepS: number, count: number) => ({ fromS: day / 1000, toS: day / 1000 + count * stepS, stepS })

test('energy of many chargers is the sum of those that are known for the whole step', async () => {
  const meters = createMemoryMeters()
  for (let m = 0; m < 60; m++) meters.put(readings(minute(1, m, 6_000), ...(m < 20 ? [minute(700, m, -3_000)] : [])))
  const half = await fleetHistory(
    Uint32Array.from({ length: 701 }, (_, i) => i),
    meters,
    ask(1_800, 3),
  )
  expect([half.chargers, [...half.wh], [...half.known]]).toEqual([701, [3_000, 3_000, Number.NaN], [1, 1, 0]])
  const tenMinutes = await fleetHistory(Uint32Array.of(1, 700), meters, ask(600, 3))
  expect([[...tenMinutes.wh], [...tenMinutes.known]]).toEqual([
    [500, 500, 1_000],
    [2, 2, 1],
  ])
})
test('a step that is no whole minutes is refused', async () => {
  await expect(fleetHistory(Uint32Array.of(1), createMemoryMeters(), ask(90, 1))).rejects.toThrow('by the minute')
})
