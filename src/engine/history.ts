import { flaw } from '../core/verify/series.ts'
import { type Bridge, type FleetHistory, type Meters, type RollupStep, rollupSteps } from '../ports.ts'

/** So many chargers are read at once: 60 days of half hours are some 20 MB then. */
const AT_ONCE = 500

/** Sums of what is kept of each charger. @throws RangeError for a step that is no whole minutes */
export async function fleetHistory(
  who: Uint32Array,
  meters: Pick<Meters, 'history'>,
  { fromS, toS, stepS }: Parameters<Bridge['history']>[1],
): Promise<FleetHistory> {
  const fine = [...rollupSteps].reverse().find((s): s is RollupStep => stepS % s === 0 && fromS % s === 0)
  if (fine === undefined) throw new RangeError(`no steps of ${stepS} s from ${fromS}: energy is kept by the minute`)
  const count = Math.max(0, Math.floor((toS - fromS) / stepS))
  const wh = new Float64Array(count)
  const known = new Uint32Array(count)
  for (let k = 0; k < who.length; k += AT_ONCE) {
    const some = who.slice(k, k + AT_ONCE)
    const h = await meters.history(some, { fromS, toS: fromS + count * stepS, stepS: fine })
    for (let row = 0; row < some.length; row++)
      for (let t = 0; t < count; t++) {
        const sum = wholeWh(h.wh, h.flaws, row * h.count + (t * stepS) / fine, stepS / fine)
        if (Number.isNaN(sum)) continue
        wh[t]! += sum
        known[t]!++
      }
  }
  return { fromS, stepS, chargers: who.length, wh: wh.map((x, t) => (known[t] === 0 ? Number.NaN : x)), known }
}
function wholeWh(wh: Float64Array, flaws: Uint16Array, from: number, count: number): number {
  let sum = 0
  for (let k = from; k < from + count; k++) sum += (flaws[k]! & flaw.partial) === 0 ? wh[k]! : Number.NaN
  return sum
}
