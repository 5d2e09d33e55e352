import { createHash } from 'node:crypto'
import type { Fact, HashHex, Instant } from './model.ts'

/**
 * Facts as leaves of the log. A leaf is canonical JSON (keys sorted, no white space, UTF-8) of `{at, fact, turn}`, at most 65,535 bytes. Columns
 * of up to 1 kB stand inline as `{"$b64", "$t"}`; longer ones, and everything that may hold personal data or must stay secret for a while, become
 * `{"$blob", "$t"}` with the SHA-256 of 16 random bytes || body, words as `"$t":"text"` in UTF-8. An f64 NaN survives because columns are bytes.
 */
export type Entry = { readonly turn: number; readonly at: Instant; readonly fact: Fact }
export type Encoded = {
  readonly leaf: Uint8Array
  readonly blobs: readonly Salted[]
  /** Named by the leaf, and kept already. */
  readonly kept: readonly { readonly hash: HashHex; readonly salted: null }[]
}
type Salted = { readonly hash: HashHex; readonly salted: Uint8Array }
/** A blob of its own, for whoever must know its hash before its leaf is made. `salt`: 16 fresh random bytes. */
export function saltedBlob(bytes: Uint8Array, salt: Uint8Array): Salted {
  const salted = Buffer.concat([salt, bytes])
  return { hash: createHash('sha256').update(salted).digest('hex'), salted }
}

export const MAX_LEAF_BYTES = 65_535
const INLINE_BYTES = 1_024
const SALT_BYTES = 16
/** Always outside the leaf: secret until an event is over (`seed`), evidence that can hold an MPAN (`raw`), power of single homes. */
const ALWAYS_BLOB = new Set(['seed', 'raw', 'powerW', 'registerWh', 'readings', 'history', 'pieces', 'energy', 'salt'])
/** Who is to move when: as secret as the seed while the event runs, or the stagger could be read from the log. Needed by the fold, so never expired. */
const SECRET = new Set(['startRank', 'endRank', 'fromS', 'toS'])

/**
 * What people and boxes say in their own words, in the `about` of a note, and what the outside calls a meter: it may name somebody. Words that we choose
 * (codes, numbers) stay in the leaf.
 */
export const FREE_TEXT = new Set(['note', 'text', 'detail', 'why', 'error', 'message', 'reviewer', 'meter'])
const TEXT = 'text'

/** What lies within evidence is evidence as a whole: readings expire with all their columns. */
const ofEvidence = (key: string, inner: string): string => (ALWAYS_BLOB.has(key) ? key : inner)

const columnTypes = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, i32: Int32Array, f64: Float64Array } as const
type ColumnType = keyof typeof columnTypes
type Column = InstanceType<(typeof columnTypes)[ColumnType]>
const typeOf = (column: Column): ColumnType =>
  (Object.keys(columnTypes) as ColumnType[]).find(t => columnTypes[t] === column.constructor) ??
  (column instanceof Uint8Array ? 'u8' : 'f64')

/**
 * `salt()` gives 16 fresh random bytes for each blob. `keptAs` knows columns whose blobs are stored already. Throws a RangeError when a leaf would be too
 * long for the log.
 */
export function encode({ turn, at, fact }: Entry, salt: () => Uint8Array, keptAs?: { get(column: Column): HashHex | undefined }): Encoded {
  const blobs: Salted[] = []
  const kept: { hash: HashHex; salted: null }[] = []
  const outside = (bytes: Uint8Array, type: string): { $blob: HashHex; $t: string } => {
    const blob = saltedBlob(bytes, salt())
    blobs.push(blob)
    return { $blob: blob.hash, $t: type }
  }
  const column = (key: string, value: Column): unknown => {
    const known = keptAs?.get(value)
    if (known) {
      kept.push({ hash: known, salted: null })
      return { $blob: known, $t: typeOf(value) }
    }
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    if (bytes.length <= INLINE_BYTES && !ALWAYS_BLOB.has(key) && !SECRET.has(key))
      return { $b64: Buffer.from(bytes).toString('base64'), $t: typeOf(value) }
    return outside(bytes, typeOf(value))
  }
  const words = ([key, value]: [string, unknown]): [string, unknown] =>
    typeof value === 'string' && value !== '' && FREE_TEXT.has(key) ? [key, outside(Buffer.from(value, 'utf8'), TEXT)] : [key, value]
  const said = fact.kind === 'noted' ? { ...fact, about: Object.fromEntries(Object.entries(fact.about).map(words)) } : fact
  const leaf = Buffer.from(canonical({ at, fact: said, turn }, '', column), 'utf8')
  if (leaf.length > MAX_LEAF_BYTES) throw new RangeError(`a ${fact.kind} fact of ${leaf.length} bytes does not fit a log entry`)
  return { leaf, blobs, kept }
}

/** Canonical JSON (RFC 8785 for the values that facts have: no lone surrogates; numbers as ECMAScript writes them). Members that are undefined are left out. */
function canonical(value: unknown, key: string, column: (key: string, value: Column) => unknown): string {
  if (ArrayBuffer.isView(value)) return canonical(column(key, value as Column), '', column)
  if (Array.isArray(value)) return `[${value.map(v => canonical(v, key, column)).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, v]) => v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    return `{${members.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v, ofEvidence(key, k), column)}`).join(',')}}`
  }
  return JSON.stringify(value)
}
export const canonicalJson = (value: unknown): string =>
  canonical(value, '', (_, c) => ({ $b64: Buffer.from(c.buffer, c.byteOffset, c.byteLength).toString('base64'), $t: typeOf(c) }))

/** A fact whose column is gone: erased or expired with its blob. The fold goes on without it; what needs it says so. */
export class MissingBlob extends Error {
  readonly hash: HashHex
  constructor(hash: HashHex) {
    super(`blob ${hash} is absent`)
    this.hash = hash
  }
}

/**
 * The entry of a leaf. `blob` gives the body of a blob without its salt; an absent one becomes an empty column if it is evidence (`raw`, `seed`,
 * power) and '' if it is text, else it throws MissingBlob, because the state cannot be rebuilt without it.
 */
export function decode(leaf: Uint8Array, blob: (hash: HashHex) => Uint8Array | undefined): Entry {
  return revive(JSON.parse(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('utf8')), '', blob) as Entry
}
/** Hashes of the blobs that a leaf refers to. */
export function blobsOf(leaf: Uint8Array): HashHex[] {
  return blobsIn(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('utf8'))
}
const blobsIn = (text: string): HashHex[] =>
  text.includes('"$blob"') ? [...text.matchAll(/"\$blob":"([0-9a-f]{64})"/g)].map(m => m[1]!) : []

/** Those that one member of its fact refers to: whoever needs no more reads no more. */
export function blobsOfMember(leaf: Uint8Array, member: string): HashHex[] {
  const { fact } = JSON.parse(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('utf8')) as {
    fact: Record<string, unknown>
  }
  return blobsIn(JSON.stringify(fact[member] ?? null))
}

/** A blob that may be erased or expire: nothing that the state is folded from needs it. `key` says what it is: `raw`, `text`, or a column of power. */
export type Evidence = { readonly hash: HashHex; readonly key: string }
/** The evidence that a leaf refers to; seeds stay, they are what the stagger is checked with. */
export function evidenceOf(leaf: Uint8Array): Evidence[] {
  if (blobsOf(leaf).length === 0) return []
  const found: Evidence[] = []
  const walk = (value: unknown, key: string): void => {
    if (typeof value !== 'object' || value === null) return
    const { $blob, $t } = value as { $blob?: unknown; $t?: unknown }
    if (typeof $blob !== 'string') {
      for (const [k, inner] of Object.entries(value)) walk(inner, Array.isArray(value) ? key : ofEvidence(key, k))
    } else if ($t === TEXT || (ALWAYS_BLOB.has(key) && key !== 'seed')) found.push({ hash: $blob, key: $t === TEXT ? TEXT : key })
  }
  walk(JSON.parse(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('utf8')), '')
  return found
}

function revive(value: unknown, key: string, blob: (hash: HashHex) => Uint8Array | undefined): unknown {
  if (Array.isArray(value)) return value.map(v => revive(v, key, blob))
  if (typeof value !== 'object' || value === null) return value
  const o = value as Record<string, unknown>
  if (typeof o.$t === 'string' && typeof o.$b64 === 'string') return asColumn(Buffer.from(o.$b64, 'base64'), o.$t as ColumnType)
  if (typeof o.$t === 'string' && typeof o.$blob === 'string') {
    const body = blob(o.$blob)
    if (o.$t === TEXT) return body ? Buffer.from(body).toString('utf8') : ''
    if (!body && !ALWAYS_BLOB.has(key)) throw new MissingBlob(o.$blob)
    return asColumn(body ?? new Uint8Array(0), o.$t as ColumnType)
  }
  return Object.fromEntries(Object.entries(o).map(([k, v]) => [k, revive(v, ofEvidence(key, k), blob)]))
}
/** A fresh, aligned column over a copy of the bytes. */
function asColumn(bytes: Uint8Array, type: ColumnType): Column {
  const copy = new Uint8Array(bytes.length)
  copy.set(bytes)
  return new columnTypes[type](copy.buffer)
}
export const SALT = SALT_BYTES
