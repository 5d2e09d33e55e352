import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { StoreError } from '../error.ts'
import { messageOf } from './db.ts'

export const holdName = 'gridbridge.lock'
/**
 * Takes a bridge's folder for this process alone; returns how to give it back. The journal's compare-and-swap stops two engines from acting, but only by
 * ending the one that came second to an append, which may be the one that holds the chargers: a second start must be turned away before it writes.
 * It is a lock of the kernel (through SQLite, the only portable one at hand), so a killed process leaves none behind; readers such as `audit verify`
 * never meet it. One that was killed this moment may still be on its way out, so it is waited for.
 * @throws StoreError `db-in-use`, `db-missing`, `db-corrupt`
 */
export function holdFolder(dir: string, patienceMs = 2_000): () => void {
  const path = join(dir, holdName)
  let lock: Database.Database
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
    lock = new Database(path, { timeout: patienceMs })
  } catch (cause) {
    throw new StoreError('db-missing', `cannot make ${path}: ${messageOf(cause)}`, path, cause)
  }
  try {
    // nothing is ever written: a full disk must not keep the bridge from its start
    lock.exec('PRAGMA journal_mode = MEMORY')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    lock.close()
    if ((cause as { code?: string }).code === 'SQLITE_BUSY')
      throw new StoreError('db-in-use', `another bridge works on ${dir}: stop it first, or give this one a dataDir of its own`, path, cause)
    throw new StoreError('db-corrupt', `cannot lock ${path}: ${messageOf(cause)}`, path, cause)
  }
  return () => {
    lock.exec('ROLLBACK')
    lock.close()
  }
}
