import { energyOfEach } from '../core/verify/energy.ts'
import type { Grid, Load } from '../core/verify/load.ts'
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
  let isKnown = false
  for (let at = 0; at < sorted.length; at += CHUNK) {
    const readings = await readingsAround(meters, sorted.subarray(at, at + CHUNK), fromS * 1000, steps.toS * 1000)
    const energy = energyOfEach(readings, steps, charger => ({ maxW: fact.terms?.maxW[rows.get(charger)!] ?? Number.POSITIVE_INFINITY }))
    for (const [charger, { series }] of energy) wh.set(series.wh, rows.get(charger)! * periods)
    isKnown ||= energy.size > 0
  }
  return isKnown ? inSteps(fact, grid, wh) : undefined
}
