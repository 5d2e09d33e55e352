import type { ChargerColumns, NodeColumns } from './model.ts'
import { grown } from './rows.ts'
import type { Fleet } from './state.ts'
import { mergedSets } from './steps.ts'

/**
 * The fleet after new or changed nodes and chargers. Numbers are dense and append-only; a known number is updated, the next ones are added.
 * Throws a RangeError on a number with a gap before it or a parent that does not exist: the importer gives numbers, so that is a bug.
 */
export function withChanges(f: Fleet, nodes: NodeColumns, chargers: ChargerColumns): Fleet {
  const nodeCount = countAfter(f.nodes, nodes.no)
  const chargerCount = countAfter(f.chargers, chargers.no)
  const out: Fleet = {
    ...f,
    nodes: nodeCount,
    parent: grown(f.parent, nodeCount).slice(0, nodeCount),
    nodeKind: grown(f.nodeKind, nodeCount).slice(0, nodeCount),
    nodeLimitW: grown(f.nodeLimitW, nodeCount).slice(0, nodeCount),
    chargers: chargerCount,
    station: grown(f.station, chargerCount).slice(0, chargerCount),
    minW: grown(f.minW, chargerCount).slice(0, chargerCount),
    maxW: grown(f.maxW, chargerCount).slice(0, chargerCount),
    phases: grown(f.phases, chargerCount).slice(0, chargerCount),
    voltageV: grown(f.voltageV, chargerCount).slice(0, chargerCount),
    depth: grown(f.depth, chargerCount).slice(0, chargerCount),
    onLinkLoss: grown(f.onLinkLoss, chargerCount).slice(0, chargerCount),
    limitsAtStation: grown(f.limitsAtStation, chargerCount).slice(0, chargerCount),
    leastW: grown(f.leastW, chargerCount).slice(0, chargerCount),
    stepW: grown(f.stepW, chargerCount).slice(0, chargerCount),
    stepSet: grown(f.stepSet, chargerCount).slice(0, chargerCount),
    reliability: grown(f.reliability, chargerCount).slice(0, chargerCount),
    group: grown(f.group, chargerCount).slice(0, chargerCount),
    gridPhases: grown(f.gridPhases, chargerCount).slice(0, chargerCount),
    ownDelayS: grown(f.ownDelayS, chargerCount).slice(0, chargerCount),
  }
  nodes.no.forEach((no, k) => {
    out.parent[no] = nodes.parent[k]!
    out.nodeKind[no] = nodes.kind[k]!
    out.nodeLimitW[no] = nodes.limitW[k]!
  })
  const columns = ['station', 'minW', 'maxW', 'phases', 'voltageV', 'depth', 'onLinkLoss', 'limitsAtStation', 'reliability'] as const
  for (const column of columns) chargers.no.forEach((no, k) => (out[column][no] = chargers[column][k]!))
  for (const column of ['leastW', 'stepW', 'group', 'ownDelayS', 'gridPhases'] as const) {
    const told = chargers[column]
    if (told) chargers.no.forEach((no, k) => (out[column][no] = told[k]!))
  }
  if (chargers.stepSet) {
    const { sets, numberOf } = mergedSets(f.stepSets, chargers.stepSets ?? [])
    out.stepSets = sets
    chargers.no.forEach((no, k) => (out.stepSet[no] = numberOf(chargers.stepSet![k]!)))
  }
  return ordered(out)
}

function countAfter(count: number, numbers: Uint32Array): number {
  let next = count
  for (const no of numbers) {
    if (no > next) throw new RangeError(`number ${no} leaves a gap after ${next - 1}`)
    if (no === next) next++
  }
  return next
}

/** Fills in what is derived from the tree: the depth-first order and each node's range of it. Chargers of a node itself come before its children. */
function ordered(f: Fleet): Fleet {
  const children = grouped(f.parent, f.nodes)
  const own = grouped(f.station, f.nodes)
  const order = new Uint32Array(f.chargers)
  const position = new Uint32Array(f.chargers)
  const nodeFrom = new Uint32Array(f.nodes)
  const nodeTo = new Uint32Array(f.nodes)
  const depth = new Uint8Array(f.nodes)
  let next = 0
  let seen = 0
  const enter = (node: number) => {
    seen++
    nodeFrom[node] = next
    for (let k = own.first[node]!; k < own.first[node + 1]!; k++) {
      position[own.items[k]!] = next
      order[next++] = own.items[k]!
    }
  }
  const cursor = Uint32Array.from(children.first)
  for (let root = 0; root < f.nodes; root++) {
    if (f.parent[root]! >= 0) continue
    const stack = [root]
    enter(root)
    while (stack.length > 0) {
      const node = stack.at(-1)!
      if (cursor[node]! < children.first[node + 1]!) {
        const child = children.items[cursor[node]!++]!
        depth[child] = stack.length
        enter(child)
        stack.push(child)
      } else {
        nodeTo[node] = next
        stack.pop()
      }
    }
  }
  if (seen !== f.nodes) throw new RangeError('the network tree has a cycle')
  if (next !== f.chargers) throw new RangeError('a charger stands at a node that does not exist')
  return { ...f, order, position, nodeFrom, nodeTo, deepestFirst: byDepth(depth) }
}

/** Items grouped by key, in item order: those of key k are items[first[k], first[k + 1]). Negative keys and keys beyond `keys` are left out. */
function grouped(keyOf: Int32Array | Uint32Array, keys: number): { items: Uint32Array; first: Uint32Array } {
  const first = new Uint32Array(keys + 1)
  for (let i = 0; i < keyOf.length; i++) if (keyOf[i]! >= 0 && keyOf[i]! < keys) first[keyOf[i]! + 1]!++
  for (let k = 0; k < keys; k++) first[k + 1]! += first[k]!
  const items = new Uint32Array(first[keys]!)
  const at = Uint32Array.from(first)
  for (let i = 0; i < keyOf.length; i++) if (keyOf[i]! >= 0 && keyOf[i]! < keys) items[at[keyOf[i]!]!++] = i
  return { items, first }
}

function byDepth(depth: Uint8Array): Uint32Array {
  const deepest = depth.reduce((m, d) => Math.max(m, d), 0)
  const { items, first } = grouped(Uint32Array.from(depth), deepest + 1)
  const out = new Uint32Array(depth.length)
  let k = 0
  for (let d = deepest; d >= 0; d--) {
    out.set(items.subarray(first[d]!, first[d + 1]!), k)
    k += first[d + 1]! - first[d]!
  }
  return out
}
