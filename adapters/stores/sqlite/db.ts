import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Database from 'libsql'
import { StoreError } from '../error.ts'
import { migrations } from './schema.ts'

export type Value = number | string | Uint8Array | null
/** Parameters always travel as one array: libsql takes a lone Buffer for an object of named parameters. Rows come as arrays. */
export type Statement = {
  run(parameters: readonly Value[]): { readonly changes: number }
  get(parameters: readonly Value[]): readonly unknown[] | undefined
  all(parameters: readonly Value[]): readonly (readonly unknown[])[]
}
export type Db = {
  readonly path: string
  prepare(sql: string): Statement
  /** Runs `work` in one write transaction; rolls back if it throws. */
  write<T>(work: () => T): T
  close(): void
}

export const databaseName = 'gridbridge.db'
export const busyMs = 5_000

/**
 * Opens `dir/gridbridge.db`, made with mode 0600 (it knows who the chargers belong to) on first use. Every commit is fsynced.
 * @throws StoreError `db-corrupt` (not a database), `disk-full` (it cannot even be opened), `db-newer` (written by a later release), `db-missing` (the folder cannot be made)
 */
export function openDatabase(dir: string): Db {
  const path = join(dir, databaseName)
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600))
  } catch (cause) {
    throw new StoreError('db-missing', `cannot make ${path}: ${messageOf(cause)}`, path, cause)
  }
  const db = connect(path, path)
  try {
    db.prepare('PRAGMA journal_mode = WAL').get([])
    db.prepare('PRAGMA synchronous = FULL').run([])
    db.prepare('PRAGMA fullfsync = 1').get([]) // macOS alone: there fsync does not reach the disk
    // What is deleted is overwritten with zeros: erased people leave nothing in free pages.
    db.prepare('PRAGMA secure_delete = ON').get([])
    // 16 MB of log before it is copied into the file: appends then wait for one fsync, not two.
    db.prepare('PRAGMA wal_autocheckpoint = 4000').get([])
    migrate(db)
    return { ...db, close: () => closeWhole(db) }
  } catch (cause) {
    db.close()
    if (cause instanceof StoreError) throw cause
    if (isRoomLacking(cause))
      throw new StoreError(
        'disk-full',
        `there is no room beside ${path} for what SQLite keeps there: make room, then start again`,
        path,
        cause,
      )
    throw new StoreError('db-corrupt', `cannot use ${path}: ${messageOf(cause)}`, path, cause)
  }
}
const isRoomLacking = (cause: unknown): boolean => /^SQLITE_(FULL|IOERR_SHM\w*|IOERR_WRITE)$/.test((cause as { code?: string }).code ?? '')

/** For those who only look, also while another process writes. @throws StoreError `db-missing` */
export function openReadOnly(path: string): Db {
  if (!existsSync(path)) throw new StoreError('db-missing', `there is no ${path}`, path)
  return connect(path, `${pathToFileURL(path).href}?mode=ro`)
}

function connect(path: string, target: string): Db {
  let database: Database.Database
  try {
    database = new Database(target, { timeout: busyMs })
  } catch (cause) {
    throw new StoreError('db-missing', `cannot open ${path}: ${messageOf(cause)}`, path, cause)
  }
  const prepare = (sql: string): Statement => {
    const statement = database.prepare(sql)
    if (statement.reader) statement.raw()
    return statement as unknown as Statement
  }
  const lazily = (sql: string) => {
    let made: Statement | undefined
    return () => (made ??= prepare(sql))
  }
  const [begin, commit, rollback] = [lazily('BEGIN IMMEDIATE'), lazily('COMMIT'), lazily('ROLLBACK')]
  return {
    path,
    prepare,
    write(work) {
      begin().run([])
      try {
        const result = work()
        commit().run([])
        return result
      } catch (error) {
        if (database.inTransaction) rollback().run([])
        throw error
      }
    },
    close: () => void database.close(),
  }
}

/** Copies the log into the file first, so that the file alone is the whole database for whoever copies it. Does not wait for readers. */
function closeWhole(db: Db): void {
  try {
    db.prepare('PRAGMA busy_timeout = 0').get([])
    db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get([])
  } finally {
    db.close()
  }
}

function migrate(db: Db): void {
  db.prepare('CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)').run([])
  db.write(() => {
    const version = (db.prepare('SELECT coalesce(max(version), 0) FROM migration').get([])?.[0] as number) ?? 0
    if (version > migrations.length) {
      throw new StoreError(
        'db-newer',
        `${db.path} has schema ${version}, this release knows ${migrations.length}: use a later release`,
        db.path,
      )
    }
    for (const [i, statements] of migrations.entries()) {
      if (i < version) continue
      for (const sql of statements) db.prepare(sql).run([])
      db.prepare('INSERT INTO migration VALUES (?)').run([i + 1])
    }
  })
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
