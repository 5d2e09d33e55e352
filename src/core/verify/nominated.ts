import { rangesOf } from '../members.ts'
import type { Fact, NodeNo, Second, Target } from '../model.ts'
import type { State } from '../state.ts'
import type { Ruleset } from './baseline/ruleset.ts'
import type { Baselines } from './baselines.ts'
import { localDay, slotS } from './calendar.ts'
import { type Periods, periodsIn } from './periods.ts'
import { MISSING, type Nominated, type NominationUsed, type VerdictTerms } from './record.ts'
import { overlapS, type Window } from './window.ts'

/** What a unit said that it would draw: W in steps from `fromS` on, `MISSING` where it said nothing. `atS`: when it was recorded. */
export type Nomination = {
  readonly fromS: Second
  readonly stepS: number
  readonly meanW: Int32Array
  readonly atS: Second
}
/** By the node that is the unit: everything below it, metered or not. In the order in which they were recorded. */
export type Nominations = Map<NodeNo, readonly Nomination[]>

/** Until the verdict of an event can be nothing new any more. */
const KEPT_S = 60 * 86_400
/** Of one unit; who nominates more often than that loses the oldest. */
const MOST_OF_UNIT = 400

const endS = ({ fromS, stepS, meanW }: Nomination): Second => fromS + stepS * meanW.length

/** In place. */
export function applyNominated(s: State, { node, fromS, stepS, meanW }: Extract<Fact, { kind: 'nominated' }>, nowS: Second): void {
  const before = s.nominations.get(node) ?? []
  s.nominations.set(node, [...before, { fromS, stepS, meanW, atS: nowS }].slice(-MOST_OF_UNIT))
  for (const [no, list] of s.nominations) {
    const left = list.filter(x => endS(x) + KEPT_S > nowS)
    if (left.length === 0) s.nominations.delete(no)
    else if (left.length < list.length) s.nominations.set(no, left)
  }
}

type Deadline = Extract<Ruleset['method'], { kind: 'nominated' }>['deadline']
/** By when a value for an instant must have been recorded, by the clock of the ruleset's zone. */
export function nominationDueS({ daysBefore, atMin }: Deadline, zone: Ruleset['zone'], atS: Second): Second {
  return slotS(zone, localDay(zone, atS) - daysBefore, atMin, 1_440)
}

/**
 * The nominations that count for an event: of units that lie wholly within its targets (what a unit said of itself says nothing of a part of it), that say
 * something of every moment of the window, and in time. Of a unit within such a unit nothing is needed. Of two values for a step the later in time counts.
 */
export function nominatedFor(
  s: Pick<State, 'fleet' | 'nominations'>,
  targets: readonly Target[],
  who: Uint32Array,
  window: Window,
  ruleset: Ruleset,
  periodS: number,
): Nominated {
  const { method: m, zone } = ruleset
  const periods = periodsIn(window, periodS)
  const out = { node: [] as number[], sentS: [] as number[], meanW: [] as number[], ignored: [] as number[] }
  const unitOf = new Int32Array(who.length).fill(-1)
  if (m.kind !== 'nominated') return columnsOf(out, unitOf)
  const isInTime = (x: Nomination, atS: Second): boolean => x.atS <= nominationDueS(m.deadline, zone, atS)
  const rowAt = new Int32Array(s.fleet.chargers).fill(-1)
  who.forEach((i, r) => (rowAt[s.fleet.position[i]!] = r))
  for (const { node, from, to } of unitsIn(s, targets)) {
    const list = s.nominations.get(node)!
    for (const x of list) if (stepsIn(x, window).some(atS => !isInTime(x, atS))) out.ignored.push(node)
    const rows = rowAt.subarray(from, to).filter(r => r >= 0 && unitOf[r] === -1)
    const own = rows.length === 0 ? undefined : overPeriods(list, periods, isInTime)
    if (!own) continue
    for (const r of rows) unitOf[r] = out.node.length
    out.node.push(node)
    out.sentS.push(own.sentS)
    out.meanW.push(...own.meanW)
  }
  return columnsOf(out, unitOf)
}
const columnsOf = (out: Readonly<Record<'node' | 'sentS' | 'meanW' | 'ignored', number[]>>, unitOf: Int32Array): Nominated => ({
  node: Uint32Array.from(out.node),
  sentS: Uint32Array.from(out.sentS),
  meanW: Float64Array.from(out.meanW),
  unitOf,
  ignored: Uint32Array.from(out.ignored),
})

/** Nodes with nominations whose chargers all are under the targets, the largest first. */
function unitsIn(
  s: Pick<State, 'fleet' | 'nominations'>,
  targets: readonly Target[],
): { readonly node: NodeNo; readonly from: number; readonly to: number }[] {
  const ranges = rangesOf(s.fleet, targets)
  return [...s.nominations.keys()]
    .filter(node => node < s.fleet.nodes)
    .map(node => ({ node, from: s.fleet.nodeFrom[node]!, to: s.fleet.nodeTo[node]! }))
    .filter(unit => unit.to > unit.from && ranges.some(r => r.from <= unit.from && unit.to <= r.to))
    .sort((a, b) => b.to - b.from - (a.to - a.from) || a.node - b.node)
}

/** Starts of the steps that touch a window and say something. */
function stepsIn(x: Nomination, window: Window): Second[] {
  const starts = Array.from(x.meanW, (_, k) => x.fromS + k * x.stepS)
  return starts.filter((atS, k) => x.meanW[k] !== MISSING && overlapS({ fromS: atS, toS: atS + x.stepS }, window) > 0)
}

/** Mean power in each period; undefined where a part of one was not nominated in time. */
function overPeriods(list: readonly Nomination[], { startS, endS: ends }: Periods, isInTime: (x: Nomination, atS: Second) => boolean) {
  let sentS = 0
  const meanW: number[] = []
  for (let t = 0; t < startS.length; t++) {
    let ws = 0
    for (let atS = startS[t]!; atS < ends[t]!; ) {
      const found = list.findLast(x => wattsAt(x, atS) !== MISSING && isInTime(x, stepAt(x, atS)))
      if (!found) return undefined
      // the next step of any of them may be said by another
      const untilS = Math.min(ends[t]!, ...list.filter(x => x.fromS <= atS && endS(x) > atS).map(x => stepAt(x, atS) + x.stepS))
      const nextS = Math.min(untilS, ...list.map(x => (x.fromS > atS ? x.fromS : untilS)))
      ws += wattsAt(found, atS) * (nextS - atS)
      sentS = Math.max(sentS, found.atS)
      atS = nextS
    }
    meanW.push(ws / (ends[t]! - startS[t]!))
  }
  return { sentS, meanW }
}
const stepAt = (x: Nomination, atS: Second): Second => x.fromS + Math.floor((atS - x.fromS) / x.stepS) * x.stepS
const wattsAt = (x: Nomination, atS: Second): number =>
  atS < x.fromS || atS >= endS(x) ? MISSING : x.meanW[Math.floor((atS - x.fromS) / x.stepS)]!

/**
 * What a unit nominated, shared among its chargers by their rated power: a share of its own nobody nominated. So the sum of a unit is what it said, and a charger
 * that is not metered takes its share with it: nothing is delivered there.
 */
export function nominatedBaselines({ nominated: n, maxW }: VerdictTerms, periods: Periods): Baselines {
  const count = periods.hours.length
  const wh = new Float64Array(maxW.length * count).fill(Number.NaN)
  const ratedW = new Float64Array(n?.node.length ?? 0)
  n?.unitOf.forEach((u, r) => {
    if (u >= 0) ratedW[u]! += maxW[r]!
  })
  n?.unitOf.forEach((u, r) => {
    for (let t = 0; t < count && u >= 0; t++) wh[r * count + t] = (n.meanW[u * count + t]! * periods.hours[t]! * maxW[r]!) / ratedW[u]!
  })
  const insufficient = Uint8Array.from(maxW, (_, r) => ((n?.unitOf[r] ?? -1) >= 0 ? 0 : 1))
  return { wh, from: 'other', insufficient, outTurn: new Uint8Array(maxW.length) }
}
export const nominationUsed = ({ node, unitOf, ignored }: Nominated): NominationUsed => ({
  units: node.length,
  chargers: unitOf.reduce((n, u) => n + (u >= 0 ? 1 : 0), 0),
  ignored: ignored.length,
})
