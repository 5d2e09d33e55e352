import type { Second } from '../model.ts'
import type { EnergySeries } from './series.ts'

export type ResponseTime = {
  /** From the signal's issue to the end of the first interval in which the metered drop reached 50 %, 90 % of the target; null: never. */
  readonly t50S: number | null
  readonly t90S: number | null
  /** What the meters can resolve: a time is up to this much shorter. */
  readonly resolutionS: number
}
/**
 * How fast did the meters fall? From the issue of the signal, not from our command: what the buyer waits for. The end of an interval counts, since
 * its mean is known only then. A first touch counts, also where the load rises again; whether it stays is the performance's matter.
 * @param actual sum of the chargers, as fine as the meters allow
 * @param baselineW what they would draw (a constant: response is a matter of minutes)
 */
export function responseTime(actual: EnergySeries, issuedS: Second, baselineW: number, targetW: number): ResponseTime {
  const reached = (share: number): number | null => {
    if (!(targetW > 0)) return null
    for (let k = 0; k < actual.wh.length; k++) {
      const toS = actual.fromS + (k + 1) * actual.stepS
      if (toS <= issuedS || Number.isNaN(actual.wh[k]!)) continue
      if (baselineW - powerAt(actual, k) >= share * targetW) return toS - issuedS
    }
    return null
  }
  return { t50S: reached(0.5), t90S: reached(0.9), resolutionS: actual.stepS }
}
const powerAt = (series: EnergySeries, k: number): number => (series.wh[k]! * 3600) / series.stepS

export const RAMP_S = 60
/** The steepest rise and fall of metered power within 60 s, W, both positive; null where the meters are coarser than that, or know no two such moments. */
export type WorstRamp = { readonly riseW: number; readonly fallW: number } | null
export function worstRamp(actual: EnergySeries): WorstRamp {
  const steps = RAMP_S / actual.stepS
  if (!Number.isInteger(steps)) return null
  let riseW = 0
  let fallW = 0
  let seen = 0
  for (let k = steps; k < actual.wh.length; k++) {
    const change = powerAt(actual, k) - powerAt(actual, k - steps)
    if (Number.isNaN(change)) continue
    seen++
    riseW = Math.max(riseW, change)
    fallW = Math.max(fallW, -change)
  }
  return seen === 0 ? null : { riseW, fallW }
}
