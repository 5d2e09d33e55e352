import type { Played } from './play.ts'

/** Where an event acts, as the scenario names it. */
export function placeOf({ events, overloads }: Played['scenario'], id: string): string {
  const overload = /^overload-(\d+)$/.exec(id)
  return events.find(e => e.id === id)?.target ?? overloads[Number(overload?.[1] ?? 0) - 1]?.place ?? 'all'
}
/** The place's own column among `recorded.nodes`; -1 where it is not watched. */
export const nodeIndex = ({ recorded }: Played, place: string): number => recorded.nodes.findIndex(n => n.name === place)
