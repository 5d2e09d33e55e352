import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Readings } from '../../src/core/model.ts'
import { flaw } from '../../src/core/verify/series.ts'
import type { Meters } from '../../src/ports.ts'

export type MetersHarness = {
  /** When the harness's clock stands, ms. */
  readonly nowMs: number
  /** Opens the meters; after `close`, opens what was stored. */
  open(): Meters
  dispose(): Promise<void>
  /** Nothing outlives `close`, and nothing is rolled up. */
  readonly forgets?: boolean
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

    describe('history', () => {
      /** The begin of an hour that is over. */
      let h: number
      beforeEach(() => {
        h = Math.floor(harness.nowMs / 3_600_000) * 3_600_000 - 3 * 3_600_000
      })
      /** A charger at 6 kW over these minutes of the hour: 100 Wh each. */
      const minutes = (charger: number, from: number, to: number, watts = 6_000): Row[] =>
        Array.from({ length: to - from }, (_, k) => [charger, h + (from + k) * 60_000, h + (from + k + 1) * 60_000, watts])
      const asked = async (chargers: Uint32Array, stepS: 60 | 300 | 1800, fromMs = h, toMs = h + 3_600_000) =>
        meters.history(chargers, { fromS: fromMs / 1000, toS: toMs / 1000, stepS })

      it('is what the readings say, in steps of 1, 5 and 30 minutes; where they say nothing, nothing', async () => {
        meters.put(readings(...minutes(5, 0, 40), ...minutes(70, 0, 60, -3_000)))
        const half = await asked(who(70, 6, 5), 1800)
        expect([half.fromS, half.stepS, half.count]).toEqual([h / 1000, 1800, 2])
        expect([...half.wh]).toEqual([-1_500, -1_500, Number.NaN, Number.NaN, 3_000, 1_000])
        expect([...half.flaws]).toEqual([0, 0, flaw.gap, flaw.gap, 0, flaw.partial])
        const fine = await asked(who(5), 300)
        expect([...fine.wh]).toEqual([500, 500, 500, 500, 500, 500, 500, 500, Number.NaN, Number.NaN, Number.NaN, Number.NaN])
        expect((await asked(who(5), 60)).wh.reduce((sum, wh) => sum + (Number.isNaN(wh) ? 0 : wh), 0)).toBeCloseTo(4_000, 2)
      })
      it('begins at a whole step, and reaches over the ends of hours and days', async () => {
        const day = Math.floor(h / 86_400_000) * 86_400_000
        meters.put(
          readings(...Array.from({ length: 48 }, (_, k): Row => [3, day + (k - 24) * 1_800_000, day + (k - 23) * 1_800_000, 2 * k])),
        )
        const all = await asked(who(3), 1800, day - 12 * 3_600_000 + 5_000, day + 12 * 3_600_000)
        expect([...all.wh]).toEqual(Array.from({ length: 48 }, (_, k) => k))
      })
      it('a late reading, a correction and an erasure change it', async () => {
        meters.put(readings(...minutes(5, 0, 30)))
        expect([...(await asked(who(5), 1800)).wh]).toEqual([3_000, Number.NaN])
        meters.put(readings(...minutes(5, 30, 60, 1_200)))
        expect([...(await asked(who(5), 1800)).wh]).toEqual([3_000, 600])
        meters.put(readings(...minutes(5, 0, 30, 12_000)))
        expect([...(await asked(who(5), 1800)).wh]).toEqual([6_000, 600])
        await meters.erase(who(5))
        expect([...(await asked(who(5), 1800)).wh]).toEqual([Number.NaN, Number.NaN])
      })
      it('a register before the hour and after it makes its edges exact', async () => {
        meters.put(readings([5, h - 120_000, h - 60_000, 6_000, 1_000], [5, h + 3_660_000, h + 3_720_000, 6_000, 8_500]))
        meters.put(readings(...Array.from({ length: 61 }, (_, k): Row => [5, h + (k - 1) * 60_000, h + k * 60_000, 7_000])))
        meters.put(readings([5, h + 3_600_000, h + 3_660_000, 7_000]))
        // 7,500 Wh in the 63 minutes and the last one's own share, as the powers say
        const total = 7_500
        const shares = 62 * 7_000 + 6_000
        expect((await asked(who(5), 1800)).wh[0]).toBeCloseTo((total * 30 * 7_000) / shares, 1)
      })
      it('is there after a restart', async () => {
        meters.put(readings(...minutes(5, 0, 30)))
        await asked(who(5), 1800)
        meters.put(readings(...minutes(6, 0, 30)))
        await meters.close()
        meters = harness.open()
        if (harness.forgets) return
        expect([...(await asked(who(5, 6), 1800)).wh]).toEqual([3_000, Number.NaN, 3_000, Number.NaN])
      })
      it('what is not settled is kept when readings expire', async () => {
        meters.put(readings(...minutes(5, 0, 60)))
        const removed = await meters.expire(h + 7_200_000, [{ fromMs: h + 600_000, toMs: h + 1_200_000 }])
        expect(removed).toBeGreaterThan(30)
        const kept = await meters.range(who(5), h, h + 3_600_000)
        expect(kept.fromMs.filter(at => at >= h + 600_000 && at < h + 1_200_000).length).toBe(10)
        expect([...(await meters.range(who(5), h + 1_800_000, h + 3_600_000)).powerW]).toEqual([])
      })
      it('outlives the readings, where it is kept; a straggler does not pass for all of them', async () => {
        if (harness.forgets) return
        meters.put(readings(...minutes(5, 0, 60)))
        await meters.expire(h + 7_200_000)
        expect((await meters.range(who(5), h, h + 3_600_000)).charger.length).toBe(0)
        meters.put(readings(...minutes(5, 10, 11, 1_000)))
        expect([...(await asked(who(5), 1800)).wh]).toEqual([3_000, 3_000])
        await meters.expireHistory(300, h / 1000 + 7_200)
        expect([...(await asked(who(5), 1800)).wh]).toEqual([3_000, 3_000])
        expect((await asked(who(5), 300)).wh.every(Number.isNaN)).toBe(true)
      })
    })

    it('keeps sessions by charger and time; the same begin again replaces', async () => {
      const session = (charger: number, fromMs: number, energyWh: number) => ({
        charger,
        fromMs,
        toMs: fromMs + 3_600_000,
        energyWh,
        poweredMs: 60_000,
        flaws: 2,
      })
      for (const s of [session(2, t, 5), session(1, t, 7.5), session(1, t - 9_000_000, 3), session(1, t, Number.NaN)]) meters.keepSession(s)
      expect(await meters.sessions(who(2, 1), t - 1, t + 1)).toEqual([session(1, t, Number.NaN), session(2, t, 5)])
      await meters.expireSessions(t)
      await meters.erase(who(2))
      expect(await meters.sessions(who(1, 2), 0, t + 1)).toEqual([session(1, t, Number.NaN)])
    })
    it('keeps what meters signed, to the letter; sent twice it is there once', async () => {
      const value = (charger: number, atMs: number, body: string) => ({ charger, atMs, body })
      const body = '{"value":"OCMF|{\\"FV\\":\\"1.0\\"}|{\\"SD\\":\\"30\\"}","format":"SignedData"}'
      for (let twice = 0; twice < 2; twice++) meters.keepSigned([value(2, t, body), value(2, t, 'b'), value(1, t, 'c')])
      expect(await meters.signed(who(2, 1), t, t + 1)).toEqual([value(1, t, 'c'), value(2, t, body), value(2, t, 'b')])
      expect(await meters.signed(who(2), t + 1, t + 2)).toEqual([])
      await meters.erase(who(2))
      await meters.expireSessions(t + 1)
      expect(await meters.signed(who(1, 2), 0, t + 1)).toEqual([])
    })
  })
}
