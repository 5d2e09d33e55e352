import type { EventNo, GridEvent, Instant, Second } from '../core/model.ts'
import { emptyState, type State } from '../core/state.ts'

/** State forgets an event this long after its end; its id then gets a new number. */
const REMEMBERED_S = 30 * 86_400

/** Which number each signal of a journal has, for whoever reads the journal without folding it. */
export function createEventNumbers() {
  const known = new Map<string, { no: EventNo; endS: Second }>()
  let next = emptyState().nextEventNo
  return {
    signal(event: GridEvent, atMs: Instant): { readonly no: EventNo; readonly isNew: boolean } {
      const before = known.get(event.id)
      const isNew = before === undefined || before.endS + REMEMBERED_S < atMs / 1000
      const no = isNew ? next++ : before.no
      // one that is news of nothing, because it is called off or past as it comes, is remembered from then on
      known.set(event.id, { no, endS: Math.max(isNew ? Math.floor(atMs / 1000) : before.endS, event.intervals.at(-1)?.toS ?? 0) })
      return { no, isNew }
    },
    /** The log begins with these events, from one before it. */
    begun({ events, nextEventNo }: Pick<State, 'events' | 'nextEventNo'>): void {
      next = nextEventNo
      for (const { no, event } of events.values()) known.set(event.id, { no, endS: event.intervals.at(-1)?.toS ?? 0 })
    },
    /** An event of our own has its number in the record. */
    own(no: EventNo): void {
      next = Math.max(next, no + 1)
    },
  }
}
