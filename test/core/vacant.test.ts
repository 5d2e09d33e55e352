import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/virtual/fleet.ts'
import { allocate } from '../../src/core/allocate.ts'
import { check } from '../../src/core/check.ts'
import { membersOf } from '../../src/core/members.ts'
import type { Input, Programme, SessionPhase } from '../../src/core/model.ts'
import { allocationPolicies } from '../../src/core/model.ts'
import { newsOf, phaseOf } from '../../src/core/sessions.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

/** 22 kW: steps of 561 W. 7.36 kW: steps of 186 W. */
const large: ChargerSpec = { phases: 3, maxA: 32 }
const small: ChargerSpec = { phases: 1, maxA: 32 }
const yields = { vacant: 'yields', maxDurationS: 7 * 86_400 } as const satisfies Partial<Programme>
const cap = (totalW: number, toS = T + 7200) => during(T, toS, { kind: 'cap' as const, totalW })
const cars = (...news: readonly (readonly [number, SessionPhase])[]): Input => ({
  kind: 'session',
  who: Uint32Array.from(news, ([i]) => i),
  phase: Uint8Array.from(news, ([, phase]) => ['none', 'plugged', 'satisfied'].indexOf(phase)),
  departS: new Uint32Array(news.length),
  needWh: new Int32Array(news.length).fill(-1),
})
type Bed = ReturnType<typeof bed>
/** A cap, with cars at none but those of `there`. */
function capped(specs: readonly ChargerSpec[], totalW: number, there: readonly number[], programme: Partial<Programme> = yields): Bed {
  const b = bed(specs, programme)
  b.turn(cars(...b.everyone.map(i => [i, there.includes(i) ? 'plugged' : 'none'] as const)))
  b.signal(cap(totalW))
  b.answer('accepted')
  b.until(T + 20)
  return b
}
const wants = (b: Bed) => b.wants(b.nowS() + 1)
/** What all may draw, by a sum of its own. */
const mayDrawW = (b: Bed) => wants(b).reduce<number>((sum, w, i) => sum + (w ?? b.s.fleet.maxW[i]!), 0)
const changed = (before: readonly (number | null)[], b: Bed, but: readonly number[] = []) =>
  wants(b).filter((w, i) => w !== before[i] && !but.includes(i)).length

/** A car of 7.36 kW has what 40 others have in steps of 186 W; a bound per arrival, however large the fleet. */
const MOST_OTHERS = 41
/** Who has a car and is told a pause, though it would be served if nobody had been told anything yet. */
function starved(b: Bed): number[] {
  const e = b.event()
  const members = membersOf(b.s, e)
  const { watts } = allocate({ ...b.s, want: new Uint32Array(b.s.want.length) }, e, e.event.intervals[0]!, members)
  return [...members].filter((i, m) => watts[m] !== 0 && wants(b)[i] === 0 && b.s.up[b.s.fleet.station[i]!] === 1)
}

describe('a charger without a car', () => {
  test('yields its room to those who have one; where the programme says nothing it keeps its share, and no news of a car is a plan', () => {
    const b = capped(fleetOfN(4, small), 7_360, [2])
    expect(wants(b)).toEqual([0, 0, null, 0])
    const keeps = capped(fleetOfN(4, small), 7_360, [2], {})
    expect(wants(keeps).every(w => w! > 0)).toBe(true)
    expect(one(keeps.turn(cars([0, 'plugged'])), 'planned')).toBeUndefined()
  })
  test.each<[string, (b: Bed) => void]>([
    ['nothing is known of it', () => {}],
    ['its car is full', b => b.turn(cars([0, 'satisfied']))],
    [
      'its link came back, and it has not said so since',
      b => {
        b.turn(cars([0, 'none']))
        b.link(false, [0])
        b.link(true, [0])
      },
    ],
    [
      'it takes limits only in a session',
      b => {
        b.turn(cars([0, 'none']))
        b.s.noSession.set(0, T)
      },
    ],
  ])('but not where %s', (_, before) => {
    const b = bed(fleetOfN(4, small), yields)
    b.turn(cars([1, 'plugged'], [2, 'none'], [3, 'none']))
    before(b)
    b.signal(cap(7_360))
    expect(b.wants(T)[0]).toBeGreaterThan(0)
    expect(b.wants(T)[2]).toBe(0)
  })
  test('out of reach it counts with what it was told, and when it is back it is served until it says that nobody is there', () => {
    const b = capped(fleetOfN(4, small), 7_360, [2])
    b.link(false, [0])
    expect(wants(b)).toEqual([0, 0, null, 0])
    b.link(true, [0])
    expect(wants(b)[0]).toBeGreaterThan(0)
    expect(mayDrawW(b)).toBeLessThanOrEqual(7_360)
    b.turn(cars([0, 'none']))
    expect(wants(b)).toEqual([0, 0, null, 0])
  })
  test('that it says so once more on a new link is news, and on the same link it is none', () => {
    const b = capped(fleetOfN(2, small), 7_360, [])
    const said = (links?: ReadonlyMap<number, boolean>) => newsOf(b.s, 0, { phase: 'none' }, undefined, links)
    expect(said()).toBeUndefined()
    expect(said(new Map([[b.s.fleet.station[0]!, true]]))).toBeDefined()
    b.link(false, [0])
    expect([phaseOf(b.s, 0), phaseOf(b.s, 1)]).toEqual([null, 'none'])
    expect(said()).toBeDefined()
    const keeps = capped(fleetOfN(2, small), 7_360, [], {})
    keeps.link(false, [0])
    expect(phaseOf(keeps.s, 0)).toBe('none')
  })
  test('keeps its share in an emergency', () => {
    const b = bed(fleetOfN(4, small), yields)
    b.turn(cars([0, 'none'], [1, 'none'], [2, 'plugged'], [3, 'none']))
    b.signal({ class: 'emergency', basis: 'order', ...cap(7_360) })
    expect(b.wants(T + 1).every(w => w! > 0)).toBe(true)
    expect(one(b.turn(cars([0, 'plugged'])), 'planned')).toBeUndefined()
  })
  test('that cannot be paused has its least power, the other has the rest', () => {
    const b = capped([{ ...small, pauses: false }, small], 7_360, [1])
    // 24 of its steps fit
    expect(wants(b)).toEqual([1_380, 1_380 + 24 * 186])
    b.turn(cars([0, 'plugged'], [1, 'none']))
    expect(wants(b)).toEqual([null, 0])
  })
  test('on a box that takes one limit for all its chargers leaves its room to the other', () => {
    const twins = [0, 1].map((): ChargerSpec => ({ ...small, station: 0, limitsAtStation: true }))
    const b = capped([...twins, { ...small, station: 1 }], 7_360, [0, 2])
    const before = mayDrawW(b)
    b.turn(cars([2, 'none']))
    expect(wants(b)[0]).toBe(7_360)
    expect(before).toBeLessThanOrEqual(7_360 + 7_360)
  })
})

describe('a car that comes under a cap', () => {
  test.each(allocationPolicies)('is served in the same turn, also where that takes from others: %s', allocation => {
    const b = capped(fleetOfN(4, small), 7_360, [2, 3], { ...yields, allocation })
    const before = wants(b)
    const facts = b.turn(cars([0, 'plugged']))
    expect(mayDrawW(b)).toBeLessThanOrEqual(7_360)
    if (allocation === 'proRata' || allocation === 'maxMin') {
      expect(wants(b)[0]).toBeGreaterThan(1_380)
      expect([...one(facts, 'sent')!.who]).toContain(0)
    } else expect(wants(b)[0]! > 0 || wants(b).every((w, i) => w === before[i])).toBe(true)
  })
  test.each(allocationPolicies.flatMap(allocation => [60_000, 600_000, 1_800_000].map(totalW => ({ allocation, totalW }))))(
    'changes few others, and the one that leaves as few: $allocation under $totalW W',
    ({ allocation, totalW }) => {
      const b = capped(
        fleetOfN(400, small),
        totalW,
        Array.from({ length: 300 }, (_, i) => i),
        { ...yields, allocation },
      )
      for (let k = 0; k < 4; k++) {
        for (const [i, what] of [
          [300 + k, 'plugged'],
          [k * 7, 'none'],
        ] as const) {
          const before = wants(b)
          b.turn(cars([i, what]))
          expect(changed(before, b, [i])).toBeLessThanOrEqual(allocation === 'proRata' || allocation === 'maxMin' ? MOST_OTHERS : 4)
          expect(mayDrawW(b)).toBeLessThanOrEqual(totalW)
          expect(starved(b)).toEqual([])
        }
      }
      expect(mayDrawW(b)).toBeGreaterThan(totalW - 1_380 - 2 * 186)
    },
  )
  test('and leaves within a step of room behind: who was paused for want of it runs', () => {
    const b = capped(fleetOfN(4, small), 3_000, [0, 1, 2])
    expect(
      wants(b)
        .slice(0, 3)
        .filter(w => w === 0),
    ).toHaveLength(1)
    const running = wants(b).findIndex(w => w! > 0)
    b.turn(cars([running, 'none']))
    expect(wants(b).filter(w => w! > 0)).toHaveLength(2)
    expect(wants(b)[running]).toBe(0)
  })
  test('when the ask is over nobody is limited anew: who was paused without a car is let go in its turn', () => {
    const b = capped(fleetOfN(10, small), 20_000, [2, 3], { ...yields, endSpreadS: 600 })
    b.signal({ ...cap(20_000), spread: { startS: 0, endS: 600, startShiftS: 0, endShiftS: 0, endFollowsStart: false }, revision: 1 })
    b.until(T + 7201)
    const before = wants(b)
    b.link(false, [5])
    b.turn(cars([2, 'none'], [1, 'plugged']))
    expect(wants(b)).toEqual(before)
  })
})

describe('a record', () => {
  test('of the rule survives a snapshot, and without it nothing of it is in the state', () => {
    const b = capped(fleetOfN(2, small), 7_360, [1])
    expect(stateDigest(fromBytes(toBytes(b.s)))).toBe(stateDigest(b.s))
    expect(b.s.programmes.get('flex')).toHaveProperty('vacant', 'yields')
    expect(bed(fleetOfN(1)).s.programmes.get('flex')).not.toHaveProperty('vacant')
  })
})

const step = fc.record({
  who: fc.nat(99),
  what: fc.constantFrom('plugged', 'plugged', 'none', 'none', 'satisfied', 'down', 'up', 'answer', 'no'),
})
test('whatever comes and goes, and whoever answers: the ceiling holds by a sum of its own, nobody waits who would be served, few others change', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(large, small, { ...small, onLinkLoss: 'holds' } as ChargerSpec), { minLength: 3, maxLength: 24 }),
      fc.integer({ min: 1, max: 250_000 }),
      fc.constantFrom(...allocationPolicies),
      fc.array(step, { maxLength: 30 }),
      fc.nat(),
      (specs, totalW, allocation, steps, seed) => {
        const b = bed(specs, { ...yields, allocation })
        b.turn(cars(...b.everyone.map(i => [i, (seed >> i) & 1 ? 'plugged' : 'none'] as const)))
        b.signal(cap(totalW), String(seed))
        b.answer('accepted')
        b.until(T + 20)
        for (const { who, what } of steps) {
          const i = who % specs.length
          const before = wants(b)
          const wasPhase = phaseOf(b.s, i)
          if (what === 'down' || what === 'up') b.link(what === 'up', [i])
          else if (what === 'answer') b.answer('accepted')
          else if (what === 'no') {
            if (b.s.pending[i] !== 0xffffffff) b.answer('rejected', [i])
          } else {
            b.turn(cars([i, what]))
            expect(starved(b)).toEqual([])
            if (wasPhase === null || (wasPhase === 'none') === (what === 'none')) continue
            // what one gives or takes, in the least step that the others have
            expect(changed(before, b, [i])).toBeLessThanOrEqual(2 + Math.ceil(b.s.fleet.maxW[i]! / 186))
          }
          expect(check(b.s, b.nowS(), new Map([[0, b.event().missingW]]))).toBeUndefined()
          if (
            b.event().missingW === 0 &&
            b.s.refusals.size === 0 &&
            b.s.up.every((up, node) => up === 1 || !b.s.fleet.station.includes(node))
          )
            expect(mayDrawW(b)).toBeLessThanOrEqual(totalW)
          const again = one(b.until(b.nowS() + 1), 'planned')
          expect(again).toBeUndefined()
        }
      },
    ),
    { numRuns: 60 },
  )
})
