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
