import { createHash } from 'node:crypto'
import type { Engine } from '../engine.ts'
import { done, invalid, type Result } from './result.ts'

/** `leaf` is base64 of the bytes that are hashed; `hash` the RFC 6962 leaf hash; `entry` what they say, with long columns as the hashes
 * of their blobs; null where they are not JSON. */
export type AuditEntry = { readonly index: number; readonly hash: string; readonly leaf: string; readonly entry: unknown }
export type AuditPage = {
  readonly size: number
  readonly from: number
  readonly entries: readonly AuditEntry[]
  readonly next: number | null
}
/** Reads a leaf for people; null or an error where it cannot. */
export type LeafDecoder = (leaf: Uint8Array) => unknown
export const AUDIT_PAGE = 200

/** The journal as outsiders see it: leaves with their hashes, and the signed checkpoint over them. */
export const createAudit = (engine: Engine, decode: LeafDecoder = leaf => JSON.parse(Buffer.from(leaf).toString('utf8'))) => ({
  /** Entries [from, from + limit). `from` below 0 counts from the end: -20 is the last 20. */
  async entries(from: number, limit: number = AUDIT_PAGE): Promise<Result<AuditPage>> {
    const size = engine.journal.size()
    const start = from < 0 ? Math.max(0, size + from) : from
    if (start > size) return invalid('beyond-the-end', '#/from', from, `the log has ${size} entries`)
    const end = Math.min(size, start + limit)
    const entries: AuditEntry[] = []
    if (end > start)
      for await (const chunk of engine.journal.read(start)) {
        for (const leaf of chunk) if (start + entries.length < end) entries.push(entryOf(leaf, start + entries.length, decode))
        if (start + entries.length >= end) break
      }
    return done({ size, from: start, entries, next: end < size ? end : null })
  },
  checkpoint: () => ({
    size: engine.journal.size(),
    root: Buffer.from(engine.journal.root()).toString('base64'),
    note: engine.journal.checkpoint(),
  }),
})
export type Audit = ReturnType<typeof createAudit>

const entryOf = (leaf: Uint8Array, index: number, decode: LeafDecoder): AuditEntry => ({
  index,
  hash: createHash('sha256').update(Uint8Array.of(0)).update(leaf).digest('hex'),
  leaf: Buffer.from(leaf).toString('base64'),
  entry: decoded(leaf, decode),
})
function decoded(leaf: Uint8Array, decode: LeafDecoder): unknown {
  try {
    return decode(leaf)
  } catch {
    return null
  }
}
