import type { ControlGroup } from './ruleset.ts'

/**
 * What chargers did that were held out by draw, beside those that were asked. By charger, mean power (or energy) in a window before the event and in the event; NaN: not
 * measured, so the charger is in neither group. `group`: 1 asked, 0 held out, anything else not part of it (opted out, or in another event: no clean control).
 */
export type Groups = { readonly before: ArrayLike<number>; readonly during: ArrayLike<number>; readonly group: ArrayLike<number> }
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
  /** Undefined: the rule's checks are met. The figures are given either way. */
  readonly doubt: 'groupTooSmall' | 'unbalanced' | undefined
}

/**
 * Difference in differences with its interval: effect +- z standard errors, Var = s_T^2 / N_T + s_C^2 / N_C of the changes. `doubt` where a group is smaller than the
 * rule's, or the groups differed before the event by more than its t. Chargers that share a limit of the network are no independent units: hold out whole
 * feeders then, or expect an interval that is too narrow.
 */
export function controlGroup(rule: ControlGroup, g: Groups): Effect {
  const asked = [sample(), sample(), sample()] as const
  const heldOut = [sample(), sample(), sample()] as const
  for (let i = 0; i < g.group.length; i++) {
    const [before, during] = [g.before[i]!, g.during[i]!]
    const to = g.group[i] === 1 ? asked : g.group[i] === 0 ? heldOut : undefined
    if (!to || !Number.isFinite(before) || !Number.isFinite(during)) continue
    add(to[0], before)
    add(to[1], during)
    add(to[2], during - before)
  }
  const n = asked[0].n
  const effect = heldOut[2].mean - asked[2].mean
  const standardError = Math.sqrt(errorOf(asked[2]) + errorOf(heldOut[2]))
  const [low, high] = [effect - rule.z * standardError, effect + rule.z * standardError]
  const balanceT = welchT(asked[0], heldOut[0])
  const small = Math.min(n, heldOut[0].n) < rule.minGroup
  return {
    asked: n,
    heldOut: heldOut[0].n,
    plain: heldOut[1].mean - asked[1].mean,
    effect,
    standardError,
    low,
    high,
    delivered: n * effect,
    deliveredLow: n * low,
    deliveredHigh: n * high,
    balanceT,
    doubt: small ? 'groupTooSmall' : Math.abs(balanceT) > rule.maxBalanceT ? 'unbalanced' : undefined,
  }
}

/** How many chargers each group needs to see a difference `delta` among loads that scatter by `sigma`, at 5 % and 80 % unless told otherwise. Round it up. */
export const groupSize = (sigma: number, delta: number, z = { alpha: 1.959964, power: 0.841621 }): number =>
  (2 * (z.alpha + z.power) ** 2 * sigma ** 2) / delta ** 2

type Sample = { n: number; mean: number; squares: number }
const sample = (): Sample => ({ n: 0, mean: 0, squares: 0 })
/** Welford's running mean and sum of squares. */
function add(s: Sample, x: number): void {
  const from = x - s.mean
  s.mean += from / ++s.n
  s.squares += from * (x - s.mean)
}
/** Variance of the mean; unknown of fewer than two. */
const errorOf = (s: Sample): number => (s.n < 2 ? Number.NaN : s.squares / (s.n - 1) / s.n)
function welchT(a: Sample, b: Sample): number {
  const difference = a.mean - b.mean
  return difference === 0 ? 0 : difference / Math.sqrt(errorOf(a) + errorOf(b))
}
