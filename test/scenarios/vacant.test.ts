import { expect, test } from 'vitest'
import { gridEvent, type Stage, stage } from './stage.ts'

const plugged = { phase: 'plugged' } as const
const none = { phase: 'none' } as const
/** Eight outlets of 7.36 kW under 15 kW from now on for four hours, with cars at the first two. */
async function outlets(): Promise<Stage> {
  const s = await stage({ specs: Array.from({ length: 8 }, () => ({})), programme: { vacant: 'yields', startSpreadS: 0, endSpreadS: 0 } })
  for (const { no } of s.chargers) s.sim.session(no, no < 2 ? plugged : none, no < 2 ? 7_360 : 0)
  await s.until(s.now() + 5)
  await s.submit(gridEvent('cable', s.now(), s.now() + 4 * 3_600, { ask: { kind: 'cap', totalW: 15_000 } }))
  await s.until(s.now() + 60)
  return s
}

test('cars that come and go under a cap where chargers without one yield, and a bridge that dies meanwhile', async () => {
  const s = await outlets()
  s.meter()
  expect(s.totalW()).toBe(14_720)
  const arrives = async (no: number) => {
    s.write(`   a car comes to charger ${no}`)
    s.sim.session(no, plugged, 7_360)
    await s.until(s.now() + 60)
    s.meter()
    expect(s.sim.powerW(no)).toBeGreaterThan(0)
    expect(s.totalW()).toBeLessThanOrEqual(15_000)
  }
  await arrives(5)
  await arrives(6)
  s.write('   the car leaves charger 0')
  s.sim.session(0, none)
  await s.until(s.now() + 60)
  s.meter()
  expect(s.totalW()).toBeGreaterThan(14_000)
  s.kill()
  s.write('   a car comes to charger 3')
  s.sim.session(3, plugged, 7_360)
  await s.until(s.now() + 3_600)
  s.meter()
  // the price: nobody is there to tell it that it may
  expect(s.sim.powerW(3)).toBe(0)
  expect(s.totalW()).toBeLessThanOrEqual(15_000)
  await s.restart()
  await s.until(s.now() + 120)
  s.meter()
  expect(s.sim.powerW(3)).toBeGreaterThan(0)
  expect(s.totalW()).toBeLessThanOrEqual(15_000)
  await expect(await s.transcript()).toMatchFileSnapshot('./vacant-yields.golden.txt')
})

test('whoever was told a pause for want of a car is free at the end of the event, also if the bridge is dead by then', async () => {
  const s = await outlets()
  s.kill()
  s.sim.session(7, plugged, 7_360)
  await s.until(s.now() + 2 * 3_600)
  expect(s.sim.powerW(7)).toBe(0)
  await s.until(s.now() + 2 * 3_600 + 60)
  expect(s.sim.powerW(7)).toBe(7_360)
})
