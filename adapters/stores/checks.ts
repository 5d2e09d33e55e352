import { createHash } from 'node:crypto'
import { maxEntryBytes } from '../../src/audit/merkle.ts'
import type { Blob, KeptBlob } from '../../src/ports.ts'
import { StoreError } from './error.ts'

export const saltBytes = 16

/** What every journal refuses before it writes anything. @throws StoreError `entry-too-large`, `blob-hash` */
export function checkAppend(leaves: readonly Uint8Array[], blobs: readonly (Blob | KeptBlob)[]): void {
  for (const leaf of leaves) {
    if (leaf.length > maxEntryBytes)
      throw new StoreError('entry-too-large', `a log entry has at most ${maxEntryBytes} bytes, not ${leaf.length}`)
  }
  checkBlobs(blobs.filter(b => b.salted !== null))
}
/** @throws StoreError `blob-hash` */
export function checkBlobs(blobs: readonly Blob[]): void {
  for (const { hash, salted } of blobs) {
    if (salted.length < saltBytes) throw new StoreError('blob-hash', `blob ${hash} is shorter than its salt`)
    if (createHash('sha256').update(salted).digest('hex') !== hash)
      throw new StoreError('blob-hash', `the body of blob ${hash} has another hash`)
  }
}
export const notKept = (hash: string): StoreError => new StoreError('blob-hash', `blob ${hash} was not kept ahead`)
export function journalMoved(after: number, size: number): StoreError {
  return new StoreError('journal-moved', `the journal has ${size} entries where ${after} were expected: another engine has written to it`)
}
