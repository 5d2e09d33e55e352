import { describe, expect, test } from 'vitest'
import { createProgress } from '../../src/engine/progress.ts'
import type { Progress } from '../../src/ports.ts'
import { cancelled, gridEvent, type Stage, stage } from './stage.ts'

/** What a source is told over a crash: at least once each, and nothing again that it is known to have been told. */
const off = { kind: 'off' } as const
const atOnce = { spread: { forbidden: 'response service' } } as const
const MARK = 'engine.told'

const told = async (s: Stage): Promise<string[]> => (await s.transcript()).split('\n').flatMap(l => /-> dso: a (\w+)/.exec(l)?.[1] ?? [])
/** A crash after the append of what `work` brings, before anybody has written down what was told of it. */
async function crashUntold(s: Stage, work: () => Promise<unknown>) {
  const mark = s.registry.get(MARK)!
  await work()
  s.kill()
  await s.registry.set(MARK, mark)
  await s.restart()
}

describe('a crash between the record and the telling', () => {
  test('of an acceptance: it is told after the start, with the time that it had', async () => {
    const s = await stage({ specs: [{}] })
    const event = gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce })
    await crashUntold(s, () => s.submit(event))
    expect(await told(s)).toEqual(['accepted', 'accepted'])
    await s.until(s.now() + 1_300)
    expect((await told(s)).slice(2)).toEqual(['started', 'completed'])
  })
  test('of a verification: it is told with the time that it had, so that its message is the same', async () => {
    const s = await stage({ specs: [{}] })
    await s.submit(gridEvent('a', s.now(), s.now() + 60, { ask: off, ...atOnce }))
    await s.until(s.now() + 600)
    const { verification } = s.engine().state().events.get(0)!
    const none = new Uint8Array(0)
    const verified = { kind: 'verified', verification: verification!, who: new Uint32Array(0), verdict: none, cause: none } as const
    const progress = createProgress(s.engine().state, s.engine().meters.latest, 60_000)
    const steps: [Progress['kind'], number][] = []
    progress.follow({ adapter: 'test', tell: p => void steps.push([p.kind, p.at]) })
    progress.recovered({ size: 0, atMs: 4_000_000_000_000 })
    progress.afterTurn([verified], 456_000)
    expect(steps).toEqual([])
    progress.release([{ facts: [verified], atMs: 123_000 }], 789_000)
    expect(steps).toEqual([
      ['verified', 123_000],
      ['verified', 456_000],
    ])
  })
  test('and another one before everybody listens, with a long journal: it is told all the same', async () => {
    const s = await stage({ specs: [{}] })
    await s.engine().handle(...Array.from({ length: 10_001 }, () => ({ kind: 'noted', what: 'x', about: {} }) as const))
    const mark = s.registry.get(MARK)!
    await s.submit(gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce }))
    s.kill()
    await s.registry.set(MARK, mark)
    const { start } = s.sim.link
    s.sim.link.start = () => Promise.reject(new Error('the port is taken'))
    await expect(s.restart()).rejects.toThrow()
    s.kill()
    s.sim.link.start = start
    await s.restart()
    expect(await told(s)).toEqual(['accepted', 'accepted'])
  })
  test('of an acceptance whose event has begun meanwhile: that is told as well', async () => {
    const s = await stage({ specs: [{}] })
    await crashUntold(s, () => s.submit(gridEvent('a', s.now(), s.now() + 600, { ask: off, ...atOnce })))
    expect((await told(s)).slice(-2)).toEqual(['accepted', 'started'])
  })
  test('of a refusal and of a cancel', async () => {
    const s = await stage({ specs: [{}] })
    await crashUntold(s, () => s.submit(gridEvent('a', s.now() - 60, s.now(), { ask: off, ...atOnce })))
    expect((await told(s)).slice(-1)).toEqual(['declined'])
    const event = gridEvent('b', s.now() + 600, s.now() + 1_200, { ask: off, upstreamRef: 'a', ...atOnce })
    await s.submit(event)
    await crashUntold(s, () => s.submit(cancelled(event)))
    expect((await told(s)).slice(-2)).toEqual(['cancelled', 'cancelled'])
  })
})

test('that it has begun is told before what is measured of it', async () => {
  const s = await stage({ specs: [{}], meterEveryS: 10 })
  const kinds: Progress['kind'][] = []
  s.engine().bridge.follow(undefined, p => void kinds.push(p.kind))
  await s.submit(gridEvent('a', s.now() + 305, s.now() + 900, { ask: off, ...atOnce }))
  await s.until(s.now() + 600)
  expect(kinds.filter(kind => kind !== 'accepted').slice(0, 2)).toEqual(['started', 'measured'])
  expect(kinds.filter(kind => kind === 'started')).toHaveLength(1)
})
test('a restart in which nothing was lost tells nothing again', async () => {
  const s = await stage({ specs: [{}] })
  await s.submit(gridEvent('a', s.now(), s.now() + 3_600, { ask: off, ...atOnce }))
  await s.until(s.now() + 30)
  for (let k = 0; k < 3; k++) {
    s.kill()
    await s.restart()
  }
  await s.until(s.now() + 30)
  expect(await told(s)).toEqual(['accepted', 'started'])
})

test('what became due while it was down is told after the start', async () => {
  const s = await stage({ specs: [{}] })
  await s.submit(gridEvent('a', s.now() + 60, s.now() + 600, { ask: off, ...atOnce }))
  s.kill()
  await s.until(s.now() + 30 * 60)
  await s.restart()
  await s.until(s.now() + 10)
  expect(await told(s)).toEqual(['accepted', 'started', 'completed', 'verified'])
})

test('the journal stored what it said it had not: the source hears of it without a restart', async () => {
  const s = await stage({ specs: [{}] })
  s.journal.failNext('after')
  const event = gridEvent('a', s.now() + 600, s.now() + 1_200, { ask: off, ...atOnce })
  await expect(s.submit(event)).rejects.toThrow()
  expect(await told(s)).toEqual(['accepted'])
})

test('a mark of another journal is no mark', async () => {
  const s = await stage({ specs: [{}] })
  await s.submit(gridEvent('a', s.now(), s.now() + 600, { ask: off, ...atOnce }))
  s.kill()
  for (const text of ['{', '{"size":1e9,"atMs":1}', '7']) {
    await s.registry.set(MARK, text)
    await s.restart()
    s.kill()
  }
  await s.restart()
  expect(new Set(await told(s))).toEqual(new Set(['accepted', 'started']))
})
