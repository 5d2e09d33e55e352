import type { Programme } from '../model.ts'
import { isStanding } from '../standing.ts'
import type { EventState } from '../state.ts'
import { rulesetAt, rulesets } from './baseline/rulesets.ts'
import { dayText, localDay } from './calendar.ts'
import { METER_BEFORE, type RulesetRef, verificationDefaults } from './record.ts'

/**
 * The ruleset that an event is verified by, fixed when it is accepted: the version that the programme names, or the one in force on the day on which the
 * event begins; where none is in force yet, or any more, the newest. Undefined: `METER_BEFORE`.
 */
export function pinnedFor({ event }: EventState, { verification }: Programme): RulesetRef | undefined {
  const { ruleset: id, version, values } = { ...verificationDefaults, ...verification }
  if (id === METER_BEFORE.id) return undefined
  const known = rulesets.filter(r => r.id === id).sort((a, b) => b.version - a.version)
  const newest = known[0]
  if (!newest) return undefined
  // nobody is held out of these, so there is no group to compare with
  if (newest.method.kind === 'controlGroup' && (event.class === 'emergency' || isStanding(event))) return undefined
  const own = values && Object.keys(values).length > 0 ? { values } : {}
  if (version !== null) return { id, version, ...own }
  const day = dayText(localDay(newest.zone, event.intervals[0]?.fromS ?? 0))
  return { id, version: (rulesetAt(id, day) ?? newest).version, ...own }
}
