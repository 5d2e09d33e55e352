import { createCipheriv, createHash } from 'node:crypto'

const CHUNK_BYTES = 1 << 20

/**
 * `n` random 32-bit words that depend only on seed and label: word i of AES-256-CTR (zero IV, zero plaintext) keyed by
 * SHA-256(label length || label || seed). Whoever holds the revealed seed can recompute any single word with any crypto library.
 */
export function draws(n: number, seed: Uint8Array, label: string): Uint32Array {
  const cipher = createCipheriv('aes-256-ctr', keyOf(seed, label), Buffer.alloc(16))
  const out = new Uint8Array(n * 4)
  const zeros = new Uint8Array(Math.min(out.length, CHUNK_BYTES))
  for (let at = 0; at < out.length; at += zeros.length)
    out.set(cipher.update(zeros.subarray(0, Math.min(zeros.length, out.length - at))), at)
  return new Uint32Array(out.buffer)
}

function keyOf(seed: Uint8Array, label: string): Buffer {
  const name = Buffer.from(label, 'utf8')
  return createHash('sha256').update(Buffer.of(name.length)).update(name).update(seed).digest()
}

/**
 * Those words of `draws` whose numbers are `who`. What a charger draws by its own number is its own: nobody's coming or going moves it. A few of
 * many are computed one by one (word i is in block i / 4), which a million of others would cost more.
 */
export function drawsOf(who: Uint32Array, seed: Uint8Array, label: string): Uint32Array {
  let count = 0
  let isEverybody = true
  for (let m = 0; m < who.length; m++) {
    if (who[m]! >= count) count = who[m]! + 1
    if (who[m] !== m) isEverybody = false
  }
  if (isEverybody) return draws(count, seed, label)
  const out = new Uint32Array(who.length)
  if (count <= 8 * who.length) {
    const all = draws(count, seed, label)
    for (let m = 0; m < who.length; m++) out[m] = all[who[m]!]!
    return out
  }
  const counters = Buffer.alloc(16 * who.length)
  for (let m = 0; m < who.length; m++) counters.writeUInt32BE(who[m]! >>> 2, 16 * m + 12)
  const cipher = createCipheriv('aes-256-ecb', keyOf(seed, label), null).setAutoPadding(false)
  const blocks = new Uint32Array(Uint8Array.from(cipher.update(counters)).buffer)
  for (let m = 0; m < who.length; m++) out[m] = blocks[4 * m + (who[m]! & 3)]!
  return out
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
