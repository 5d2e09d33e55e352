import { describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/virtual/fleet.ts'
import { type Ask, chargerVerdicts, type GridEvent, nonResponses, type Readings, type Spread } from '../../src/core/model.ts'
import { baselineWindow } from '../../src/core/verify/window.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

const from = T + 10_800
const to = from + 1_800

type Reading = readonly [charger: number, fromS: number, toS: number, powerW: number]
const readings = (list: readonly Reading[]): Readings => ({
  charger: Uint32Array.from(list, r => r[0]),
  fromMs: Float64Array.from(list, r => r[1] * 1000),
  toMs: Float64Array.from(list, r => r[2] * 1000),
  powerW: Float64Array.from(list, r => r[3]),
  registerWh: new Float64Array(list.length).fill(Number.NaN),
  quality: new Uint8Array(list.length),
})
/** One reading a minute: `beforeW` up to the event, `thenW(minute)` within it; undefined is a gap. */
function minutes(charger: number, beforeW: number | undefined, thenW: (minute: number) => number | undefined): Reading[] {
  const out: Reading[] = []
  for (let s = from - 600; s < to; s += 60) {
    const w = s < from ? beforeW : thenW((s - from) / 60)
    if (w !== undefined) out.push([charger, s, s + 60, w])
  }
  return out
}
function verified(
  n: number | readonly ChargerSpec[],
  ask: Ask,
  list: readonly Reading[],
  change: { spread?: Spread; answer?: 'accepted' | 'rejected'; down?: number[]; optOut?: number } = {},
) {
  const specs = typeof n === 'number' ? fleetOfN(n) : n
  const b = bed(specs)
  if (change.optOut !== undefined) b.optOut(change.optOut, from, to)
  b.signal({ ...during(from, to, ask), spread: change.spread ?? at })
  b.observed(specs.map(() => 7_000))
  b.until(from - 300)
  b.answer(change.answer ?? 'accepted')
  if (change.down) b.link(false, change.down)
  b.until(to + 120)
  const fact = one(b.turn({ kind: 'metered', event: 0, readings: readings(list) }), 'verified')!
  const of = (i: number) => `${chargerVerdicts[fact.verdict[i]!]} ${nonResponses[fact.cause[i]!]}`
  return { ...fact.verification, of }
}
const off = { kind: 'off' } as const

describe('the verdict comes from meters alone', () => {
  test.each([
    ['everyone at nothing', 0, 'delivered'],
    ['three quarters down', 1_750, 'partial'],
    ['a third down', 4_700, 'missed'],
    ['nobody moved', 7_000, 'missed'],
  ] as const)('%s', (_, thenW, verdict) => {
    const v = verified(
      2,
      off,
      [0, 1].flatMap(i => minutes(i, 7_000, () => thenW)),
    )
    expect(v.verdict).toBe(verdict)
    expect(v.askedWh).toBeCloseTo(7_000)
    expect(v.deliveredWh).toBeCloseTo(7_000 - thenW)
    expect(v.ratio).toBeCloseTo((7_000 - thenW) / 7_000)
  })
  test('without readings nothing is said, and nobody gets a number', () => {
    const v = verified(2, off, [])
    expect(v).toMatchObject({ verdict: 'unverifiable', ratio: null, coverage: 0, counts: { noData: 2 } })
  })
  test('idle chargers that nobody told anything do not stand in for those without readings', () => {
    const b = bed(fleetOfN(4))
    for (const i of [1, 2, 3]) b.optOut(i, from, to)
    b.signal({ ...during(from, to, off), spread: at })
    b.observed([7_000, 0, 0, 0])
    b.until(to + 120)
    const list = [...minutes(0, 7_000, m => (m < 6 ? 0 : undefined)), ...[1, 2, 3].flatMap(i => minutes(i, 0, () => 0))]
    const { verification } = one(b.turn({ kind: 'metered', event: 0, readings: readings(list) }), 'verified')!
    expect(verification).toMatchObject({ coverage: expect.closeTo(0.2), verdict: 'unverifiable' })
  })
  test('with fewer than four fifths of the readings nothing is said', () => {
    const v = verified(
      1,
      off,
      minutes(0, 7_000, m => (m % 3 === 0 ? undefined : 0)),
    )
    expect(v.verdict).toBe('unverifiable')
    expect(v.ratio).toBe(null)
  })
  test('where nobody was told a limit there is nothing to deliver, whatever the meters show', () => {
    const v = verified(
      1,
      off,
      minutes(0, 7_000, () => 7_000),
      { optOut: 0 },
    )
    expect(v).toMatchObject({ verdict: 'unverifiable', ratio: null, counts: { notCommanded: 1 } })
  })
  test('a limit that nobody had to come down for is delivered by those who are seen to keep it', () => {
    const each = { kind: 'limitEach', limitW: 6_000 } as const
    expect(
      verified(
        1,
        each,
        minutes(0, 3_000, () => 3_000),
      ).verdict,
    ).toBe('delivered')
    expect(
      verified(
        1,
        each,
        minutes(0, 3_000, () => 7_000),
      ).verdict,
    ).not.toBe('delivered')
  })
  test('a few gaps do not count as zero, nor as full power', () => {
    const v = verified(
      1,
      { kind: 'limitEach', limitW: 3_500 },
      minutes(0, 7_000, m => (m % 10 === 9 ? undefined : 3_500)),
    )
    expect(v.actualWh).toBeCloseTo(1_750)
    expect(v.verdict).toBe('delivered')
  })
  test('a cap that is kept is delivered, even if nothing had to be cut for it', () => {
    const v = verified(
      2,
      { kind: 'cap', totalW: 14_000 },
      [0, 1].flatMap(i => minutes(i, 3_000, () => 3_000)),
    )
    expect(v).toMatchObject({ verdict: 'delivered', askedWh: 0, ratio: null })
  })
  test('the ramp is not counted: the window begins when the last charger has begun', () => {
    const v = verified(
      2,
      off,
      [0, 1].flatMap(i => minutes(i, 7_000, m => (m < 10 ? 7_000 : 0))),
      { spread: { ...at, startS: 600 } },
    )
    expect(v.window).toMatchObject({ fromS: from + 600, toS: to, baselineFromS: from - 300, baselineToS: from })
    expect(v.verdict).toBe('delivered')
  })
})

describe('the baseline is what was drawn before any event', () => {
  const readFor = (...others: Partial<GridEvent>[]) => {
    const b = bed(fleetOfN(8), {}, { perSite: 4 })
    others.forEach((change, k) => b.signal({ id: `other${k}`, ...change }))
    b.signal({ id: 'this', ...during(from, to, off) })
    return baselineWindow(b.s, b.event(others.length))
  }
  test.each<[string, Partial<GridEvent>[], number]>([
    ['nothing went before', [], from],
    ['an event that ended half an hour ago does not count', [during(from - 3000, from - 1800, off)], from],
    ['an event that ended two minutes ago: before it', [during(from - 720, from - 120, off)], from - 720],
    ['one that goes on beyond this one cuts its share with or without it', [during(from - 900, to + 60, off)], from],
    ['one that ends within this one: before it', [during(from - 900, to - 60, off)], from - 900],
    ['one that began a minute ago: before it', [during(from - 60, to + 600, off)], from - 60],
    ['its restore window counts too', [{ ...during(from - 1500, from - 600, off), spread: { ...at, endS: 600 } }], from - 1500],
    ['two in a row: before the first', [during(from - 700, from - 100, off), during(from - 1600, from - 800, off)], from - 1600],
    ['a test event moves nobody', [{ ...during(from - 720, from - 120, off), test: true }], from],
    ['elsewhere in the tree', [{ ...during(from - 720, from - 120, off), targets: [] }], from],
  ])('%s', (_, others, untilS) => {
    expect(readFor(...others)).toEqual({ fromS: untilS - 300, toS: untilS })
  })
  test('after hours of events there is none, and the event is unverifiable', () => {
    expect(readFor(during(from - 9000, from - 60, off))).toEqual({ fromS: from, toS: from })
  })
})

describe('each charger', () => {
  const others = (i: number) => minutes(i, 7_000, () => 0)
  test('one reading above its limit is a slip, two are not compliant, and the only one there is says nothing', () => {
    const above = (minutesAbove: readonly number[]) =>
      verified(
        1,
        off,
        minutes(0, 7_000, m => (minutesAbove.includes(m) ? 3_000 : 0)),
      ).of(0)
    expect(above([5])).toBe('compliant none')
    expect(above([5, 20])).toBe('notCompliant acceptedButUnmoved')
    expect(
      verified(1, off, [
        [0, from - 300, from, 7_000],
        [0, from + 60, to - 60, 7_000],
      ]).of(0),
    ).toBe('noData noData')
  })
  test('a register of whole Wh, read each second, makes nobody non-compliant: its own powers decide', () => {
    const b = bed(fleetOfN(1))
    b.signal({ ...during(from, to, { kind: 'limitEach', limitW: 1_840 }), spread: at })
    b.observed([7_000])
    b.until(from - 300)
    b.answer('accepted')
    b.until(to + 120)
    let wh = 0
    const list = Array.from({ length: 300 + 1_200 }, (_, k): Reading => [0, from - 300 + k, from - 300 + k + 1, k < 300 ? 7_000 : 1_840])
    const of = readings(list)
    const registerWh = of.powerW.map(w => Math.floor((wh += w / 3_600)))
    const fact = one(b.turn({ kind: 'metered', event: 0, readings: { ...of, registerWh } }), 'verified')!
    expect(chargerVerdicts[fact.verdict[0]!]).toBe('compliant')
  })
  test("inside 10 % of the limit, or of a paused box's own use, nobody is called non-compliant", () => {
    const of = (ask: Ask, thenW: number) =>
      verified(
        1,
        ask,
        minutes(0, 7_000, () => thenW),
      ).of(0)
    expect(of({ kind: 'limitEach', limitW: 3_000 }, 3_330)).toBe('compliant none')
    expect(of({ kind: 'limitEach', limitW: 3_000 }, 3_340)).toBe('notCompliant acceptedButUnmoved')
    expect(of(off, 60)).toBe('compliant none')
  })
  test('that was cut in its first half minute is not blamed for it', () => {
    const v = verified(1, off, [
      ...minutes(0, 7_000, () => undefined),
      [0, from, from + 20, 7_000],
      [0, from + 20, from + 29, 7_000],
      ...minutes(0, undefined, m => (m === 0 ? undefined : 0)),
    ])
    expect(v.of(0)).toBe('compliant none')
  })
  test.each([
    ['opted out', { optOut: 1 }, 'notCommanded optedOut'],
    ['without data', {}, 'noData noData'],
    ['offline', { down: [1] }, 'noData offline'],
  ] as const)('%s', (_, change, of) => {
    const v = verified(2, off, others(0), change as never)
    expect(v.of(1)).toBe(of)
  })
  test("a firmware's no is a refusal, not an opt-out", () => {
    expect(verified(2, off, [...others(0), ...minutes(1, 7_000, () => 7_000)], { answer: 'rejected' }).of(1)).toBe('notCommanded refused')
  })
})

describe('a charger that charges on when the link drops', () => {
  const lost = (onLinkLoss: 'holds' | 'resumes') =>
    verified([{ onLinkLoss }, {}, {}, {}, {}], off, [
      ...minutes(0, 7_000, m => (m >= 10 ? undefined : 0)),
      ...[1, 2, 3, 4].flatMap(i => minutes(i, 7_000, () => 0)),
    ])
  test('is a lost response from then on, never delivered', () => {
    const v = lost('resumes')
    expect(v.of(0)).toBe('notCompliant resumedOnLinkLoss')
    // half an hour of 7 kW each, less 20 minutes of one
    expect(v.deliveredWh).toBeCloseTo(5 * 3_500 - (7_000 * 20) / 60)
  })
  test('while one that holds its limit is believed for a gap', () => {
    const v = lost('holds')
    expect(v.of(0)).toBe('compliant none')
    expect(v.deliveredWh).toBeCloseTo(5 * 3_500)
  })
})
