import { blobsOf, evidenceOf } from '../core/codec.ts'
import type { ChargerNo, HashHex, NodeNo } from '../core/model.ts'
import type { Engine } from '../engine.ts'
import type { Alias } from '../ports.ts'
import { consentKey } from './fleetPlan.ts'
import { done, type Result, refuse } from './result.ts'
import type { Numbers } from './subjectFacts.ts'

/** A person as the bridge knows one: a box with all its chargers, or a driver's token. */
export type Subject =
  | { readonly kind: 'token'; readonly key: string }
  | {
      readonly kind: 'box'
      readonly station: NodeNo
      readonly chargers: readonly ChargerNo[]
      /** Nodes of the network that hold nothing but this box: a site is often an address. */
      readonly nodes: readonly NodeNo[]
      readonly aliases: readonly Alias[]
      /** What the outside calls the box, its chargers and its own nodes. */
      readonly names: readonly string[]
    }
export type Box = Extract<Subject, { kind: 'box' }>

export const tokenPrefix = 'ocpp.token:'
export const tokenKey = (token: string): string => tokenPrefix + token
export const numbersOf = (box: Box): Numbers => ({ chargers: new Set(box.chargers), nodes: new Set(box.nodes) })
/** Keys of values that the bridge or an adapter keeps for a box: by convention the number is the part after the name. */
export function settingsOf(engine: Engine, { station, chargers }: Box): string[] {
  const ofChargers = new Set(chargers.flatMap(c => [consentKey(c), `ocpp.tx:${c}`]))
  return [...engine.registry.keys('')].filter(
    key => ofChargers.has(key) || (/^ocpp\.(limitKey|released|station|ceiling|clock|key):(\d+)/.exec(key)?.[2] ?? '') === String(station),
  )
}

/** By external id, identity, number, any alias (an MPAN, say), or a driver's token. */
export function findSubject(engine: Engine, id: string): Result<Subject> {
  const { registry } = engine
  const station = registry.stationByIdentity(id) ?? stationOfCharger(engine, id) ?? stationOfAlias(engine, id)
  if (station !== undefined) return done(boxOf(engine, station.no))
  if (registry.get(tokenKey(id)) !== undefined) return done({ kind: 'token', key: tokenKey(id) })
  return refuse(
    'notFound',
    'subject-not-found',
    'nobody is known by that',
    'use an external id, the identity of a box, a number, an MPAN or a token',
  )
}
function stationOfCharger({ registry }: Engine, id: string) {
  const no = registry.chargerByExternalId(id) ?? (/^\d{1,9}$/.test(id) ? Number(id) : undefined)
  return no === undefined ? undefined : registry.charger(no)?.station
}
function stationOfAlias({ registry }: Engine, id: string) {
  for (const { value, targets } of registry.aliases()) {
    const only = targets.length === 1 && value === id ? targets[0] : undefined
    if (only?.kind === 'charger') return registry.charger(only.charger)?.station
    if (only?.kind === 'node' && registry.station(only.node)) return registry.station(only.node)
  }
  return undefined
}

function boxOf({ registry }: Engine, no: NodeNo): Box {
  const station = registry.station(no)!
  const chargers = station.evses.map(e => e.charger)
  const nodes: NodeNo[] = [no]
  const site = registry.node(registry.node(no)?.parent ?? -1)
  const others = [...registry.nodes()].filter(n => n.parent === site?.no && n.no !== no)
  if (site?.kind === 'site' && others.length === 0) nodes.push(site.no)
  const isOurs = (a: Alias) =>
    a.targets.length > 0 && a.targets.every(t => (t.kind === 'charger' ? chargers.includes(t.charger) : nodes.includes(t.node)))
  const aliases = [...registry.aliases()].filter(isOurs)
  const names = [
    station.identity,
    ...chargers.map(c => registry.charger(c)?.externalId ?? ''),
    ...aliases.map(a => a.value),
    ...nodes.map(n => registry.node(n)?.name ?? ''),
  ]
  return { kind: 'box', station: no, chargers, nodes, aliases, names: [...new Set(names)].filter(n => n !== '') }
}

/** By what a person is found in messages, and behind which numbers it stands. */
export type Person = {
  readonly names: readonly string[]
  /** What people may have called the person in their own words. */
  readonly spoken: readonly string[]
  readonly numbers: Numbers
  /** Nodes whose names are no secret to the person: its own, and all above. */
  readonly places: ReadonlySet<NodeNo>
  /** Keys of what is kept for it. */
  readonly settings: ReadonlySet<string>
}
export function personOf(engine: Engine, subject: Subject, spoken: readonly string[]): Person {
  if (subject.kind === 'token') {
    const none = { chargers: new Set<ChargerNo>(), nodes: new Set<NodeNo>() }
    return { names: [subject.key.slice(tokenPrefix.length)], spoken, numbers: none, places: new Set(), settings: new Set([subject.key]) }
  }
  const places = new Set<NodeNo>()
  for (let node = subject.station as number; node >= 0; node = engine.registry.node(node)?.parent ?? -1) places.add(node)
  return { names: subject.names, spoken, numbers: numbersOf(subject), places, settings: new Set(settingsOf(engine, subject)) }
}

/** Lets others have their turn: a long log is read beside the work of the bridge, not instead of it. */
export type Breathe = () => Promise<void>

/** Every leaf that has evidence outside, with what it is. */
export async function* leavesWithEvidence(
  engine: Engine,
  breathe: Breathe,
): AsyncGenerator<{ leaf: Uint8Array; evidence: ReturnType<typeof evidenceOf> }> {
  for await (const leaves of engine.journal.read(0)) {
    await breathe()
    for (const leaf of leaves) if (blobsOf(leaf).length > 0) yield { leaf, evidence: evidenceOf(leaf) }
  }
}
export const textOf = async (engine: Engine, hash: HashHex): Promise<string> =>
  Buffer.from((await engine.journal.blob(hash)) ?? new Uint8Array(0)).toString('utf8')
