import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Witnesses, WitnessRows } from '../../src/ports.ts'

export type WitnessesHarness = {
  /** Opens them; again after that, as a restart does. */
  open(): Witnesses
  dispose(): Promise<void>
}
type Row = [fromMs: number, toMs: number, wh: number, receivedMs?: number]
const rows = (...all: Row[]): WitnessRows => ({
  fromMs: Float64Array.from(all, r => r[0]),
  toMs: Float64Array.from(all, r => r[1]),
  wh: Float64Array.from(all, r => r[2]),
  receivedMs: Float64Array.from(all, r => r[3] ?? r[1]),
})
const listed = (r: WitnessRows): Row[] => Array.from(r.wh, (wh, i): Row => [r.fromMs[i]!, r.toMs[i]!, wh, r.receivedMs[i]!])

/** The contract of second witnesses, run against every implementation. */
export function witnessesSuite(name: string, make: () => Promise<WitnessesHarness>): void {
  describe(`witnesses: ${name}`, () => {
    let harness: WitnessesHarness
    let witnesses: Witnesses
    const t = 1_700_000_000_000
    const feeder = { name: 'feeder 7', node: 3, kind: 'feeder', stepS: 1800, unit: 'kWh', sign: 'consumption', stamp: 'start' } as const
    beforeEach(async () => {
      harness = await make()
      witnesses = harness.open()
    })
    afterEach(() => harness.dispose())

    it('knows meters by name; their numbers are dense and stay theirs', async () => {
      const first = await witnesses.declare(feeder)
      const other = await witnesses.declare({ ...feeder, name: 'substation', kind: 'substation' })
      expect([first.no, other.no]).toEqual([0, 1])
      expect(await witnesses.declare({ ...feeder, node: 9 })).toEqual({ ...first, node: 9 })
      const again = harness.open()
      expect(again.byName('feeder 7')).toEqual({ ...first, node: 9 })
      expect(again.meters().length).toBe(2)
      expect(again.byName('nobody')).toBeUndefined()
    })
    it('gives back what touches the window, by time; a correction replaces', async () => {
      const { no } = await witnesses.declare(feeder)
      const other = await witnesses.declare({ ...feeder, name: 'other' })
      await witnesses.put(no, rows([t + 1_800_000, t + 3_600_000, 4_500_000_000.5], [t, t + 1_800_000, -20]))
      await witnesses.put(other.no, rows([t, t + 1_800_000, 7]))
      await witnesses.put(no, rows([t, t + 1_800_000, -30, t + 9_000_000]))
      const again = harness.open()
      expect(listed(await again.range(no, t + 1, t + 1_800_001))).toEqual([
        [t, t + 1_800_000, -30, t + 9_000_000],
        [t + 1_800_000, t + 3_600_000, 4_500_000_000.5, t + 3_600_000],
      ])
      expect(listed(await again.range(no, t + 1_800_000, t + 1_800_001)).length).toBe(1)
      expect(listed(await again.range(no, t - 5, t))).toEqual([])
    })
    it('what is not settled outlives expiry', async () => {
      const { no } = await witnesses.declare(feeder)
      await witnesses.put(no, rows(...[0, 1, 2, 3].map((k): Row => [t + k * 1000, t + (k + 1) * 1000, k])))
      expect(await witnesses.expire(t + 3_000, [{ fromMs: t + 1_500, toMs: t + 1_600 }])).toBe(2)
      expect([...(await witnesses.range(no, t, t + 9_000)).wh]).toEqual([1, 3])
    })
  })
}
