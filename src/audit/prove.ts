/** Proofs made from tiles: a handful of reads, however long the log is. */
import { consistencySpans, inclusionSpans, type Span, spanRoot } from './merkle.ts'
import { nodesIn, type TileAt, tilesUnder } from './tiles.ts'

/** What proofs are made from: see `Journal.tile`. */
export type Tiles = { tile(level: number, n: number): Promise<Uint8Array | undefined> }

/** That entry `index` is in the tree of `size`. @throws RangeError unless 0 <= index < size, and where the log does not have `size` entries */
export const proveInclusion = async (tiles: Tiles, index: number, size: number): Promise<Uint8Array[]> =>
  roots(tiles, inclusionSpans(index, size))
/** That the tree of `size2` begins with that of `size1`. @throws RangeError unless 0 < size1 <= size2, and where the log does not have as many entries */
export const proveConsistency = async (tiles: Tiles, size1: number, size2: number): Promise<Uint8Array[]> =>
  roots(tiles, consistencySpans(size1, size2))
/** The root that the log had at `size`, which must not be 0. */
export const rootAt = async (tiles: Tiles, size: number): Promise<Uint8Array> => (await roots(tiles, [{ from: 0, to: size }]))[0]!

async function roots(tiles: Tiles, spans: readonly Span[]): Promise<Uint8Array[]> {
  const name = ({ level, n }: TileAt) => `${level}/${n}`
  const read = new Map<string, Uint8Array | undefined>()
  for (const at of tilesUnder(spans)) read.set(name(at), await tiles.tile(at.level, at.n))
  const nodeAt = nodesIn(at => read.get(name(at)))
  return spans.map(span => Uint8Array.from(spanRoot(nodeAt, span)))
}
