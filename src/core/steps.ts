import type { Fleet } from './state.ts'

/** What a charger can be told between a pause and its maximum: any whole watt, equal steps from its least power on, or a set that its maker has chosen. */

/** The maker's set, W, ascending; undefined where there is none. */
export const setOf = (f: Fleet, i: number): readonly number[] | undefined =>
  f.stepSet[i] === 0 ? undefined : f.stepSets[f.stepSet[i]! - 1]
/** The greatest of a set that is not above `w`; the least of it where all are. */
export const lowerIn = (set: readonly number[], w: number): number => set.findLast(step => step <= w) ?? set[0]!
/** The least of a set that is not below `w`; undefined where all are. */
export const upperIn = (set: readonly number[], w: number): number | undefined => set.find(step => step >= w)

/** The greatest that the charger can be told of what lies between its least power and its maximum: at most `w`, W. */
export function downW(f: Fleet, i: number, w: number): number {
  const set = setOf(f, i)
  if (set) return lowerIn(set, w)
  return f.stepW[i] === 0 ? w : w - ((w - f.minW[i]!) % f.stepW[i]!)
}
/** The least that it can be told: at least `w`, which is not below its least power; its maximum where there is none. */
export function upW(f: Fleet, i: number, w: number): number {
  const [minW, stepW, maxW] = [f.minW[i]!, f.stepW[i]!, f.maxW[i]!]
  const set = setOf(f, i)
  if (set) return upperIn(set, w) ?? maxW
  return Math.min(maxW, stepW === 0 ? Math.ceil(w) : minW + Math.ceil((w - minW) / stepW) * stepW)
}

/** Sets of a fact in a fleet's own numbers: the same set twice is one. `mine`: 1 + index in `told`, 0 for none. */
export function mergedSets(
  known: readonly (readonly number[])[],
  told: readonly (readonly number[])[],
): { readonly sets: (readonly number[])[]; readonly numberOf: (mine: number) => number } {
  const sets = [...known]
  const numbers = told.map(set => {
    const at = sets.findIndex(x => x.length === set.length && x.every((w, k) => w === set[k]))
    return at >= 0 ? at + 1 : sets.push([...set])
  })
  return { sets, numberOf: mine => (mine === 0 ? 0 : (numbers[mine - 1] ?? 0)) }
}
