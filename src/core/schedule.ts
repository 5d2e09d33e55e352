import type { Schedule, Second, Segment } from './model.ts'

/**
 * A few segments being worked on, as columns: one scratch pad serves a whole plan without allocating.
 */
export type Pad = {
  count: number
  readonly edges: Float64Array
  fromS: Float64Array
  toS: Float64Array
  limitW: Float64Array
  because: Float64Array
}
export const newPad = (capacity: number): Pad => ({
  count: 0,
  edges: new Float64Array(2 * capacity),
  fromS: new Float64Array(capacity),
  toS: new Float64Array(capacity),
  limitW: new Float64Array(capacity),
  because: new Float64Array(capacity),
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

/** Writes to `out` the tightest of all segments of `pad` at every instant: sorted, non-overlapping. Of equal limits the first one given wins. */
export function tightest(pad: Pad, out: Pad): void {
  out.count = 0
  if (pad.count === 1) {
    pushSegment(out, pad.fromS[0]!, pad.toS[0]!, pad.limitW[0]!, pad.because[0]!)
    return
  }
  // a handful of segments: from one edge to the next, without sorting them first
  let fromS = Number.POSITIVE_INFINITY
  for (let k = 0; k < pad.count; k++) fromS = Math.min(fromS, pad.fromS[k]!)
  while (fromS < Number.POSITIVE_INFINITY) {
    let toS = Number.POSITIVE_INFINITY
    let best = -1
    for (let k = 0; k < pad.count; k++) {
      if (pad.toS[k]! <= fromS) continue
      if (pad.fromS[k]! > fromS) toS = Math.min(toS, pad.fromS[k]!)
      else {
        toS = Math.min(toS, pad.toS[k]!)
        if (best < 0 || pad.limitW[k]! < pad.limitW[best]!) best = k
      }
    }
    if (best >= 0) extend(out, fromS, toS, pad.limitW[best]!, pad.because[best]!)
    fromS = toS
  }
}

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

/** Calls `each` for every stretch between two neighbouring edges. A schedule has a handful of edges: sorted in place, nothing is allocated. */
function sweep(pad: Pad, each: (fromS: Second, toS: Second) => void): void {
  const n = sortEdges(pad)
  for (let k = 0; k + 1 < n; k++) if (pad.edges[k]! < pad.edges[k + 1]!) each(pad.edges[k]!, pad.edges[k + 1]!)
}
function sortEdges({ edges, fromS, toS, count }: Pad): number {
  for (let k = 0; k < 2 * count; k++) {
    const edge = k < count ? fromS[k]! : toS[k - count]!
    let j = k - 1
    for (; j >= 0 && edges[j]! > edge; j--) edges[j + 1] = edges[j]!
    edges[j + 1] = edge
  }
  return 2 * count
}

/** What is left of a schedule from `nowS` on. For the rim; columns have `sameRest`. */
export const remaining = (schedule: Schedule, nowS: Second): Schedule =>
  schedule.filter(x => x.toS > nowS).map((x): Segment => (x.fromS < nowS ? { ...x, fromS: nowS } : x))

/** The limit at an instant, null where free. */
export const limitOf = (schedule: Schedule, atS: Second): number | null => schedule.find(x => x.fromS <= atS && atS < x.toS)?.limitW ?? null
