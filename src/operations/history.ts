import type { EventNo, Fact, Verification } from '../core/model.ts'
import type { Engine } from '../engine.ts'
import type { EventView } from '../ports.ts'

export type VerifiedFact = Extract<Fact, { kind: 'verified' }>
/** What is kept of an event after the State has forgotten it. `verified` holds the chargers' results while they are kept. */
export type Remembered = { readonly view: EventView; readonly verification: Verification | null; readonly verified: VerifiedFact | null }

export type History = {
  get(event: EventNo): Remembered | undefined
  find(id: string): Remembered | undefined
  all(): Iterable<Remembered>
  /** Takes facts of earlier turns, from the journal at a start. */
  replay(facts: readonly Fact[], views: readonly EventView[]): void
  stop(): void
}

/**
 * Remembers the last events and, within a budget of chargers, what the meters said of each charger. The journal has it all for ever; this is
 * what can be shown without reading it.
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
    replay: take,
    stop,
  }
}
const touchesEvents: ReadonlySet<Fact['kind']> = new Set<Fact['kind']>(['signal', 'accepted', 'declined', 'verified', 'metered'])
