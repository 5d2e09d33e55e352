import { describe, expect, test } from 'vitest'
import { draws } from '../../src/core/draw.ts'
import { chargerVerdicts, linkLossTraits, type NonResponse, nonResponses } from '../../src/core/model.ts'
import { afterFleet, commonOf, emptyLearned, groupOf, learn } from '../../src/core/reliability.ts'
import { emptyFleet, type Fleet } from '../../src/core/state.ts'
import { seedOf } from './bed.ts'

type Spec = { readonly n: number; readonly told?: number; readonly group?: (i: number) => number; readonly resumes?: boolean }
function known({ n, told = 830, group = () => 0, resumes = false }: Spec) {
  const fleet: Fleet = {
    ...emptyFleet(),
    chargers: n,
    group: Uint16Array.from({ length: n }, (_, i) => group(i)),
    reliability: new Uint16Array(n).fill(told),
    onLinkLoss: new Uint8Array(n).fill(linkLossTraits.indexOf(resumes ? 'resumes' : 'holds')),
  }
  const learned = emptyLearned()
  const everyone = Uint32Array.from({ length: n }, (_, i) => i)
  afterFleet(learned, fleet, everyone)
  return {
    fleet,
    learned,
    everyone,
    /** An event verified with these causes, by charger; `obeyed`: it did what it was told. */
    event(cause: (i: number) => NonResponse | 'obeyed', who: Uint32Array = everyone) {
      const of = (i: number): NonResponse => {
        const c = cause(i)
        return c === 'obeyed' ? 'none' : c
      }
      const verdict = (i: number) => (cause(i) === 'obeyed' || cause(i) === 'idle' ? 'compliant' : 'notCompliant')
      learn(learned, fleet, {
        who,
        verdict: Uint8Array.from(who, i => chargerVerdicts.indexOf(verdict(i))),
        cause: Uint8Array.from(who, i => nonResponses.indexOf(of(i))),
      })
    },
    common: () => commonOf(learned, fleet, everyone).common,
  }
}

describe('a charger', () => {
  test('that was never tried stands where the import says', () => {
    expect(known({ n: 1 }).fleet.reliability[0]).toBe(830)
  })
  test.each<[NonResponse | 'obeyed', 'rises' | 'falls' | 'stays']>([
    ['obeyed', 'rises'],
    ['acceptedButUnmoved', 'falls'],
    ['noAnswer', 'falls'],
    ['refused', 'falls'],
    ['offline', 'falls'],
    ['optedOut', 'stays'],
    ['noData', 'stays'],
    ['idle', 'stays'],
    ['none', 'stays'],
  ])('of which the event says %s %s', (cause, how) => {
    const k = known({ n: 1 })
    k.event(() => cause)
    expect(Math.sign(k.fleet.reliability[0]! - 830)).toBe({ rises: 1, falls: -1, stays: 0 }[how])
  })
  test('that obeys in three of four events ends near that, whatever was told of it', () => {
    const k = known({ n: 1, told: 300 })
    for (let e = 0; e < 400; e++) k.event(() => (e % 4 === 0 ? 'acceptedButUnmoved' : 'obeyed'))
    expect(k.fleet.reliability[0]! / 1000).toBeCloseTo(0.75, 1)
  })
  test('that has changed is known for what it is now: half of what was is forgotten in 20 trials', () => {
    const k = known({ n: 2 })
    for (let e = 0; e < 200; e++) k.event(i => (i === 0 ? 'obeyed' : 'acceptedButUnmoved'))
    const [good, bad] = [k.fleet.reliability[0]!, k.fleet.reliability[1]!]
    for (let e = 0; e < 20; e++) k.event(i => (i === 1 ? 'obeyed' : 'acceptedButUnmoved'))
    expect(Math.abs(k.fleet.reliability[0]! - k.fleet.reliability[1]!)).toBeLessThan((good - bad) / 4)
    for (let e = 0; e < 200; e++) k.event(i => (i === 1 ? 'obeyed' : 'acceptedButUnmoved'))
    expect(k.fleet.reliability[1]!).toBeGreaterThan(k.fleet.reliability[0]! + 400)
  })
  test('that loses its limit with its link is worth less by as much as it is away; one that is found to hold it is not', () => {
    const k = known({ n: 1, resumes: true })
    for (let e = 0; e < 100; e++) k.event(() => (e % 3 === 0 ? 'resumedOnLinkLoss' : 'obeyed'))
    const away = k.fleet.reliability[0]!
    k.fleet.onLinkLoss[0] = linkLossTraits.indexOf('holds')
    k.event(() => 'obeyed')
    expect(away).toBeLessThan(720)
    expect(k.fleet.reliability[0]!).toBeGreaterThan(880)
  })
  test('keeps what was learned of it when the fleet is imported again', () => {
    const k = known({ n: 2 })
    for (let e = 0; e < 30; e++) k.event(() => 'acceptedButUnmoved', Uint32Array.of(0))
    const learned = k.fleet.reliability[0]!
    k.fleet.reliability.fill(990)
    afterFleet(k.learned, k.fleet, k.everyone)
    expect(Array.from(k.fleet.reliability)).toEqual([learned, 990])
  })
})

describe('a fleet', () => {
  test('of chargers of many kinds is expected to give what it gives, to one part in a hundred', () => {
    const n = 400
    const k = known({ n })
    const truth = Float64Array.from(draws(n, seedOf('truth'), 'x'), u => 0.3 + 0.7 * (u / 2 ** 32))
    let [hoped, got] = [0, 0]
    for (let e = 0; e < 200; e++) {
      const u = draws(n, seedOf(`event ${e}`), 'x')
      const obeys = (i: number) => u[i]! / 2 ** 32 < truth[i]!
      if (e >= 50) for (let i = 0; i < n; i++) hoped += k.fleet.reliability[i]! / 1000
      if (e >= 50) for (let i = 0; i < n; i++) got += obeys(i) ? 1 : 0
      k.event(i => (obeys(i) ? 'obeyed' : 'acceptedButUnmoved'))
    }
    expect(hoped / got).toBeGreaterThan(0.99)
    expect(hoped / got).toBeLessThan(1.01)
  })
})

describe('chargers of one maker', () => {
  const twoMakers = () => known({ n: 40, group: i => 1 + (i % 2) })
  test('that are all silent at once are out together, which is nobody’s own failure', () => {
    const k = twoMakers()
    for (let e = 0; e < 50; e++) k.event(() => 'obeyed')
    const before = Array.from(k.fleet.reliability)
    const usual = k.common().outage[0]!
    k.event(i => (i % 2 === 0 ? 'noAnswer' : 'obeyed'))
    expect(k.fleet.reliability[0]).toBe(before[0])
    expect(k.common().outage[0]!).toBeGreaterThan(usual * 1.5)
    expect(k.common().outage[1]!).toBeLessThan(k.common().outage[0]!)
  })
  test('of which a few fail were not out', () => {
    const k = twoMakers()
    for (let e = 0; e < 50; e++) k.event(() => 'obeyed')
    const usual = k.common().outage[0]!
    k.event(i => (i < 8 ? 'noAnswer' : 'obeyed'))
    expect(k.common().outage[0]!).toBeLessThanOrEqual(usual)
    expect(k.fleet.reliability[0]!).toBeLessThan(k.fleet.reliability[20]!)
  })
  test('whose events scatter as one have a scatter beyond chance; others do not', () => {
    const scatter = (together: boolean) => {
      const k = known({ n: 100 })
      for (let e = 0; e < 200; e++) {
        const common = draws(1, seedOf(`day ${e}`), 'x')[0]! / 2 ** 32
        const own = draws(100, seedOf(`event ${e}`), 'x')
        const chance = together ? 0.55 + 0.4 * common : 0.75
        k.event(i => (own[i]! / 2 ** 32 < chance ? 'obeyed' : 'acceptedButUnmoved'))
      }
      return k.common().rho[0]!
    }
    // the variance of the common chance is 0.16 / 12, and rho is that over 0.75 x 0.25
    expect(scatter(true)).toBeGreaterThan(0.04)
    expect(scatter(true)).toBeLessThan(0.11)
    expect(scatter(false)).toBeLessThan(0.01)
  })
})
test('a maker is one group however it writes itself, and in the log a number only', () => {
  expect(groupOf('Acme')).toBe(groupOf(' ACME '))
  expect(groupOf('Acme')).not.toBe(groupOf('Other'))
  expect(groupOf('')).toBe(0)
  for (let k = 0; k < 1_000; k++) {
    const g = groupOf(`maker ${k}`)
    expect(g >= 1 && g <= 65_535).toBe(true)
  }
})

test('what is usual of makers does not hang on the order in which they were first seen', () => {
  const makers = Array.from({ length: 40 }, (_, k) => (k * 977) % 4_001)
  const seen = (order: readonly number[]) => {
    const learned = emptyLearned()
    for (const g of order)
      learned.groups.set(g, { events: 200 / (g + 3), outages: 1_000 / (g + 7), trials: 9, obeyed: 8, scatter: 0, scatterEvents: 0 })
    const fleet: Fleet = { ...emptyFleet(), chargers: 1, group: Uint16Array.of(0) }
    return commonOf(learned, fleet, Uint32Array.of(0)).common.outage[0]!
  }
  const turned = makers.map((_, k) => [...makers.slice(k), ...makers.slice(0, k)])
  expect(new Set([...turned, ...turned.map(order => order.toReversed())].map(seen)).size).toBe(1)
})
