import type { Second } from '../model.ts'
import { type EnergySeries, flaw } from './series.ts'

/**
 * Baseline and actual energy of rows (meters, or sums of them) in the same periods, Wh, import positive, as columns: row r, period t stands at
 * `r * periods + t`. Both are NaN where either is unknown: half a pair would look like delivery. All levels (charger, site, group, programme,
 * event) are this one shape, made of each other by `sumBy`.
 */
export type Load = {
  readonly fromS: Second
  readonly stepS: number
  readonly periods: number
  readonly rows: number
  readonly baselineWh: Float64Array
  readonly actualWh: Float64Array
  /** Flaws of both, of all meters in the cell, or-ed. */
  readonly flaws: Uint16Array
  /** Meter-periods known in a cell, and how many there would be. */
  readonly known: Float64Array
  readonly wanted: Float64Array
}
export type Grid = { readonly fromS: Second; readonly stepS: number; readonly periods: number }

/** Nobody's group: a row that is not summed into any. */
export const NO_GROUP = -1

/**
 * A row per meter. A series need not begin or end with the grid (what it does not say is a gap), but has its step and is aligned with it.
 * @throws RangeError for a series of another step, or one that falls between the periods: those are made of readings anew, not bent
 */
export function pairUp(grid: Grid, actual: readonly EnergySeries[], baseline: readonly EnergySeries[]): Load {
  if (actual.length !== baseline.length) throw new RangeError(`${actual.length} meters, but ${baseline.length} baselines`)
  const load = emptyLoad(grid, actual.length)
  for (let r = 0; r < load.rows; r++) {
    const [a, b] = [actual[r]!, baseline[r]!]
    const [atA, atB] = [offsetOf(a, grid), offsetOf(b, grid)]
    for (let t = 0; t < grid.periods; t++) {
      const cell = r * grid.periods + t
      put(load, cell, b.wh[t + atB], a.wh[t + atA], (a.flaws[t + atA] ?? flaw.gap) | (b.flaws[t + atB] ?? flaw.gap))
    }
  }
  return load
}
/** Columns as they stand in a verdict, row by row; who is unknown in one is unknown in both. The columns are copied. */
export function withoutUnknown(grid: Grid, rows: number, wh: Pick<Load, 'baselineWh' | 'actualWh'>): Load {
  const load = emptyLoad(grid, rows)
  for (let cell = 0; cell < rows * grid.periods; cell++) put(load, cell, wh.baselineWh[cell], wh.actualWh[cell], 0)
  return load
}
function offsetOf(series: EnergySeries, grid: Grid): number {
  const at = (grid.fromS - series.fromS) / grid.stepS
  if (series.stepS !== grid.stepS || !Number.isInteger(at))
    throw new RangeError(`a series of ${series.stepS} s from ${series.fromS} does not fit periods of ${grid.stepS} s from ${grid.fromS}`)
  return at
}
function put(load: Load, cell: number, baselineWh: number | undefined, actualWh: number | undefined, flaws: number): void {
  const isKnown = baselineWh !== undefined && actualWh !== undefined && !Number.isNaN(baselineWh) && !Number.isNaN(actualWh)
  load.baselineWh[cell] = isKnown ? baselineWh : Number.NaN
  load.actualWh[cell] = isKnown ? actualWh : Number.NaN
  load.flaws[cell] = isKnown ? flaws : flaws | flaw.gap
  load.known[cell] = isKnown ? 1 : 0
  load.wanted[cell] = 1
}
function emptyLoad({ fromS, stepS, periods }: Grid, rows: number): Load {
  const cells = rows * periods
  const column = () => new Float64Array(cells)
  return {
    ...{ fromS, stepS, periods, rows },
    ...{ baselineWh: column(), actualWh: column(), flaws: new Uint16Array(cells), known: column(), wanted: column() },
  }
}

/**
 * The next level: row g is the sum of the rows whose `group` is g. A cell sums the pairs that are known (`known` of `wanted` of them); it is NaN
 * only where none is. What is unknown delivers nothing: it is never filled in.
 */
export function sumBy(load: Load, group: ArrayLike<number>, groups: number): Load {
  const out = emptyLoad(load, groups)
  for (let r = 0; r < load.rows; r++) {
    const g = group[r] ?? NO_GROUP
    if (g < 0) continue
    for (let t = 0; t < load.periods; t++) addTo(out, g * load.periods + t, load, r * load.periods + t)
  }
  return withGaps(out)
}
/** Everybody, as one row. */
export const sumAll = (load: Load): Load => sumBy(load, new Uint8Array(load.rows), 1)

function addTo(out: Load, cell: number, load: Load, from: number): void {
  out.wanted[cell]! += load.wanted[from]!
  out.known[cell]! += load.known[from]!
  out.flaws[cell]! |= load.flaws[from]!
  if (load.known[from] === 0) return
  out.baselineWh[cell]! += load.baselineWh[from]!
  out.actualWh[cell]! += load.actualWh[from]!
}
function withGaps(out: Load): Load {
  for (let cell = 0; cell < out.known.length; cell++) {
    if (out.known[cell] === 0) {
      out.baselineWh[cell] = Number.NaN
      out.actualWh[cell] = Number.NaN
      out.flaws[cell]! |= flaw.gap
    } else if (out.known[cell]! < out.wanted[cell]!) out.flaws[cell] = (out.flaws[cell]! & ~flaw.gap) | flaw.partial
  }
  return out
}

/** One row, as a view: nothing is copied. */
export function rowOf(load: Load, r: number): Load {
  const part = <T extends Float64Array | Uint16Array>(column: T): T => column.subarray(r * load.periods, (r + 1) * load.periods) as T
  return {
    ...{ fromS: load.fromS, stepS: load.stepS, periods: load.periods, rows: 1 },
    ...{ baselineWh: part(load.baselineWh), actualWh: part(load.actualWh), flaws: part(load.flaws) },
    ...{ known: part(load.known), wanted: part(load.wanted) },
  }
}
/** Load is taken off (turn-down), or added (turn-up: a DFS product since 9 Apr 2026). */
export type Direction = 'down' | 'up'
/**
 * What was delivered in each cell, Wh: baseline - actual of a turn-down, the other way round of a turn-up (the BSC's own sign is metered - baseline).
 * NaN where it is not known; negative where it went the wrong way: floors are a rule of the scheme, not of the measurement.
 */
export function deliveredWh(load: Load, direction: Direction = 'down'): Float64Array {
  const sign = direction === 'down' ? 1 : -1
  return load.baselineWh.map((b, cell) => sign * (b - load.actualWh[cell]!))
}
