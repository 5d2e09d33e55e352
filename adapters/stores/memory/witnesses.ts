import type { Witnesses, WitnessMeter } from '../../../src/ports.ts'
import { type WitnessRow, witnessColumns, witnessRowOf } from '../readings.ts'

/** For tests and simulations. */
export function createMemoryWitnesses(): Witnesses {
  const known = new Map<string, WitnessMeter>()
  const series = new Map<number, WitnessRow[]>()
  return {
    meters: () => [...known.values()],
    byName: name => known.get(name),
    async declare(meter) {
      const declared = { no: known.get(meter.name)?.no ?? known.size, ...meter }
      known.set(meter.name, declared)
      return declared
    },
    async put(no, rows) {
      const all = series.get(no) ?? []
      for (let i = 0; i < rows.wh.length; i++) {
        const row = witnessRowOf(rows, i)
        const same = all.findIndex(x => x.fromMs === row.fromMs && x.toMs === row.toMs)
        if (same < 0) all.push(row)
        else all[same] = row
      }
      series.set(
        no,
        all.sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs),
      )
    },
    async range(no, fromMs, toMs) {
      return witnessColumns((series.get(no) ?? []).filter(x => x.fromMs < toMs && x.toMs > fromMs))
    },
    async expire(beforeMs, kept = []) {
      let count = 0
      for (const [no, rows] of series) {
        const left = rows.filter(x => x.toMs > beforeMs || kept.some(w => x.fromMs < w.toMs && x.toMs > w.fromMs))
        count += rows.length - left.length
        series.set(no, left)
      }
      return count
    },
  }
}
