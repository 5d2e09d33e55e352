import { draws } from './draw.ts'
import type { Range } from './members.ts'
import type { Fleet } from './state.ts'

/**
 * Ranks of chargers within an event, by charger number, in 1/65536 of the spread: rank-stratified on every level of the tree.
 *
 * Each station shuffles its chargers; each node above then sorts what its children drew and spaces it evenly, with a phase of its own. So the
 * chargers of every feeder, primary and GSP, not only of the whole target, leave one after another: in the worst 60 s a node of N chargers
 * loses its ideal share and about two chargers more, where independent delays overshoot by a half (50 chargers, 600 s).
 * Counting sort on each level: O(chargers x depth).
 */
export function staggerRanks(f: Fleet, ranges: readonly Range[], seed: Uint8Array, label: string): Uint16Array {
  const total = ranges.reduce((sum, r) => sum + r.to - r.from, 0)
  const out = new Uint16Array(f.chargers)
  if (total === 0) return out
  const keys = draws(total, seed, label)
  const phases = draws(f.nodes + 1, seed, label + '/phase')
  const sorter = newSorter(total)
  for (const node of f.deepestFirst) {
    const from = f.nodeFrom[node]!
    const size = f.nodeTo[node]! - from
    if (size < 2) continue
    const at = indexOf(ranges, from, size)
    if (at >= 0) space(keys, at, size, phases[node]!, sorter)
  }
  if (ranges.length > 1) space(keys, 0, total, phases[f.nodes]!, sorter)
  let k = 0
  for (const r of ranges) for (let p = r.from; p < r.to; p++) out[f.order[p]!] = keys[k++]! >>> 16
  return out
}

/** Whole seconds in [0, spreadS]. A charger that came after the ranks were drawn has rank 0 in no column: it takes the middle of the spread. */
export const offsetS = (ranks: Uint16Array, charger: number, spreadS: number): number =>
  spreadS === 0 ? 0 : Math.floor(((charger < ranks.length ? ranks[charger]! : 32768) * (spreadS + 1)) / 65536)

/** Where a node's range lies in the concatenated target ranges; -1 if it is not inside a single one. */
function indexOf(ranges: readonly Range[], from: number, size: number): number {
  let base = 0
  for (const r of ranges) {
    if (from >= r.from && from + size <= r.to) return base + from - r.from
    base += r.to - r.from
  }
  return -1
}

type Sorter = { readonly bucket: Uint32Array; readonly first: Uint32Array; readonly sorted: Uint32Array }
const newSorter = (n: number): Sorter => ({ bucket: new Uint32Array(n), first: new Uint32Array(n + 1), sorted: new Uint32Array(n) })

/** Replaces keys[at, at + size) by evenly spaced ones in the same order: (rank + phase) / size of 2^32. */
function space(keys: Uint32Array, at: number, size: number, phase: number, { bucket, first, sorted }: Sorter): void {
  first.fill(0, 0, size + 1)
  const scale = size / 4294967296
  for (let i = 0; i < size; i++) {
    const b = Math.floor(keys[at + i]! * scale)
    bucket[i] = b
    first[b + 1]!++
  }
  for (let b = 0; b < size; b++) first[b + 1]! += first[b]!
  for (let i = 0; i < size; i++) sorted[first[bucket[i]!]!++] = i
  insertionSort(sorted, keys, at, size)
  const step = 4294967296 / size
  const shift = phase / 4294967296
  for (let rank = 0; rank < size; rank++) keys[at + sorted[rank]!] = Math.min(4294967295, Math.floor((rank + shift) * step))
}

/** Buckets are as many as keys, so nearly sorted already: linear in practice. */
function insertionSort(sorted: Uint32Array, keys: Uint32Array, at: number, size: number): void {
  for (let i = 1; i < size; i++) {
    const x = sorted[i]!
    const key = keys[at + x]!
    let j = i - 1
    while (j >= 0 && keys[at + sorted[j]!]! > key) {
      sorted[j + 1] = sorted[j]!
      j--
    }
    sorted[j + 1] = x
  }
}
