import { allocate, UNLIMITED } from './allocate.ts'
import { draws } from './draw.ts'
import { spanFromS, spanToS } from './edges.ts'
import { heldToS, isHolding, ownEndS } from './held.ts'
import { membersOf } from './members.ts'
import { type ChargerNo, type Decision, NEVER_S, type Second, type SessionPhase } from './model.ts'
import { admissible } from './ramp.ts'
import { becauseAt, limitAt } from './rows.ts'
import { laxityS, NEED_WH, phaseOf } from './sessions.ts'
import { askEndS, type EventState, isUp, lastS, mayHold, ownLastS, type Restore, type State } from './state.ts'

/*
 * How load comes back under a level cap. A stagger bounds the ramp, not the peak: those who waited start while others go on arriving. So whoever the
 * event limits is held at its end and let in while the load of the targets stays within levelCap x what they drew before, the most urgent car first.
 */

/** Below this a charger charges nobody, W. */
export const STANDBY_W = 60
/** A restore is over when nobody has waited, and the load has been within the cap, for this long since the last admission. */
const CALM_S = 600

export type Queue = {
  /** S that each of the waiting can still wait. */
  readonly laxityS: ArrayLike<number>
  /** A draw for each, for those equally urgent. */
  readonly drawn: ArrayLike<number>
  /** What each would draw more than it does now, W. */
  readonly extraW: ArrayLike<number>
}
/**
 * Who is let in now: positions in the queue, the most urgent first, strictly in turn, as far as there is room. The first is let in without room where
 * nobody else who was let in is charging: one at a time is always served, however small the cap.
 */
export function admit(queue: Queue, roomW: number, isAnyoneServed: boolean): number[] {
  const { extraW } = queue
  const out: number[] = []
  let leftW = roomW
  if (isAnyoneServed && isFull(extraW, leftW)) return out
  const heap = heapOf(queue)
  for (let k = heap[0]; k !== undefined; k = heap[0]) {
    if (extraW[k]! > leftW && (isAnyoneServed || out.length > 0)) break
    out.push(k)
    leftW -= extraW[k]!
    dropFirst(heap, queue)
  }
  return out
}
/** Not even the smallest would fit: most turns end here. */
function isFull(extraW: ArrayLike<number>, leftW: number): boolean {
  for (let k = 0; k < extraW.length; k++) if (extraW[k]! <= leftW) return false
  return true
}
/** Few of many are let in at a time: a heap, whose first is the most urgent, costs less than sorting them all. */
function heapOf(queue: Queue): number[] {
  const heap = Array.from({ length: queue.laxityS.length }, (_, k) => k)
  for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(heap, at, queue)
  return heap
}
function dropFirst(heap: number[], queue: Queue): void {
  const last = heap.pop()!
  if (heap.length === 0) return
  heap[0] = last
  sink(heap, 0, queue)
}
function sink(heap: number[], from: number, queue: Queue): void {
  const k = heap[from]!
  let at = from
  for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && isBefore(queue, heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(queue, heap[child]!, k)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = k
}
const isBefore = ({ laxityS, drawn }: Queue, x: number, y: number): boolean =>
  (laxityS[x]! - laxityS[y]! || drawn[x]! - drawn[y]! || x - y) < 0
/** Watts that may still be let in. */
export const roomW = (levelCap: number, baseW: number, activeW: number): number => levelCap * baseW - activeW

/** What an event's end, and what has come in since, mean for those whom its restore holds; the first of it, to be asked again after `restoring`. */
export function restore(s: State, e: EventState, nowS: Second): Decision | undefined {
  if (!e.restore || e.status !== 'accepted' || e.event.test || !mayHold(e) || nowS < askEndS(e) || nowS >= lastS(e)) return undefined
  if (!isHolding(e)) return beginning(s, e)
  if (e.restore.restoredS !== NEVER_S) return undefined
  const now = standing(s, e, nowS)
  const who = admit(queueOf(s, e, now.waiting, nowS), roomW(e.restore.levelCap, now.baseW, now.activeW), now.isAnyoneServed)
  const may = admissible(
    s,
    who.map(k => now.waiting[k]!),
    nowS,
  )
  if (may.length > 0) return { kind: 'admitted', event: e.no, who: Uint32Array.from(may) }
  return isCalm(e, e.restore, now, nowS) ? { kind: 'restored', event: e.no } : undefined
}

/** Whom the event limits at its end, at what. Who is limited by another event then, or by a box's common limit, has what this one asked of it. */
function beginning(s: State, e: EventState): Decision {
  const endS = askEndS(e)
  const members = membersOf(s, e)
  const k = e.event.intervals.findLastIndex(x => x.fromS < endS)
  const { watts } = k < 0 ? { watts: [] } : allocate(s, e, e.event.intervals[k]!, members)
  const who: number[] = []
  const limitW: number[] = []
  members.forEach((i, m) => {
    const because = becauseAt(s.rows, s.want[i]!, endS - 1)
    const isSum = s.fleet.limitsAtStation[i] === 1
    if (because < 0 && !isSum) return
    const asked = watts[m] ?? UNLIMITED
    const acts = k >= 0 && spanFromS(e, k, i) < endS && spanToS(e, k, i) >= endS
    const w = because === e.no && !isSum ? limitAt(s.rows, s.want[i]!, endS - 1) : acts ? asked : UNLIMITED
    if (w === UNLIMITED) return
    who.push(i)
    limitW.push(w)
  })
  return { kind: 'restoring', event: e.no, who: Uint32Array.from(who), limitW: Int32Array.from(limitW) }
}

type Standing = {
  readonly baseW: number
  readonly activeW: number
  readonly isAnyoneServed: boolean
  /** Held, their own end past, with a car that would charge, and within reach. */
  readonly waiting: readonly ChargerNo[]
  readonly held: number
}
/** The load of the targets as far as it is known, and who waits. */
function standing(s: State, e: EventState & { restore: Restore }, nowS: Second): Standing {
  const { heldW, admittedS } = e.restore
  const waiting: number[] = []
  let [baseW, activeW, held] = [0, 0, 0]
  let isAnyoneServed = false
  for (const i of membersOf(s, e)) {
    baseW += Math.max(0, basisOf(e, i))
    const isHeld = (heldW[i] ?? -1) >= 0 && heldToS(s, e, i) > nowS
    const w = loadW(s, e, i, isHeld)
    activeW += w
    if (isHeld) {
      held++
      if (ownEndS(e, i) <= nowS && isUp(s, i) && presumed(s, e, i) === 'plugged') waiting.push(i)
    } else if ((admittedS[i] ?? 0) > 0 && w > STANDBY_W) isAnyoneServed = true
  }
  return { baseW, activeW, isAnyoneServed, waiting, held }
}
const basisOf = (e: EventState, i: ChargerNo): number => (i < e.basisW.length ? e.basisW[i]! : -1)

/** Of a charger that tells nothing of its car: one was there if it drew before the event, or if nobody knows. */
function presumed(s: State, e: EventState, i: ChargerNo): SessionPhase {
  const basis = basisOf(e, i)
  return phaseOf(s, i) ?? (basis >= 0 && basis <= STANDBY_W ? 'none' : 'plugged')
}
/** What a charger would draw if nothing limited it: as before for the car that was there before, else its maximum. */
function freeW(s: State, e: EventState, i: ChargerNo): number {
  const basis = basisOf(e, i)
  const isSameCar = s.sinceS[i]! <= e.basisAtS
  return isSameCar && basis > STANDBY_W ? Math.min(basis, s.fleet.maxW[i]!) : s.fleet.maxW[i]!
}
/** By its meter, else by what it may draw; nothing where no car is, or one that wants no more. One out of reach is trusted to hold nothing. */
function loadW(s: State, e: EventState & { restore: Restore }, i: ChargerNo, isHeld: boolean): number {
  const metered = e.restore.loadW[i] ?? -1
  if (metered >= 0) return metered
  if (presumed(s, e, i) !== 'plugged') return 0
  return isHeld && isUp(s, i) ? Math.min(e.restore.heldW[i]!, freeW(s, e, i)) : freeW(s, e, i)
}

function queueOf(s: State, e: EventState & { restore: Restore }, waiting: readonly ChargerNo[], nowS: Second): Queue {
  const u = waiting.length === 0 ? new Uint32Array(0) : draws(s.fleet.chargers, e.seed, 'restore')
  return {
    laxityS: Float64Array.from(waiting, i => laxityS(s, i, nowS)),
    drawn: Uint32Array.from(waiting, i => u[i]!),
    extraW: Float64Array.from(waiting, i => Math.max(0, freeW(s, e, i) - loadW(s, e, i, true))),
  }
}
const isCalm = (e: EventState, r: Restore, now: Standing, nowS: Second): boolean =>
  now.held === 0 ||
  (now.waiting.length === 0 && now.activeW <= r.levelCap * now.baseW && nowS - Math.max(ownLastS(e), r.admittedLastS) >= CALM_S)

// ---- what people ask ---------------------------------------------------------------------------------------------------

/** Mean time that a car charges where its need is not known: `NEED_WH` at the charger's power. */
export type Rebound = {
  /** Load after an end at once / load before, while nobody leaves: 1 + D/S for what was cut wholly (Little's law). */
  readonly peakRatio: number
  /** How long until nobody waits under the cap, S: max(0, D/(c - 1) - S); null where the cap leaves no room for it. */
  readonly clearS: number | null
}
/** `curtailedS`: equivalent full curtailment, D; `meanChargeS`: S; `levelCap`: c. */
export const rebound = (curtailedS: number, meanChargeS: number, levelCap: number): Rebound => ({
  peakRatio: 1 + curtailedS / meanChargeS,
  clearS: levelCap > 1 ? Math.max(0, curtailedS / (levelCap - 1) - meanChargeS) : null,
})

export type RestoreSummary = Rebound & {
  /** What the targets drew before, may draw, and draw as far as is known, W. */
  readonly baseW: number
  readonly capW: number
  readonly activeW: number
  readonly held: number
  readonly waiting: number
  /** Everybody is free then at the latest. */
  readonly byS: Second
}
/** How the restore of an event goes; null while it does not, or has no level cap. `meanChargeS` by default from what the cars there have said. */
export function restoreSummary(s: State, e: EventState, nowS: Second, meanChargeS = meanChargeOfS(s, e)): RestoreSummary | null {
  if (!isHolding(e) || e.status !== 'accepted' || nowS >= lastS(e)) return null
  const { baseW, activeW, held, waiting } = standing(s, e, nowS)
  const share = baseW === 0 ? 1 : cutW(e) / baseW
  const curtailedS = Math.max(0, askEndS(e) - (e.event.intervals[0]?.fromS ?? askEndS(e))) * share
  return {
    ...rebound(curtailedS, meanChargeS, e.restore.levelCap),
    baseW,
    capW: e.restore.levelCap * baseW,
    activeW,
    held,
    waiting: waiting.length,
    byS: lastS(e),
  }
}
function cutW(e: EventState & { restore: Restore }): number {
  let sumW = 0
  e.restore.heldW.forEach((limitW, i) => {
    if (limitW >= 0) sumW += Math.max(0, basisOf(e, i) - limitW)
  })
  return sumW
}
/** Of the cars under the targets that have said what they need; where none has, of a neutral need. */
function meanChargeOfS(s: State, e: EventState): number {
  let [said, saidS, neutralS, n] = [0, 0, 0, 0]
  for (const i of membersOf(s, e)) {
    const perWh = 3600 / Math.max(1, s.fleet.maxW[i]!)
    n++
    neutralS += NEED_WH * perWh
    if (s.needWh[i]! <= 0) continue
    said++
    saidS += s.needWh[i]! * perWh
  }
  return said > 0 ? saidS / said : n > 0 ? neutralS / n : 3600
}
