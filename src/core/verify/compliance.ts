import { isAbove } from '../effect.ts'

export type Compliance = 'compliant' | 'notCompliant' | 'noData'
/**
 * Did a charger keep its limit? `powerW` are its metered intervals under `limitW` (one for each). Not compliant: two of them were above it beyond the
 * meter's accuracy, reading x (1 - a) > limit, next to each other or not. Without intervals, or with a single one that is above, there is no telling.
 * One above among others that kept it may straddle the moment of a change: the rest decide.
 */
export function complianceOf(powerW: ArrayLike<number>, limitW: ArrayLike<number>, accuracy: number): Compliance {
  let seen = 0
  let above = 0
  for (let k = 0; k < powerW.length; k++) {
    if (Number.isNaN(powerW[k]!)) continue
    seen++
    if (isAbove(powerW[k]!, limitW[k]!, accuracy)) above++
  }
  if (above >= 2) return 'notCompliant'
  return seen > above ? 'compliant' : 'noData'
}
