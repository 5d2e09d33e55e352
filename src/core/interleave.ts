/**
 * Room for merges of up to `most` sequences at a time, taken once, because there are as many merges as nodes. Plain columns and functions that stand
 * alone: closures made anew for each event would be compiled anew for each event, which made a million ranks three times as slow.
 */
export type Room = {
  readonly powerW: Int32Array
  /** The powers of what is being merged, in its own order; the caller's to fill. */
  readonly ownW: Int32Array
  /** The powers of what has been merged, in its order. */
  readonly mergedW: Int32Array
  readonly next: Uint32Array
  readonly last: Uint32Array
  /** Of each sequence: the power of the next in line, of all before it, and what a watt is of its whole. */
  readonly nextW: Float64Array
  readonly doneW: Float64Array
  readonly perW: Float64Array
  /** The turn of the next in line, in parts of the whole; never, where nobody is left. */
  readonly release: Float64Array
  readonly deadline: Float64Array
  readonly waiting: Heap
  readonly ready: Heap
}
export function roomFor(most: number, powerW: Int32Array): Room {
  const release = new Float64Array(most)
  const deadline = new Float64Array(most)
  return {
    powerW,
    ownW: new Int32Array(powerW.length),
    mergedW: new Int32Array(powerW.length),
    next: new Uint32Array(most),
    last: new Uint32Array(most),
    nextW: new Float64Array(most),
    doneW: new Float64Array(most),
    perW: new Float64Array(most),
    release,
    deadline,
    waiting: { key: release, items: new Uint32Array(most), size: 0 },
    ready: { key: deadline, items: new Uint32Array(most), size: 0 },
  }
}

/** Looks up the powers of from[at, end): each is fetched once from afar, before the merge. */
export function fetchPowers({ powerW, ownW }: Room, from: Uint32Array, at: number, end: number): void {
  for (let k = at; k < end; k++) ownW[k] = powerW[from[k]!]!
}

/**
 * Makes one sequence of several, each of which keeps its own order and its even share all the way: no charger starts before its sequence's turn has
 * come, and of those whose turn has come the one that must go soonest goes next (earliest deadline first with release times; Steiner and Yeomans
 * 1993 show that no sequence is then ever a whole item away from its share). Time is power: a charger of 22 kW takes six times the turn of one of 3.7.
 *
 * The powers of from[starts[0], end) stand in `ownW`. Sequence k is from[starts[k]] up to the next start, or to `end`; the merged one is written to `into` from `at` on.
 */
export function merge(r: Room, from: Uint32Array, starts: readonly number[], end: number, into: Uint32Array, at: number): void {
  const count = starts.length
  const isMany = count > FEW
  const perAllW = 1 / begin(r, starts, end)
  const stop = at + end - starts[0]!
  let spentW = 0
  for (let to = at; to < stop; to++) {
    const part = spentW * perAllW
    const g = isMany ? soonestOfMany(r, part) : soonest(r, count, part)
    into[to] = from[r.next[g]!++]!
    r.mergedW[to] = r.nextW[g]!
    r.doneW[g]! += r.nextW[g]!
    spentW += r.nextW[g]!
    enqueue(r, g)
    if (isMany && r.next[g]! < r.last[g]!) push(r.waiting, g)
  }
}
const FEW = 12
/** What rounding may take from a quotient of sums of whole watts. */
const TOLERANCE = 1e-12

/** Power of them all, W. */
function begin(r: Room, starts: readonly number[], end: number): number {
  let allW = 0
  for (let g = 0; g < starts.length; g++) {
    const stop = g + 1 < starts.length ? starts[g + 1]! : end
    let sumW = 0
    for (let k = starts[g]!; k < stop; k++) sumW += r.ownW[k]!
    r.next[g] = starts[g]!
    r.last[g] = stop
    r.doneW[g] = 0
    r.perW[g] = 1 / sumW
    allW += sumW
    enqueue(r, g)
    if (starts.length > FEW) push(r.waiting, g)
  }
  return allW
}
function enqueue(r: Room, g: number): void {
  const at = r.next[g]!
  if (at === r.last[g]) {
    r.release[g] = Number.POSITIVE_INFINITY
    r.deadline[g] = Number.POSITIVE_INFINITY
    return
  }
  const ownW = r.ownW[at]!
  r.nextW[g] = ownW
  r.release[g] = r.doneW[g]! * r.perW[g]! - TOLERANCE
  r.deadline[g] = (r.doneW[g]! + ownW) * r.perW[g]!
}

/** Whose turn it is at a part of the whole, of few: looked at one by one, which is faster than two heaps. */
function soonest({ release, deadline }: Room, count: number, part: number): number {
  let best = 0
  let bestAt = Number.POSITIVE_INFINITY
  for (let g = 0; g < count; g++)
    if (deadline[g]! < bestAt && release[g]! <= part) {
      best = g
      bestAt = deadline[g]!
    }
  if (bestAt < Number.POSITIVE_INFINITY) return best
  for (let g = 1; g < count; g++) if (release[g]! < release[best]!) best = g
  return best
}
/** The same, of many. */
function soonestOfMany({ release, waiting, ready }: Room, part: number): number {
  while (waiting.size > 0 && release[waiting.items[0]!]! <= part) push(ready, pop(waiting))
  return pop(ready.size > 0 ? ready : waiting)
}

/** A binary heap of numbers 0..n-1, the least key on top. A key may change only while its number is not inside. */
type Heap = { readonly key: Float64Array; readonly items: Uint32Array; size: number }
function push(h: Heap, item: number): void {
  const { key, items } = h
  let at = h.size++
  while (at > 0) {
    const up = (at - 1) >> 1
    if (key[items[up]!]! <= key[item]!) break
    items[at] = items[up]!
    at = up
  }
  items[at] = item
}
function pop(h: Heap): number {
  const { key, items } = h
  const least = items[0]!
  const moved = items[--h.size]!
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= h.size) break
    if (child + 1 < h.size && key[items[child + 1]!]! < key[items[child]!]!) child++
    if (key[moved]! <= key[items[child]!]!) break
    items[at] = items[child]!
    at = child
  }
  items[at] = moved
  return least
}
