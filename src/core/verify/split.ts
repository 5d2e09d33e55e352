/** How money is shared among participants: who is asked for nothing more than to be there, by what the meters say each gave, by the time that it was there. */
export const splitRules = ['equal', 'delivered', 'availability', 'chargers'] as const
export type SplitRule = (typeof splitRules)[number]

/**
 * Shares out whole pence in proportion to weights; the sum is exact. Each gets the whole pence of its share, and those left over go one each to the
 * largest remainders, ties to the earlier. A weight below 0, or one that is not a number, is none; where nobody has a weight all share alike. What
 * is owed (negative) is shared in the same way.
 * @throws RangeError for pence that are not whole, or for nobody to share among while there is something to share
 */
export function splitPence(pence: number, weights: ArrayLike<number>): number[] {
  if (!Number.isSafeInteger(pence)) throw new RangeError(`${pence} are not whole pence`)
  if (weights.length === 0 && pence !== 0) throw new RangeError(`nobody to share ${pence} pence among`)
  const own = effectiveWeights(weights)
  const total = own.reduce((sum, w) => sum + w, 0)
  const amount = Math.abs(pence)
  const shares = own.map(w => (amount * w) / total)
  const whole = shares.map(Math.floor)
  const left = amount - whole.reduce((sum, p) => sum + p, 0)
  const byRemainder = shares.map((_, k) => k).sort((a, b) => shares[b]! - whole[b]! - (shares[a]! - whole[a]!) || a - b)
  for (const k of byRemainder.slice(0, left)) whole[k]!++
  return whole.map(p => (p === 0 ? 0 : Math.sign(pence) * p))
}
function effectiveWeights(weights: ArrayLike<number>): number[] {
  const own = Array.from(weights, w => (w > 0 && Number.isFinite(w) ? w : 0))
  // relative to the largest, so that neither their sum nor a product with the pence can overflow
  const most = own.reduce((a, b) => Math.max(a, b), 0)
  return most === 0 ? own.map(() => 1) : own.map(w => w / most)
}
