import type { Second } from '../model.ts'
import type { Grid } from './load.ts'

/** What happened in one settlement period, minute, or any other period. */
export type PeriodResult = {
  readonly fromS: Second
  readonly askedWh: number
  /** Null where nothing is known of the period. */
  readonly deliveredWh: number | null
  readonly deliveredW: number | null
  /** Delivered / asked; null where either is missing. */
  readonly ratio: number | null
}
export type Performance = {
  readonly askedWh: number
  /** Of the periods that are known; what is not known delivers nothing. */
  readonly deliveredWh: number
  /** Mean over the whole of the periods. */
  readonly deliveredW: number
  readonly ratio: number | null
  /** Beyond the ask of a period, and short of it: they do not make up for each other. */
  readonly overWh: number
  readonly shortWh: number
  readonly knownPeriods: number
  readonly periods: readonly PeriodResult[]
}

/**
 * Delivered against asked, by period and in all: one row of `deliveredWh`, or what a floor made of it. `askedWh` is per period; a period in which
 * nothing was asked counts its delivery as over-delivery.
 */
export function performanceOf(grid: Grid, delivered: Float64Array, askedWh: ArrayLike<number>): Performance {
  const hours = grid.stepS / 3600
  const periods = Array.from({ length: grid.periods }, (_, t): PeriodResult => {
    const asked = askedWh[t] ?? 0
    const wh = Number.isNaN(delivered[t] ?? Number.NaN) ? null : delivered[t]!
    return {
      fromS: grid.fromS + t * grid.stepS,
      askedWh: asked,
      deliveredWh: wh,
      deliveredW: wh === null ? null : wh / hours,
      ratio: wh === null || asked <= 0 ? null : wh / asked,
    }
  })
  const sum = (of: (p: PeriodResult) => number): number => periods.reduce((wh, p) => wh + of(p), 0)
  const asked = sum(p => p.askedWh)
  const got = sum(p => p.deliveredWh ?? 0)
  const knownPeriods = periods.filter(p => p.deliveredWh !== null).length
  return {
    askedWh: asked,
    deliveredWh: got,
    deliveredW: grid.periods === 0 ? 0 : got / (hours * grid.periods),
    ratio: asked > 0 && knownPeriods > 0 ? got / asked : null,
    overWh: sum(p => Math.max(0, (p.deliveredWh ?? 0) - p.askedWh)),
    shortWh: sum(p => Math.max(0, p.askedWh - (p.deliveredWh ?? 0))),
    knownPeriods,
    periods,
  }
}

/** An ask in power over a span, as energy by period: a period that it covers in part is asked that part. */
export function askedByPeriod(
  grid: Grid,
  asks: readonly { readonly fromS: Second; readonly toS: Second; readonly askedW: number }[],
): Float64Array {
  const out = new Float64Array(grid.periods)
  for (const { fromS, toS, askedW } of asks)
    for (let t = Math.max(0, Math.floor((fromS - grid.fromS) / grid.stepS)); t < grid.periods; t++) {
      const startS = grid.fromS + t * grid.stepS
      if (startS >= toS) break
      out[t]! += (askedW * Math.max(0, Math.min(toS, startS + grid.stepS) - Math.max(fromS, startS))) / 3600
    }
  return out
}

/** Periods of the availability contract in which it was available / periods contracted; null where none is. */
export function availabilityFactor(contracted: ArrayLike<number>, available: ArrayLike<number>): number | null {
  let wanted = 0
  let had = 0
  for (let t = 0; t < contracted.length; t++) {
    if (!contracted[t]) continue
    wanted++
    if (available[t]) had++
  }
  return wanted === 0 ? null : had / wanted
}

/**
 * Free riders: participants credited with delivery though nothing could have been curtailed at dispatch (nobody plugged in, none planned). `deliveredWh`
 * and `curtailable` (any measure of it, 0: nothing) by participant; `shareWh` of what is credited at all.
 */
export function freeRiders(deliveredWh: ArrayLike<number>, curtailable: ArrayLike<number>): { count: number; shareWh: number } {
  let credited = 0
  let free = 0
  let count = 0
  for (let k = 0; k < deliveredWh.length; k++) {
    const wh = deliveredWh[k]!
    if (!(wh > 0)) continue
    credited += wh
    if (curtailable[k]! > 0) continue
    count++
    free += wh
  }
  return { count, shareWh: credited === 0 ? 0 : free / credited }
}

/** Does a response tire? Least-squares slope of what each event brought (Wh, W or a ratio) per event, in their order; unknown events are left out. Null below two. */
export function persistenceSlope(perEvent: ArrayLike<number>): number | null {
  const at: number[] = []
  for (let k = 0; k < perEvent.length; k++) if (!Number.isNaN(perEvent[k]!)) at.push(k)
  if (at.length < 2) return null
  const meanX = at.reduce((sum, k) => sum + k, 0) / at.length
  const meanY = at.reduce((sum, k) => sum + perEvent[k]!, 0) / at.length
  const xy = at.reduce((sum, k) => sum + (k - meanX) * (perEvent[k]! - meanY), 0)
  return xy / at.reduce((sum, k) => sum + (k - meanX) ** 2, 0)
}
