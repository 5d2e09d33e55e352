import {
  type ChargerColumns,
  type Input,
  linkLossTraits,
  type NodeColumns,
  type NodeKind,
  nodeKinds,
  type Programme,
} from '../../src/core/model.ts'
import { programmeDefaults } from '../../src/core/programme.ts'

export type ChargerSpec = {
  readonly phases?: 1 | 2 | 3
  readonly maxA?: number
  readonly depth?: number
  readonly reliability?: number
  readonly onLinkLoss?: (typeof linkLossTraits)[number]
  /** Station within the fleet; chargers with the same one share it. Each its own by default. */
  readonly station?: number
  readonly limitsAtStation?: boolean
  /** False: it is told its least power instead of a pause. */
  readonly pauses?: boolean
  readonly stepW?: number
  /** The only limits that it takes besides a pause, W. */
  readonly steps?: readonly number[]
  /** Bit k: it may load phase k + 1. */
  readonly gridPhases?: number
  /** It waits by chance, up to so long, before it follows. */
  readonly ownDelayS?: number
}
const VOLTAGE_V = 230

/** A fleet fact: one tree from a licence area down to `perSite` stations a site, `perFeeder` sites a feeder, and so on upwards. */
export function fleetOf(
  specs: readonly ChargerSpec[],
  shape: { perSite?: number; perFeeder?: number; perPrimary?: number; perGsp?: number } = {},
): Input & { kind: 'fleet' } {
  const fan = [shape.perGsp ?? 4, shape.perPrimary ?? 4, shape.perFeeder ?? 4, shape.perSite ?? 4]
  const stationOf = specs.map((s, i) => s.station ?? i)
  const stations = stationOf.reduce((m, s) => Math.max(m, s), -1) + 1
  const levels: number[] = [stations]
  for (const n of fan.toReversed()) levels.unshift(Math.max(1, Math.ceil(levels[0]! / n)))
  levels.unshift(1)
  const first: number[] = []
  let total = 0
  for (const n of levels) {
    first.push(total)
    total += n
  }
  const nodes = {
    no: Uint32Array.from({ length: total }, (_, i) => i),
    parent: new Int32Array(total).fill(-1),
    kind: new Uint8Array(total),
    limitW: new Int32Array(total).fill(-1),
  }
  levels.forEach((n, level) => {
    for (let k = 0; k < n; k++) {
      const no = first[level]! + k
      nodes.kind[no] = level
      if (level > 0)
        nodes.parent[no] = first[level - 1]! + (level === 1 ? 0 : Math.min(levels[level - 1]! - 1, Math.floor(k / fan[level - 2]!)))
    }
  })
  return {
    kind: 'fleet',
    nodes,
    chargers: chargersOf(
      specs,
      stationOf.map(s => first.at(-1)! + s),
    ),
  }
}
function stepsOf(specs: readonly ChargerSpec[]): Pick<ChargerColumns, 'stepSet' | 'stepSets'> {
  const stepSets = specs.flatMap(s => (s.steps ? [s.steps] : []))
  let next = 0
  return stepSets.length === 0 ? {} : { stepSets, stepSet: Uint16Array.from(specs, s => (s.steps ? ++next : 0)) }
}
function chargersOf(specs: readonly ChargerSpec[], station: readonly number[]): ChargerColumns {
  const phases = specs.map(s => s.phases ?? 1)
  return {
    no: Uint32Array.from(specs, (_, i) => i),
    station: Uint32Array.from(station),
    minW: Int32Array.from(specs, (s, i) => s.steps?.[0] ?? 6 * phases[i]! * VOLTAGE_V),
    maxW: Int32Array.from(specs, (s, i) => (s.maxA ?? 32) * phases[i]! * VOLTAGE_V),
    phases: Uint8Array.from(phases),
    voltageV: new Uint16Array(specs.length).fill(VOLTAGE_V),
    depth: Uint16Array.from(specs, s => s.depth ?? 0),
    onLinkLoss: Uint8Array.from(specs, s => linkLossTraits.indexOf(s.onLinkLoss ?? 'holds')),
    limitsAtStation: Uint8Array.from(specs, s => (s.limitsAtStation ? 1 : 0)),
    leastW: Int32Array.from(specs, (s, i) => (s.pauses === false ? 6 * phases[i]! * VOLTAGE_V : 0)),
    stepW: Int32Array.from(specs, s => s.stepW ?? 0),
    ...stepsOf(specs),
    ...(specs.some(s => s.gridPhases) ? { gridPhases: Uint8Array.from(specs, s => s.gridPhases ?? 0) } : {}),
    ...(specs.some(s => s.ownDelayS) ? { ownDelayS: Uint16Array.from(specs, s => s.ownDelayS ?? 0) } : {}),
    reliability: Uint16Array.from(specs, s => s.reliability ?? 1000),
  }
}
/** First node of a kind in a fleet fact: the top of a tree for `licenceArea`. */
export const nodesOfKind = (nodes: NodeColumns, kind: NodeKind): number[] =>
  [...nodes.no].filter(no => nodes.kind[no] === nodeKinds.indexOf(kind))

export const testProgramme = (change: Partial<Programme> = {}): Programme => ({
  id: 'flex',
  version: 1,
  ...programmeDefaults,
  maxDurationS: 86_400,
  maxEventsPerDay: 1_000,
  ...change,
})
export const everyoneEnrolled = (n: number, programme = 'flex'): Input & { kind: 'enrolled' } => ({
  kind: 'enrolled',
  programme,
  who: Uint32Array.from({ length: n }, (_, i) => i),
  basis: new Uint8Array(n).fill(1),
})
