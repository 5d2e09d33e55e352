import { type ChargerColumns, type ChargerNo, type Input, linkLossTraits, type NodeNo } from '../core/model.ts'
import { groupOf } from '../core/reliability.ts'
import type { Fleet } from '../core/state.ts'
import { setOf } from '../core/steps.ts'
import type { Capabilities, Registry } from '../ports.ts'

/** Chargers given per station, in one column set and one fact, however many boxes told of themselves since the last turn. */
export type Discovered = ReadonlyMap<NodeNo, Capabilities>

/** The fleet fact that follows from what boxes can do; undefined if the plan knows all of it already. */
export function fleetFact(f: Fleet, registry: Registry, discovered: Discovered): (Input & { kind: 'fleet' }) | undefined {
  const rows = [...discovered].flatMap(([station, c]) => changed(f, registry, station, c))
  if (rows.length === 0) return undefined
  return {
    kind: 'fleet',
    nodes: { no: new Uint32Array(0), parent: new Int32Array(0), kind: new Uint8Array(0), limitW: new Int32Array(0) },
    chargers: {
      no: Uint32Array.from(rows, r => r.no),
      station: Uint32Array.from(rows, r => r.station),
      minW: Int32Array.from(rows, r => r.minW),
      maxW: Int32Array.from(rows, r => r.maxW),
      phases: Uint8Array.from(rows, r => r.phases),
      voltageV: Uint16Array.from(rows, r => r.voltageV),
      depth: Uint16Array.from(rows, r => r.depth),
      onLinkLoss: Uint8Array.from(rows, r => r.onLinkLoss),
      limitsAtStation: Uint8Array.from(rows, r => r.limitsAtStation),
      leastW: Int32Array.from(rows, r => r.leastW),
      stepW: Int32Array.from(rows, r => r.stepW),
      reliability: Uint16Array.from(rows, r => f.reliability[r.no]!),
      group: Uint16Array.from(rows, r => r.group ?? f.group[r.no]!),
      ...optionalColumns(f, rows),
    },
  }
}

/** The finest step of the wire, A: OCPP limits have one decimal. */
const FINEST_A = 0.1
/** What the plan must know of a box. Power is at the nominal voltage: the least rounded up, to the box's own steps too, the greatest down. */
export const told = (c: Capabilities) => ({
  minW: leastRunningW(c),
  maxW: Math.floor(c.maxA * c.phases * c.voltageV),
  leastW: c.takesZero ? 0 : leastRunningW(c),
  stepW: c.stepsA ? widest(stepsW(c)) : c.stepA > FINEST_A ? Math.ceil(c.stepA * c.phases * c.voltageV) : 0,
  steps: stepsW(c),
  phases: c.phases as number,
  voltageV: c.voltageV,
  depth: c.depth,
  onLinkLoss: linkLossTraits.indexOf(c.onLinkLoss),
  limitsAtStation: c.limitsAt === 'station' ? 1 : 0,
  ownDelayS: c.ownRandomDelayS ?? 0,
  gridPhases: phaseBits(c.gridPhases ?? ''),
  ...(c.group === undefined ? {} : { group: groupOf(c.group) }),
})
/** Left out of the record where nobody has one, or had. */
export const optionalColumns = (f: Fleet, rows: readonly (Optional & { readonly no: ChargerNo })[]): Partial<ChargerColumns> => ({
  ...(isTold(f, rows, 'ownDelayS') ? { ownDelayS: Uint16Array.from(rows, r => r.ownDelayS) } : {}),
  ...(rows.some(r => r.steps.length > 0 || (f.stepSet[r.no] ?? 0) > 0) ? stepColumns(rows) : {}),
  ...(isTold(f, rows, 'gridPhases') ? { gridPhases: Uint8Array.from(rows, r => r.gridPhases) } : {}),
})
function stepColumns(rows: readonly Optional[]): Pick<ChargerColumns, 'stepSet' | 'stepSets'> {
  const all = new Map(rows.filter(r => r.steps.length > 0).map(r => [r.steps.join(), r.steps]))
  const names = [...all.keys()]
  return { stepSet: Uint16Array.from(rows, r => names.indexOf(r.steps.join()) + 1), stepSets: [...all.values()] }
}
type Optional = { readonly ownDelayS: number; readonly gridPhases: number; readonly steps: readonly number[] }
const isTold = (f: Fleet, rows: readonly (Optional & { readonly no: ChargerNo })[], column: 'ownDelayS' | 'gridPhases'): boolean =>
  rows.some(r => r[column] > 0 || (f[column][r.no] ?? 0) > 0)
/** `L2L3` as bits. */
const phaseBits = (text: string): number => ['L1', 'L2', 'L3'].reduce((bits, name, k) => bits | (text.includes(name) ? 1 << k : 0), 0)
/** The maker's set as watts, as far as they can be told at all. */
const stepsW = ({ stepsA = [], minA, maxA, phases, voltageV }: Capabilities): number[] =>
  stepsA.filter(a => a > 0 && a >= minA && a <= maxA).map(a => Math.ceil(a * phases * voltageV))
const widest = (steps: readonly number[]): number => steps.reduce((most, w, k) => Math.max(most, k === 0 ? 0 : w - steps[k - 1]!), 0)
const leastRunningW = (c: Capabilities): number => stepsW(c)[0] ?? leastOfEqual(c)
const leastOfEqual = ({ minA, stepA, phases, voltageV }: Capabilities): number =>
  Math.ceil((stepA > FINEST_A ? Math.ceil(minA / stepA - 1e-9) * stepA : minA) * phases * voltageV)
type Row = ReturnType<typeof told> & { no: ChargerNo; station: NodeNo }

function changed(f: Fleet, registry: Registry, station: NodeNo, c: Capabilities): Row[] {
  const { steps, ...now } = told(c)
  const columns = Object.keys(now) as (keyof typeof now)[]
  const evses = registry.station(station)?.evses ?? []
  return evses
    .map(e => e.charger)
    .filter(i => i < f.chargers && (columns.some(k => f[k][i] !== now[k]) || (setOf(f, i)?.join() ?? '') !== steps.join()))
    .map(no => ({ no, station, ...now, steps }))
}
