/**
 * The normal distribution function, within 8e-8 (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17). Quantiles are found by halving
 * on it: what is asked for here is a mixture, for which no inverse exists.
 */
export function normalBelow(z: number): number {
  if (z < 0) return 1 - normalBelow(-z)
  if (z > 8) return 1
  const t = 1 / (1 + 0.2316419 * z)
  const tail = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail
}
