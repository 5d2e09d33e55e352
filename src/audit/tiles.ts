/**
 * Tiles and entry bundles of a log as files (C2SP tlog-tiles). A tile has up to 256 hashes of one level of the tree, eight levels of nodes apart from the
 * next; a bundle has the entries under a tile of level 0. Full ones never change; those at the right edge are partial, with their width in their name.
 */
import { concat } from './bytes.ts'
import { copyRange, emptyRange, hashLength, maxEntryBytes, type NodeAt, nodeHash, push, type Range, type Span } from './merkle.ts'

export const tileHeight = 8
export const tileWidth = 256
const maxTileLevel = 63

/** Tile `n` of `level`. Level 0 holds leaf hashes; a hash of level 1 is the root of a full tile of level 0, and so on. */
export type TileAt = { readonly level: number; readonly n: number }
/** `width` is how many hashes or entries are in it, 1 to 256. */
export type TileName = { readonly level: number | 'entries'; readonly n: number; readonly width: number }

/** How many hashes a tree of `size` has on a tile level. */
export const hashesAt = (level: number, size: number): number => Math.floor(size / tileWidth ** level)
/** Width of a tile in a tree of `size`; 0 where there is none. */
export const widthOf = ({ level, n }: TileAt, size: number): number =>
  Math.max(0, Math.min(tileWidth, hashesAt(level, size) - n * tileWidth))

/** `tile/0/x001/x234/067`, with `.p/<width>` behind it where it is partial; `tile/entries/...` for a bundle. */
export function tilePath({ level, n, width }: TileName): string {
  const digits = String(n)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g)!
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `tile/${level}/${path}${width === tileWidth ? '' : `.p/${width}`}`
}
/** Undefined for whatever `tilePath` never gives. */
export function parseTilePath(path: string): TileName | undefined {
  const [, levelText, groups, widthText] = /^tile\/(entries|\d+)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d+))?$/.exec(path) ?? []
  if (levelText === undefined || groups === undefined) return undefined
  const level = levelText === 'entries' ? 'entries' : Number(levelText)
  const name = { level, n: Number(groups.replaceAll(/[x/]/g, '')), width: widthText === undefined ? tileWidth : Number(widthText) } as const
  const inRange = (level === 'entries' || level <= maxTileLevel) && Number.isSafeInteger(name.n) && name.width >= 1
  const isPartial = widthText === undefined || name.width < tileWidth
  return inRange && isPartial && tilePath(name) === path ? name : undefined
}

/** All tiles of a tree of `size`, partial ones too, level by level. With `from`, only those that a tree of that size did not have as they are. */
export function* tilesOfTree(size: number, from = 0): Generator<TileName & { level: number }> {
  for (let level = 0; hashesAt(level, size) > 0; level++) {
    for (let n = Math.floor(hashesAt(level, from) / tileWidth); n * tileWidth < hashesAt(level, size); n++)
      yield { level, n, width: widthOf({ level, n }, size) }
  }
}

/** Entries as a bundle: each behind its length, a big-endian uint16. @throws RangeError for an entry of more than 65,535 bytes */
export function formatBundle(entries: readonly Uint8Array[]): Uint8Array {
  return concat(
    ...entries.flatMap(entry => {
      if (entry.length > maxEntryBytes) throw new RangeError(`an entry of ${entry.length} bytes`)
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]
    }),
  )
}
/** Undefined for bytes that are no bundle. */
export function parseBundle(bundle: Uint8Array): Uint8Array[] | undefined {
  const entries: Uint8Array[] = []
  for (let at = 0; at < bundle.length; ) {
    if (at + 2 > bundle.length) return undefined
    const end = at + 2 + ((bundle[at]! << 8) | bundle[at + 1]!)
    if (end > bundle.length) return undefined
    entries.push(bundle.subarray(at + 2, end))
    at = end
  }
  return entries
}

// ---- growing ----------------------------------------------------------------------------------------------------------

/** A tile that has become full: its hashes, and the root over them, which is a hash of the level above. */
export type FullTile = TileAt & { readonly hashes: readonly Uint8Array[]; readonly root: Uint8Array }
/** A tree as far as it takes to go on: its compact range, and by tile level the hashes of the partial tile at the right edge. */
export type Edge = { readonly range: Range; readonly partial: Uint8Array[][] }

export const emptyEdge = (): Edge => ({ range: emptyRange(), partial: [] })
export const copyEdge = ({ range, partial }: Edge): Edge => ({ range: copyRange(range), partial: partial.map(hashes => [...hashes]) })

/** From what is at the right edge of a tree of `size`, by tile level. */
export function edgeOf(size: number, partial: Uint8Array[][]): Edge {
  const stacks = partial.map(hashes => {
    const range = emptyRange()
    for (const hash of hashes) push(range, hash)
    return range.stack
  })
  return { range: { size, stack: stacks.reverse().flat() }, partial }
}

/** The bytes of the partial tile at the right edge; undefined where `n` is not its number, or it is empty. */
export function partialTile({ range, partial }: Edge, { level, n }: TileAt): Uint8Array | undefined {
  const isEdge = n === Math.floor(hashesAt(level, range.size) / tileWidth)
  return isEdge && partial[level]?.length ? concat(...partial[level]) : undefined
}

/** Appends one leaf in place; gives the tiles that it made full, lowest first. */
export function grow(edge: Edge, leaf: Uint8Array): readonly FullTile[] {
  const { range, partial } = edge
  ;(partial[0] ??= []).push(leaf)
  let full: FullTile[] | undefined
  push(range, leaf, (nodeLevel, hash) => {
    if (nodeLevel % tileHeight !== 0) return
    const level = nodeLevel / tileHeight - 1
    full ??= []
    full.push({ level, n: Math.floor(range.size / tileWidth ** (level + 1)), hashes: partial[level]!, root: hash })
    partial[level] = []
    ;(partial[level + 1] ??= []).push(hash)
  })
  return full ?? []
}

// ---- proving ----------------------------------------------------------------------------------------------------------

/** The tile that a node of the tree is in, and which of its hashes are under the node. */
function placeOf(level: number, index: number): TileAt & { readonly from: number; readonly to: number } {
  const tileLevel = Math.floor(level / tileHeight)
  const under = 2 ** (level % tileHeight)
  const first = index * under
  const n = Math.floor(first / tileWidth)
  return { level: tileLevel, n, from: first - n * tileWidth, to: first - n * tileWidth + under }
}
/** The tiles that the roots of these spans are made from, each once. */
export function tilesUnder(spans: readonly Span[]): TileAt[] {
  const tiles = new Map<string, TileAt>()
  for (const { from, to } of spans)
    for (let at = from; at < to; ) {
      const level = perfectAt(at, to)
      const { level: tileLevel, n } = placeOf(level, at / 2 ** level)
      tiles.set(`${tileLevel}/${n}`, { level: tileLevel, n })
      at += 2 ** level
    }
  return [...tiles.values()]
}
/** Level of the largest perfect subtree that begins at `at` and ends by `to`. */
function perfectAt(at: number, to: number): number {
  let level = 0
  while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= to) level++
  return level
}

export type TileHashes = (at: TileAt) => Uint8Array | undefined
/** The nodes of the tree from the bytes of its tiles. @throws RangeError where a tile is absent or too short */
export function nodesIn(hashesOf: TileHashes): NodeAt {
  return (nodeLevel, index) => {
    const { level, n, from, to } = placeOf(nodeLevel, index)
    const hashes = hashesOf({ level, n })
    if (hashes === undefined || hashes.length < to * hashLength) throw new RangeError(`tile ${level}/${n} does not have hash ${to - 1}`)
    const root = (a: number, b: number): Uint8Array =>
      b - a === 1 ? hashes.subarray(a * hashLength, b * hashLength) : nodeHash(root(a, (a + b) / 2), root((a + b) / 2, b))
    return root(from, to)
  }
}
