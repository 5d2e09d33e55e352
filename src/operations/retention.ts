import type { HashHex, Instant } from '../core/model.ts'
import { REVIEWED } from '../core/register.ts'
import type { Engine } from '../engine.ts'
import { chunks } from './erasure.ts'
import { leavesWithEvidence } from './subject.ts'

/** How long each kind of evidence is kept, in days; 0: for ever. */
export type Retention = { readonly rawDays: number; readonly powerDays: number; readonly readingsDays: number }
export type Expiry = { readonly blobs: number; readonly readings: number }
const DAY_MS = 86_400_000

/**
 * Removes evidence that was kept long enough: messages and texts, power in the log, readings. What it was is recorded before it goes; the fold
 * does without it, only figures made from it (what an emergency drew) are known from a snapshot alone then. What was found in a review of an emergency
 * stays.
 */
export async function expire(engine: Engine, retention: Retention): Promise<Expiry> {
  const nowMs = engine.now()
  const before = (days: number): Instant => (days === 0 ? Number.NEGATIVE_INFINITY : nowMs - days * DAY_MS)
  const limits = { text: before(retention.rawDays), power: before(retention.powerDays) }
  const hashes: HashHex[] = []
  for await (const { leaf, evidence } of leavesWithEvidence(engine)) {
    const { at, fact } = JSON.parse(Buffer.from(leaf).toString('utf8')) as { at: Instant; fact: { what?: string } }
    for (const { hash, key } of evidence) {
      const limit = key === 'raw' || key === 'text' ? limits.text : limits.power
      if (at < limit && fact.what !== REVIEWED && (await engine.journal.salted(hash))) hashes.push(hash)
    }
  }
  if (hashes.length > 0) {
    const beforeS = Math.floor(Math.max(limits.text, limits.power) / 1000)
    await engine.handle(...chunks(hashes).map(blobs => ({ kind: 'expired', beforeS, blobs }) as const))
    await engine.journal.forget(hashes)
  }
  const readings = retention.readingsDays === 0 ? 0 : await engine.meters.expire(before(retention.readingsDays))
  return { blobs: hashes.length, readings }
}
