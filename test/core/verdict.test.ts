import { describe, expect, test } from 'vitest'
import { testProgramme } from '../../simulations/virtual/fleet.ts'
import { encode } from '../../src/core/codec.ts'
import type { Input, Programme, Readings } from '../../src/core/model.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import type { EventState } from '../../src/core/state.ts'
import { dayText, parseDay } from '../../src/core/verify/calendar.ts'
import { floored, totalWh } from '../../src/core/verify/floors.ts'
import { dayReasons } from '../../src/core/verify/historic.ts'
import { pinnedFor } from '../../src/core/verify/pinned.ts'
import type { History, Metered, Verified } from '../../src/core/verify/record.ts'
import { recomputed } from '../../src/core/verify/revision.ts'
import { loadOf } from '../../src/core/verify/settlement.ts'
import { at, bed, during, fleetOfN, one } from './bed.ts'

/** A verdict by a ruleset with history, within what the meters can tell. Days and figures of VERIFICATION.md 1.8 (a), in Wh. */
const from = Date.UTC(2024, 1, 15, 17) / 1000
const to = from + 3_600
const off = { kind: 'off' } as const
const flat: Record<string, number> = {
  '2024-02-14': 1_000,
  '2024-02-13': 1_200,
  '2024-02-12': 800,
  '2024-02-09': 1_400,
  '2024-02-08': 1_100,
  '2024-02-07': 900,
  '2024-02-06': 2_000,
  '2024-02-05': 400,
  '2024-02-02': 1_000,
  '2024-02-01': 1_200,
  '2024-01-31': 3_000,
}
/** The event day: 13:00-16:00 at 1.3 kWh a half hour, unless said otherwise. */
const eventDay = (windowWh = 1_300): number[] => Array.from({ length: 48 }, (_, slot) => (slot >= 26 && slot < 32 ? windowWh : 500))
function historyOf(chargers: number, days: Record<string, number | readonly number[]>): History {
  const rows = Object.entries(days)
    .map(([text, wh]) => ({ day: parseDay(text)!, wh: typeof wh === 'number' ? new Array<number>(48).fill(wh) : wh }))
    .sort((a, b) => a.day - b.day)
  const all = Array.from({ length: chargers }, (_, who) => rows.map(row => ({ who, ...row }))).flat()
  return {
    who: Uint32Array.from(all, x => x.who),
    day: Int32Array.from(all, x => x.day),
    slots: 48,
    milliWh: Int32Array.from(all.flatMap(x => x.wh.map(wh => (Number.isNaN(wh) ? -0x80000000 : wh * 1_000)))),
  }
}
/** One reading a minute from five minutes before to the end, 600 W each: 0.3 kWh a half hour. */
function readingsOf(chargers: number, powerW: (charger: number) => number | undefined = () => 600): Readings {
  const rows: number[][] = []
  for (let i = 0; i < chargers; i++)
    for (let s = from - 300; s < to; s += 60) if (powerW(i) !== undefined) rows.push([i, s, s < from ? 7_000 : powerW(i)!])
  return {
    charger: Uint32Array.from(rows, r => r[0]!),
    fromMs: Float64Array.from(rows, r => r[1]! * 1000),
    toMs: Float64Array.from(rows, r => (r[1]! + 60) * 1000),
    powerW: Float64Array.from(rows, r => r[2]!),
    registerWh: new Float64Array(rows.length).fill(Number.NaN),
    quality: new Uint8Array(rows.length),
  }
}
type Rules = NonNullable<Programme['verification']>
function verified(rules: Rules, metered: Partial<Metered>, change: { ask?: Parameters<typeof during>[2]; n?: number; later?: Rules } = {}) {
  const n = change.n ?? 2
  const b = bed(fleetOfN(n), { verification: rules })
  b.until(from - 7_200)
  b.signal({ ...during(from, to, change.ask ?? off), spread: at })
  b.observed(fleetOfN(n).map(() => 7_000))
  if (change.later) b.turn({ kind: 'programme', programme: { ...b.s.programmes.get('flex')!, version: 2, verification: change.later } })
  b.until(from - 60)
  b.answer('accepted')
  b.until(to + 120)
  const input: Input = {
    kind: 'metered',
    event: 0,
    readings: readingsOf(n),
    history: historyOf(n, { ...flat, '2024-02-15': eventDay() }),
    ...metered,
  }
  const fact = one(b.turn(input), 'verified')!
  return { b, fact, input, v: fact.verification }
}
const daysOf = ({ days }: Verified, row: number): Record<string, string> => {
  const pattern = days!.patternOf[row]!
  const codes = days!.patterns.subarray(pattern * days!.day.length, (pattern + 1) * days!.day.length)
  return Object.fromEntries(
    Array.from(days!.day, (day, k) => [dayText(day), codes[k] === 1 ? 'selected' : (dayReasons[codes[k]! - 2] ?? '')]),
  )
}

describe('a verdict by a ruleset with history', () => {
  test.each([
    ['elexon-bl01', 1_300, 1_000],
    ['elexon-bl01-unadjusted', 1_100, 800],
    ['mid-8-in-10', 1_075, 775],
    ['high-5-of-10', 1_380, 1_080],
  ] as const)('%s: baseline %i Wh, delivered %i Wh in each settlement period of each charger', (ruleset, baseline, delivered) => {
    const { v, fact } = verified({ ruleset }, {})
    expect(v.baselineRule).toBe(`${ruleset}@1`)
    expect(v.window).toMatchObject({ fromS: from, toS: to })
    expect([...fact.periods!.baselineWh]).toEqual([expect.closeTo(2 * baseline), expect.closeTo(2 * baseline)])
    expect([...fact.periods!.deliveredWh]).toEqual([expect.closeTo(2 * delivered), expect.closeTo(2 * delivered)])
    expect(v.deliveredWh).toBeCloseTo(4 * delivered)
  })
  test('names the days that it took and those that it did not, and why', () => {
    const { fact, v } = verified(
      { ruleset: 'elexon-bl01' },
      { history: historyOf(2, { ...flat, '2024-02-13': eventDay(Number.NaN), '2024-02-15': eventDay() }) },
    )
    expect(daysOf(fact, 1)).toMatchObject({ '2024-02-14': 'selected', '2024-02-13': 'incomplete', '2024-01-31': 'selected' })
    expect(v.baseline).toEqual({ insufficient: 0, adjusted: 2, capped: 0 })
    expect(fact.days!.patterns).toHaveLength(fact.days!.day.length)
  })
  test('a day on which the charger was in another event does not count', () => {
    const b = bed(fleetOfN(1), { verification: { ruleset: 'elexon-bl01' } })
    const hour = (day: string): number => parseDay(day)! * 86_400 + 12 * 3_600
    for (const [no, day] of ['2024-02-12', '2024-02-15'].entries()) {
      const s = hour(day)
      b.until(s - 7_200)
      b.signal({ id: day, upstreamRef: day, ...during(s, s + 3_600, off), spread: at })
      b.observed([7_000], no)
      b.until(s - 60)
      b.answer('accepted')
      b.until(s + 3_720)
      const fact = one(b.turn({ kind: 'metered', event: no, readings: readingsOf(0), history: historyOf(1, flat) }), 'verified')!
      if (no === 1) expect(daysOf(fact, 0)).toMatchObject({ '2024-02-12': 'eventDay', '2024-02-13': 'selected' })
    }
  })
  test('too few days: what was measured stands for the baseline, nothing is delivered, and nobody is to be paid by it', () => {
    const { v } = verified({ ruleset: 'elexon-bl01' }, { history: historyOf(2, { '2024-02-14': 1_000, '2024-02-15': eventDay() }) })
    expect(v).toMatchObject({ deliveredWh: 0, unsettleable: 'baseline', baseline: { insufficient: 2 } })
    expect(v.baselineWh).toBe(v.actualWh)
  })
  test('of whom there is no baseline nothing is said: what it drew is no delivery, and what was settled is what the verdict says', () => {
    const h = historyOf(2, { ...flat, '2024-02-15': eventDay() })
    const own = h.who.map((charger, k) => (charger === 1 && dayText(h.day[k]!) < '2024-02-14' ? 0 : 1))
    const kept = Array.from(h.who.keys()).filter(k => own[k] === 1)
    const history = {
      who: Uint32Array.from(kept, k => h.who[k]!),
      day: Int32Array.from(kept, k => h.day[k]!),
      slots: 48,
      milliWh: Int32Array.from(kept.flatMap(k => [...h.milliWh.subarray(k * 48, k * 48 + 48)])),
    }
    const { v, fact } = verified({ ruleset: 'mid-8-in-10' }, { history })
    expect(v).toMatchObject({ deliveredWh: expect.closeTo(2 * 775), actualWh: expect.closeTo(4 * 300), baseline: { insufficient: 1 } })
    const load = loadOf(fact)!
    expect(totalWh(floored(load, new Uint8Array(2), 1).none)).toBeCloseTo(v.deliveredWh)
  })
  test('a published profile stands for the fleet where the buyer says so', () => {
    const { v } = verified({ ruleset: 'fixed-reference', profileWh: new Array(48).fill(415) }, {})
    expect(v.baselineWh).toBeCloseTo(4 * 415)
  })
  test('is made again by an outsider, to the last digit', () => {
    const { fact, input } = verified({ ruleset: 'elexon-bl01' }, { salt: new Uint8Array(16).fill(3) })
    expect(recomputed(fact, input as Metered)).toEqual(fact)
    const other = input as Metered
    other.history!.milliWh[5]!++
    expect(recomputed(fact, other)!.verification.readings!.root).not.toBe(fact.verification.readings!.root)
  })
})

test('where the clocks go back within the event, each of its settlement periods has the baseline of its clock time', () => {
  // 01:30 BST to 01:30 GMT: half an hour of summer time, then the same clock half hour before it again
  const [fromS, toS] = [Date.UTC(2024, 9, 27, 0, 30) / 1000, Date.UTC(2024, 9, 27, 1, 30) / 1000]
  const b = bed(fleetOfN(1), { verification: { ruleset: 'elexon-bl01-unadjusted' } })
  b.until(fromS - 7_200)
  b.signal({ ...during(fromS, toS, off), spread: at })
  b.observed([7_000])
  b.until(toS + 120)
  const weekend = ['2024-10-26', '2024-10-20', '2024-10-19', '2024-10-13']
  const day = Array.from({ length: 48 }, (_, slot) => (slot === 2 ? 200 : slot === 3 ? 300 : 500))
  const history = historyOf(1, Object.fromEntries(weekend.map(text => [text, day])))
  const fact = one(b.turn({ kind: 'metered', event: 0, readings: readingsOf(0), history }), 'verified')!
  expect([...fact.energy!.baselineWh]).toEqual([300, 200])
})

describe('the rules of an event are those of the day on which it was accepted', () => {
  test('a programme that changes its ruleset, its price or its meters changes later events only', () => {
    const { v, fact } = verified(
      { ruleset: 'elexon-bl01', gbpPerMWh: 300 },
      {},
      { later: { ruleset: 'zero', gbpPerMWh: 1, meterErrorAtMost: 0 } },
    )
    expect(v.baselineRule).toBe('elexon-bl01@1')
    expect(v.gbp).toBeCloseTo((v.deliveredWh * 300) / 1e6)
    expect(v.unsettleable).toBe(undefined)
    expect(fact.terms!.ruleset).toEqual({ id: 'elexon-bl01', version: 1 })
  })
  test.each([
    ['2023-10-26', 1],
    ['2023-10-27', 2],
  ])('an event of %s runs under version %i of the ruleset that was in force', (day, version) => {
    const s = parseDay(day)! * 86_400 + 17 * 3_600
    const e = { event: during(s, s + 3_600, off) } as EventState
    expect(pinnedFor(e, testProgramme({ verification: { ruleset: 'dfs-domestic' } }))).toEqual({ id: 'dfs-domestic', version })
    expect(pinnedFor(e, testProgramme({ verification: { ruleset: 'dfs-domestic', version: 1 } }))!.version).toBe(1)
  })
})

describe("within the meters' own error", () => {
  const errors = (bp: number): Partial<Metered> => ({ meters: { who: Uint32Array.of(0, 1), errorBp: Uint16Array.of(bp, bp) } })
  test.each([
    ['all that was asked, beyond doubt', 3_900, 100, 'pass'],
    ['as much as was asked, as far as meters can tell', 4_000, 100, 'withinMeasurementError'],
    ['less, and no meter error explains it', 4_300, 100, 'fail'],
    ['less, but meters of unknown class might have missed it', 4_200, 1_000, 'withinMeasurementError'],
  ] as const)('%s', (_, totalWh, bp, result) => {
    const { v } = verified({ ruleset: 'elexon-bl01' }, errors(bp), { ask: { kind: 'shed', totalW: totalWh } })
    expect(v.measured).toMatchObject({ result })
    expect(v.measured!.highWh - v.deliveredWh).toBeCloseTo((bp / 10_000) * Math.SQRT2 * (v.deliveredWh / 2))
  })
  test('a scheme that wants better meters than there are gets a result that is not to be settled on', () => {
    expect(verified({ meterErrorAtMost: 0.02 }, errors(100)).v.unsettleable).toBe(undefined)
    expect(verified({ meterErrorAtMost: 0.02 }, errors(1_000)).v.unsettleable).toBe('meterClass')
    expect(verified({ meterErrorAtMost: 0.02 }, {}).v.unsettleable).toBe('meterClass')
  })
})

test('what late readings need is kept in the state until they can change nothing any more, and a snapshot has it', () => {
  const { b } = verified({ ruleset: 'elexon-bl01', correctionS: 86_400 }, {})
  expect(b.event().kept!.who).toHaveLength(2)
  expect(stateDigest(fromBytes(toBytes(b.s)))).toBe(stateDigest(b.s))
  b.until(to + 3 * 86_400)
  expect(b.event().kept).toBe(null)
})

test('a verdict fits one entry of the log, however long the event and however much is wrong with its readings', () => {
  const n = 60
  const b = bed(fleetOfN(n), {
    verification: { ruleset: 'fixed-reference', periodS: 60, profileWh: new Array(1440).fill(1234.5678), gbpPerMWh: 321.1 },
  })
  const step = 24
  const intervals = Array.from({ length: 400 }, (_, k) => ({
    fromS: from + k * step,
    toS: from + (k + 1) * step,
    ask: { kind: 'limitEach' as const, limitW: 1_440 + k },
  }))
  b.until(from - 7_200)
  b.signal({ intervals, spread: at })
  b.observed(fleetOfN(n).map(() => 7_000))
  b.until(from + 400 * step + 300)
  const far = readingsOf(n, () => 700_000)
  const fact = one(b.turn({ kind: 'metered', event: 0, readings: far }), 'verified')!
  expect(fact.verification.findings).toHaveLength(25)
  expect(fact.verification.findingCounts!.implausible).toBeGreaterThanOrEqual(n)
  const former = Array.from({ length: 25 }, (_, k) => ({
    ...fact.verification,
    verdictRevision: k,
    root: fact.verification.readings!.root,
  }))
  const named = Array.from({ length: 25 }, (_, charger) => ({ charger, what: 'corrected' as const, deliveredWh: -1234.567890123 }))
  const changed = { deliveredWh: 1.23456789, actualWh: 1.23456789, baselineWh: 0, gbp: 0.123456, chargers: n, named }
  const verification = {
    ...fact.verification,
    changed,
    former: former.map(({ verdictRevision, verdict, askedWh, deliveredWh, ratio, root }) => ({
      verdictRevision,
      verdict,
      askedWh,
      deliveredWh,
      ratio,
      root,
    })),
  }
  expect(encode({ turn: 1, at: 1, fact: { ...fact, verification } }, () => new Uint8Array(16)).leaf.length).toBeLessThan(50_000)
})

test('what a single home drew stands outside the entry of the log: it can be erased', () => {
  const n = 1
  const { fact } = verified({ ruleset: 'elexon-bl01' }, { readings: readingsOf(n, () => 700_000) }, { n })
  const leaf = Buffer.from(encode({ turn: 1, at: 1, fact }, () => new Uint8Array(16)).leaf).toString()
  const { energy, verification } = JSON.parse(leaf).fact
  expect(Object.values(energy).every(column => typeof (column as { $blob?: string }).$blob === 'string')).toBe(true)
  expect(verification.findings.map((x: { value: number | null }) => x.value)).toEqual([null, null])
})
