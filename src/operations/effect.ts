import type { Ask, Instant, Programme, Target } from '../core/model.ts'
import type { State } from '../core/state.ts'
import { chargersUnder, freshPowerW, type Latest, leastW, limitOf, type Standing, standingAt } from '../core/views.ts'

/** What an emergency is expected to do, by what meters say now. Every charger under the node is in exactly one of the counts. */
export type Effect = {
  readonly chargers: number
  /** Will be commanded: drawing, idle, not metered, or offline (those are limited when they come back). */
  readonly commanded: number
  readonly drawing: number
  readonly idle: number
  readonly unknown: number
  readonly offline: number
  /** Will not be. */
  readonly notEnrolled: number
  readonly unconsented: number
  readonly optedOut: number
  readonly refused: number
  /** Among the commanded. */
  readonly withoutConsent: number
  readonly optOutsOverridden: number
  /** Among the commanded: their boxes wait by chance, up to `lateS`, before they follow. */
  readonly late: number
  readonly lateS: number
  /** Metered load of the node now, what is expected to go, and what of the ask cannot be met. */
  readonly loadW: number
  readonly cutW: number
  readonly unreachableW: number
}
export type EffectQuestion = {
  readonly targets: readonly Target[]
  readonly ask: Ask
  readonly programme: Programme
  /** Is there a recorded ground for using chargers without consent or enrolment? */
  readonly basis: boolean
}

const used: ReadonlySet<Standing> = new Set(['drawing', 'idle', 'unknown', 'offline'])

/** Pure. Readings older than `freshMs` are unknown and promise nothing. */
export function predictedEffect(s: State, q: EffectQuestion, latest: Latest, nowMs: Instant, freshMs: number): Effect {
  const nowS = Math.floor(nowMs / 1000)
  const enrolment = s.enrolments.get(q.programme.id)
  const n = { drawing: 0, idle: 0, unknown: 0, offline: 0, notEnrolled: 0, unconsented: 0, optedOut: 0, refused: 0 }
  let [commanded, withoutConsent, optOutsOverridden, late, lateS, loadW, eachW, usableW] = [0, 0, 0, 0, 0, 0, 0, 0]
  const who = chargersUnder(s.fleet, q.targets)
  for (const charger of who) {
    const powerW = freshPowerW(latest, charger, nowMs, freshMs)
    loadW += Math.max(0, powerW)
    const basis = enrolment?.[charger] ?? 0
    let standing = standingAt(s, charger, basis, powerW, nowS)
    if ((standing === 'unconsented' || standing === 'notEnrolled') && q.basis) {
      standing = standingAt(s, charger, 1, powerW, nowS)
      if (used.has(standing)) withoutConsent++
    }
    if (standing === 'optedOut' && !q.programme.overrideInEmergency) {
      standing = reachable(s, charger, powerW)
      optOutsOverridden++
    }
    n[standing]++
    if (!used.has(standing)) continue
    commanded++
    const ownS = s.fleet.ownDelayS[charger]!
    if (ownS > 0) late++
    lateS = Math.max(lateS, ownS)
    if (standing !== 'drawing') continue
    const { ask } = q
    // A ceiling or a named limit may pause a charger; a reduction stops at the programme's floor.
    usableW += Math.max(0, powerW - (ask.kind === 'shed' ? leastW(s.fleet, charger, q.programme.floorW) : 0))
    if (ask.kind !== 'cap' && ask.kind !== 'shed') eachW += Math.max(0, powerW - limitOf(s.fleet, charger, ask, q.programme.floorW))
  }
  const askedW = q.ask.kind === 'cap' ? Math.max(0, loadW - q.ask.totalW) : q.ask.kind === 'shed' ? q.ask.totalW : eachW
  const cutW = Math.min(askedW, usableW)
  return {
    chargers: who.length,
    commanded,
    ...n,
    withoutConsent,
    optOutsOverridden,
    late,
    lateS,
    loadW,
    cutW,
    unreachableW: Math.max(0, askedW - cutW),
  }
}
function reachable(s: State, charger: number, powerW: number): 'offline' | 'unknown' | 'idle' | 'drawing' {
  if (s.up[s.fleet.station[charger]!] !== 1) return 'offline'
  if (powerW < 0) return 'unknown'
  return powerW < 1 ? 'idle' : 'drawing'
}
