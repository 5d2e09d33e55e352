import { hash } from 'node:crypto'
import type { HashHex, Readings } from '../model.ts'
import type { History, ReadingMarks } from './record.ts'

/**
 * One hash for all readings that a verdict stands on: the root of the tree of RFC 6962 section 2.1 (SHA-256, 0x00 before a leaf, 0x01 before a node)
 * with one leaf for each charger of `who`, by ascending number; a charger without readings has its leaf too, so that their absence is proven as
 * well. Whoever has the readings of one charger and the path of its leaf proves those without seeing anybody else's.
 *
 * A leaf is, columns and numbers as they stand in the blobs of the `metered` fact (little-endian):
 * - the charger's mark, 32 bytes: SHA-256 over the verdict's salt and the charger's number (u32). Load that is mostly 0 could be guessed without it.
 * - the charger's number (u32) and how many readings (u32) and days (u32) it has
 * - of its readings, in order of `fromMs`, then `toMs`: all fromMs, all toMs (f64), all powerW, all registerWh (f64), all quality (u8)
 * - of its days of history, in order: all days (i32), all slots of each (i32)
 *
 * A leaf for each reading instead would prove single readings, and cost twenty times as much while other events wait for their turn.
 */
export type ReadingsTree = {
  readonly root: HashHex
  /** In the order of `chargers`. */
  readonly leafHashes: readonly Uint8Array[]
  readonly chargers: Uint32Array
}

/** @param readings `inOrder` @param history ordered by charger, day */
export function readingsTree(who: Uint32Array, readings: Readings, salt: Uint8Array, history?: History): ReadingsTree {
  const tree = growingTree(salt)
  tree.add(Uint32Array.from(new Set(who)).sort(), readings, history)
  return tree.grown()
}

/** The same tree from some chargers after others, ascending, each time with theirs of the readings; for whoever must not do it all at once. */
export function growingTree(salt: Uint8Array) {
  const chargers: number[] = []
  const leafHashes: Uint8Array[] = []
  const edge: { readonly hash: Uint8Array; readonly leaves: number }[] = []
  function push(leafHash: Uint8Array): void {
    let [hash, leaves] = [leafHash, 1]
    for (; edge.at(-1)?.leaves === leaves; leaves *= 2) hash = nodeHash(edge.pop()!.hash, hash)
    edge.push({ hash, leaves })
  }
  return {
    add(some: Uint32Array, readings: Readings, history?: History): void {
      const leaves = leavesOf(readings, salt, history)
      for (const charger of some) {
        const leafHash = sha256(leaves(charger))
        chargers.push(charger)
        leafHashes.push(leafHash)
        push(leafHash)
      }
    },
    grown(): ReadingsTree {
      const root = edge.length === 0 ? sha256(new Uint8Array(0)) : edge.map(x => x.hash).reduceRight((right, left) => nodeHash(left, right))
      return { root: Buffer.from(root).toString('hex'), leafHashes, chargers: Uint32Array.from(chargers) }
    },
  }
}

/** The leaf of a charger with the 0x00 before it, as an outsider makes it too; valid until the next one is made. */
export function leavesOf(readings: Readings, salt: Uint8Array, history?: History): (charger: number) => Uint8Array {
  const rows = rowsBy(readings.charger)
  const days = history && rowsBy(history.who)
  const ofReading = [readings.fromMs, readings.toMs, readings.powerW, readings.registerWh, readings.quality].map(bytesOf)
  const ofDay = history ? [bytesOf(history.day), { ...bytesOf(history.milliWh), each: 4 * history.slots }] : []
  const seed = Buffer.concat([salt, new Uint8Array(4)])
  let scratch = Buffer.alloc(4_096)
  return charger => {
    const [own, past] = [rows.get(charger) ?? none, days?.get(charger) ?? none]
    const length = HEAD_BYTES + sizeOf(ofReading, own) + sizeOf(ofDay, past)
    if (length > scratch.length) scratch = Buffer.alloc(2 * length)
    seed.writeUInt32LE(charger, salt.length)
    scratch[0] = 0
    scratch.set(sha256(seed), 1)
    scratch.writeUInt32LE(charger, 33)
    scratch.writeUInt32LE(own.to - own.from, 37)
    scratch.writeUInt32LE(past.to - past.from, 41)
    copyTo(scratch, copyTo(scratch, HEAD_BYTES, ofReading, own), ofDay, past)
    return scratch.subarray(0, length)
  }
}
const HEAD_BYTES = 1 + 32 + 3 * 4

/** `each`: bytes of a row. */
type Bytes = { readonly all: Uint8Array; readonly each: number }
const bytesOf = (column: Float64Array | Int32Array | Uint8Array): Bytes => ({
  all: new Uint8Array(column.buffer, column.byteOffset, column.byteLength),
  each: column.BYTES_PER_ELEMENT,
})
const sizeOf = (columns: readonly Bytes[], { from, to }: Rows): number => columns.reduce((sum, { each }) => sum + each * (to - from), 0)
function copyTo(out: Uint8Array, at: number, columns: readonly Bytes[], { from, to }: Rows): number {
  for (const { all, each } of columns) {
    out.set(all.subarray(from * each, to * each), at)
    at += each * (to - from)
  }
  return at
}

/** The marks of a tree in the order of `who`, with `readings` by row. */
export function marksOf(who: Uint32Array, { chargers, leafHashes }: ReadingsTree, readings: Uint32Array): ReadingMarks {
  const at = new Map(Array.from(chargers, (charger, k) => [charger, firstOf(leafHashes[k]!)]))
  return { readings, mark: Uint32Array.from(who, i => at.get(i)!) }
}

const firstOf = (hashed: Uint8Array): number => new DataView(hashed.buffer, hashed.byteOffset).getUint32(0)

/** Readings by charger, fromMs, toMs: as they are where they stand so already, as a store gives them. */
export function inOrder(r: Readings): Readings {
  const compare = (a: number, b: number): number => r.charger[a]! - r.charger[b]! || r.fromMs[a]! - r.fromMs[b]! || r.toMs[a]! - r.toMs[b]!
  let isOrdered = true
  for (let k = 1; k < r.charger.length && isOrdered; k++) isOrdered = compare(k - 1, k) <= 0
  if (isOrdered) return r
  const at = Uint32Array.from(r.charger, (_, k) => k).sort(compare)
  return {
    charger: Uint32Array.from(at, k => r.charger[k]!),
    fromMs: Float64Array.from(at, k => r.fromMs[k]!),
    toMs: Float64Array.from(at, k => r.toMs[k]!),
    powerW: Float64Array.from(at, k => r.powerW[k]!),
    registerWh: Float64Array.from(at, k => r.registerWh[k]!),
    quality: Uint8Array.from(at, k => r.quality[k]!),
  }
}

export type Rows = { readonly from: number; readonly to: number }
const none: Rows = { from: 0, to: 0 }
/** Rows of each charger in a column in which they stand together. @throws RangeError where they do not: the readings are not in order */
export function rowsBy(column: Uint32Array): Map<number, Rows> {
  const out = new Map<number, Rows>()
  for (let from = 0; from < column.length; ) {
    const charger = column[from]!
    let to = from + 1
    while (to < column.length && column[to] === charger) to++
    if (out.has(charger)) throw new RangeError(`rows of charger ${charger} stand apart`)
    out.set(charger, { from, to })
    from = to
  }
  return out
}

/** The core may not import the log's own tree (src/audit/merkle.ts); test/core/verdict.test.ts holds the two together. */
const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')
const node = Buffer.alloc(65, 1)
function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  node.set(left, 1)
  node.set(right, 33)
  return sha256(node)
}
