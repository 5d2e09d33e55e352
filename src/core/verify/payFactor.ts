/** A ratio of delivered to asked, and the factor that is paid at it. */
export type PayPoint = readonly [ratio: number, factor: number]
/**
 * How pay follows delivery: linear between the points, constant beyond the first and the last. Two points at one ratio are a step, and the later of
 * them holds at the ratio itself. DFS, SSEN, Flexible Power and ERCOT are tables of this.
 */
export type PayFactor = {
  /** What a ratio is taken over before it is looked up. */
  readonly per: 'minute' | 'SP' | 'event'
  /** By ascending ratio; at least one. */
  readonly points: readonly PayPoint[]
  /** The factor is never above, never below. */
  readonly cap: number | null
  readonly floor: number | null
  /** Below this ratio the factor is squared (ERCOT); null: nowhere. */
  readonly squaredBelow: number | null
}

export function payFactorAt(of: PayFactor, ratio: number): number {
  const linear = between(of.points, ratio)
  const shaped = of.squaredBelow !== null && ratio < of.squaredBelow ? linear ** 2 : linear
  return Math.min(of.cap ?? Number.POSITIVE_INFINITY, Math.max(of.floor ?? Number.NEGATIVE_INFINITY, shaped))
}
function between(points: readonly PayPoint[], ratio: number): number {
  const next = points.findIndex(([at]) => at > ratio)
  if (next === 0) return points[0]![1]
  if (next < 0) return points.at(-1)![1]
  const [[fromRatio, fromFactor], [toRatio, toFactor]] = [points[next - 1]!, points[next]!]
  return fromFactor + ((ratio - fromRatio) * (toFactor - fromFactor)) / (toRatio - fromRatio)
}

/** What is wrong with a table, as a place and a reason; nothing where it is sound. */
export function faultsOf({ points, cap, floor }: PayFactor): string[] {
  const out: string[] = []
  if (points.length === 0) out.push('points: at least one is needed')
  points.forEach(([ratio, factor], k) => {
    if (!Number.isFinite(ratio) || !Number.isFinite(factor)) out.push(`points[${k}]: not a number`)
    if (k > 0 && ratio < points[k - 1]![0]) out.push(`points[${k}]: its ratio ${ratio} is below the one before`)
  })
  if (cap !== null && floor !== null && cap < floor) out.push(`cap: ${cap} is below the floor ${floor}`)
  return out
}
