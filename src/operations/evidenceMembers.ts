import { withChanges } from '../core/fleet.ts'
import { chargersOf, rangesOf } from '../core/members.ts'
import type { ChargerNo, Decision, Fact, GridEvent } from '../core/model.ts'
import { emptyState, type Fleet } from '../core/state.ts'
import type { Pack, Read, Story } from './evidencePack.ts'
import { only } from './evidencePack.ts'

export type Accepted = Extract<Decision, { kind: 'accepted' }>
export type Joined = Extract<Decision, { kind: 'joined' }>

/** Who is under an event and may be used, entry by entry, by what the entries of a pack say. */
export function createMembers(story: Story) {
  let fleet: Fleet = emptyState().fleet
  let event: GridEvent = story.event
  const excluded = new Set<ChargerNo>()
  return {
    fleet: () => fleet,
    event: () => event,
    /** In depth-first order. */
    all: (): Uint32Array => chargersOf(fleet, rangesOf(fleet, event.targets)),
    used: (): Uint32Array => chargersOf(fleet, rangesOf(fleet, event.targets)).filter(i => !excluded.has(i)),
    excluded,
    take(fact: Fact): void {
      if (fact.kind === 'fleet') fleet = withChanges(fleet, fact.nodes, fact.chargers)
      else if (
        fact.kind === 'signal' &&
        fact.event.id === story.id &&
        fact.event.intervals.length > 0 &&
        fact.event.revision >= event.revision
      )
        event = fact.event
      else if ((fact.kind === 'accepted' || fact.kind === 'outage') && fact.event === story.no) {
        excluded.clear()
        for (const i of fact.excluded) excluded.add(i)
      } else if (fact.kind === 'joined' && fact.event === story.no)
        fact.who.forEach((i, k) => {
          if (fact.why[k] !== 0) excluded.add(i)
        })
    },
  }
}

/** Why the fleet is not known; undefined: it is. */
export function whyNoFleet(pack: Pack): string | undefined {
  if (only(pack, 'opened').length > 0) return 'the fleet stands in the state that this log began with'
  const gone = only(pack, 'fleet').find(e => e.missing.length > 0)
  return gone && `part of entry ${gone.leaf}, the fleet, is missing`
}
export const isAbout = <F extends Fact>({ fact }: Read<F>, { no }: Story): boolean => 'event' in fact && fact.event === no
