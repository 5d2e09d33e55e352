import { draws } from './draw.ts'
import { chargersOf, type Range } from './members.ts'
import type { Fleet } from './state.ts'

/**
 * Ranks of chargers within an event, by charger number, in 1/65536 of the spread: rank-stratified on every level of the tree.
 *
 * Each station shuffles its chargers; each node above interleaves the orders of its children, every child's spaced evenly with a phase of its own.
 * So the chargers of every feeder, primary and GSP, not only of the whole target, leave one after another: in the worst 60 s a node of N chargers
 * loses its ideal share and about two chargers more, where independent delays overshoot by a half (50 chargers, 600 s).
 * Counting sort on each level, O(chargers x depth), children read and written in order.
 */
export function staggerRanks(f: Fleet, ranges: readonly Range[], seed: Uint8Array, label: string): Uint16Array {
  const total = ranges.reduce((sum, r) => sum + r.to - r.from, 0)
  const out = new Uint16Array(f.chargers)
  if (total === 0) return out
  const orders = newOrders(total, draws(total, seed, label))
  const phases = draws(f.nodes + 1, seed, label + '/phase')
  for (const node of f.deepestFirst) {
    const from = f.nodeFrom[node]!
    const size = f.nodeTo[node]! - from
    if (size < 2) continue
    const at = indexOf(ranges, from, size)
    if (at >= 0) interleave(orders, at, at + size, phases[node]!)
  }
  interleave(orders, 0, total, phases[f.nodes]!)
  const charger = chargersOf(f, ranges)
  const shift = phases[f.nodes]! / 4294967296
  for (let rank = 0; rank < total; rank++) out[charger[orders.order[rank]!]!] = Math.max(1, Math.floor(((rank + shift) / total) * 65536))
  return out
}

/** Where a node's range lies in the concatenated target ranges; -1 if it is not inside a single one. */
function indexOf(ranges: readonly Range[], from: number, size: number): number {
  let base = 0
  for (const r of ranges) {
    if (from >= r.from && from + size <= r.to) return base + from - r.from
    base += r.to - r.from
  }
  return -1
}

/**
 * Orders of disjoint blocks of positions. Block [p, blockEnd[p]) holds its positions in the order they go; its k-th of n goes at
 * (k + phase[p]) / n of the spread.
 */
type Orders = {
  readonly order: Uint32Array
  readonly blockEnd: Uint32Array
  readonly phase: Uint32Array
  readonly first: Uint32Array
  readonly next: Uint32Array
}
function newOrders(n: number, phase: Uint32Array): Orders {
  const order = new Uint32Array(n)
  const blockEnd = new Uint32Array(n)
  for (let p = 0; p < n; p++) {
    order[p] = p
    blockEnd[p] = p + 1
  }
  return { order, blockEnd, phase, first: new Uint32Array(n + 1), next: new Uint32Array(n) }
}

/**
 * Makes one block of all the blocks in [from, to), ordered by when each of their positions goes (to within one part in `to - from`). Of those in the
 * same part the lower goes first in half of the draws only, or low numbers would be cut first for ever.
 */
function interleave({ order, blockEnd, phase, first, next }: Orders, from: number, to: number, phaseAfter: number): void {
  if (blockEnd[from] === to) return
  const size = to - from
  const isReversed = (phaseAfter & 1) === 1
  first.fill(0, 0, size + 1)
  for (let p = from; p < to; p = blockEnd[p]!) {
    const scale = size / (blockEnd[p]! - p)
    const start = phase[p]! / 4294967296
    for (let k = blockEnd[p]! - p - 1; k >= 0; k--) first[(((k + start) * scale) | 0) + 1]!++
  }
  for (let b = 0; b < size; b++) first[b + 1]! += first[b]!
  for (let p = from; p < to; p = blockEnd[p]!) {
    const scale = size / (blockEnd[p]! - p)
    const start = phase[p]! / 4294967296
    const n = blockEnd[p]! - p
    if (isReversed) for (let k = 0; k < n; k++) next[--first[(((k + start) * scale) | 0) + 1]!] = order[p + k]!
    else for (let k = 0; k < n; k++) next[first[((k + start) * scale) | 0]!++] = order[p + k]!
  }
  order.set(next.subarray(0, size), from)
  blockEnd[from] = to
  phase[from] = phaseAfter
}
