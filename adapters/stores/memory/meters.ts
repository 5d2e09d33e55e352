import type { Meters } from '../../../src/ports.ts'
import { createLatest } from '../latest.ts'
import { columnsOf, inOrder, type Reading, rowOf, touches } from '../readings.ts'

/** Meters for tests and simulations: everything is kept, nothing is rounded. */
export function createMemoryMeters(): Meters {
  const byCharger = new Map<number, Reading[]>()
  const latest = createLatest()
  return {
    put(readings) {
      latest.see(readings)
      for (let i = 0; i < readings.charger.length; i++) keep(byCharger, rowOf(readings, i))
    },
    async range(who, fromMs, toMs) {
      const rows: Reading[] = []
      for (const charger of new Set(who.slice().sort())) {
        for (const reading of byCharger.get(charger) ?? []) if (touches(reading, fromMs, toMs)) rows.push(reading)
      }
      return columnsOf(rows)
    },
    latest: latest.columns,
    async close() {},
  }
}

/** Inserts from the end, because readings mostly come in order. */
function keep(byCharger: Map<number, Reading[]>, reading: Reading): void {
  const rows = byCharger.get(reading.charger)
  if (rows === undefined) {
    byCharger.set(reading.charger, [reading])
    return
  }
  let at = rows.length
  while (at > 0 && inOrder(rows[at - 1]!, reading) > 0) at--
  const same = at > 0 && inOrder(rows[at - 1]!, reading) === 0
  rows.splice(same ? at - 1 : at, same ? 1 : 0, reading)
}
