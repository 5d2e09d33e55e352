import { heldToS } from './held.ts'
import { type ChargerNo, chargerVerdicts, type Fact, nonResponses, type Readings, type Second } from './model.ts'
import { grown, limitAt, UNKNOWN } from './rows.ts'
import { phaseOf } from './sessions.ts'
import { type EventState, type Fleet, isUp, type State } from './state.ts'
import type { Verified } from './verify/record.ts'

/*
 * Some cars that were paused at 0 A do not charge again when they are let go (IEC 61851-1 leaves waking up to the car). Whether one did is learned from
 * what the meter shows after a pause that a verdict has found kept; whoever is poor at it is told its least power instead of 0 in routine events.
 */

/** So long after a charger is let go of a pause its meter is looked at; later than the other the look is not worth it: other things have happened. */
export const RESUME_S = 600
export const TOO_LATE_S = 3_600
/** A car takes so long to begin again, and so much of the rest must have readings before it is said that it did not. */
const WAKES_WITHIN_S = 180
const SEEN_AT_LEAST_S = 240

/** By charger number, faded counts in 1/`COUNT`: it charged again after a pause; it did not. Empty until somebody was looked at. */
export type Resumes = { resumed: Uint16Array; stuck: Uint16Array }
const COUNT = 2_048
const FADE = 2 ** (-1 / 20)
/** Before any trial: 95 in 100 do, on the strength of five trials. Two failures without a success are enough to be poor at it. */
const PRIOR = 0.95
const PRIOR_TRIALS = 5
const POOR_BELOW = 0.7

/** Chance that a charger's car charges again after a pause: the mean of a Beta posterior. */
export function resumeChance({ resumed, stuck }: Resumes, i: ChargerNo): number {
  const yes = (resumed[i] ?? 0) / COUNT
  const no = (stuck[i] ?? 0) / COUNT
  return (PRIOR_TRIALS * PRIOR + yes) / (PRIOR_TRIALS + yes + no)
}
/** By charger number, 1 for those who are poor at it; empty where nobody is. As of now: an event keeps what was known when it was accepted. */
export function stayers(s: State): Uint8Array {
  const { learned } = s
  if (!learned.stuck.some(n => n > 0)) return new Uint8Array(0)
  const out = Uint8Array.from(learned.stuck, (_, i) => (resumeChance(learned, i) < POOR_BELOW ? 1 : 0))
  return out.includes(1) ? out : new Uint8Array(0)
}
/** What a pause is told a charger as in an event, W: 0, or its least power where it cannot be paused, or its car hardly comes back from that. */
export const pauseW = (f: Fleet, e: EventState, i: ChargerNo): number =>
  i < e.stays.length && e.stays[i] === 1 ? Math.max(f.leastW[i]!, Math.min(f.minW[i]!, f.maxW[i]!)) : f.leastW[i]!

const COMPLIANT = chargerVerdicts.indexOf('compliant')
const IDLE = nonResponses.indexOf('idle')
/** Remembers of the first verdict of an event who kept a pause to its end, and when each was let go. */
export function rememberPaused(s: State, e: EventState, { who, terms, verdict, cause }: Verified): void {
  if (!terms) return
  who.forEach((i, r) => {
    const last = terms.limitEnds[r]! - 1
    const isPaused = last >= (r === 0 ? 0 : terms.limitEnds[r - 1]!) && terms.limitW[last] === 0
    if (!isPaused || verdict[r] !== COMPLIANT || cause[r] === IDLE || i >= s.fleet.chargers) return
    if (s.pausedS.length < s.fleet.chargers) s.pausedS = grown(s.pausedS, s.fleet.chargers)
    s.pausedS[i] = heldToS(s, e, i)
  })
}

/** Who may be looked at now, in order of numbers. */
export function pausedBy(s: State, nowS: Second): Uint32Array {
  const out: number[] = []
  s.pausedS.forEach((freeS, i) => {
    if (freeS > 0 && freeS + RESUME_S <= nowS && nowS < freeS + TOO_LATE_S) out.push(i)
  })
  return Uint32Array.from(out)
}
/** When the next one may be; Infinity where nobody waits. */
export function nextPausedS(s: State, nowS: Second): Second {
  let least = Infinity
  for (const freeS of s.pausedS) if (freeS > 0 && nowS < freeS + TOO_LATE_S) least = Math.min(least, freeS + RESUME_S)
  return least
}

type Resumed = Extract<Fact, { kind: 'resumed' }>
/** What readings since then say of `who`: it charges again, or it does not although its car is there; nothing of the others. Undefined where of nobody. */
export function resumedOf(s: State, who: Uint32Array, readings: Readings, nowS: Second): Resumed | undefined {
  const drew = new Set<ChargerNo>()
  const seenS = new Map<ChargerNo, number>()
  readings.charger.forEach((i, k) => {
    const freeS = s.pausedS[i] ?? 0
    if (readings.toMs[k]! <= freeS * 1000) return
    if (readings.fromMs[k]! >= freeS * 1000 && readings.powerW[k]! >= s.fleet.minW[i]! / 2) drew.add(i)
    const fromMs = Math.max(readings.fromMs[k]!, (freeS + WAKES_WITHIN_S) * 1000)
    seenS.set(i, (seenS.get(i) ?? 0) + Math.max(0, readings.toMs[k]! - fromMs) / 1000)
  })
  const known = who.filter(i => drew.has(i) || ((seenS.get(i) ?? 0) >= SEEN_AT_LEAST_S && isStuck(s, i, nowS)))
  if (known.length === 0) return undefined
  return { kind: 'resumed', who: known, did: Uint8Array.from(known, i => (drew.has(i) ? 1 : 0)) }
}
/** Free and linked since it was let go, with the car that it had before. */
const isStuck = (s: State, i: ChargerNo, nowS: Second): boolean => {
  const phase = phaseOf(s, i)
  const isThere = phase !== null && phase !== 'none' && s.sinceS[i]! < s.pausedS[i]! && !(s.departS[i]! > 0 && s.departS[i]! <= nowS)
  const isFree = limitAt(s.rows, s.want[i]!, nowS) < 0 && s.holds[i] !== UNKNOWN && limitAt(s.rows, s.holds[i]!, nowS) < 0
  return isThere && isFree && isUp(s, i)
}

export function applyResumed(s: State, { who, did }: Resumed): void {
  const { learned } = s
  for (const column of ['resumed', 'stuck'] as const) learned[column] = grown(learned[column], s.fleet.chargers)
  who.forEach((i, k) => {
    if (i < s.pausedS.length) s.pausedS[i] = 0
    if (i >= s.fleet.chargers) return
    for (const column of [learned.resumed, learned.stuck]) column[i] = Math.round(column[i]! * FADE)
    const column = did[k] === 1 ? learned.resumed : learned.stuck
    column[i] = column[i]! + COUNT
  })
}
