import type { GridEvent, HashHex, Second } from '../../../src/core/model.ts'
import type { Registry } from '../../../src/ports.ts'
import type { Answer } from './problem.ts'

/**
 * What was last taken under a peer's id. `answer` is null from before the submit until its judgement is on record: a retry after a failure
 * then submits the very same `event` again, which the core takes once. `event` is null where nothing was submitted (a stop of nothing).
 */
export type Seen = {
  readonly version: number
  readonly bodyHash: HashHex
  readonly answer: Answer | null
  readonly event: GridEvent | null
  readonly receivedS: Second
}

const prefix = 'webhook.seen:'
const keyOf = (peer: string, id: string): string => `${prefix}${peer}:${id}`

/** The idempotency store: it survives a restart, because the retry of a dispatch often comes after one. */
export const seenStore = (registry: Registry) => ({
  get(peer: string, id: string): Seen | undefined {
    const text = registry.get(keyOf(peer, id))
    return text === undefined ? undefined : (JSON.parse(text) as Seen)
  },
  set: (peer: string, id: string, seen: Seen | null): Promise<void> =>
    registry.set(keyOf(peer, id), seen === null ? null : JSON.stringify(seen)),
  /** Forgets what ended before `beforeS`. */
  async prune(beforeS: Second): Promise<void> {
    for (const key of [...registry.keys(prefix)]) {
      const seen = JSON.parse(registry.get(key) ?? 'null') as Seen | null
      if (seen !== null && endOf(seen) < beforeS) await registry.set(key, null)
    }
  },
})
export type SeenStore = ReturnType<typeof seenStore>

/** An event without an end is kept until it is stopped. */
const endOf = (seen: Seen): Second => seen.event?.intervals.at(-1)?.toS ?? seen.receivedS
