import { describe, expect, test } from 'vitest'
import { yearOf } from '../../src/core/calendar.ts'
import { exclusions, type GridEvent } from '../../src/core/model.ts'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { bed, during, eventOf, fleetOfN, one, T } from './bed.ts'

const off = { kind: 'off' } as const
const HOUR = 3_600
const DAY = 86_400
const hours = (id: string, from: number, to: number, change: Partial<GridEvent> = {}): Partial<GridEvent> => ({
  id,
  ...during(T + from * HOUR, T + to * HOUR, off),
  ...change,
})

test.each([
  '1970-01-01',
  '1999-12-31',
  '2000-02-29',
  '2000-12-31',
  '2001-01-01',
  '2023-11-14',
  '2024-12-31',
  '2100-02-28',
  '2100-03-01',
  '2105-12-31',
])('%s is in the year it says, from its first to its last second', day => {
  const s = Date.parse(`${day}T00:00:00Z`) / 1000
  expect([yearOf(s), yearOf(s + DAY - 1)]).toEqual([Number(day.slice(0, 4)), Number(day.slice(0, 4))])
})

describe('events of a season', () => {
  /** T is 14 November 2023. */
  test('are counted by the year in which they begin, those that State has forgotten too; a new year begins at none', () => {
    const b = bed(fleetOfN(1), { maxEventsPerSeason: 2 })
    const judged = (id: string, fromS: number) => {
      const facts = b.signal({ id, ...during(fromS, fromS + 600, off) })
      return one(facts, 'declined')?.why ?? 'accepted'
    }
    const january = Date.parse('2024-01-02T00:00:00Z') / 1000
    b.until(january)
    expect(judged('a', january + HOUR)).toBe('accepted')
    expect(judged('cancelled', january + HOUR)).toBe('accepted')
    b.signal({ id: 'cancelled', revision: 1, intervals: [] })
    b.until(january + 100 * DAY)
    expect(b.s.events.size).toBe(0)
    expect(judged('b', b.nowS() + HOUR)).toBe('accepted')
    expect(judged('c', b.nowS() + 2 * HOUR)).toBe('nobody')
    expect(judged('next year', Date.parse('2025-01-01T00:00:00Z') / 1000)).toBe('accepted')
    b.until(Date.parse('2025-02-01T00:00:00Z') / 1000)
    expect(judged('d', b.nowS() + HOUR)).toBe('accepted')
    expect(judged('e', b.nowS() + HOUR)).toBe('nobody')
  })
  test('do not hold back an emergency', () => {
    const b = bed(fleetOfN(1), { maxEventsPerSeason: 0, maxEventsPerDay: 0, restS: DAY })
    expect(one(b.signal(hours('a', 0, 1, { class: 'emergency' })), 'accepted')?.excluded).toHaveLength(0)
  })
})

describe('rest', () => {
  const judged = (b: ReturnType<typeof bed>, change: Partial<GridEvent>): string => {
    const accepted = one(b.signal(change), 'accepted')
    return accepted ? Array.from(accepted.excluded, (i, k) => `${i} ${exclusions[accepted.why[k]!]}`).join() : 'nobody'
  }
  const half = (charger: number): Partial<GridEvent> => ({ targets: [{ kind: 'charger', charger }] })
  test.each<[string, number, number, string]>([
    ['too soon after', 5.9, 7, 'nobody'],
    ['after the rest', 6, 7, ''],
    ['too soon before', -5, -0.5, 'nobody'],
    ['long enough before', -7, -4, ''],
    ['at the same time', 1, 2, 'nobody'],
  ])('%s', (_, from, to, expected) => {
    const b = bed(fleetOfN(2), { restS: 4 * HOUR })
    b.signal(hours('first', 10, 12))
    expect(judged(b, hours('second', from + 10, to + 10))).toBe(expected)
  })
  test('is each charger’s own, and only within the programme', () => {
    const b = bed(fleetOfN(2), { restS: 4 * HOUR })
    b.signal({ ...hours('first', 1, 2), ...half(0) })
    expect(judged(b, hours('second', 3, 4))).toBe('0 rest')
    b.turn(
      { kind: 'programme', programme: { ...b.s.programmes.get('flex')!, id: 'other' } },
      { kind: 'enrolled', programme: 'other', who: Uint32Array.of(0, 1), basis: Uint8Array.of(1, 1) },
    )
    expect(judged(b, hours('third', 3, 4, { programme: 'other' }))).toBe('')
  })
  test('is remembered when the event is over and its columns are gone, and through a snapshot, for those who were sent a limit', () => {
    const b = bed(fleetOfN(3), { restS: 60 * DAY })
    b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.of(2), basis: Uint8Array.of(0) })
    b.turn({
      kind: 'signal',
      event: eventOf({ ...hours('first', 1, 2), targets: [{ kind: 'node', node: 0 }] }),
      seed: new Uint8Array(32),
      raw: new Uint8Array(0),
    })
    b.link(false, [1])
    b.until(T + HOUR - 100)
    b.until(T + HOUR)
    b.until(T + 40 * DAY)
    b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.of(2), basis: Uint8Array.of(1) })
    expect(b.s.events.size).toBe(0)
    Object.assign(b.s, fromBytes(toBytes(b.s)))
    expect(judged(b, { id: 'second', ...during(T + 41 * DAY, T + 41 * DAY + HOUR, off) })).toBe('0 rest')
    expect(judged(b, { id: 'third', ...during(T + 62 * DAY, T + 62 * DAY + HOUR, off) })).toBe('1 rest,2 rest')
  })
})
