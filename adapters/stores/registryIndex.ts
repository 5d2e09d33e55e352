import { type ChargerNo, type NodeKind, type NodeNo, nodeKinds, type Target } from '../../src/core/model.ts'
import type { Alias, Evse, NodeRecord, Registry, RegistryChange, Station } from '../../src/ports.ts'

/** The look-up half of a registry: all in memory, changed only through `apply` and `assign`. */
export type RegistryIndex = Omit<Registry, 'put' | 'set' | 'forget' | 'close'> & {
  apply(change: RegistryChange): void
  drop(names: Parameters<Registry['forget']>[0]): void
  assign(key: string, value: string | null): void
}

/**
 * Names resolve case-sensitively: an alias first, then the names that the fleet itself carries: scheme `externalId` (a charger), `identity`
 * (a station), `node` (names from the root joined by `/`) and the kinds of node, e.g. `feeder`. A name that several nodes of its kind have names
 * none of them: limiting a feeder of another substation would be worse than asking for the whole path. Where a scheme itself has no such name, those
 * that mean the same are asked, see `alsoAs`.
 */
export function createRegistryIndex(): RegistryIndex {
  const nodes = new Map<NodeNo, NodeRecord>()
  const stations = new Map<NodeNo, Station>()
  const byIdentity = new Map<string, NodeNo>()
  const chargers = new Map<ChargerNo, { station: NodeNo; evse: Evse }>()
  const externalIds = new Map<ChargerNo, string>()
  const byExternalId = new Map<string, ChargerNo>()
  const aliases = new Map<string, readonly Target[]>()
  const values = new Map<string, string>()
  let byPath: Map<string, NodeNo> | undefined
  let byKind: Map<string, NodeNo | undefined> | undefined
  let [chargerCount, nodeCount] = [0, 0]

  function putStation(station: Station) {
    const former = stations.get(station.no)
    if (former !== undefined) {
      if (byIdentity.get(former.identity) === former.no) byIdentity.delete(former.identity)
      for (const evse of former.evses) if (chargers.get(evse.charger)?.station === former.no) chargers.delete(evse.charger)
    }
    stations.set(station.no, station)
    byIdentity.set(station.identity, station.no)
    for (const evse of station.evses) {
      chargers.set(evse.charger, { station: station.no, evse })
      chargerCount = Math.max(chargerCount, evse.charger + 1)
    }
  }
  function putExternalId(charger: ChargerNo, externalId: string) {
    const former = externalIds.get(charger)
    if (former !== undefined && byExternalId.get(former) === charger) byExternalId.delete(former)
    externalIds.set(charger, externalId)
    byExternalId.set(externalId, charger)
  }
  function pathOf(node: NodeRecord): string {
    const parent = node.parent === -1 ? undefined : nodes.get(node.parent)
    return parent === undefined ? node.name : `${pathOf(parent)}/${node.name}`
  }
  function nodeByPath(path: string): NodeNo | undefined {
    byPath ??= new Map([...nodes.values()].map(node => [pathOf(node), node.no]))
    return byPath.get(path)
  }
  function nodeOfKind(kind: NodeKind, name: string): NodeNo | undefined {
    if (byKind === undefined) {
      byKind = new Map()
      for (const node of nodes.values()) {
        const key = `${node.kind} ${node.name}`
        byKind.set(key, byKind.has(key) ? undefined : node.no)
      }
    }
    return byKind.get(`${kind} ${name}`)
  }
  const chargerTarget = (charger: ChargerNo | undefined): Target[] | undefined =>
    charger === undefined ? undefined : [{ kind: 'charger', charger }]
  const nodeTarget = (node: NodeNo | undefined): Target[] | undefined => (node === undefined ? undefined : [{ kind: 'node', node }])

  function named(scheme: string, value: string): readonly Target[] | undefined {
    const alias = aliases.get(aliasKey(scheme, value))
    if (alias !== undefined) return alias
    if (scheme === 'externalId') return chargerTarget(byExternalId.get(value))
    if (scheme === 'identity') return nodeTarget(byIdentity.get(value))
    if (scheme === 'node') return nodeTarget(nodeByPath(value))
    return isNodeKind(scheme) ? nodeTarget(nodeOfKind(scheme, value)) : undefined
  }

  return {
    node: no => nodes.get(no),
    nodes: () => nodes.values(),
    station: no => stations.get(no),
    stations: () => stations.values(),
    stationByIdentity: identity => stations.get(byIdentity.get(identity) ?? -1),
    charger(no) {
      const found = chargers.get(no)
      return found && { station: stations.get(found.station)!, evse: found.evse, externalId: externalIds.get(no) ?? '' }
    },
    chargerByExternalId: externalId => byExternalId.get(externalId),
    chargerCount: () => chargerCount,
    nodeCount: () => nodeCount,
    resolve(scheme, value) {
      for (const name of [scheme, ...(alsoAs[scheme] ?? [])]) {
        const found = named(name, value)
        if (found !== undefined) return found
      }
      return undefined
    },
    *aliases(): Iterable<Alias> {
      for (const [key, targets] of aliases) {
        const [scheme, value] = JSON.parse(key) as [string, string]
        yield { scheme, value, targets }
      }
    },
    drop({ externalIds: gone, aliases: names }) {
      for (const charger of gone) {
        const id = externalIds.get(charger)
        if (id !== undefined && byExternalId.get(id) === charger) byExternalId.delete(id)
        externalIds.delete(charger)
      }
      for (const { scheme, value } of names) aliases.delete(aliasKey(scheme, value))
    },
    get: key => values.get(key),
    *keys(prefix) {
      for (const key of values.keys()) if (key.startsWith(prefix)) yield key
    },
    apply(change) {
      for (const node of change.nodes ?? []) {
        nodes.set(node.no, node)
        nodeCount = Math.max(nodeCount, node.no + 1)
        byPath = undefined
        byKind = undefined
      }
      for (const station of change.stations ?? []) putStation(station)
      for (const { charger, externalId } of change.externalIds ?? []) putExternalId(charger, externalId)
      for (const { scheme, value, targets } of change.aliases ?? []) aliases.set(aliasKey(scheme, value), targets)
    },
    assign(key, value) {
      if (value === null) values.delete(key)
      else values.set(key, value)
    },
  }
}

/**
 * What peers call by other names: an EAN is a meter point as an MPAN is, OpenADR 2.0b says `meterAsset` or `serviceDeliveryPoint` for one, `pnode` and
 * `aggregatedPnode` for a node of the network, and its resource may be called as the charger is.
 */
const alsoAs: Readonly<Record<string, readonly string[]>> = {
  ean: ['mpan'],
  mpan: ['ean'],
  meterAsset: ['mpan', 'ean'],
  serviceDeliveryPoint: ['mpan', 'ean'],
  pnode: ['node', 'feeder', 'primary', 'gsp'],
  aggregatedPnode: ['node', 'gsp', 'primary', 'feeder'],
  resourceID: ['externalId'],
  groupName: ['groupID', 'tag'],
}

const isNodeKind = (scheme: string): scheme is NodeKind => (nodeKinds as readonly string[]).includes(scheme)
const aliasKey = (scheme: string, value: string): string => JSON.stringify([scheme, value])
