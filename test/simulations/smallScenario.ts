import { type Run, runOf } from '../../simulations/output/run.ts'
import { play } from '../../simulations/scenario/play.ts'
import { readScenario } from '../../simulations/scenario/read.ts'
import type { Scenario } from '../../simulations/scenario/schema.ts'

/** Two hours of twelve chargers with one event: enough for every file, and played in a moment. */
export const smallScenario = (more = ''): string => `
scenario: 1
name: small
seed: 7
start: 2026-01-15T17:00
end: 2026-01-15T19:00
fleet: { chargers: 12, faults: { ignores: 0.1 } }
cars: { from: drawn, share: 1, arrival: "17:00", arrivalDeviationS: 600, energyWh: [20000, 40000] }
programmes: [{ id: flex, startSpreadS: 300, endSpreadS: 300 }]
events:
  - { id: peak, announced: "17:40", intervals: [{ from: "18:00", forS: 1800, ask: { kind: shedShare, share: 0.5 } }] }
${more}`
export const small = (more = ''): Scenario => readScenario(smallScenario(more))

export const library = { script: '/* uPlot */', style: '' }
export async function smallRun(more = '', seed?: number): Promise<Run> {
  return runOf(await play(small(more), seed === undefined ? {} : { seed }), { version: '1.2.3', folder: '.' })
}
