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
 * Brings what members share in total down to what each phase leaves, by the same rule: the scarcest phase first, and nobody is ever given more than before.
 * So each ceiling is met; it is not always used up, for a three-phase charger that one phase brings down loads the others less as well. `shortW`: what the
 * worst phase lacks even with everybody on it at the least, as watts.
 */
export function withinPhases(
  f: Fleet,
  members: Uint32Array,
  shares: Int32Array,
  of: Sharers,
  rule: Sharing,
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
  return { watts, shortW: Math.ceil(shortW) }
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
  const column = (value: (m: number) => number) => Int32Array.from(who, value)
  const milliamps = (m: number, w: number) => milliampsOf(f, members[m]!, w)
  const now = column(m => milliamps(m, watts[m]!))
  const { watts: shares, shortW: short } = share(
    budget,
    {
      order: Uint32Array.from(who, m => of.order[m]!),
      pauseW: column(m => milliamps(m, Math.min(of.pauseW[m]!, watts[m]!))),
      minW: column(m => milliamps(m, of.minW[m]!)),
      maxW: now,
      stepW: column(m => milliamps(m, of.stepW[m]!)),
      ...(of.setOf ? { setOf: (j: number) => of.setOf?.(who[j]!)?.map(w => milliamps(who[j]!, w)) } : {}),
    },
    rule,
  )
  who.forEach((m, j) => {
    const i = members[m]!
    if (shares[j]! < now[j]!) watts[m] = toldW(of, m, Math.floor((shares[j]! * f.phases[i]! * f.voltageV[i]!) / 1_000))
  })
  return short
}
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
