/**
 * Checks of RFC 9162 proofs, for every place that checks them. Sizes are plain numbers up to 2^53 - 1, so halving is done by division: a shift would
 * wrap at 2^31.
 */
import { concat, sameBytes } from './bytes.ts'
import { type Steps, sha256Of } from './steps.ts'

export const hashLength = 32
export type Check = { readonly ok: true } | { readonly ok: false; readonly why: string }
const no = (why: string): Check => ({ ok: false, why })

export const leafHashOf = (entry: Uint8Array): Steps<Uint8Array> => sha256Of(concat(Uint8Array.of(0), entry))
const nodeHashOf = (left: Uint8Array, right: Uint8Array): Steps<Uint8Array> => sha256Of(concat(Uint8Array.of(1), left, right))

/** RFC 9162 section 2.1.3.2. Every hash must have exactly 32 bytes. */
export function* inclusionHolds(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  root: Uint8Array,
): Steps<Check> {
  if (!isSize(index) || !isSize(size) || index >= size) return no(`leaf ${index} is not in a tree of ${size}`)
  if (![leaf, root, ...proof].every(isHash)) return no('a hash does not have 32 bytes')
  let fn = index
  let sn = size - 1
  let r = leaf
  for (const p of proof) {
    if (sn === 0) return no('the proof is too long')
    if (fn % 2 === 1 || fn === sn) {
      r = yield* nodeHashOf(p, r)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else r = yield* nodeHashOf(r, p)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  if (sn !== 0) return no('the proof is too short')
  return sameBytes(r, root) ? { ok: true } : no('the proof leads to another root')
}

/**
 * RFC 9162 section 2.1.4.2: the tree of size2 begins with the tree of size1. Size1 = 0 is an error: anything extends the empty tree, so a proof
 * of it proves nothing, and who wants that must say so elsewhere.
 */
export function* consistencyHolds(
  size1: number,
  size2: number,
  proof: readonly Uint8Array[],
  root1: Uint8Array,
  root2: Uint8Array,
): Steps<Check> {
  if (!isSize(size1) || !isSize(size2) || size1 > size2) return no(`a tree of ${size2} cannot extend one of ${size1}`)
  if (size1 === 0) return no('every tree extends the empty one: nothing is proven')
  if (size1 === size2) {
    // Before the lengths are looked at: the published probes take equality of whatever is compared as the answer.
    if (proof.length > 0) return no('the proof is too long')
    return sameBytes(root1, root2) ? { ok: true } : no('same size, other root')
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
      fr = yield* nodeHashOf(p, fr)
      sr = yield* nodeHashOf(p, sr)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else sr = yield* nodeHashOf(sr, p)
    ;[fn, sn] = [half(fn), half(sn)]
  }
  if (sn !== 0) return no('the proof is too short')
  if (!sameBytes(fr, root1)) return no('the proof does not lead to the earlier root')
  return sameBytes(sr, root2) ? { ok: true } : no('the proof does not lead to the later root')
}

export const half = (n: number): number => Math.floor(n / 2)
export const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
const isHash = (h: Uint8Array) => h.length === hashLength
export function isPowerOfTwo(n: number): boolean {
  return n > 0 && 2 ** Math.round(Math.log2(n)) === n
}
