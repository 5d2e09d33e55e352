import { hashLength, leafHash, rangeRoot, sameHash } from '../../../src/audit/merkle.ts'
import { type Edge, edgeOf, emptyEdge, type FullTile, grow, hashesAt, tileWidth } from '../../../src/audit/tiles.ts'
import type { Db } from './db.ts'
import { chunkReader } from './entries.ts'

/** Entries whose tiles are made in one transaction: a kill in the middle of a million loses little, and the next start goes on there. */
const batch = tileWidth * tileWidth

/** Full tiles as rows, written with the entries that make them full. The partial ones at the right edge are computed, bundles are made from the entries. */
export function openTiles(db: Db) {
  const insert = db.prepare('INSERT INTO tile VALUES (?,?,?,?)')
  const read = db.prepare('SELECT hashes FROM tile WHERE level = ? AND n = ?')
  const roots = db.prepare('SELECT root FROM tile WHERE level = ? AND n >= ? AND n < ? ORDER BY n')
  const readEntries = chunkReader(db, 'hash || body')

  /** Within the transaction of the caller. */
  function write(tiles: readonly FullTile[]): void {
    for (const { level, n, root, hashes } of tiles) insert.run([level, n, root, Buffer.concat(hashes)])
  }
  /** Leaf hashes of entries [from, to), as recorded or made anew; stops at a gap. */
  function* leafHashes(from: number, to: number, anew: boolean): Generator<Uint8Array> {
    for (let at = from; at < to; ) {
      const chunk = readEntries(at, to)
      if (chunk === undefined || chunk.from !== at || chunk.seqs !== undefined) return
      for (const both of chunk.values) yield anew ? leafHash(both.subarray(hashLength)) : Buffer.from(both.subarray(0, hashLength))
      at += chunk.values.length
    }
  }
  /** The right edge of a tree of `size`; undefined where the tiles to its left are not all there. */
  function edgeAt(size: number, anew = false): Edge | undefined {
    const partial: Uint8Array[][] = []
    for (let level = 0; hashesAt(level, size) > 0; level++) {
      const to = hashesAt(level, size)
      const from = to - (to % tileWidth)
      partial.push(
        level === 0 ? [...leafHashes(from, to, anew)] : roots.all([level - 1, from, to]).map(row => Buffer.from(row[0] as Uint8Array)),
      )
      if (partial[level]!.length !== to - from) return undefined
    }
    return edgeOf(size, partial)
  }
  /** Makes the tiles that are not there yet, for entries [0, size): of a log from before there were tiles, all of them. */
  function complete(size: number, anew: boolean): Edge | undefined {
    const [count, last] = db.prepare('SELECT count(*), coalesce(max(n), -1) FROM tile WHERE level = 0').get([]) as [number, number]
    const known = count === last + 1 && count * tileWidth <= size ? edgeAt(count * tileWidth, anew) : undefined
    if (known === undefined) db.prepare('DELETE FROM tile').run([])
    const edge = known ?? emptyEdge()
    while (edge.range.size < size) {
      const from = edge.range.size
      const to = Math.min(size, from + batch)
      db.write(() => {
        for (const leaf of leafHashes(from, to, anew)) write(grow(edge, leaf))
      })
      if (edge.range.size < to) return undefined
    }
    return edge
  }
  return {
    write,
    edgeAt,
    count: () => db.prepare('SELECT count(*) FROM tile').get([])?.[0] as number,
    read: (level: number, n: number) => read.get([level, n])?.[0] as Uint8Array | undefined,
    /** The edge of a tree of `size` whose root is `root`. What is stored is believed only where it leads there; else all tiles are made anew, once. */
    edge(size: number, root: Uint8Array): Edge | undefined {
      for (const anew of [false, true]) {
        if (anew) db.prepare('DELETE FROM tile').run([])
        const edge = complete(size, anew)
        if (edge !== undefined && sameHash(rangeRoot(edge.range), root)) return edge
      }
      return undefined
    },
  }
}
export type Tiles = ReturnType<typeof openTiles>
