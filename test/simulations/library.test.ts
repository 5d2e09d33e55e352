import { describe, expect, test } from 'vitest'
import { transcriptOf } from '../../simulations/output/transcript.ts'
import { library, openScenario } from '../../simulations/scenario/library.ts'
import { type Played, play } from '../../simulations/scenario/play.ts'
import { figuresOf } from '../../simulations/scenario/summary.ts'
import { thresholdsOf } from '../../simulations/scenario/thresholds.ts'

/** Their transcripts are read by a person before they are kept. The long ones are played in CI, or where FUZZ_RUNS is set. */
const long = new Set(['dfs-winter', 'workplace-week', 'evening-peak'])
const isLong = process.env.CI !== undefined || process.env.FUZZ_RUNS !== undefined

const must: Readonly<Record<string, (played: Played, figure: (name: string) => number) => void>> = {
  'evening-peak': (_, figure) => expect(figure('evening.meteredRatio')).toBeGreaterThan(0.9),
  'emergency-feeder': ({ world }) => {
    const asked = world.facts.find(f => f.fact.kind === 'signal')!.atMs
    const first = world.model.commands.filter(c => c.atMs >= asked)
    expect(Math.max(...first.slice(0, 10).map(c => c.atMs - asked))).toBeLessThanOrEqual(1_000)
  },
  'two-operators': (_, figure) => {
    expect(figure('system.meteredRatio')).toBeGreaterThan(0.95)
    expect(figure('primary.meteredRatio')).toBeGreaterThan(0.95)
  },
  'bridge-dies': ({ world }) => expect(world.isAlive()).toBe(false),
  'power-cut': ({ world }) => expect(world.facts.some(f => f.fact.kind === 'outage')).toBe(true),
}

describe('the library of scenarios', () => {
  test('there are ten', () => expect(library().map(s => s.name)).toHaveLength(10))
  test.for(library().map(s => s.name))('%s', async (name, { skip }) => {
    if (long.has(name) && !isLong) skip('takes seconds: played in CI, or with FUZZ_RUNS set')
    const { scenario, folder } = openScenario(name, '.')
    const played = await play(scenario, { folder })
    const { world, built } = played
    const endS = world.runtime.now() / 1000
    expect(built.setting.chargers.filter(c => world.model.physics.isLimited(c.no, endS))).toEqual([])
    const figures = figuresOf(played)
    expect(thresholdsOf(scenario.thresholds, [figures]).filter(t => !t.holds)).toEqual([])
    must[name]?.(played, figure => figures[figure] ?? Number.NaN)
    await expect(transcriptOf(played)).toMatchFileSnapshot(`./library/${name}.golden.txt`)
  })
})
