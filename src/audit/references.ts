/** What a leaf says about blobs. A leaf is canonical JSON (RFC 8785): `{"at":<nowMs>,"fact":{...},"turn":<n>}`. */

/** The outer envelope; the fact itself is the codec's business. */
export type Envelope = { readonly at: number; readonly turn: number; readonly fact: Readonly<Record<string, unknown>> }

/** Undefined for bytes that are not such an envelope. */
export function parseEnvelope(leaf: Uint8Array): Envelope | undefined {
  try {
    const parsed = JSON.parse(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('utf8'))
    const { at, turn, fact } = parsed
    return Number.isFinite(at) && Number.isInteger(turn) && typeof fact === 'object' && fact !== null ? { at, turn, fact } : undefined
  } catch {
    return undefined
  }
}

/** Kinds of facts, and words of a `noted` fact, after which a blob may be absent. */
const excuses = new Set(['erased', 'expired'])
/** Words of the few leaves that say something of a blob, or of a key. Looked for together: most of a verification's time would else go into looking. */
const markers = /"(?:\$blob|erased|expired|keyRotated)"/
const isHash = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)

export type References = { readonly blobs: readonly string[]; readonly excused: readonly string[] }
const none: References = { blobs: [], excused: [] }

/** Canonical JSON has one spelling, so most leaves are passed over without being parsed. */
export function isPlain(leaf: Uint8Array): boolean {
  return !markers.test(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('latin1'))
}

/** Hashes under `$blob` anywhere in the fact, and all hashes named by an `erased` or `expired` fact. */
export function referencesOf(leaf: Uint8Array): References {
  if (isPlain(leaf)) return none
  const fact = parseEnvelope(leaf)?.fact
  if (fact === undefined) return none
  const blobs: string[] = []
  const excused: string[] = []
  const isExcuse = excuses.has(String(fact['kind'])) || (fact['kind'] === 'noted' && excuses.has(String(fact['what'])))
  walk(fact, (key, value) => {
    if (!isHash(value)) return
    if (key === '$blob') blobs.push(value)
    else if (isExcuse) excused.push(value)
  })
  return { blobs, excused }
}

function walk(value: unknown, see: (key: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    see(key, inner)
    walk(inner, see)
  }
}
