import { NEVER_S, type Second } from './model.ts'
import { offsetS } from './stagger.ts'
import type { EventState } from './state.ts'

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
  const { spread } = e
  return e.cancelledS + (spread.endFollowsStart ? offsetS(e.startRank, charger, spread.startS) : offsetS(e.endRank, charger, spread.endS))
}

/**
 * A charger's own span of interval k, or undefined if it never begins (its turn had not come when the event was cancelled). Edges between
 * intervals move with the start's offset, the last one with the end's.
 */
export function span(e: EventState, k: number, charger: number): { fromS: Second; toS: Second } | undefined {
  const { intervals } = e.event
  const interval = intervals[k]!
  const fromS = startsS(e, charger, interval.fromS)
  if (fromS >= e.cancelledS) return undefined
  const planned = k === intervals.length - 1 ? endsS(e, charger, interval.toS) : startsS(e, charger, interval.toS)
  const toS = Math.min(planned, releasedS(e, charger))
  return fromS < toS ? { fromS, toS } : undefined
}
