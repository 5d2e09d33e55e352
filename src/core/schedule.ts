import type { Schedule, Second, Segment } from './model.ts'

/**
 * A few segments being worked on, as columns: one scratch pad serves a whole plan without allocating.
 */
export type Pad = {
  count: number
  readonly fromS: Uint32Array
  readonly toS: Uint32Array
  readonly limitW: Int32Array
  readonly because: Uint32Array
}
export const newPad = (capacity: number): Pad => ({
  count: 0,
  fromS: new Uint32Array(capacity),
  toS: new Uint32Array(capacity),
  limitW: new Int32Array(capacity),
  because: new Uint32Array(capacity),
})
export function pushSegment(pad: Pad, fromS: Second, toS: Second, limitW: number, because: number): void {
  const k = pad.count++
  pad.fromS[k] = fromS
  pad.toS[k] = toS
  pad.limitW[k] = limitW
  pad.because[k] = because
}
/** Appends, or lengthens the last segment where nothing changes. */
function extend(pad: Pad, fromS: Second, toS: Second, limitW: number, because: number): void {
  const last = pad.count - 1
  if (last >= 0 && pad.toS[last] === fromS && pad.limitW[last] === limitW && pad.because[last] === because) pad.toS[last] = toS
  else pushSegment(pad, fromS, toS, limitW, because)
}

/**
 * Writes to `out` the tightest of `count` segments of `pad` at every instant: sorted, non-overlapping. Of equal limits the first one given wins.
 */
export function tightest(pad: Pad, out: Pad, first = 0, count = pad.count): void {
  const { fromS, toS, limitW, because } = pad
  out.count = 0
  if (count === 0) return
  const end = first + count
  let atS = fromS[first]!
  let lastS = toS[first]!
  for (let k = first + 1; k < end; k++) {
    if (fromS[k]! < atS) atS = fromS[k]!
    if (toS[k]! > lastS) lastS = toS[k]!
  }
  // a handful of segments, so nothing is sorted: the tightest lasts until it ends, or until a tighter one begins
  while (atS < lastS) {
    let best = -1
    let bestW = MOST_W
    for (let k = first; k < end; k++)
      if (fromS[k]! <= atS && toS[k]! > atS && limitW[k]! < bestW) {
        best = k
        bestW = limitW[k]!
      }
    let nextS = best < 0 ? lastS : toS[best]!
    for (let k = first; k < end; k++) {
      const beginS = fromS[k]!
      if (beginS > atS && beginS < nextS && (limitW[k]! < bestW || (limitW[k] === bestW && k < best))) nextS = beginS
    }
    if (best >= 0) extend(out, atS, nextS, bestW, because[best]!)
    atS = nextS
  }
}
/** Above every limit. */
const MOST_W = 0x7fffffff

/**
 * Writes to `out` the sum of several chargers' schedules, for a station that takes one limit for all of them. Where at least one is limited, the
 * others count at their maximum. `pads[k]` must already be the tightest of charger k.
 */
export function summed(pads: readonly Pad[], maxW: readonly number[], out: Pad): void {
  out.count = 0
  const all = newPad(pads.reduce((n, p) => n + p.count, 0))
  for (const p of pads) for (let k = 0; k < p.count; k++) pushSegment(all, p.fromS[k]!, p.toS[k]!, p.limitW[k]!, p.because[k]!)
  sweep(all, (fromS, toS) => {
    let sumW = 0
    let because = -1
    pads.forEach((p, c) => {
      const k = covering(p, fromS, toS)
      sumW += k < 0 ? maxW[c]! : p.limitW[k]!
      if (k >= 0 && because < 0) because = p.because[k]!
    })
    if (because >= 0) extend(out, fromS, toS, sumW, because)
  })
}
function covering(p: Pad, fromS: Second, toS: Second): number {
  for (let k = 0; k < p.count; k++) if (p.fromS[k]! <= fromS && toS <= p.toS[k]!) return k
  return -1
}

/** Calls `each` for every stretch between two neighbouring edges. */
function sweep({ fromS, toS, count }: Pad, each: (fromS: Second, toS: Second) => void): void {
  const edges = [...fromS.subarray(0, count), ...toS.subarray(0, count)].sort((a, b) => a - b)
  for (let k = 0; k + 1 < edges.length; k++) if (edges[k]! < edges[k + 1]!) each(edges[k]!, edges[k + 1]!)
}

/** What is left of a schedule from `nowS` on. For the rim; columns have `sameRest`. */
export const remaining = (schedule: Schedule, nowS: Second): Schedule =>
  schedule.filter(x => x.toS > nowS).map((x): Segment => (x.fromS < nowS ? { ...x, fromS: nowS } : x))

/** The limit at an instant, null where free. */
export const limitOf = (schedule: Schedule, atS: Second): number | null => schedule.find(x => x.fromS <= atS && atS < x.toS)?.limitW ?? null
