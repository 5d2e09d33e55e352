/**
 * Passwords of stations (OCPP security profiles 1 and 2: HTTP Basic). Only hashes are stored.
 * `scrypt` for what a person chose; `sha256` (salted) for the random 16 to 20 byte keys that OCPP 1.6 calls AuthorizationKey: a slow hash adds nothing to
 * 128 random bits and would cost minutes when ten thousand boxes come back at once.
 */
import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

const cost = { N: 16_384, r: 8, p: 1 }
const bytes = 32

const slow = (password: Buffer, salt: Buffer, options: { N: number; r: number; p: number }): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
const quick = (password: Buffer, salt: Buffer): Buffer => createHash('sha256').update(salt).update(password).digest()

/** `scrypt$N$r$p$salt$hash` or `sha256$salt$hash`, base64. */
export const hashPassword = async (password: string | Buffer, kind: 'scrypt' | 'sha256' = 'scrypt'): Promise<string> => {
  const raw = Buffer.from(password)
  const salt = randomBytes(16)
  if (kind === 'sha256') return `sha256$${salt.toString('base64')}$${quick(raw, salt).toString('base64')}`
  const hash = await slow(raw, salt, cost)
  return `scrypt$${cost.N}$${cost.r}$${cost.p}$${salt.toString('base64')}$${hash.toString('base64')}`
}

const matches = async (stored: string, password: Buffer): Promise<boolean> => {
  const parts = stored.split('$')
  if (parts[0] === 'sha256' && parts.length === 3) {
    const want = Buffer.from(parts[2]!, 'base64')
    const got = quick(password, Buffer.from(parts[1]!, 'base64'))
    return want.length === got.length && timingSafeEqual(want, got)
  }
  if (parts[0] === 'scrypt' && parts.length === 6) {
    const options = { N: Number(parts[1]), r: Number(parts[2]), p: Number(parts[3]) }
    if (!(options.N <= 65_536 && options.r <= 16 && options.p <= 4)) return false
    const want = Buffer.from(parts[5]!, 'base64')
    const got = await slow(password, Buffer.from(parts[4]!, 'base64'), options)
    return want.length === got.length && timingSafeEqual(want, got)
  }
  return false
}

/**
 * Does this password belong to the stored hash? A 1.6 AuthorizationKey is configured in hexadecimal and sent as the bytes it stands for; where the hash
 * was made from the hexadecimal text, the bytes are compared in that form too. False, never an error, for a stored value that cannot be read.
 */
export const checkPassword = async (stored: string, password: Buffer): Promise<boolean> => {
  if (await matches(stored, password)) return true
  if (password.length < 16 || password.length > 20) return false
  const hex = password.toString('hex')
  return (await matches(stored, Buffer.from(hex))) || (await matches(stored, Buffer.from(hex.toUpperCase())))
}

/**
 * A checker that remembers which password was right for which hash (as a keyed digest under a key of this process), so that a reconnect storm costs one
 * HMAC per box. Failures are never remembered.
 */
export const rememberingChecker = (): ((stored: string, password: Buffer) => Promise<boolean>) => {
  const key = randomBytes(32)
  const right = new Map<string, Buffer>()
  return async (stored, password) => {
    const digest = createHmac('sha256', key).update(password).digest()
    const seen = right.get(stored)
    if (seen && timingSafeEqual(seen, digest)) return true
    if (!(await checkPassword(stored, password))) return false
    right.set(stored, digest)
    return true
  }
}
