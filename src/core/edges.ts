import { NEVER_S, type Second } from './model.ts'
import type { EventState } from './state.ts'

/** In a column of ranks: the charger was not under the targets when they were drawn. */
export const UNDRAWN = 0

/** Whole seconds in [0, spreadS]. A charger that came after the ranks were drawn takes the middle of the spread. */
export function offsetS(ranks: Uint16Array, charger: number, spreadS: number): number {
  if (spreadS === 0) return 0
  const rank = charger < ranks.length ? ranks[charger]! : UNDRAWN
  return Math.floor(((rank === UNDRAWN ? 32768 : rank) * (spreadS + 1)) / 65536)
}

/** A charger's own first second of an edge at `fromS`: shifted and staggered. */
export const startsS = (e: EventState, charger: number, fromS: Second): Second =>
  fromS + e.spread.startShiftS + offsetS(e.startRank, charger, e.spread.startS)

/** A charger's own first second after an edge at `toS`. Open-ended stays open. */
export function endsS(e: EventState, charger: number, toS: Second): Second {
  if (toS === NEVER_S) return NEVER_S
  const { spread } = e
  return spread.endFollowsStart
    ? toS + spread.startShiftS + offsetS(e.startRank, charger, spread.startS)
    : toS + spread.endShiftS + offsetS(e.endRank, charger, spread.endS)
}

/** When a cancelled event lets this charger go: at once where the source says so, else staggered over the restore window. */
export function releasedS(e: EventState, charger: number): Second {
  if (e.cancelledS === NEVER_S) return NEVER_S
  if (e.event.stopAtOnce) return e.cancelledS
  return e.cancelledS + (e.spread.releaseShiftS ?? 0) + likeEndS(e, charger)
}

/** As long after an instant as the event's end comes to this charger, without the shift of an announced end. */
const likeEndS = ({ spread, startRank, endRank }: EventState, charger: number): number =>
  spread.endFollowsStart ? offsetS(startRank, charger, spread.startS) : offsetS(endRank, charger, spread.endS)

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
  const { intervals } = e.event
  const last = intervals.length - 1
  const endS = endsS(e, charger, intervals[last]!.toS)
  const isFollowed = k < last && intervals[k + 1]!.fromS === intervals[k]!.toS
  const edgeS = k === last ? endS : isFollowed ? spanFromS(e, k + 1, charger) : startsS(e, charger, intervals[k]!.toS)
  const planned = Math.min(endS, edgeS)
  if (e.cancelledS === NEVER_S) return planned
  return spanFromS(e, k, charger) >= e.cancelledS ? 0 : Math.min(planned, releasedS(e, charger))
}
