import { spanFromS, spanToS } from './edges.ts'
import { isBox, isToldOf, toldShare } from './keep.ts'
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
/** By member: what it gives at `leastW`, 0 where nothing can be had of it; 32 bits that say who is taken first; 1 where it is a reserve that is not needed. */
type Givers = {
  readonly cutW: Float64Array
  readonly leastW: Int32Array
  readonly order: Uint32Array
  readonly stays: Uint8Array | undefined
}

/**
 * A reduction as it is to be told: who gives already goes on giving what it was told, because what is expected of others breathes with every answer, and that
 * is no reason to tell a charger something else. `fresh` is what would be told if nobody had been (negative: no limit). Where those told are not enough any
 * more, others are added in the order, those of `fresh` first; where they are more than enough, those who are not in `fresh` go, the last of the order first.
 * All of `fresh` is taken where everybody together is not enough. Once the ask is over nobody is added.
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
  const isEnding = s.nowMs >= Math.min(interval.toS, e.cancelledS) * 1000
  const isTold = (m: number) => isToldOf(s.rows, s.want[members[m]!]!, e.no)
  const isKnown = isMentioned(s.rows, e.no)
  if (!isEnding && !(isKnown && members.some((_, m) => isTold(m)))) return fresh
  const told = toldOf(s, e, interval, members, givers)
  if (isEnding) return fresh.map((w, m) => (told[m]! >= 0 ? told[m]! : isKnown && (isBox(s.fleet, members[m]!) || isTold(m)) ? w : -1))
  return told.some((w, m) => w >= 0 && w !== fresh[m]) ? completed(told, givers, fresh, tally) : fresh
}

/** Those told, with as many more as are needed, or fewer. */
function completed(told: Int32Array, { cutW, leastW, order, stays }: Givers, fresh: Int32Array, tally: Tally): Int32Array {
  const out = told.slice()
  const cutAt = (m: number) => Math.max(0, cutW[m]! + leastW[m]! - out[m]!)
  const [isNew, isLeft, others]: [number[], number[], number[]] = [[], [], []]
  for (let m = 0; m < told.length; m++) {
    if (told[m]! >= 0) {
      tally.add(m, cutAt(m))
      if (fresh[m]! < 0) isLeft.push(m)
    } else if (cutW[m]! > 0 && stays?.[m] !== 1) (fresh[m]! >= 0 ? isNew : others).push(m)
  }
  const byOrder = (a: number, b: number) => order[a]! - order[b]! || a - b
  for (const some of [isNew, others]) {
    if (tally.isMet()) break
    for (const m of some.sort(byOrder)) {
      if (tally.isMet()) break
      out[m] = tally.limitW(m)
      tally.add(m, cutAt(m))
    }
  }
  if (!tally.isMet()) return fresh
  isLeft.sort(byOrder).reverse()
  const spared = sparedOf(isLeft, tally, cutAt)
  for (const m of isLeft.slice(0, spared)) out[m] = -1
  return out
}
/** How many of them can go together, from the first on; halved, because what is expected of a large fleet takes a while to say. */
function sparedOf(who: readonly number[], tally: Tally, cutAt: (m: number) => number): number {
  let gone = 0
  const goTo = (count: number): boolean => {
    for (; gone < count; gone++) tally.letGo(who[gone]!, cutAt(who[gone]!))
    for (; gone > count; gone--) tally.add(who[gone - 1]!, cutAt(who[gone - 1]!))
    return tally.isMet()
  }
  let [can, cannot] = [0, who.length + 1]
  while (can + 1 < cannot) {
    const mid = (can + cannot) >> 1
    if (goTo(mid)) can = mid
    else cannot = mid
  }
  return can
}

/** What each was told for the rest of its span, -1 where that is nothing, or nothing that it could be told today. */
function toldOf(s: State, e: EventState, interval: Interval, members: Uint32Array, { cutW, leastW }: Givers): Int32Array {
  const k = e.event.intervals.indexOf(interval)
  const nowS = Math.floor(s.nowMs / 1000)
  return Int32Array.from(members, (i, m) =>
    cutW[m]! > 0 ? toldShare(s, e, i, Math.max(spanFromS(e, k, i), nowS), spanToS(e, k, i), leastW[m]!, Infinity) : -1,
  )
}
