import { linkLossTraits, type Readings, type Second } from '../../src/core/model.ts'
import type { Meters } from '../../src/ports.ts'
import { type CarSession, carsOf } from '../model/cars.ts'
import { type Box, createPhysics } from '../model/physics.ts'
import type { CarNews, RecordedEvent } from './recorded.ts'

/** Mean power of each of `who` in equal steps, W: that of row r in step k at `r * count + k`; NaN where there is no reading. */
export type Grid = { readonly fromS: Second; readonly stepS: number; readonly count: number; readonly w: Float32Array }

/** A charger that draws less than this waits. */
const DRAWS_W = 50
/** What it drew before is what it drew in this time. */
const BEFORE_S = 300
const MOST_STEP_S = 60
const MOST_CELLS = 12_000_000
/** More than any car takes: it draws until it leaves. */
const UNBOUNDED_WH = 1_000_000

export async function recordedGrid(meters: Pick<Meters, 'range'>, who: Uint32Array, fromS: Second, toS: Second): Promise<Grid> {
  const readings = await meters.range(who, fromS * 1000, toS * 1000)
  const stepS = Math.max(stepOf(readings), Math.ceil(((toS - fromS) * who.length) / MOST_CELLS))
  const count = Math.max(1, Math.ceil((toS - fromS) / stepS))
  const wh = new Float64Array(who.length * count)
  const ms = new Float64Array(who.length * count)
  const row = new Map(Array.from(who, (i, r) => [i, r]))
  for (let k = 0; k < readings.charger.length; k++) {
    const r = row.get(readings.charger[k]!)
    const w = readings.powerW[k]!
    if (r === undefined || Number.isNaN(w)) continue
    const [a, b] = [readings.fromMs[k]! - fromS * 1000, readings.toMs[k]! - fromS * 1000]
    for (let at = Math.max(0, Math.floor(a / (stepS * 1000))); at < count && at * stepS * 1000 < b; at++) {
      const overlap = Math.min(b, (at + 1) * stepS * 1000) - Math.max(a, at * stepS * 1000)
      if (overlap <= 0) continue
      wh[r * count + at]! += w * overlap
      ms[r * count + at]! += overlap
    }
  }
  return { fromS, stepS, count, w: Float32Array.from(wh, (x, k) => (ms[k] === 0 ? Number.NaN : x / ms[k]!)) }
}
/** The middle length of a reading, between a second and a minute. A spot value is no interval. */
function stepOf({ fromMs, toMs }: Readings): number {
  const lengths = Array.from(toMs, (to, k) => to - fromMs[k]!)
    .filter(ms => ms >= 1_000)
    .sort((a, b) => a - b)
  return Math.min(MOST_STEP_S, Math.max(1, Math.round((lengths[lengths.length >> 1] ?? 60_000) / 1000)))
}

/** Sum over the rows, W. A step in which fewer than half of them are metered is a gap (NaN), as in reports; so are the last ones, to which not all have come yet. */
export function sumOf({ count, w }: Grid, rows: number): Float64Array {
  const sumW = new Float64Array(count)
  const metered = new Uint32Array(count)
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < count; k++) {
      const x = w[r * count + k]!
      if (Number.isNaN(x)) continue
      sumW[k]! += x
      metered[k]!++
    }
  const most = metered.reduce((a, b) => Math.max(a, b), 0)
  let last = metered.findLastIndex(n => n > 0)
  while (last > 0 && metered[last]! < metered[last - 1]!) last--
  return sumW.map((x, k) => (k > last || metered[k] === 0 || metered[k]! < most / 2 ? Number.NaN : x))
}

/** What is known of one charger when the model takes over at `fromS`. Limits NaN: none. */
export type Known = {
  readonly fromS: Second
  readonly limitedFromS: number
  readonly limitedToS: number
  readonly cars: readonly CarNews[]
  readonly maxW: number
}

/**
 * The model: a car goes on at the power that it had before until it has taken the energy that it took, or leaves. One that still drew, or was still
 * limited, when it left (or when the record ends) would have drawn on. Who came later has the highest power that it was seen to have.
 */
export function modelledCars(grid: Grid, row: number, charger: number, known: Known): CarSession[] {
  const at = (s: number) => Math.min(grid.count, Math.max(0, Math.floor((s - grid.fromS) / grid.stepS)))
  const w = grid.w.subarray(row * grid.count, (row + 1) * grid.count)
  const firstLimitS = Number.isNaN(known.limitedFromS) ? known.fromS : Math.max(known.fromS, known.limitedFromS)
  return stays(known).flatMap(({ fromS, toS, isFirst }) => {
    const span = w.subarray(at(fromS), at(toS))
    const last = span.findLastIndex(x => !Number.isNaN(x))
    const begins = span.findIndex(x => x > DRAWS_W)
    const beforeW = isFirst ? middleOf(w.subarray(at(firstLimitS - BEFORE_S), at(firstLimitS))) : 0
    const highestW = Math.max(0, ...span.filter(x => !Number.isNaN(x)))
    const maxW = Math.min(known.maxW, beforeW > DRAWS_W ? beforeW : highestW)
    if (maxW <= DRAWS_W) return []
    const arriveS = beforeW > DRAWS_W || begins < 0 ? fromS : fromS + begins * grid.stepS
    const endS = fromS + (last + 1) * grid.stepS
    const wasLimited = known.limitedFromS < endS && endS <= known.limitedToS + grid.stepS
    const drewOn = last >= 0 && span[last]! > DRAWS_W
    const tookWh = (span.reduce((sum, x) => sum + (Number.isNaN(x) ? 0 : x), 0) * grid.stepS) / 3600
    return [{ charger, arriveS, departS: toS, maxW, needWh: drewOn || wasLimited || last < 0 ? UNBOUNDED_WH : tookWh }]
  })
}
/** When somebody was there, as boxes said; where they said nothing, all the time. */
function stays({ fromS, cars }: Known): { fromS: Second; toS: number; isFirst: boolean }[] {
  const news = cars.filter(c => c.atS > fromS)
  const out: { fromS: Second; toS: number; isFirst: boolean }[] = []
  const isThereFirst = cars.findLast(c => c.atS <= fromS)?.isThere ?? news[0]?.isThere !== true
  let since = isThereFirst ? fromS : undefined
  for (const { atS, isThere } of news) {
    if (isThere) since ??= atS
    else if (since !== undefined) {
      out.push({ fromS: since, toS: atS, isFirst: since === fromS })
      since = undefined
    }
  }
  // far beyond any record
  if (since !== undefined) out.push({ fromS: since, toS: fromS + 7 * 86_400, isFirst: since === fromS })
  return out
}
/** A car that has just come, or a gap, must not pull it down. */
function middleOf(w: Float32Array): number {
  const known = w.filter(x => !Number.isNaN(x)).sort()
  return known[known.length >> 1] ?? 0
}

/** Error of the model over time in which nobody was limited, as if a limit had begun there. */
export type Placebo = {
  readonly windows: number
  /** Of each. */
  readonly lengthS: number
  readonly chargers: number
  /** Mean over chargers of the mean absolute error, and of the mean error (too much is positive), W. */
  readonly chargerMaeW: number
  readonly chargerBiasW: number
  /** The same of the sum of all, W. */
  readonly sumMaeW: number
  readonly sumBiasW: number
  readonly meanLoadW: number
}
const MOST_WINDOWS = 12
const LEAST_STEPS = 3

/** @param beforeS windows end at or before it; up to a day back, in which nobody was limited. Null where there is no such time on record. */
export function placebo(grid: Grid, event: RecordedEvent, who: Uint32Array, beforeS: Second, lengthS: number): Placebo | null {
  const quiet = (fromS: number, toS: number) => !event.limited.some(l => l.fromS < toS && fromS < l.toS)
  const firstS = grid.fromS + firstStep(grid, who.length) * grid.stepS
  // of a short record, what there is
  const length = Math.min(lengthS, Math.floor((beforeS - firstS) / 2 / grid.stepS) * grid.stepS)
  if (length < LEAST_STEPS * grid.stepS) return null
  const starts: Second[] = []
  for (let s = beforeS - length; s - grid.stepS >= firstS && starts.length < MOST_WINDOWS; s -= length)
    if (quiet(s, s + length)) starts.push(s)
  if (starts.length === 0) return null
  const all = starts.map(fromS => errorOf(grid, event, who, fromS, fromS + length))
  const mean = (of: (e: (typeof all)[number]) => number) => all.reduce((sum, e) => sum + of(e), 0) / all.length
  return {
    windows: all.length,
    lengthS: length,
    chargers: who.length,
    chargerMaeW: mean(e => e.chargerMaeW),
    chargerBiasW: mean(e => e.chargerBiasW),
    sumMaeW: mean(e => e.sumMaeW),
    sumBiasW: mean(e => e.sumBiasW),
    meanLoadW: mean(e => e.meanLoadW),
  }
}
const firstStep = ({ count, w }: Grid, rows: number): number => {
  for (let k = 0; k < count; k++) for (let r = 0; r < rows; r++) if (!Number.isNaN(w[r * count + k]!)) return k
  return count
}
function errorOf(grid: Grid, event: RecordedEvent, who: Uint32Array, fromS: Second, toS: Second) {
  const { count, stepS } = grid
  const [a, b] = [Math.floor((fromS - grid.fromS) / stepS), Math.floor((toS - grid.fromS) / stepS)]
  // what came after the window is not known to the model of an event either
  const seen: Grid = { ...grid, count: b, w: new Float32Array(who.length * b) }
  who.forEach((_, r) => seen.w.set(grid.w.subarray(r * count, r * count + b), r * b))
  const none = { limitedFromS: Number.NaN, limitedToS: Number.NaN, cars: [] }
  const cars = Array.from(who, (i, r) => modelledCars(seen, r, r, { fromS, maxW: event.facts.fleet.maxW[i]!, ...none })).flat()
  const physics = createPhysics(
    Array.from(who, i => boxOf(event, i)),
    carsOf(who.length, cars).cars,
    fromS,
  )
  const error = new Float64Array(who.length)
  const off = new Float64Array(who.length)
  let [sumError, sumOff, sumLoad] = [0, 0, 0]
  const before = physics.registerWh.slice()
  for (let k = a; k < b; k++) {
    physics.advance(grid.fromS + (k + 1) * stepS)
    let [all, load] = [0, 0]
    for (let r = 0; r < who.length; r++) {
      const modelled = ((physics.registerWh[r]! - before[r]!) * 3600) / stepS
      before[r] = physics.registerWh[r]!
      const w = grid.w[r * count + k]!
      if (Number.isNaN(w)) continue
      error[r]! += Math.abs(modelled - w)
      off[r]! += modelled - w
      all += modelled - w
      load += w
    }
    sumError += Math.abs(all)
    sumOff += all
    sumLoad += load
  }
  const steps = b - a
  const mean = (of: Float64Array) => of.reduce((sum, x) => sum + x, 0) / Math.max(1, of.length) / steps
  return {
    ...{ chargerMaeW: mean(error), chargerBiasW: mean(off) },
    ...{ sumMaeW: sumError / steps, sumBiasW: sumOff / steps, meanLoadW: sumLoad / steps },
  }
}
export const boxOf = ({ facts: { fleet }, ignores }: RecordedEvent, i: number): Box => ({
  minW: fleet.minW[i]!,
  maxW: fleet.maxW[i]!,
  onLinkLoss: linkLossTraits[fleet.onLinkLoss[i]!] ?? 'holds',
  ignores: ignores[i] === 1,
})
