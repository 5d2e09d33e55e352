import type { ChargerNo, Input, NodeNo, Second } from '../../src/core/model.ts'
import type { Zone } from '../../src/core/verify/calendar.ts'
import { stream } from '../fleet/chance.ts'
import type { ModelCharger, ModelLink } from '../model/link.ts'
import { instantOf } from './clock.ts'
import type { IncidentSetting } from './incidentSchema.ts'
import { isUnder, nodeOf } from './nodes.ts'
import { ScenarioError } from './read.ts'
import type { Scenario } from './schema.ts'

/** An incident with its instants and those whom it meets. `toS` is infinite where nothing ends it. */
export type Incident = { readonly of: IncidentSetting; readonly fromS: Second; readonly toS: number; readonly who: readonly ChargerNo[] }
/** Something that is done to the model at an instant. */
export type Deed = { readonly atS: Second; readonly run: () => void }

type Fleet = Input & { readonly kind: 'fleet' }
/** `kinds`: of each charger. */
type Where = {
  readonly fleet: Fleet
  readonly kinds: readonly Scenario['fleet']['kinds'][number][]
  readonly zone: Zone
  readonly startS: Second
  readonly seed: string
}

/**
 * The incidents of a scenario, each with its chargers. Who is of a share is drawn for each charger from a stream that the incident names: one more incident, or one
 * more charger, shifts nobody else, and of two shares the smaller one's chargers are among the larger one's.
 * @throws ScenarioError for a place, backend, model or charger that there is none of
 */
export function incidentsOf(scenario: Scenario, where: Where): Incident[] {
  const faults = scenario.incidents.flatMap((x, k) => strangers(x, scenario).map(fault => `incidents.${k}: ${fault}`))
  if (faults.length > 0) throw new ScenarioError(faults)
  return scenario.incidents.map(of => {
    const fromS = instantOf(where.zone, of.at, where.startS)
    return { of, fromS, toS: of.forS === undefined ? Number.POSITIVE_INFINITY : fromS + of.forS, who: met(of, where) }
  })
}
function strangers(x: IncidentSetting, { fleet }: Scenario): string[] {
  const out: string[] = []
  const has = (key: 'backend' | 'model', value: string) => fleet.kinds.some(k => k[key] === value)
  if (x.backend !== undefined && !has('backend', x.backend)) out.push(`no kind has the backend ${x.backend}`)
  if (x.what === 'bridgeDies') return out
  if (x.model !== undefined && !has('model', x.model)) out.push(`no kind is the model ${x.model}`)
  const beyond = x.chargers?.find(no => no >= fleet.chargers)
  if (beyond !== undefined) out.push(`there is no charger ${beyond}, the last one is ${fleet.chargers - 1}`)
  return out
}
function met(x: IncidentSetting, { fleet, kinds, seed }: Where): ChargerNo[] {
  if (x.what === 'bridgeDies') return []
  const top = nodeOf(fleet, x.place)
  const named = x.chargers && new Set(x.chargers)
  return [...fleet.chargers.no].filter(
    i =>
      (x.backend === undefined || kinds[i]!.backend === x.backend) &&
      (x.model === undefined || kinds[i]!.model === x.model) &&
      (named === undefined || named.has(i)) &&
      isUnder(fleet, fleet.chargers.station[i]!, top) &&
      (x.share === undefined || stream(seed, `incident ${nameOf(x)} ${i}`)() < x.share),
  )
}
const nameOf = (x: IncidentSetting): string => x.id ?? `${x.what} ${x.at}`

/** How each charger answers and obeys while an incident lasts: a property of the charger, for the whole run. */
export function scriptsOf(incidents: readonly Incident[]): ReadonlyMap<ChargerNo, Pick<ModelCharger, 'ignored' | 'script'>> {
  const out = new Map<ChargerNo, { ignored?: NonNullable<ModelCharger['ignored']>; script?: NonNullable<ModelCharger['script']> }>()
  for (const { of, fromS, toS, who } of incidents)
    for (const no of who) {
      const { ignored = [], script = [] } = out.get(no) ?? {}
      const known = out.get(no) ?? {}
      if (of.what === 'acceptAndIgnore') out.set(no, { ...known, ignored: [...ignored, { fromS, toS }] })
      if (of.what === 'reject') out.set(no, { ...known, script: [...script, { what: 'reject', fromS, toS, reason: of.reason }] })
      if (of.what === 'late') out.set(no, { ...known, script: [...script, { what: 'late', fromS, toS, answerMs: of.answerS * 1000 }] })
    }
  return out
}

/** What happens to links and supply. Who is hit by two at once is back when both are over. */
export function deedsOf(
  { of, fromS, toS, who }: Incident,
  { station }: Fleet['chargers'],
  model: ModelLink,
  seed: string,
  endS: Second,
): Deed[] {
  const stations = [...new Set(who.map(i => station[i]!))]
  const lose = (atS: Second): Deed => ({ atS, run: () => stations.forEach(model.lose) })
  switch (of.what) {
    case 'offline':
    case 'linksLost':
    case 'backendOutage':
      return [lose(fromS), { atS: toS, run: () => stations.forEach(model.regain) }]
    case 'powerCut':
      return [{ atS: fromS, run: () => stations.forEach(s => model.powerCut(s, Math.min(toS, endS) * 1000)) }]
    case 'reconnectStorm': {
      const chances = stations.map(s => stream(seed, `storm ${nameOf(of)} ${s}`))
      const rounds: Deed[] = []
      const lastS = of.everyS === undefined ? fromS + 1 : Math.min(toS, endS)
      for (let atS = fromS; atS < lastS; atS += of.everyS ?? 1)
        rounds.push(
          lose(atS),
          ...regained(
            stations,
            chances.map(chance => atS + 1 + Math.floor(chance() * of.withinS)),
            model,
          ),
        )
      return rounds
    }
    case 'reject':
    case 'acceptAndIgnore':
    case 'late':
    case 'bridgeDies':
      return []
  }
}
/** Those that are back in the same second are back together. */
function regained(stations: readonly NodeNo[], atS: readonly Second[], model: ModelLink): Deed[] {
  const bySecond = new Map<Second, NodeNo[]>()
  stations.forEach((station, k) => bySecond.set(atS[k]!, [...(bySecond.get(atS[k]!) ?? []), station]))
  return [...bySecond].map(([s, back]) => ({ atS: s, run: () => back.forEach(model.regain) }))
}
