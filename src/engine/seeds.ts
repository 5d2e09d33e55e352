import { createHash, createHmac } from 'node:crypto'
import { inclusionProof, leafHash, type NodeAt, spanRoot, treeOf } from '../audit/merkle.ts'
import { type EventNo, type Input, NEVER_S, type Second } from '../core/model.ts'
import { lastS, type State } from '../core/state.ts'

/** A product's log begins with the keys of so many events: 0.1 to 0.2 s of work, once in the life of a log. */
export const SEED_KEYS = 16_384
/** How many keys are committed at a time when those are used up, and with how many left the next are. */
const BATCH = 128
const MARGIN = 64
const HASH_BYTES = 32

/** The key of one event: of no use for any other, so it can be given away when the event is over. */
export const eventKeyOf = (seedKey: Uint8Array, no: EventNo): Uint8Array =>
  new Uint8Array(createHmac('sha256', seedKey).update(`gridbridge/event-key/${no}`).digest())
/** The seed of an event: nothing in it is ours to choose once its key is committed. `root` is that of the log before the turn that takes the signal. */
export const seedOf = (eventKey: Uint8Array, rawHash: string, root: Uint8Array): Uint8Array =>
  new Uint8Array(createHmac('sha256', eventKey).update(Buffer.from(rawHash, 'hex')).update(root).digest())

/**
 * Until when nobody may be told what an event was drawn from. A cancelled or declined event could come again under its ranks until what was announced is
 * past. Infinity: for as long as it has no end, or has not come yet; 0: the state has forgotten it, so it is long over.
 */
export function secretUntilS(s: State, no: EventNo): Second {
  const e = s.events.get(no)
  if (!e) return no < s.nextEventNo ? 0 : Infinity
  const freeS = e.status === 'declined' ? 0 : lastS(e)
  const announcedS = e.announced?.at(-1)?.toS ?? e.event.intervals.at(-1)?.toS ?? 0
  const untilS = announcedS === NEVER_S ? freeS : Math.max(freeS, announcedS)
  return untilS >= NEVER_S ? Infinity : untilS
}

/** Keys of events [from, from + count). */
export type KeyRange = { readonly from: EventNo; readonly count: number }
/** What proves a seed, for whoever may know it: undefined as long as it is secret, or where the key of all keys is not at hand. */
export type EventKeys = {
  keyOf(no: EventNo): Uint8Array | undefined
  /** From the key of an event to the root over those of `range` (RFC 9162 section 2.1.3): made anew, 0.1 to 0.2 s for a log's first range. */
  pathOf(no: EventNo, range: KeyRange): readonly Uint8Array[] | undefined
}
export const eventKeys = (seedKey: Uint8Array | undefined, mayKnow: (no: EventNo) => boolean): EventKeys => ({
  keyOf: no => (seedKey && mayKnow(no) ? eventKeyOf(seedKey, no) : undefined),
  pathOf: (no, range) => (seedKey && mayKnow(no) ? inclusionProof(keyTree(seedKey, range), no - range.from, range.count) : undefined),
})
const keyTree = (seedKey: Uint8Array, { from, count }: KeyRange): NodeAt =>
  treeOf(Array.from({ length: count }, (_, k) => leafHash(eventKeyOf(seedKey, from + k))))

/**
 * Seeds that nobody can steer (docs/decisions/0012, 0032). Nobody outside can predict one, and the operator cannot draw again: each event's key is
 * committed before its signal is known, and at the beginning of the log, where there is room for one commitment only; its number follows from the order of
 * the log, the signal is somebody else's, and the root is that of the log as the turn finds it. `count`: of how many events the log begins with the keys.
 */
export function createSeeds(seedKey: Uint8Array, count: number) {
  const keyHash = createHash('sha256').update(seedKey).digest('hex')
  function first(from: EventNo): Input {
    const root = Buffer.from(spanRoot(keyTree(seedKey, { from, count }), { from: 0, to: count })).toString('hex')
    return { kind: 'keyCommitted', keyHash, from, count, root }
  }
  function batch(from: EventNo): Input {
    const hashes = new Uint8Array(BATCH * HASH_BYTES)
    for (let k = 0; k < BATCH; k++)
      hashes.set(
        createHash('sha256')
          .update(eventKeyOf(seedKey, from + k))
          .digest(),
        k * HASH_BYTES,
      )
    return { kind: 'keyCommitted', keyHash, from, hashes }
  }
  return {
    /** What commits to the keys of events to come; nothing while enough are. A later one than a log's first proves less, which is on record. */
    commitment(s: State): Input[] {
      if (s.seedKeyHash === '') return [first(s.nextEventNo)]
      const isOther = s.seedKeyHash !== keyHash
      if (!isOther && s.seedKeysTo - s.nextEventNo >= MARGIN) return []
      const from = isOther ? s.nextEventNo : Math.max(s.seedKeysTo, s.nextEventNo)
      const about = { fromEvent: from, because: isOther ? 'anotherSeedKey' : 'firstKeysUsed' }
      return [batch(from), { kind: 'noted', what: 'seedKeysAdded', about }]
    },
    /** The inputs of a turn, each signal with its seed. `root` is that of the log as it is now. */
    seeded(inputs: readonly Input[], s: State, root: () => Uint8Array): Input[] {
      const fresh = new Map<string, EventNo>()
      return inputs.map(input => {
        if (input.kind !== 'signal' || input.seed.length > 0) return input
        const { id, rawHash } = input.event
        const no = s.eventNoById.get(id) ?? fresh.get(id) ?? s.nextEventNo + fresh.size
        if (!s.eventNoById.has(id)) fresh.set(id, no)
        return { ...input, seed: seedOf(eventKeyOf(seedKey, no), rawHash, root()) }
      })
    },
  }
}
