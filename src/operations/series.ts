import type { Instant, Readings } from '../core/model.ts'

/** `measuredW` is null where nobody was metered; `coverage` is the share of charger-time with readings: what is missing is not guessed. */
export type Bucket = { readonly fromMs: Instant; readonly measuredW: number | null; readonly coverage: number }
export type Buckets = { readonly fromMs: Instant; readonly stepMs: number; readonly count: number }

/**
 * Sum of the chargers' mean powers in equal steps of time. Readings come ordered by charger, as `Meters.range` gives them; where a charger's
 * readings overlap, their mean by time counts, so a register and a sample of the same minute are not added.
 */
export function bucketed(readings: Readings, { fromMs, stepMs, count }: Buckets, chargers: number): Bucket[] {
  const sumW = new Float64Array(count)
  const seen = new Uint32Array(count)
  const coveredMs = new Float64Array(count)
  const ownWms = new Float64Array(count)
  const ownMs = new Float64Array(count)
  const close = () => {
    for (let b = 0; b < count; b++) {
      if (ownMs[b]! === 0) continue
      sumW[b]! += ownWms[b]! / ownMs[b]!
      coveredMs[b]! += Math.min(stepMs, ownMs[b]!)
      seen[b]!++
    }
    ownWms.fill(0)
    ownMs.fill(0)
  }
  for (let i = 0; i < readings.charger.length; i++) {
    if (i > 0 && readings.charger[i] !== readings.charger[i - 1]) close()
    const powerW = readings.powerW[i]!
    if (Number.isNaN(powerW)) continue
    const [a, z] = [readings.fromMs[i]!, readings.toMs[i]!]
    const first = Math.max(0, Math.floor((a - fromMs) / stepMs))
    for (let b = first; b < count && fromMs + b * stepMs < z; b++) {
      const overlapMs = Math.min(z, fromMs + (b + 1) * stepMs) - Math.max(a, fromMs + b * stepMs)
      if (overlapMs <= 0) continue
      ownWms[b]! += powerW * overlapMs
      ownMs[b]! += overlapMs
    }
  }
  close()
  return Array.from(sumW, (w, b) => ({
    fromMs: fromMs + b * stepMs,
    measuredW: seen[b] === 0 ? null : w,
    coverage: chargers === 0 ? 0 : coveredMs[b]! / (chargers * stepMs),
  }))
}

/** Steps over [fromMs, toMs): whole minutes, as few as keep the count at `most` or below. */
export function bucketsOf(fromMs: Instant, toMs: Instant, most = 240, leastMs = 60_000): Buckets {
  const stepMs = Math.max(1, Math.ceil((toMs - fromMs) / most / leastMs)) * leastMs
  const startMs = Math.floor(fromMs / stepMs) * stepMs
  return { fromMs: startMs, stepMs, count: Math.max(1, Math.ceil((toMs - startMs) / stepMs)) }
}
