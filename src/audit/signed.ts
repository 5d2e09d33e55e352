/** Opening signed notes (C2SP signed-note v1.0.0) and checkpoints, for every place that checks them. Making keys and signing is `note.ts`. */
import { concat, fromBase64, parseSize, toHex, utf8 } from './bytes.ts'
import { AuditError } from './errors.ts'
import { hashLength } from './proofs.ts'
import { isSigned, type Steps, sha256Of } from './steps.ts'

/** Type bytes of keys: who signs a note, and who cosigns a checkpoint (C2SP tlog-cosignature). Others (0x06 ML-DSA-44) are not known here. */
export const keyTypes = { note: 0x01, cosignature: 0x04 } as const
export type KeyType = keyof typeof keyTypes
/**
 * A public Ed25519 key with its name. `keyId` are the four bytes before each of its signatures, as lower-case hex; `vkey` is how it is written down:
 * `name+hex8+base64(type || key)`.
 */
export type NoteKey = {
  readonly type: KeyType
  readonly name: string
  readonly keyId: string
  readonly publicKey: Uint8Array
  readonly vkey: string
}

const maxSignatures = 100
const timeBytes = 8

/** What the id of a key is the beginning of the hash of. */
export const keyIdInput = (type: KeyType, name: string, publicKey: Uint8Array): Uint8Array =>
  concat(utf8(`${name}\n`), Uint8Array.of(keyTypes[type]), publicKey)

/** Reads a vkey. @throws AuditError `key-malformed` */
export function* vkeyOf(text: string): Steps<NoteKey> {
  const vkey = text.trim()
  const { name, keyId, type, key: publicKey } = splitKey(vkey, 'vkey')
  const own = toHex((yield* sha256Of(keyIdInput(type, name, publicKey))).subarray(0, 4))
  if (own !== keyId) throw new AuditError('key-malformed', `the vkey says key id ${keyId}, but its key has ${own}`)
  return { type, name, keyId, publicKey, vkey }
}

/** The parts of a vkey, or of a secret key behind its prefix. @throws AuditError `key-malformed` */
export function splitKey(text: string, what: string): { name: string; keyId: string; type: KeyType; key: Uint8Array } {
  // The base64 part may hold plus signs itself, the name may not.
  const [, name, keyId, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text) ?? []
  const data = encoded === undefined ? undefined : fromBase64(encoded)
  if (name === undefined || keyId === undefined || data === undefined)
    throw new AuditError('key-malformed', `not a ${what}: expected name+id+base64`)
  const type = (Object.keys(keyTypes) as KeyType[]).find(t => keyTypes[t] === data[0])
  if (type === undefined || data.length !== 33) throw new AuditError('key-malformed', `the ${what} is not an Ed25519 key`)
  return { name, keyId, type, key: data.subarray(1) }
}

export type SignatureLine = { readonly name: string; readonly keyId: string; readonly bytes: Uint8Array; readonly line: string }
export type SplitNote = { readonly text: string; readonly signatures: readonly SignatureLine[] }

/** Text and signatures, nothing of it checked; a string says why it is no signed note. */
export function splitNote(note: string): SplitNote | string {
  const split = note.lastIndexOf('\n\n')
  if (!isNoteText(note) || split < 0) return 'not a signed note'
  if (note.length === split + 2) return 'the note has no signature'
  const lines = note.slice(split + 2, -1).split('\n')
  if (lines.length > maxSignatures) return `more than ${maxSignatures} signatures`
  const signatures: SignatureLine[] = []
  for (const [i, line] of lines.entries()) {
    const signature = parseSignature(line)
    if (signature === undefined) return `signature line ${i + 1} is not "— name base64"`
    signatures.push(signature)
  }
  return { text: note.slice(0, split + 1), signatures }
}
export function parseSignature(line: string): SignatureLine | undefined {
  const [, name, encoded] = /^— ([^\s+]+) (\S+)$/u.exec(line) ?? []
  const data = encoded === undefined ? undefined : fromBase64(encoded)
  if (name === undefined || data === undefined || data.length < 5) return undefined
  return { name, keyId: toHex(data.subarray(0, 4)), bytes: data.subarray(4), line }
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
export const isNoteText = (text: string): boolean => text.endsWith('\n') && !/[\u0000-\u0009\u000b-\u001f]|\p{Surrogate}/u.test(text)

/** What a cosigner signs (C2SP tlog-cosignature, Ed25519). `atS` is POSIX seconds. */
export const cosignedMessage = (text: string, atS: number): string => `cosignature/v1\ntime ${atS}\n${text}`
/** The time of a cosignature in POSIX seconds; undefined where the bytes are none, or the time is beyond 2^53. */
export function cosignedAtS(signature: Uint8Array): number | undefined {
  if (signature.length !== timeBytes + 64) return undefined
  const atS = Number(new DataView(signature.buffer, signature.byteOffset).getBigUint64(0))
  return Number.isSafeInteger(atS) ? atS : undefined
}
export function* isSignedBy(key: NoteKey, text: string, signature: Uint8Array): Steps<boolean> {
  if (key.type === 'note') return yield* isSigned(key.publicKey, utf8(text), signature)
  const atS = cosignedAtS(signature)
  return atS !== undefined && (yield* isSigned(key.publicKey, utf8(cosignedMessage(text, atS)), signature.subarray(timeBytes)))
}

export type OpenedNote<K extends NoteKey = NoteKey> =
  /** Signed by at least one of the keys, named in `by`. */
  | { readonly kind: 'verified'; readonly text: string; readonly by: readonly K[] }
  /** A known key's signature is wrong: the note or the signature was changed. */
  | { readonly kind: 'badSignature'; readonly text: string; readonly by: K }
  /** Signed, but by none of the keys we know. `signers` are the names that the note claims. */
  | { readonly kind: 'unknownKey'; readonly text: string; readonly signers: readonly string[] }
  | { readonly kind: 'malformed'; readonly why: string }

/** Signatures of unknown keys are ignored; one wrong signature of a known key rejects the note (C2SP signed-note). */
export function* opened<K extends NoteKey>(note: string, keys: readonly K[]): Steps<OpenedNote<K>> {
  const parts = splitNote(note)
  if (typeof parts === 'string') return { kind: 'malformed', why: parts }
  const { text, signatures } = parts
  const by: K[] = []
  for (const signature of signatures) {
    const key = keys.find(k => k.name === signature.name && k.keyId === signature.keyId)
    if (key === undefined || by.includes(key)) continue
    if (!(yield* isSignedBy(key, text, signature.bytes))) return { kind: 'badSignature', text, by: key }
    by.push(key)
  }
  return by.length > 0 ? { kind: 'verified', text, by } : { kind: 'unknownKey', text, signers: signatures.map(s => s.name) }
}

/** C2SP tlog-checkpoint. `origin` names the log, a URL without its scheme; `size` counts leaves; `root` is the RFC 6962 root over them. */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Uint8Array }

/** Extension lines are allowed and ignored. Undefined for anything else that is not exactly a checkpoint body. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n')) return undefined
  const [origin, sizeText, rootText, ...extensions] = text.slice(0, -1).split('\n')
  if (!origin || rootText === undefined || extensions.includes('')) return undefined
  const [size, root] = [parseSize(sizeText), fromBase64(rootText)]
  return size === undefined || root?.length !== hashLength ? undefined : { origin, size, root }
}

export type OpenedCheckpoint<K extends NoteKey = NoteKey> =
  | { readonly kind: 'verified'; readonly checkpoint: Checkpoint; readonly text: string }
  | Exclude<OpenedNote<K>, { kind: 'verified' }>

/** The origin must be the name of the key that verified it: a key signs for one log. */
export function* openedCheckpoint<K extends NoteKey>(note: string, key: K): Steps<OpenedCheckpoint<K>> {
  const found = yield* opened(note, [key])
  if (found.kind !== 'verified') return found
  const checkpoint = parseCheckpoint(found.text)
  if (checkpoint === undefined) return { kind: 'malformed', why: 'the note is not a checkpoint' }
  if (checkpoint.origin !== key.name) return { kind: 'malformed', why: `the checkpoint is of ${checkpoint.origin}, the key of ${key.name}` }
  return { kind: 'verified', checkpoint, text: found.text }
}

/** Lines of base64, a hash each; undefined where one is not. */
export function hashesOf(lines: readonly string[]): Uint8Array[] | undefined {
  const hashes = lines.map(fromBase64)
  return hashes.every(h => h?.length === hashLength) ? (hashes as Uint8Array[]) : undefined
}
