import { type NodeKind, nodeKinds } from '../core/model.ts'
import type { Registry } from '../ports.ts'
import type { VerifiedFact } from './history.ts'
import { nameOfCharger, pathName } from './names.ts'
import { done, type Result, refuse } from './result.ts'

/**
 * Who gets a statement: each charger, each group of the outside (an alias of the scheme `groupID`: an aggregator's customer, a fleet), each node of a kind (a site,
 * a feeder, ...), or the event as a whole.
 */
export const participantKinds = ['charger', 'group', 'event', ...nodeKinds] as const
export type ParticipantKind = (typeof participantKinds)[number]

/** Chargers that belong to no participant of the kind asked for: their share is shown, not lost. */
const NOBODY = '(none)'

/** The participant of each charger of the verdict. */
export function participantsOf(registry: Registry, event: string, { who }: VerifiedFact, by: ParticipantKind): Result<string[]> {
  if (by === 'group') return groupsOf(registry, who)
  if (by === 'event') return done(Array.from(who, () => event))
  return done(Array.from(who, i => (by === 'charger' ? nameOfCharger(registry, i) : nodeOf(registry, i, by))))
}
/** The path of the node of a kind above it; where the tree has no sites, its station. A charger whose person was erased has no name but its number. */
function nodeOf(registry: Registry, charger: number, kind: NodeKind): string {
  const station = registry.charger(charger)?.station.no
  if (station === undefined) return String(charger)
  for (let at: number = station; at >= 0; ) {
    const node = registry.node(at)
    if (!node) break
    if (node.kind === kind) return pathName(registry, at)
    at = node.parent
  }
  return kind === 'site' ? pathName(registry, station) : NOBODY
}
/** Money cannot be given twice: a charger in two groups is refused, with both names. */
function groupsOf(registry: Registry, who: Uint32Array): Result<string[]> {
  const groupOf = new Map<number, string>()
  const mine = new Set(who)
  for (const { scheme, value, targets } of registry.aliases()) {
    if (scheme !== 'groupID') continue
    for (const target of targets) {
      if (target.kind !== 'charger' || !mine.has(target.charger)) continue
      const other = groupOf.get(target.charger)
      if (other !== undefined && other !== value)
        return refuse(
          'conflict',
          'group-overlap',
          `charger ${nameOfCharger(registry, target.charger)} is in the groups ${JSON.stringify(other)} and ${JSON.stringify(value)}`,
          'settle by site or by charger, or put each charger in one group',
        )
      groupOf.set(target.charger, value)
    }
  }
  return done(Array.from(who, i => groupOf.get(i) ?? NOBODY))
}
