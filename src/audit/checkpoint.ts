/** Checkpoints (C2SP tlog-checkpoint v1.0.0): the body of a signed note that commits to a whole tree. */
import { toBase64 } from './bytes.ts'
import { atOnce } from './crypto.ts'
import { AuditError } from './errors.ts'
import { type Signer, signNote, type Verifier } from './note.ts'
import { type Checkpoint, type OpenedCheckpoint, openedCheckpoint, parseCheckpoint } from './signed.ts'

export { type Checkpoint, type OpenedCheckpoint, parseCheckpoint }

/** @throws AuditError `checkpoint-malformed` */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  const text = `${origin}\n${size}\n${toBase64(root)}\n`
  if (parseCheckpoint(text) === undefined) throw new AuditError('checkpoint-malformed', `not a checkpoint: ${JSON.stringify(text)}`)
  return text
}

/** The origin is the name of the signer's key. */
export function signCheckpoint(size: number, root: Uint8Array, signer: Signer): string {
  return signNote(formatCheckpoint({ origin: signer.verifier.name, size, root }), [signer])
}

/** See `openedCheckpoint`. */
export const openCheckpoint = (note: string, verifier: Verifier): OpenedCheckpoint<Verifier> => atOnce(openedCheckpoint(note, verifier))
