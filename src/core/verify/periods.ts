import type { Second } from '../model.ts'
import type { Segment } from './segments.ts'
import type { Window } from './window.ts'

/** A window cut into settlement periods, which begin at whole multiples of `periodS` since the epoch (GB: UTC half hours). The first and the last may be shorter. */
export type Periods = { readonly startS: Uint32Array; readonly endS: Uint32Array; readonly hours: Float64Array }
export function periodsIn({ fromS, toS }: Window, periodS: number): Periods {
  const edges: Second[] = []
  for (let at = fromS; at < toS; at = (Math.floor(at / periodS) + 1) * periodS) edges.push(at)
  const startS = Uint32Array.from(edges)
  const endS = Uint32Array.from(edges, (_, t) => edges[t + 1] ?? toS)
  return { startS, endS, hours: Float64Array.from(edges, (at, t) => (endS[t]! - at) / 3600) }
}

/** Energy of a meter in a stretch, Wh, and the seconds that it stands for: 0 where nothing is known. */
export type Amount = { readonly wh: number; readonly seconds: number }
/** What flowed in a hole between readings is known as a whole only. `segments` by time. */
export function amountIn(segments: readonly Segment[], fromS: Second, toS: Second): Amount {
  const [fromMs, toMs] = [fromS * 1000, toS * 1000]
  let wh = 0
  let ms = 0
  for (const x of segments) {
    if (x.fromMs >= toMs) break
    const a = Math.max(x.fromMs, fromMs)
    const z = Math.min(x.toMs, toMs)
    if (z <= a || (x.isHole && (a > x.fromMs || z < x.toMs))) continue
    wh += x.wh * ((z - a) / (x.toMs - x.fromMs))
    ms += z - a
  }
  return { wh, seconds: ms / 1000 }
}
