import type { HashHex, Instant } from '../core/model.ts'
import { REVIEWED } from '../core/register.ts'
import type { Engine } from '../engine.ts'
import type { Runtime } from '../ports.ts'
import { chunks } from './erasure.ts'
import { type Breathe, leavesWithEvidence } from './subject.ts'

/** How long each kind of evidence of the log is kept, in days; 0: for ever. */
export type Retention = { readonly rawDays: number; readonly powerDays: number }
const DAY_MS = 86_400_000
const FIRST_AFTER_MS = 600_000

/** Looks once a day. What fails is noted and tried again the next day. */
export function keepEvidence(engine: Engine, { at }: Pick<Runtime, 'at'>, retention: Retention, breathe: Breathe): void {
  const look = (atMs: Instant) =>
    at('retention', atMs, async () => {
      await expire(engine, retention, breathe).catch(error => engine.sink.note('notExpired', { error: String(error) }))
      look(engine.now() + DAY_MS)
    })
  if (retention.rawDays + retention.powerDays > 0) look(engine.now() + FIRST_AFTER_MS)
}

/**
 * Removes evidence that was kept long enough: messages and texts, and power in the log. What it was is recorded before it goes; the fold
 * does without it, only figures made from it (what an emergency drew) are known from a snapshot alone then. What was found in a review of an emergency
 * stays.
 */
export async function expire(engine: Engine, retention: Retention, breathe: Breathe = async () => {}): Promise<number> {
  const nowMs = engine.now()
  const before = (days: number): Instant => (days === 0 ? Number.NEGATIVE_INFINITY : nowMs - days * DAY_MS)
  const limits = { text: before(retention.rawDays), power: before(retention.powerDays) }
  const hashes: HashHex[] = []
  for await (const { leaf, evidence } of leavesWithEvidence(engine, breathe)) {
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
  return hashes.length
}
