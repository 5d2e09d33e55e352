import { NEVER_S, nodeKinds, type Target } from '../core/model.ts'
import type { Verified } from '../core/verify/record.ts'
import type { NodeRecord, Registry } from '../ports.ts'
import type { Level } from '../report/levels.ts'
import { type ChargerRows, levelKinds, NOT_JUDGED, type ReportedEvent } from '../report/model.ts'
import { pathName } from './names.ts'
import type { EventFacts } from './reportFacts.ts'
import type { Metered } from './reportMeters.ts'
import type { Span } from './reportSeries.ts'

type Nodes = Pick<Registry, 'node'>

/** Who asked for what, of whom. */
export function reportedEvent({ event, ...facts }: EventFacts, registry: Nodes, withNames: boolean): ReportedEvent {
  return {
    ...{ no: facts.no, id: event.id, adapter: event.source.adapter, peer: event.source.peer, class: event.class },
    ...{ programme: event.programme, programmeVersion: facts.accepted?.programmeVersion ?? null, revision: event.revision },
    ...{ test: event.test, declined: facts.declined, receivedMs: facts.signal.atMs },
    cancelledS: facts.cancelledS >= NEVER_S ? null : facts.cancelledS,
    targets: event.targets.map(t => targetText(t, facts.fleet, registry, withNames)),
    intervals: event.intervals,
    spread: facts.accepted ? { startS: facts.accepted.spread.startS, endS: facts.accepted.spread.endS } : null,
    members: facts.members.length,
  }
}
/** From a site on downwards a name may be somebody's address. */
const PRIVATE_FROM = nodeKinds.indexOf('site')
function targetText(t: Target, fleet: EventFacts['fleet'], registry: Nodes, withNames: boolean): string {
  if (t.kind === 'charger') return `charger ${t.charger}`
  return nodeText(t.node, fleet, registry, withNames)
}
function nodeText(node: number, fleet: EventFacts['fleet'], registry: Nodes, withNames: boolean): string {
  const kind = fleet.nodeKind[node] ?? PRIVATE_FROM
  const isNamed = (withNames || kind < PRIVATE_FROM) && registry.node(node) !== undefined
  return isNamed ? pathName(registry, node) : `${nodeKinds[kind] ?? 'node'} ${node}`
}

/** Nodes that a report names without being asked to: of the network, above the members and the targets. */
export function namedNodes({ event, members, fleet }: EventFacts, registry: Nodes): NodeRecord[] {
  const seen = new Set<number>()
  const up = (from: number): void => {
    for (let node = from; node >= 0 && !seen.has(node); node = fleet.parent[node] ?? -1) seen.add(node)
  }
  for (const charger of members) up(fleet.station[charger]!)
  for (const target of event.targets) if (target.kind === 'node') up(target.node)
  const isPublic = (node: number): boolean => (fleet.nodeKind[node] ?? PRIVATE_FROM) < PRIVATE_FROM
  return [...seen].sort((a, b) => a - b).flatMap(node => (isPublic(node) ? (registry.node(node) ?? []) : []))
}

/** The node of a kind above a charger; -1: none. */
function above({ fleet }: EventFacts, charger: number, kind: number): number {
  for (let node = fleet.station[charger]!; node >= 0; node = fleet.parent[node]!) if (fleet.nodeKind[node] === kind) return node
  return -1
}
/** The levels that a report has sums of. */
export function levelsIn(facts: EventFacts, registry: Nodes, withNames: boolean): Level[] {
  const { members, fleet, event } = facts
  const nodeLevel = (level: (typeof nodeKinds)[number]): Level => ({
    level: level as Level['level'],
    of: row => above(facts, members[row]!, nodeKinds.indexOf(level)),
    name: no => nodeText(no, fleet, registry, withNames),
  })
  return levelKinds.map(level => {
    if (level === 'event') return { level, of: () => 0, name: () => event.id }
    if (level === 'programme') return { level, of: () => 0, name: () => event.programme }
    if (level === 'group') return { level, of: row => fleet.group[members[row]!] || -1, name: no => `group ${no}` }
    return nodeLevel(level)
  })
}

/** A row for each charger of the targets: the verdict's own figures where it has them, else what the meters say. */
export function chargerRows(facts: EventFacts, verdict: Verified | undefined, meters: Metered, window: Span): ChargerRows {
  const { members, fleet, told } = facts
  const own = new Map<number, number>()
  verdict?.who.forEach((charger, row) => own.set(charger, row))
  const hours = (window.toS - window.fromS) / 3600
  const pick = <T>(of: (charger: number, m: number, row: number) => T): T[] => Array.from(members, (c, m) => of(c, m, own.get(c) ?? -1))
  const baselineWh = Float64Array.from(meters.baselineW, w => w * hours)
  const actualWh = Float64Array.from(pick((_, m, row) => energyOfRow(verdict, row) ?? meters.windowWh[m]!))
  return {
    charger: members,
    station: Uint32Array.from(pick(c => fleet.station[c]!)),
    site: Int32Array.from(pick(c => above(facts, c, nodeKinds.indexOf('site')))),
    feeder: Int32Array.from(pick(c => above(facts, c, nodeKinds.indexOf('feeder')))),
    group: Uint16Array.from(pick(c => fleet.group[c] ?? 0)),
    verdict: Uint8Array.from(pick((_, __, row) => verdict?.verdict[row] ?? NOT_JUDGED)),
    cause: Uint8Array.from(pick((_, __, row) => verdict?.cause[row] ?? NOT_JUDGED)),
    answer: Uint8Array.from(pick(c => told.answer[c]!)),
    limitW: Float64Array.from(pick(c => told.limitW[c]!)),
    commandedMs: Float64Array.from(pick(c => told.commandedMs[c]!)),
    answeredMs: Float64Array.from(pick(c => told.answeredMs[c]!)),
    baselineWh,
    actualWh,
    deliveredWh: baselineWh.map((wh, m) => wh - actualWh[m]!),
    coverage: coverageColumn(verdict, own, members, meters, window),
    counted: Uint8Array.from(meters.counted, is => (is ? 1 : 0)),
    flaws: meters.flaws,
  }
}
/** The verdict's own, where it has it; in a log of before it had not. */
function coverageColumn(
  verdict: Verified | undefined,
  rowOf: ReadonlyMap<number, number>,
  members: Uint32Array,
  meters: Metered,
  window: Span,
) {
  const meteredS = verdict?.energy?.meteredS
  return meters.windowCoverage.map((share, m) => {
    const row = rowOf.get(members[m]!)
    const ownS = row === undefined ? undefined : meteredS?.[row]
    return ownS === undefined ? share : Math.min(1, ownS / Math.max(1, window.toS - window.fromS))
  })
}
/** What the verdict itself has of a charger; undefined where it has no energies, or they have expired. */
function energyOfRow(verdict: Verified | undefined, row: number): number | undefined {
  const count = verdict?.periods?.startS.length ?? 0
  const energy = verdict?.energy
  if (row < 0 || count === 0 || !energy || energy.actualWh.length < (row + 1) * count) return undefined
  let wh = 0
  for (let t = 0; t < count; t++) wh += energy.actualWh[row * count + t]!
  return wh
}

/** External ids by number: personal. */
export function namesOf({ members }: EventFacts, registry: Pick<Registry, 'charger'>): Record<number, string> {
  const out: Record<number, string> = {}
  for (const charger of members) {
    const id = registry.charger(charger)?.externalId
    if (id) out[charger] = id
  }
  return out
}
