import { type AllocationPolicy, allocationPolicies, type Vacant, vacants } from '../../src/core/model.ts'
import { type Built, build } from '../scenario/build.ts'
import { type Played, play as playScenario } from '../scenario/play.ts'
import { checkedScenario } from '../scenario/read.ts'
import type { Scenario } from '../scenario/schema.ts'
import { algorithms, demandsMet, type Outcome, play, sum } from './algorithms.ts'
import { type Sessions, sessionsOf } from './sessions.ts'

const PERIOD_S = 300
/** Of what nobody limits, where no cap is given. */
export const CAP_SHARE = 0.6
/** The longest event that a programme takes. */
const LONGEST_S = 7 * 86_400

/** `demandsMetShare`: of the cars, those that had all but 100 Wh of what they wanted. `peakW`: the highest mean over five minutes. */
export type StudyRow = { readonly algorithm: string; readonly energyWh: number; readonly demandsMetShare: number; readonly peakW: number }
export type StudyResult = { readonly sessions: number; readonly capW: number; readonly rows: readonly StudyRow[] }

/**
 * The cars of a scenario under one cap from its start to its end: scheduled as in the literature, with continuous power in steps of five minutes, no taper, and
 * everybody obedient; and by the product under each of its policies, with its own minutes, 6 A floors and restarts, where a charger without a car keeps its share
 * and where it yields it. Faults, drivers and events of the scenario are left out.
 */
export async function study(
  scenario: Scenario,
  { capW, ...options }: { capW?: number | undefined; seed?: number | string; folder?: string; onProgress?: (share: number) => void },
): Promise<StudyResult> {
  const built = build(scenario, options)
  const sessions = periodsOf(built)
  const uncontrolled = play(sessions, 'uncontrolled', { periodS: PERIOD_S, capW: 0 })
  const cap = Math.round(capW ?? CAP_SHARE * uncontrolled.peakW)
  const rows = algorithms.map(name => rowOf(name, sessions, play(sessions, name, { periodS: PERIOD_S, capW: cap })))
  const rules = vacants.flatMap(vacant => allocationPolicies.map(allocation => ({ allocation, vacant })))
  for (const [k, rule] of rules.entries()) {
    const played = await playScenario(capped(scenario, built, cap, rule), options)
    rows.push(rowOf(`gridbridge ${rule.allocation}${rule.vacant === 'yields' ? ', vacant yields' : ''}`, sessions, outcomeOf(played)))
    options.onProgress?.((k + 1) / rules.length)
  }
  return { sessions: sessions.count, capW: cap, rows }
}
const rowOf = (algorithm: string, sessions: Sessions, outcome: Outcome): StudyRow => ({
  algorithm,
  energyWh: sum(outcome.deliveredWh),
  demandsMetShare: demandsMet(sessions, outcome),
  peakW: outcome.peakW,
})

function periodsOf({ setting: { cars, chargers }, startS, endS }: Built): Sessions {
  const period = (s: number) => Math.floor((Math.min(endS, Math.max(startS, s)) - startS) / PERIOD_S)
  return sessionsOf(
    Array.from({ length: cars.count }, (_, k) => ({
      arrival: period(cars.arriveS[k]!),
      departure: period(cars.departS[k]!),
      energyWh: cars.needWh[k]!,
      maxW: Math.min(cars.maxW[k]!, chargers[cars.charger[k]!]!.maxW),
    })),
  )
}
function outcomeOf({ takenWh, recorded }: Played): Outcome {
  const each = PERIOD_S / recorded.stepS
  const loadW = new Float64Array(Math.ceil(recorded.loadW.length / each))
  recorded.loadW.forEach((w, k) => (loadW[Math.floor(k / each)]! += w / each))
  return { deliveredWh: takenWh, loadW, peakW: loadW.reduce((a, b) => Math.max(a, b), 0) }
}
/** The same fleet and cars, all of them well, with nothing but the cap. */
function capped(
  scenario: Scenario,
  { startS, endS }: Built,
  capW: number,
  rule: { allocation: AllocationPolicy; vacant: Vacant },
): Scenario {
  const programme = { id: 'study', ...rule, startSpreadS: 0, endSpreadS: 0, maxDurationS: LONGEST_S }
  const interval = { from: scenario.start, forS: Math.min(endS - startS, LONGEST_S), ask: { kind: 'cap', totalW: capW } }
  return checkedScenario(
    {
      ...scenario,
      ...{ overloads: [], incidents: [], thresholds: [], programmes: [programme] },
      fleet: { ...scenario.fleet, faults: {} },
      manners: { ...scenario.manners, overrides: 0 },
      events: [{ id: 'cap', programme: 'study', announced: scenario.start, intervals: [interval] }],
    },
    'the study',
  )
}
