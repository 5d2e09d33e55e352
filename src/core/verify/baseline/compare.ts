import type { Day } from '../calendar.ts'
import { baselinesOf } from './baseline.ts'
import { type History, rowAt } from './history.ts'
import { prepare } from './prepare.ts'
import type { Ruleset } from './ruleset.ts'
import { pinOf } from './rulesets.ts'

/**
 * How far a baseline is from what was drawn on days without an event. Shares are of the energy drawn; `mae` and `phantom` in the unit of the readings.
 * - mpe: sum (B - A) / sum A. Above 0: credits what nobody delivered.
 * - mae: mean |B - A|.
 * - cvrmse: sqrt(mean (B - A)^2) / mean A. PJM's RRMSE is the same figure, and `rrmse` it is.
 * - phantom: sum of (B - A) where it is above 0: what a settlement that floors at zero would have paid for. `phantomShare`: of sum A.
 */
export type ErrorFigures = {
  readonly n: number
  readonly mpe: number
  readonly mae: number
  readonly cvrmse: number
  readonly rrmse: number
  readonly phantom: number
  readonly phantomShare: number
}
/** Pairs of which one is missing do not count. */
export function errorFigures(actual: ArrayLike<number>, baseline: ArrayLike<number>): ErrorFigures {
  const t = tally()
  for (let i = 0; i < actual.length; i++) count(t, actual[i]!, baseline[i]!)
  return figures(t)
}

type Tally = { n: number; actual: number; error: number; absolute: number; squares: number; phantom: number }
const tally = (): Tally => ({ n: 0, actual: 0, error: 0, absolute: 0, squares: 0, phantom: 0 })
function count(t: Tally, actual: number, baseline: number): void {
  const error = baseline - actual
  if (!Number.isFinite(error)) return
  t.n++
  t.actual += actual
  t.error += error
  t.absolute += Math.abs(error)
  t.squares += error * error
  t.phantom += Math.max(0, error)
}
function figures(t: Tally): ErrorFigures {
  const cvrmse = Math.sqrt(t.squares / t.n) / (t.actual / t.n)
  const shares = { mpe: t.error / t.actual, cvrmse, rrmse: cvrmse, phantomShare: t.phantom / t.actual }
  return { n: t.n, mae: t.absolute / t.n, phantom: t.phantom, ...shares }
}

/** One ruleset over one size of aggregation: meters are taken in groups of `size` as they come, and what is left over is left out. */
export type Compared = ErrorFigures & {
  readonly ruleset: string
  readonly size: number
  readonly groups: number
  /** Placebo days on which at least one group had a baseline and readings. */
  readonly days: number
  /** Meter-days on which the ruleset lacked what it needs: they do not count. */
  readonly without: number
}
/**
 * What each ruleset would have said on days when nothing happened: an event from `startSlot` for `slots` is supposed on each of `days` (event days of a meter do not
 * count for it). A group counts on a day where all its meters do.
 */
export function compare(
  rulesets: readonly Ruleset[],
  h: History,
  supposed: { readonly days: readonly Day[]; readonly startSlot: number; readonly slots: number },
  sizes: readonly number[],
): Compared[] {
  return rulesets.flatMap(r => comparedOn(r, h, supposed, sizes))
}
function comparedOn(r: Ruleset, h: History, s: Parameters<typeof compare>[2], sizes: readonly number[]): Compared[] {
  const baseline = new Float64Array(h.meters * s.slots)
  const status = new Uint8Array(h.meters)
  const tallies = sizes.map(size => ({ size, groups: Math.floor(h.meters / size), days: 0, ...tally() }))
  let without = 0
  for (const day of s.days) {
    baselinesOf(prepare(r, { day, startSlot: s.startSlot, slots: s.slots }, h.slotsPerDay), h, baseline, status)
    without += status.reduce((n, x) => n + (x === 0 ? 0 : 1), 0)
    for (const t of tallies) {
      const before = t.n
      addDay(t, h, day, s, baseline, status)
      if (t.n > before) t.days++
    }
  }
  return tallies.map(t => ({ ruleset: pinOf(r), size: t.size, groups: t.groups, days: t.days, without, ...figures(t) }))
}
function addDay(
  t: Tally & { size: number; groups: number },
  h: History,
  day: Day,
  s: { startSlot: number; slots: number },
  baseline: Float64Array,
  status: Uint8Array,
): void {
  for (let group = 0; group < t.groups; group++)
    for (let k = 0; k < s.slots; k++) {
      let a = 0
      let b = 0
      for (let m = group * t.size; m < (group + 1) * t.size; m++) {
        const row = rowAt(h, m, day)
        const counts = status[m] === 0 && row >= 0 && h.isEventDay?.[row / h.slotsPerDay] !== 1
        a += counts ? h.values[row + s.startSlot + k]! : Number.NaN
        b += baseline[m * s.slots + k]!
      }
      count(t, a, b)
    }
}
