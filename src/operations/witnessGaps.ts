import { chargerVerdicts, type NodeNo } from '../core/model.ts'
import { type Grid, type Load, NO_GROUP, pairUp, rowOf, sumBy } from '../core/verify/load.ts'
import { type EnergySeries, flaw } from '../core/verify/series.ts'
import { loadOf } from '../core/verify/settlement.ts'
import { type WitnessGap, witnessGap } from '../core/verify/witness.ts'
import { chargersUnder } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { verifiedFactOf } from './events.ts'
import type { History, VerifiedFact } from './history.ts'
import { meteredIn } from './meteredIn.ts'
import { done, isoS, type Result, refuse } from './result.ts'
import { isWeather, type WitnessOperations } from './witnesses.ts'

/** What a meter of the network operator says beside the chargers under it. `gap` is null, and `why` says so, where the two cannot be compared. */
export type WitnessedGap = {
  readonly meter: string
  readonly node: string
  readonly stepS: number
  readonly from: string
  readonly until: string
  /** Chargers of the event under it, and those of them that were commanded. */
  readonly chargers: number
  readonly commanded: number
  readonly gap: WitnessGap | null
  readonly why: 'tooCoarse' | 'noReadings' | null
  /** Readings of the meter that are more than its place can have drawn, and count for nothing here; absent where there is none. */
  readonly implausible?: number
}
const NOT_COMMANDED = chargerVerdicts.indexOf('notCommanded')

/**
 * The drop of each feeder or substation that has a meter of its own beside the sum of the chargers under it, over the meter's whole intervals within
 * what was verified. A feeder has no baseline of its own: it is what it drew in its last two whole intervals before, for as long as the event; so the other load
 * behind it is in the residual, with all that it did meanwhile.
 */
export const createWitnessGaps = (engine: Engine, history: History, witnesses: Pick<WitnessOperations, 'list' | 'series'>) => ({
  /** @returns `event-not-found`, `no-results`, `no-energy` */
  async of(id: string): Promise<Result<readonly WitnessedGap[]>> {
    const found = await verifiedFactOf(engine, history, id)
    if (!found.ok) return found
    const { fact } = found.value
    if (!loadOf(fact)) return refuse('gone', 'no-energy', 'the record has no energy by charger of this event')
    const out: WitnessedGap[] = []
    /** By step: a hundred meters of half hours read the chargers once. */
    const byStep = new Map<number, Promise<Load | undefined>>()
    const chargersIn = (grid: Grid): Promise<Load | undefined> => {
      const known = byStep.get(grid.stepS) ?? meteredIn(engine.meters, fact, grid)
      byStep.set(grid.stepS, known)
      return known
    }
    for (const { node, ...meter } of witnesses.list()) {
      if (isWeather(meter)) continue
      const of = groupsUnder(engine, fact, node.no)
      if (of.every(g => g === NO_GROUP)) continue
      const grid = wholeSteps(fact.verification.window, meter.stepS)
      const span = { fromS: grid.fromS - BEFORE * grid.stepS, toS: grid.fromS + grid.periods * grid.stepS, stepS: grid.stepS }
      const series = grid.periods > 0 ? await witnesses.series({ ...meter, node: node.no }, span) : undefined
      const chargers = series && (await chargersIn(grid))
      const gap = series && chargers ? gapOf(feederLoad(series, grid), chargers, of) : null
      out.push({
        ...{ meter: meter.name, node: node.path, stepS: meter.stepS, from: isoS(grid.fromS), until: isoS(span.toS) },
        ...{ chargers: of.filter(g => g !== NO_GROUP).length, commanded: of.filter(g => g === 0).length },
        gap: gap && gap.periods > 0 ? gap : null,
        ...impossible(series),
        why: grid.periods === 0 ? 'tooCoarse' : gap && gap.periods > 0 ? null : 'noReadings',
      })
    }
    return done(out)
  },
})
export type WitnessGaps = ReturnType<typeof createWitnessGaps>

/** 0: commanded, 1: not, -1: not under the node. */
function groupsUnder(engine: Engine, { who, verdict }: VerifiedFact, node: NodeNo): Int32Array {
  const under = new Set(chargersUnder(engine.state().fleet, [{ kind: 'node', node }]))
  return Int32Array.from(who, (charger, row) => (!under.has(charger) ? NO_GROUP : verdict[row] === NOT_COMMANDED ? 1 : 0))
}
function wholeSteps({ fromS, toS }: { readonly fromS: number; readonly toS: number }, stepS: number): Grid {
  const firstS = Math.ceil(fromS / stepS) * stepS
  return { fromS: firstS, stepS, periods: Math.max(0, Math.floor(toS / stepS) - firstS / stepS) }
}

const impossible = (series: EnergySeries | undefined): Pick<WitnessedGap, 'implausible'> => {
  const implausible = series?.flaws.reduce((n, x) => n + (x & flaw.implausible ? 1 : 0), 0) ?? 0
  return implausible === 0 ? {} : { implausible }
}
/** Intervals before the event that a feeder's level is taken from: the very last one may have the event's beginning in it. */
const BEFORE = 3
function feederLoad({ wh, flaws }: EnergySeries, grid: Grid): Load {
  const known = wh.subarray(0, BEFORE - 1).filter(x => !Number.isNaN(x))
  const beforeWh = known.length === 0 ? Number.NaN : known.reduce((sum, x) => sum + x, 0) / known.length
  const actual = { fromS: grid.fromS, stepS: grid.stepS, wh: wh.subarray(BEFORE), flaws: flaws.subarray(BEFORE) }
  const baseline = { ...actual, wh: new Float64Array(grid.periods).fill(beforeWh), flaws: new Uint16Array(grid.periods) }
  return pairUp(grid, [actual], [baseline])
}
function gapOf(feeder: Load, chargers: Load, of: Int32Array): WitnessGap {
  const groups = sumBy(chargers, of, 2)
  return witnessGap(feeder, rowOf(groups, 0), rowOf(groups, 1))
}
