/** SHA-256 and Ed25519 of node:crypto, which answer at once. */
import { createPublicKey, hash, verify } from 'node:crypto'
import { type Question, run, type Steps } from './steps.ts'

export const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')
export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')

function isEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' })
  return signature.length === 64 && verify(null, message, key, signature)
}
/** Runs a check to its end. */
export const atOnce = <T>(steps: Steps<T>): T =>
  run(steps, (q: Question) => (q.ask === 'sha256' ? sha256(q.bytes) : isEd25519(q.publicKey, q.message, q.signature)))
