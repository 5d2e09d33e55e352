import type { AllocationPolicy } from './model.ts'

/** Levels of a policy's measure in an order; within a level the draw decides, so that nobody's place is known beforehand. */
const LEVELS = 64
const DRAW_BITS = 26

/** What the policies look at, by member; a measure that a policy does not need is not asked for. */
export type Measures = {
  /** What could be taken of it, W. */
  readonly giveW: (m: number) => number
  /** How long it has been limited by events so far, S. */
  readonly gaveS: (m: number) => number
  /** How long it can do without and still be full in time, S; NaN where neither need nor departure is known. */
  readonly laxityS: (m: number) => number
}

/** Laxity beyond this is as good as endless. */
const MUCH_LAXITY_S = 12 * 3_600
/** Of whom nothing is known it is assumed that a third of a night can be spared: before those in a hurry, after those who are full. */
const ASSUMED_LAXITY_S = 4 * 3_600

/**
 * The order in which chargers give, lower first: drawn by lot (`proRata`, `maxMin`), or the most power first (`fewest`), who was limited least so far
 * (`rotation`), who can spare most time (`leastDisturbance`), each in 64 levels with the draw inside a level. O(n). Reversed it is the order in which
 * chargers are served.
 */
export function givingOrder(policy: AllocationPolicy, draw: Uint32Array, of: Measures): Uint32Array {
  switch (policy) {
    case 'proRata':
    case 'maxMin':
      return draw
    case 'fewest':
      return inLevels(draw, of.giveW, 'most')
    case 'rotation':
      return inLevels(draw, of.gaveS, 'least')
    case 'leastDisturbance':
      return inLevels(
        draw,
        m => {
          const s = of.laxityS(m)
          return Number.isNaN(s) ? ASSUMED_LAXITY_S : Math.max(0, Math.min(MUCH_LAXITY_S, s))
        },
        'most',
      )
  }
}
/** Who gives last is served first. */
export const servingOrder = (giving: Uint32Array): Uint32Array => giving.map(key => ~key)

function inLevels(draw: Uint32Array, measure: (m: number) => number, first: 'least' | 'most'): Uint32Array {
  const n = draw.length
  const values = new Float64Array(n)
  let least = Infinity
  let most = Number.NEGATIVE_INFINITY
  for (let m = 0; m < n; m++) {
    const v = measure(m)
    values[m] = v
    if (v < least) least = v
    if (v > most) most = v
  }
  const width = (most - least) / (LEVELS - 1)
  const out = new Uint32Array(n)
  for (let m = 0; m < n; m++) {
    const level = width > 0 ? Math.round((values[m]! - least) / width) : 0
    out[m] = (first === 'least' ? level : LEVELS - 1 - level) * 2 ** DRAW_BITS + (draw[m]! >>> (32 - DRAW_BITS))
  }
  return out
}
