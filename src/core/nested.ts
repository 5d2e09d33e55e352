import { ownDelayS, spanFromS, spanToS } from './edges.ts'
import type { Interval, Second } from './model.ts'
import type { EventState } from './state.ts'

/** An event's allocation as others build on it: a range of depth-first positions, and per interval the watts of its members, `base` on. */
export type Granted = {
  readonly e: EventState
  readonly from: number
  readonly to: number
  readonly base: number
  readonly watts: readonly (Int32Array | undefined)[]
}

/** In `boundsOf`: nothing else limits the charger. */
export const UNBOUND = 0x7fffffff

/**
 * What other events leave each member under this one, W; undefined where they limit nobody. Limits of a tree lie within one another: the inner ones are
 * shared first, and an outer ceiling shares what it has among what those leave. So both are met exactly, and what an inner one withholds is not withheld
 * from others once more. A limit counts where it holds the charger for the whole of its time under the outer one; one that ends sooner, or comes later,
 * does not, or there would be a moment with too much. One that a box may take up with a random delay of its own counts from when that is over.
 */
export function boundsOf(
  e: EventState,
  interval: Interval,
  members: Uint32Array,
  nowS: Second,
  position: Uint32Array,
  others: readonly Granted[],
  unlimited: number,
): Int32Array | undefined {
  let out: Int32Array | undefined
  const k = e.event.intervals.indexOf(interval)
  for (const g of others)
    g.watts.forEach((watts, j) => {
      if (watts === undefined || !couldCover(g.e, j, e, interval, nowS)) return
      for (let m = 0; m < members.length; m++) {
        const i = members[m]!
        const p = position[i]!
        if (p < g.from || p >= g.to) continue
        const w = watts[g.base + p - g.from]!
        if (w === unlimited || spanToS(g.e, j, i) < spanToS(e, k, i)) continue
        if (spanFromS(g.e, j, i) + ownDelayS(g.e, i) > Math.max(nowS, spanFromS(e, k, i) + ownDelayS(e, i))) continue
        out ??= new Int32Array(members.length).fill(UNBOUND)
        if (w < out[m]!) out[m] = w
      }
    })
  return out
}

/** Could it for anyone, whatever their own delays? Asked before a million chargers are looked at. */
function couldCover(g: EventState, j: number, e: EventState, x: Interval, nowS: Second): boolean {
  const own = g.event.intervals[j]!
  const begins = own.fromS + startsWithin(g, own).leastS <= Math.max(nowS, x.fromS + startsWithin(e, x).mostS)
  return begins && own.toS + endsWithin(g).mostS >= Math.min(x.toS, e.cancelledS) + endsWithin(e).leastS
}
/** The least and the most that the start of an interval is moved for anyone. */
const startsWithin = ({ spread }: EventState, { failsafe }: Interval) =>
  failsafe
    ? { leastS: 0, mostS: Math.max(spread.startS, spread.endS) }
    : { leastS: spread.startShiftS, mostS: spread.startShiftS + spread.startS }
/** The same of the end of any interval: it may hang on the next one's start. */
const endsWithin = ({ spread }: EventState) => ({
  leastS: Math.min(0, spread.startShiftS, spread.endShiftS),
  mostS: Math.max(0, spread.startShiftS, spread.endShiftS) + Math.max(spread.startS, spread.endS),
})

/** Those that hang on nothing but themselves first, then ceilings, the smaller before the larger. */
export function innermostFirst(events: readonly EventState[], size: (e: EventState) => number): EventState[] {
  const isCap = (e: EventState) => (e.event.intervals.some(x => x.ask.kind === 'cap') ? 1 : 0)
  return [...events].sort((a, b) => isCap(a) - isCap(b) || (isCap(a) === 0 ? 0 : size(a) - size(b)) || a.no - b.no)
}
