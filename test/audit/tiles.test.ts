import { describe, expect, it } from 'vitest'
import {
  consistencyProof,
  emptyRange,
  inclusionProof,
  leafHash,
  push,
  rangeRoot,
  treeOf,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/merkle.ts'
import { proveConsistency, proveInclusion, rootAt } from '../../src/audit/prove.ts'
import {
  type Edge,
  edgeOf,
  emptyEdge,
  type FullTile,
  formatBundle,
  grow,
  parseBundle,
  parseTilePath,
  partialTile,
  tilePath,
  tilesOfTree,
} from '../../src/audit/tiles.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('names of tiles (C2SP tlog-tiles)', () => {
  it.each([
    ['tile/0/000', { level: 0, n: 0, width: 256 }],
    ['tile/0/x001/x234/067', { level: 0, n: 1_234_067, width: 256 }],
    ['tile/2/999.p/1', { level: 2, n: 999, width: 1 }],
    ['tile/entries/x001/000.p/255', { level: 'entries', n: 1000, width: 255 }],
    ['tile/63/000', { level: 63, n: 0, width: 256 }],
  ] as const)('%s', (path, name) => {
    expect(tilePath(name)).toBe(path)
    expect(parseTilePath(path)).toEqual(name)
  })
  it.each([
    'tile/0/0',
    'tile/00/000',
    'tile/0/x000/001',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/07',
    'tile/64/000',
    'tile/-1/000',
    'tile/0/000/',
    'tile/0/1000',
    'x',
  ])('%s names none', path => expect(parseTilePath(path)).toBeUndefined())
  it('a tree of 70,000 has those that the specification counts', () => {
    const paths = [...tilesOfTree(70_000)].map(tilePath)
    expect(paths).toHaveLength(273 + 1 + 1 + 1 + 1)
    expect(paths.filter(p => p.includes('.p/'))).toEqual(['tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1'])
    expect([...tilesOfTree(256)].map(tilePath)).toEqual(['tile/0/000', 'tile/1/000.p/1'])
    expect([...tilesOfTree(0)]).toEqual([])
    expect([...tilesOfTree(600, 512)].map(tilePath)).toEqual(['tile/0/002.p/88', 'tile/1/000.p/2'])
  })
})

describe('bundles', () => {
  it('come back as the entries that went in', () => {
    const entries = [new Uint8Array(0), new Uint8Array(65_535).fill(7), Uint8Array.of(1, 2, 3)]
    expect(parseBundle(formatBundle(entries))!.map(hex)).toEqual(entries.map(hex))
    expect(hex(formatBundle([Uint8Array.of(1, 2, 3)]))).toBe('0003010203')
  })
  it('cut anywhere inside an entry are none; a longer entry fits none', () => {
    const bundle = formatBundle([Uint8Array.of(1, 2, 3), Uint8Array.of(4)])
    const whole = [0, 5, 8]
    for (let end = 0; end <= bundle.length; end++) expect(parseBundle(bundle.subarray(0, end)) !== undefined).toBe(whole.includes(end))
    expect(() => formatBundle([new Uint8Array(65_536)])).toThrow(RangeError)
  })
})

/** A tree of 66,000 leaves: three tile levels, grown once for all tests. */
const size = 66_000
const leaves = Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))
const nodeAt = treeOf(leaves)
const edge: Edge = emptyEdge()
const full = new Map<string, FullTile>(leaves.flatMap(leaf => grow(edge, leaf)).map(t => [`${t.level}/${t.n}`, t]))
const tiles = {
  async tile(level: number, n: number) {
    const tile = full.get(`${level}/${n}`)
    return tile ? Buffer.concat(tile.hashes) : partialTile(edge, { level, n })
  },
}
const sizes = [1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 65_792, 66_000]
const roots = new Map<number, Uint8Array>()
const range = emptyRange()
for (const leaf of leaves) {
  push(range, leaf)
  if (sizes.includes(range.size)) roots.set(range.size, rangeRoot(range))
}
const rootOf = (n: number) => roots.get(n)!

describe('a tree in tiles', () => {
  it('has every hash of the definition, in tiles as many as there should be', async () => {
    for (const { level, n, width } of tilesOfTree(size)) {
      const hashes = (await tiles.tile(level, n))!
      expect(hashes).toHaveLength(width * 32)
      for (let i = 0; i < width; i += 51) expect(hex(hashes.subarray(i * 32, i * 32 + 32))).toBe(hex(nodeAt(level * 8, n * 256 + i)))
    }
    expect(full.size).toBe(257 + 1)
    for (const t of full.values()) expect(hex(t.root)).toBe(hex(nodeAt((t.level + 1) * 8, t.n)))
  })
  it('goes on from its right edge as if it had never stopped', () => {
    const again = edgeOf(
      size,
      edge.partial.map(hashes => [...hashes]),
    )
    expect(hex(rangeRoot(again.range))).toBe(hex(rootOf(size)))
    expect(again.range.stack.map(hex)).toEqual(edge.range.stack.map(hex))
  })
  it('proves what the whole tree proves, for trees of then and now', async () => {
    for (const n of sizes) {
      const root = rootOf(n)
      expect(hex(await rootAt(tiles, n))).toBe(hex(root))
      for (const index of [0, 1, 255, 256, 65_535, n - 1].filter(i => i < n)) {
        const proof = await proveInclusion(tiles, index, n)
        expect(proof.map(hex)).toEqual(inclusionProof(nodeAt, index, n).map(hex))
        expect(verifyInclusion(leaves[index]!, index, n, proof, root)).toEqual({ ok: true })
      }
      for (const m of sizes.filter(m => m >= n)) {
        const proof = await proveConsistency(tiles, n, m)
        expect(proof.map(hex)).toEqual(consistencyProof(nodeAt, n, m).map(hex))
        expect(verifyConsistency(n, m, proof, root, rootOf(m))).toEqual({ ok: true })
      }
    }
  })
  it('does not prove what it does not have', async () => {
    await expect(proveInclusion(tiles, 3, size + 1)).rejects.toThrow(RangeError)
    await expect(proveConsistency(tiles, 3, size + 1)).rejects.toThrow(RangeError)
    await expect(proveInclusion(tiles, 5, 5)).rejects.toThrow(RangeError)
    await expect(proveConsistency(tiles, 0, 5)).rejects.toThrow(RangeError)
  })
})
