import { draws, drawsOf } from './draw.ts'
import { normalBelow } from './normal.ts'
import type { Common } from './reliability.ts'

/** Those who could give, as columns. */
export type Candidates = {
  /** 32 bits; lower is taken first. */
  readonly order: Uint32Array
  /** What each gives if it obeys, W; 0: it is no candidate. */
  readonly cutW: Float64Array
  /**
   * What each would give if nobody had refused, opted out or been lost since the event began; `cutW` itself if that is so. By this the groups are
   * chosen that are relied on, so that one who is lost does not change the choice.
   */
  readonly usualW?: Float64Array
  /** Chance that it obeys while its group is up. */
  readonly chance: Float64Array
  /** Dense index in `common`. */
  readonly group: Uint16Array
  readonly common: Common
}
export type Goal = {
  /** What is to be delivered with probability `confidence`, W; confidence 0 asks for the expectation alone. */
  readonly neededW: number
  readonly confidence: number
  /** What was asked at first, W: the choice of groups stands by it while a shortfall grows what is needed. `neededW` if absent. */
  readonly askedW?: number
  /** What is to be expected at least (`overCommit` x the ask), W. */
  readonly meanW: number
  /** Draws which groups are relied on, so that it is not always the same ones. */
  readonly seed: Uint8Array
}
export type Pick = {
  readonly takes: Uint8Array
  /** Expected of those taken while no group is out, W. */
  readonly meanW: number
  /** P(delivered >= neededW), outages included. */
  readonly met: number
}

/**
 * Per group, what those taken add up to: `mean` sum p r, `own` sum p^2 r(1-r), `root` sum p sqrt(r(1-r)). The delivered sum of a group that is up
 * has the variance own + rho (root^2 - own) (beta-binomial).
 */
export type Moments = { readonly mean: Float64Array; readonly own: Float64Array; readonly root: Float64Array }
const newMoments = (groups: number): Moments => ({
  mean: new Float64Array(groups),
  own: new Float64Array(groups),
  root: new Float64Array(groups),
})
function add(to: Moments, g: number, cutW: number, chance: number, times: 1 | -1 = 1): void {
  const spread = chance * (1 - chance)
  to.mean[g]! += times * cutW * chance
  to.own[g]! += times * cutW * cutW * spread
  to.root[g]! += times * cutW * Math.sqrt(spread)
}
/** What those who are added promise together, and whether it is the goal. Where nobody's choice could reach it, as long as no group is out. */
export function tallyOf({ chance, group, common }: Omit<Candidates, 'order' | 'cutW' | 'usualW'>, goal: Goal, isReachable: boolean) {
  const sums = newMoments(common.outage.length)
  const counted = isReachable ? common : { ...common, outage: new Float64Array(common.outage.length) }
  return {
    add: (m: number, cutW: number) => add(sums, group[m]!, cutW, chance[m]!),
    letGo: (m: number, cutW: number) => add(sums, group[m]!, cutW, chance[m]!, -1),
    isMet: () => isMet(sums, counted, goal),
  }
}
export function momentsOf(of: Candidates): Moments {
  const all = newMoments(of.common.outage.length)
  for (let m = 0; m < of.cutW.length; m++) if (of.cutW[m]! > 0) add(all, of.group[m]!, of.cutW[m]!, of.chance[m]!)
  return all
}

/** A group that bears less than this of the whole is not worth a case of its own: its outages only widen the rest. */
const OF_ITS_OWN = 0.05
/** A margin for what is itself only estimated, in variances. */
const LEAST_SD = 1e-9

/** What may happen: nothing, one group is out, two are; each with its probability, mean and standard deviation of what is delivered. */
export type Case = { readonly share: number; readonly meanW: number; readonly sdW: number }
export function casesOf({ mean, own, root }: Moments, { outage, rho }: Common): Case[] {
  let [sumW, variance, whole] = [0, 0, 0]
  for (let g = 0; g < mean.length; g++) whole += mean[g]!
  const alone: { odds: number; meanW: number; variance: number }[] = []
  let none = 1
  for (let g = 0; g < mean.length; g++) {
    if (mean[g] === 0) continue
    const q = Math.min(0.5, outage[g]!)
    const up = own[g]! + rho[g]! * Math.max(0, root[g]! ** 2 - own[g]!)
    if (mean[g]! < OF_ITS_OWN * whole) {
      sumW += (1 - q) * mean[g]!
      variance += (1 - q) * up + q * (1 - q) * mean[g]! ** 2
      continue
    }
    sumW += mean[g]!
    variance += up
    alone.push({ odds: q / (1 - q), meanW: mean[g]!, variance: up })
    none *= 1 - q
  }
  const caseOf = (share: number, meanW: number, v: number): Case => ({ share, meanW, sdW: Math.sqrt(Math.max(v, LEAST_SD)) })
  const cases = [caseOf(none, sumW, variance)]
  alone.forEach((a, k) => {
    cases.push(caseOf(none * a.odds, sumW - a.meanW, variance - a.variance))
    for (const b of alone.slice(k + 1))
      cases.push(caseOf(none * a.odds * b.odds, sumW - a.meanW - b.meanW, variance - a.variance - b.variance))
  })
  return cases
}
/** P(delivered >= neededW). Three groups out at once are counted as nothing delivered. */
export function chanceOf(cases: readonly Case[], neededW: number): number {
  let p = 0
  for (const c of cases) p += c.share * normalBelow((c.meanW - neededW) / c.sdW)
  return p
}

/**
 * Who is to give, in order, so that P(delivered >= needed) reaches the confidence at the least expectation. Not everyone can be taken from every
 * group: as chance evens out among many, what is left to fear is a group that is out, and the cheapest way to bear that is to rely on few groups fully
 * (whose outages together stay within 1 - confidence) and on each of the others only so far that the margin covers it. How many and how far is tried
 * out on sums per group and part of the order. Where no choice reaches the confidence, it is to be reached as long as no group is out; where that
 * cannot be, everyone is taken. One who is lost is replaced by the next in order: the others stay.
 */
export function pick(of: Candidates, goal: Goal): Pick {
  const table = tabled(of, of.cutW)
  return filled(of, table, goal, goal.confidence > 0 ? chosen(of, table, goal) : everyGroup(table))
}
/**
 * How good a choice is, is judged by the ask alone and as if nobody had been lost: what is lacking for a while then changes how far the order is gone,
 * but not who is relied on, unless that choice cannot reach the goal any more.
 */
function chosen(of: Candidates, table: Table, goal: Goal): Choice {
  const usual = of.usualW === undefined || of.usualW === of.cutW ? table : tabled(of, of.usualW)
  const atFirst = { ...goal, neededW: goal.askedW ?? goal.neededW }
  const choices = cheapestFirst(usual, of.common, { ...atFirst, meanW: Math.min(goal.meanW, atFirst.neededW) })
  return choices.find(choice => meanNeeded(table, of.common, goal, choice) < Infinity) ?? everyGroup(table)
}

/** Sums over the order, by group and bin: `upTo[3 * (g * (bins + 1) + b)]` and the two after it are mean, own and root of group g in the bins below b. */
type Table = { readonly groups: number; readonly bins: number; readonly shift: number; readonly upTo: Float64Array }
/** A table that the processor's cache holds. */
const FINE = 10
const COARSE = 8
const MANY_GROUPS = 32
function tabled(of: Candidates, cutW: Float64Array): Table {
  const groups = of.common.outage.length
  const bits = groups <= MANY_GROUPS ? FINE : COARSE
  const bins = 1 << bits
  const shift = 32 - bits
  const row = 3 * (bins + 1)
  const upTo = new Float64Array(groups * row)
  const { chance, group, order } = of
  for (let m = 0; m < cutW.length; m++) {
    const w = cutW[m]!
    if (w <= 0) continue
    const r = chance[m]!
    const at = group[m]! * row + 3 * ((order[m]! >>> shift) + 1)
    const rootW = w * Math.sqrt(r * (1 - r))
    upTo[at]! += w * r
    upTo[at + 1]! += rootW * rootW
    upTo[at + 2]! += rootW
  }
  for (let g = 0; g < groups; g++) for (let k = g * row + 3; k < (g + 1) * row; k++) upTo[k]! += upTo[k - 3]!
  return { groups, bins, shift, upTo }
}

/** `relied`: groups used as far as the order goes; the others up to `capW` of expectation each. */
type Choice = { readonly relied: Uint8Array; readonly capW: number }
const everyGroup = (t: Table): Choice => ({ relied: new Uint8Array(t.groups).fill(1), capW: Infinity })

/** Share of what is needed that a group which is not relied on may bear. */
const CAPS = [0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5]

/** Those that reach the goal by what they need for it, then those that do not, as they come. */
function cheapestFirst(t: Table, common: Common, goal: Goal): Choice[] {
  const byTrust = trusted(common, goal.seed)
  const costs = new Map<Choice, number>()
  for (const count of counts(t.groups)) {
    const relied = new Uint8Array(t.groups)
    for (const g of byTrust.slice(0, count)) relied[g] = 1
    for (const cap of count === t.groups ? [Infinity] : CAPS) {
      const choice = { relied, capW: cap * goal.neededW }
      costs.set(choice, meanNeeded(t, common, goal, choice))
    }
  }
  return [...costs.keys()].sort((a, b) => (costs.get(a) === costs.get(b) ? 0 : costs.get(a)! - costs.get(b)!))
}
/** Fewest outages first, in steps of a doubling; drawn within a step. */
function trusted({ outage }: Common, seed: Uint8Array): number[] {
  const u = draws(outage.length, seed, 'groups')
  const step = Array.from(outage, q => Math.round(Math.log2(Math.max(q, 1e-4))))
  return [...outage.keys()].sort((a, b) => step[a]! - step[b]! || u[a]! - u[b]! || a - b)
}
function counts(groups: number): number[] {
  const out: number[] = []
  for (let n = 0; n < groups; n = n < 4 ? n + 1 : Math.ceil(n * 1.4)) out.push(n)
  return [...out, groups]
}

/** Expectation at which a choice reaches the goal, W; Infinity if it does not with everyone. */
function meanNeeded(t: Table, common: Common, goal: Goal, choice: Choice): number {
  const capBins = capped(t, choice)
  const reaches = (bin: number) => isMet(momentsTo(t, bin, capBins), common, goal)
  if (!reaches(t.bins)) return Infinity
  let [low, high] = [0, t.bins]
  while (low + 1 < high) {
    const mid = (low + high) >> 1
    if (reaches(mid)) high = mid
    else low = mid
  }
  return sum(momentsTo(t, high, capBins).mean)
}
/** Up to which bin each group may be used. */
const capped = (t: Table, { relied, capW }: Choice): Uint32Array =>
  Uint32Array.from(relied, (isRelied, g) => (isRelied === 1 ? t.bins : lastWithin(t, g, capW)))
/** The greatest bin b such that the group's expectation in the bins below b is within `capW`. */
function lastWithin(t: Table, g: number, capW: number): number {
  let [low, high] = [0, t.bins + 1]
  while (low + 1 < high) {
    const mid = (low + high) >> 1
    if (t.upTo[3 * (g * (t.bins + 1) + mid)]! <= capW) low = mid
    else high = mid
  }
  return low
}
function momentsTo(t: Table, bin: number, capBins: Uint32Array): Moments {
  const out = newMoments(t.groups)
  for (let g = 0; g < t.groups; g++) {
    const at = 3 * (g * (t.bins + 1) + Math.min(bin, capBins[g]!))
    out.mean[g] = t.upTo[at]!
    out.own[g] = t.upTo[at + 1]!
    out.root[g] = t.upTo[at + 2]!
  }
  return out
}
const sum = (column: Float64Array): number => column.reduce((a, b) => a + b, 0)
const isMet = (m: Moments, common: Common, goal: Goal): boolean =>
  sum(m.mean) >= goal.meanW && (goal.confidence === 0 || chanceOf(casesOf(m, common), goal.neededW) >= goal.confidence)

/** Goes through the order bin by bin as far as a choice needs, and through the bins where something ends one by one. */
function filled(of: Candidates, t: Table, goal: Goal, choice: Choice): Pick {
  const isFallback = goal.confidence > 0 && meanNeeded(t, of.common, goal, choice) === Infinity
  const common = isFallback ? { ...of.common, outage: new Float64Array(t.groups) } : of.common
  const capBins = capped(t, choice)
  const reached = (bin: number) => isMet(momentsTo(t, bin, capBins), common, goal)
  let [low, high] = [0, t.bins]
  if (reached(0)) high = 0
  while (low + 1 < high) {
    const mid = (low + high) >> 1
    if (reached(mid)) high = mid
    else low = mid
  }
  const from = high === 0 ? 0 : low
  const takes = new Uint8Array(of.cutW.length)
  const edges: number[] = []
  for (let m = 0; m < of.cutW.length; m++) {
    if (!(of.cutW[m]! > 0)) continue
    const bin = of.order[m]! >>> t.shift
    const capBin = capBins[of.group[m]!]!
    if (bin < Math.min(from, capBin)) takes[m] = 1
    else if (high > 0 && (bin === from || bin === capBin) && bin <= from) edges.push(m)
  }
  edges.sort((a, b) => of.order[a]! - of.order[b]! || a - b)
  const m = momentsTo(t, from, capBins)
  const full = new Uint8Array(t.groups)
  for (const k of edges) {
    if (isMet(m, common, goal)) break
    const g = of.group[k]!
    if (choice.relied[g] === 0 && m.mean[g]! + of.cutW[k]! * of.chance[k]! > choice.capW) full[g] = 1
    if (full[g] === 1) continue
    takes[k] = 1
    add(m, g, of.cutW[k]!, of.chance[k]!)
  }
  return { takes, meanW: sum(m.mean), met: chanceOf(casesOf(m, of.common), goal.neededW) }
}

/**
 * Members who stay back while nothing is known to be missing: this share of them, by draw. `label` separates reserve and control group. The draw of a
 * member hangs on its number alone, so nobody else's coming or going moves it.
 */
export function drawnShare(members: Uint32Array, share: number, seed: Uint8Array, label: 'reserve' | 'holdout'): Uint8Array {
  const out = new Uint8Array(members.length)
  if (share <= 0) return out
  const u = drawsOf(members, seed, label)
  for (let m = 0; m < members.length; m++) if (u[m]! < share * 4294967296) out[m] = 1
  return out
}
