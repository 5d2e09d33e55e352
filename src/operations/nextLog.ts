import { awaitsVerification } from '../core/apply.ts'
import { type Encoded, encode } from '../core/codec.ts'
import type { Instant } from '../core/model.ts'
import { toBytes } from '../core/snapshot.ts'
import { isStanding } from '../core/standing.ts'
import { lastS } from '../core/state.ts'
import { recover } from '../engine/recover.ts'
import type { Journal } from '../ports.ts'

export type Previous = { readonly origin: string; readonly size: number; readonly root: Uint8Array; readonly checkpoint: string }

/** An event that runs, or is still to be verified, belongs into one log from its beginning to its verdict. */
export class EventsUnderWay extends Error {
  readonly events: readonly string[]
  constructor(events: readonly string[]) {
    super(`under way or not verified yet: ${events.join(', ')}`)
    this.events = events
  }
}

/** @throws EventsUnderWay */
export async function checkNothingUnderWay(journal: Journal, nowMs: Instant): Promise<void> {
  const state = await recover(journal)
  const open = [...state.events.values()].filter(
    e => e.status === 'accepted' && !isStanding(e.event) && (lastS(e) > nowMs / 1000 || awaitsVerification(e)),
  )
  if (open.length > 0) throw new EventsUnderWay(open.map(e => e.event.id))
}

/**
 * The first entry of the log that follows: what the old one ended with, and the whole state, from which the new one is folded. The state is a blob that is
 * never erased, as what the fold needs is: so what people said in reviews stays behind, in the log that ends. Keys of seeds are committed anew by the first
 * start, so that each log proves its own draws.
 */
export async function firstOfNext(journal: Journal, previous: Previous, nowMs: Instant, salt: () => Uint8Array): Promise<Encoded> {
  const state = await recover(journal)
  state.seedKeyHash = ''
  for (const use of state.register.values())
    if (use.review) state.register.set(use.event, { ...use, review: { ...use.review, by: '', note: '' } })
  const { origin, size, root, checkpoint } = previous
  const about = { origin, size, root: Buffer.from(root).toString('hex'), checkpoint }
  return encode(
    { turn: state.turn + 1, at: Math.max(nowMs, state.nowMs), fact: { kind: 'opened', previous: about, state: toBytes(state) } },
    salt,
  )
}
