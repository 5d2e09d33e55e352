/**
 * The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): SHA-256, 0x00 before a leaf, 0x01 before a node, split at the largest power of
 * two below the size. Sizes are plain numbers up to 2^53 - 1, so halving is done by division: a shift would wrap at 2^31.
 */
import { atOnce, sha256 } from './crypto.ts'
import { type Check, consistencyHolds, half, hashLength, inclusionHolds, isPowerOfTwo, isSize } from './proofs.ts'

export { type Check, hashLength, sha256 }
/** An entry of an entry bundle has a 16-bit length (C2SP tlog-tiles). */
export const maxEntryBytes = 65_535

/** Root of the tree without leaves; not the hash of an empty leaf. */
export const emptyRoot: Uint8Array = sha256(new Uint8Array(0))

const leafScratch = Buffer.alloc(4096)
const nodeScratch = Buffer.alloc(1 + 2 * hashLength, 1)

export function leafHash(entry: Uint8Array): Buffer {
  const at = entry.length < leafScratch.length ? leafScratch : Buffer.alloc(entry.length + 1)
  at.set(entry, 1)
  return sha256(at.subarray(0, entry.length + 1))
}
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeScratch.set(left, 1)
  nodeScratch.set(right, 1 + hashLength)
  return sha256(nodeScratch)
}
export const sameHash = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** A compact range: the roots of the perfect subtrees that cover leaves [0, size), largest first. At most 53 hashes. */
export type Range = { size: number; readonly stack: Uint8Array[] }

export const emptyRange = (): Range => ({ size: 0, stack: [] })
export const copyRange = (range: Range): Range => ({ size: range.size, stack: [...range.stack] })

/** Appends one leaf in place. O(1) amortised. `whole` is told each perfect subtree that the leaf makes whole above itself, lowest first. */
export function push(range: Range, leaf: Uint8Array, whole?: (level: number, hash: Uint8Array) => void): void {
  let h = leaf
  for (let n = range.size, level = 1; n % 2 === 1; n = (n - 1) / 2, level++) {
    h = nodeHash(range.stack.pop()!, h)
    whole?.(level, h)
  }
  range.stack.push(h)
  range.size++
}
export function rangeRoot(range: Range): Uint8Array {
  return range.stack.length === 0 ? emptyRoot : range.stack.reduceRight((right, left) => nodeHash(left, right))
}
/** The hashes of a range one after the other, as a store keeps them beside the size. */
export const encodeRange = (range: Range): Buffer => Buffer.concat(range.stack)

/** Undefined unless there are as many hashes as the size has one-bits. */
export function decodeRange(size: number, hashes: Uint8Array): Range | undefined {
  if (!isSize(size) || hashes.length !== hashLength * ones(size)) return undefined
  const stack: Uint8Array[] = []
  for (let at = 0; at < hashes.length; at += hashLength) stack.push(Buffer.from(hashes.subarray(at, at + hashLength)))
  return { size, stack }
}

/** Hash of the perfect subtree over leaves [index * 2^level, (index + 1) * 2^level). */
export type NodeAt = (level: number, index: number) => Uint8Array

/** All perfect subtrees of these leaf hashes, in memory (64 bytes a leaf). */
export function treeOf(leafHashes: readonly Uint8Array[]): NodeAt {
  const levels: (readonly Uint8Array[])[] = [leafHashes]
  for (let below = leafHashes; below.length > 1; ) {
    const level: Uint8Array[] = []
    for (let i = 0; i + 1 < below.length; i += 2) level.push(nodeHash(below[i]!, below[i + 1]!))
    levels.push(level)
    below = level
  }
  return (level, index) => levels[level]![index]!
}

/** Leaves [from, to). `from` is a multiple of the largest power of two below `to - from`, as in all proofs. */
export type Span = { readonly from: number; readonly to: number }

/** MTH(D[from:to]). */
export function spanRoot(nodeAt: NodeAt, { from, to }: Span): Uint8Array {
  const width = to - from
  if (isPowerOfTwo(width)) return nodeAt(Math.round(Math.log2(width)), from / width)
  const mid = from + splitOf(width)
  return nodeHash(spanRoot(nodeAt, { from, to: mid }), spanRoot(nodeAt, { from: mid, to }))
}

/** What an inclusion proof is made of, RFC 9162 section 2.1.3.1. @throws RangeError unless 0 <= index < size */
export function inclusionSpans(index: number, size: number): Span[] {
  if (!isSize(index) || !isSize(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const spans: Span[] = []
  for (let [from, to] = [0, size]; to - from > 1; ) {
    const mid = from + splitOf(to - from)
    spans.push(index < mid ? { from: mid, to } : { from, to: mid })
    if (index < mid) to = mid
    else from = mid
  }
  return spans.reverse()
}
/** What a consistency proof is made of, RFC 9162 section 2.1.4.1. None for equal sizes. @throws RangeError unless 0 < size1 <= size2 */
export function consistencySpans(size1: number, size2: number): Span[] {
  if (!isSize(size1) || !isSize(size2) || size1 < 1 || size1 > size2) throw new RangeError(`no proof from ${size1} to ${size2}`)
  const spans: Span[] = []
  let [from, to] = [0, size2]
  while (to > size1) {
    const mid = from + splitOf(to - from)
    spans.push(size1 <= mid ? { from: mid, to } : { from, to: mid })
    if (size1 <= mid) to = mid
    else from = mid
  }
  // The tree of size1 itself is known to who checks.
  if (from > 0) spans.push({ from, to })
  return spans.reverse()
}
export const inclusionProof = (nodeAt: NodeAt, index: number, size: number): Uint8Array[] =>
  inclusionSpans(index, size).map(span => spanRoot(nodeAt, span))
export const consistencyProof = (nodeAt: NodeAt, size1: number, size2: number): Uint8Array[] =>
  consistencySpans(size1, size2).map(span => spanRoot(nodeAt, span))

/** See `inclusionHolds`. */
export const verifyInclusion = (...of: Parameters<typeof inclusionHolds>): Check => atOnce(inclusionHolds(...of))
/** See `consistencyHolds`. */
export const verifyConsistency = (...of: Parameters<typeof consistencyHolds>): Check => atOnce(consistencyHolds(...of))

function ones(n: number): number {
  let count = 0
  for (let rest = n; rest > 0; rest = half(rest)) count += rest % 2
  return count
}
/** Largest power of two below `n`, n > 1. Doubling, because log2 rounds near 2^53. */
function splitOf(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}
