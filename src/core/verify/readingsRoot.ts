import { hash } from 'node:crypto'
import type { HashHex, Readings } from '../model.ts'
import type { History, ReadingMarks } from './record.ts'

/**
 * One hash for all readings that a verdict stands on: the root of the tree of RFC 6962 section 2.1 (SHA-256, 0x00 before a leaf, 0x01 before a node)
 * with one leaf for each charger of `who`, by ascending number; a charger without readings has its leaf too, so that their absence is proven as
 * well. Whoever has the readings of one charger and the path of its leaf proves those without seeing anybody else's.
 *
 * A leaf is, all numbers big-endian:
 * - the charger's mark, 32 bytes: SHA-256 over the verdict's salt and its number (u32). Load that is mostly 0 could be guessed without it.
 * - the charger's number, u32
 * - its readings in order of `fromMs`, then `toMs`: fromMs, toMs (f64, ms since the epoch), powerW, registerWh (f64, W and Wh, NaN as
 *   0x7ff8000000000000, no -0), quality (u8): 33 bytes each
 * - its days of history in order: day (i32), then 1/1000 Wh of each slot (i32)
 *
 * A leaf for each reading instead would prove single readings, and cost twenty times as much while other events wait for their turn.
 */
export type ReadingsTree = {
  readonly root: HashHex
  /** In the order of `chargers`. */
  readonly leafHashes: readonly Uint8Array[]
  readonly chargers: Uint32Array
}

const READING_BYTES = 33

/** @param readings ordered by charger, fromMs, toMs, as `Meters.range` gives them @param history ordered by charger, day */
export function readingsTree(who: Uint32Array, readings: Readings, salt: Uint8Array, history?: History): ReadingsTree {
  const chargers = Uint32Array.from(new Set(who)).sort()
  const rows = rowsBy(readings.charger)
  const days = history && rowsBy(history.who)
  const leafHashes = Array.from(chargers, charger =>
    leafHash(leafOf(charger, salt, readings, rows.get(charger) ?? none, history, days?.get(charger) ?? none)),
  )
  return { root: rootOf(leafHashes).toString('hex'), leafHashes, chargers }
}

/** The marks of a tree in the order of `who`, with `readings` by row. */
export function marksOf(who: Uint32Array, { chargers, leafHashes }: ReadingsTree, readings: Uint32Array): ReadingMarks {
  const at = new Map(Array.from(chargers, (charger, k) => [charger, Buffer.from(leafHashes[k]!).readUInt32BE(0)]))
  return { readings, mark: Uint32Array.from(who, i => at.get(i)!) }
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

/** The bytes of a leaf, as an outsider makes them for one charger. */
export function leafOf(
  charger: number,
  salt: Uint8Array,
  readings: Readings,
  rows: Rows,
  history: History | undefined,
  days: Rows,
): Uint8Array {
  const slots = history?.slots ?? 0
  const bytes = new Uint8Array(36 + READING_BYTES * (rows.to - rows.from) + (4 + 4 * slots) * (days.to - days.from))
  const view = new DataView(bytes.buffer)
  view.setUint32(32, charger)
  bytes.set(sha256(joined(salt, bytes.subarray(32, 36))))
  let at = 36
  for (let k = rows.from; k < rows.to; k++, at += READING_BYTES) {
    view.setFloat64(at, readings.fromMs[k]!)
    view.setFloat64(at + 8, readings.toMs[k]!)
    view.setFloat64(at + 16, canonical(readings.powerW[k]!))
    view.setFloat64(at + 24, canonical(readings.registerWh[k]!))
    view.setUint8(at + 32, readings.quality[k]!)
  }
  for (let k = days.from; k < days.to; k++) {
    view.setInt32(at, history!.day[k]!)
    at += 4
    for (let slot = 0; slot < slots; slot++, at += 4) view.setInt32(at, history!.milliWh[k * slots + slot]!)
  }
  return bytes
}
/** One NaN, one zero. */
const canonical = (x: number): number => (Number.isNaN(x) ? Number.NaN : x + 0)

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')
const joined = (a: Uint8Array, b: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(a.length + b.length)
  bytes.set(a)
  bytes.set(b, a.length)
  return bytes
}
const leafPrefix = Uint8Array.of(0)
const leafHash = (leaf: Uint8Array): Buffer => sha256(joined(leafPrefix, leaf))
/** The core may not import the log's own tree (src/audit/merkle.ts); test/core/verdict.test.ts holds the two together. */
function rootOf(leafHashes: readonly Uint8Array[]): Buffer {
  if (leafHashes.length === 0) return sha256(new Uint8Array(0))
  let level: readonly Uint8Array[] = leafHashes
  while (level.length > 1) {
    const above: Uint8Array[] = []
    for (let k = 0; k < level.length; k += 2) above.push(k + 1 < level.length ? nodeHash(level[k]!, level[k + 1]!) : level[k]!)
    level = above
  }
  return Buffer.from(level[0]!)
}
function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const bytes = new Uint8Array(65)
  bytes[0] = 1
  bytes.set(left, 1)
  bytes.set(right, 33)
  return sha256(bytes)
}
