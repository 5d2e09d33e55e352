/**
 * Makes one sequence of several, each of which keeps its own order and its even share all the way: no charger starts before its sequence's turn has
 * come, and of those whose turn has come the one that must go soonest goes next (earliest deadline first with release times; Steiner and Yeomans
 * 1993 show that no sequence is then ever a whole item away from its share). Time is power: a charger of 22 kW takes six times the turn of one of 3.7.
 *
 * `most` is the largest number of sequences in one merge: the room is taken once, because there are as many merges as nodes.
 */
export type Merge = (from: Uint32Array, starts: Uint32Array, count: number, end: number, into: Uint32Array, at: number) => void
export function fairMerge(most: number, powerW: Int32Array): Merge {
  const next = new Uint32Array(most)
  const last = new Uint32Array(most)
  /** Power of the next in line, of all before it, of the whole sequence. */
  const nextW = new Float64Array(most)
  const doneW = new Float64Array(most)
  const totalW = new Float64Array(most)
  const release = new Float64Array(most)
  const deadline = new Float64Array(most)
  const waiting = heapBy(release)
  const ready = heapBy(deadline)
  /** The turn of the next one in line of sequence g, from release to deadline, in parts of the whole. */
  const enqueue = (from: Uint32Array, g: number): void => {
    if (next[g] === last[g]) {
      release[g] = deadline[g] = Number.POSITIVE_INFINITY
      return
    }
    nextW[g] = powerW[from[next[g]!]!]!
    release[g] = doneW[g]! / totalW[g]! - TOLERANCE
    deadline[g] = (doneW[g]! + nextW[g]!) / totalW[g]!
  }
  /** Whose turn it is at a part of the whole, of few: looked at one by one, which is faster than two heaps. */
  const soonest = (count: number, atPart: number): number => {
    let best = 0
    let bestAt = Number.POSITIVE_INFINITY
    for (let g = 0; g < count; g++)
      if (deadline[g]! < bestAt && release[g]! <= atPart) {
        best = g
        bestAt = deadline[g]!
      }
    if (bestAt < Number.POSITIVE_INFINITY) return best
    for (let g = 1; g < count; g++) if (release[g]! < release[best]!) best = g
    return best
  }
  /** The same, of many. */
  const soonestInHeap = (atPart: number): number => {
    while (waiting.size() > 0 && release[waiting.top()]! <= atPart) ready.push(waiting.pop())
    return ready.size() > 0 ? ready.pop() : waiting.pop()
  }
  /** Sequence k is from[starts[k]] up to the next start, or to `end`; the merged one is written from into[at] on. */
  return (from, starts, count, end, into, at) => {
    let allW = 0
    for (let g = 0; g < count; g++) {
      next[g] = starts[g]!
      last[g] = g + 1 < count ? starts[g + 1]! : end
      let sum = 0
      for (let k = next[g]!; k < last[g]!; k++) sum += powerW[from[k]!]!
      doneW[g] = 0
      totalW[g] = sum
      allW += sum
      enqueue(from, g)
      if (count > FEW) waiting.push(g)
    }
    const stop = at + end - starts[0]!
    for (let spentW = 0; at < stop; at++) {
      const g = count > FEW ? soonestInHeap(spentW / allW) : soonest(count, spentW / allW)
      into[at] = from[next[g]!++]!
      doneW[g]! += nextW[g]!
      spentW += nextW[g]!
      enqueue(from, g)
      if (count > FEW && next[g]! < last[g]!) waiting.push(g)
    }
  }
}
const FEW = 12
/** What rounding may take from a quotient of sums of whole watts. */
const TOLERANCE = 1e-12

/** A binary heap of numbers 0..n-1, the least key on top. A key may change only while its number is not inside. */
function heapBy(key: Float64Array) {
  const items = new Uint32Array(key.length)
  let size = 0
  return {
    size: () => size,
    top: () => items[0]!,
    push(item: number): void {
      let at = size++
      for (; at > 0; ) {
        const up = (at - 1) >> 1
        if (key[items[up]!]! <= key[item]!) break
        items[at] = items[up]!
        at = up
      }
      items[at] = item
    },
    pop(): number {
      const least = items[0]!
      const moved = items[--size]!
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= size) break
        if (child + 1 < size && key[items[child + 1]!]! < key[items[child]!]!) child++
        if (key[moved]! <= key[items[child]!]!) break
        items[at] = items[child]!
        at = child
      }
      items[at] = moved
      return least
    },
  }
}
