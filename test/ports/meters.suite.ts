import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Readings } from '../../src/core/model.ts'
import type { Meters } from '../../src/ports.ts'

export type MetersHarness = {
  /** When the harness's clock stands, ms. */
  readonly nowMs: number
  /** Opens the meters; after `close`, opens what was stored. */
  open(): Meters
  dispose(): Promise<void>
}
type Row = [charger: number, fromMs: number, toMs: number, powerW: number, registerWh?: number, quality?: number]

export function readings(...rows: Row[]): Readings {
  return {
    charger: Uint32Array.from(rows, r => r[0]),
    fromMs: Float64Array.from(rows, r => r[1]),
    toMs: Float64Array.from(rows, r => r[2]),
    powerW: Float64Array.from(rows, r => r[3]),
    registerWh: Float64Array.from(rows, r => r[4] ?? Number.NaN),
    quality: Uint8Array.from(rows, r => r[5] ?? 0),
  }
}
const rowsOf = (r: Readings): Row[] =>
  Array.from(r.charger, (charger, i) => [charger, r.fromMs[i]!, r.toMs[i]!, r.powerW[i]!, r.registerWh[i]!, r.quality[i]!])
const who = (...chargers: number[]) => Uint32Array.from(chargers)

/** The contract of meters, run against every implementation. */
export function metersSuite(name: string, make: () => Promise<MetersHarness>): void {
  describe(`meters: ${name}`, () => {
    let harness: MetersHarness
    let meters: Meters
    let t: number
    beforeEach(async () => {
      harness = await make()
      meters = harness.open()
      t = harness.nowMs - 600_000
    })
    afterEach(() => harness.dispose())
    const found = async (chargers: Uint32Array, fromMs: number, toMs: number) => (await meters.range(chargers, fromMs, toMs)).powerW

    it('gives back a reading at once, with its register and quality', async () => {
      meters.put(readings([3, t, t + 60_000, 7_123.456, 1_234_567.891, 33]))
      expect(rowsOf(await meters.range(who(3), t, t + 1))).toEqual([[3, t, t + 60_000, 7_123.456, 1_234_567.891, 33]])
    })
    it('keeps a register without a power and a power without a register', async () => {
      meters.put(readings([3, t, t, Number.NaN, 5_000], [3, t + 1, t + 1, 11_000]))
      expect(rowsOf(await meters.range(who(3), t, t + 2))).toEqual([
        [3, t, t, Number.NaN, 5_000, 0],
        [3, t + 1, t + 1, 11_000, Number.NaN, 0],
      ])
    })
    it.each([
      ['ends where the window begins', -60_000, 0, false],
      ['ends in the window', -60_000, 1, true],
      ['spans the window', -3_600_000, 3_600_000, true],
      ['begins in the window', 59_999, 120_000, true],
      ['begins where the window ends', 60_000, 120_000, false],
      ['is an instant at its begin', 0, 0, true],
      ['is an instant at its end', 60_000, 60_000, false],
    ])('a reading that %s', async (_, from, to, touches) => {
      meters.put(readings([1, t + from, t + to, 7_000]))
      expect((await found(who(1), t, t + 60_000)).length).toBe(touches ? 1 : 0)
    })
    it('answers by charger, then time, whatever the order of arrival and of the question', async () => {
      meters.put(readings([2, t + 60_000, t + 120_000, 22], [1, t, t + 60_000, 11], [2, t, t + 60_000, 21], [9, t, t + 60_000, 91]))
      expect([...(await found(who(2, 1, 2, 77), t, t + 600_000))]).toEqual([11, 21, 22])
    })
    it('answers for many chargers as for few', async () => {
      const chargers = Uint32Array.from({ length: 200 }, (_, i) => 3 * i)
      for (let minute = 0; minute < 12; minute++) {
        meters.put(readings(...[...chargers].map((c): Row => [c + (minute % 2), t + minute * 60_000, t + (minute + 1) * 60_000, c])))
      }
      const all = await meters.range(chargers, t, t + 720_000)
      expect(all.charger.length).toBe(200 * 6)
      expect([...all.powerW]).toEqual([...all.charger])
      for (const charger of [0, 300]) expect((await found(who(charger), t, t + 720_000)).length).toBe(6)
    })
    it('the same interval again replaces; another end is another reading', async () => {
      meters.put(readings([1, t, t + 60_000, 1], [1, t, t + 60_000, 2]))
      await meters.range(who(1), t, t + 1)
      meters.put(readings([1, t, t + 60_000, 3], [1, t, t + 30_000, 4]))
      expect([...(await found(who(1), t, t + 1))]).toEqual([4, 3])
    })
    it('an empty batch, an empty question and an empty window are nothing', async () => {
      meters.put(readings())
      expect(rowsOf(await meters.range(who(), t, t + 1))).toEqual([])
      expect(rowsOf(await meters.range(who(1), t, t))).toEqual([])
      expect(rowsOf(await meters.range(who(1), 0, 8.64e15))).toEqual([])
    })

    it('knows the newest power of each charger; a late reading does not turn it back', () => {
      meters.put(readings([5, t, t + 60_000, 7_000], [70_000, t, t + 60_000, 3_000]))
      meters.put(readings([5, t - 60_000, t, 1_000], [5, t, t + 120_000, Number.NaN]))
      const { powerW, atMs } = meters.latest()
      expect([powerW[5], atMs[5]]).toEqual([7_000, t + 60_000])
      expect([powerW[70_000], atMs[70_000]]).toEqual([3_000, t + 60_000])
      expect([powerW[6], atMs[6]]).toEqual([0, 0])
    })
  })
}
