import { createCipheriv, createHash } from 'node:crypto'

const CHUNK_BYTES = 1 << 20

/**
 * `n` random 32-bit words that depend only on seed and label: word i of AES-256-CTR (zero IV, zero plaintext) keyed by
 * SHA-256(label length || label || seed). Whoever holds the revealed seed can recompute any single word with any crypto library.
 */
export function draws(n: number, seed: Uint8Array, label: string): Uint32Array {
  const name = Buffer.from(label, 'utf8')
  const key = createHash('sha256').update(Buffer.of(name.length)).update(name).update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const out = new Uint8Array(n * 4)
  const zeros = new Uint8Array(Math.min(out.length, CHUNK_BYTES))
  for (let at = 0; at < out.length; at += zeros.length)
    out.set(cipher.update(zeros.subarray(0, Math.min(zeros.length, out.length - at))), at)
  return new Uint32Array(out.buffer)
}

const BINS = 4096
/**
 * Members in drawn order (ascending draw, then number) as far as a budget of their weights reaches, without sorting them all: everyone whose draw
 * lies in a bin below `bin` is inside, nobody above; those in the bin itself are given sorted, to be gone through one by one with what is left.
 */
export type Reach = { readonly bin: number; readonly left: number; readonly inBin: readonly number[] }
export function reach(u: Uint32Array, weights: Int32Array | Float64Array, budget: number): Reach {
  const sums = new Float64Array(BINS)
  for (let m = 0; m < u.length; m++) sums[u[m]! >>> 20]! += weights[m]!
  let bin = 0
  let left = budget
  while (bin < BINS && sums[bin]! <= left) left -= sums[bin++]!
  const inBin: number[] = []
  for (let m = 0; m < u.length; m++) if (u[m]! >>> 20 === bin && weights[m]! > 0) inBin.push(m)
  inBin.sort((a, b) => u[a]! - u[b]! || a - b)
  return { bin, left, inBin }
}
export const isBelow = (u: number, r: Reach): boolean => u >>> 20 < r.bin

/** Maps a 32-bit draw to 0..n-1. The bias is below n / 2^32. */
export const below = (u: number, n: number): number => Math.floor((u / 4294967296) * n)
