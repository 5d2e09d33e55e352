import { createHash } from 'node:crypto'
import { ApiProblem } from './problem.ts'

export type Answer = { readonly status: number; readonly body: unknown; readonly headers: Readonly<Record<string, string>> }
export type Idempotent = (
  asked: { who: string; route: string; key: string; content: unknown },
  work: () => Promise<Answer>,
) => Promise<{ answer: Answer; again: boolean }>

const KEPT_MS = 24 * 3_600_000
const KEPT = 10_000

/**
 * The same key with the same content gets the first answer, also while the first is still at work; with other content it is refused. Only answers
 * that did something are kept: a refusal is judged again. In memory: after a restart a key is new, and the operations themselves hold double work off.
 */
export function createIdempotency(now: () => number): Idempotent {
  const kept = new Map<string, { digest: string; at: number; answer: Promise<Answer> }>()
  return async ({ who, route, key, content }, work) => {
    const name = JSON.stringify([who, route, key])
    const digest = createHash('sha256')
      .update(JSON.stringify(content) ?? '')
      .digest('hex')
    forget(kept, now())
    const before = kept.get(name)
    if (before && before.digest !== digest) {
      const hint = 'use a new key for a new request'
      throw new ApiProblem(409, 'idempotency-key-reused', 'this Idempotency-Key came with another request before', { hint })
    }
    if (before) return { answer: await before.answer, again: true }
    const answer = work()
    kept.set(name, { digest, at: now(), answer })
    answer.catch(() => kept.delete(name))
    return { answer: await answer, again: false }
  }
}
function forget(kept: Map<string, { at: number }>, nowMs: number): void {
  for (const [name, { at }] of kept) {
    if (kept.size <= KEPT && nowMs - at <= KEPT_MS) return
    kept.delete(name)
  }
}
