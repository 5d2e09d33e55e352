import { describe, expect, test } from 'vitest'
import { createBackground, sky, sunHeight, unsteady } from '../../simulations/model/background.ts'
import { type BoundarySetting, createBoundaryMeter, type Strike } from '../../simulations/model/boundary.ts'

const none = { gap: 0, late: 0, reset: 0, duplicate: 0, whForKwh: 0 }
const exact: BoundarySetting = { stepS: 1_800, accuracy: 0, noise: 0, resolutionWh: 0, clockS: 0, delayS: 300, faults: none }
/** Chargers draw 6 kW and all else 1.2 kW, each minute of `hours`. */
function read(
  setting: Partial<BoundarySetting>,
  { hours = 4, seed = 's', label = 'site/0', strikes = [] as Strike[], otherW = 1_200 } = {},
) {
  const meter = createBoundaryMeter({ ...exact, ...setting }, seed, label, 0, strikes)
  return Array.from({ length: hours * 60 }, (_, k) => meter.see(60 * (k + 1), 100 * (k + 1), (otherW / 60) * (k + 1))).flat()
}

describe('a meter at the boundary of a place', () => {
  test('counts chargers and all else, each half hour by its stamps, and is heard when it is due', () => {
    const intervals = read({})
    expect(intervals).toHaveLength(8)
    intervals.forEach((x, k) => {
      expect([x.fromMs, x.toMs, x.dueMs]).toEqual([k * 1_800_000, (k + 1) * 1_800_000, [(k + 1) * 1_800_000 + 300_000]])
      expect([x.chargersWh, x.otherWh, x.countedWh, x.registerWh]).toEqual(
        [3_000, 600, 3_600, 3_600 * (k + 1)].map(wh => expect.closeTo(wh, 6)),
      )
      expect(x.kwh).toBeCloseTo(3.6, 9)
    })
  })
  test('more generation than load counts backwards', () => {
    expect(read({ resolutionWh: 1 }, { otherW: -9_600 })[2]).toMatchObject({ countedWh: -1_800, registerWh: -5_400, kwh: -1.8 })
  })
  test('errs by a share of its own within its class, always the same, and not by what others do', () => {
    const errors = Array.from(
      { length: 200 },
      (_, k) => read({ accuracy: 0.01 }, { label: `site/${k}`, hours: 1 })[0]!.countedWh / 3_600 - 1,
    )
    expect(Math.max(...errors.map(Math.abs))).toBeLessThanOrEqual(0.01)
    expect(Math.max(...errors)).toBeGreaterThan(0.008)
    expect(Math.min(...errors)).toBeLessThan(-0.008)
    const [a, b] = read({ accuracy: 0.01 }).map(x => x.countedWh)
    expect(a).toBeCloseTo(b!, 6)
  })
  test('its resolution loses nothing: what one interval does not show the next one does', () => {
    const intervals = read({ resolutionWh: 1_000 })
    expect(intervals.map(x => x.countedWh)).toEqual([3_000, 4_000, 3_000, 4_000, 4_000, 3_000, 4_000, 3_000])
    expect(intervals.at(-1)!.registerWh).toBe(28_000)
  })
  test('a clock that is wrong moves what is in an interval, never its stamps', () => {
    const meter = createBoundaryMeter({ ...exact, clockS: 40 }, 's', 'site/7', 0)
    // 60 kW begin at 00:30 sharp
    const intervals = Array.from({ length: 90 }, (_, k) => meter.see(60 * (k + 1), Math.max(0, k + 1 - 30) * 1_000, 0)).flat()
    const missedS = (30_000 - (intervals.find(x => x.fromMs === 1_800_000)?.countedWh ?? 0)) / (60_000 / 3_600)
    const earlyS = (intervals.find(x => x.fromMs === 0)?.countedWh ?? 0) / (60_000 / 3_600)
    expect(Math.abs(missedS) + earlyS).toBeGreaterThan(1)
    expect(Math.abs(missedS)).toBeLessThanOrEqual(40)
    expect(earlyS).toBeLessThanOrEqual(40)
    expect(intervals.every(x => x.fromMs % 1_800_000 === 0)).toBe(true)
  })
  test.each([
    ['gap', { kwh: null, countedWh: 3_600 }],
    ['late', { kwh: 3.6, dueMs: [(2 * 1_800 + 300 + 27 * 3_600) * 1_000] }],
    ['duplicate', { kwh: 3.6, dueMs: [3_900_000, 3_960_000] }],
    ['whForKwh', { kwh: 3_600, countedWh: 3_600 }],
  ] as const)('%s at a set time strikes that interval alone', (what, expected) => {
    const [before, struck, after] = read({ resolutionWh: 1 }, { strikes: [{ what, fromS: 2_000, toS: 2_001 }] })
    expect(struck).toMatchObject({ faults: [what], ...expected })
    for (const twin of [before, after]) expect(twin).toMatchObject({ faults: [], kwh: 3.6 })
  })
  test('a reset loses what was counted of its interval, and the register begins again', () => {
    const [before, struck, after] = read({}, { strikes: [{ what: 'reset', fromS: 1_800, toS: 1_801 }] })
    expect(before!.registerWh).toBeCloseTo(3_600, 6)
    expect(struck!.countedWh).toBeGreaterThan(0)
    expect(struck!.countedWh).toBeLessThan(3_600)
    expect(struck!.registerWh).toBeCloseTo(struck!.countedWh, 6)
    expect(after!.registerWh).toBeCloseTo(struck!.countedWh + 3_600, 6)
  })
  test('rates are of the intervals, and one kind of fault does not move another', () => {
    const of = (faults: Partial<typeof none>) => read({ faults: { ...none, ...faults } }, { hours: 500 })
    const gaps = (intervals: ReturnType<typeof of>) => intervals.flatMap((x, k) => (x.faults.includes('gap') ? [k] : []))
    const alone = gaps(of({ gap: 0.1 }))
    expect(alone.length / 1_000).toBeGreaterThan(0.07)
    expect(alone.length / 1_000).toBeLessThan(0.13)
    expect(gaps(of({ gap: 0.1, late: 0.5, reset: 0.5 }))).toEqual(alone)
  })
})

describe('other load', () => {
  test('of a node is its own and that of all below it', () => {
    // 0 above 1 and 2, 3 under 1
    const at = createBackground(
      [-1, 0, 0, 1],
      [
        { node: 3, wAt: () => 5 },
        { node: 1, wAt: s => s },
        { node: 2, wAt: () => 100 },
      ],
    )
    expect([0, 1, 2, 3].map(n => at(n, 7))).toEqual([112, 12, 100, 5])
    expect([0, 1, 2, 3].map(n => at(n, 8))).toEqual([113, 13, 100, 5])
  })
  test('an unsteady one has a factor for each half hour, the same again', () => {
    const [a, b] = [unsteady('s', 'site/0', 0.2), unsteady('s', 'site/0', 0.2)]
    const factors = Array.from({ length: 2_000 }, (_, k) => a(1_800 * k))
    expect(factors).toEqual(Array.from({ length: 2_000 }, (_, k) => b(1_800 * k + 600)))
    const mean = factors.reduce((x, y) => x + y, 0) / factors.length
    expect(mean).toBeCloseTo(1, 1)
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0)
  })
  test.each([
    ['a June noon in Dundee', 56.5, Date.UTC(2026, 5, 21, 12), 0.83],
    ['a December noon there', 56.5, Date.UTC(2026, 11, 21, 12), 0.17],
    ['its midnight', 56.5, Date.UTC(2026, 11, 21, 0), 0],
    ['an equinox at the equator', 0, Date.UTC(2026, 2, 21, 12), 1],
  ])('the sun of %s', (_, latitude, ms, height) => {
    expect(sunHeight(latitude, ms / 1000)).toBeCloseTo(height, 1)
  })
  test('a day has one sky', () => {
    expect(sky('s', 86_400)).toBe(sky('s', 86_400 + 80_000))
    expect(sky('s', 86_400)).not.toBe(sky('s', 2 * 86_400))
  })
})
