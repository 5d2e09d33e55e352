import type { Target } from '../../src/core/model.ts'
import { createHandedOver } from '../grid/handedOver.ts'
import type { World } from '../model/world.ts'
import { type HandedList, placeOfTarget } from './asked.ts'
import { type Built, targetsOf } from './build.ts'
import { ScenarioError } from './read.ts'

/** The VTN of a list in this world: its targets are places of this fleet. */
export function handedOver(world: World, { setting }: Built, { list, events }: HandedList, answers: Map<string, string>) {
  const known = new Map<string, readonly Target[]>()
  for (const { kind, id } of events.flatMap(e => e.forms.flatMap(f => f.event.targets))) {
    const place = placeOfTarget(list, kind, id)
    const found =
      place === undefined
        ? undefined
        : targetsAt(
            setting.fleet,
            place,
            list.targets.some(t => t.value === id),
          )
    if (found) known.set(`${kind} ${id}`, found)
  }
  return createHandedOver(
    () => (world.isAlive() ? world.engine() : undefined),
    {
      peer: list.peer,
      venID: list.venID ?? 'gridbridge',
      markets: list.markets,
      fleet: targetsOf(setting.fleet, 'all'),
      resolve: (scheme, value) => known.get(`${scheme} ${value}`),
    },
    (eventID, answer) => answers.set(eventID, answer),
  )
}
/** A name of the file that only looks like a place is a name that nobody knows; a place that the scenario says must be there. */
function targetsAt(fleet: Built['setting']['fleet'], place: string, isSaid: boolean): readonly Target[] | undefined {
  try {
    return targetsOf(fleet, place)
  } catch (error) {
    if (isSaid || !(error instanceof ScenarioError)) throw error
    return undefined
  }
}
