import { type Instant, quality, type Readings } from '../model.ts'
import type { Findings } from './findings.ts'
import type { Flaw } from './series.ts'

/** A reading that counts. `powerW` and `registerWh` NaN where it has none, or none that can be believed. */
export type Row = {
  readonly fromMs: Instant
  readonly toMs: Instant
  powerW: number
  registerWh: number
  /** `quality` of the reading, or-ed. */
  readonly flags: number
}

/**
 * More than this times the rated power is a mistake in the unit, not a car: a voltage 10 % above the nominal (EN 50160) and a meter 10 % out
 * (2021 Regulations) are both allowed.
 */
export const MOST = 1.25

const told = ['estimated', 'clockSkewed', 'reset', 'duplicate', 'late', 'fromRegister', 'partialPhases'] as const satisfies readonly Flaw[]

/**
 * Readings of one meter by time. The same interval again is a duplicate: the later one counts, as in the store. Powers beyond what the meter can see are
 * left out. Everything is found, nothing mended.
 */
export function cleaned(readings: Readings, maxW: number, found: Findings): Row[] {
  const rows: Row[] = []
  let newestMs = Number.NEGATIVE_INFINITY
  for (let i = 0; i < readings.charger.length; i++) {
    const [fromMs, toMs, flags] = [readings.fromMs[i]!, readings.toMs[i]!, readings.quality[i]!]
    if (!(toMs >= fromMs)) continue
    const row: Row = { fromMs, toMs, powerW: readings.powerW[i]!, registerWh: readings.registerWh[i]!, flags }
    const tell = (kind: Flaw) => found.add({ kind, fromMs, toMs, value: orNull(row.powerW), unit: 'W' })
    if (flags !== 0) for (const kind of told) if ((flags & quality[kind]) !== 0) tell(kind)
    if (toMs < newestMs && (flags & quality.late) === 0) tell('outOfOrder')
    newestMs = Math.max(newestMs, toMs)
    if (Math.abs(row.powerW) > maxW * MOST) {
      tell('implausible')
      row.powerW = Number.NaN
    }
    rows.push(row)
  }
  return lastOfEach(rows.sort(byTime), found)
}
const byTime = (a: Row, b: Row): number => a.toMs - b.toMs || a.fromMs - b.fromMs
/** Rows by time, those of the same interval in the order in which they came. */
function lastOfEach(rows: readonly Row[], found: Findings): Row[] {
  const out: Row[] = []
  for (const row of rows) {
    const before = out.at(-1)
    if (before !== undefined && byTime(before, row) === 0) {
      found.add({ kind: 'duplicate', fromMs: row.fromMs, toMs: row.toMs, value: orNull(before.powerW), unit: 'W' })
      out.pop()
    }
    out.push(row)
  }
  return out
}
const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value)
