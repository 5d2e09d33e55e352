import { signCheckpoint } from '../../../src/audit/checkpoint.ts'
import { leafHash, rangeRoot } from '../../../src/audit/merkle.ts'
import { type Signer, signerOf } from '../../../src/audit/note.ts'
import { copyEdge, type Edge, emptyEdge, type FullTile, grow, partialTile } from '../../../src/audit/tiles.ts'
import type { HashHex } from '../../../src/core/model.ts'
import type { Journal } from '../../../src/ports.ts'
import { checkAppend, checkBlobs, journalMoved, notKept, saltBytes } from '../checks.ts'
import { StoreError } from '../error.ts'

const chunkLeaves = 1000
const keptSnapshots = 2

/** What a memory journal would have on disk: journals opened on the same store see the same leaves, as after a restart. */
export type MemoryStore = {
  leaves: Uint8Array[]
  edge: Edge
  readonly tiles: FullTile[]
  readonly blobs: Map<HashHex, Uint8Array>
  snapshots: { readonly size: number; readonly body: Uint8Array }[]
}
export const createMemoryStore = (): MemoryStore => ({ leaves: [], edge: emptyEdge(), tiles: [], blobs: new Map(), snapshots: [] })

/** `before`: the next append fails and nothing happened. `after`: it fails, but everything was stored. Both reject with code `injected`. */
export type Fault = 'before' | 'after'
export type MemoryJournal = Journal & {
  readonly store: MemoryStore
  failNext(fault: Fault): void
}

/** A journal for tests and simulations. Its key is fixed, so that transcripts are the same every time. */
export function createMemoryJournal(
  store: MemoryStore = createMemoryStore(),
  signer: Signer = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7)),
): MemoryJournal {
  let fault: Fault | undefined
  let signed = { size: 0, note: '' }
  const ahead = new Map<HashHex, Uint8Array>()
  return {
    store,
    size: () => store.edge.range.size,
    checkpoint() {
      const { size } = store.edge.range
      if (signed.size !== size) signed = { size, note: signCheckpoint(size, rangeRoot(store.edge.range), signer) }
      return signed.note
    },
    root: () => rangeRoot(store.edge.range),
    async *read(from, to) {
      const leaves = store.leaves.slice(from, to)
      for (let i = 0; i < leaves.length; i += chunkLeaves) yield leaves.slice(i, i + chunkLeaves)
    },
    async tile(level, n) {
      const full = store.tiles.find(t => t.level === level && t.n === n)
      return full ? Buffer.concat(full.hashes) : partialTile(store.edge, { level, n })
    },
    async blob(hash) {
      return store.blobs.get(hash)?.slice(saltBytes)
    },
    async salted(hash) {
      return store.blobs.get(hash)?.slice()
    },
    async append(after, leaves, blobs) {
      const failing = fault
      fault = undefined
      if (failing === 'before') throw new StoreError('injected', 'the append failed and nothing happened')
      const { size } = store.edge.range
      if (after !== size) throw journalMoved(after, size)
      checkAppend(leaves, blobs)
      for (const { hash, salted } of blobs) if (salted === null && !ahead.has(hash) && !store.blobs.has(hash)) throw notKept(hash)
      const edge = copyEdge(store.edge)
      store.tiles.push(...leaves.flatMap(leaf => grow(edge, leafHash(leaf))))
      for (const { hash, salted } of blobs) store.blobs.set(hash, salted?.slice() ?? ahead.get(hash) ?? store.blobs.get(hash)!)
      for (const { hash } of blobs) ahead.delete(hash)
      for (const leaf of leaves) store.leaves.push(leaf.slice())
      store.edge = edge
      if (failing === 'after') throw new StoreError('injected', 'the append failed, but it was stored')
    },
    async keep(blobs) {
      checkBlobs(blobs)
      for (const { hash, salted } of blobs) ahead.set(hash, salted.slice())
    },
    async forget(hashes, states = false) {
      if (states) store.snapshots = []
      for (const hash of hashes) {
        store.blobs.delete(hash)
        ahead.delete(hash)
      }
    },
    async saveSnapshot(size, body) {
      if (size > store.edge.range.size)
        throw new StoreError('snapshot-size', `a snapshot of ${size} entries in a journal of ${store.edge.range.size}`)
      const others = store.snapshots.filter(s => s.size !== size)
      store.snapshots = [...others, { size, body: body.slice() }].sort((a, b) => b.size - a.size).slice(0, keptSnapshots)
    },
    async *snapshots() {
      yield* store.snapshots
    },
    async close() {},
    failNext(next) {
      fault = next
    },
  }
}
