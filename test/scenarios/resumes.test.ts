import { expect, test } from 'vitest'
import { resumeChance } from '../../src/core/resume.ts'
import { gridEvent, stage } from './stage.ts'

const off = { kind: 'off' } as const
test.each([false, true])(
  'cars that do not charge again after a pause are found by their meters, and stay at their least power (the bridge restarts: %s)',
  async restarts => {
    const s = await stage({ specs: [{}, {}, {}], programme: { startSpreadS: 0, endSpreadS: 0 } })
    for (const c of s.chargers) s.sim.session(c.no, { phase: 'plugged' })
    const paused = async (id: string): Promise<readonly (number | null)[]> => {
      const fromS = s.now() + 1_800
      await s.submit(gridEvent(id, fromS, fromS + 1_800, { ask: off }))
      await s.until(fromS + 900)
      const limits = s.chargers.map(c => s.sim.powerW(c.no))
      const { wantsW } = s.chargers[0]!
      // its car sleeps on
      s.chargers[0]!.wantsW = 0
      await s.until(fromS + 2_100)
      if (restarts) {
        s.kill()
        await s.restart()
      }
      await s.until(fromS + 5_000)
      s.chargers[0]!.wantsW = wantsW
      return limits
    }
    expect(await paused('a')).toEqual([0, 0, 0])
    expect(await paused('b')).toEqual([0, 0, 0])
    const { learned, fleet } = s.engine().state()
    expect(resumeChance(learned, 0)).toBeLessThan(0.7)
    expect(resumeChance(learned, 1)).toBeGreaterThan(0.95)
    expect(await paused('c')).toEqual([fleet.minW[0], 0, 0])
    await s.transcript()
  },
)
