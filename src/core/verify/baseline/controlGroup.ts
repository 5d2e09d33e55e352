import type { ControlGroup } from './ruleset.ts'

/**
 * What chargers did that were held out by draw, beside those that were asked. By charger, mean power (or energy) in a window before the event and in the event; NaN: not
 * measured, so the charger is in neither group. `group`: 1 asked, 0 held out, anything else not part of it (opted out, or in another event: no clean control).
 * `cluster`: chargers with the same number were drawn together, such as those of a box, and are no independent units; without it each is one.
 */
export type Groups = {
  readonly before: ArrayLike<number>
  readonly during: ArrayLike<number>
  readonly group: ArrayLike<number>
  readonly cluster?: ArrayLike<number>
}
/** Per charger in the unit of the input; `delivered` is of all that were asked and measured. Positive: drew less because of the event. */
export type Effect = {
  readonly asked: number
  readonly heldOut: number
  /** Mean of the held out minus mean of the asked, in the event alone. */
  readonly plain: number
  /** The same of the change from before to during: what chance put unevenly into the groups falls out. This is the effect that counts. */
  readonly effect: number
  readonly standardError: number
  readonly low: number
  readonly high: number
  readonly delivered: number
  readonly deliveredLow: number
  readonly deliveredHigh: number
  /** Welch's t of what the groups drew before the event. */
  readonly balanceT: number
  /** Standardised mean difference of the same: by the root of the mean of both variances. */
  readonly balanceSmd: number
  /** Undefined: the rule's checks are met. The figures are given either way. */
  readonly doubt: 'groupTooSmall' | 'unbalanced' | undefined
}

/**
 * Difference in differences with its interval: effect +- z standard errors (by the rule, as wide as Student's t with Welch's degrees of freedom makes it),
 * Var = s_T^2 / N_T + s_C^2 / N_C of the changes; among clusters, the sums of each count. `doubt` where a group is smaller than the rule's, or the groups
 * differed before the event by more than its t. Chargers that share a limit of the network above their box are no independent units either.
 */
export function controlGroup(rule: ControlGroup, g: Groups): Effect {
  const [heldOut, asked] = [armOf(g, 0), armOf(g, 1)]
  const n = asked.before.length
  const [before, during, change] = (['before', 'during', 'change'] as const).map(of => [meanOf(asked[of]), meanOf(heldOut[of])] as const)
  const effect = change![1] - change![0]
  const errors = [asked, heldOut].map(arm => errorOf(arm.change, arm.cluster))
  const standardError = Math.sqrt(errors[0]!.variance + errors[1]!.variance)
  const reach = rule.interval === 'student' ? student(rule.z, degrees(errors)) : rule.z
  const [low, high] = [effect - reach * standardError, effect + reach * standardError]
  const balanceT = over(before![0] - before![1], Math.sqrt(sum([asked, heldOut], arm => errorOf(arm.before, arm.cluster).variance)))
  const balanceSmd = over(before![0] - before![1], Math.sqrt(sum([asked, heldOut], arm => varianceOf(arm.before)) / 2))
  const small = Math.min(n, heldOut.before.length) < rule.minGroup
  return {
    asked: n,
    heldOut: heldOut.before.length,
    plain: during![1] - during![0],
    effect,
    standardError,
    low,
    high,
    delivered: n * effect,
    deliveredLow: n * low,
    deliveredHigh: n * high,
    balanceT,
    balanceSmd,
    doubt: small ? 'groupTooSmall' : Math.abs(balanceT) > rule.maxBalanceT ? 'unbalanced' : undefined,
  }
}

/** How many chargers each group needs to see a difference `delta` among loads that scatter by `sigma`, at 5 % and 80 % unless told otherwise. Round it up. */
export const groupSize = (sigma: number, delta: number, z = { alpha: 1.959964, power: 0.841621 }): number =>
  (2 * (z.alpha + z.power) ** 2 * sigma ** 2) / delta ** 2

type Arm = { readonly before: number[]; readonly during: number[]; readonly change: number[]; readonly cluster: number[] }
function armOf(g: Groups, wanted: 0 | 1): Arm {
  const arm: Arm = { before: [], during: [], change: [], cluster: [] }
  for (let i = 0; i < g.group.length; i++) {
    const [before, during] = [g.before[i]!, g.during[i]!]
    if (g.group[i] !== wanted || !Number.isFinite(before) || !Number.isFinite(during)) continue
    arm.before.push(before)
    arm.during.push(during)
    arm.change.push(during - before)
    arm.cluster.push(g.cluster?.[i] ?? i)
  }
  return arm
}
const sum = <T>(all: readonly T[], of: (x: T) => number): number => all.reduce((total, x) => total + of(x), 0)
/** By running mean: equal values have exactly their own. */
function meanOf(values: readonly number[]): number {
  let mean = 0
  values.forEach((x, k) => (mean += (x - mean) / (k + 1)))
  return values.length === 0 ? Number.NaN : mean
}
function varianceOf(values: readonly number[]): number {
  const mean = meanOf(values)
  return values.length < 2 ? Number.NaN : sum(values, x => (x - mean) * (x - mean)) / (values.length - 1)
}
/** Variance of a mean whose values come in clusters; unknown of fewer than two of them. With clusters of one it is s^2 / n. */
function errorOf(values: readonly number[], cluster: readonly number[]): { readonly variance: number; readonly clusters: number } {
  const mean = meanOf(values)
  const sums = new Map<number, number>()
  values.forEach((x, k) => sums.set(cluster[k]!, (sums.get(cluster[k]!) ?? 0) + x - mean))
  const n = sums.size
  return {
    variance: n < 2 ? Number.NaN : (n / (n - 1)) * (sum([...sums.values()], s => s * s) / (values.length * values.length)),
    clusters: n,
  }
}
const over = (difference: number, scatter: number): number => (difference === 0 ? 0 : difference / scatter)

/** Welch's degrees of freedom; endless where nothing scatters. */
function degrees(errors: readonly { readonly variance: number; readonly clusters: number }[]): number {
  const all = sum(errors, e => e.variance)
  return (all * all) / sum(errors, e => (e.variance * e.variance) / (e.clusters - 1)) || Number.POSITIVE_INFINITY
}
/** The quantile of Student's t that goes with the normal one, by the first terms of its expansion (Abramowitz and Stegun 26.7.5): from 5 degrees on right to 1/1000. */
function student(z: number, df: number): number {
  const q = z * z
  const terms = [
    (z * (q + 1)) / 4,
    (z * ((5 * q + 16) * q + 3)) / 96,
    (z * (((3 * q + 19) * q + 17) * q - 15)) / 384,
    (z * ((((79 * q + 776) * q + 1_482) * q - 1_920) * q - 945)) / 92_160,
  ]
  // by multiplication alone: powers need not have the same last digit everywhere
  let [quantile, divisor] = [z, 1]
  for (const term of terms) {
    divisor *= df
    quantile += term / divisor
  }
  return quantile
}
