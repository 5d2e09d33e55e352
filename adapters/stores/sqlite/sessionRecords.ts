import type { Instant } from '../../../src/core/model.ts'
import type { SessionRecord, SignedValue } from '../../../src/ports.ts'
import type { Db } from './db.ts'

type Row = readonly [charger: number, fromMs: number, toMs: number, energyMwh: number | null, poweredMs: number, flaws: number]

/** Sessions of chargers, energy to 0.001 Wh, and the values that their meters signed. */
export function openSessionRecords(db: Db) {
  const insert = db.prepare('INSERT OR REPLACE INTO session_record VALUES (?,?,?,?,?,?)')
  const select = db.prepare('SELECT * FROM session_record WHERE charger = ? AND to_ms > ? AND from_ms < ? ORDER BY from_ms')
  const drop = db.prepare('DELETE FROM session_record WHERE charger = ?')
  const dropOld = db.prepare('DELETE FROM session_record WHERE to_ms < ?')
  const insertSigned = db.prepare('INSERT OR REPLACE INTO signed_value VALUES (?,?,?,?)')
  const selectSigned = db.prepare(
    'SELECT charger, at_ms, body FROM signed_value WHERE charger = ? AND at_ms >= ? AND at_ms < ? ORDER BY at_ms, n',
  )
  const dropSigned = db.prepare('DELETE FROM signed_value WHERE charger = ?')
  const dropOldSigned = db.prepare('DELETE FROM signed_value WHERE at_ms < ?')
  return {
    keepSigned(values: readonly SignedValue[]): void {
      const seen = new Map<string, number>()
      db.write(() => {
        for (const { charger, atMs, body } of values) {
          const n = seen.get(`${charger} ${atMs}`) ?? 0
          seen.set(`${charger} ${atMs}`, n + 1)
          insertSigned.run([charger, Math.round(atMs), n, body])
        }
      })
    },
    signed: (who: Uint32Array, fromMs: Instant, toMs: Instant): SignedValue[] =>
      [...new Set(who)]
        .sort((a, b) => a - b)
        .flatMap(charger =>
          (selectSigned.all([charger, fromMs, toMs]) as unknown as [number, number, string][]).map(([no, atMs, body]) => ({
            charger: no,
            atMs,
            body,
          })),
        ),
    keep({ charger, fromMs, toMs, energyWh, poweredMs, flaws }: SessionRecord): void {
      insert.run([charger, fromMs, toMs, Number.isNaN(energyWh) ? null : Math.round(energyWh * 1000), poweredMs, flaws])
    },
    range: (who: Uint32Array, fromMs: Instant, toMs: Instant): SessionRecord[] =>
      [...new Set(who)].sort((a, b) => a - b).flatMap(charger => (select.all([charger, fromMs, toMs]) as unknown as Row[]).map(recordOf)),
    erase(who: Uint32Array): void {
      for (const charger of who) for (const statement of [drop, dropSigned]) statement.run([charger])
    },
    expire(beforeMs: Instant): void {
      for (const statement of [dropOld, dropOldSigned]) statement.run([beforeMs])
    },
  }
}
const recordOf = ([charger, fromMs, toMs, mwh, poweredMs, flaws]: Row): SessionRecord => ({
  ...{ charger, fromMs, toMs, poweredMs, flaws },
  energyWh: mwh === null ? Number.NaN : mwh / 1000,
})
