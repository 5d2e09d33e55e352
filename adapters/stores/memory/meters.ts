import { energyOf } from '../../../src/core/verify/energy.ts'
import { flaw } from '../../../src/core/verify/series.ts'
import type { Meters, SessionRecord, SignedValue } from '../../../src/ports.ts'
import { createLatest } from '../latest.ts'
import { columnsOf, inOrder, type Reading, rowOf, touches } from '../readings.ts'

/** Meters for tests and simulations: everything is kept, nothing is rounded. */
export function createMemoryMeters({ maxWOf = () => 1_000_000 }: { readonly maxWOf?: (charger: number) => number } = {}): Meters {
  let sessions: readonly SessionRecord[] = []
  let signed: readonly SignedValue[] = []
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
    async erase(who) {
      let count = 0
      for (const charger of who) {
        count += byCharger.get(charger)?.length ?? 0
        byCharger.delete(charger)
        latest.forget(charger)
      }
      sessions = sessions.filter(s => !who.includes(s.charger))
      signed = signed.filter(s => !who.includes(s.charger))
      return count
    },
    async expire(beforeMs, windows = []) {
      let count = 0
      for (const [charger, rows] of byCharger) {
        const kept = rows.filter(r => r.fromMs >= beforeMs || windows.some(w => touches(r, w.fromMs, w.toMs)))
        count += rows.length - kept.length
        byCharger.set(charger, kept)
      }
      return count
    },
    /** Not kept beyond the readings: made of them each time. */
    async history(who, { fromS, toS, stepS }) {
      const startS = Math.floor(fromS / stepS) * stepS
      const count = Math.max(0, Math.ceil((toS - startS) / stepS))
      const cells = who.length * count
      const columns = { wh: new Float64Array(cells).fill(Number.NaN), flaws: new Uint16Array(cells).fill(flaw.gap) }
      who.forEach((charger, k) => {
        const rows = byCharger.get(charger)
        if (rows === undefined || rows.length === 0) return
        const steps = { fromS: startS, toS: startS + count * stepS, stepS }
        const { series } = energyOf(columnsOf(rows), steps, { maxW: maxWOf(charger) })
        columns.wh.set(series.wh, k * count)
        columns.flaws.set(series.flaws, k * count)
      })
      return { who, fromS: startS, stepS, count, ...columns }
    },
    async expireHistory() {},
    keepSession(session) {
      sessions = [...sessions.filter(s => s.charger !== session.charger || s.fromMs !== session.fromMs), session]
    },
    async sessions(who, fromMs, toMs) {
      return sessions
        .filter(s => who.includes(s.charger) && s.fromMs < toMs && s.toMs > fromMs)
        .sort((a, b) => a.charger - b.charger || a.fromMs - b.fromMs)
    },
    keepSigned(values) {
      const same = (a: SignedValue) => values.some(b => a.charger === b.charger && a.atMs === b.atMs)
      signed = [...signed.filter(a => !same(a)), ...values]
    },
    async signed(who, fromMs, toMs) {
      return signed
        .filter(s => who.includes(s.charger) && s.atMs >= fromMs && s.atMs < toMs)
        .sort((a, b) => a.charger - b.charger || a.atMs - b.atMs)
    },
    async expireSessions(beforeMs) {
      signed = signed.filter(s => s.atMs >= beforeMs)
      sessions = sessions.filter(s => s.toMs >= beforeMs)
    },
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
