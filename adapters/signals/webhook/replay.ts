import { createHash } from 'node:crypto'
import type { Instant } from '../../../src/core/model.ts'

const most = 10_000

/**
 * Remembers which webhook-ids came with what, for as long as their timestamps could still pass. In memory: after a restart a copied heartbeat can
 * pass once within the tolerance, a copied dispatch never has an effect, because dispatches are kept by id and version.
 */
export function replayGuard(keepMs: number): (id: string, content: string, nowMs: Instant) => 'new' | 'same' | 'other' {
  const known = new Map<string, { readonly digest: string; readonly atMs: Instant }>()
  return (id, content, nowMs) => {
    for (const [key, { atMs }] of known) {
      if (nowMs - atMs <= keepMs && known.size < most) break
      known.delete(key)
    }
    const digest = createHash('sha256').update(content).digest('hex')
    const before = known.get(id)
    if (before === undefined) known.set(id, { digest, atMs: nowMs })
    return before === undefined ? 'new' : before.digest === digest ? 'same' : 'other'
  }
}
