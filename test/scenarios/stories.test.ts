import { expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/virtual/fleet.ts'
import { nodesOfKind } from '../../simulations/virtual/fleet.ts'
import { cancelled, gridEvent, kW, stage, start } from './stage.ts'

/** Whole flows as transcripts that a person can review. `vitest -u` writes them anew: read the difference before you commit it. */
const golden = (name: string) => `./${name}.golden.txt`
const homes = (n: number, spec: ChargerSpec = {}): ChargerSpec[] =>
  Array.from({ length: n }, (_, i) => ({ maxA: i % 4 === 3 ? 16 : 32, ...spec }))
const at = (hhmm: string): number => {
  const [h, m] = hhmm.split(':').map(Number)
  return start + (h! - 17) * 3600 + m! * 60
}

test('an evening shed, staggered down and up, is verified from meters', async () => {
  const s = await stage({ specs: homes(40) })
  await s.submit(gridEvent('evening', at('17:30'), at('18:00'), { ask: { kind: 'shed', totalW: 120_000 } }))
  for (const t of ['17:25', '17:31', '17:35', '17:41', '17:59', '18:05', '18:11', '18:20']) {
    await s.until(at(t))
    s.meter()
  }
  await expect(await s.transcript()).toMatchFileSnapshot(golden('evening-shed'))
  expect(s.engine().state().events.get(0)!.verification!.verdict).toBe('delivered')
})

test('an emergency on one feeder acts at once, there only', async () => {
  const s = await stage({ specs: homes(64) })
  const feeder = nodesOfKind(
    {
      ...s.engine().state().fleet,
      no: Uint32Array.from({ length: s.engine().state().fleet.nodes }, (_, i) => i),
      kind: s.engine().state().fleet.nodeKind,
      limitW: s.engine().state().fleet.nodeLimitW,
    },
    'feeder',
  )[1]!
  await s.submit(
    gridEvent('overload', s.now(), s.now() + 900, {
      ask: { kind: 'cap', totalW: 20_000 },
      class: 'emergency',
      targets: [{ kind: 'node', node: feeder }],
    }),
  )
  await s.until(s.now() + 5)
  s.meter()
  const { fleet } = s.engine().state()
  const under = Array.from(fleet.order.subarray(fleet.nodeFrom[feeder]!, fleet.nodeTo[feeder]!))
  const loadW = under.reduce((n, i) => n + s.sim.powerW(i), 0)
  s.write(`   the feeder draws ${kW(loadW)} with ${under.length} chargers`)
  expect(loadW).toBeLessThanOrEqual(20_000)
  await s.until(s.now() + 2_400)
  s.meter()
  await expect(await s.transcript()).toMatchFileSnapshot(golden('emergency-feeder'))
})

test('cancelled in the ramp: nobody else is cut, whoever was comes back over the restore window', async () => {
  const s = await stage({ specs: homes(40) })
  const event = gridEvent('ramp', at('17:30'), at('18:30'), { ask: { kind: 'off' } })
  await s.submit(event)
  await s.until(at('17:35'))
  s.meter()
  await s.submit(cancelled(event))
  for (const t of ['17:36', '17:40', '17:46']) {
    await s.until(at(t))
    s.meter()
  }
  await s.until(at('17:55'))
  await expect(await s.transcript()).toMatchFileSnapshot(golden('cancel-in-the-ramp'))
  expect(s.totalW()).toBe(s.chargers.reduce((n, c) => n + c.wantsW, 0))
})

test('one charger refuses under a cap: the others make room, and few of them are told', async () => {
  const s = await stage({ specs: homes(60, { maxA: 32 }) })
  s.sim.setFault(charger => (charger === 7 ? 'rejects' : 'none'))
  await s.submit(gridEvent('cap', s.now(), s.now() + 1_200, { ask: { kind: 'cap', totalW: 250_000 }, class: 'emergency' }))
  await s.until(s.now() + 20)
  s.meter()
  expect(s.totalW()).toBeLessThanOrEqual(250_000)
  expect(s.sim.sends.length).toBeLessThan(60 + 45)
  await s.until(s.now() + 2_400)
  s.meter()
  await expect(await s.transcript()).toMatchFileSnapshot(golden('refusal-under-a-cap'))
})

test('two operators at once: the tighter one holds, and the looser one goes on when it is over', async () => {
  const s = await stage({ specs: homes(10, { maxA: 32 }) })
  await s.submit(
    gridEvent('loose', at('17:30'), at('18:30'), {
      ask: { kind: 'limitEach', limitW: 5_000 },
      spread: { forbidden: 'agreed ramp of the site' },
    }),
  )
  await s.submit(
    gridEvent('tight', at('17:45'), at('18:00'), {
      ask: { kind: 'limitEach', limitW: 2_000 },
      spread: { forbidden: 'agreed ramp of the site' },
      source: { adapter: 'test', peer: 'tso', credential: '' },
    }),
  )
  for (const [t, expectedW] of [
    ['17:31', 50_000],
    ['17:46', 20_000],
    ['18:01', 50_000],
    ['18:31', 73_600],
  ] as const) {
    await s.until(at(t))
    s.meter()
    expect(s.totalW()).toBe(expectedW)
  }
  await s.until(at('18:40'))
  await expect(await s.transcript()).toMatchFileSnapshot(golden('two-operators'))
})

test('the bridge crashes between the record and the answers, and the event is called off while it is down', async () => {
  const s = await stage({ specs: homes(20) })
  const event = gridEvent('crash', s.now(), s.now() + 3_600, { ask: { kind: 'off' }, spread: { forbidden: 'response service' } })
  await s.submit(event)
  await s.until(s.now())
  s.kill()
  await s.until(s.now() + 5)
  s.meter()
  await s.restart()
  await s.submit(cancelled(event, { stopAtOnce: true }))
  await s.until(s.now() + 60)
  s.meter()
  await expect(await s.transcript()).toMatchFileSnapshot(golden('crash-then-cancel'))
  expect(s.chargers.every(c => s.sim.limitW(c.no) === null)).toBe(true)
})

test('a restart in mid-event under a cap re-sends nothing different', async () => {
  const s = await stage({ specs: homes(40) })
  await s.submit(gridEvent('cap', s.now(), s.now() + 3_600, { ask: { kind: 'cap', totalW: 150_000 }, class: 'emergency' }))
  await s.until(s.now() + 300)
  s.meter()
  const before = s.chargers.map(c => s.sim.limitW(c.no))
  s.kill()
  const sends = s.sim.sends.length
  await s.until(s.now() + 30)
  await s.restart()
  await s.until(s.now() + 60)
  s.meter()
  expect(s.chargers.map(c => s.sim.limitW(c.no))).toEqual(before)
  expect(s.sim.sends.length).toBe(sends)
  await expect(await s.transcript()).toMatchFileSnapshot(golden('restart-under-a-cap'))
})

test('links lost in mid-event: who holds goes on, who drops its limit is lost response and told again', async () => {
  const s = await stage({ specs: homes(10, { maxA: 32 }).map((x, i) => (i < 3 ? { ...x, onLinkLoss: 'dropsProfile' as const } : x)) })
  await s.submit(gridEvent('links', s.now(), s.now() + 1_800, { ask: { kind: 'off' }, spread: { forbidden: 'response service' } }))
  await s.until(s.now() + 600)
  s.meter()
  for (const c of s.chargers.slice(0, 5)) s.sim.setLink(c.station, false)
  await s.until(s.now() + 30)
  s.meter()
  expect(s.totalW()).toBe(3 * 7_360)
  await s.until(s.now() + 570)
  for (const c of s.chargers.slice(0, 5)) s.sim.setLink(c.station, true)
  await s.until(s.now() + 30)
  s.meter()
  expect(s.totalW()).toBe(0)
  await s.until(s.now() + 1_200)
  await expect(await s.transcript()).toMatchFileSnapshot(golden('links-lost'))
})

test('chargers that accept and ignore are found out by the meters, and others take their part', async () => {
  const s = await stage({ specs: homes(30, { maxA: 32 }) })
  await s.submit(
    gridEvent('liars', at('17:30'), at('18:10'), {
      ask: { kind: 'shed', totalW: 100_000 },
      spread: { startS: 60, endS: 300, startShiftS: -60, endShiftS: 0, endFollowsStart: false },
    }),
  )
  for (const c of s.chargers) c.ignores = c.no % 5 === 0
  for (const t of ['17:31', '17:34', '17:38', '17:45', '18:09']) {
    await s.until(at(t))
    s.meter()
  }
  const before = 30 * 7_360
  expect(before - s.totalW()).toBeGreaterThanOrEqual(95_000)
  expect(before - s.totalW()).toBeLessThan(135_000)
  await s.until(at('18:30'))
  await expect(await s.transcript()).toMatchFileSnapshot(golden('accept-and-ignore'))
})

test('the bridge dies for good: everyone comes back, spread over the restore window', async () => {
  const s = await stage({ specs: homes(40) })
  await s.submit(gridEvent('orphans', at('17:30'), at('18:00'), { ask: { kind: 'off' } }))
  await s.until(at('17:45'))
  s.meter()
  s.kill()
  const back: number[] = []
  for (let t = at('18:00'); t <= at('18:10'); t++) {
    await s.until(t)
    back.push(s.chargers.filter(c => s.sim.powerW(c.no) > 0).length)
    if ((t - at('18:00')) % 120 === 0) s.meter()
  }
  await expect(await s.transcript()).toMatchFileSnapshot(golden('bridge-dies'))
  expect(back.at(-1)).toBe(40)
  const worstMinute = Math.max(...back.map((n, k) => n - (back[k - 60] ?? 0)))
  expect(worstMinute).toBeLessThanOrEqual(6)
})
