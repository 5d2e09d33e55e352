import { describe, expect, test } from 'vitest'
import type { Progress } from '../../src/ports.ts'
import { cancelled, gridEvent, stage } from './stage.ts'

const off = { kind: 'off' } as const
const atOnce = { spread: { forbidden: 'response service' } } as const

describe('what the engine tells the source', () => {
  test('each step once, in order, though turns come every second', async () => {
    const s = await stage({ specs: [{}, {}] })
    const told: Progress['kind'][] = []
    s.engine().bridge.follow('test', p => p.kind !== 'measured' && told.push(p.kind))
    await s.submit(gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce }))
    await s.until(s.now() + 3_600)
    expect(told).toEqual(['accepted', 'started', 'completed', 'verified'])
  })
  test('nothing of an event that was cancelled before it began, but the cancellation', async () => {
    const s = await stage({ specs: [{}] })
    const told: Progress['kind'][] = []
    s.engine().bridge.follow('test', p => told.push(p.kind))
    const event = gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce })
    await s.submit(event)
    await s.submit(cancelled(event))
    await s.until(s.now() + 3_600)
    expect(told).toEqual(['accepted', 'cancelled'])
  })
  test('after a restart a day later, nothing of what it was told then', async () => {
    const s = await stage({ specs: [{}] })
    await s.submit(gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce }))
    await s.until(s.now() + 86_400)
    await s.engine().handle({ kind: 'noted', what: 'a quiet day', about: {} })
    s.kill()
    await s.restart()
    await s.until(s.now() + 60)
    const lines = (await s.transcript()).split('\n')
    expect(lines.slice(lines.findIndex(l => l.includes('starts'))).filter(l => l.includes('->'))).toEqual([])
  })
  test('a changed event that is declined is answered so, however often it is sent', async () => {
    const s = await stage({ specs: [{}, {}], programme: { maxDurationS: 7_200 } })
    const event = gridEvent('a', s.now(), s.now() + 3_600, { ask: off })
    await s.submit(event)
    await s.until(s.now() + 60)
    const longer = { ...event, revision: 1, intervals: [{ fromS: s.now(), toS: s.now() + 90_000, ask: off }] }
    for (let k = 0; k < 2; k++) expect(await s.submit(longer)).toMatchObject({ kind: 'declined', why: 'duration' })
    expect(s.engine().bridge.event(event.id)?.state).toBe('restoring')
  })
})

describe('the same revision twice', () => {
  const hour = (s: Awaited<ReturnType<typeof stage>>) => gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce })
  test('with the same content it is answered as before, whatever bytes it came in', async () => {
    const s = await stage({ specs: [{}, {}] })
    const event = hour(s)
    const first = await s.submit(event)
    const size = s.journal.size()
    expect(await s.submit({ ...event, source: { ...event.source, credential: 'renewed' } })).toEqual(first)
    expect(s.journal.size()).toBe(size)
  })
  test.each<[string, object]>([
    ['another demand', { ask: { kind: 'limitEach', limitW: 2_000 } }],
    ['other targets', { targets: [{ kind: 'charger', charger: 0 }] }],
    ['a cancel', { intervals: [] }],
  ])('with %s it is refused as a conflict, changes nothing and is on record', async (_, change) => {
    const s = await stage({ specs: [{}, {}] })
    const event = hour(s)
    await s.submit(event)
    const facts: string[] = []
    s.engine().listen(all => all.forEach(f => void facts.push(f.kind === 'noted' ? f.what : f.kind)))
    const other = gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce, ...change })
    expect(await s.submit(other, Buffer.from('another letter'))).toMatchObject({ kind: 'declined', why: 'conflict', event: 0 })
    expect(s.engine().state().events.get(0)!.event).toMatchObject({ intervals: event.intervals, targets: event.targets })
    expect(facts.filter(f => f !== 'link' && f !== 'observed')).toEqual(['signalConflict'])
  })
  test('in the same moment: one is taken, the other refused', async () => {
    const s = await stage({ specs: [{}, {}] })
    const event = hour(s)
    const other = gridEvent('a', s.now() + 600, s.now() + 1_800, { ask: off, ...atOnce })
    const answers = await Promise.all([s.submit(event), s.submit(other, Buffer.from('another letter')), s.submit(event)])
    expect(answers.map(a => (a.kind === 'declined' ? a.why : a.kind))).toEqual(['accepted', 'conflict', 'accepted'])
  })
  test('with the same bytes it is the same letter, also where it says no start and was read again after a crash', async () => {
    const s = await stage({ specs: [{}, {}] })
    const first = await s.submit(gridEvent('a', s.now(), s.now() + 600, { ask: off, ...atOnce }))
    s.kill()
    await s.restart()
    await s.until(s.now() + 7)
    expect(await s.submit(gridEvent('a', s.now(), s.now() + 600, { ask: off, ...atOnce }))).toEqual(first)
  })
  test('after a restart too, and after a snapshot', async () => {
    const s = await stage({ specs: [{}, {}], options: { snapshotEvery: 1 } })
    const event = hour(s)
    await s.submit(event)
    s.kill()
    await s.restart()
    expect(await s.submit(event)).toMatchObject({ kind: 'accepted' })
    expect(await s.submit({ ...event, priority: 1 }, Buffer.from('another letter'))).toMatchObject({ kind: 'declined', why: 'conflict' })
  })
})

describe('what the engine looks at', () => {
  test('an emergency shed gets what it asked for, not double, although meters are a minute behind', async () => {
    const s = await stage({ specs: Array.from({ length: 50 }, () => ({ maxA: 32 })) })
    await s.submit(gridEvent('now', s.now(), s.now() + 1_800, { ask: { kind: 'shed', totalW: 100_000 }, class: 'emergency' }))
    await s.until(s.now() + 900)
    const cutW = 50 * 7_360 - s.totalW()
    expect(cutW).toBeGreaterThanOrEqual(100_000)
    expect(cutW).toBeLessThan(101_000)
    expect(s.engine().state().events.get(0)!.extraW).toBe(0)
  })
  test('two new events in one turn each stand on the power of their own chargers', async () => {
    const s = await stage({ specs: Array.from({ length: 8 }, (_, i) => ({ maxA: i < 4 ? 32 : 16 })) })
    const from = s.now() + 600
    const of = (id: string, chargers: number[]) =>
      gridEvent(id, from, from + 600, {
        ask: { kind: 'shed', totalW: 3_000 },
        targets: chargers.map(charger => ({ kind: 'charger', charger })),
      })
    const first = of('a', [0, 1])
    await Promise.all([s.submit(first), s.submit({ ...first, revision: 1 }), s.submit(of('b', [4, 5])), s.submit(of('c', [6, 7]))])
    const known = [...s.engine().state().events.values()].map(e => [
      e.event.upstreamRef,
      ...[...e.basisW.keys()].filter(i => e.basisW[i]! > 0),
    ])
    expect(known).toEqual([
      ['a', 0, 1],
      ['b', 4, 5],
      ['c', 6, 7],
    ])
  })
  test('the power before an event is read shortly before it, even if the bridge was down at that minute', async () => {
    const s = await stage({ specs: [{}, {}] })
    const from = s.now() + 7_200
    await s.submit(gridEvent('later', from, from + 600, { ask: { kind: 'shed', totalW: 5_000 }, ...atOnce }))
    expect(s.engine().state().events.get(0)!.basisW[0]).toBe(7_360)
    await s.until(from - 600)
    s.kill()
    for (const c of s.chargers) c.wantsW = 6_000
    await s.until(from - 200)
    await s.restart()
    await s.until(from - 60)
    expect(s.engine().state().events.get(0)!.basisAtS).toBeGreaterThan(from - 300)
  })
})

describe('what the engine keeps', () => {
  test("a driver's override through an append that fails", async () => {
    for (const how of ['before', 'after'] as const) {
      const s = await stage({ specs: [{}, {}] })
      await s.submit(gridEvent('a', s.now(), s.now() + 3_600, { ask: off, ...atOnce }))
      await s.until(s.now() + 60)
      s.journal.failNext(how)
      s.engine().sink.override(0, 'button')
      await s.until(s.now() + 30)
      expect(s.sim.limitW(0), how).toBe(null)
      expect(s.sim.limitW(1), how).toBe(0)
    }
  })
  test('an override lasts as long as what limits now, and says nothing of tomorrow', async () => {
    const s = await stage({ specs: [{}] })
    const now = s.now()
    await s.submit(gridEvent('today', now, now + 3_600, { ask: off, ...atOnce }))
    await s.submit(gridEvent('tomorrow', now + 80_000, now + 82_000, { ask: off, ...atOnce }))
    await s.until(now + 60)
    s.engine().sink.override(0, 'button')
    await s.until(now + 120)
    expect(s.sim.limitW(0)).toBe(null)
    await s.until(now + 81_000)
    expect(s.sim.limitW(0)).toBe(0)
  })
  test('a driver who says so every second is heard once, and no longer than what limits', async () => {
    const s = await stage({ specs: [{}] })
    const now = s.now()
    await s.submit(gridEvent('a', now, now + 600, { ask: off, ...atOnce }))
    await s.until(now + 60)
    for (let k = 0; k < 120; k++) {
      s.engine().sink.override(0, 'button')
      await s.until(s.now() + 1)
    }
    expect(s.engine().state().optOuts.get(0)).toHaveLength(1)
    await s.submit(gridEvent('b', now + 700, now + 900, { ask: off, ...atOnce }))
    await s.until(now + 800)
    expect(s.sim.limitW(0)).toBe(0)
    s.engine().sink.override(0, 'button')
    await s.until(now + 810)
    expect(s.sim.limitW(0)).toBe(null)
  })
  test('the others, when one signal is too long for the log', async () => {
    const s = await stage({ specs: [{}, {}] })
    const long = gridEvent('long', s.now(), s.now() + 60, {
      ask: off,
      targets: Array.from({ length: 9_000 }, () => ({ kind: 'charger', charger: 0 })),
    })
    const [bad, good] = await Promise.allSettled([s.submit(long), s.submit(gridEvent('good', s.now(), s.now() + 60, { ask: off }))])
    expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(RangeError) })
    expect(good).toMatchObject({ status: 'fulfilled', value: { kind: 'accepted' } })
  })
  test('its temper with words of any length from a charger', async () => {
    const s = await stage({ specs: [{}] })
    s.engine().sink.note('vendor', { text: '\u0001'.repeat(100_000) })
    for (let k = 0; k < 300; k++) s.engine().sink.outcome({ charger: 0, seq: k, kind: 'rejected', cause: `${k}${'\u0001'.repeat(500)}` })
    await s.until(s.now() + 5)
    expect(s.engine().trouble()).toBe(null)
  })
  test('trying until a charger that it disabled is enabled again', async () => {
    const s = await stage({ specs: [{}], programme: { lastResort: true } })
    let failures = 3
    const force = s.sim.link.force
    s.sim.link.force = async (charger, action) => (action === 'enable' && failures-- > 0 ? false : force(charger, action))
    s.chargers[0]!.ignores = true
    await s.submit(gridEvent('a', s.now(), s.now() + 1_800, { ask: off, class: 'emergency' }))
    await s.until(s.now() + 4_000)
    expect(s.sim.forced.map(f => f.action)).toEqual(['stop', 'disable', 'enable'])
    expect(failures).toBe(-1)
  })
  test.each([
    ['nothing was sent', false],
    ['it was enabled, and the answer found nobody', true],
  ])('a crash between the record and the enabling (%s): it is enabled after the start', async (_, itWorked) => {
    const s = await stage({ specs: [{}], programme: { lastResort: true } })
    const force = s.sim.link.force
    let isCut = true
    s.sim.link.force = async (charger, action) => {
      if (action === 'enable' && isCut) {
        s.kill()
        if (itWorked) await force(charger, action)
        return new Promise(() => {})
      }
      return force(charger, action)
    }
    s.chargers[0]!.ignores = true
    await s.submit(gridEvent('a', s.now(), s.now() + 1_800, { ask: off, class: 'emergency' }))
    await s.until(s.now() + 4_000)
    expect(s.engine().state().enabling.size).toBe(1)
    isCut = false
    await s.restart()
    await s.until(s.now() + 30)
    expect(s.sim.forced.at(-1)!.action).toBe('enable')
    expect(s.engine().state().enabling.size).toBe(0)
    const enabled = s.sim.forced.length
    s.kill()
    await s.restart()
    await s.until(s.now() + 200)
    expect(s.sim.forced).toHaveLength(enabled)
    await s.transcript()
  })
})
