import { type Instant, noReadings, type Readings, type Second } from '../core/model.ts'
import { UNKNOWN_ACCURACY } from '../core/verify/accuracy.ts'
import { countedIn, countsWith, shareOf } from '../core/verify/coverage.ts'
import { type Curve, curveOf, readingsByCharger, type Steps, stepped } from '../core/verify/energy.ts'
import type { Finding } from '../core/verify/findings.ts'
import type { Verified } from '../core/verify/record.ts'
import { type Flaw, flaw } from '../core/verify/series.ts'
import { readingsAround } from '../engine/edgeReadings.ts'
import type { Meters } from '../ports.ts'
import type { FlawSummary } from '../report/model.ts'
import type { EventFacts } from './reportFacts.ts'

type Span = { readonly fromS: Second; readonly toS: Second }
/** What the meters say of the members of an event in equal steps, as sums; and of each member, in the order of `members`. */
export type Metered = {
  readonly steps: Steps
  /** Wh a step; NaN where too little is known. Who is not metered in a step counts at its baseline: what is not seen is no delivery. */
  readonly actualWh: Float64Array
  /** How far it may be off by the accuracy of the meters, Wh. */
  readonly errorWh: Float64Array
  /** By step; see `coverage.ts`. */
  readonly coverage: Float64Array
  /** Mean before the event, of each and in all, W; NaN where not known. */
  readonly baselineW: Float64Array
  readonly baselineSumW: number
  /** Over the settled window. */
  readonly windowWh: Float64Array
  readonly windowCoverage: Float64Array
  /** Who counts for coverage. */
  readonly counted: readonly boolean[]
  readonly flaws: Uint16Array
  readonly summary: FlawSummary
}
/** Below this share of metered charger-time nothing is said of a step. */
const MIN_COVERAGE = 0.5
/** Chargers whose readings are in memory at a time. */
const CHUNK = 2_000
const MOST_EXAMPLES = 1_000

type Of = Pick<EventFacts, 'members' | 'fleet' | 'told'>
type Times = { readonly steps: Steps; readonly window: Span; readonly before: Span }

/**
 * Reads the meters of all members, some thousand at a time. A charger whose readings cannot be made sense of costs itself alone.
 * @param fact the verdict that counts, where there is one: its baselines and accuracies are taken, not worked out anew
 */
export async function metered(
  facts: Of,
  meters: Pick<Meters, 'range'>,
  fact: Verified | undefined,
  spans: Times,
  nowMs: Instant,
): Promise<Metered> {
  const { steps } = spans
  const sum = createMetered(facts, fact, spans)
  for (let from = 0; from < facts.members.length; from += CHUNK) {
    const who = facts.members.slice(from, from + CHUNK)
    sum.add(who, await readingsAround(meters, who, steps.fromS * 1000, Math.min(nowMs, steps.toS * 1000)))
  }
  return sum.result()
}

/** The same for whoever has the readings. `who`: the next members in their order, with all readings of theirs. */
export function createMetered({ members, fleet, told }: Of, fact: Verified | undefined, { steps, window, before }: Times) {
  const count = Math.floor((steps.toS - steps.fromS) / steps.stepS)
  const sums = sumsOf(count, steps)
  const of = () => new Float64Array(members.length).fill(Number.NaN)
  const each = { baselineW: of(), windowWh: of(), windowCoverage: new Float64Array(members.length), flaws: new Uint16Array(members.length) }
  const counted: boolean[] = []
  const countsIn = fact && countedIn(fact)
  // as far as the verdict looks, so that its counts and these are of the same
  const looked = { fromS: Math.min(before.fromS, window.fromS), toS: Math.max(window.toS, before.fromS + 1) }
  const rowOf = rowsIn(fact)
  const found = newSummary()
  let m = 0
  function addOne(charger: number, readings: Readings): void {
    const curve = curveOf(readings, { maxW: fleet.maxW[charger]! })
    const { series } = stepped(curve, steps)
    const inBefore = meanOver(stepped(curve, { ...before, stepS: Math.max(1, before.toS - before.fromS) }), before)
    const inWindow = stepped(curve, { ...window, stepS: Math.max(1, window.toS - window.fromS) })
    const row = rowOf(charger)
    each.baselineW[m] = fact?.energy && row >= 0 ? baselineIn(fact, row, window) : inBefore
    each.windowWh[m] = inWindow.series.wh[0] ?? Number.NaN
    counted[m] = countsIn && row >= 0 ? countsIn(row) : countsWith(!Number.isNaN(told.commandedMs[charger]!), each.baselineW[m])
    // whoever came during the event is part of the load, and not of how much of it is known
    if (counted[m] || curve.segments.length > 0)
      sums.add(series.wh, coveredIn(curve, steps), each.baselineW[m]!, accuracyOfRow(fact, row), counted[m] === true)
    each.windowCoverage[m] = coveredIn(curve, { ...window, stepS: Math.max(1, window.toS - window.fromS) })[0] ?? 0
    each.flaws[m] = (inWindow.series.flaws[0] ?? flaw.gap) as number
    found.add(charger, stepped(curve, { ...looked, stepS: looked.toS - looked.fromS }).findings)
    m++
  }
  return {
    add(who: Uint32Array, readings: Readings): void {
      const own = new Map(readingsByCharger(finite(readings)))
      for (const charger of who) addOne(charger, own.get(charger) ?? noReadings)
    },
    result: (): Metered => ({
      ...{ steps, ...sums.result(), ...each, counted },
      ...{ baselineSumW: each.baselineW.reduce((sum, w) => sum + (Number.isNaN(w) ? 0 : w), 0), summary: found.result() },
    }),
  }
}

/** What is no number is no reading. */
function finite(r: Readings): Readings {
  const isOdd = (x: number): boolean => x === Number.POSITIVE_INFINITY || x === Number.NEGATIVE_INFINITY
  if (!r.powerW.some(isOdd) && !r.registerWh.some(isOdd)) return r
  const plain = (column: Float64Array): Float64Array => column.map(x => (isOdd(x) ? Number.NaN : x))
  return { ...r, powerW: plain(r.powerW), registerWh: plain(r.registerWh) }
}
const meanOver = ({ series }: ReturnType<typeof stepped>, { fromS, toS }: Span): number =>
  toS <= fromS ? Number.NaN : ((series.wh[0] ?? Number.NaN) * 3600) / (toS - fromS)

/** Row of a charger in a verdict, -1 where it has none. */
function rowsIn(fact: Verified | undefined): (charger: number) => number {
  const rows = new Map<number, number>()
  fact?.who.forEach((charger, row) => rows.set(charger, row))
  return charger => rows.get(charger) ?? -1
}
function baselineIn({ energy, periods }: Verified, row: number, { fromS, toS }: Span): number {
  const count = periods?.startS.length ?? 0
  let wh = 0
  for (let t = 0; t < count; t++) wh += energy!.baselineWh[row * count + t]!
  return toS <= fromS || count === 0 ? Number.NaN : (wh * 3600) / (toS - fromS)
}
const accuracyOfRow = (fact: Verified | undefined, row: number): number => {
  const bp = row < 0 ? undefined : fact?.terms?.errorBp[row]
  return bp === undefined ? UNKNOWN_ACCURACY : bp / 10_000
}

/** Share of each step for which there are readings. */
function coveredIn({ segments }: Curve, { fromS, toS, stepS }: Steps): Float64Array {
  const out = new Float64Array(Math.max(0, Math.floor((toS - fromS) / stepS)))
  const [startMs, stepMs] = [fromS * 1000, stepS * 1000]
  for (const x of segments) {
    if (x.isHole) continue
    for (let k = Math.max(0, Math.floor((x.fromMs - startMs) / stepMs)); k < out.length && startMs + k * stepMs < x.toMs; k++) {
      const [a, z] = [Math.max(x.fromMs, startMs + k * stepMs), Math.min(x.toMs, startMs + (k + 1) * stepMs)]
      out[k]! += Math.max(0, z - a) / stepMs
    }
  }
  return out.map(share => Math.min(1, share))
}

function sumsOf(count: number, { stepS }: Steps) {
  const actualWh = new Float64Array(count)
  const squares = new Float64Array(count)
  const covered = new Float64Array(count)
  let counted = 0
  return {
    /** A step of which at least half is metered stands for the whole of it. */
    add(wh: Float64Array, coverage: Float64Array, baselineW: number, accuracy: number, isCounted: boolean): void {
      if (isCounted) counted++
      for (let k = 0; k < count; k++) {
        if (isCounted) covered[k]! += coverage[k]!
        if (coverage[k]! >= MIN_COVERAGE && !Number.isNaN(wh[k]!)) {
          const wholeWh = wh[k]! / coverage[k]!
          actualWh[k]! += wholeWh
          squares[k]! += (accuracy * wholeWh) ** 2
        } else if (!Number.isNaN(baselineW)) actualWh[k]! += (baselineW * stepS) / 3600
      }
    },
    result() {
      const coverage = covered.map(n => shareOf(n, counted, 1) ?? 0)
      return {
        actualWh: actualWh.map((wh, k) => (coverage[k]! < MIN_COVERAGE ? Number.NaN : wh)),
        errorWh: squares.map(Math.sqrt),
        coverage,
      }
    },
  }
}

function newSummary() {
  const counts = new Map<Flaw, { count: number; chargers: number }>()
  const examples: Finding[] = []
  return {
    add(charger: number, findings: readonly Finding[]) {
      const kinds = new Set<Flaw>()
      for (const finding of findings) {
        const n = counts.get(finding.kind) ?? { count: 0, chargers: 0 }
        n.count += finding.count
        if (!kinds.has(finding.kind)) n.chargers++
        kinds.add(finding.kind)
        counts.set(finding.kind, n)
        if (examples.length < MOST_EXAMPLES) examples.push({ ...finding, charger })
      }
    },
    result: (): FlawSummary => ({ counts: [...counts].map(([kind, n]) => ({ flaw: kind, ...n })), examples }),
  }
}
