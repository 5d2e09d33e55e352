import type { Instant } from '../../../src/core/model.ts'
import type { SessionRecord } from '../../../src/ports.ts'
import type { Db } from './db.ts'

type Row = readonly [charger: number, fromMs: number, toMs: number, energyMwh: number | null, poweredMs: number, flaws: number]

/** Sessions of chargers; energy to 0.001 Wh. */
export function openSessionRecords(db: Db) {
  const insert = db.prepare('INSERT OR REPLACE INTO session_record VALUES (?,?,?,?,?,?)')
  const select = db.prepare('SELECT * FROM session_record WHERE charger = ? AND to_ms > ? AND from_ms < ? ORDER BY from_ms')
  const drop = db.prepare('DELETE FROM session_record WHERE charger = ?')
  const dropOld = db.prepare('DELETE FROM session_record WHERE to_ms < ?')
  return {
    keep({ charger, fromMs, toMs, energyWh, poweredMs, flaws }: SessionRecord): void {
      insert.run([charger, fromMs, toMs, Number.isNaN(energyWh) ? null : Math.round(energyWh * 1000), poweredMs, flaws])
    },
    range: (who: Uint32Array, fromMs: Instant, toMs: Instant): SessionRecord[] =>
      [...new Set(who)].sort((a, b) => a - b).flatMap(charger => (select.all([charger, fromMs, toMs]) as unknown as Row[]).map(recordOf)),
    erase(who: Uint32Array): void {
      for (const charger of who) drop.run([charger])
    },
    expire: (beforeMs: Instant): void => void dropOld.run([beforeMs]),
  }
}
const recordOf = ([charger, fromMs, toMs, mwh, poweredMs, flaws]: Row): SessionRecord => ({
  ...{ charger, fromMs, toMs, poweredMs, flaws },
  energyWh: mwh === null ? Number.NaN : mwh / 1000,
})
