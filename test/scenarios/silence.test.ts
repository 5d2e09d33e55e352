import { expect, test } from 'vitest'
import { gridEvent, stage, start } from './stage.ts'

/** The line to a grid operator fails in mid-event; whole flows as transcripts, in virtual time. */
const homes = (n: number) => Array.from({ length: n }, (_, i) => ({ maxA: i % 4 === 3 ? 16 : 32 }))
const minute = (m: number): number => start + m * 60
const liveness = { heartbeatS: 60, failsafeW: 4_200 } as const
const off = { kind: 'off' } as const

/** The operator's heartbeat, every minute from one to another. */
async function beats(s: Awaited<ReturnType<typeof stage>>, from: number, to: number) {
  for (let m = from; m <= to; m++) {
    await s.until(minute(m))
    s.engine().bridge.heard('test', 'dso', s.runtime.now(), 120_000)
  }
}

test('the line is lost in mid-event: the failsafe of the contract, spread, until the operator is heard again', async () => {
  const s = await stage({ specs: homes(20) })
  await s.submit(gridEvent('line', minute(10), minute(70), { ask: off, liveness }))
  await beats(s, 4, 30)
  s.meter()
  for (const m of [33, 36, 45]) {
    await s.until(minute(m))
    s.meter()
  }
  expect(s.totalW()).toBeGreaterThan(0)
  expect(s.totalW()).toBeLessThanOrEqual(20 * 4_200)
  await beats(s, 50, 70)
  s.meter()
  expect(s.totalW()).toBe(0)
  await s.until(minute(90))
  s.meter()
  await expect(await s.transcript()).toMatchFileSnapshot('./line-lost.golden.txt')
  expect(s.totalW()).toBe(s.chargers.reduce((n, c) => n + c.wantsW, 0))
})

test('the line is lost while the bridge is down: the source has its time anew, then the failsafe', async () => {
  const s = await stage({ specs: homes(4) })
  await s.submit(gridEvent('line', minute(10), minute(120), { ask: off, liveness, spread: { forbidden: 'response service' } }))
  await beats(s, 4, 20)
  s.kill()
  await s.until(minute(30))
  await s.restart()
  for (const c of s.chargers) s.sim.setLink(c.station, true)
  await s.until(minute(31))
  expect(s.totalW()).toBe(0)
  await s.until(minute(33))
  expect(s.totalW()).toBe(3 * 4_200 + 3_680)
  expect(s.engine().sources()).toMatchObject([{ peer: 'dso', stale: true }])
})

test('the bridge dies while the source is silent: it still is after the start, and is heard again', async () => {
  const s = await stage({ specs: homes(4) })
  await s.submit(gridEvent('line', minute(10), minute(120), { ask: off, liveness, spread: { forbidden: 'response service' } }))
  await beats(s, 4, 20)
  await s.until(minute(25))
  const failsafeW = s.totalW()
  s.kill()
  await s.restart()
  for (const c of s.chargers) s.sim.setLink(c.station, true)
  await s.until(minute(27))
  expect(s.totalW()).toBe(failsafeW)
  expect(s.engine().sources()).toMatchObject([{ peer: 'dso', stale: true }])
  await beats(s, 28, 29)
  await s.until(minute(30))
  expect(s.totalW()).toBe(0)
  await s.transcript()
})

test('a line that is alive at the very edge is not silent', async () => {
  const s = await stage({ specs: homes(4) })
  await s.submit(gridEvent('line', minute(10), minute(40), { ask: off, liveness, spread: { forbidden: 'response service' } }))
  for (let m = 4; m <= 40; m += 2) await beats(s, m, m)
  expect(s.engine().state().silences.size).toBe(0)
  expect(await s.transcript()).not.toContain('silent')
})
