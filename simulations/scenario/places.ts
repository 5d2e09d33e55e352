import type { Built } from './build.ts'
import type { Played } from './play.ts'

/** Where an event acts, as the scenario names it. */
export function placeOf({ scenario: { overloads }, built: { expected } }: Pick<Played, 'scenario' | 'built'>, id: string): string {
  const overload = /^overload-(\d+)$/.exec(id)
  const handed = expected.handed.flatMap(h => h.events)
  const told = expected.asked.find(e => e.id === id)?.target ?? handed.find(e => e.id === id)?.place
  return told ?? overloads[Number(overload?.[1] ?? 0) - 1]?.place ?? 'all'
}
/** Where something is asked, in the order of the scenario. */
export const placesAsked = ({ asked, handed }: Built['expected']): string[] => [
  ...asked.map(e => e.target),
  ...handed.flatMap(h => h.events.map(e => e.place)),
]
/** The place's own column among `recorded.nodes`; -1 where it is not watched. */
export const nodeIndex = ({ recorded }: Played, place: string): number => recorded.nodes.findIndex(n => n.name === place)
