import { NEVER_S, type Second } from './model.ts'
import type { EventState, Fleet } from './state.ts'

/** In a column of ranks: the charger was not under the targets when they were drawn. */
export const UNDRAWN = 0

/**
 * Whole seconds in [0, spreadS]. A charger that came after the ranks were drawn takes the middle of the spread. One whose box adds up to `ownS` by chance is
 * given the beginning of a slot that wide: we draw which, it draws when in it, so that all of them together are as even as if we had drawn both.
 */
export function offsetS(ranks: Uint16Array, charger: number, spreadS: number, ownS = 0): number {
  if (spreadS === 0) return 0
  const drawn = charger < ranks.length ? ranks[charger]! : UNDRAWN
  const rank = drawn === UNDRAWN ? 32768 : drawn
  if (ownS === 0) return Math.floor((rank * (spreadS + 1)) / 65536)
  const slots = Math.floor(spreadS / ownS)
  return slots < 2 ? 0 : Math.floor((Math.floor((rank * slots) / 65536) * (spreadS - ownS)) / (slots - 1))
}

/** A charger's own random delay as this event reckons with it, S. */
export const ownDelayS = ({ ownDelayS: column }: EventState, charger: number): number => (charger < column.length ? column[charger]! : 0)
/** The fleet's, for an event that is accepted now; empty where nobody has any. */
export const ownDelays = (f: Fleet): Uint16Array => (f.ownDelayS.some(s => s > 0) ? f.ownDelayS.slice() : new Uint16Array(0))

/** A charger's own first second of an edge at `fromS`: shifted and staggered. */
export const startsS = (e: EventState, charger: number, fromS: Second): Second =>
  fromS + e.spread.startShiftS + offsetS(e.startRank, charger, e.spread.startS, ownDelayS(e, charger))

/** A charger's own first second after an edge at `toS`. Open-ended stays open. */
export function endsS(e: EventState, charger: number, toS: Second): Second {
  if (toS === NEVER_S) return NEVER_S
  const { spread } = e
  return toS + (spread.endFollowsStart ? spread.startShiftS : spread.endShiftS) + likeEndS(e, charger)
}

/** When a cancelled event lets this charger go: at once where the source says so, else staggered over the restore window. */
export function releasedS(e: EventState, charger: number): Second {
  if (e.cancelledS === NEVER_S) return NEVER_S
  if (e.event.stopAtOnce) return e.cancelledS
  return e.cancelledS + (e.spread.releaseShiftS ?? 0) + likeEndS(e, charger)
}

/** As long after an instant as the event's end comes to this charger, without the shift of an announced end. */
const likeEndS = (e: EventState, charger: number): number =>
  e.spread.endFollowsStart
    ? offsetS(e.startRank, charger, e.spread.startS, ownDelayS(e, charger))
    : offsetS(e.endRank, charger, e.spread.endS, ownDelayS(e, charger))

/**
 * When a charger's own span of interval k begins and ends; it never happens unless it begins before it ends (nor if its turn had not come when the
 * event was cancelled). Edges between intervals move with the start's offset, the last one with the end's, and nothing lasts longer than that.
 * The edge into a failsafe may let go as well as limit, and nobody has asked for it at that second: it is spread as an end is, in an emergency too.
 */
export function spanFromS(e: EventState, k: number, charger: number): Second {
  const { fromS, failsafe } = e.event.intervals[k]!
  return failsafe ? fromS + likeEndS(e, charger) : startsS(e, charger, fromS)
}
export function spanToS(e: EventState, k: number, charger: number): Second {
  const announced = announcedToS(e, k, charger)
  if (e.cancelledS === NEVER_S) return announced
  return spanFromS(e, k, charger) >= e.cancelledS ? 0 : Math.min(announced, releasedS(e, charger))
}
/** The same had the event not been cancelled. */
export function announcedToS(e: EventState, k: number, charger: number): Second {
  const { intervals } = e.event
  const last = intervals.length - 1
  const endS = endsS(e, charger, intervals[last]!.toS)
  const isFollowed = k < last && intervals[k + 1]!.fromS === intervals[k]!.toS
  const edgeS = k === last ? endS : isFollowed ? spanFromS(e, k + 1, charger) : startsS(e, charger, intervals[k]!.toS)
  return Math.min(endS, edgeS)
}
