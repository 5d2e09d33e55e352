/** Signed notes (C2SP signed-note v1.0.0) with Ed25519 keys: a text that ends in a newline, an empty line, then one line per signature. */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign as signBytes, verify as verifyBytes } from 'node:crypto'
import { AuditError } from './errors.ts'
import { sha256 } from './merkle.ts'

/** Type byte of an Ed25519 key. Others (0x04 cosignature, 0x06 ML-DSA-44) are unknown here, and unknown keys are ignored. */
const ed25519 = 0x01
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
const maxSignatures = 100

/** A public key with its name. `keyId` are the four bytes before each of its signatures, as lower-case hex. */
export type Verifier = {
  readonly name: string
  readonly keyId: string
  readonly vkey: string
  verify(text: string, signature: Uint8Array): boolean
}
/** `signatureLine` gives the whole line for `text`, with its newline. */
export type Signer = { readonly verifier: Verifier; signatureLine(text: string): string }

export const generateSeed = (): Buffer => randomBytes(32)

/** A key name has no space and no plus (C2SP signed-note). @throws AuditError `key-name` */
function checkName(name: string): string {
  if (name === '' || /[\s+]/u.test(name))
    throw new AuditError('key-name', `a key name must have no spaces and no "+": ${JSON.stringify(name)}`)
  return name
}
function keyIdOf(name: string, publicKey: Uint8Array): string {
  return sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ed25519), publicKey]))
    .subarray(0, 4)
    .toString('hex')
}

/** From the 32 raw bytes of an Ed25519 public key. */
export function verifierOf(name: string, publicKey: Uint8Array): Verifier {
  checkName(name)
  if (publicKey.length !== 32) throw new AuditError('key-malformed', `an Ed25519 public key has 32 bytes, not ${publicKey.length}`)
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' })
  const keyId = keyIdOf(name, publicKey)
  return {
    name,
    keyId,
    vkey: `${name}+${keyId}+${Buffer.concat([Buffer.of(ed25519), publicKey]).toString('base64')}`,
    verify: (text, signature) => signature.length === 64 && verifyBytes(null, Buffer.from(text), key, signature),
  }
}

/** From the 32 raw bytes of an Ed25519 private key. */
export function signerOf(name: string, seed: Uint8Array): Signer {
  checkName(name)
  if (seed.length !== 32) throw new AuditError('key-malformed', `an Ed25519 seed has 32 bytes, not ${seed.length}`)
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
  const verifier = verifierOf(name, rawPublicKey(key))
  const id = Buffer.from(verifier.keyId, 'hex')
  return {
    verifier,
    signatureLine: text => `— ${name} ${Buffer.concat([id, signBytes(null, Buffer.from(text), key)]).toString('base64')}\n`,
  }
}
function rawPublicKey(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new AuditError('key-malformed', 'only Ed25519 keys sign this log')
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
}

/** Reads `name+hex8+base64(0x01 || key)`. @throws AuditError `key-malformed` */
export function parseVkey(vkey: string): Verifier {
  const { name, keyId, key } = parseKey(vkey.trim(), 'vkey')
  const verifier = verifierOf(name, key)
  if (verifier.keyId !== keyId) throw new AuditError('key-malformed', `the vkey says key id ${keyId}, but its key has ${verifier.keyId}`)
  return verifier
}

const skeyPrefix = 'PRIVATE+KEY+'
/** `PRIVATE+KEY+name+hex8+base64(0x01 || seed)`, the form that other signed-note tools write. */
export function formatSkey(name: string, seed: Uint8Array): string {
  const { keyId } = signerOf(name, seed).verifier
  return `${skeyPrefix}${name}+${keyId}+${Buffer.concat([Buffer.of(ed25519), seed]).toString('base64')}`
}
/** @throws AuditError `key-malformed` */
export function parseSkey(skey: string): Signer {
  const text = skey.trim()
  if (!text.startsWith(skeyPrefix)) throw new AuditError('key-malformed', `a secret key begins with ${skeyPrefix}`)
  const { name, keyId, key } = parseKey(text.slice(skeyPrefix.length), 'secret key')
  const signer = signerOf(name, key)
  if (signer.verifier.keyId !== keyId)
    throw new AuditError('key-malformed', `the secret key says key id ${keyId}, but has ${signer.verifier.keyId}`)
  return signer
}

function parseKey(text: string, what: string): { name: string; keyId: string; key: Buffer } {
  // The base64 part may hold plus signs itself, the name may not.
  const found = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text)
  const data = found === null ? undefined : decodeBase64(found[3]!)
  if (found === null || data === undefined) throw new AuditError('key-malformed', `not a ${what}: expected name+id+base64`)
  if (data[0] !== ed25519 || data.length !== 33) throw new AuditError('key-malformed', `the ${what} is not an Ed25519 key`)
  return { name: found[1]!, keyId: found[2]!, key: data.subarray(1) }
}

/**
 * A verifier from the text of a key file: a vkey, the secret key file (only its public half is used) or PEM. A PEM has no name: it takes
 * `nameOfPem`, the origin of the log in question. @throws AuditError `key-malformed`
 */
export function verifierFromText(text: string, nameOfPem: string): Verifier {
  const trimmed = text.trim()
  if (trimmed.startsWith(skeyPrefix)) return parseSkey(trimmed).verifier
  if (!trimmed.includes('-----BEGIN')) return parseVkey(trimmed)
  let key: KeyObject
  try {
    key = createPublicKey(trimmed)
  } catch {
    throw new AuditError('key-malformed', 'the PEM is not a key')
  }
  return verifierOf(nameOfPem, rawPublicKey(key))
}

/** `text` must end with a newline and have no other control characters. @throws AuditError `note-malformed` */
export function signNote(text: string, signers: readonly Signer[]): string {
  if (!isNoteText(text)) throw new AuditError('note-malformed', 'a note is text that ends with a newline, without control characters')
  return `${text}\n${signers.map(signer => signer.signatureLine(text)).join('')}`
}

export type OpenedNote =
  /** Signed by at least one of the verifiers, named in `by`. */
  | { readonly kind: 'verified'; readonly text: string; readonly by: readonly Verifier[] }
  /** A known key's signature is wrong: the note or the signature was changed. */
  | { readonly kind: 'badSignature'; readonly text: string; readonly by: Verifier }
  /** Signed, but by none of the keys we know. `signers` are the names that the note claims. */
  | { readonly kind: 'unknownKey'; readonly text: string; readonly signers: readonly string[] }
  | { readonly kind: 'malformed'; readonly why: string }

/** Signatures of unknown keys are ignored; one wrong signature of a known key rejects the note (C2SP signed-note). */
export function openNote(note: string, verifiers: readonly Verifier[]): OpenedNote {
  const split = note.lastIndexOf('\n\n')
  if (!isNoteText(note) || split < 0) return { kind: 'malformed', why: 'not a signed note' }
  const text = note.slice(0, split + 1)
  const lines = note.slice(split + 2, -1).split('\n')
  if (note.length === split + 2) return { kind: 'malformed', why: 'the note has no signature' }
  if (lines.length > maxSignatures) return { kind: 'malformed', why: `more than ${maxSignatures} signatures` }
  const signatures = lines.map(parseSignature)
  const by: Verifier[] = []
  for (const [i, signature] of signatures.entries()) {
    if (signature === undefined) return { kind: 'malformed', why: `signature line ${i + 1} is not "— name base64"` }
    const verifier = verifiers.find(v => v.name === signature.name && v.keyId === signature.keyId)
    if (verifier === undefined || by.includes(verifier)) continue
    if (!verifier.verify(text, signature.bytes)) return { kind: 'badSignature', text, by: verifier }
    by.push(verifier)
  }
  return by.length > 0 ? { kind: 'verified', text, by } : { kind: 'unknownKey', text, signers: signatures.map(s => s!.name) }
}

function parseSignature(line: string): { name: string; keyId: string; bytes: Buffer } | undefined {
  const found = /^— ([^\s+]+) (\S+)$/u.exec(line)
  const data = found === null ? undefined : decodeBase64(found[2]!)
  if (found === null || data === undefined || data.length < 5) return undefined
  return { name: found[1]!, keyId: data.subarray(0, 4).toString('hex'), bytes: data.subarray(4) }
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const isNoteText = (text: string): boolean => text.endsWith('\n') && !/[\u0000-\u0009\u000b-\u001f]|\p{Surrogate}/u.test(text)

/** Standard base64 in its one canonical spelling; Node alone would skip what it does not know. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
