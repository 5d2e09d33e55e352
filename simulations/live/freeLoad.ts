import type { Second } from '../../src/core/model.ts'
import { createPhysics } from '../model/physics.ts'
import { type Built, nodeOf } from '../scenario/build.ts'

/** What the chargers of a scenario draw under a place, limited by nobody, W. An instant before the start is the start. */
export function freeLoad({ setting: { fleet, chargers, cars }, startS }: Built): (place: string, atS: Second) => number {
  const { parent } = fleet.nodes
  return (place, atS) => {
    const top = nodeOf(fleet, place)
    const isUnder = (no: number): boolean => no === top || (parent[no]! >= 0 && isUnder(parent[no]!))
    const physics = createPhysics(chargers, cars, startS)
    physics.advance(Math.max(startS, atS))
    return chargers.reduce((sum, c, i) => sum + (isUnder(fleet.chargers.station[i]!) ? physics.powerW(c.no) : 0), 0)
  }
}
