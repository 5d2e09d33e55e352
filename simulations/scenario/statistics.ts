/** What several runs come to. A run without the figure (NaN) is left out, and `n` says so. */
export type Spread = {
  readonly n: number
  readonly mean: number
  /** Half the width of the mean's 95 % confidence interval (Student's t); NaN with fewer than two runs. */
  readonly ci95: number
  readonly p05: number
  readonly p50: number
  readonly p95: number
}
export function spreadOf(values: readonly number[]): Spread {
  const known = values.filter(Number.isFinite).sort((a, b) => a - b)
  const n = known.length
  const mean = known.reduce((a, b) => a + b, 0) / n
  const variance = known.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1)
  return {
    n,
    mean,
    ci95: n < 2 ? Number.NaN : student975(n - 1) * Math.sqrt(variance / n),
    p05: quantile(known, 0.05),
    p50: quantile(known, 0.5),
    p95: quantile(known, 0.95),
  }
}
/** Of sorted values, straight between them (Hyndman and Fan's type 7). */
export function quantile(sorted: readonly number[], p: number): number {
  if (sorted.length === 0) return Number.NaN
  const at = p * (sorted.length - 1)
  const below = Math.floor(at)
  return sorted[below]! + (at - below) * ((sorted[below + 1] ?? sorted[below]!) - sorted[below]!)
}

/** The first of the highest; 0 where there is none. */
export function indexOfMost(values: ArrayLike<number>): number {
  let most = 0
  for (let k = 1; k < values.length; k++) if (values[k]! > values[most]!) most = k
  return most
}

/** Student's t at 0.975: exact for few degrees of freedom, else Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5), within 0.002. */
export function student975(degrees: number): number {
  const few = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469][degrees - 1]
  if (few !== undefined) return few
  const z = 1.959964
  const [z3, z5, z7] = [z ** 3, z ** 5, z ** 7]
  return (
    z +
    (z3 + z) / (4 * degrees) +
    (5 * z5 + 16 * z3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * degrees ** 3)
  )
}
