import { below, draws } from './draw.ts'
import { fetchPowers, merge, type Room, roomFor } from './interleave.ts'
import { chargersOf, type Range } from './members.ts'
import { grown } from './rows.ts'
import type { Fleet } from './state.ts'

/**
 * Ranks of chargers within an event, by charger number, in 1/65536 of the spread: stratified by power on every level of the tree.
 *
 * kW classes (octaves of rated power) are ranked apart: each station shuffles its chargers of the class, each node above interleaves the orders of
 * its children, which begin anywhere in their round. The classes are then interleaved, and their common order is laid on the spread by its power
 * and turned by a random angle. So the load of every feeder, primary and GSP, not only of the whole target, goes down in a straight line: in the
 * worst 60 s the target loses its ideal share and at most one charger (its largest) more, a node below it two to three of its own largest.
 * O(chargers x depth); the logarithm of the number of different sizes among a node's children is the only more.
 */
export function staggerRanks(f: Fleet, ranges: readonly Range[], seed: Uint8Array, label: string): Uint16Array {
  const charger = chargersOf(f, ranges)
  const out = new Uint16Array(f.chargers)
  if (charger.length === 0) return out
  const powerW = new Int32Array(charger.length)
  for (let k = 0; k < charger.length; k++) powerW[k] = Math.max(1, f.maxW[charger[k]!]!)
  const nodes = nodesWithin(f, ranges)
  const { places, classes } = byOctave(powerW)
  const room = roomFor(Math.ceil(Math.sqrt(2 * charger.length)) + OCTAVES, powerW)
  const blocks = blocksFor(Math.max(...classes.map(c => c.to - c.from)))
  const before = new Uint32Array(charger.length + 1)
  const order = new Uint32Array(charger.length)
  const words = draws(charger.length, seed, label)
  const turns = draws(OCTAVES + 1, seed, `${label}/turn`)
  for (const { octave, from, to, evenW } of classes) {
    const one = places.subarray(from, to)
    if (evenW > 0) room.ownW.fill(evenW, 0, one.length)
    orderClass(blocks, one, before, nodes, words, draws(nodes.count, seed, `${label}/${octave}`), room, evenW > 0)
    copyTurned(one, below(turns[octave]!, one.length), order, from)
  }
  // the places of the classes are not needed any more
  const together = places
  const starts = classes.map(c => c.from)
  for (const { from, to, evenW } of classes) {
    if (evenW > 0) room.ownW.fill(evenW, from, to)
    else fetchPowers(room, order, from, to)
  }
  merge(room, order, starts, order.length, together, 0)
  const parts = straight(room.mergedW)
  const angle = turns[OCTAVES]! / 4294967296
  for (let k = 0; k < parts.length; k++) {
    const turned = parts[k]! + angle
    out[charger[together[k]!]!] = Math.max(1, Math.floor((turned - Math.floor(turned)) * 65536))
  }
  return out
}

const OCTAVES = 32
/** Chargers of one octave of power: places[from, to). Within one nobody has twice the power of another. `evenW`: the power of all; 0 where they differ. */
type Class = { readonly octave: number; readonly from: number; readonly to: number; readonly evenW: number }
function byOctave(powerW: Int32Array): { places: Uint32Array; classes: Class[] } {
  const counts = new Uint32Array(OCTAVES)
  const evenW = new Int32Array(OCTAVES)
  for (let k = 0; k < powerW.length; k++) {
    const octave = 31 - Math.clz32(powerW[k]!)
    if (counts[octave]!++ === 0) evenW[octave] = powerW[k]!
    else if (evenW[octave] !== powerW[k]) evenW[octave] = 0
  }
  const classes: Class[] = []
  const next = new Uint32Array(OCTAVES)
  for (let octave = 0, from = 0; octave < OCTAVES; octave++) {
    next[octave] = from
    from += counts[octave]!
    if (counts[octave]! > 0) classes.push({ octave, from: next[octave]!, to: from, evenW: evenW[octave]! })
  }
  const places = new Uint32Array(powerW.length)
  for (let k = 0; k < powerW.length; k++) places[next[31 - Math.clz32(powerW[k]!)]!++] = k
  return { places, classes }
}

/** The nodes with two or more targeted chargers, deepest first, as ranges of places: a place is an index among the targeted in depth-first order. */
type Nodes = { readonly count: number; readonly from: Uint32Array; readonly to: Uint32Array }
function nodesWithin(f: Fleet, ranges: readonly Range[]): Nodes {
  let from = new Uint32Array(1024)
  let to = new Uint32Array(1024)
  const before = placesBefore(f, ranges)
  const first = ranges[0]!.from
  const last = ranges.at(-1)!.to
  let count = 0
  for (const node of f.deepestFirst) {
    if (f.nodeTo[node]! - f.nodeFrom[node]! < 2 || f.nodeTo[node]! <= first || f.nodeFrom[node]! >= last) continue
    const a = before[f.nodeFrom[node]!]!
    const b = before[f.nodeTo[node]!]!
    if (b - a < 2) continue
    from = grown(from, count + 1)
    to = grown(to, count + 1)
    from[count] = a
    to[count++] = b
  }
  return { count, from, to }
}
/** How many targeted chargers stand before each depth-first position. */
function placesBefore(f: Fleet, ranges: readonly Range[]): Uint32Array {
  const out = new Uint32Array(f.chargers + 1)
  for (const r of ranges) out.fill(1, r.from + 1, r.to + 1)
  for (let at = 0; at < f.chargers; at++) out[at + 1]! += out[at]!
  return out
}

/**
 * Brings the places of one class into the order they go, interleaved node by node from the deepest up. `before` is room: how many of them stand before
 * a place.
 */
function orderClass(
  blocks: Blocks,
  places: Uint32Array,
  before: Uint32Array,
  nodes: Nodes,
  words: Uint32Array,
  nodeWords: Uint32Array,
  room: Room,
  isEven: boolean,
): void {
  for (let k = 0, place = 0; k <= places.length; k++)
    for (const stop = k < places.length ? places[k]! : before.length - 1; place <= stop; place++) before[place] = k
  begin(blocks, places, words)
  for (let k = 0; k < nodes.count; k++) {
    const from = before[nodes.from[k]!]!
    const to = before[nodes.to[k]!]!
    if (to - from >= 2) join(blocks, from, to, nodeWords[k]!, room, isEven)
  }
  join(blocks, 0, places.length, 0, room, isEven)
}

/** Disjoint blocks [p, end[p]) of `order`, each in the order that its chargers go, with a random word of its own. */
type Blocks = {
  order: Uint32Array
  readonly end: Uint32Array
  readonly word: Uint32Array
  readonly spare: Uint32Array
  /** Blocks being joined, and where each gives next. */
  readonly starts: Uint32Array
  readonly next: Uint32Array
}
/** Room for the largest class, taken once. */
const blocksFor = (most: number): Blocks => ({
  order: new Uint32Array(0),
  end: new Uint32Array(most),
  word: new Uint32Array(most),
  spare: new Uint32Array(most),
  starts: new Uint32Array(most),
  next: new Uint32Array(most),
})
/** Each charger is a block. */
function begin(b: Blocks, places: Uint32Array, words: Uint32Array): void {
  b.order = places
  for (let p = 0; p < places.length; p++) {
    b.end[p] = p + 1
    b.word[p] = words[places[p]!]!
  }
}

/**
 * Makes one block of all the blocks in [from, to). Those of one size take turns, in drawn order; the groups of different size are then merged. `isEven`:
 * all have the same power, and the room has it already.
 */
function join(b: Blocks, from: number, to: number, wordAfter: number, room: Room, isEven: boolean): void {
  if (b.end[from] === to) return
  const { order, spare } = b
  const groups = turnsOfGroups(b, from, to)
  if (groups.length > 1) {
    if (!isEven) fetchPowers(room, spare, from, to)
    merge(room, spare, groups, to, order, from)
  } else for (let p = from; p < to; p++) order[p] = spare[p]!
  b.end[from] = to
  b.word[from] = wordAfter
}
const ONE_GROUP: readonly number[] = [0]
/** Writes to `spare` the blocks in [from, to), those of one size as one group; where each group starts. */
function turnsOfGroups(b: Blocks, from: number, to: number): readonly number[] {
  const { end, starts } = b
  const count = blocksBySize(b, from, to)
  const sizeOf = (k: number) => end[starts[k]!]! - starts[k]!
  // most nodes have children of one size
  if (sizeOf(0) === sizeOf(count - 1)) {
    takeTurns(b, 0, count, sizeOf(0), from)
    return ONE_GROUP
  }
  const groups: number[] = []
  let at = from
  for (let k = 0; k < count; ) {
    const size = sizeOf(k)
    let last = k + 1
    while (last < count && sizeOf(last) === size) last++
    groups.push(at)
    at = takeTurns(b, k, last, size, at)
    k = last
  }
  return groups
}

/** Writes the starts of the blocks in [from, to), the smallest block first; how many. */
function blocksBySize({ end, starts }: Blocks, from: number, to: number): number {
  const size = end[from]! - from
  let count = 0
  let isEven = true
  for (let p = from; p < to; p = end[p]!) {
    if (end[p]! - p !== size) isEven = false
    starts[count++] = p
  }
  if (isEven) return count
  const keys = Float64Array.from(starts.subarray(0, count), p => (end[p]! - p) * 4294967296 + p).sort()
  for (let k = 0; k < count; k++) starts[k] = keys[k]! % 4294967296
  return count
}

/**
 * Blocks of one size, those of starts[first, last), in drawn order, give one charger each in every round; each begins anywhere in its own. Returns where
 * it ends in `spare`.
 */
function takeTurns({ order, word, spare, starts, next }: Blocks, first: number, last: number, size: number, at: number): number {
  for (let k = last - 1; k > first; k--) {
    const other = first + below(word[starts[k]!]!, k - first + 1)
    const moved = starts[k]!
    starts[k] = starts[other]!
    starts[other] = moved
  }
  for (let b = first; b < last; b++) next[b] = starts[b]! + below(Math.imul(word[starts[b]!]!, 2654435761) >>> 0, size)
  for (let round = 0; round < size; round++)
    for (let b = first; b < last; b++) {
      const k = next[b]!
      spare[at++] = order[k]!
      next[b] = k + 1 - starts[b]! < size ? k + 1 : starts[b]!
    }
  return at
}
function copyTurned(from: Uint32Array, by: number, into: Uint32Array, at: number): void {
  into.set(from.subarray(by), at)
  into.set(from.subarray(0, by), at + from.length - by)
}

/**
 * Where each of an order goes that has these powers, as a part of the whole round. One of the largest power goes when half of its own power has gone. The smaller ones
 * between two of those are evenly spaced, as far as they are no further from where their power lies than the largest is larger: then any stretch
 * of the round has its share and at most one of the largest more, and a feeder of small chargers has no gap where a large one of another goes.
 */
function straight(powerW: Int32Array): Float64Array {
  const n = powerW.length
  const middleW = new Float64Array(n)
  let mostW = 0
  let sumW = 0
  for (let k = 0; k < n; k++) {
    const w = powerW[k]!
    middleW[k] = sumW + w / 2
    sumW += w
    if (w > mostW) mostW = w
  }
  const first = powerW.indexOf(mostW)
  const last = powerW.lastIndexOf(mostW)
  const [firstW, lastW] = [middleW[first]!, middleW[last]!]
  // each is written over the middle it comes from
  const lay = (from: number, to: number, atW: number, stepW: number, ahead: number) => {
    for (let k = from; k < to; k++) middleW[k] = near(middleW[k]!, (mostW - powerW[k]!) / 2, atW + stepW * (k + ahead)) / sumW
  }
  // the last stretch goes around, to the first of the largest
  const aroundW = (firstW + sumW - lastW) / (first + n - last)
  lay(0, first, lastW - sumW, aroundW, n - last)
  for (let from = first, to = first + 1, atW = firstW; to <= last; to++) {
    if (powerW[to] !== mostW) continue
    const toW = middleW[to]!
    lay(from, to, atW, (toW - atW) / (to - from), -from)
    from = to
    atW = toW
  }
  lay(last, n, lastW, aroundW, -last)
  return middleW
}
const near = (middleW: number, slackW: number, evenW: number): number => Math.max(middleW - slackW, Math.min(middleW + slackW, evenW))
