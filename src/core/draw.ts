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

/** A random permutation of 0..n-1 (Fisher-Yates over `draws`): the drawn order of an event. */
export function drawnOrder(n: number, seed: Uint8Array, label: string): Uint32Array {
  const u = draws(n, seed, label)
  const order = new Uint32Array(n)
  for (let i = 0; i < n; i++) order[i] = i
  for (let i = n - 1; i > 0; i--) {
    const j = below(u[i]!, i + 1)
    const t = order[i]!
    order[i] = order[j]!
    order[j] = t
  }
  return order
}

/** Maps a 32-bit draw to 0..n-1. The bias is below n / 2^32. */
export const below = (u: number, n: number): number => Math.floor((u / 4294967296) * n)
