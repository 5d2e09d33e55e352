import type { Entry, LogReader } from '../../../src/audit/verify.ts'
import { openReadOnly } from './db.ts'
import { chunkReader } from './entries.ts'

const hashLength = 32

/**
 * One consistent view of a journal file, read-only, also while a bridge writes to it. Blobs of the readings and the registry are not looked at.
 * @throws StoreError `db-missing`; what is wrong inside the file comes as an error while reading
 */
export function openReader(path: string): LogReader {
  const db = openReadOnly(path)
  let view: ReturnType<typeof prepare> | undefined
  /** On first use, so that a file that is no database is an unreadable log, not a crash. The transaction holds the view. */
  function prepare() {
    db.prepare('BEGIN').run([])
    return {
      head: db.prepare('SELECT size, note FROM head WHERE id = 1'),
      entries: chunkReader(db, 'hash || body'),
      blob: db.prepare('SELECT body FROM blob WHERE hash = ?'),
    }
  }
  const statements = () => (view ??= prepare())
  return {
    head() {
      const row = statements().head.get([]) as [number, string] | undefined
      return row && { size: row[0], note: row[1] }
    },
    async *entries() {
      for (let from = Number.MIN_SAFE_INTEGER; ; ) {
        const chunk = statements().entries(from, Number.MAX_SAFE_INTEGER)
        if (chunk === undefined) return
        const entries = chunk.values.map((both, i): Entry => {
          const seq = chunk.seqs?.[i] ?? chunk.from + i
          return { seq, hash: both.subarray(0, hashLength), body: both.subarray(hashLength) }
        })
        yield entries
        from = entries.at(-1)!.seq + 1
      }
    },
    async blob(hash) {
      return statements().blob.get([Buffer.from(hash, 'hex')])?.[0] as Uint8Array | undefined
    },
    close() {
      // Closing alone would leave the view open, and with it hold up the writer's log.
      try {
        if (view !== undefined) db.prepare('ROLLBACK').run([])
      } catch {
        // A broken file has ended it already.
      }
      db.close()
    },
  }
}
