import { type Energy, energyOfEach } from '../core/verify/energy.ts'
import type { Grid, Load } from '../core/verify/load.ts'
import type { PeriodColumns } from '../core/verify/record.ts'
import { isWhole } from '../core/verify/series.ts'
import { inSteps } from '../core/verify/settlement.ts'
import { readingsAround } from '../engine/edgeReadings.ts'
import type { Meters } from '../ports.ts'
import type { VerifiedFact } from './history.ts'

/** Chargers whose readings are in memory at a time. */
const CHUNK = 1000

/** Baseline and actual of a verdict's chargers in steps of their own, of the readings themselves; undefined once they have expired. */
export async function meteredIn(meters: Pick<Meters, 'range'>, fact: VerifiedFact, grid: Grid): Promise<Load | undefined> {
  const { fromS, stepS, periods } = grid
  const steps = { fromS, toS: fromS + periods * stepS, stepS }
  const rows = new Map(Array.from(fact.who, (charger, row) => [charger, row]))
  const wh = new Float64Array(fact.who.length * periods).fill(Number.NaN)
  const sorted = fact.who.slice().sort()
  const metered = new Float64Array(wh.length).fill(1)
  const boundsOf = (charger: number) => ({ maxW: fact.terms?.maxW[rows.get(charger)!] ?? Number.POSITIVE_INFINITY })
  let isKnown = false
  for (let at = 0; at < sorted.length; at += CHUNK) {
    const readings = await readingsAround(meters, sorted.subarray(at, at + CHUNK), fromS * 1000, steps.toS * 1000)
    const take = (found: ReadonlyMap<number, Energy>, at: number, ownS: number) => {
      for (const [charger, { series, coveredMs }] of found)
        for (let k = 0; k < series.wh.length; k++) {
          const cell = rows.get(charger)! * periods + at + k
          wh[cell] = (series.wh[k]! * stepS) / ownS
          metered[cell] = isWhole(series.flaws[k]!) ? 1 : coveredMs[k]! / (1000 * ownS)
        }
    }
    const energy = energyOfEach(readings, steps, boundsOf)
    take(energy, 0, stepS)
    // a first or last step that the verdict's window cuts is as its part within: what was drawn before or after it is nobody's delivery
    for (const { at, ...own } of cutSteps(fact.periods!, grid)) take(energyOfEach(readings, own, boundsOf), at, own.stepS)
    isKnown ||= energy.size > 0
  }
  return isKnown ? inSteps(fact, grid, wh, metered) : undefined
}
function cutSteps({ startS, endS }: PeriodColumns, { fromS, stepS, periods }: Grid) {
  const last = periods - 1
  const spans = [...new Set([0, last])].map(at => ({
    at,
    fromS: Math.max(fromS + at * stepS, startS[0] ?? fromS),
    toS: Math.min(fromS + (at + 1) * stepS, endS.at(-1) ?? fromS),
  }))
  return spans.map(x => ({ ...x, stepS: x.toS - x.fromS })).filter(x => x.stepS > 0 && x.stepS < stepS)
}
