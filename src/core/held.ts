import { endsS, offsetS, ownDelayS, releasedS } from './edges.ts'
import { honoursOptOut } from './members.ts'
import { type ChargerNo, type Fact, NEVER_S, type RestoreRule, type Second } from './model.ts'
import { askEndS, type EventState, mayHold, type Restore, releaseSpreadS, type State } from './state.ts'

/*
 * What is remembered of a level-capped restore, and what it means for one charger. From the event's end on, whoever it limits stays at the limit that
 * it has until it is admitted, until nobody waits any more, or until `maxS` after the end; whatever comes last of this and its own staggered end. The
 * admissions themselves are decided in restore.ts.
 */

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** Of a rule in force when the event is accepted; null where its own schedule is the whole of its end. */
export const newRestore = (rule: RestoreRule | undefined): Restore | null =>
  rule?.policy !== 'levelCapped'
    ? null
    : {
        levelCap: rule.levelCap,
        maxS: rule.maxS,
        heldW: new Int32Array(0),
        admittedS: new Uint32Array(0),
        loadW: new Int32Array(0),
        admittedLastS: 0,
        restoredS: NEVER_S,
      }

/** Has the event ended, and is it known whom its restore holds? */
export const isHolding = (e: EventState): e is EventState & { restore: Restore } => (e.restore?.heldW.length ?? 0) > 0

/** A charger's first second after the event by the schedule alone: its staggered end, or its release after a cancellation. */
export const ownEndS = (e: EventState, charger: ChargerNo): Second =>
  Math.min(endsS(e, charger, e.event.intervals.at(-1)?.toS ?? 0), releasedS(e, charger))

/**
 * Until when a charger that the event limits at its end stays limited; its own end where nothing holds it. A driver's opt-out ends it at once and for
 * good, an emergency's too: a restore is none. So does the firmware's refusal.
 */
export function heldToS(s: State, e: EventState, charger: ChargerNo): Second {
  const ownS = ownEndS(e, charger)
  const r = e.restore
  if (!r || ownS === NEVER_S || !mayHold(e)) return ownS
  const endS = askEndS(e)
  const freeS = freedS(s, charger, endS)
  const heldS = Math.max(ownS, Math.min(freeS, letGoS(e, r, charger, endS)))
  if (!isHolding(e)) return freeS <= ownS ? ownS : heldS
  // an opt-out of before the end that an emergency did not honour changes nothing of its own schedule
  if (freeS < endS) return honoursOptOut(s, e) ? freeS : ownS
  return freeS <= ownS ? freeS : heldS
}
/** The first second after the event's end at which a driver or the firmware says no; NEVER_S if neither does. */
function freedS(s: State, charger: ChargerNo, endS: Second): Second {
  let freeS = (s.refusals.get(charger)?.toS ?? 0) > endS ? endS : NEVER_S
  for (const o of s.optOuts.get(charger) ?? []) if (o.toS > endS) freeS = Math.min(freeS, o.fromS)
  return freeS
}
/** When the restore itself lets a charger go: admitted, or when it is over, staggered by rank as the event's own end is. */
function letGoS(e: EventState, r: Restore, charger: ChargerNo, endS: Second): Second {
  const admittedS = charger < r.admittedS.length ? r.admittedS[charger]! : 0
  if (admittedS > 0) return admittedS
  const spreadS = releaseSpreadS(e)
  const ranks = e.spread.endFollowsStart ? e.startRank : e.endRank
  const overS = Math.min(endS + r.maxS - spreadS, r.restoredS)
  return overS + offsetS(ranks, charger, spreadS, ownDelayS(e, charger))
}

// ---- the fold ----------------------------------------------------------------------------------------------------------

export function applyRestoring(s: State, fact: Of<'restoring'>): void {
  const r = s.events.get(fact.event)?.restore
  if (!r) return
  const n = s.fleet.chargers
  r.heldW = new Int32Array(n).fill(-1)
  r.admittedS = new Uint32Array(n)
  r.loadW = new Int32Array(n).fill(-1)
  fact.who.forEach((i, k) => (r.heldW[i] = fact.limitW[k]!))
}
export function applyAdmitted(s: State, fact: Of<'admitted'>, nowS: Second): void {
  const r = s.events.get(fact.event)?.restore
  if (!r) return
  r.admittedLastS = nowS
  for (const i of fact.who) {
    if (i >= r.admittedS.length) continue
    r.admittedS[i] = nowS
    // what it drew while it was held says nothing of now
    r.loadW[i] = -1
  }
}
export function applyRestored(s: State, fact: Of<'restored'>, nowS: Second): void {
  const r = s.events.get(fact.event)?.restore
  if (r) r.restoredS = nowS
}
/** The last observed power of those under a restore; -1 where nothing was, or nothing since they were let go. */
export function observeHeld(e: EventState, fact: Of<'observed'>): void {
  if (!isHolding(e)) return
  const { loadW } = e.restore
  fact.who.forEach((i, k) => {
    if (i < loadW.length) loadW[i] = fact.powerW[k] ?? -1
  })
}
/** A car that has come draws what it draws from now on; one that has gone takes its admission with it while others wait. */
export function carsChanged(s: State, who: Uint32Array): void {
  for (const e of s.events.values()) {
    if (!isHolding(e)) continue
    for (const i of who) {
      if (i >= e.restore.heldW.length) continue
      e.restore.loadW[i] = -1
      if (s.phase[i] === GONE && e.restore.restoredS === NEVER_S) e.restore.admittedS[i] = 0
    }
  }
}
/** In the column of phases: 1 + index of `none`. */
const GONE = 1
