/**
 * The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): SHA-256, 0x00 before a leaf, 0x01 before a node, split at the largest power of
 * two below the size. Sizes are plain numbers up to 2^53 - 1, so halving is done by division: a shift would wrap at 2^31.
 */
import { hash } from 'node:crypto'

export const hashLength = 32
/** An entry of an entry bundle has a 16-bit length (C2SP tlog-tiles). */
export const maxEntryBytes = 65_535

export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')
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

/** Appends one leaf in place. O(1) amortised. */
export function push(range: Range, leaf: Uint8Array): void {
  let h = leaf
  for (let n = range.size; n % 2 === 1; n = (n - 1) / 2) h = nodeHash(range.stack.pop()!, h)
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

/** MTH(D[from:to]). `from` must be a multiple of the largest power of two below `to - from`, as all subtrees of proofs are. */
function subtreeRoot(nodeAt: NodeAt, from: number, to: number): Uint8Array {
  const width = to - from
  if (isPowerOfTwo(width)) return nodeAt(Math.round(Math.log2(width)), from / width)
  const k = splitOf(width)
  return nodeHash(subtreeRoot(nodeAt, from, from + k), subtreeRoot(nodeAt, from + k, to))
}

/** RFC 9162 section 2.1.3.1. @throws RangeError unless 0 <= index < size */
export function inclusionProof(nodeAt: NodeAt, index: number, size: number): Uint8Array[] {
  if (!isSize(index) || !isSize(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const path = (at: number, from: number, to: number): Uint8Array[] => {
    if (to - from === 1) return []
    const mid = from + splitOf(to - from)
    return at < mid ? [...path(at, from, mid), subtreeRoot(nodeAt, mid, to)] : [...path(at, mid, to), subtreeRoot(nodeAt, from, mid)]
  }
  return path(index, 0, size)
}

/** RFC 9162 section 2.1.4.1. Empty for equal sizes. @throws RangeError unless 0 < size1 <= size2 */
export function consistencyProof(nodeAt: NodeAt, size1: number, size2: number): Uint8Array[] {
  if (!isSize(size1) || !isSize(size2) || size1 < 1 || size1 > size2) throw new RangeError(`no proof from ${size1} to ${size2}`)
  const path = (m: number, from: number, to: number, whole: boolean): Uint8Array[] => {
    if (m === to) return whole ? [] : [subtreeRoot(nodeAt, from, to)]
    const mid = from + splitOf(to - from)
    return m <= mid
      ? [...path(m, from, mid, whole), subtreeRoot(nodeAt, mid, to)]
      : [...path(m, mid, to, false), subtreeRoot(nodeAt, from, mid)]
  }
  return path(size1, 0, size2, true)
}

export type Check = { readonly ok: true } | { readonly ok: false; readonly why: string }
const no = (why: string): Check => ({ ok: false, why })

/** RFC 9162 section 2.1.3.2. Every hash must have exactly 32 bytes. */
export function verifyInclusion(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[], root: Uint8Array): Check {
  if (!isSize(index) || !isSize(size) || index >= size) return no(`leaf ${index} is not in a tree of ${size}`)
  if (![leaf, root, ...proof].every(isHash)) return no('a hash does not have 32 bytes')
  let fn = index
  let sn = size - 1
  let r = leaf
  for (const p of proof) {
    if (sn === 0) return no('the proof is too long')
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else r = nodeHash(r, p)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  if (sn !== 0) return no('the proof is too short')
  return sameHash(r, root) ? { ok: true } : no('the proof leads to another root')
}

/**
 * RFC 9162 section 2.1.4.2: the tree of size2 begins with the tree of size1. Size1 = 0 is an error: anything extends the empty tree, so a proof
 * of it proves nothing, and who wants that must say so elsewhere.
 */
export function verifyConsistency(size1: number, size2: number, proof: readonly Uint8Array[], root1: Uint8Array, root2: Uint8Array): Check {
  if (!isSize(size1) || !isSize(size2) || size1 > size2) return no(`a tree of ${size2} cannot extend one of ${size1}`)
  if (size1 === 0) return no('every tree extends the empty one: nothing is proven')
  if (size1 === size2) {
    // Before the lengths are looked at: the published probes take equality of whatever is compared as the answer.
    if (proof.length > 0) return no('the proof is too long')
    return sameHash(root1, root2) ? { ok: true } : no('same size, other root')
  }
  if (![root1, root2, ...proof].every(isHash)) return no('a hash does not have 32 bytes')
  if (proof.length === 0) return no('the proof is too short')
  const path = isPowerOfTwo(size1) ? [root1, ...proof] : proof
  let fn = size1 - 1
  let sn = size2 - 1
  while (fn % 2 === 1) [fn, sn] = [half(fn), half(sn)]
  let fr = path[0]!
  let sr = fr
  for (const p of path.slice(1)) {
    if (sn === 0) return no('the proof is too long')
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(p, fr)
      sr = nodeHash(p, sr)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else sr = nodeHash(sr, p)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  if (sn !== 0) return no('the proof is too short')
  if (!sameHash(fr, root1)) return no('the proof does not lead to the earlier root')
  return sameHash(sr, root2) ? { ok: true } : no('the proof does not lead to the later root')
}

const half = (n: number) => Math.floor(n / 2)
const isSize = (n: number) => Number.isSafeInteger(n) && n >= 0
const isHash = (h: Uint8Array) => h.length === hashLength
const isPowerOfTwo = (n: number) => n > 0 && 2 ** Math.floor(Math.log2(n)) === n
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
