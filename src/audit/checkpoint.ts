/** Checkpoints (C2SP tlog-checkpoint v1.0.0): the body of a signed note that commits to a whole tree. */
import { AuditError } from './errors.ts'
import { hashLength } from './merkle.ts'
import { decodeBase64, type OpenedNote, openNote, type Signer, signNote, type Verifier } from './note.ts'

/** `origin` names the log, a URL without its scheme; `size` counts leaves; `root` is the RFC 6962 root over them. */
export type Checkpoint = { readonly origin: string; readonly size: number; readonly root: Uint8Array }

/** @throws AuditError `checkpoint-malformed` */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  const text = `${origin}\n${size}\n${Buffer.from(root).toString('base64')}\n`
  if (parseCheckpoint(text) === undefined) throw new AuditError('checkpoint-malformed', `not a checkpoint: ${JSON.stringify(text)}`)
  return text
}

/** Extension lines are allowed and ignored. Undefined for anything else that is not exactly a checkpoint body. */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n')) return undefined
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n')
  if (!origin || size === undefined || root === undefined || extensions.includes('')) return undefined
  const hash = decodeBase64(root)
  if (!/^(0|[1-9][0-9]*)$/.test(size) || !Number.isSafeInteger(Number(size)) || hash?.length !== hashLength) return undefined
  return { origin, size: Number(size), root: hash }
}

/** The origin is the name of the signer's key. */
export function signCheckpoint(size: number, root: Uint8Array, signer: Signer): string {
  return signNote(formatCheckpoint({ origin: signer.verifier.name, size, root }), [signer])
}

export type OpenedCheckpoint = { readonly kind: 'verified'; readonly checkpoint: Checkpoint } | Exclude<OpenedNote, { kind: 'verified' }>

/** The origin must be the name of the key that verified it: a key signs for one log. */
export function openCheckpoint(note: string, verifier: Verifier): OpenedCheckpoint {
  const opened = openNote(note, [verifier])
  if (opened.kind !== 'verified') return opened
  const checkpoint = parseCheckpoint(opened.text)
  if (checkpoint === undefined) return { kind: 'malformed', why: 'the note is not a checkpoint' }
  if (checkpoint.origin !== verifier.name)
    return { kind: 'malformed', why: `the checkpoint is of ${checkpoint.origin}, the key of ${verifier.name}` }
  return { kind: 'verified', checkpoint }
}
