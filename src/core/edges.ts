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

/**
 * An edge as it comes to all chargers of an event: an instant, and a spread in which each has its place. What hangs on the event alone is looked up once
 * for a whole fleet.
 */
export type Edge = { readonly atS: Second; readonly spreadS: number; readonly ranks: Uint16Array; readonly ownDelayS: Uint16Array }
/** When it comes to one charger. */
export const comesS = ({ atS, spreadS, ranks, ownDelayS: column }: Edge, charger: number): Second =>
  spreadS === 0 ? atS : atS + offsetS(ranks, charger, spreadS, charger < column.length ? column[charger]! : 0)

/** The same for each of who[from, to), into the beginning of `out`. */
function eachComesS({ atS, spreadS, ranks, ownDelayS: column }: Edge, who: Uint32Array, from: number, to: number, out: Float64Array): void {
  if (spreadS === 0) out.fill(atS, 0, to - from)
  else
    for (let p = from; p < to; p++) {
      const i = who[p]!
      out[p - from] = atS + offsetS(ranks, i, spreadS, i < column.length ? column[i]! : 0)
    }
}

/** Shifted and staggered as the event's start. */
const likeStart = ({ spread, startRank: ranks, ownDelayS }: EventState, fromS: Second): Edge => ({
  atS: fromS + spread.startShiftS,
  spreadS: spread.startS,
  ranks,
  ownDelayS,
})
/** Staggered as the event's end, without the shift of an announced end. */
const likeEnd = ({ spread, startRank, endRank, ownDelayS }: EventState, atS: Second): Edge =>
  spread.endFollowsStart
    ? { atS, spreadS: spread.startS, ranks: startRank, ownDelayS }
    : { atS, spreadS: spread.endS, ranks: endRank, ownDelayS }
const atOnce = ({ endRank: ranks, ownDelayS }: EventState, atS: Second): Edge => ({ atS, spreadS: 0, ranks, ownDelayS })

/** An end at `toS`. Open-ended stays open. */
function endEdge(e: EventState, toS: Second): Edge {
  if (toS === NEVER_S) return atOnce(e, NEVER_S)
  const { spread } = e
  return likeEnd(e, toS + (spread.endFollowsStart ? spread.startShiftS : spread.endShiftS))
}
/** When a cancelled event lets go: at once where the source says so, else staggered over the restore window. */
export function releaseEdge(e: EventState): Edge {
  if (e.cancelledS === NEVER_S || e.event.stopAtOnce) return atOnce(e, e.cancelledS)
  return likeEnd(e, e.cancelledS + (e.spread.releaseShiftS ?? 0))
}
/** The edge into a failsafe may let go as well as limit, and nobody has asked for it at that second: it is spread as an end is, in an emergency too. */
function beginEdge(e: EventState, k: number): Edge {
  const { fromS, failsafe } = e.event.intervals[k]!
  return failsafe ? likeEnd(e, fromS) : likeStart(e, fromS)
}

/** A charger's own first second after an edge at `toS`. Open-ended stays open. */
export const endsS = (e: EventState, charger: number, toS: Second): Second => comesS(endEdge(e, toS), charger)
/** When a cancelled event lets this charger go; NEVER_S if it is not cancelled. */
export const releasedS = (e: EventState, charger: number): Second => comesS(releaseEdge(e), charger)

/**
 * When chargers' own spans of an interval begin and end; one never happens unless it begins before it ends (nor if its turn had not come when the
 * event was cancelled). Edges between intervals move with the start's offset, the last one with the end's, and nothing lasts longer than that.
 */
export type Span = {
  readonly begin: Edge
  /** Where the interval hands over; `last` for the last one. */
  readonly over: Edge
  readonly last: Edge
  readonly release: Edge
  readonly cancelledS: Second
}
export function spanOf(e: EventState, k: number): Span {
  const { intervals } = e.event
  const { toS } = intervals[k]!
  const last = endEdge(e, intervals.at(-1)!.toS)
  const isLast = k === intervals.length - 1
  const over = isLast ? last : intervals[k + 1]!.fromS === toS ? beginEdge(e, k + 1) : likeStart(e, toS)
  return { begin: beginEdge(e, k), over, last, release: releaseEdge(e), cancelledS: e.cancelledS }
}
export const spanBeginS = ({ begin }: Span, charger: number): Second => comesS(begin, charger)
export function spanEndS(span: Span, charger: number): Second {
  const announcedS = announcedEndS(span, charger)
  if (span.cancelledS === NEVER_S) return announcedS
  return spanBeginS(span, charger) >= span.cancelledS ? 0 : Math.min(announcedS, comesS(span.release, charger))
}
/** The same had the event not been cancelled. */
export function announcedEndS({ over, last }: Span, charger: number): Second {
  const lastS = comesS(last, charger)
  return over === last ? lastS : Math.min(lastS, comesS(over, charger))
}

/** Both for each of who[from, to), into the beginnings of two columns: of a million chargers nearly all have an interval that is neither cut short nor followed. */
export function eachSpanS(span: Span, who: Uint32Array, from: number, to: number, beginS: Float64Array, endS: Float64Array): void {
  eachComesS(span.begin, who, from, to, beginS)
  eachComesS(span.last, who, from, to, endS)
  if (span.over === span.last && span.cancelledS === NEVER_S) return
  for (let p = from; p < to; p++) endS[p - from] = spanEndS(span, who[p]!)
}

/** Of one charger alone. */
export const spanFromS = (e: EventState, k: number, charger: number): Second => comesS(beginEdge(e, k), charger)
export const spanToS = (e: EventState, k: number, charger: number): Second => spanEndS(spanOf(e, k), charger)
