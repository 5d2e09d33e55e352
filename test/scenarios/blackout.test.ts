import { expect, test } from 'vitest'
import { nodesOfKind } from '../../simulations/virtual/fleet.ts'
import type { RestoreRule } from '../../src/core/model.ts'
import { limits } from '../../src/core/views.ts'
import { whyOf } from '../../src/operations/limits.ts'
import { clock, kW, type Stage, stage, start } from './stage.ts'

const N = 40
const CAP = 1.25
const MAX_S = 4 * 3600
const W = 7_360
const minute = 60

/** A feeder of forty chargers, at sixteen of which a car charges in the evening. Then it is dark for an hour, and cars go on coming home. */
async function evening(restore: RestoreRule) {
  const s = await stage({
    specs: Array.from({ length: N }, () => ({})),
    programme: { startSpreadS: 300, endSpreadS: 300, restore },
    shape: { perSite: 10, perFeeder: 4 },
  })
  for (let i = 0; i < N; i++) s.sim.session(i, { phase: i < 16 ? 'plugged' : 'none' }, i < 16 ? W : 0)
  await s.until(start + 10 * minute)
  return { ...s, baseW: s.totalW() }
}
const cut = (s: Stage) => {
  s.write('** the feeder loses its supply')
  for (const c of s.chargers) s.sim.cutPower(c.station)
}
/** Boxes register in groups within 40 s; cars take half a minute to charge again. Whoever came home meanwhile is plugged in. */
async function back(s: Stage, atS: number) {
  s.write('** the supply is back')
  for (let i = 0; i < N; i++) {
    await s.until(atS + 8 * Math.floor(i / 8))
    s.sim.session(i, { phase: 'plugged' }, W)
    s.sim.restorePower(s.chargers[i]!.station, 30)
  }
}

test('a feeder comes back after an hour in the dark with a car at every charger: it is let in by level, and all are free in the end', async () => {
  const s = await evening({ policy: 'levelCapped', levelCap: CAP, maxS: MAX_S })
  expect(s.baseW).toBe(16 * W)
  cut(s)
  await s.until(start + 70 * minute)
  await back(s, start + 70 * minute)
  const outage = [...s.engine().state().events.values()][0]!
  expect(outage.event.targets).toEqual([{ kind: 'node', node: nodesOfFeeder(s)[0] }])
  expect(s.engine().bridge.events()).toMatchObject([{ adapter: 'gridbridge', class: 'obligation', state: 'restoring' }])
  let peakW = 0
  const watch = async (toS: number) => {
    while (s.now() < toS) {
      await s.until(Math.min(s.now() + 5, toS))
      peakW = Math.max(peakW, s.totalW())
    }
    const held = s.chargers.filter(c => s.sim.limitW(c.no) !== null).length
    s.write(`   ${kW(s.totalW())} of at most ${kW(CAP * s.baseW)}, ${held} chargers held`)
  }
  await watch(start + 75 * minute)
  const waiting = s.chargers.find(c => s.sim.limitW(c.no) !== null)!.no
  expect(whyOf(limits(s.engine().state(), waiting, s.now() * 1000)!.now!.by, () => undefined)).toMatch(/supply is back after an outage/)
  // whoever charges leaves after an hour, and the next in line takes the place
  let done = 0
  for (let t = 80; t <= 200; t += 5) {
    await watch(start + t * minute)
    for (const c of s.chargers)
      if (s.sim.limitW(c.no) === null && c.wantsW > 0 && t >= 130 && done++ % 3 === 0) s.sim.session(c.no, { phase: 'none' })
  }
  expect(peakW).toBeGreaterThan(s.baseW)
  expect(peakW).toBeLessThanOrEqual(CAP * s.baseW + W)
  await watch(start + 70 * minute + MAX_S + 15 * minute)
  for (const c of s.chargers) expect(s.sim.limitW(c.no), `charger ${c.no} at ${clock(s.now())}`).toBeNull()
  expect(outage.verification).toBeNull()
  await expect(await s.transcript()).toMatchFileSnapshot('./blackout.golden.txt')
})
const nodesOfFeeder = (s: Stage): number[] => {
  const { fleet } = s.engine().state()
  return nodesOfKind(
    { no: Uint32Array.from({ length: fleet.nodes }, (_, i) => i), parent: fleet.parent, kind: fleet.nodeKind, limitW: fleet.nodeLimitW },
    'feeder',
  )
}

test('the bridge dies while cars wait for the supply to carry them: the same queue after its start, nobody held for longer', async () => {
  const s = await evening({ policy: 'levelCapped', levelCap: CAP, maxS: MAX_S })
  cut(s)
  await s.until(start + 70 * minute)
  await back(s, start + 70 * minute)
  await s.until(start + 75 * minute)
  const held = s.chargers.filter(c => s.sim.limitW(c.no) !== null).map(c => c.no)
  expect(held.length).toBeGreaterThan(10)
  s.kill()
  await s.until(start + 78 * minute)
  await s.restart()
  await s.until(start + 80 * minute)
  expect(s.chargers.filter(c => s.sim.limitW(c.no) !== null).map(c => c.no)).toEqual(held)
  await s.transcript()
})

test('with a programme that restores uniformly nothing of it happens', async () => {
  const s = await evening({ policy: 'uniform' })
  cut(s)
  await s.until(start + 70 * minute)
  await back(s, start + 70 * minute)
  await s.until(start + 75 * minute)
  expect(s.totalW()).toBe(N * W)
  expect(s.engine().state().events.size).toBe(0)
  expect(await s.transcript()).not.toMatch(/started|outage/)
})

test('boxes that only lose their line, or start because they were told to, are no outage', async () => {
  const s = await evening({ policy: 'levelCapped', levelCap: CAP, maxS: MAX_S })
  for (const c of s.chargers) s.sim.setLink(c.station, false)
  await s.until(start + 20 * minute)
  for (const c of s.chargers) s.sim.setLink(c.station, true)
  await s.until(start + 25 * minute)
  expect(s.engine().state().events.size).toBe(0)
})
