import { type ChargerColumns, type ChargerNo, type NodeColumns, nodeKinds } from '../core/model.ts'
import { groupOf } from '../core/reliability.ts'
import type { State } from '../core/state.ts'
import { optionalColumns, told } from '../engine/capabilities.ts'
import type { Capabilities, NodeRecord } from '../ports.ts'

export type ChargerRecord = { readonly no: ChargerNo; readonly station: number; readonly capabilities: Capabilities }
/** Share of accepted commands obeyed that a charger stands at before any was tested, in 1/1000. */
export const UNTESTED = 830

/** What the planner knows of chargers, in order of their numbers. What State has learned of a known one (its reliability) stays. */
export function chargerColumns(records: readonly ChargerRecord[], state: State): ChargerColumns {
  const sorted = [...records].sort((a, b) => a.no - b.no)
  const from = (value: (r: ChargerRecord) => number) => sorted.map(value)
  const facts = sorted.map(r => ({ no: r.no, ...told(r.capabilities) }))
  return {
    no: Uint32Array.from(from(r => r.no)),
    station: Uint32Array.from(from(r => r.station)),
    minW: Int32Array.from(facts, c => c.minW),
    maxW: Int32Array.from(facts, c => c.maxW),
    phases: Uint8Array.from(facts, c => c.phases),
    voltageV: Uint16Array.from(facts, c => c.voltageV),
    depth: Uint16Array.from(facts, c => c.depth),
    onLinkLoss: Uint8Array.from(facts, c => c.onLinkLoss),
    limitsAtStation: Uint8Array.from(facts, c => c.limitsAtStation),
    leastW: Int32Array.from(facts, c => c.leastW),
    stepW: Int32Array.from(facts, c => c.stepW),
    group: Uint16Array.from(
      from(r => (r.capabilities.group === undefined ? (state.fleet.group[r.no] ?? 0) : groupOf(r.capabilities.group))),
    ),
    ...optionalColumns(state.fleet, facts),
    reliability: Uint16Array.from(from(r => (r.no < state.fleet.chargers ? state.fleet.reliability[r.no]! : UNTESTED))),
  }
}

/** The tree, in order of numbers. A limit of a known node stays; a new one has none. */
export function nodeColumns(records: readonly NodeRecord[], state: State): NodeColumns {
  const sorted = [...records].sort((a, b) => a.no - b.no)
  return {
    no: Uint32Array.from(sorted.map(r => r.no)),
    parent: Int32Array.from(sorted.map(r => r.parent)),
    kind: Uint8Array.from(sorted.map(r => nodeKinds.indexOf(r.kind))),
    limitW: Int32Array.from(sorted.map(r => (r.no < state.fleet.nodes ? state.fleet.nodeLimitW[r.no]! : -1))),
  }
}
