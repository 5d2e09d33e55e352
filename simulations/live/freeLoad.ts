import type { Second } from '../../src/core/model.ts'
import { createPhysics } from '../model/physics.ts'
import type { Built } from '../scenario/build.ts'
import { isUnder, nodeOf } from '../scenario/nodes.ts'

/** What the chargers of a scenario draw under a place, limited by nobody, W. An instant before the start is the start. */
export function freeLoad({ setting: { fleet, chargers, cars }, startS }: Built): (place: string, atS: Second) => number {
  return (place, atS) => {
    const top = nodeOf(fleet, place)
    const physics = createPhysics(chargers, cars, startS)
    physics.advance(Math.max(startS, atS))
    return chargers.reduce((sum, c, i) => sum + (isUnder(fleet, fleet.chargers.station[i]!, top) ? physics.powerW(c.no) : 0), 0)
  }
}
