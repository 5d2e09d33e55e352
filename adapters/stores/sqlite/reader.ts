import { cosignedKey } from '../../../src/audit/cosigned.ts'
import { type Edge, partialTile } from '../../../src/audit/tiles.ts'
import type { Entry, LogReader } from '../../../src/audit/verify.ts'
import { type Db, openReadOnly } from './db.ts'
import { chunkReader } from './entries.ts'
import { openTiles, type Tiles } from './tiles.ts'

const hashLength = 32

/**
 * One consistent view of a journal file, read-only, also while a bridge writes to it. Blobs of the readings and the registry are not looked at.
 * @throws StoreError `db-missing`; what is wrong inside the file comes as an error while reading
 */
export function openReader(path: string): LogReader {
  const db = openReadOnly(path)
  let view: ReturnType<typeof prepare> | undefined
  let begun = false
  /** On first use, so that a file that is no database is an unreadable log, not a crash. The transaction holds the view. */
  function prepare() {
    // once: what comes after it fails in a file that is no database, each time for that reason
    if (!begun) db.prepare('BEGIN').run([])
    begun = true
    return {
      head: db.prepare('SELECT size, note FROM head WHERE id = 1'),
      entries: chunkReader(db, 'hash || body'),
      blob: db.prepare('SELECT body FROM blob WHERE hash = ?'),
      cosigned: db.prepare('SELECT value FROM setting WHERE key = ?'),
    }
  }
  const statements = () => (view ??= prepare())
  function head() {
    const row = statements().head.get([]) as [number, string] | undefined
    return row && { size: row[0], note: row[1] }
  }
  return {
    head,
    cosigned: () => statements().cosigned.get([cosignedKey])?.[0] as string | undefined,
    ...(hasTiles(db) && tilesOf(db, head)),
    async *entries(first = Number.MIN_SAFE_INTEGER, to = Number.MAX_SAFE_INTEGER) {
      for (let from = first; ; ) {
        const chunk = statements().entries(from, to)
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
        if (begun) db.prepare('ROLLBACK').run([])
      } catch {
        // A broken file has ended it already.
      }
      db.close()
    },
  }
}

/** A file from before there were tiles has none; one that is no database is found out later. */
function hasTiles(db: Db): boolean {
  try {
    return db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'tile'").get([]) !== undefined
  } catch {
    return false
  }
}
function tilesOf(db: Db, head: () => { readonly size: number } | undefined): Required<Pick<LogReader, 'tile' | 'tileCount'>> {
  let opened: { readonly tiles: Tiles; readonly edge: Edge | undefined } | undefined
  /** On first use, within the view. */
  function open() {
    if (opened !== undefined) return opened
    const size = head()?.size ?? 0
    const tiles = openTiles(db)
    return (opened = { tiles, edge: tiles.edgeAt(size) })
  }
  return {
    async tile(level, n) {
      const { tiles, edge } = open()
      return tiles.read(level, n) ?? (edge && partialTile(edge, { level, n }))
    },
    tileCount: () => open().tiles.count(),
  }
}
