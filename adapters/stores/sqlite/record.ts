import { createHash } from 'node:crypto'
import type { Journal, Meters, Registry } from '../../../src/ports.ts'
import { saltBytes } from '../checks.ts'
import { StoreError } from '../error.ts'
import { messageOf, openReadOnly } from './db.ts'
import { chunkReader } from './entries.ts'
import { openMeters } from './meters.ts'
import { openRegistry } from './registry.ts'

/** What a report needs of a bridge's file: the same contracts, without the writing. */
export type RecordFile = {
  readonly journal: Pick<Journal, 'size' | 'checkpoint' | 'read' | 'blob'>
  readonly meters: Pick<Meters, 'range'>
  readonly registry: Registry
  close(): void
}

/**
 * The file of a bridge, only to be read, also while the bridge writes to it: no key is needed, and nothing in it changes. It is not verified here (`audit verify`
 * does); a blob whose body is not what its hash says is refused. The log is read as far as it reached on opening.
 * @throws StoreError `db-missing`, `db-corrupt` (no database of a bridge, or of an older schema: a bridge of this release brings it up to date)
 */
export function openRecord(path: string): RecordFile {
  const db = openReadOnly(path)
  try {
    const [size, note] = db.prepare('SELECT size, note FROM head WHERE id = 1').get([]) as [number, string]
    const readBodies = chunkReader(db, 'body')
    const readBlob = db.prepare('SELECT body FROM blob WHERE hash = ?')
    return {
      journal: {
        size: () => size,
        checkpoint: () => note,
        async *read(from) {
          for (let chunk = readBodies(from, size); chunk !== undefined; chunk = readBodies(chunk.from + chunk.values.length, size))
            yield chunk.values
        },
        async blob(hash) {
          const salted = readBlob.get([Buffer.from(hash, 'hex')])?.[0] as Uint8Array | undefined
          if (salted !== undefined && createHash('sha256').update(salted).digest('hex') !== hash)
            throw new StoreError('blob-hash', `${path}: the body of blob ${hash} was changed`, path)
          return salted?.subarray(saltBytes)
        },
      },
      // nothing is put, so nothing is ever flushed or rolled up
      meters: openMeters(db, { now: () => 0, at: () => undefined }),
      registry: openRegistry(db),
      close: () => db.close(),
    }
  } catch (cause) {
    db.close()
    throw cause instanceof StoreError ? cause : new StoreError('db-corrupt', `cannot read ${path}: ${messageOf(cause)}`, path, cause)
  }
}
