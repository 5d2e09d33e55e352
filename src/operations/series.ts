import type { Instant, Readings } from '../core/model.ts'
import { shareOf } from '../core/verify/coverage.ts'
import { energyOfEach } from '../core/verify/energy.ts'

/** `measuredW` is null where nobody was metered; `coverage` see `coverage.ts`: what is missing is not guessed. */
export type Bucket = { readonly fromMs: Instant; readonly measuredW: number | null; readonly coverage: number }
export type Buckets = { readonly fromMs: Instant; readonly stepMs: number; readonly count: number }

/**
 * Sum of the chargers' mean powers in equal steps of time; of a charger that is metered for part of a step only, the mean over that part.
 * @param counted who counts for coverage
 */
export function bucketed(readings: Readings, { fromMs, stepMs, count }: Buckets, counted: ReadonlySet<number>): Bucket[] {
  const sumW = new Float64Array(count)
  const seen = new Uint32Array(count)
  const metMs = new Float64Array(count)
  const steps = { fromS: fromMs / 1000, toS: (fromMs + count * stepMs) / 1000, stepS: stepMs / 1000 }
  for (const [charger, { series, coveredMs }] of energyOfEach(readings, steps, () => anyMeter))
    for (let b = 0; b < count; b++) {
      if (coveredMs[b] === 0) continue
      sumW[b]! += (series.wh[b]! * 3_600_000) / coveredMs[b]!
      if (counted.has(charger)) metMs[b]! += coveredMs[b]!
      seen[b]!++
    }
  return Array.from(sumW, (w, b) => ({
    fromMs: fromMs + b * stepMs,
    // to the milliwatt, as readings are kept
    measuredW: seen[b] === 0 ? null : Math.round(w * 1000) / 1000,
    coverage: shareOf(metMs[b]!, counted.size, stepMs) ?? 0,
  }))
}
/** What the store keeps is shown as it is. */
const anyMeter = { maxW: Number.POSITIVE_INFINITY }

/** Steps over [fromMs, toMs): whole minutes, as few as keep the count at `most` or below. */
export function bucketsOf(fromMs: Instant, toMs: Instant, most = 240, leastMs = 60_000): Buckets {
  const stepMs = Math.max(1, Math.ceil((toMs - fromMs) / most / leastMs)) * leastMs
  const startMs = Math.floor(fromMs / stepMs) * stepMs
  return { fromMs: startMs, stepMs, count: Math.max(1, Math.ceil((toMs - startMs) / stepMs)) }
}
