import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseCheckpoint } from '../../src/audit/checkpoint.ts'
import { emptyRange, emptyRoot, leafHash, push, rangeRoot } from '../../src/audit/merkle.ts'
import type { Blob, Journal } from '../../src/ports.ts'

export type JournalHarness = {
  /** Opens the same journal again, as a second engine or a restart would. */
  open(): Journal
  /** The next append through any open journal fails: before anything was stored, or after all of it was. */
  failNext(fault: 'before' | 'after'): void
  dispose(): Promise<void>
}

const leaf = (text: string): Uint8Array => new TextEncoder().encode(text)
const leaves = (from: number, count: number) => Array.from({ length: count }, (_, i) => leaf(`entry ${from + i}`))
export function blobOf(body: string): Blob {
  const salted = Buffer.concat([Buffer.alloc(16, 9), Buffer.from(body)])
  return { hash: createHash('sha256').update(salted).digest('hex'), salted }
}
async function texts(journal: Journal, from = 0): Promise<string[]> {
  const found: string[] = []
  for await (const chunk of journal.read(from)) for (const bytes of chunk) found.push(Buffer.from(bytes).toString())
  return found
}
async function snapshotsOf(journal: Journal): Promise<[number, string][]> {
  const found: [number, string][] = []
  for await (const { size, body } of journal.snapshots()) found.push([size, Buffer.from(body).toString()])
  return found
}
function rootOf(entries: readonly Uint8Array[]): Uint8Array {
  const range = emptyRange()
  for (const entry of entries) push(range, leafHash(entry))
  return rangeRoot(range)
}

/** The contract of a journal, run against every implementation. */
export function journalSuite(name: string, make: () => Promise<JournalHarness>): void {
  describe(`journal: ${name}`, () => {
    let harness: JournalHarness
    let journal: Journal
    beforeEach(async () => {
      harness = await make()
      journal = harness.open()
    })
    afterEach(() => harness.dispose())

    it('is empty and unsigned at first', async () => {
      expect(journal.size()).toBe(0)
      expect(journal.checkpoint()).toBe('')
      expect(Buffer.compare(journal.root(), emptyRoot)).toBe(0)
      expect(await texts(journal)).toEqual([])
    })
    it('gives back what was appended, in order, over the edges of chunks', async () => {
      const all = leaves(0, 2_345)
      await journal.append(0, all.slice(0, 3), [])
      await journal.append(3, all.slice(3), [])
      expect(journal.size()).toBe(2_345)
      expect(await texts(journal)).toEqual(all.map(l => Buffer.from(l).toString()))
      expect(await texts(journal, 2_340)).toEqual(['entry 2340', 'entry 2341', 'entry 2342', 'entry 2343', 'entry 2344'])
      expect(await texts(journal, 2_345)).toEqual([])
    })
    it('reads no further than it is asked to', async () => {
      await journal.append(0, leaves(0, 1_500), [])
      const found: string[] = []
      for await (const chunk of journal.read(998, 1_002)) for (const bytes of chunk) found.push(Buffer.from(bytes).toString())
      expect(found).toEqual(['entry 998', 'entry 999', 'entry 1000', 'entry 1001'])
    })
    it('has tiles of its leaf hashes and of the roots over them, also after a restart; none beyond', async () => {
      const all = leaves(0, 600)
      for (const [from, to] of [
        [0, 100],
        [100, 256],
        [256, 600],
      ] as const)
        await journal.append(from, all.slice(from, to), [])
      const wanted = (from: number, to: number) => Buffer.concat(all.slice(from, to).map(leafHash))
      for (const each of [journal, harness.open()]) {
        expect(Buffer.from((await each.tile(0, 1))!)).toEqual(wanted(256, 512))
        expect(Buffer.from((await each.tile(0, 2))!)).toEqual(wanted(512, 600))
        expect(Buffer.from((await each.tile(1, 0))!)).toEqual(Buffer.concat([rootOf(all.slice(0, 256)), rootOf(all.slice(256, 512))]))
        for (const [level, n] of [
          [0, 3],
          [1, 1],
          [2, 0],
        ] as const)
          expect(await each.tile(level, n)).toBeUndefined()
      }
    })
    it('a tile that an append filled is as lost or kept as the append', async () => {
      await journal.append(0, leaves(0, 200), [])
      harness.failNext('before')
      await expect(journal.append(200, leaves(900, 100), [])).rejects.toThrow()
      await journal.append(200, leaves(200, 100), [])
      expect(Buffer.from((await journal.tile(0, 0))!)).toEqual(Buffer.concat(leaves(0, 256).map(leafHash)))
      harness.failNext('after')
      await expect(journal.append(300, leaves(300, 300), [])).rejects.toThrow()
      expect(Buffer.from((await harness.open().tile(0, 1))!)).toEqual(Buffer.concat(leaves(256, 256).map(leafHash)))
    })
    it('forgets blobs for good, unknown ones too, and keeps every leaf; snapshots go only when that is asked for', async () => {
      const [one, two] = [blobOf('one'), blobOf('two')]
      await journal.append(0, leaves(0, 2), [one, two])
      await journal.saveSnapshot(2, leaf('state'))
      const root = journal.root()
      await journal.forget([one.hash, 'f'.repeat(64)])
      for (const now of [journal, harness.open()]) {
        expect(await now.blob(one.hash)).toBeUndefined()
        expect(await now.salted(two.hash)).toBeDefined()
        expect(now.root()).toEqual(root)
        expect(await snapshotsOf(now)).toHaveLength(1)
      }
      await journal.forget([], true)
      expect(await snapshotsOf(harness.open())).toEqual([])
      expect(await texts(journal)).toHaveLength(2)
    })
    it('keeps bytes that are no text', async () => {
      const all = Array.from({ length: 600 }, (_, i) => Uint8Array.from({ length: i % 40 }, (_, k) => (i * 31 + k * 7) % 256))
      await journal.append(0, all, [])
      const found: string[] = []
      for await (const chunk of harness.open().read(0)) for (const bytes of chunk) found.push(Buffer.from(bytes).toString('hex'))
      expect(found).toEqual(all.map(bytes => Buffer.from(bytes).toString('hex')))
    })
    it('signs the RFC 6962 root after every append', async () => {
      const all = leaves(0, 7)
      for (let size = 0; size < 7; size++) {
        await journal.append(size, [all[size]!], [])
        const note = journal.checkpoint()
        const checkpoint = parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1))
        expect(checkpoint?.size).toBe(size + 1)
        expect(Buffer.compare(checkpoint!.root, rootOf(all.slice(0, size + 1)))).toBe(0)
        expect(Buffer.compare(journal.root(), checkpoint!.root)).toBe(0)
      }
    })
    it('keeps an entry without bytes and one of 65,535; a longer one is refused whole', async () => {
      await journal.append(0, [new Uint8Array(0), new Uint8Array(65_535).fill(1)], [])
      await expect(journal.append(2, [leaf('good'), new Uint8Array(65_536)], [])).rejects.toMatchObject({ code: 'entry-too-large' })
      expect((await texts(harness.open())).map(t => t.length)).toEqual([0, 65_535])
    })

    it('a second engine that appends behind is refused before anything is written', async () => {
      const second = harness.open()
      await journal.append(0, leaves(0, 2), [])
      const blob = blobOf('of the second')
      await expect(second.append(0, [leaf('other')], [blob])).rejects.toMatchObject({ code: 'journal-moved' })
      expect(await texts(harness.open())).toEqual(['entry 0', 'entry 1'])
      expect(await harness.open().blob(blob.hash)).toBeUndefined()
    })
    it.each([0, 1, 3])('an append after %i of 2 entries is refused', async after => {
      await journal.append(0, leaves(0, 2), [])
      await expect(journal.append(after, leaves(2, 1), [])).rejects.toMatchObject({ code: 'journal-moved' })
      expect(journal.size()).toBe(2)
      await journal.append(2, leaves(2, 1), [])
      expect(await texts(harness.open())).toHaveLength(3)
    })

    it('an append that failed and nothing happened: a restart finds the log as it was', async () => {
      await journal.append(0, leaves(0, 2), [])
      const note = journal.checkpoint()
      const blob = blobOf('lost')
      harness.failNext('before')
      await expect(journal.append(2, leaves(2, 2), [blob])).rejects.toThrow()
      const again = harness.open()
      expect(await texts(again)).toEqual(['entry 0', 'entry 1'])
      expect(again.checkpoint()).toBe(note)
      expect(await again.blob(blob.hash)).toBeUndefined()
      await again.append(2, leaves(2, 1), [])
    })
    it('an append that failed and yet worked: a restart finds all of it, and the same engine cannot go on as if not', async () => {
      await journal.append(0, leaves(0, 2), [])
      const blob = blobOf('kept')
      harness.failNext('after')
      await expect(journal.append(2, leaves(2, 2), [blob])).rejects.toThrow()
      await expect(journal.append(2, leaves(2, 2), [])).rejects.toThrow()
      const again = harness.open()
      expect(await texts(again)).toEqual(['entry 0', 'entry 1', 'entry 2', 'entry 3'])
      expect(Buffer.from((await again.blob(blob.hash))!).toString()).toBe('kept')
      await again.append(4, leaves(4, 1), [])
    })

    it('keeps blobs without showing their salt; an unknown one is undefined', async () => {
      const blob = blobOf('a raw message')
      await journal.append(0, leaves(0, 1), [blob])
      await journal.append(1, leaves(1, 1), [blob])
      expect(Buffer.from((await journal.blob(blob.hash))!).toString()).toBe('a raw message')
      expect(await journal.blob('0'.repeat(64))).toBeUndefined()
      expect(Buffer.from((await journal.salted(blob.hash))!)).toEqual(Buffer.from(blob.salted))
      expect(await journal.salted('0'.repeat(64))).toBeUndefined()
    })
    it('keeps blobs ahead of the append that names them; those that none has named are gone at the next opening', async () => {
      const [named, never] = [blobOf('named'), blobOf('never')]
      await journal.keep([named, never])
      await journal.append(0, leaves(0, 1), [{ hash: named.hash, salted: null }])
      const again = harness.open()
      expect(Buffer.from((await again.salted(named.hash))!)).toEqual(Buffer.from(named.salted))
      expect(await again.salted(never.hash)).toBeUndefined()
      await expect(again.append(1, leaves(1, 1), [{ hash: never.hash, salted: null }])).rejects.toMatchObject({ code: 'blob-hash' })
      expect(again.size()).toBe(1)
    })
    it('what an entry has named stays, also where it is kept once more and nobody names it again', async () => {
      const blob = blobOf('named')
      await journal.keep([blob])
      await journal.append(0, leaves(0, 1), [{ hash: blob.hash, salted: null }])
      await journal.keep([blob])
      expect(Buffer.from((await harness.open().blob(blob.hash))!).toString()).toBe('named')
    })
    it('what was kept ahead stays too where an entry brings it once more', async () => {
      const blob = blobOf('brought')
      await journal.keep([blob])
      await journal.append(0, leaves(0, 1), [blob])
      expect(Buffer.from((await harness.open().blob(blob.hash))!).toString()).toBe('brought')
    })
    it('what was kept ahead of an append that failed is there for the next try', async () => {
      const blob = blobOf('kept')
      await journal.keep([blob])
      harness.failNext('before')
      await expect(journal.append(0, leaves(0, 1), [{ hash: blob.hash, salted: null }])).rejects.toThrow()
      await journal.append(0, leaves(0, 1), [{ hash: blob.hash, salted: null }])
      expect(Buffer.from((await harness.open().blob(blob.hash))!).toString()).toBe('kept')
    })
    it('a blob under another hash, or shorter than a salt, is refused with its entries', async () => {
      const wrong = { hash: '0'.repeat(64), salted: blobOf('x').salted }
      await expect(journal.append(0, leaves(0, 1), [wrong])).rejects.toMatchObject({ code: 'blob-hash' })
      await expect(journal.keep([wrong])).rejects.toMatchObject({ code: 'blob-hash' })
      const short = { hash: createHash('sha256').update('short').digest('hex'), salted: leaf('short') }
      await expect(journal.append(0, leaves(0, 1), [short])).rejects.toMatchObject({ code: 'blob-hash' })
      expect(journal.size()).toBe(0)
    })

    it('offers the two newest snapshots, newest first, also after a restart', async () => {
      await journal.append(0, leaves(0, 5), [])
      await journal.saveSnapshot(1, leaf('one'))
      await journal.saveSnapshot(5, leaf('five'))
      await journal.append(5, leaves(5, 5), [])
      await journal.saveSnapshot(9, leaf('nine'))
      expect(await snapshotsOf(journal)).toEqual([
        [9, 'nine'],
        [5, 'five'],
      ])
      expect(await snapshotsOf(harness.open())).toEqual(await snapshotsOf(journal))
    })
    it('refuses a snapshot of entries that it does not have', async () => {
      await expect(journal.saveSnapshot(1, leaf('early'))).rejects.toMatchObject({ code: 'snapshot-size' })
    })
    it('goes on after a restart as if it had never stopped', async () => {
      await journal.append(0, leaves(0, 5), [])
      await journal.saveSnapshot(3, leaf('three'))
      const again = harness.open()
      expect(again.size()).toBe(5)
      expect(again.checkpoint()).toBe(journal.checkpoint())
      await again.append(5, leaves(5, 4), [])
      expect(Buffer.compare(again.root(), rootOf(leaves(0, 9)))).toBe(0)
    })
  })
}
