import { openCheckpoint, signCheckpoint } from '../../../src/audit/checkpoint.ts'
import { decodeRange, emptyRange, encodeRange, leafHash, push, type Range, rangeRoot, sameHash, sha256 } from '../../../src/audit/merkle.ts'
import type { Signer } from '../../../src/audit/note.ts'
import { copyEdge, type Edge, emptyEdge, grow, partialTile } from '../../../src/audit/tiles.ts'
import type { Journal } from '../../../src/ports.ts'
import { checkAppend, checkBlobs, journalMoved, notKept, saltBytes } from '../checks.ts'
import { StoreError } from '../error.ts'
import { type Db, messageOf, type Value } from './db.ts'
import { chunkReader } from './entries.ts'
import { scrub } from './erase.ts'
import { openTiles, type Tiles } from './tiles.ts'

const rowsPerInsert = 50
const keptSnapshots = 2

/**
 * The journal as rows of one database, each append one fsynced transaction. Opening rehashes the tail since the newest snapshot that fits; the
 * result must be the signed head.
 * @throws StoreError `journal-mismatch` when no start leads to the head, or the head is not signed by our key
 */
export function openJournal(db: Db, signer: Signer): Journal {
  const readHead = db.prepare('SELECT size, note FROM head WHERE id = 1')
  const moveHead = db.prepare('UPDATE head SET size = ?, note = ? WHERE id = 1 AND size = ? AND note = ?')
  const insertMany = db.prepare(`INSERT INTO entry VALUES ${Array(rowsPerInsert).fill('(?,?,?)').join(',')}`)
  const insertOne = db.prepare('INSERT INTO entry VALUES (?,?,?)')
  const insertBlob = db.prepare('INSERT OR IGNORE INTO blob VALUES (?,?)')
  const dropBlob = db.prepare('DELETE FROM blob WHERE hash = ?')
  const readBlob = db.prepare('SELECT body FROM blob WHERE hash = ?')
  const readBodies = chunkReader(db, 'body')
  // what an entry has named already is nobody's to drop
  const keepAhead = db.prepare('INSERT OR IGNORE INTO blob_ahead SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM blob WHERE hash = ?1)')
  const isNamed = db.prepare('DELETE FROM blob_ahead WHERE hash = ?')
  const tiles = openTiles(db)
  let { edge, note } = recover(db, signer, tiles)
  dropNeverNamed(db)
  let doubt: unknown

  function insert(from: number, leaves: readonly Uint8Array[], hashes: readonly Uint8Array[]) {
    for (let i = 0; i < leaves.length; ) {
      const rows = leaves.length - i >= rowsPerInsert ? rowsPerInsert : 1
      const values: Value[] = []
      for (const end = i + rows; i < end; i++) values.push(from + i, hashes[i]!, leaves[i]!)
      ;(rows === 1 ? insertOne : insertMany).run(values)
    }
  }
  function saltedBlob(hash: string): Uint8Array | undefined {
    const salted = readBlob.get([Buffer.from(hash, 'hex')])?.[0] as Uint8Array | undefined
    if (salted !== undefined && sha256(salted).toString('hex') !== hash)
      throw new StoreError('blob-hash', `${db.path}: the body of blob ${hash} was changed`, db.path)
    return salted
  }
  return {
    size: () => edge.range.size,
    checkpoint: () => note,
    root: () => rangeRoot(edge.range),
    async *read(from, to = edge.range.size) {
      const end = Math.min(to, edge.range.size)
      for (let chunk = readBodies(from, end); chunk !== undefined; chunk = readBodies(chunk.from + chunk.values.length, end)) {
        yield chunk.values
      }
    },
    tile: async (level, n) => tiles.read(level, n) ?? partialTile(edge, { level, n }),
    blob: async hash => saltedBlob(hash)?.subarray(saltBytes),
    salted: async hash => saltedBlob(hash),
    async append(after, leaves, blobs) {
      if (doubt !== undefined)
        throw new StoreError('journal-doubt', 'an earlier commit may or may not have worked: restart', db.path, doubt)
      if (after !== edge.range.size) throw journalMoved(after, edge.range.size)
      checkAppend(leaves, blobs)
      const next = copyEdge(edge)
      const hashes = leaves.map(leafHash)
      const full = hashes.flatMap(hash => grow(next, hash))
      const nextNote = signCheckpoint(next.range.size, rangeRoot(next.range), signer)
      let written = false
      try {
        db.write(() => {
          // First, so that a second engine's append fails before anything is written.
          if (moveHead.run([next.range.size, nextNote, after, note]).changes !== 1)
            throw journalMoved(after, readHead.get([])?.[0] as number)
          for (const { hash, salted } of blobs) {
            const key = Buffer.from(hash, 'hex')
            const wasKept = isNamed.run([key]).changes === 1
            if (salted) insertBlob.run([key, salted])
            else if (!wasKept && !saltedBlob(hash)) throw notKept(hash)
          }
          insert(after, leaves, hashes)
          tiles.write(full)
          written = true
        })
      } catch (error) {
        if (written && !isUnwritten(error)) doubt = error
        throw error instanceof StoreError ? error : new StoreError('journal-failed', `${db.path}: ${messageOf(error)}`, db.path, error)
      }
      edge = next
      note = nextNote
    },
    async keep(blobs) {
      checkBlobs(blobs)
      db.write(() => {
        for (const { hash, salted } of blobs) {
          keepAhead.run([Buffer.from(hash, 'hex')])
          insertBlob.run([Buffer.from(hash, 'hex'), salted])
        }
      })
    },
    async forget(hashes, states = false) {
      db.write(() => {
        if (states) db.prepare('DELETE FROM snapshot').run([])
        for (const hash of hashes) dropBlob.run([Buffer.from(hash, 'hex')])
      })
      scrub(db)
    },
    async saveSnapshot(size, body) {
      const { range } = edge
      if (size > range.size) throw new StoreError('snapshot-size', `a snapshot of ${size} entries in a journal of ${range.size}`, db.path)
      const at = size === range.size ? range : rangeAt(db, size)
      db.write(() => {
        db.prepare('INSERT OR REPLACE INTO snapshot VALUES (?,?,?,?)').run([size, encodeRange(at), sha256(body), body])
        db.prepare('DELETE FROM snapshot WHERE size NOT IN (SELECT size FROM snapshot ORDER BY size DESC LIMIT ?)').run([keptSnapshots])
      })
    },
    async *snapshots() {
      // One at a time: bodies are large.
      const sizes = db.prepare('SELECT size FROM snapshot ORDER BY size DESC').all([]) as readonly [number][]
      const readOne = db.prepare('SELECT hash, body FROM snapshot WHERE size = ?')
      for (const [size] of sizes) {
        const row = readOne.get([size]) as [Uint8Array, Uint8Array] | undefined
        if (row !== undefined && sameHash(sha256(row[1]), row[0])) yield { size, body: row[1] }
      }
    },
    async close() {},
  }
}

/**
 * A commit that could not be written whole is no commit: its last frame in the write-ahead log ends it, and that one is not there. Only after a sync
 * that failed nobody knows.
 */
const isUnwritten = (error: unknown): boolean =>
  ['SQLITE_FULL', 'SQLITE_READONLY', 'SQLITE_IOERR_WRITE'].includes((error as { code?: string }).code ?? '')

/** Blobs that were kept for an append that never came. */
function dropNeverNamed(db: Db): void {
  if (db.prepare('SELECT 1 FROM blob_ahead LIMIT 1').get([]) === undefined) return
  db.write(() => {
    db.prepare('DELETE FROM blob WHERE hash IN (SELECT hash FROM blob_ahead)').run([])
    db.prepare('DELETE FROM blob_ahead').run([])
  })
}

/** Range over [0, size) from the newest snapshot at or before it; snapshots were made from ranges that had reached the head. */
function rangeAt(db: Db, size: number): Range {
  const [at, hashes] = (db.prepare('SELECT size, range FROM snapshot WHERE size <= ? ORDER BY size DESC LIMIT 1').get([size]) ?? []) as [
    number,
    Uint8Array,
  ]
  const range = (at === undefined ? undefined : decodeRange(at, hashes)) ?? emptyRange()
  extend(db, range, size)
  return range
}

/** Hashes stored entries onto `range` until it has `size` leaves; stops at a gap. */
function extend(db: Db, range: Range, size: number): void {
  const readBodies = chunkReader(db, 'body')
  while (range.size < size) {
    const chunk = readBodies(range.size, size)
    if (chunk === undefined || chunk.from !== range.size || chunk.seqs !== undefined) return
    for (const body of chunk.values) push(range, leafHash(body))
  }
}

/** The head that the file claims, believed only when it is signed by our key and the entries lead to it. */
function recover(db: Db, signer: Signer, tiles: Tiles): { edge: Edge; note: string } {
  const refuse = (why: string) => new StoreError('journal-mismatch', `${db.path}: ${why}; run \`gridbridge audit verify\` on it`, db.path)
  const [size, note] = (db.prepare('SELECT size, note FROM head WHERE id = 1').get([]) ?? [-1, '']) as [number, string]
  const rows = ((db.prepare('SELECT max(seq) FROM entry').get([])?.[0] as number | null) ?? -1) + 1
  if (size !== rows) throw refuse(`the head says ${size} entries, the last entry is number ${rows - 1}`)
  if (size === 0) {
    if (note !== '') throw refuse('a signed head, but no entries')
    return { edge: emptyEdge(), note }
  }
  const opened = openCheckpoint(note, signer.verifier)
  if (opened.kind !== 'verified') throw refuse(`the head is not signed by our key ${signer.verifier.keyId} (${opened.kind})`)
  const { checkpoint } = opened
  if (checkpoint.size !== size) throw refuse(`the signed head has ${checkpoint.size} entries, the file says ${size}`)

  const starts = db.prepare('SELECT size, range FROM snapshot ORDER BY size DESC').all([]) as readonly [number, Uint8Array][]
  for (const [start, hashes] of [...starts, [0, Buffer.alloc(0)] as const]) {
    const range = start <= size ? decodeRange(start, hashes) : undefined
    if (range !== undefined) extend(db, range, size)
    if (range !== undefined && range.size === size && sameHash(rangeRoot(range), checkpoint.root)) {
      const edge = tiles.edge(size, checkpoint.root)
      if (edge !== undefined) return { edge, note }
    }
    // Does not fit: losing it loses time only, believing it would lose truth.
    db.prepare('DELETE FROM snapshot WHERE size = ?').run([start])
  }
  throw refuse('the entries do not lead to the signed head')
}
