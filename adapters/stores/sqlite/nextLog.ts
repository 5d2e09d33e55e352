import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { formatSkey, generateSeed } from '../../../src/audit/note.ts'
import type { Blob, Journal } from '../../../src/ports.ts'
import { StoreError } from '../error.ts'
import { backUp } from './backup.ts'
import { databaseName, openDatabase, openReadOnly } from './db.ts'
import { scrub } from './erase.ts'
import { openJournal } from './journal.ts'
import { type GivenSecrets, openKeys, readOrMake, readSigner } from './key.ts'
import { nextNote } from './offline.ts'
import { nextKeyName, settleRotation } from './rotate.ts'

const logTables = ['entry', 'blob', 'head', 'tile', 'migration']
export const CLOSED = 'logClosed'
/** What a log ended with. */
export type FinalHead = { readonly origin: string; readonly size: number; readonly root: Uint8Array; readonly checkpoint: string }
export type First = { readonly leaf: Uint8Array; readonly blobs: readonly Blob[] }
export type Closed = { readonly archive: string; readonly final: FinalHead; readonly origin: string; readonly vkey: string }

/**
 * Ends the log of a stopped bridge and begins the next, under another name and key. The old one gets a last entry that names the next, and moves to
 * `archive` with its evidence, without registry and readings, which go on with the bridge. `first` makes the first entry of the new log from what the old
 * one ended with: it names that, and holds the state. Killed at any moment, the bridge has the one log or the other, whole.
 * @throws StoreError as `openStore`, `backup-exists`, `db-in-use`; what `check` throws
 */
export async function closeAndBegin(options: {
  readonly dir: string
  readonly origin: string
  readonly next: string
  readonly nowMs: number
  readonly archive: string
  readonly secrets?: GivenSecrets | undefined
  /** Throws where the log may not end now; nothing has been written then. */
  readonly check: (journal: Journal) => Promise<void>
  readonly first: (journal: Journal, final: FinalHead) => Promise<First>
}): Promise<Closed> {
  const { dir, origin, next, nowMs, archive, secrets } = options
  const keyFile = join(dir, nextKeyName)
  const draft = join(dir, 'next')
  const db = openDatabase(dir)
  let final: FinalHead
  let first: First
  let vkey: string
  try {
    settleRotation(db, dir)
    const { signer } = openKeys(dir, origin, false, secrets)
    const journal = openJournal(db, signer)
    await options.check(journal)
    if (!scrub(db)) throw inUse(dir)
    const made = readSigner(
      keyFile,
      readOrMake(keyFile, true, () => formatSkey(next, generateSeed())),
    )
    vkey = made.verifier.vkey
    await journal.append(journal.size(), [await nextNote(journal, nowMs, CLOSED, { next, vkey })], [])
    final = { origin, size: journal.size(), root: journal.root(), checkpoint: journal.checkpoint() }
    first = await options.first(journal, final)
  } finally {
    db.close()
  }
  const wal = join(dir, `${databaseName}-wal`)
  if (existsSync(wal) && statSync(wal).size > 0) throw inUse(dir)
  backUp(dir, archive, false)
  keepOnly(archive, table => logTables.includes(table))
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { mode: 0o700 })
  const source = openReadOnly(join(dir, databaseName))
  source.prepare('VACUUM INTO ?').run([join(draft, databaseName)])
  source.close()
  chmodSync(join(draft, databaseName), 0o600)
  keepOnly(draft, table => table === 'migration' || !(logTables.includes(table) || table === 'snapshot'))
  const begun = openDatabase(draft)
  try {
    // What was known of the old log: by it the next would look like an older copy to its witnesses.
    begun.prepare("DELETE FROM setting WHERE key LIKE 'audit.%' OR key = 'engine.told'").run([])
    begun.prepare("INSERT INTO head VALUES (1, 0, '')").run([])
    const signer = readSigner(
      keyFile,
      readOrMake(keyFile, false, () => ''),
    )
    await openJournal(begun, signer).append(0, [first.leaf], first.blobs)
  } finally {
    begun.close()
  }
  for (const suffix of ['-wal', '-shm']) rmSync(join(dir, `${databaseName}${suffix}`), { force: true })
  renameSync(join(draft, databaseName), join(dir, databaseName))
  rmSync(draft, { recursive: true, force: true })
  const opened = openDatabase(dir)
  settleRotation(opened, dir)
  opened.close()
  return { archive, final, origin: next, vkey }
}

/** The end of the log may stand in the write-ahead log alone, which goes: so it must be in the file. */
const inUse = (dir: string) => new StoreError('db-in-use', `somebody reads ${dir} (audit verify, a backup): wait until they are done`, dir)

function keepOnly(folder: string, isKept: (table: string) => boolean): void {
  const db = openDatabase(folder)
  try {
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").all([]) as readonly [
      string,
    ][]
    db.write(() => {
      for (const [name] of tables) if (!isKept(name)) db.prepare(`DELETE FROM "${name}"`).run([])
    })
    db.prepare('VACUUM').run([])
  } finally {
    db.close()
  }
  if (existsSync(join(folder, `${databaseName}-shm`))) rmSync(join(folder, `${databaseName}-shm`), { force: true })
}
