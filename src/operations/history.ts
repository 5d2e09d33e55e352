import { blobsOf, decode, MissingBlob } from '../core/codec.ts'
import type { EventNo, Fact, HashHex, Verification } from '../core/model.ts'
import type { Engine } from '../engine.ts'
import type { EventView, Journal } from '../ports.ts'

export type VerifiedFact = Extract<Fact, { kind: 'verified' }>
/** What is kept of an event after the State has forgotten it. `verified` holds the chargers' results while they are kept. */
export type Remembered = { readonly view: EventView; readonly verification: Verification | null; readonly verified: VerifiedFact | null }

export type History = {
  get(event: EventNo): Remembered | undefined
  find(id: string): Remembered | undefined
  all(): Iterable<Remembered>
  stop(): void
}

/**
 * Remembers the last events and, within a budget of chargers, what the meters said of each charger. The journal has it all for ever; this is
 * what can be shown without reading it, since this process started.
 */
export function createHistory(engine: Engine, keepEvents = 500, keepChargers = 2_000_000): History {
  const events = new Map<EventNo, Remembered>()
  const byId = new Map<string, EventNo>()

  function take(facts: readonly Fact[], views: readonly EventView[]) {
    if (!facts.some(f => touchesEvents.has(f.kind))) return
    for (const view of views)
      put({ view, verification: events.get(view.no)?.verification ?? null, verified: events.get(view.no)?.verified ?? null })
    for (const fact of facts) {
      if (fact.kind !== 'verified') continue
      const before = events.get(fact.verification.event)
      if (before) put({ view: { ...before.view, state: 'verified' }, verification: fact.verification, verified: fact })
    }
    forget()
  }
  function put(entry: Remembered) {
    events.set(entry.view.no, entry)
    byId.set(entry.view.id, entry.view.no)
  }
  function forget() {
    for (const [no, entry] of events) {
      if (events.size <= keepEvents) break
      events.delete(no)
      if (byId.get(entry.view.id) === no) byId.delete(entry.view.id)
    }
    let chargers = 0
    for (const entry of [...events.values()].reverse()) {
      chargers += entry.verified?.who.length ?? 0
      if (chargers > keepChargers && entry.verified) events.set(entry.view.no, { ...entry, verified: null })
    }
  }
  const stop = engine.listen(facts => take(facts, engine.bridge.events()))
  return {
    get: no => events.get(no),
    find: id => events.get(byId.get(id) ?? -1),
    all: () => events.values(),
    stop,
  }
}
const touchesEvents: ReadonlySet<Fact['kind']> = new Set<Fact['kind']>(['signal', 'outage', 'accepted', 'declined', 'verified', 'metered'])

/** What the meters said of each charger of an event, from the journal: reads all of it. Undefined where it is not verified, or its blobs are gone. */
export async function verifiedIn(journal: Journal, event: EventNo): Promise<VerifiedFact | undefined> {
  let found: Uint8Array | undefined
  const mark = `"event":${event},`
  for await (const leaves of journal.read(0))
    for (const leaf of leaves) {
      // Most leaves are something else: reading their text is cheaper than decoding them.
      const text = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('latin1')
      if (text.includes('"kind":"verified"') && text.includes(mark)) found = leaf
    }
  if (!found) return undefined
  const bodies = new Map<HashHex, Uint8Array | undefined>()
  for (const hash of blobsOf(found)) bodies.set(hash, await journal.blob(hash))
  try {
    const { fact } = decode(found, hash => bodies.get(hash))
    return fact.kind === 'verified' && fact.verification.event === event ? fact : undefined
  } catch (error) {
    if (error instanceof MissingBlob) return undefined
    throw error
  }
}
