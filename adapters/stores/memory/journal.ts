import { signCheckpoint } from '../../../src/audit/checkpoint.ts'
import { copyRange, emptyRange, leafHash, push, type Range, rangeRoot } from '../../../src/audit/merkle.ts'
import { type Signer, signerOf } from '../../../src/audit/note.ts'
import type { HashHex } from '../../../src/core/model.ts'
import type { Journal } from '../../../src/ports.ts'
import { checkAppend, journalMoved, saltBytes } from '../checks.ts'
import { StoreError } from '../error.ts'

const chunkLeaves = 1000
const keptSnapshots = 2

/** What a memory journal would have on disk: journals opened on the same store see the same leaves, as after a restart. */
export type MemoryStore = {
  leaves: Uint8Array[]
  range: Range
  readonly blobs: Map<HashHex, Uint8Array>
  snapshots: { readonly size: number; readonly body: Uint8Array }[]
}
export const createMemoryStore = (): MemoryStore => ({ leaves: [], range: emptyRange(), blobs: new Map(), snapshots: [] })

/** `before`: the next append fails and nothing happened. `after`: it fails, but everything was stored. Both reject with code `injected`. */
export type Fault = 'before' | 'after'
export type MemoryJournal = Journal & {
  readonly store: MemoryStore
  failNext(fault: Fault): void
  /** Loses a blob, as erasure or expiry does. */
  forget(hash: HashHex): void
}

/** A journal for tests and simulations. Its key is fixed, so that transcripts are the same every time. */
export function createMemoryJournal(
  store: MemoryStore = createMemoryStore(),
  signer: Signer = signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7)),
): MemoryJournal {
  let fault: Fault | undefined
  let signed = { size: 0, note: '' }
  return {
    store,
    size: () => store.range.size,
    checkpoint() {
      const { size } = store.range
      if (signed.size !== size) signed = { size, note: signCheckpoint(size, rangeRoot(store.range), signer) }
      return signed.note
    },
    root: () => rangeRoot(store.range),
    async *read(from) {
      const leaves = store.leaves.slice(from)
      for (let i = 0; i < leaves.length; i += chunkLeaves) yield leaves.slice(i, i + chunkLeaves)
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
      if (after !== store.range.size) throw journalMoved(after, store.range.size)
      checkAppend(leaves, blobs)
      const range = copyRange(store.range)
      for (const leaf of leaves) push(range, leafHash(leaf))
      for (const { hash, salted } of blobs) store.blobs.set(hash, salted.slice())
      for (const leaf of leaves) store.leaves.push(leaf.slice())
      store.range = range
      if (failing === 'after') throw new StoreError('injected', 'the append failed, but it was stored')
    },
    async saveSnapshot(size, body) {
      if (size > store.range.size)
        throw new StoreError('snapshot-size', `a snapshot of ${size} entries in a journal of ${store.range.size}`)
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
    forget(hash) {
      store.blobs.delete(hash)
    },
  }
}
