import type { NodeKind, NodeNo } from '../../src/core/model.ts'
import { offsetS } from '../../src/core/verify/calendar.ts'
import { type OtherLoad, sky, sunHeight, unsteady } from '../model/background.ts'
import { nodesOfKind } from '../virtual/fleet.ts'
import type { Built } from './build.ts'
import { nodeOf } from './nodes.ts'
import type { Scenario } from './schema.ts'

/** The nodes of a place, or of a kind alone each of its nodes, as the scenario names them. */
export function nodesAt(
  { setting: { fleet } }: Pick<Built, 'setting'>,
  place: string,
): readonly { readonly node: NodeNo; readonly name: string }[] {
  if (place === 'all' || place.includes('/')) return [{ node: nodeOf(fleet, place), name: place }]
  return nodesOfKind(fleet.nodes, place as NodeKind).map((node, k) => ({ node, name: `${place}/${k}` }))
}

/** The other load that a scenario has at its places, and what is generated there. */
export function otherLoads({ fleet: { background, pv = [] } }: Scenario, built: Built): OtherLoad[] {
  const { zone, seed } = built
  const hourOf = (atS: number) => (((atS + offsetS(zone, atS)) / 3_600) % 24) | 0
  const loads = background.flatMap(b =>
    nodesAt(built, b.place).map(({ node, name }): OtherLoad => {
      const factor = b.spread ? unsteady(seed, name, b.spread) : undefined
      return { node, wAt: atS => b.hourlyW[hourOf(atS)]! * (factor?.(atS) ?? 1) }
    }),
  )
  const panels = pv.flatMap(p =>
    nodesAt(built, p.place).map(
      ({ node }): OtherLoad => ({ node, wAt: atS => -p.peakW * sunHeight(p.latitudeDeg, atS) * sky(seed, atS) || 0 }),
    ),
  )
  return [...loads, ...panels]
}
