import type { NodeNo } from '../../src/core/model.ts'
import { nodeKinds } from '../../src/core/model.ts'
import type { ChargerSpec } from '../fleet/index.ts'
import type { Built } from '../scenario/build.ts'

const heads =
  'external_id,identity,licence_area,gsp,primary,feeder,site,group_id,security_profile,password,phases,voltage_v,max_current_a,programme,consent,consent_date,consent_text'
/** The columns of the places above a station, from the top. */
const levels = nodeKinds.slice(0, -1)

/**
 * The boxes of a scenario as a fleet file for `gridbridge fleet import`, enrolled in its programme. The places above each, as the scenario names them
 * (`feeder/3`), are groups as well: a VTN that plays the same scenario finds them by their groupID.
 */
export function fleetFile({ setting: { fleet } }: Pick<Built, 'setting'>, boxes: readonly ChargerSpec[], programme: string): string {
  const places = placesOf(fleet.nodes)
  const rows = boxes.map((box, i) => {
    const above = levels.map(() => '')
    for (let no = fleet.nodes.parent[fleet.chargers.station[i]!]!; no >= 0; no = fleet.nodes.parent[no]!)
      above[fleet.nodes.kind[no]!] = places[no]!
    return [
      ...[box.identity, box.identity, ...above.map(place => place.replace('/', ' ')), above.join('|')],
      ...[1, box.password, box.phases, box.voltageV ?? 230, box.maxA, programme, 'yes', '2026-10-02', 'simulated'],
    ].join(',')
  })
  return `${[heads, ...rows].join('\n')}\n`
}
/** By node: its kind, and its number among those of the kind. */
function placesOf({ kind }: Built['setting']['fleet']['nodes']): string[] {
  const counts = nodeKinds.map(() => 0)
  return Array.from(kind, (k: number, _: NodeNo) => `${nodeKinds[k]}/${counts[k]!++}`)
}
