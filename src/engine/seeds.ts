import { createHash, createHmac } from 'node:crypto'
import { type EventNo, type Input, NEVER_S, type Second } from '../core/model.ts'
import { lastS, type State } from '../core/state.ts'

/** How many events' keys are committed at a time, and with how many left the next are. */
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

/**
 * Seeds that nobody can steer (docs/decisions/0012). Nobody outside can predict one, and the operator cannot draw again: the hash of each event's key is
 * in the log before its signal is known, its number follows from the order of the log, the signal is somebody else's, and the root is that of the log as the turn finds it.
 */
export function createSeeds(seedKey: Uint8Array) {
  const keyHash = createHash('sha256').update(seedKey).digest('hex')
  return {
    /** What commits to the keys of events to come; nothing while enough are. */
    commitment(s: State): Input[] {
      const isOther = s.seedKeyHash !== keyHash
      if (!isOther && s.seedKeysTo - s.nextEventNo >= MARGIN) return []
      const from = isOther ? s.nextEventNo : Math.max(s.seedKeysTo, s.nextEventNo)
      const hashes = new Uint8Array(BATCH * HASH_BYTES)
      for (let k = 0; k < BATCH; k++)
        hashes.set(
          createHash('sha256')
            .update(eventKeyOf(seedKey, from + k))
            .digest(),
          k * HASH_BYTES,
        )
      return [{ kind: 'keyCommitted', keyHash, from, hashes }]
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
    keyOf: (no: EventNo): Uint8Array => eventKeyOf(seedKey, no),
  }
}
