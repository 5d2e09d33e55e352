import { spanFromS, spanToS } from './edges.ts'
import { isOneOf, isToldOf, shareIn } from './keep.ts'
import type { Interval } from './model.ts'
import { isMentioned } from './rows.ts'
import type { EventState, State } from './state.ts'

/** What is to be expected of a reduction while givers are added to it and let go, and whether that is enough. Cuts by member, W. */
export type Tally = {
  readonly add: (member: number, cutW: number) => void
  readonly letGo: (member: number, cutW: number) => void
  readonly isMet: () => boolean
  /** The limit of one who is to be added now, W. */
  readonly limitW: (member: number) => number
}
/** By member: what it gives at `leastW`, 0 where nothing can be had of it; 32 bits that say who is taken first. */
type Givers = { readonly cutW: Float64Array; readonly leastW: Int32Array; readonly order: Uint32Array }

/**
 * A reduction as it is to be told: who gives already goes on giving what it was told, because what is expected of others breathes with every answer, and that
 * is no reason to tell a charger something else. `fresh` is what would be told if nobody had been (negative: no limit). Where those told are not enough any
 * more, others are added in the order, those of `fresh` first; where they are more than enough, those who are not in `fresh` go, the last of the order first.
 * All of `fresh` is taken where everybody together is not enough.
 */
export function keepCuts(
  s: State,
  e: EventState,
  interval: Interval,
  members: Uint32Array,
  givers: Givers,
  fresh: Int32Array,
  tally: Tally,
): Int32Array {
  if (!isMentioned(s.rows, e.no) || !members.some(i => isToldOf(s.rows, s.want[i]!, e.no))) return fresh
  const told = toldOf(s, e, interval, members, givers)
  const out = fresh.slice()
  const cutAt = (m: number, w: number) => Math.max(0, givers.cutW[m]! + givers.leastW[m]! - w)
  const [isNew, isLeft, others]: [number[], number[], number[]] = [[], [], []]
  let isOther = false
  for (let m = 0; m < members.length; m++) {
    if (told[m]! >= 0) {
      isOther ||= told[m] !== fresh[m]
      out[m] = told[m]!
      tally.add(m, cutAt(m, told[m]!))
      if (fresh[m]! < 0) isLeft.push(m)
    } else if (givers.cutW[m]! > 0) (fresh[m]! >= 0 ? isNew : others).push(m)
  }
  if (!isOther) return fresh
  // nobody is added any more, only let go
  if (s.nowMs >= Math.min(interval.toS, e.cancelledS) * 1000) return out
  const byOrder = (a: number, b: number) => givers.order[a]! - givers.order[b]! || a - b
  for (const m of [...isNew.sort(byOrder), ...others.sort(byOrder)]) {
    out[m] = tally.isMet() ? -1 : tally.limitW(m)
    if (out[m]! >= 0) tally.add(m, cutAt(m, out[m]!))
  }
  if (!tally.isMet()) return fresh
  for (const m of isLeft.sort(byOrder).reverse()) {
    const cutW = cutAt(m, out[m]!)
    tally.letGo(m, cutW)
    if (tally.isMet()) out[m] = -1
    else tally.add(m, cutW)
  }
  return out
}

/** What each was told for the rest of its span, -1 where that is nothing, or nothing that it could be told today. */
function toldOf(s: State, e: EventState, interval: Interval, members: Uint32Array, { cutW, leastW }: Givers): Int32Array {
  const f = s.fleet
  const k = e.event.intervals.indexOf(interval)
  const nowS = Math.floor(s.nowMs / 1000)
  return Int32Array.from(members, (i, m) => {
    // what a box that takes one limit was told is the sum of its chargers
    if (!(cutW[m]! > 0) || f.limitsAtStation[i] === 1) return -1
    const fromS = Math.max(spanFromS(e, k, i), nowS)
    const toS = spanToS(e, k, i)
    const w = fromS < toS ? shareIn(s.rows, s.want[i]!, e.no, fromS, toS) : -1
    return w === leastW[m] || (w > leastW[m]! && w >= f.minW[i]! && w < f.maxW[i]! && isOneOf(f, i, w)) ? w : -1
  })
}
