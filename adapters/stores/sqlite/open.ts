import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Signer } from '../../../src/audit/note.ts'
import type { Journal, Registry, Runtime, Witnesses } from '../../../src/ports.ts'
import { StoreError } from '../error.ts'
import { type Db, databaseName, openDatabase } from './db.ts'
import { type Scrubbed, scrubTexts } from './erase.ts'
import { openJournal } from './journal.ts'
import { type GivenSecrets, openKeys, publicKeyName } from './key.ts'
import { openMeters, type SqliteMeters } from './meters.ts'
import { openRegistry } from './registry.ts'
import { settleRotation } from './rotate.ts'
import { openWitnesses } from './witnesses.ts'

export type SqliteStore = {
  readonly path: string
  readonly journal: Journal
  readonly meters: SqliteMeters
  readonly witnesses: Witnesses
  readonly registry: Registry
  readonly signer: Signer
  /** 32 secret bytes; see `Keys`. */
  readonly seedKey: Uint8Array
  /** Sees to it that none of these texts can be read in the files any more. */
  scrub(texts: readonly string[]): Promise<Scrubbed>
  /** Flushes the meters and closes the file. */
  close(): Promise<void>
}

/**
 * Everything that a bridge keeps, in one folder: `gridbridge.db`, `audit.key`, `audit.pub`, `seed.key`. `origin` names the log (a URL without its
 * scheme). Refuses on doubt: see `openDatabase`, `openKeys` and `openJournal` for the codes.
 */
export function openStore(options: {
  readonly dir: string
  readonly origin: string
  readonly runtime: Pick<Runtime, 'now' | 'at'>
  readonly secrets?: GivenSecrets | undefined
}): SqliteStore {
  refuseLost(options.dir)
  const db = openDatabase(options.dir)
  try {
    if (options.secrets?.signing === undefined) settleRotation(db, options.dir)
    const { signer, seedKey } = openKeys(options.dir, options.origin, isNew(db), options.secrets)
    const journal = openJournal(db, signer)
    const registry = openRegistry(db)
    const meters = openMeters(db, options.runtime, { maxWOf: charger => ratedW(registry, charger) })
    const close = async () => {
      await meters.close()
      await registry.close()
      db.close()
    }
    return {
      path: db.path,
      journal,
      meters,
      witnesses: openWitnesses(db),
      registry,
      signer,
      seedKey,
      scrub: texts => scrubTexts(db, texts),
      close,
    }
  } catch (error) {
    db.close()
    throw error
  }
}

/** A charger that nobody knows may draw what any charger may. */
function ratedW(registry: Registry, charger: number): number {
  const capabilities = registry.charger(charger)?.station.capabilities
  return capabilities ? capabilities.maxA * capabilities.phases * capabilities.voltageV : MOST_W
}
const MOST_W = 1_000_000

/**
 * Where the public key is, there was a log: the database comes first. One that is gone is restored, never begun anew, or the same key would sign
 * other checkpoints of the same sizes.
 */
function refuseLost(dir: string): void {
  const path = join(dir, databaseName)
  if (existsSync(path) || !existsSync(join(dir, publicKeyName))) return
  const why = `${dir} has the key of a log, but no ${databaseName}: restore it; a new log needs a folder of its own`
  throw new StoreError('db-missing', why, path)
}

/** Only a log without entries may get a new key. */
const isNew = (db: Db): boolean => db.prepare('SELECT 1 FROM entry LIMIT 1').get([]) === undefined
