import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  consistencyProof,
  decodeRange,
  emptyRange,
  emptyRoot,
  encodeRange,
  inclusionProof,
  leafHash,
  nodeHash,
  push,
  rangeRoot,
  treeOf,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/merkle.ts'
import { vectors, vectorsAbsent, whyAbsent } from './vectors.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => Buffer.from(text, 'hex')
const base64 = (text: string) => Buffer.from(text, 'base64')

describe.skipIf(vectorsAbsent)(`published vectors${whyAbsent}`, () => {
  const basic = vectorsAbsent ? undefined : vectors('rfc6962-basic.json')
  const probes = vectorsAbsent ? { inclusion: [], consistency: [] } : vectors('merkle-proof-probes.json')

  it('leaf, node and empty hashes', () => {
    expect(hex(emptyRoot)).toBe(basic.hasher.emptyRoot)
    expect(hex(leafHash(Buffer.alloc(0)))).toBe(basic.hasher.emptyLeaf)
    expect(hex(leafHash(Buffer.from('L123456')))).toBe(basic.hasher.leaf_L123456)
  })
  it('all nodes and the roots of sizes 0 to 8', () => {
    const leaves = basic.leafInputs.map((l: string) => leafHash(unhex(l)))
    const nodeAt = treeOf(leaves)
    basic.nodeHashes.forEach((level: string[], l: number) => {
      level.forEach((want, i) => {
        expect(hex(nodeAt(l, i))).toBe(want)
      })
    })
    const range = emptyRange()
    basic.rootHashes.forEach((want: string, size: number) => {
      if (size > 0) push(range, leaves[size - 1])
      expect(hex(rangeRoot(range))).toBe(want)
    })
  })
  it('98 inclusion probes', () => {
    expect(probes.inclusion).toHaveLength(98)
    for (const p of probes.inclusion) {
      const check = verifyInclusion(base64(p.leafHash), p.leafIdx, p.treeSize, (p.proof ?? []).map(base64), base64(p.root))
      expect([p.file, check.ok]).toEqual([p.file, !p.wantErr])
    }
  })
  it('98 consistency probes', () => {
    expect(probes.consistency).toHaveLength(98)
    for (const p of probes.consistency) {
      const check = verifyConsistency(p.size1, p.size2, (p.proof ?? []).map(base64), base64(p.root1), base64(p.root2))
      expect([p.file, check.ok]).toEqual([p.file, !p.wantErr])
    }
  })
})

const leavesOf = (size: number) => Array.from({ length: size }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))
function rootOf(leaves: readonly Uint8Array[]) {
  const range = emptyRange()
  for (const leaf of leaves) push(range, leaf)
  return rangeRoot(range)
}
/** RFC 6962 section 2.1, word for word: the slow twin of the compact range. */
function mth(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length < 2) return leaves[0] ?? emptyRoot
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return nodeHash(mth(leaves.slice(0, k)), mth(leaves.slice(k)))
}
const twoSizes = fc
  .tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)

describe('the tree', () => {
  it('appended leaf by leaf has the root of the definition', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), size => hex(rootOf(leavesOf(size))) === hex(mth(leavesOf(size)))),
      { numRuns: 60 },
    )
  })
  it('goes on from a stored range as if it had never stopped', () => {
    fc.assert(
      fc.property(twoSizes, ([size1, size2]) => {
        const leaves = leavesOf(size2)
        const first = emptyRange()
        for (const leaf of leaves.slice(0, size1)) push(first, leaf)
        const again = decodeRange(size1, encodeRange(first))!
        for (const leaf of leaves.slice(size1)) push(again, leaf)
        expect(hex(rangeRoot(again))).toBe(hex(rootOf(leaves)))
      }),
      { numRuns: 50 },
    )
  })
  it('a stored range of the wrong length is no range', () => {
    expect(decodeRange(3, Buffer.alloc(32))).toBeUndefined()
    expect(decodeRange(2 ** 53, Buffer.alloc(32))).toBeUndefined()
    expect(decodeRange(2 ** 40 + 1, Buffer.alloc(64))?.stack).toHaveLength(2)
  })
})

describe('proofs', () => {
  it('every leaf is proven in, and no other bytes in its place', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (size, at) => {
        const index = at % size
        const leaves = leavesOf(size)
        const proof = inclusionProof(treeOf(leaves), index, size)
        expect(verifyInclusion(leaves[index]!, index, size, proof, rootOf(leaves))).toEqual({ ok: true })
        expect(verifyInclusion(leafHash(Buffer.from('forged')), index, size, proof, rootOf(leaves)).ok).toBe(false)
        expect(verifyInclusion(leaves[index]!, index, size, [...proof, leaves[0]!], rootOf(leaves)).ok).toBe(false)
      }),
      { numRuns: 100 },
    )
  })
  it('a log that grew is proven to have grown; one that was rewritten is not', () => {
    fc.assert(
      fc.property(twoSizes, fc.nat(), ([size1, size2], at) => {
        const leaves = leavesOf(size2)
        const proof = consistencyProof(treeOf(leaves), size1, size2)
        const root1 = rootOf(leaves.slice(0, size1))
        expect(verifyConsistency(size1, size2, proof, root1, rootOf(leaves))).toEqual({ ok: true })
        const rewritten = leaves.with(at % size1, leafHash(Buffer.from('rewritten')))
        expect(verifyConsistency(size1, size2, consistencyProof(treeOf(rewritten), size1, size2), root1, rootOf(rewritten)).ok).toBe(false)
      }),
      { numRuns: 100 },
    )
  })
  it('works on sizes beyond 32 bits', () => {
    // Leaf 0 of a tree of 2^40 equal halves: each sibling equals the node so far.
    let root: Uint8Array = leafHash(Buffer.from('x'))
    const proof: Uint8Array[] = []
    for (let level = 0; level < 40; level++) {
      proof.push(root)
      root = nodeHash(root, root)
    }
    const leaf = leafHash(Buffer.from('x'))
    for (const index of [0, 2 ** 31, 2 ** 32 + 5, 2 ** 40 - 1])
      expect(verifyInclusion(leaf, index, 2 ** 40, proof, root)).toEqual({ ok: true })
    expect(verifyInclusion(leaf, 2 ** 40, 2 ** 40, proof, root).ok).toBe(false)
    expect(verifyInclusion(leaf, 0, 2 ** 53, proof, root).ok).toBe(false)
  })
  it('extending the empty tree is an error, not a proof', () => {
    expect(verifyConsistency(0, 4, [], emptyRoot, rootOf(leavesOf(4)))).toEqual({
      ok: false,
      why: 'every tree extends the empty one: nothing is proven',
    })
    expect(() => consistencyProof(treeOf(leavesOf(4)), 0, 4)).toThrow(RangeError)
  })
  it('a hash of another length is refused, even where it could not change the result', () => {
    const leaves = leavesOf(4)
    const proof = inclusionProof(treeOf(leaves), 1, 4)
    expect(verifyInclusion(leaves[1]!, 1, 4, proof, Buffer.concat([rootOf(leaves), Buffer.alloc(1)])).ok).toBe(false)
    expect(verifyInclusion(leaves[1]!.subarray(0, 31), 1, 4, proof, rootOf(leaves)).ok).toBe(false)
  })
})
