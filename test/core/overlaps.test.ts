import { describe, expect, test } from 'vitest'
import type { Ask, Programme, Readings } from '../../src/core/model.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { totalWh } from '../../src/core/verify/floors.ts'
import { withoutRefused } from '../../src/core/verify/overlaps.ts'
import type { Verified } from '../../src/core/verify/record.ts'
import { recomputed } from '../../src/core/verify/revision.ts'
import { schemeOf } from '../../src/core/verify/schemes.ts'
import { loadOf, settlementOf } from '../../src/core/verify/settlement.ts'
import { at, bed, during, fleetOfN, one, T } from './bed.ts'

/** Four chargers, two of them below each feeder. The first event takes them all, the second those of feeder 1 alone. */
const from = T + 3600
const to = from + 3600
const off = { kind: 'off' } as const
type Rules = NonNullable<Programme['verification']>
type Change = {
  rules?: Rules
  asks?: readonly Ask[]
  secondVerified?: boolean
  secondFromS?: number
  secondToS?: number
  programme?: string
  test?: boolean
  targets?: readonly number[]
}

/** Everybody draws 5 kW, and nothing while an event lasts. */
function readingsOf(untilS: number): Readings {
  const rows: number[][] = []
  for (let i = 0; i < 4; i++) for (let s = from - 1200; s < untilS; s += 60) rows.push([i, s, s < from ? 5000 : 0])
  const column = (of: (r: number[]) => number) => Float64Array.from(rows, of)
  return {
    charger: Uint32Array.from(rows, r => r[0]!),
    fromMs: column(r => r[1]! * 1000),
    toMs: column(r => (r[1]! + 60) * 1000),
    powerW: column(r => r[2]!),
    registerWh: new Float64Array(rows.length).fill(Number.NaN),
    quality: new Uint8Array(rows.length),
  }
}
function both({
  rules = {},
  secondFromS = from,
  secondToS = to,
  test = false,
  targets = [0, 1],
  asks = [off, off],
  secondVerified = true,
}: Change = {}) {
  const b = bed(fleetOfN(4), { verification: rules })
  b.until(from - 1200)
  b.signal({ ...during(from, to, asks[0]!) })
  b.observed([5000, 5000, 5000, 5000])
  const second = {
    ...{ id: 'b', upstreamRef: 'b', source: { adapter: 't', peer: 'aggregator', credential: '' }, test },
    targets: targets.map(charger => ({ kind: 'charger' as const, charger })),
  }
  b.signal({ ...second, ...during(secondFromS, secondToS, asks[1]!), spread: at })
  b.until(from - 60)
  b.answer('accepted')
  b.until(Math.max(to, secondVerified ? secondToS : to) + 120)
  const verify = (event: number) => {
    const input = { kind: 'metered' as const, event, readings: readingsOf(Math.max(to, secondToS)) }
    return { input, fact: one(b.turn(input), 'verified')! }
  }
  return { b, verify }
}
const terms = { scheme: schemeOf('proportional') as never, split: 'delivered' as const, money: { poundsPerMWh: 1000 } }
const settled = (fact: Verified) =>
  settlementOf(
    fact,
    withoutRefused(loadOf(fact)!, fact, fact.periods),
    Int32Array.from(fact.who, (_, row) => row),
    [...'abcd'].slice(0, fact.who.length),
    terms,
  )

describe('two events on the same chargers at the same time', () => {
  test('both verdicts credit the drop, and each names the other, with the chargers in common', () => {
    const { verify } = both()
    const [first, second] = [verify(0).fact, verify(1).fact]
    expect(first.verification).toMatchObject({ deliveredWh: expect.closeTo(20_000, -3) })
    expect(second.verification).toMatchObject({ deliveredWh: expect.closeTo(10_000, -3) })
    const span = { fromS: from, toS: to, chargers: 2, programme: 'flex' }
    expect(first.verification.overlaps).toEqual([{ event: 1, id: 'b', ...span }])
    expect(second.verification.overlaps).toEqual([{ event: 0, id: 'a', ...span }])
    expect([...first.terms!.overlaps![0]!.both]).toEqual([1, 1, 0, 0])
    expect(settled(first).statements.map(s => s.overlapping)).toEqual([1, 1, 0, 0])
    expect(first.verification.unsettleable).toBeUndefined()
  })
  test('for a part of the time: from when to when both acted', () => {
    const { verify } = both({ secondFromS: from + 1800, secondToS: to + 1800 })
    for (const no of [0, 1]) expect(verify(no).fact.verification.overlaps).toMatchObject([{ fromS: from + 1800, toS: to, chargers: 2 }])
  })
  test('the other is over and verified long before: whom it alone limited is known still', () => {
    const asks = [
      { kind: 'cap' as const, totalW: 0 },
      { kind: 'limitEach' as const, limitW: 1_000_000 },
    ]
    const { b, verify } = both({ asks, secondToS: to + 6 * 3600, secondVerified: false })
    expect([...verify(0).fact.terms!.overlaps![0]!.both]).toEqual([1, 1, 0, 0])
    b.until(to + 6 * 3600 + 120)
    expect(b.event(0).told.length === 0 || b.event(0).told.every(t => t === null)).toBe(true)
    expect(verify(1).fact.verification.overlaps).toEqual([{ event: 0, id: 'a', programme: 'flex', fromS: from, toS: to, chargers: 2 }])
  })
  test.each([
    ['one after the other', { secondFromS: to + 900, secondToS: to + 1800 }],
    ['a test of the source acts on nobody', { test: true }],
  ])('%s: nothing is said', (_, change: Change) => {
    const { fact } = both(change).verify(0)
    expect('overlaps' in fact.verification).toBe(false)
    expect('overlaps' in fact.terms!).toBe(false)
  })
  test('whoever has opted out of both is not in common', () => {
    const { b, verify } = both()
    b.s.optOuts.set(1, [{ fromS: from - 60, toS: to + 60, reason: 'driver' }])
    const { fact } = verify(0)
    expect([...fact.terms!.overlaps![0]!.both].slice(0, 2)).toEqual([1, 0])
  })
  test('it is made again from the record, and a state that is kept is the same', () => {
    const { b, verify } = both()
    const { fact, input } = verify(0)
    expect(recomputed(fact, input)!.verification).toEqual(fact.verification)
    expect(stateDigest(fromBytes(toBytes(b.s)))).toBe(stateDigest(b.s))
    expect(fromBytes(toBytes(b.s)).events.get(0)!.verification!.overlaps).toEqual(fact.verification.overlaps)
  })
  test('readings that come late revise the verdict, not whom it overlaps', () => {
    const { b, verify } = both()
    const before = verify(0).fact
    const late = readingsOf(to)
    const revised = one(b.turn({ kind: 'metered', event: 0, readings: { ...late, powerW: late.powerW.map(w => w + 1) } }), 'verified')!
    expect(revised.verification).toMatchObject({ verdictRevision: 2, overlaps: before.verification.overlaps })
  })
})

describe('a programme that takes no chargers which already serve another event', () => {
  const rules = { stacking: 'refused' as const }
  test('settles the first as ever, and nothing of the second that the first had', () => {
    const { verify } = both({ rules, secondFromS: from + 1800, secondToS: to + 1800, targets: [0, 1, 2] })
    const first = verify(0).fact
    expect(first.verification.overlaps![0]).not.toHaveProperty('refused')
    expect(settled(first).deliveredWh).toBeCloseTo(first.verification.deliveredWh, 6)
    const second = verify(1).fact
    expect(second.verification.overlaps).toMatchObject([{ event: 0, refused: true, chargers: 3 }])
    expect(second.verification.unsettleable).toBeUndefined()
    const s = settled(second)
    // an hour of 5 kW each; the first half hour was the other's
    expect(second.verification.deliveredWh).toBeCloseTo(15_000, -3)
    expect(s.deliveredWh).toBeCloseTo(7_500, -3)
    expect(s.periods.map(p => p.deliveredWh)).toEqual([null, expect.closeTo(s.deliveredWh, 6)])
    expect(s.askedWh).toBeCloseTo(15_000, -3)
    expect(s.statements.reduce((wh, x) => wh + x.deliveredWh, 0)).toBeCloseTo(s.deliveredWh, 6)
  })
  test('the other chargers of the second are settled', () => {
    const second = both({ rules }).verify(1).fact
    const cells = loadOf(second)!
    const half = { ...second, terms: { ...second.terms!, overlaps: [{ ...second.terms!.overlaps![0]!, both: Uint8Array.of(1, 0) }] } }
    const left = withoutRefused(cells, half, half.periods)
    expect(totalWh(left.baselineWh)).toBeCloseTo(totalWh(cells.baselineWh) / 2, 0)
    expect([...left.known]).toEqual([...left.known].map((_, k) => (k < left.periods ? 0 : 1)))
    // by the minute as well
    expect([...withoutRefused(cells, half).known]).toEqual([...left.known])
  })
  test('where the first had all of them all the time nothing is settled, and why is said', () => {
    expect(both({ rules }).verify(1).fact.verification).toMatchObject({ unsettleable: 'stacked', overlaps: [{ refused: true }] })
    expect(both().verify(1).fact.verification.unsettleable).toBeUndefined()
  })
})
