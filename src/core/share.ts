import { isBelow, reach } from './draw.ts'
import { lowerIn, upperIn } from './steps.ts'

/** Shares go up in this many steps between a charger's least and greatest power: one refusal then moves a few chargers, not all. */
export const STEPS = 32

/**
 * `proRata`: each has the same share of its own range, in whole steps of it. `maxMin`: each has the same watts, as far as it can use them. `whole`:
 * in turn, each gets all it can use, and the first who cannot have all of it gets what is left.
 */
export type Sharing = 'proRata' | 'maxMin' | 'whole'

/**
 * Those who share, as columns, W. What one can be told is `pauseW` (0, or its least power where it cannot be paused), or from `minW` on in steps of
 * `stepW` (0: any whole watt), or `maxW`. A `maxW` below `minW` is a bound from elsewhere that pauses it: it has exactly that, and takes no part.
 */
export type Sharers = {
  /** Lower is served first. */
  readonly order: Uint32Array
  readonly pauseW: Int32Array
  readonly minW: Int32Array
  readonly maxW: Int32Array
  readonly stepW: Int32Array
  /** The only amounts that one takes between a pause and its `maxW`, ascending, instead of `stepW`. */
  readonly setOf?: (m: number) => readonly number[] | undefined
}
export type Shares = {
  readonly watts: Int32Array
  /** What the budget lacks even when everyone is paused, W. */
  readonly shortW: number
}

/**
 * Divides a budget of power, exactly: the sum is never above it, unless `shortW` says by how much even the least is. Semi-continuous: first who runs at
 * all (6 A, IEC 61851-1), in order, then what is left is shared by the rule, then what steps have left over, one step each, in order.
 */
export function share(budgetW: number, of: Sharers, rule: Sharing): Shares {
  const n = of.order.length
  const watts = new Int32Array(n)
  let leastW = 0
  for (let m = 0; m < n; m++) {
    watts[m] = Math.min(of.pauseW[m]!, of.maxW[m]!)
    leastW += watts[m]!
  }
  let leftW = budgetW - leastW
  if (leftW < 0) return { watts, shortW: -leftW }
  leftW = rule === 'whole' ? wholes(watts, of, leftW) : runners(watts, of, leftW)
  if (rule === 'proRata') leftW = inProportion(watts, of, leftW)
  if (rule === 'maxMin') leftW = levelled(watts, of, leftW)
  toSteps(watts, of, leftW)
  return { watts, shortW: 0 }
}

const canRun = (of: Sharers, m: number): boolean => of.maxW[m]! >= of.minW[m]! && of.maxW[m]! > 0

/** Gives each its amount in order while the budget lasts; returns what is left. Who needs nothing gets nothing. */
function grant(watts: Int32Array, order: Uint32Array, amountsW: Int32Array, budgetW: number): number {
  const far = reach(order, amountsW, budgetW)
  for (let m = 0; m < order.length; m++) if (amountsW[m]! > 0 && isBelow(order[m]!, far)) watts[m]! += amountsW[m]!
  let { left } = far
  for (const m of far.inBin) {
    if (amountsW[m]! > left) continue
    watts[m]! += amountsW[m]!
    left -= amountsW[m]!
  }
  return left
}

/** Who runs at all, at its least power. */
function runners(watts: Int32Array, of: Sharers, budgetW: number): number {
  const amountsW = new Int32Array(watts.length)
  for (let m = 0; m < watts.length; m++) if (canRun(of, m)) amountsW[m] = of.minW[m]! - watts[m]!
  return grant(watts, of.order, amountsW, budgetW)
}

/** All of it to each in order; what is left to the first in order who can run on it. */
function wholes(watts: Int32Array, of: Sharers, budgetW: number): number {
  const amountsW = new Int32Array(watts.length)
  for (let m = 0; m < watts.length; m++) if (canRun(of, m)) amountsW[m] = of.maxW[m]! - watts[m]!
  const leftW = grant(watts, of.order, amountsW, budgetW)
  let next = -1
  for (let m = 0; m < watts.length; m++) {
    if (!canRun(of, m) || watts[m]! >= of.maxW[m]! || watts[m]! + leftW < of.minW[m]!) continue
    if (next < 0 || of.order[m]! < of.order[next]!) next = m
  }
  if (next < 0) return leftW
  const givenW = Math.min(leftW, of.maxW[next]! - watts[next]!)
  watts[next]! += givenW
  return leftW - givenW
}

/** The same number of steps for each who runs, the remainder one step each in order. */
function inProportion(watts: Int32Array, of: Sharers, budgetW: number): number {
  const { roomW, totalW } = roomOf(watts, of)
  if (budgetW >= totalW) return fill(watts, roomW, budgetW - totalW)
  let allStepsW = 0
  for (let m = 0; m < watts.length; m++) {
    roomW[m] = Math.floor(roomW[m]! / STEPS)
    allStepsW += roomW[m]!
  }
  const steps = allStepsW === 0 ? 0 : Math.min(STEPS - 1, Math.floor(budgetW / allStepsW))
  for (let m = 0; m < watts.length; m++) watts[m]! += steps * roomW[m]!
  return grant(watts, of.order, roomW, budgetW - steps * allStepsW)
}

/** The same watts for each who runs, as far as it can use them, in steps of the widest range; the remainder one step each in order. */
function levelled(watts: Int32Array, of: Sharers, budgetW: number): number {
  const { roomW, totalW } = roomOf(watts, of)
  if (budgetW >= totalW) return fill(watts, roomW, budgetW - totalW)
  let topW = 0
  for (let m = 0; m < watts.length; m++) if (roomW[m]! > 0) topW = Math.max(topW, of.maxW[m]!)
  const stepW = Math.max(1, Math.floor(topW / STEPS))
  const raised = (m: number, levelW: number) => Math.max(0, Math.min(roomW[m]!, levelW - watts[m]!))
  const usedAt = (levelW: number) => {
    let sumW = 0
    for (let m = 0; m < watts.length; m++) if (roomW[m]! > 0) sumW += raised(m, levelW)
    return sumW
  }
  let low = 0
  let high = Math.ceil(topW / stepW)
  while (high - low > 1) {
    const mid = (low + high) >> 1
    if (usedAt(mid * stepW) <= budgetW) low = mid
    else high = mid
  }
  const levelW = low * stepW
  let leftW = budgetW
  const oneMore = new Int32Array(watts.length)
  for (let m = 0; m < watts.length; m++) {
    if (roomW[m] === 0) continue
    const givenW = raised(m, levelW)
    oneMore[m] = raised(m, levelW + stepW) - givenW
    watts[m]! += givenW
    leftW -= givenW
  }
  return grant(watts, of.order, oneMore, leftW)
}

/** What each who runs could still use, W. */
function roomOf(watts: Int32Array, of: Sharers): { roomW: Int32Array; totalW: number } {
  const roomW = new Int32Array(watts.length)
  let totalW = 0
  for (let m = 0; m < watts.length; m++) {
    if (!canRun(of, m) || watts[m]! < of.minW[m]!) continue
    roomW[m] = of.maxW[m]! - watts[m]!
    totalW += roomW[m]!
  }
  return { roomW, totalW }
}
function fill(watts: Int32Array, roomW: Int32Array, leftW: number): number {
  for (let m = 0; m < watts.length; m++) watts[m]! += roomW[m]!
  return leftW
}

/** Rounds down to what each can be told, and hands out one step each, in order, of what that leaves. */
function toSteps(watts: Int32Array, of: Sharers, leftW: number): void {
  let freedW = leftW
  let oneMore: Int32Array | undefined
  for (let m = 0; m < watts.length; m++) {
    const stepW = of.stepW[m]!
    const set = of.setOf?.(m)
    if ((stepW === 0 && !set) || watts[m]! < of.minW[m]! || watts[m]! >= of.maxW[m]! || !canRun(of, m)) continue
    const over = set ? watts[m]! - lowerIn(set, watts[m]!) : (watts[m]! - of.minW[m]!) % stepW
    watts[m]! -= over
    freedW += over
    oneMore ??= new Int32Array(watts.length)
    const moreW = set ? (upperIn(set, watts[m]! + 1) ?? of.maxW[m]!) - watts[m]! : stepW
    oneMore[m] = Math.min(moreW, of.maxW[m]! - watts[m]!)
  }
  if (oneMore) grant(watts, of.order, oneMore, freedW)
}
