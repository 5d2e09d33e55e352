import type { Second } from '../model.ts'
import type { Load } from './load.ts'

/** Load counts as settled within this share of its baseline. */
const SETTLED_WITHIN = 0.05

export type Rebound = {
  /** Energy above the baseline after the event: sum of (A - B) where positive. */
  readonly reboundWh: number
  /** Of what was delivered; cars that stay plugged in take it all back (about 1). Null where nothing was delivered. */
  readonly paybackRatio: number | null
  /** Highest power after the event, W, and against the highest baseline before it. */
  readonly peakW: number | null
  readonly peakRatio: number | null
  /** From the end of the event until load stays within 5 % of its baseline for the rest of what was looked at; null: it does not. */
  readonly settledAfterS: number | null
}

/**
 * What came back after the event. Both windows are one row each (`sumAll`, `rowOf`), the second from the event's end on. Turn-down only: after a
 * turn-up there is less load, not more.
 */
export function reboundOf(before: Load, after: Load, deliveredWh: number): Rebound {
  let reboundWh = 0
  let peakWh = Number.NaN
  for (let t = 0; t < after.periods; t++) {
    const [a, b] = [after.actualWh[t]!, after.baselineWh[t]!]
    if (Number.isNaN(a)) continue
    reboundWh += Math.max(0, a - b)
    peakWh = Number.isNaN(peakWh) ? a : Math.max(peakWh, a)
  }
  const peakW = Number.isNaN(peakWh) ? null : (peakWh * 3600) / after.stepS
  const beforeW = (before.baselineWh.reduce((most, b) => (Number.isNaN(b) ? most : Math.max(most, b)), 0) * 3600) / before.stepS
  return {
    reboundWh,
    paybackRatio: deliveredWh > 0 ? reboundWh / deliveredWh : null,
    peakW,
    peakRatio: peakW === null || beforeW <= 0 ? null : peakW / beforeW,
    settledAfterS: settledAfterS(after),
  }
}
/** Unknown periods neither settle nor unsettle; where the last known one is not settled, nothing is. */
function settledAfterS(after: Load): Second | null {
  let atS: Second | null = null
  for (let t = 0; t < after.periods; t++) {
    const [a, b] = [after.actualWh[t]!, after.baselineWh[t]!]
    if (Number.isNaN(a)) continue
    // a rounding error of the sum is no movement
    const isSettled = Math.abs(a - b) <= SETTLED_WITHIN * Math.abs(b) + 1e-9
    if (!isSettled) atS = null
    else atS ??= t * after.stepS
  }
  return atS
}
