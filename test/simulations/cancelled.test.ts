import { beforeAll, describe, expect, test } from 'vitest'
import { type Run, runOf } from '../../simulations/output/run.ts'
import { eventSteps } from '../../simulations/output/series.ts'
import { play } from '../../simulations/scenario/play.ts'
import { readScenario } from '../../simulations/scenario/read.ts'

const at = (clock: string): number => Date.parse(`2026-01-15T${clock}Z`) / 1000
const scenario = readScenario(`
scenario: 1
name: called off
seed: 7
start: 2026-01-15T17:00
end: 2026-01-15T20:30
fleet: { chargers: 24 }
cars: { from: drawn, share: 1, arrival: "16:30", arrivalDeviationS: 600, energyWh: [30000, 40000] }
programmes: [{ id: flex, startSpreadS: 600, endSpreadS: 300 }]
events:
  - id: ramp
    announced: "17:40"
    intervals: [{ from: "18:00", forS: 3600, ask: { kind: shedShare, share: 0.5 } }]
    changes: [{ announced: "18:04" }]
  - id: never
    announced: "19:30"
    intervals: [{ from: "20:00", forS: 600, ask: { kind: shedShare, share: 0.5 } }]
    changes: [{ announced: "19:45" }]
`)

describe('an event that is called off', () => {
  let run: Run
  beforeAll(async () => {
    run = await runOf(await play(scenario), { version: '1', folder: '.' })
  })
  const event = (id: string) => run.played.events.find(e => e.id === id)!

  test('ends there: what comes after is its rebound, and its shade on the page is no longer', () => {
    expect(event('ramp')).toMatchObject({ fromS: at('18:00'), toS: at('18:04') })
    // everybody is back within minutes, and within the hour that was asked for first
    expect(run.figures['ramp.reboundPeakRatio']).toBeGreaterThan(0.9)
  })
  test('and one that was before it began is never there', () => {
    expect(event('never').toS).toBeLessThanOrEqual(event('never').fromS)
  })
  test('in its ramp has no period to say a baseline by: there is no line for it, nor for a target, and none at nought', () => {
    const { baselineW, targetW } = eventSteps(run, 'all')
    const asked = (at('18:02') - at('17:00')) / 60
    for (const column of [baselineW, targetW]) {
      expect(column[asked]).toBeNaN()
      expect(column.filter(w => w === 0)).toHaveLength(0)
    }
  })
})
