/** Ed25519 keys that sign notes and cosign checkpoints, and their files (C2SP signed-note v1.0.0, tlog-cosignature). */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign as signBytes } from 'node:crypto'
import { toHex, utf8 } from './bytes.ts'
import { atOnce, sha256, spkiPrefix } from './crypto.ts'
import { AuditError } from './errors.ts'
import {
  cosignedMessage,
  isNoteText,
  type KeyType,
  keyIdInput,
  keyTypes,
  type NoteKey,
  type OpenedNote,
  opened,
  splitKey,
  vkeyOf,
} from './signed.ts'

export type { OpenedNote }

const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

export type Verifier = NoteKey
/** `signatureLine` gives the whole line for `text`, with its newline. */
export type Signer = { readonly verifier: Verifier; signatureLine(text: string): string }
/** `atS` is the time of the cosignature, POSIX seconds; `text` the body of the checkpoint. */
export type Cosigner = { readonly verifier: Verifier; cosignatureLine(text: string, atS: number): string }

export const generateSeed = (): Buffer => randomBytes(32)

/** A key name has no space and no plus (C2SP signed-note). @throws AuditError `key-name` */
function checkName(name: string): string {
  if (name === '' || /[\s+]/u.test(name))
    throw new AuditError('key-name', `a key name must have no spaces and no "+": ${JSON.stringify(name)}`)
  return name
}

/** From the 32 raw bytes of an Ed25519 public key. */
export function verifierOf(name: string, publicKey: Uint8Array, type: KeyType = 'note'): Verifier {
  checkName(name)
  if (publicKey.length !== 32) throw new AuditError('key-malformed', `an Ed25519 public key has 32 bytes, not ${publicKey.length}`)
  const keyId = toHex(sha256(keyIdInput(type, name, publicKey)).subarray(0, 4))
  const vkey = `${name}+${keyId}+${Buffer.concat([Buffer.of(keyTypes[type]), publicKey]).toString('base64')}`
  return { type, name, keyId, publicKey, vkey }
}

function keyPair(name: string, seed: Uint8Array, type: KeyType) {
  if (seed.length !== 32) throw new AuditError('key-malformed', `an Ed25519 seed has 32 bytes, not ${seed.length}`)
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
  const verifier = verifierOf(name, rawPublicKey(key), type)
  const id = Buffer.from(verifier.keyId, 'hex')
  const line = (...signature: Uint8Array[]) => `— ${name} ${Buffer.concat([id, ...signature]).toString('base64')}\n`
  return { verifier, line, sign: (message: string) => signBytes(null, utf8(message), key) }
}
/** From the 32 raw bytes of an Ed25519 private key. */
export function signerOf(name: string, seed: Uint8Array): Signer {
  const { verifier, line, sign } = keyPair(name, seed, 'note')
  return { verifier, signatureLine: text => line(sign(text)) }
}
/** A witness's key, from the 32 raw bytes of an Ed25519 private key. */
export function cosignerOf(name: string, seed: Uint8Array): Cosigner {
  const { verifier, line, sign } = keyPair(name, seed, 'cosignature')
  return {
    verifier,
    cosignatureLine(text, atS) {
      const time = Buffer.alloc(8)
      time.writeBigUInt64BE(BigInt(atS))
      return line(time, sign(cosignedMessage(text, atS)))
    },
  }
}
function rawPublicKey(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new AuditError('key-malformed', 'only Ed25519 keys sign this log')
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(spkiPrefix.length)
}

/** The key that signs a log's notes: `name+hex8+base64(0x01 || key)`. @throws AuditError `key-malformed` */
export function parseVkey(vkey: string): Verifier {
  const key = atOnce(vkeyOf(vkey))
  if (key.type !== 'note') throw new AuditError('key-malformed', `${key.name} is the key of a witness, not of a log`)
  return key
}

const skeyPrefix = 'PRIVATE+KEY+'
const formatSeed = ({ name, keyId, type }: NoteKey, seed: Uint8Array): string =>
  `${skeyPrefix}${name}+${keyId}+${Buffer.concat([Buffer.of(keyTypes[type]), seed]).toString('base64')}`
/** `PRIVATE+KEY+name+hex8+base64(0x01 || seed)`, the form that other signed-note tools write. */
export const formatSkey = (name: string, seed: Uint8Array): string => formatSeed(signerOf(name, seed).verifier, seed)
/** The same with 0x04, for a witness. */
export const formatCosignerSkey = (name: string, seed: Uint8Array): string => formatSeed(cosignerOf(name, seed).verifier, seed)

function secretOf<S extends Signer | Cosigner>(skey: string, type: KeyType, make: (name: string, seed: Uint8Array) => S): S {
  const text = skey.trim()
  if (!text.startsWith(skeyPrefix)) throw new AuditError('key-malformed', `a secret key begins with ${skeyPrefix}`)
  const found = splitKey(text.slice(skeyPrefix.length), 'secret key')
  if (found.type !== type) throw new AuditError('key-malformed', `the secret key is of type ${found.type}, a ${type} key was expected`)
  const made = make(found.name, found.key)
  if (made.verifier.keyId !== found.keyId)
    throw new AuditError('key-malformed', `the secret key says key id ${found.keyId}, but has ${made.verifier.keyId}`)
  return made
}
/** @throws AuditError `key-malformed` */
export const parseSkey = (skey: string): Signer => secretOf(skey, 'note', signerOf)
/** @throws AuditError `key-malformed` */
export const parseCosignerSkey = (skey: string): Cosigner => secretOf(skey, 'cosignature', cosignerOf)

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

/** See `opened`. */
export const openNote = (note: string, verifiers: readonly Verifier[]): OpenedNote<Verifier> => atOnce(opened(note, verifiers))
