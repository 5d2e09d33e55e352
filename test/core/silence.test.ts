import { describe, expect, test } from 'vitest'
import { check } from '../../src/core/check.ts'
import type { Ask, GridEvent } from '../../src/core/model.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { at, bed, during, eventOf, fleetOfN, one, T } from './bed.ts'

const dno = { adapter: 't', peer: 'dno' }
const silent = { kind: 'silent', ...dno, silentMs: 120_000 } as const
const heardAgain = { kind: 'heardAgain', ...dno } as const
const failsafe = (failsafeW: number | null, failsafeS?: number): Pick<GridEvent, 'liveness'> => ({
  liveness: { heartbeatS: 60, failsafeW, ...(failsafeS !== undefined && { failsafeS }) },
})
const announced = during(T + 300, T + 3_600, { kind: 'limitEach', limitW: 3_000 })
const threeAt = (change: Partial<GridEvent>) => {
  const b = bed(fleetOfN(3))
  b.signal({ ...announced, ...change })
  return b
}
const all = (w: number | null) => [w, w, w]

describe('a source that falls silent in mid-event', () => {
  test('without a failsafe the event ends as announced', () => {
    for (const liveness of [null, failsafe(null).liveness]) {
      const b = threeAt({ liveness })
      b.until(T + 600)
      const told = b.everyone.map(b.want)
      b.turn(silent)
      expect(b.everyone.map(b.want)).toEqual(told)
    }
  })
  test.each([
    ['above what was asked', 4_200],
    ['below it', 2_000],
    ['nothing at all', 0],
  ])('with a failsafe %s every charger holds that, and is free at the announced end', (_, w) => {
    const b = threeAt(failsafe(w))
    b.until(T + 600)
    expect(b.wants(T + 600)).toEqual(all(3_000))
    b.turn(silent)
    expect(b.wants(T + 600)).toEqual(all(w))
    expect(b.wants(T + 3_599)).toEqual(all(w))
    expect(b.wants(T + 3_600)).toEqual(all(null))
  })
  test('heard again: back to what the event says', () => {
    const b = threeAt(failsafe(4_200))
    b.until(T + 600)
    b.turn(silent)
    b.until(T + 1_200)
    b.turn(heardAgain)
    expect(b.wants(T + 1_200)).toEqual(all(3_000))
    expect(b.wants(T + 3_600)).toEqual(all(null))
    expect(b.event().event.intervals.map(x => [x.fromS - T, x.toS - T, x.failsafe ?? false])).toEqual([
      [300, 600, false],
      [600, 1_200, true],
      [1_200, 3_600, false],
    ])
  })
  test('only for as long as the contract says; heard after that, the event goes on', () => {
    const b = threeAt({ ...failsafe(4_200, 900) })
    b.until(T + 600)
    b.turn(silent)
    expect(b.wants(T + 1_499)).toEqual(all(4_200))
    expect(b.wants(T + 1_500)).toEqual(all(null))
    b.until(T + 1_600)
    b.turn(heardAgain)
    expect(b.wants(T + 1_600)).toEqual(all(3_000))
    expect(b.wants(T + 3_600)).toEqual(all(null))
  })
  test('a silence that is over before the event begins has cost it nothing', () => {
    const b = threeAt({ ...during(T + 3_600, T + 7_200, { kind: 'limitEach', limitW: 3_000 }), ...failsafe(4_200, 120) })
    b.turn(silent)
    b.until(T + 1_800)
    b.turn(heardAgain)
    expect(b.wants(T + 3_600)).toEqual(all(3_000))
  })
  test.each([
    ['before', T + 60],
    ['in the midst of', T + 900],
  ])('%s a cap, and is heard again: who kept to its share, and who did not, is known of what was announced', (_, silentS) => {
    const b = bed(fleetOfN(3))
    b.signal({ ...during(T + 300, T + 3_600, { kind: 'cap', totalW: 9_000 }), ...failsafe(3_000) })
    b.observed([7_000, 7_000, 7_000])
    b.until(T + 30)
    b.answer('accepted')
    for (const turn of [silent, heardAgain]) {
      b.until(silentS + (turn === silent ? 0 : 30))
      b.turn(turn)
      b.answer('accepted')
    }
    b.until(T + 3_700)
    const at = Array.from({ length: 60 }, (_, k) => T + k * 60)
    const rows = b.everyone.flatMap(charger =>
      at.map(fromS => ({ charger, fromS, powerW: fromS < T + 300 || charger === 2 ? 7_000 : 1_400 })),
    )
    const { counts } = one(
      b.turn({
        kind: 'metered',
        event: 0,
        readings: {
          charger: Uint32Array.from(rows, r => r.charger),
          fromMs: Float64Array.from(rows, r => r.fromS * 1000),
          toMs: Float64Array.from(rows, r => (r.fromS + 60) * 1000),
          powerW: Float64Array.from(rows, r => r.powerW),
          registerWh: new Float64Array(rows.length).fill(Number.NaN),
          quality: new Uint8Array(rows.length),
        },
      }),
      'verified',
    )!.verification
    expect(counts).toEqual({ compliant: 2, notCompliant: 1, noData: 0, notCommanded: 0 })
  })
  test('its release after the time of the contract is spread like an end', () => {
    const b = bed(fleetOfN(60))
    b.signal({ ...announced, ...failsafe(4_200, 900), spread: { ...at, endS: 300 } })
    b.until(T + 600)
    b.turn(silent)
    const free = (s: number) => b.wants(s).filter(w => w === null).length
    expect(free(T + 1_500)).toBeLessThan(3)
    expect(free(T + 1_650)).toBeGreaterThan(20)
    expect(free(T + 1_801)).toBe(60)
  })
  test('an open-ended limit holds the failsafe until the line is back', () => {
    const b = threeAt({ ...during(T, 0xffffffff, { kind: 'off' }), class: 'emergency', basis: 'supply limitation', ...failsafe(1_400) })
    b.turn(silent)
    expect(b.wants(T + 86_400)).toEqual(all(1_400))
    b.until(T + 90_000)
    b.turn(heardAgain)
    expect(b.wants(T + 90_000)).toEqual(all(0))
  })
  test('a cancelled event is released as cancelled, whoever falls silent or is heard', () => {
    const b = threeAt({ ...failsafe(4_200), spread: { ...at, endS: 300 } })
    b.until(T + 600)
    b.signal({ ...announced, ...failsafe(4_200), revision: 1, intervals: [] })
    const told = b.everyone.map(b.want)
    b.turn(silent)
    b.turn(heardAgain)
    expect(b.everyone.map(b.want)).toEqual(told)
  })
  test('the same, cancelled while it is silent', () => {
    const b = threeAt(failsafe(4_200))
    b.until(T + 600)
    b.turn(silent)
    b.signal({ ...announced, ...failsafe(4_200), revision: 1, intervals: [] })
    expect(b.wants(T + 600)).toEqual(all(null))
    b.turn(heardAgain)
    expect(b.wants(T + 601)).toEqual(all(null))
  })
  test('a changed event of a source heard again is what it says', () => {
    const b = threeAt(failsafe(4_200))
    b.until(T + 600)
    b.turn(silent)
    const event = eventOf({ ...during(T + 600, T + 900, { kind: 'off' }), ...failsafe(4_200), revision: 1 })
    b.turn(heardAgain, { kind: 'signal', event, seed: new Uint8Array(32), raw: new Uint8Array(0) })
    expect(b.wants(T + 600)).toEqual(all(0))
    expect(b.wants(T + 900)).toEqual(all(null))
  })
  test('an event that has not begun begins with the failsafe; one that has ended is left alone', () => {
    const b = threeAt(failsafe(4_200))
    b.turn(silent)
    expect(b.wants(T + 299)).toEqual(all(null))
    expect(b.wants(T + 300)).toEqual(all(4_200))
    const late = threeAt(failsafe(4_200))
    late.until(T + 3_600)
    late.turn(silent)
    expect(late.event().announced).toBeNull()
  })
  test('other sources, and the opted out, are not concerned', () => {
    const b = threeAt(failsafe(4_200))
    b.optOut(1, T, T + 7_200)
    b.until(T + 600)
    b.turn({ ...silent, peer: 'tso' })
    expect(b.wants(T + 600)).toEqual([3_000, null, 3_000])
    b.turn(silent)
    expect(b.wants(T + 600)).toEqual([4_200, null, 4_200])
  })
})

describe('the edge into the failsafe', () => {
  test.each(['contracted', 'emergency'] as const)('is spread like an end: a lost line lets nobody step together (%s)', kind => {
    const n = 60
    const b = bed(fleetOfN(n))
    const basis = kind === 'emergency' ? 'supply limitation' : null
    b.signal({ ...announced, ...failsafe(7_000), class: kind, basis, spread: { ...at, endS: 300 } })
    b.until(T + 600)
    b.turn(silent)
    const released = (s: number) => b.wants(s).filter(w => w === 7_000).length
    expect(released(T + 600)).toBeLessThan(3)
    expect(released(T + 750)).toBeGreaterThan(20)
    expect(released(T + 750)).toBeLessThan(40)
    expect(released(T + 901)).toBe(n)
  })
  test('an emergency takes hold again at once', () => {
    const b = bed(fleetOfN(60))
    b.signal({ ...announced, ...failsafe(7_000), class: 'emergency', basis: 'supply limitation', spread: { ...at, endS: 300 } })
    b.until(T + 600)
    b.turn(silent)
    for (const second of [700, 1_200]) {
      b.until(T + second)
      b.turn(heardAgain)
      expect(b.wants(T + second)).toEqual(b.everyone.map(() => 3_000))
      b.turn(silent)
    }
  })
  test('nobody is limited before the own start, nor twice as long', () => {
    const b = bed(fleetOfN(40))
    b.signal({ ...announced, ...failsafe(7_000), spread: { ...at, startS: 600, endS: 600 } })
    b.until(T + 400)
    b.turn(silent)
    b.until(T + 450)
    b.turn(heardAgain)
    for (const i of b.everyone) {
      const schedule = b.want(i)
      expect(schedule[0]!.fromS).toBeGreaterThanOrEqual(T + 300)
      expect(schedule.at(-1)!.toS).toBeLessThanOrEqual(T + 3_600 + 600)
    }
  })
})

test('a total asked of all is verified up to the silence: afterwards nobody asked', () => {
  const b = bed(fleetOfN(2))
  b.signal({ ...during(T + 300, T + 3_600, { kind: 'shed', totalW: 4_000 }), ...failsafe(7_000) })
  b.observed([7_000, 7_000])
  b.until(T + 1_800)
  b.turn(silent)
  b.until(T + 3_700)
  const none = new Float64Array(0)
  const readings = { charger: new Uint32Array(0), fromMs: none, toMs: none, powerW: none, registerWh: none, quality: new Uint8Array(0) }
  const verified = one(b.turn({ kind: 'metered', event: 0, readings }), 'verified')!
  expect(verified.verification.window).toMatchObject({ fromS: T + 300, toS: T + 1_800 })
})

test('a snapshot remembers who is silent and what was announced', () => {
  const b = threeAt(failsafe(4_200))
  b.until(T + 600)
  b.turn(silent)
  const again = fromBytes(toBytes(b.s))
  expect(stateDigest(again)).toBe(stateDigest(b.s))
  expect(again.silences).toEqual(new Map([['t:dno', T + 600]]))
})

test('the check finds a charger that may draw more than the failsafe', () => {
  const b = threeAt(failsafe(2_000))
  b.until(T + 600)
  b.turn(silent)
  b.answer('accepted')
  expect(check(b.s, T + 600)).toBeUndefined()
  b.s.want[1] = 0
  expect(check(b.s, T + 600)).toBe('event 0: its source is silent, and charger 1 may draw more than the failsafe')
})

test('silence, signals, opt-outs and links in any order: every plan is lawful, nobody is limited past the announced end, the record folds', () => {
  const asks: Ask[] = [
    { kind: 'off' },
    { kind: 'cap', totalW: 20_000 },
    { kind: 'shed', totalW: 9_000 },
    { kind: 'limitEach', limitW: 3_000 },
  ]
  for (let seed = 1; seed <= 150; seed++) {
    let x = seed
    const pick = (n: number) => {
      x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0
      return Math.floor((x / 4_294_967_296) * n)
    }
    const b = bed(fleetOfN(8))
    b.observed([7_000, 7_000, 7_000, 0, 3_000, 7_000, -1, 7_000])
    const ends = new Map<number, number>()
    for (let step = 0, now = T; step < 40; step++) {
      now += pick(300)
      b.until(now)
      const id = `e${pick(3)}`
      const known = b.s.events.get(b.s.eventNoById.get(id) ?? -1)
      switch (pick(7)) {
        case 0: {
          const fromS = now + pick(600)
          const middleS = fromS + 1 + pick(900)
          const toS = middleS + pick(2) * (1 + pick(900))
          const kind = pick(4) === 0 ? 'emergency' : 'contracted'
          const intervals = [
            { fromS, toS: middleS, ask: asks[pick(4)]! },
            { fromS: middleS, toS, ask: asks[pick(4)]! },
          ].filter(i => i.fromS < i.toS)
          b.signal({
            ...{ id, upstreamRef: id, revision: (known?.event.revision ?? -1) + 1, intervals, class: kind },
            basis: kind === 'emergency' ? 'supply limitation' : null,
            spread: { ...at, startS: pick(2) * 300, endS: pick(3) * 200, endFollowsStart: pick(4) === 0 },
            ...failsafe([null, 0, 2_000, 6_000][pick(4)]!, [undefined, 120, 600][pick(3)]),
          })
          break
        }
        case 1:
          if (known) b.signal({ ...known.event, revision: known.event.revision + 1, intervals: [], stopAtOnce: pick(2) === 0 })
          break
        case 2:
          b.optOut(pick(8), now, now + pick(1_000))
          break
        case 3:
          b.link(pick(2) === 0, [pick(8)])
          break
        case 4:
        case 5:
          b.turn(silent)
          break
        default:
          b.turn(heardAgain)
      }
      b.answer('accepted')
      for (const e of b.s.events.values()) {
        const announced = e.announced ?? e.event.intervals
        ends.set(e.no, Math.max(ends.get(e.no) ?? 0, (announced.at(-1)?.toS ?? 0) + 600))
      }
      for (const i of b.everyone)
        for (const part of b.want(i)) expect(part.toS, `seed ${seed}, step ${step}`).toBeLessThanOrEqual(ends.get(part.because)!)
    }
    expect(stateDigest(fromBytes(toBytes(b.s)))).toBe(stateDigest(b.s))
  }
})
