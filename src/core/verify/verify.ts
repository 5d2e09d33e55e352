import type { EventState, State } from '../state.ts'
import type { Metered, Verified } from './record.ts'
import { revised } from './revision.ts'
import { verdictTerms } from './terms.ts'
import { verdictOn } from './verdict.ts'

/** The first verdict of an event from its readings, or the next revision of the one that it has; nothing where it can be revised no more, or nothing changed. */
export function verify(s: State, e: EventState, metered: Metered): Verified[] {
  if (e.verification) {
    const next = e.kept ? revised(e.verification, e.kept, metered) : undefined
    return next ? [next] : []
  }
  return [verdictOn({ event: e.no, revision: e.event.revision, ...verdictTerms(s, e, metered.meters) }, metered)]
}
