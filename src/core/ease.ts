import { drawsOf } from './draw.ts'
import { isHolding, ownEndS } from './held.ts'
import type { ChargerNo, Decision, EventNo, NodeNo, Second } from './model.ts'
import { plan } from './plan.ts'
import { rangeOf, WINDOW_S } from './ramp.ts'
import { appendRows, becauseAt, limitAt, newRows, rowEnd, rowStart } from './rows.ts'
import { MAX_RAMP_S, MAX_SPREAD_S } from './spread.ts'
import { type EventState, firstS, type State } from './state.ts'
import { isWaiting, mayKeep, recentWaits } from './waits.ts'

/*
 * Edges of an event are laid beside those of others when it is accepted (ramp.ts). What moves in its midst has no edge of its own: a revision, what a
 * shortfall asks in addition, an opt-out that is over. Under a bound per minute it is taken or given by and by, each at the first second with room.
 */

export type Eased = Extract<Decision, { kind: 'eased' }>

/** Who waits for how long; nothing where no bound is. `isFreed`: an opt-out or a refusal is over in this turn. */
export function easings(s: State, nowS: Second, isFreed: boolean): Eased[] {
  if (s.bounds.size === 0) return []
  const moving = [...s.events.values()].filter(e => movesNow(e, nowS, isFreed))
  if (moving.length === 0) return []
  const raw = plan(atOnce(s, moving, nowS), nowS).schedules
  const steps = raw.who.length === 0 ? [] : stepsNow(s, raw, nowS, isFreed)
  if (steps.length > 0) placed(s, steps, new Set(moving), nowS)
  return moving.flatMap(e => {
    const own = steps.filter(x => x.event === e.no && x.mayWait)
    return own.length === 0 && !isWaiting(e, nowS) ? [] : [easedOf(e, own)]
  })
}
const easedOf = ({ no }: EventState, own: readonly Step[]): Eased => ({
  kind: 'eased',
  event: no,
  who: Uint32Array.from(own, x => x.i),
  wasW: Int32Array.from(own, x => x.wasW),
  untilS: Uint32Array.from(own, x => x.untilS),
})
/** Nobody waits any more: where waiting would break another rule. */
export const unwaited = (s: State, nowS: Second): Eased[] => [...s.events.values()].filter(e => isWaiting(e, nowS)).map(e => easedOf(e, []))

/** Has it begun, and may what it asks of somebody change in this turn without an edge? A cancellation is paced as a whole, a level cap lets in by itself. */
const movesNow = (e: EventState, nowS: Second, isFreed: boolean): boolean =>
  e.status === 'accepted' &&
  !e.event.test &&
  !isHolding(e) &&
  e.cancelledS > nowS &&
  firstS(e) <= nowS &&
  (isFreed || e.receivedS === nowS || e.lastShortfallS === nowS)
/** An emergency's cut waits for nothing, nor does what an obligation asks anew or lacks. */
const mayCutLater = (e: EventState, nowS: Second): boolean =>
  e.event.class !== 'emergency' && !(e.event.class === 'obligation' && (e.receivedS === nowS || e.lastShortfallS === nowS))

function atOnce(s: State, moving: readonly EventState[], nowS: Second): State {
  const events = new Map(s.events)
  for (const e of moving) events.set(e.no, { ...e, waits: recentWaits(e, nowS) })
  return { ...s, events }
}

/** What changes of a charger at `nowS`; limits -1 for none. `byW` is above 0 where it is let go. */
type Step = {
  readonly i: ChargerNo
  readonly event: EventNo
  readonly byW: number
  readonly wasW: number
  readonly mayWait: boolean
  untilS: Second
}
function stepsNow(s: State, schedules: ReturnType<typeof plan>['schedules'], nowS: Second, isFreed: boolean): Step[] {
  const { fleet: f } = s
  const rows = newRows()
  const out: Step[] = []
  appendRows(rows, schedules, (i, row) => {
    // the sum of a box's chargers says nothing of what each had
    if (f.limitsAtStation[i] === 1) return
    const wasW = limitAt(s.rows, s.want[i]!, nowS)
    const isW = limitAt(rows, row, nowS)
    const byW = (isW < 0 ? f.maxW[i]! : isW) - (wasW < 0 ? f.maxW[i]! : wasW)
    if (byW === 0) return
    const event = byW < 0 ? becauseAt(rows, row, nowS) : becauseAt(s.rows, s.want[i]!, nowS)
    const e = s.events.get(event)
    const isMoving = e !== undefined && movesNow(e, nowS, isFreed)
    const mayWait = isMoving && (byW < 0 ? mayCutLater(e, nowS) : mayKeep(s, e, i, nowS))
    const wasItsW = becauseAt(s.rows, s.want[i]!, nowS) === event ? wasW : -1
    // an emergency's cut is exempt
    if (byW < 0 && e?.event.class === 'emergency') return
    out.push({ i, event, byW, wasW: wasItsW, mayWait, untilS: nowS })
  })
  return out
}

/** Gives each the first second with room, in drawn order; whoever is let go after all who are limited, or a ceiling would be passed in between. */
function placed(s: State, steps: readonly Step[], moving: ReadonlySet<EventState>, nowS: Second): void {
  const rooms = roomsOf(s, new Set(steps.map(x => x.i)), moving, nowS)
  const roomsAbove = (i: ChargerNo) => rooms.filter(r => r.from <= s.fleet.position[i]! && s.fleet.position[i]! < r.to)
  for (const x of steps) if (!x.mayWait) for (const r of roomsAbove(x.i)) add(r, x.byW, nowS)
  let lastCutS = nowS
  for (const isCut of [true, false]) {
    const group = drawn(
      s,
      steps.filter(x => x.mayWait && x.byW < 0 === isCut),
    )
    const next = new Map<string, Second>()
    for (const x of group) {
      const above = roomsAbove(x.i)
      const key = above.map(r => r.node).join()
      const mostS = Math.min(nowS + (isCut ? MAX_SPREAD_S : MAX_RAMP_S), ownEndS(s.events.get(x.event)!, x.i))
      let atS = Math.max(next.get(key) ?? nowS, isCut ? nowS : lastCutS)
      while (atS < mostS && !above.every(r => fits(r, x.byW, atS))) atS++
      x.untilS = Math.min(atS, Math.max(mostS, nowS))
      next.set(key, x.untilS)
      for (const r of above) add(r, x.byW, x.untilS)
    }
    if (isCut) lastCutS = group.reduce((t, x) => Math.max(t, x.untilS), nowS)
  }
}
function drawn(s: State, steps: readonly Step[]): Step[] {
  if (steps.length === 0) return []
  const draw = drawsOf(
    Uint32Array.from(steps, x => x.i),
    s.events.get(steps[0]!.event)!.seed,
    'ease',
  )
  return [...steps.keys()].sort((a, b) => draw[a]! - draw[b]! || a - b).map(k => steps[k]!)
}

/** A bounded node, and what moves under it in each second from a minute before now on, W. */
type Room = {
  readonly node: NodeNo | -1
  readonly from: number
  readonly to: number
  readonly mostW: number
  readonly loS: Second
  readonly downW: Float64Array
  readonly upW: Float64Array
}
function add({ loS, downW, upW }: Room, byW: number, atS: Second): void {
  const column = byW < 0 ? downW : upW
  const t = atS - loS
  if (t >= 0 && t < column.length) column[t]! += Math.abs(byW)
}
/** Is every minute that holds `atS` within the bound with this in it? */
function fits({ loS, downW, upW, mostW }: Room, byW: number, atS: Second): boolean {
  const column = byW < 0 ? downW : upW
  const t = atS - loS
  let sumW = Math.abs(byW)
  for (let x = t - WINDOW_S + 1; x < t; x++) sumW += column[x] ?? 0
  for (let x = t; x < t + WINDOW_S; x++) {
    sumW += column[x] ?? 0
    if (sumW > mostW) return false
    sumW -= column[x - WINDOW_S + 1] ?? 0
  }
  return true
}

/** What is wanted already, but of those who are to wait what they do at this very second. */
function roomsOf(s: State, steps: ReadonlySet<ChargerNo>, moving: ReadonlySet<EventState>, nowS: Second): Room[] {
  const { fleet: f } = s
  return [...s.bounds].flatMap(([node, { wPerMinute }]) => {
    const { from, to } = rangeOf(f, node)
    const lengthS = WINDOW_S + MAX_RAMP_S + WINDOW_S
    const room = {
      node,
      from,
      to,
      mostW: wPerMinute,
      loS: nowS - WINDOW_S,
      downW: new Float64Array(lengthS),
      upW: new Float64Array(lengthS),
    }
    let touched = false
    for (let p = from; p < to; p++) {
      const i = f.order[p]!
      touched ||= steps.has(i)
      room.mostW = Math.max(room.mostW, f.maxW[i]!)
      edges(s, i, moving, nowS, (atS, byW) => add(room, byW, atS))
    }
    if (!touched) return []
    for (const e of s.events.values()) addRecent(s, e, room, nowS)
    return [room]
  })
}
/** What was let wait, and has moved in the last minute. */
function addRecent(s: State, e: EventState, room: Room, nowS: Second): void {
  for (const [i, { wasW, untilS }] of e.waits) {
    const at = s.fleet.position[i]!
    if (untilS > nowS || untilS <= nowS - WINDOW_S || at < room.from || at >= room.to) continue
    const isW = limitAt(s.rows, s.want[i]!, nowS)
    add(room, (isW < 0 ? s.fleet.maxW[i]! : isW) - (wasW < 0 ? s.fleet.maxW[i]! : wasW), untilS)
  }
}
/**
 * Changes of what a charger may draw, from a minute before now on. An emergency's cut is exempt; what waited and has come is counted apart, and those
 * who wait for an event of `moving` are given their time anew.
 */
function edges(s: State, i: ChargerNo, moving: ReadonlySet<EventState>, nowS: Second, each: (atS: Second, byW: number) => void): void {
  const { rows } = s
  const row = s.want[i]!
  const fullW = s.fleet.maxW[i]!
  const put = (atS: Second, byW: number, because: EventNo) => {
    const e = s.events.get(because)
    if (byW === 0 || atS <= nowS - WINDOW_S || (byW < 0 && e?.event.class === 'emergency')) return
    const isWait = e?.waits.get(i)?.untilS === atS && (atS <= nowS || moving.has(e))
    if (!isWait) each(atS, byW)
  }
  const end = rowEnd(rows, row)
  for (let k = rowStart(rows, row); k < end; k++) {
    const follows = k > rowStart(rows, row) && rows.toS[k - 1] === rows.fromS[k]
    put(rows.fromS[k]!, rows.limitW[k]! - (follows ? rows.limitW[k - 1]! : fullW), rows.because[k]!)
    if (k + 1 === end || rows.fromS[k + 1] !== rows.toS[k]) put(rows.toS[k]!, fullW - rows.limitW[k]!, rows.because[k]!)
  }
}
