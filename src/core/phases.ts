import type { PhaseAmps } from './model.ts'
import { type Sharers, type Sharing, share } from './share.ts'
import type { Fleet } from './state.ts'
import { lowerIn } from './steps.ts'

/**
 * Ceilings in amps on L1, L2 and L3. A charger that is known to be on some of them loads those alone; one of which nothing is known may be on any, and counts
 * in full on each. Three phases are loaded alike by a limit, whatever the car does with it, since a limit in amps is per phase.
 */
export const PHASES = [0, 1, 2] as const
/** In a column of grid phases: bit k is phase k; 0: not known. */
const ANY = 0b111
export const isOn = (gridPhases: number, k: number): boolean => (((gridPhases || ANY) >> k) & 1) === 1

/** The grid phases a charger may load: those of its whole box where that takes one limit for all, since it divides as it likes. */
export function phasesOf(f: Fleet, i: number): number {
  if (f.limitsAtStation[i] === 0) return f.gridPhases[i]! || ANY
  const station = f.station[i]!
  let all = 0
  for (let p = f.nodeFrom[station]!; p < f.nodeTo[station]!; p++)
    if (f.station[f.order[p]!] === station) all |= f.gridPhases[f.order[p]!]! || ANY
  return all
}
/** Thousandths of an amp on each phase that a limit of `w` allows. Rounded up. */
const milliampsOf = (f: Fleet, i: number, w: number): number => Math.ceil((w * 1_000) / (f.phases[i]! * f.voltageV[i]!) - 1e-6)
/** What is metered is a sum: on three phases one car may draw it from one of them, though never more than the box has on each. */
const meteredMilliamps = (f: Fleet, i: number, w: number): number =>
  Math.min(Math.ceil((w * 1_000) / f.voltageV[i]!), Math.max(milliampsOf(f, i, f.maxW[i]!), milliampsOf(f, i, w)))

/** A member whose load is not shared out: what it draws or may draw, W, and whether that was metered. */
export type Outside = { readonly m: number; readonly w: number; readonly metered: boolean }

/**
 * Brings what members share of `totalW` down to what each phase leaves, by the same rule, the scarcest phase first. A three-phase charger that one phase brings
 * down loads the others less as well: what that leaves of a phase, and of the total, goes by the same rule to those who can use it, so that nothing of a
 * ceiling lies idle that would be of use to anybody (less than one charger's least may). `shortW`: what the worst phase lacks even with everybody on it at
 * the least, as watts.
 */
export function withinPhases(
  f: Fleet,
  members: Uint32Array,
  shares: Int32Array,
  of: Sharers,
  rule: Sharing,
  totalW: number,
  limitA: PhaseAmps,
  outside: readonly Outside[],
): { readonly watts: Int32Array; readonly shortW: number } {
  const watts = shares.slice()
  const gridPhases = Uint8Array.from(members, i => phasesOf(f, i))
  const budget = PHASES.map(k => Math.floor(limitA[k] * 1_000))
  for (const { m, w, metered } of outside)
    for (const k of PHASES)
      if (isOn(gridPhases[m]!, k)) budget[k]! -= metered ? meteredMilliamps(f, members[m]!, w) : milliampsOf(f, members[m]!, w)
  const loads = () => PHASES.map(k => loadOn(f, members, watts, of, gridPhases, k))
  const atFirst = loads()
  const voltageV = members.reduce((v, i) => Math.max(v, f.voltageV[i]!), 0)
  let shortW = 0
  for (const k of [...PHASES].sort((a, b) => budget[a]! / Math.max(1, atFirst[a]!) - budget[b]! / Math.max(1, atFirst[b]!))) {
    if (loads()[k]! <= budget[k]!) continue
    shortW = Math.max(shortW, (sharePhase(f, members, watts, of, rule, gridPhases, k, budget[k]!) * voltageV) / 1_000)
  }
  if (watts.some((w, m) => w < shares[m]!)) fillUp(f, members, watts, of, rule, gridPhases, totalW, budget)
  return { watts, shortW: Math.ceil(shortW) }
}

/** The sets of phases on which chargers are, those of one phase first: who loads several has met more than one ceiling. */
const SETS = [0b001, 0b010, 0b100, 0b011, 0b101, 0b110, 0b111]
/** Shares out anew, set by set, what those on the same phases have and what all of these have left. */
function fillUp(
  f: Fleet,
  members: Uint32Array,
  watts: Int32Array,
  of: Sharers,
  rule: Sharing,
  gridPhases: Uint8Array,
  totalW: number,
  budget: readonly number[],
): void {
  const milliamps = (m: number, w: number) => milliampsOf(f, members[m]!, w)
  let idleW = totalW
  for (let m = 0; m < members.length; m++) if (isSharing(of, m)) idleW -= watts[m]!
  for (const set of SETS) {
    const who = Array.from(members.keys()).filter(m => isSharing(of, m) && gridPhases[m] === set)
    if (!who.some(m => watts[m]! < of.maxW[m]!)) continue
    const perAmpW = who.reduce((w, m) => Math.max(w, f.phases[members[m]!]! * f.voltageV[members[m]!]!), 0)
    const idle = PHASES.filter(k => isOn(set, k)).map(k => budget[k]! - loadOn(f, members, watts, of, gridPhases, k))
    const more = Math.min(...idle, Math.floor((idleW * 1_000) / perAmpW))
    if (more <= 0) continue
    const has = who.reduce((sum, m) => sum + milliamps(m, watts[m]!), 0)
    const shares = shareAmps(
      f,
      members,
      who,
      has + more,
      m => milliamps(m, of.maxW[m]!),
      m => of.pauseW[m]!,
      of,
      rule,
    ).watts
    const next = who.map((m, j) => wattsOf(f, members, of, m, shares[j]!))
    const gainW = next.reduce((sum, w, j) => sum + w - watts[who[j]!]!, 0)
    if (gainW <= 0) continue
    next.forEach((w, j) => (watts[who[j]!] = w))
    idleW -= gainW
  }
}

const isSharing = (of: Sharers, m: number): boolean => of.maxW[m]! > 0 || of.pauseW[m]! > 0
function loadOn(f: Fleet, members: Uint32Array, watts: Int32Array, of: Sharers, gridPhases: Uint8Array, k: number): number {
  let sum = 0
  for (let m = 0; m < members.length; m++) if (isSharing(of, m) && isOn(gridPhases[m]!, k)) sum += milliampsOf(f, members[m]!, watts[m]!)
  return sum
}

/** Shares out one phase among those on it, in milliamps, each up to what it has. Returns what is missing, mA. */
function sharePhase(
  f: Fleet,
  members: Uint32Array,
  watts: Int32Array,
  of: Sharers,
  rule: Sharing,
  gridPhases: Uint8Array,
  k: number,
  budget: number,
): number {
  const who = Array.from(members.keys()).filter(m => isSharing(of, m) && isOn(gridPhases[m]!, k))
  const now = who.map(m => milliampsOf(f, members[m]!, watts[m]!))
  const paused = (m: number) => Math.min(of.pauseW[m]!, watts[m]!)
  const { watts: shares, shortW: short } = shareAmps(f, members, who, budget, (_, j) => now[j]!, paused, of, rule)
  who.forEach((m, j) => {
    if (shares[j]! < now[j]!) watts[m] = wattsOf(f, members, of, m, shares[j]!)
  })
  return short
}
/** The rule for watts, in milliamps; `mostOf` in milliamps, `pauseOf` in watts. */
function shareAmps(
  f: Fleet,
  members: Uint32Array,
  who: readonly number[],
  budget: number,
  mostOf: (m: number, j: number) => number,
  pauseOf: (m: number) => number,
  of: Sharers,
  rule: Sharing,
) {
  const column = (value: (m: number, j: number) => number) => Int32Array.from(who, value)
  const milliamps = (m: number, w: number) => milliampsOf(f, members[m]!, w)
  return share(
    budget,
    {
      order: Uint32Array.from(who, m => of.order[m]!),
      pauseW: column(m => milliamps(m, pauseOf(m))),
      minW: column(m => milliamps(m, of.minW[m]!)),
      maxW: column(mostOf),
      stepW: column(m => milliamps(m, of.stepW[m]!)),
      ...(of.setOf ? { setOf: (j: number) => of.setOf?.(who[j]!)?.map(w => milliamps(who[j]!, w)) } : {}),
    },
    rule,
  )
}
/** What the charger can be told within so many milliamps. */
const wattsOf = ({ phases, voltageV }: Fleet, members: Uint32Array, of: Sharers, m: number, milliamps: number): number =>
  toldW(of, m, Math.floor((milliamps * phases[members[m]!]! * voltageV[members[m]!]!) / 1_000))
/** Down to what the charger can be told. */
function toldW(of: Sharers, m: number, w: number): number {
  if (w < of.minW[m]!) return of.pauseW[m]!
  const set = of.setOf?.(m)
  if (set) return lowerIn(set, w)
  return of.stepW[m] === 0 ? w : w - ((w - of.minW[m]!) % of.stepW[m]!)
}

/** Is any phase loaded beyond its ceiling by these limits? A negative one is none: then a charger counts at `mostW`. */
export function isAbovePhases(
  f: Fleet,
  members: Uint32Array,
  watts: Int32Array,
  mostW: Int32Array,
  limitA: PhaseAmps,
  outside: readonly Outside[],
): boolean {
  const left = PHASES.map(k => Math.floor(limitA[k] * 1_000))
  const isOutside = new Set(outside.map(o => o.m))
  for (const { m, w, metered } of outside)
    for (const k of PHASES)
      if (isOn(phasesOf(f, members[m]!), k)) left[k]! -= metered ? meteredMilliamps(f, members[m]!, w) : milliampsOf(f, members[m]!, w)
  for (let m = 0; m < members.length; m++) {
    if (isOutside.has(m)) continue
    const w = milliampsOf(f, members[m]!, watts[m]! < 0 ? mostW[m]! : watts[m]!)
    for (const k of PHASES) if (isOn(phasesOf(f, members[m]!), k)) left[k]! -= w
  }
  return left.some(x => x < 0)
}
