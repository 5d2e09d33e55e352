import { expect, test } from 'vitest'
import type { VerifiedFact } from '../../../src/operations/history.ts'
import { meteredIn } from '../../../src/operations/meteredIn.ts'
import type { Meters } from '../../../src/ports.ts'

/** Minutes of a verdict, of readings that have registers alone: 100 Wh a minute, one reading before the first of them. */
const from = 1_700_001_000
const rows = [-1, 0, 1].map(m => ({ fromMs: (from + 60 * m) * 1000, registerWh: 5_000 + 100 * m }))
const meters: Pick<Meters, 'range'> = {
  async range(_, fromMs, toMs) {
    const own = rows.filter(r => r.fromMs < toMs && r.fromMs + 60_000 > fromMs)
    return {
      charger: new Uint32Array(own.length),
      fromMs: Float64Array.from(own, r => r.fromMs),
      toMs: Float64Array.from(own, r => r.fromMs + 60_000),
      powerW: new Float64Array(own.length).fill(Number.NaN),
      registerWh: Float64Array.from(own, r => r.registerWh),
      quality: new Uint8Array(own.length),
    }
  },
}
test('the first minute of an event is known of a meter that sends its register alone', async () => {
  const fact = {
    who: Uint32Array.of(0),
    periods: { startS: Uint32Array.of(from), endS: Uint32Array.of(from + 120) },
    energy: { baselineWh: Float64Array.of(400), actualWh: Float64Array.of(200) },
  } as unknown as VerifiedFact
  const load = await meteredIn(meters, fact, { fromS: from, stepS: 60, periods: 2 })
  expect([...load!.actualWh]).toEqual([100, 100])
  expect([...load!.baselineWh]).toEqual([200, 200])
})

test('of a last minute that the end of the event cuts, what was drawn after it is not held against the event', async () => {
  // 12 kW, but for the first 90 s: then the event is over
  const seconds = (k: number) => ({ fromMs: (from + 10 * k) * 1000, powerW: k < 9 ? 0 : 12_000 })
  const readings = Array.from({ length: 12 }, (_, k) => seconds(k))
  const powers: Pick<Meters, 'range'> = {
    range: async () => ({
      charger: new Uint32Array(readings.length),
      fromMs: Float64Array.from(readings, r => r.fromMs),
      toMs: Float64Array.from(readings, r => r.fromMs + 10_000),
      powerW: Float64Array.from(readings, r => r.powerW),
      registerWh: new Float64Array(readings.length).fill(Number.NaN),
      quality: new Uint8Array(readings.length),
    }),
  }
  const fact = {
    who: Uint32Array.of(0),
    periods: { startS: Uint32Array.of(from), endS: Uint32Array.of(from + 90) },
    energy: { baselineWh: Float64Array.of(300), actualWh: Float64Array.of(0) },
  } as unknown as VerifiedFact
  const load = await meteredIn(powers, fact, { fromS: from, stepS: 60, periods: 2 })
  expect([...load!.baselineWh]).toEqual([200, 100])
  expect([...load!.actualWh]).toEqual([0, 0])
})

test('of a minute that is metered in part the rest was as its baseline: what is not seen is no delivery', async () => {
  // the first minute is seen for 15 s, at 2 kW; the second for all of it
  const rows = [
    { fromMs: from * 1000, toMs: (from + 15) * 1000 },
    { fromMs: (from + 60) * 1000, toMs: (from + 120) * 1000 },
  ]
  const powers: Pick<Meters, 'range'> = {
    range: async () => ({
      charger: new Uint32Array(2),
      ...{ fromMs: Float64Array.from(rows, r => r.fromMs), toMs: Float64Array.from(rows, r => r.toMs) },
      ...{ powerW: Float64Array.of(2_400, 2_400), registerWh: Float64Array.of(Number.NaN, Number.NaN), quality: new Uint8Array(2) },
    }),
  }
  const fact = {
    who: Uint32Array.of(0),
    periods: { startS: Uint32Array.of(from), endS: Uint32Array.of(from + 120) },
    energy: { baselineWh: Float64Array.of(400), actualWh: Float64Array.of(80) },
  } as unknown as VerifiedFact
  const load = await meteredIn(powers, fact, { fromS: from, stepS: 60, periods: 2 })
  expect([...load!.actualWh]).toEqual([10 + 150, 40])
})
