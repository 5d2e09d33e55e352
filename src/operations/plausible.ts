import type { NodeNo } from '../core/model.ts'
import type { State } from '../core/state.ts'
import type { WitnessRows } from '../ports.ts'

/** So many times what a place carries, or what is usual there, is no load but a mistake in the unit: kWh told and Wh sent are a thousand times. */
const BEYOND = 20
/** What is usual is what was not passed in three quarters of a meter's intervals of the week before: a faulty quarter does not make itself usual. */
export const USUAL_MS = 7 * 86_400_000
const USUAL_SHARE = 0.75
/** Fewer intervals tell nothing of what is usual. */
const LEAST = 4

/**
 * The most that a meter at a node can have seen, W, either way; infinite where nothing tells. What else is behind a meter is told to nobody, so it is what is usual of
 * it, or the sum of the ratings of the chargers under it, whichever is more, times twenty; and where it is known what the node or one above it may carry, no more
 * than twenty times that. Limits that stand are no such knowledge: an operator may have set one far below the load of a place. So a mistake that a meter has
 * made from its first day on is found by a rating of the node alone.
 */
export function mostPlausibleW({ fleet: f }: Pick<State, 'fleet'>, node: NodeNo, { wh, fromMs, toMs }: WitnessRows): number {
  let limitW = Number.POSITIVE_INFINITY
  for (let n: number = node; n >= 0; n = f.parent[n]!) if (f.nodeLimitW[n]! > 0) limitW = Math.min(limitW, f.nodeLimitW[n]!)
  let ratedW = 0
  for (let p = f.nodeFrom[node]!; p < f.nodeTo[node]!; p++) ratedW += f.maxW[f.order[p]!]!
  const powersW = wh.map((x, k) => Math.abs(x * 3_600_000) / (toMs[k]! - fromMs[k]!)).sort()
  const usualW = powersW.length < LEAST ? Number.POSITIVE_INFINITY : powersW[Math.floor(USUAL_SHARE * (powersW.length - 1))]!
  const mostW = ratedW === 0 ? Number.POSITIVE_INFINITY : Math.max(ratedW, usualW)
  return BEYOND * Math.min(limitW, mostW)
}
