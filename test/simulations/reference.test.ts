import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Algorithm, algorithms, demandsMet, play, sum } from '../../simulations/reference/algorithms.ts'
import { acnSessions, sessionsOf } from '../../simulations/reference/sessions.ts'

const folder = new URL('../../../shared/data/acnsim-reference/', import.meta.url)
const isThere = existsSync(folder)
const named: Record<string, Algorithm> = { uncontrolled: 'uncontrolled', FCFS: 'firstCome', EDF: 'earliestDeadline', LLF: 'leastLaxity' }
type Expected = {
  readonly algorithm: string
  readonly aggregate_cap_kw: number
  readonly voltage: number
  readonly energy_delivered_kwh: number
  readonly proportion_demands_met: number
  readonly peak_A: number
  readonly aggregate_current_A: readonly number[]
}
const expected: Record<string, Expected> = isThere ? JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) : {}

describe.skipIf(!isThere)('published runs of ACN-Sim are reproduced (needs ../shared/data/acnsim-reference)', () => {
  const sessions = isThere ? acnSessions(readFileSync(new URL('sessions_100.csv', folder), 'utf8')).sessions : sessionsOf([])
  test('there are seven of them', () => expect(Object.keys(expected)).toHaveLength(7))
  test.each(Object.entries(expected))('%s', (_, run) => {
    const outcome = play(sessions, named[run.algorithm]!, { periodS: 300, capW: 1000 * run.aggregate_cap_kw })
    expect(Math.abs(sum(outcome.deliveredWh) / 1000 / run.energy_delivered_kwh - 1)).toBeLessThanOrEqual(0.001)
    expect(demandsMet(sessions, outcome)).toBe(run.proportion_demands_met)
    expect(Math.abs(outcome.peakW / run.voltage / run.peak_A - 1)).toBeLessThanOrEqual(0.005)
    const differsW = run.aggregate_current_A.map((a, k) => Math.abs(a * run.voltage - (outcome.loadW[k] ?? 0)))
    expect(Math.max(...differsW), 'at any period, W').toBeLessThan(25)
  })
})

const session = fc
  .record({
    arrival: fc.nat(40),
    stay: fc.integer({ min: 1, max: 60 }),
    energyWh: fc.nat(40_000),
    maxW: fc.constantFrom(3_680, 7_360, 22_080),
  })
  .map(({ arrival, stay, ...rest }) => ({ arrival, departure: arrival + stay, ...rest }))
test.each(algorithms)(
  '%s: no car gets more than it wants, none charges when it is not there, the cap is kept, no energy is lost',
  algorithm => {
    fc.assert(
      fc.property(fc.array(session, { minLength: 1, maxLength: 20 }), fc.integer({ min: 1_000, max: 60_000 }), (rows, capW) => {
        const sessions = sessionsOf(rows)
        const { deliveredWh, loadW, peakW } = play(sessions, algorithm, { periodS: 300, capW })
        for (const [k, r] of rows.entries()) {
          expect(deliveredWh[k]).toBeLessThanOrEqual(Math.min(r.energyWh, ((r.departure - r.arrival) * r.maxW) / 12) + 1e-6)
          expect(deliveredWh[k]).toBeGreaterThanOrEqual(0)
        }
        if (algorithm !== 'uncontrolled') expect(peakW).toBeLessThanOrEqual(capW + 1e-6)
        expect(Math.abs(sum(loadW) / 12 - sum(deliveredWh))).toBeLessThan(1)
      }),
      { numRuns: 60 },
    )
  },
)
test('while all can be served, least laxity serves all; first come leaves the one in a hurry behind', () => {
  const rows = [
    { arrival: 0, departure: 24, energyWh: 7_360, maxW: 7_360 },
    { arrival: 1, departure: 13, energyWh: 7_000, maxW: 7_360 },
  ]
  const met = (algorithm: Algorithm) => {
    const sessions = sessionsOf(rows)
    return demandsMet(sessions, play(sessions, algorithm, { periodS: 300, capW: 7_360 }))
  }
  expect(met('leastLaxity')).toBe(1)
  expect(met('earliestDeadline')).toBe(1)
  expect(met('firstCome')).toBe(0.5)
})
test('a cell that is no number is named with its row', () => {
  expect(() => acnSessions('arrival_period,departure_period,requested_kwh,max_power_kw\n1,2,three,7\n')).toThrow(
    'row 2, column requested_kwh: "three" is not a number',
  )
})
