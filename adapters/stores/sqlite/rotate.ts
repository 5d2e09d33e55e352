import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openCheckpoint } from '../../../src/audit/checkpoint.ts'
import { formatSkey, generateSeed, type Signer } from '../../../src/audit/note.ts'
import { ROTATED, signRotation } from '../../../src/audit/rotation.ts'
import { StoreError } from '../error.ts'
import { type Db, openDatabase } from './db.ts'
import { openJournal } from './journal.ts'
import { type GivenSecrets, openKeys, publish, readOrMake, readSigner, signingKeyName } from './key.ts'
import { nextNote } from './offline.ts'

/** The key that is to come, until the log says that it has. */
export const nextKeyName = `${signingKeyName}.next`

export type Rotated = { readonly from: string; readonly to: string; readonly size: number; readonly keyFile: string }

/**
 * Gives the log of a stopped bridge another key: an entry that both keys have signed, and a checkpoint over it with both signatures. The new key is made
 * in `dir`, or read from `to` (made there if it is missing) where the present one comes from elsewhere; whoever gives it then gives that one from now
 * on. Killed at any moment, the log has one of the two keys, and the next start finds out which.
 * @throws StoreError as `openStore`; `key-malformed` where the new key is of another log or the same key
 */
export async function rotateKey(options: {
  readonly dir: string
  readonly origin: string
  readonly nowMs: number
  readonly secrets?: GivenSecrets | undefined
  readonly to?: string | undefined
}): Promise<Rotated> {
  const { dir, origin, secrets } = options
  const db = openDatabase(dir)
  try {
    if (secrets?.signing === undefined) settleRotation(db, dir)
    const { signer: from } = openKeys(dir, origin, false, secrets)
    const keyFile = options.to ?? join(dir, nextKeyName)
    const to = readSigner(
      keyFile,
      readOrMake(keyFile, true, () => formatSkey(origin, generateSeed())),
    )
    if (to.verifier.name !== origin || to.verifier.vkey === from.verifier.vkey)
      throw new StoreError('key-malformed', `${keyFile} must hold another key for ${origin}`, keyFile)
    const journal = openJournal(db, bothOf(from, to))
    const size = journal.size()
    const about = { from: from.verifier.keyId, statement: signRotation(size, from, to), to: to.verifier.keyId }
    await journal.append(size, [await nextNote(journal, options.nowMs, ROTATED, about)], [])
    if (options.to === undefined) settleRotation(db, dir)
    else publish(dir, to.verifier)
    return { from: from.verifier.vkey, to: to.verifier.vkey, size: size + 1, keyFile: options.to ?? join(dir, signingKeyName) }
  } finally {
    db.close()
  }
}

/** Opens as the old key, signs as both. */
const bothOf = (from: Signer, to: Signer): Signer => ({
  verifier: from.verifier,
  signatureLine: text => from.signatureLine(text) + to.signatureLine(text),
})

/** Ends a rotation that was cut short: the key that is to come is taken if it has signed the head, else it never was. */
export function settleRotation(db: Db, dir: string): void {
  const path = join(dir, nextKeyName)
  if (!existsSync(path)) return
  const next = readSigner(
    path,
    readOrMake(path, false, () => ''),
  )
  const note = (db.prepare('SELECT note FROM head WHERE id = 1').get([])?.[0] as string | undefined) ?? ''
  if (note === '' || openCheckpoint(note, next.verifier).kind !== 'verified') return rmSync(path)
  renameSync(path, join(dir, signingKeyName))
  publish(dir, next.verifier)
}
