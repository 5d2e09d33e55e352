import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { StoreError } from '../error.ts'
import { databaseName, messageOf, openReadOnly } from './db.ts'
import { publicKeyName, seedKeyName, signingKeyName, writeNew } from './key.ts'

export const checkpointName = 'checkpoint'
export type BackedUp = {
  readonly dir: string
  readonly size: number
  readonly checkpoint: string
  readonly bytes: number
  readonly keys: boolean
}
type Head = { readonly size: number; readonly note: string }

/**
 * Copies the whole state of `dir` into a new folder, also while a bridge writes to it: one consistent moment, without free pages, so that nothing deleted
 * is in it. Readings of the last second may be missing. The secret keys come along only `withKeys`: who has them can sign another history. Whole or not at
 * all: it has its name when it is complete.
 * @throws StoreError `db-missing`, `backup-exists`, `backup-failed` (no room, say; nothing is left behind)
 */
export function backUp(dir: string, into: string, withKeys: boolean): BackedUp {
  if (existsSync(into)) throw new StoreError('backup-exists', `${into} is there already`, into)
  const draft = `${into}.partial`
  rmSync(draft, { recursive: true, force: true })
  mkdirSync(draft, { recursive: true, mode: 0o700 })
  try {
    const path = join(draft, databaseName)
    const source = openReadOnly(join(dir, databaseName))
    try {
      source.prepare('VACUUM INTO ?').run([path])
    } finally {
      source.close()
    }
    chmodSync(path, 0o600)
    const { size, note } = headOf(path)
    writeNew(join(draft, checkpointName), note)
    for (const name of readdirSync(dir)) if (name.startsWith(publicKeyName)) copyFileSync(join(dir, name), join(draft, name))
    const keys = withKeys ? [signingKeyName, seedKeyName].filter(name => existsSync(join(dir, name))) : []
    for (const name of keys) copyFileSync(join(dir, name), join(draft, name))
    for (const name of readdirSync(draft)) flush(join(draft, name))
    renameSync(draft, into)
    flush(dirname(into))
    return { dir: into, size, checkpoint: note, bytes: statSync(join(into, databaseName)).size, keys: keys.length > 0 }
  } catch (cause) {
    rmSync(draft, { recursive: true, force: true })
    throw cause instanceof StoreError
      ? cause
      : new StoreError('backup-failed', `cannot back up to ${into}: ${messageOf(cause)}`, into, cause)
  }
}
/** @throws StoreError `db-missing`, `db-corrupt` */
export function headOf(path: string): Head {
  const db = openReadOnly(path)
  try {
    const [size, note] = (db.prepare('SELECT size, note FROM head WHERE id = 1').get([]) ?? [0, '']) as [number, string]
    return { size, note }
  } catch (cause) {
    throw new StoreError('db-corrupt', `cannot read ${path}: ${messageOf(cause)}`, path, cause)
  } finally {
    db.close()
  }
}
function flush(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

export type Restored = { readonly size: number; readonly replaced: string | null; readonly keys: boolean }
/**
 * Puts a backup in the place of what is in `dir`, whose folder the caller holds. What was there is set aside under another name. Keys of the backup are
 * taken only where `dir` has none. The caller has verified the backup.
 * @throws StoreError `backup-older` where the log in `dir` has more entries: to go on from the older one would sign a second history of the same size
 */
export function restoreFrom(backup: string, dir: string, setAsideAs: string): Restored {
  const source = join(backup, databaseName)
  const target = join(dir, databaseName)
  const { size } = headOf(source)
  const known = existsSync(target) ? knownSize(target) : 0
  if (known > size)
    throw new StoreError(
      'backup-older',
      `the log in ${dir} has ${known} entries, the backup ${size}: it would be signed a second time from there`,
      target,
    )
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const draft = `${target}.restoring`
  rmSync(draft, { force: true })
  copyFileSync(source, draft)
  chmodSync(draft, 0o600)
  flush(draft)
  const replaced = existsSync(target) ? `${target}.${setAsideAs}` : null
  // With its write-ahead log: that must not be applied to what comes.
  if (replaced !== null)
    for (const suffix of ['', '-wal']) if (existsSync(`${target}${suffix}`)) renameSync(`${target}${suffix}`, `${replaced}${suffix}`)
  rmSync(`${target}-shm`, { force: true })
  renameSync(draft, target)
  let keys = false
  for (const name of readdirSync(backup))
    if ([signingKeyName, seedKeyName].includes(name) || name.startsWith(publicKeyName)) {
      if (existsSync(join(dir, name))) continue
      copyFileSync(join(backup, name), join(dir, name))
      keys ||= name === signingKeyName
    }
  flush(dir)
  return { size, replaced, keys }
}
/** 0 for what cannot be read: then only a checkpoint that somebody kept can tell. */
function knownSize(path: string): number {
  try {
    return headOf(path).size
  } catch {
    return 0
  }
}
