import type { Zone } from '../../src/core/verify/calendar.ts'
import { instantOf } from '../scenario/clock.ts'
import type { Scenario, ScenarioEvent } from '../scenario/schema.ts'

export type AskedSpan = readonly [fromS: number, toS: number]

/** When the operators of a scenario ask for something, by their last word. What feeders ask by themselves (overloads) is another in each run, and not here. */
export function askedOf({ zone, start, events }: Pick<Scenario, 'zone' | 'start' | 'events'>): AskedSpan[] {
  const startS = instantOf(zone as Zone, start, 0)
  return events.flatMap(e => spanOf(e, text => instantOf(zone as Zone, text, startS)))
}
function spanOf({ intervals, changes }: ScenarioEvent, at: (text: string) => number): AskedSpan[] {
  const last = changes.at(-1)
  const asked = last && last.intervals.length > 0 ? last.intervals : intervals
  const fromS = at(asked[0]!.from)
  const end = asked.at(-1)!
  const cancelledS = last?.intervals.length === 0 ? at(last.announced) : Number.POSITIVE_INFINITY
  const toS = Math.min(at(end.from) + end.forS, cancelledS)
  return toS > fromS ? [[fromS, toS]] : []
}
