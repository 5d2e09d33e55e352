import { expect, test } from 'vitest'
import type { Input, Session } from '../../src/core/model.ts'
import { laxityS, NEED_WH, newsOf, phaseOf, type SessionNews, STAY_S, sessionFact } from '../../src/core/sessions.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { bed, fleetOfN, T } from './bed.ts'

const fact = (...news: readonly (readonly [number, Session])[]): Input => ({
  kind: 'session',
  who: Uint32Array.from(news, ([i]) => i),
  phase: Uint8Array.from(news, ([, x]) => ['none', 'plugged', 'satisfied'].indexOf(x.phase)),
  departS: Uint32Array.from(news, ([, x]) => x.departS ?? 0),
  needWh: Int32Array.from(news, ([, x]) => x.needWh ?? -1),
})

test('who was never heard of is not the same as who has no car', () => {
  const b = bed(fleetOfN(2))
  expect([0, 1].map(i => phaseOf(b.s, i))).toEqual([null, null])
  b.turn(fact([0, { phase: 'none' }]))
  expect([0, 1].map(i => phaseOf(b.s, i))).toEqual(['none', null])
})

test('only changes are recorded, and what a car has said stands until it leaves', () => {
  const b = bed(fleetOfN(1))
  const news: SessionNews = new Map()
  const tell = (session: Session) => {
    const x = newsOf(b.s, 0, session, news.get(0))
    if (x && x !== news.get(0)) news.set(0, x)
    return x !== undefined
  }
  expect(tell({ phase: 'plugged', departS: T + 7200, needWh: 8_000 })).toBe(true)
  b.turn(sessionFact(news))
  news.clear()
  expect(tell({ phase: 'plugged' })).toBe(false)
  expect(tell({ phase: 'satisfied' })).toBe(true)
  b.turn(sessionFact(news))
  expect([b.s.departS[0], b.s.needWh[0], phaseOf(b.s, 0)]).toEqual([T + 7200, 8_000, 'satisfied'])
  news.clear()
  expect(tell({ phase: 'none' })).toBe(true)
  b.turn(sessionFact(news))
  news.clear()
  tell({ phase: 'plugged' })
  b.turn(sessionFact(news))
  expect([b.s.departS[0], b.s.needWh[0]]).toEqual([0, -1])
})

test('what no car can mean is as good as unsaid, and the same fraction twice is no news', () => {
  const b = bed(fleetOfN(1))
  const tell = (session: Session) => {
    const x = newsOf(b.s, 0, session)
    if (x) b.turn(sessionFact(new Map([[0, x]])))
    return x !== undefined
  }
  expect(tell({ phase: 'plugged', departS: T + 7_200.9, needWh: 8_000.5 })).toBe(true)
  expect(tell({ phase: 'plugged', departS: T + 7_200.9, needWh: 8_000.5 })).toBe(false)
  // 1969, the year 9999, more than any battery: they would wrap round in the columns
  for (const absurd of [{ departS: -1 }, { departS: 253_402_300_799 }, { needWh: -1 }, { needWh: 3e9 }])
    expect(tell({ phase: 'plugged', ...absurd })).toBe(false)
  expect([b.s.departS[0], b.s.needWh[0]]).toEqual([T + 7_200, 8_000])
})

test('a report about a charger that the fleet does not have is no news', () => {
  const b = bed(fleetOfN(1))
  expect(newsOf(b.s, 7, { phase: 'plugged' })).toBeUndefined()
  expect(() => b.turn(fact([7, { phase: 'plugged' }]))).not.toThrow()
})

test.each<[string, Session, number]>([
  ['both known', { phase: 'plugged', departS: T + 7200, needWh: 7_360 }, 7200 - 3600],
  ['it will leave short', { phase: 'plugged', departS: T + 1800, needWh: 7_360 }, 1800 - 3600],
  ['departure unknown: half a day from when it came', { phase: 'plugged', needWh: 7_360 }, STAY_S - 3600],
  ['need unknown: a neutral one', { phase: 'plugged', departS: T + 7200 }, 7200 - (NEED_WH * 3600) / 7_360],
])('laxity, %s', (_, session, expected) => {
  const b = bed(fleetOfN(1))
  b.turn(fact([0, session]))
  expect(laxityS(b.s, 0, T)).toBeCloseTo(expected, 6)
})

test('of two cars of unknown departure the one that came first is the more urgent, for ever', () => {
  const b = bed(fleetOfN(2))
  b.turn(fact([1, { phase: 'plugged' }]))
  b.until(T + 600)
  b.turn(fact([0, { phase: 'plugged' }]))
  expect(laxityS(b.s, 1, T + 600)).toBeLessThan(laxityS(b.s, 0, T + 600))
})

test('sessions are in the snapshot, and survive a fleet that grows', () => {
  const b = bed(fleetOfN(2))
  b.turn(fact([1, { phase: 'plugged', departS: T + 9, needWh: 5 }]))
  const again = fromBytes(toBytes(b.s))
  expect(stateDigest(again)).toBe(stateDigest(b.s))
  expect([phaseOf(again, 1), again.departS[1], again.needWh[1], again.sinceS[1]]).toEqual(['plugged', T + 9, 5, T])
  b.turn(bed(fleetOfN(3)).fleet)
  expect([phaseOf(b.s, 1), phaseOf(b.s, 2), b.s.needWh[2]]).toEqual(['plugged', null, -1])
})
