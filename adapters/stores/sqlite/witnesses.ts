import type { Witnesses, WitnessMeter, WitnessRows } from '../../../src/ports.ts'
import { type WitnessRow, witnessColumns, witnessRowOf } from '../readings.ts'
import type { Db } from './db.ts'

type MeterRow = readonly [
  no: number,
  name: string,
  node: number,
  kind: WitnessMeter['kind'],
  stepS: number,
  unit: WitnessMeter['unit'],
  sign: WitnessMeter['sign'],
  stamp: WitnessMeter['stamp'],
]

/** Series of meters that are not ours; energy to 0.001 Wh. */
export function openWitnesses(db: Db): Witnesses {
  const known = new Map<string, WitnessMeter>()
  for (const [no, name, node, kind, stepS, unit, sign, stamp] of db
    .prepare('SELECT * FROM witness ORDER BY no')
    .all([]) as unknown as MeterRow[])
    known.set(name, { no, name, node, kind, stepS, unit, sign, stamp })
  const declare = db.prepare('INSERT OR REPLACE INTO witness VALUES (?,?,?,?,?,?,?,?)')
  const insert = db.prepare('INSERT OR REPLACE INTO witness_reading VALUES (?,?,?,?,?)')
  // One that began before the window may reach into it: none is longer than a day.
  const select = db.prepare(
    'SELECT from_ms, to_ms, mwh, received_ms FROM witness_reading WHERE meter = ? AND from_ms >= ? AND from_ms < ? AND to_ms > ? ORDER BY from_ms, to_ms',
  )
  const drop = db.prepare('DELETE FROM witness_reading WHERE meter = ? AND from_ms = ? AND to_ms = ?')
  const old = db.prepare('SELECT from_ms, to_ms FROM witness_reading WHERE meter = ? AND to_ms <= ?')
  return {
    meters: () => [...known.values()],
    byName: name => known.get(name),
    async declare(meter) {
      const no = known.get(meter.name)?.no ?? known.size
      declare.run([no, meter.name, meter.node, meter.kind, meter.stepS, meter.unit, meter.sign, meter.stamp])
      const declared = { no, ...meter }
      known.set(meter.name, declared)
      return declared
    },
    async put(no, rows: WitnessRows) {
      db.write(() => {
        for (let i = 0; i < rows.wh.length; i++) {
          const { fromMs, toMs, wh, receivedMs } = witnessRowOf(rows, i)
          insert.run([no, fromMs, toMs, Math.round(wh * 1000), receivedMs])
        }
      })
    },
    async range(no, fromMs, toMs) {
      const rows = select.all([no, fromMs - LONGEST_MS, toMs, fromMs]) as unknown as readonly [number, number, number, number][]
      return witnessColumns(rows.map(([from, to, mwh, receivedMs]): WitnessRow => ({ fromMs: from, toMs: to, wh: mwh / 1000, receivedMs })))
    },
    async expire(beforeMs, kept = []) {
      let count = 0
      db.write(() => {
        for (const { no } of known.values())
          for (const [from, to] of old.all([no, beforeMs]) as unknown as readonly [number, number][])
            if (!kept.some(w => from < w.toMs && to > w.fromMs)) count += drop.run([no, from, to]).changes
      })
      return count
    },
  }
}
const LONGEST_MS = 86_400_000
