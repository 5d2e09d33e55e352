import type { Instant } from '../model.ts'
import type { Findings } from './findings.ts'
import { MOST, type Row } from './rows.ts'

type Point = { readonly atMs: Instant; readonly wh: number }
/** Two values of a register that can be believed, with nothing believed in between. */
export type Pair = { readonly fromMs: Instant; readonly toMs: Instant; readonly wh: number }

/** kWh sent as Wh, or the reverse. */
const SLIP = 1000
/** Registers count in whole tens, hundreds or thousands of Wh in some boxes; a difference can be out by one of them. */
const steps = [1000, 100, 10, 1]
/** Below this, what powers say is too little to judge a register's unit by, Wh. */
const TELLING_WH = 200
const SLIP_BAND = 1.25

/**
 * Differences of a meter's import register between values that can be believed. A value that falls and comes back is a hiccup of one sample, one that
 * stays down a reset; a thousandth or a thousand times of what it must be is in another unit; a jump beyond the meter's `maxW` is implausible. What is
 * not believed is found and left out, and the difference then spans it, or there is none.
 */
export function registers(rows: readonly Row[], maxW: number, found: Findings): Pair[] {
  const points: Point[] = []
  for (const { toMs, registerWh } of rows) {
    if (Number.isNaN(registerWh)) continue
    if (points.at(-1)?.atMs === toMs) points.pop()
    points.push({ atMs: toMs, wh: registerWh })
  }
  const stepWh = steps.find(step => points.every(p => Math.abs(p.wh / step - Math.round(p.wh / step)) < 1e-6)) ?? 0
  const fits = (a: Point, wh: number, atMs: Instant): boolean =>
    wh >= a.wh && wh - a.wh <= (maxW * MOST * (atMs - a.atMs)) / 3_600_000 + stepWh
  let walk = walked(points, fits)
  // Most of them a thousand times the first ones: it is those that slipped.
  if (walk.slipped.length > walk.kept) {
    const again = walked(walk.slipped, fits)
    walk = { ...again, slipped: points.filter(p => !walk.slipped.includes(p)) }
  }
  const slipped = new Set(walk.slipped)
  const pairs = inThousandths(rows, walk.pairs) ? [] : walk.pairs
  if (pairs.length < walk.pairs.length)
    for (const x of walk.pairs) found.add({ kind: 'implausible', fromMs: x.fromMs, toMs: x.toMs, value: x.wh, unit: 'Wh' })
  for (const [k, x] of points.entries())
    if (slipped.has(x)) found.add({ kind: 'implausible', fromMs: points[k - 1]?.atMs ?? x.atMs, toMs: x.atMs, value: x.wh, unit: 'Wh' })
  for (const { from, to } of walk.broken) {
    const kind = to.wh < from.wh ? 'reset' : 'implausible'
    found.add({ kind, fromMs: from.atMs, toMs: to.atMs, value: to.wh - from.wh, unit: 'Wh' })
  }
  return pairs
}

function walked(points: readonly Point[], fits: (a: Point, wh: number, atMs: Instant) => boolean) {
  const pairs: Pair[] = []
  const slipped: Point[] = []
  const broken: { from: Point; to: Point }[] = []
  let kept = Math.min(1, points.length)
  let last = points[0]
  for (let k = 1; k < points.length && last; k++) {
    const point = points[k]!
    const next = points[k + 1]
    if (fits(last, point.wh, point.atMs)) {
      pairs.push({ fromMs: last.atMs, toMs: point.atMs, wh: point.wh - last.wh })
      last = point
      kept++
    } else if (point.wh > 0 && (fits(last, point.wh * SLIP, point.atMs) || fits(last, point.wh / SLIP, point.atMs))) slipped.push(point)
    else {
      broken.push({ from: last, to: point })
      if (next && fits(last, next.wh, next.atMs)) continue // one sample alone was wrong
      last = point
      kept++
    }
  }
  return { pairs, slipped, broken, kept }
}

/** Does the register count a thousandth of what the meter's own powers say? Then all of it is in kWh. */
function inThousandths(rows: readonly Row[], pairs: readonly Pair[]): boolean {
  let [registerWh, powerWh, k] = [0, 0, 0]
  for (const row of rows) {
    while (k < pairs.length && pairs[k]!.toMs <= row.fromMs) registerWh += pairs[k++]!.wh
    const pair = pairs[k]
    if (pair && row.fromMs >= pair.fromMs && row.toMs <= pair.toMs && row.powerW > 0 && row.toMs > row.fromMs)
      powerWh += (row.powerW * (row.toMs - row.fromMs)) / 3_600_000
  }
  for (; k < pairs.length; k++) registerWh += pairs[k]!.wh
  const ratio = powerWh / SLIP / registerWh
  return powerWh >= TELLING_WH && ratio < SLIP_BAND && ratio > 1 / SLIP_BAND
}
