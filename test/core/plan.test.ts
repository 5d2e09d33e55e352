import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/virtual/fleet.ts'
import type { Ask, GridEvent, Spread } from '../../src/core/model.ts'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

/** 1.38 kW at 6 A, 7.36 kW at 32 A. */
const small: ChargerSpec = { phases: 1, maxA: 32 }
const hour = (ask: Ask) => during(T + 3600, T + 7200, ask)
const mid = T + 5000
const sumW = (b: ReturnType<typeof bed>, second: number) => b.wants(second).reduce<number>((n, w, i) => n + (w ?? b.s.fleet.maxW[i]!), 0)

describe('what an ask means for each charger', () => {
  test.each([
    ['off', { kind: 'off' }, 0, 0],
    ['a limit in watts', { kind: 'limitEach', limitW: 4_200 }, 4_200, 4_200],
    ['a limit in amps, per phase and rounded down', { kind: 'limitEach', limitA: 10.03 }, 2_306, 6_920],
    ['a limit below 6 A is a pause', { kind: 'limitEach', limitA: 5.9 }, 0, 0],
    ['exactly 6 A is no pause', { kind: 'limitEach', limitA: 6 }, 1_380, 4_140],
    ['a limit at the rated power is none', { kind: 'limitEach', limitA: 32 }, null, null],
    ['3 kW is a limit for one phase and a pause for three', { kind: 'limitEach', limitW: 3_000 }, 3_000, 0],
    ['keep a half', { kind: 'keep', fraction: 0.5 }, 3_680, 11_040],
    ['keep a tenth is less than can be signalled', { kind: 'keep', fraction: 0.1 }, 0, 0],
    ['keep nothing', { kind: 'keep', fraction: 0 }, 0, 0],
    ['keep all', { kind: 'keep', fraction: 1 }, null, null],
  ] as const)('%s', (_, ask, onePhaseW, threePhaseW) => {
    const b = bed([{ phases: 1 }, { phases: 3 }])
    b.signal(hour(ask))
    expect(b.wants(mid)).toEqual([onePhaseW, threePhaseW])
  })
  test('a programme that does not pause keeps its floor', () => {
    const b = bed([{ phases: 1 }, { phases: 3 }], { floorW: 4_200 })
    b.signal(hour({ kind: 'keep', fraction: 0.1 }))
    expect(b.wants(mid)).toEqual([4_200, 4_200])
  })
})

describe('a cap', () => {
  test('is not exceeded by the sum of the limits, and wastes less than one step', () => {
    const b = bed(fleetOfN(20, small))
    b.signal(hour({ kind: 'cap', totalW: 61_234 }))
    expect(sumW(b, mid)).toBeLessThanOrEqual(61_234)
    expect(sumW(b, mid)).toBeGreaterThan(61_234 - 187)
  })
  test('too small for all at 6 A pauses whole chargers', () => {
    const b = bed(fleetOfN(20, small))
    b.signal(hour({ kind: 'cap', totalW: 10_000 }))
    expect(b.wants(mid).filter(w => w === 0)).toHaveLength(13)
    expect(b.wants(mid).every(w => w === 0 || w! >= 1_380)).toBe(true)
  })
  test.each([
    ['opted out', (b: ReturnType<typeof bed>) => b.optOut(0, T + 4000, T + 4100)],
    ['offline', (b: ReturnType<typeof bed>) => b.link(false, [0])],
    [
      'not enrolled',
      (b: ReturnType<typeof bed>) => b.turn({ kind: 'enrolled', programme: 'flex', who: Uint32Array.of(0), basis: Uint8Array.of(0) }),
    ],
  ])('subtracts the load of a charger that is %s: metered, or else its maximum', (_, happens) => {
    for (const [meteredW, otherW] of [
      [-1, 7_360],
      [2_000, 2_000],
    ] as const) {
      const b = bed(fleetOfN(10, small))
      happens(b)
      b.signal(hour({ kind: 'cap', totalW: 40_000 }))
      b.observed([meteredW, ...Array<number>(9).fill(7_000)])
      const others = b.wants(mid).slice(1)
      expect(b.wants(mid)[0]).toBe(null)
      expect(others.reduce<number>((n, w) => n + w!, 0)).toBeLessThanOrEqual(40_000 - otherW)
      expect(others.reduce<number>((n, w) => n + w!, 0)).toBeGreaterThan(40_000 - otherW - 187)
    }
  })
  test('that the rest alone exceeds is unreachable, by so many watts, and everyone who can pauses', () => {
    const b = bed(fleetOfN(3, small))
    b.optOut(0, T, T + 9000)
    const facts = b.signal(hour({ kind: 'cap', totalW: 5_000 }))
    expect(one(facts, 'planned')!.unreachable).toEqual([{ event: 0, missingW: 2_360 }])
    expect(b.wants(mid)).toEqual([null, 0, 0])
  })
  test('moves about twenty chargers of a thousand when one refuses, not all', () => {
    const b = bed(fleetOfN(1_000, small))
    b.signal({ class: 'emergency', basis: 'order', ...during(T, T + 3600, { kind: 'cap', totalW: 4_000_000 }) })
    const facts = b.answer('rejected', [17])
    expect(one(facts, 'refused')!.who).toHaveLength(1)
    const moved = one(facts, 'planned')!.schedules.who.length
    expect(moved).toBeGreaterThan(5)
    expect(moved).toBeLessThan(50)
  })
  test('stays as it is while chargers are offline with what they accepted, and as they come back one by one', () => {
    const b = bed([
      ...fleetOfN(40, small),
      ...fleetOfN(20, { phases: 3, maxA: 16 }),
      ...fleetOfN(10, { ...small, onLinkLoss: 'dropsProfile' }),
    ])
    b.signal({ class: 'emergency', basis: 'order', ...during(T, T + 7200, { kind: 'cap', totalW: 250_000 }) })
    b.answer('accepted')
    const before = b.wants(T + 100)
    const holding = b.everyone.slice(0, 60)
    b.until(T + 60)
    expect(one(b.link(false, holding), 'planned')).toBeUndefined()
    b.until(T + 120)
    for (const i of holding) expect(one(b.link(true, [i]), 'planned'), `charger ${i} is back`).toBeUndefined()
    expect(b.wants(T + 100)).toEqual(before)
    // the others drop the limit with the link, so their load comes off for the rest
    expect(one(b.link(false, [65]), 'planned')!.schedules.who.length).toBeGreaterThan(1)
  })
})

describe('a shed', () => {
  const drawing = (b: ReturnType<typeof bed>, powerW: number[]) => b.observed(powerW)
  test('takes chargers that draw, leaves the idle ones alone, and reduces the last one by what is missing', () => {
    const b = bed(fleetOfN(6, small))
    b.signal(hour({ kind: 'shed', totalW: 10_000 }))
    drawing(b, [7_000, 0, 7_000, 0, 7_000, -1])
    const wants = b.wants(mid)
    expect([wants[1], wants[3], wants[5]]).toEqual([null, null, null])
    expect([wants[0], wants[2], wants[4]].toSorted((x, y) => (x ?? 9e9) - (y ?? 9e9))).toEqual([0, 4_000, null])
  })
  test('takes more of them where they are not reliable, and says what cannot be found', () => {
    const b = bed(fleetOfN(6, { ...small, reliability: 500 }))
    b.signal(hour({ kind: 'shed', totalW: 10_000 }))
    const facts = drawing(b, [7_000, 0, 7_000, 0, 7_000, -1])
    expect(b.wants(mid)).toEqual([0, null, 0, null, 0, null])
    // expected: 0.5 x 21,000
    expect(one(facts, 'planned')!.unreachable).toEqual([])
    const c = bed(fleetOfN(2, { ...small, reliability: 500 }))
    c.signal(hour({ kind: 'shed', totalW: 10_000 }))
    expect(one(c.observed([7_000, 7_000]), 'planned')!.unreachable).toEqual([{ event: 0, missingW: 3_000 }])
  })
  test('is planned although a meter shows more than the rated power', () => {
    const b = bed(fleetOfN(2, small))
    b.signal(hour({ kind: 'shed', totalW: 100 }))
    drawing(b, [7_700, 7_700])
    expect(b.wants(mid).filter(w => w === 7_360 || w === null)).toHaveLength(2)
  })
})

describe('a floor is kept', () => {
  const floorW = 4_200
  test.each([
    ['a share', { kind: 'keep', fraction: 0.1 } as const],
    ['a shed', { kind: 'shed', totalW: 100_000 } as const],
  ])('by a charger that goes in steps, which takes the next above it: %s', (_, ask) => {
    const b = bed([{ ...small, stepW: 1_000 }], { floorW })
    b.signal(hour(ask))
    b.observed([7_000])
    expect(b.wants(mid)).toEqual([1_380 + 3_000])
  })
  test.each([
    ['a share', { kind: 'keep', fraction: 0.1 } as const],
    ['a shed', { kind: 'shed', totalW: 100_000 } as const],
  ])('and is no limit where the charger has less, even if its meter shows more: %s', (_, ask) => {
    const b = bed([{ phases: 1, maxA: 16 }], { floorW })
    b.signal(hour(ask))
    b.observed([5_000])
    expect(b.wants(mid)).toEqual([null])
  })
})

describe('overlap', () => {
  test('the tightest limit holds at each instant, and each segment names the event that won', () => {
    const b = bed([small])
    b.signal({ id: 'a', ...during(T + 1000, T + 3000, { kind: 'limitEach', limitW: 4_000 }) })
    b.signal({ id: 'b', ...during(T + 2000, T + 4000, { kind: 'limitEach', limitW: 2_000 }) })
    expect(b.want(0)).toEqual([
      { fromS: T + 1000, toS: T + 2000, limitW: 4_000, because: 0 },
      { fromS: T + 2000, toS: T + 4000, limitW: 2_000, because: 1 },
    ])
  })
  test('two operators ask for the same, and the first cancels: the second goes on, in its own name', () => {
    const b = bed([small])
    const same = { ...during(T + 1000, T + 3000, { kind: 'off' }), stopAtOnce: true } as const
    b.signal({ id: 'a', ...same })
    b.signal({ id: 'b', ...same })
    b.until(T + 1500)
    b.signal({ id: 'a', revision: 1, intervals: [], stopAtOnce: true })
    expect(b.want(0)).toMatchObject([{ toS: T + 3000, limitW: 0, because: 1 }])
  })
})

describe('a box that takes one limit for its two connectors', () => {
  const box: ChargerSpec[] = [
    { ...small, station: 0, limitsAtStation: true },
    { ...small, station: 0, limitsAtStation: true },
    { ...small, station: 1 },
  ]
  test('holds the sum of both at its first connector', () => {
    const b = bed(box)
    b.signal(hour({ kind: 'limitEach', limitW: 2_000 }))
    expect([0, 1, 2].map(i => b.want(i)[0]?.limitW)).toEqual([4_000, undefined, 2_000])
  })
  test('adds the maximum of one that is opted out', () => {
    const b = bed(box)
    b.optOut(1, T + 3600, T + 7200)
    b.signal(hour({ kind: 'limitEach', limitW: 2_000 }))
    expect(b.want(0)[0]?.limitW).toBe(9_360)
  })
  test.each([0, 1])('is limited for a target that covers only connector %i', charger => {
    const b = bed(box)
    b.signal({ targets: [{ kind: 'charger', charger }], ...hour({ kind: 'cap', totalW: 3_000 }) })
    const { limitW } = b.want(0)[0]!
    expect(limitW).toBeGreaterThan(7_360 + 3_000 - 187)
    expect(limitW).toBeLessThanOrEqual(7_360 + 3_000)
    expect([b.want(1), b.want(2)]).toEqual([[], []])
  })
  test('of which only the smaller connector may charge is limited to what that one can do with', () => {
    const b = bed([
      { phases: 3, maxA: 32, station: 0, limitsAtStation: true },
      { phases: 1, maxA: 16, station: 0, limitsAtStation: true },
    ])
    b.signal(hour({ kind: 'cap', totalW: 2_000 }))
    expect(b.want(0)[0]!.limitW).toBeGreaterThanOrEqual(1_380)
    expect(b.want(0)[0]!.limitW).toBeLessThanOrEqual(2_000)
  })
  test('with a hundred connectors still has one limit, whatever their delays', () => {
    const b = bed(Array.from({ length: 100 }, () => ({ ...small, station: 0, limitsAtStation: true })))
    b.signal({ spread: { ...at, startS: 1_800, endS: 1_800 }, ...hour({ kind: 'off' }) })
    expect(b.want(0).find(x => x.fromS <= T + 5500 && T + 5500 < x.toS)?.limitW).toBe(0)
  })
})

describe('whatever comes, the plan is lawful by an independent check', () => {
  const spread: fc.Arbitrary<Spread> = fc.record({
    startS: fc.constantFrom(0, 60, 600, 1_800),
    endS: fc.constantFrom(0, 120, 600),
    startShiftS: fc.constantFrom(0, 0, -300, -1_200),
    endShiftS: fc.constantFrom(0, 0, -120, -600),
    endFollowsStart: fc.boolean(),
  })
  const ask: fc.Arbitrary<Ask> = fc.oneof(
    fc.record({ kind: fc.constant('cap' as const), totalW: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ kind: fc.constant('cap' as const), totalW: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ kind: fc.constant('shed' as const), totalW: fc.integer({ min: 0, max: 60_000 }) }),
    fc.record({ kind: fc.constant('limitEach' as const), limitW: fc.constantFrom(0, 0, 2_000, 5_000) }),
    fc.record({ kind: fc.constant('keep' as const), fraction: fc.double({ min: 0, max: 1, noNaN: true }) }),
  )
  const second = fc.integer({ min: 0, max: 7_200 })
  const charger = fc.nat(11)
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('signal' as const),
        id: fc.constantFrom('a', 'b'),
        spread,
        target: fc.constantFrom('all', 'all', 'some', 'half a box'),
        intervals: fc.array(fc.record({ gapS: fc.constantFrom(0, 0, 300), lengthS: fc.constantFrom(60, 600, 1_800), ask }), {
          maxLength: 3,
        }),
        fromS: second,
        stopAtOnce: fc.boolean(),
        class: fc.constantFrom('contracted' as const, 'contracted' as const, 'emergency' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('optOut' as const), charger, fromS: second, lengthS: fc.constantFrom(60, 900, 5_000) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('link' as const), who: fc.array(charger, { maxLength: 6 }), up: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        how: fc.constantFrom('accepted' as const, 'accepted' as const, 'rejected' as const, 'unknown' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('observed' as const),
        event: fc.nat(1),
        powerW: fc.array(fc.constantFrom(-1, 0, 3_000, 7_360, 8_000), { minLength: 12, maxLength: 12 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), forS: fc.constantFrom(1, 60, 600, 1_800) }) },
  )
  const specs: ChargerSpec[] = Array.from({ length: 12 }, (_, i) => ({
    phases: i % 4 === 3 ? 3 : 1,
    maxA: i % 2 ? 16 : 32,
    station: Math.min(i, 9),
    limitsAtStation: i >= 9,
    reliability: i % 3 ? 1_000 : 700,
    onLinkLoss: i % 5 ? 'holds' : 'resumes',
  }))
  test('events of any shape, opt-outs, links, answers and meters in any order', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 14 }), steps => {
        const b = bed(specs, { minNoticeS: 120 })
        const revision = { a: 0, b: 0 }
        for (const x of steps) {
          // each of these runs `check` and would throw
          if (x.kind === 'signal') b.signal({ ...signalOf(x, b.nowS()), revision: revision[x.id as 'a']++ })
          if (x.kind === 'optOut') b.optOut(x.charger, T + x.fromS, T + x.fromS + x.lengthS)
          if (x.kind === 'link') b.link(x.up, x.who)
          if (x.kind === 'answer') b.answer(x.how)
          if (x.kind === 'observed' && b.event(x.event)) b.observed(x.powerW, x.event)
          if (x.kind === 'wait') b.until(b.nowS() + x.forS)
        }
        // a snapshot is the whole of the state: from there it goes on the same
        const copy = fromBytes(toBytes(b.s))
        expect(Buffer.from(toBytes(copy)).equals(Buffer.from(toBytes(b.s)))).toBe(true)
        b.until(b.nowS() + 86_400)
        expect(b.everyone.every(i => b.wants(b.nowS())[i] === null)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })
  type Signal = {
    id: string
    spread: Spread
    target: string
    intervals: { gapS: number; lengthS: number; ask: Ask }[]
    fromS: number
    stopAtOnce: boolean
    class: GridEvent['class']
  }
  function signalOf(x: Signal, nowS: number): Partial<GridEvent> {
    let fromS = Math.max(T + x.fromS, nowS - 600)
    const intervals = x.intervals.map(({ gapS, lengthS, ask }) => {
      const from = fromS + gapS
      fromS = from + lengthS
      return { fromS: from, toS: fromS, ask }
    })
    const targets: GridEvent['targets'] =
      x.target === 'all'
        ? [{ kind: 'node', node: 0 }]
        : x.target === 'some'
          ? [1, 2, 3, 9, 10].map(charger => ({ kind: 'charger', charger }))
          : [{ kind: 'charger', charger: 11 }]
    return {
      id: x.id,
      class: x.class,
      basis: x.class === 'emergency' ? 'order' : null,
      spread: x.spread,
      targets,
      intervals,
      stopAtOnce: x.stopAtOnce,
    }
  }
})
