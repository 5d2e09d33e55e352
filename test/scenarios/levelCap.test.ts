import { expect, test } from 'vitest'
import { cancelled, clock, gridEvent, kW, stage, start } from './stage.ts'

const CAP = 1.25
const at = (hhmm: string): number => {
  const [h, m] = hhmm.split(':').map(Number)
  return start + (h! - 17) * 3600 + m! * 60
}

test('an evening under a level cap: cancelled half-way, cars that come meanwhile, a driver in the queue, the bridge dead in the queue', async () => {
  const programme = { startSpreadS: 300, endSpreadS: 300, restore: { policy: 'levelCapped', levelCap: CAP, maxS: 3 * 3600 } } as const
  const s = await stage({ specs: Array.from({ length: 20 }, (_, i) => ({ maxA: i % 4 === 3 ? 16 : 32 })), programme })
  const fullW = s.chargers.map(c => c.wantsW)
  const comes = (i: number, more: { departS?: number; needWh?: number } = {}) => s.sim.session(i, { phase: 'plugged', ...more }, fullW[i]!)
  const leaves = (i: number) => s.sim.session(i, { phase: 'none' })
  for (let i = 0; i < 20; i++)
    if (i < 12) comes(i)
    else leaves(i)
  await s.until(at('17:20'))
  const baseW = s.totalW()
  const event = gridEvent('evening', at('17:30'), at('19:30'), { ask: { kind: 'off' } })
  await s.submit(event)
  await s.until(at('17:50'))
  s.meter()
  for (const i of [12, 13, 14, 15, 16, 17]) comes(i)
  comes(18, { departS: at('19:30'), needWh: 7_000 })
  await s.until(at('18:00'))
  expect(s.totalW()).toBe(0)
  await s.submit(cancelled(event))

  const peaks: number[] = []
  /** Second by second, as far as commands go out: nobody but who overrides may lift the load above the cap and one charger. */
  const watch = async (toS: number, overridesW = 0) => {
    while (s.now() < toS) {
      await s.until(Math.min(s.now() + 10, toS))
      peaks.push(s.totalW() - overridesW)
    }
    const held = s.chargers.filter(c => s.sim.limitW(c.no) !== null).length
    s.write(`   ${kW(s.totalW())} of at most ${kW(CAP * baseW)}, ${held} chargers held`)
  }
  await watch(at('18:10'))
  // the one that must leave at half past seven was among the first
  expect(s.sim.limitW(18)).toBeNull()
  const queue = () => s.chargers.filter(c => s.sim.limitW(c.no) !== null && c.wantsW > 0).map(c => c.no)
  expect(queue().length).toBeGreaterThan(1)
  const driver = queue()[0]!
  s.write(`** the driver at charger ${driver} takes it back`)
  s.engine().sink.override(driver, 'app')
  await watch(at('18:12'), fullW[driver])
  expect(s.sim.limitW(driver)).toBeNull()

  s.kill()
  await watch(at('18:20'), fullW[driver])
  await s.restart()
  await watch(at('18:30'), fullW[driver])
  expect(queue().length).toBeGreaterThan(0)
  for (const i of [0, 1, 2, 18]) if (s.sim.limitW(i) === null) leaves(i)
  await watch(at('18:45'), fullW[driver])
  expect(queue()).toEqual([])
  for (let t = at('19:00'); t <= at('21:30'); t += 1_800) await watch(t, fullW[driver])
  expect(Math.max(...peaks)).toBeLessThanOrEqual(CAP * baseW + Math.max(...fullW))
  for (const c of s.chargers) expect(s.sim.limitW(c.no), `charger ${c.no} at ${clock(s.now())}`).toBeNull()
  await expect(await s.transcript()).toMatchFileSnapshot('./level-cap.golden.txt')
})
