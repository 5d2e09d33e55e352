import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quality, type Readings } from '../../../src/core/model.ts'
import { energyOf, energyOfEach, type MeterBounds } from '../../../src/core/verify/energy.ts'
import { flaw } from '../../../src/core/verify/series.ts'

type Row = [fromS: number, toS: number, powerW: number, registerWh?: number, quality?: number, charger?: number]
const readings = (...rows: Row[]): Readings => ({
  charger: Uint32Array.from(rows, r => r[5] ?? 1),
  fromMs: Float64Array.from(rows, r => r[0] * 1000),
  toMs: Float64Array.from(rows, r => r[1] * 1000),
  powerW: Float64Array.from(rows, r => r[2]),
  registerWh: Float64Array.from(rows, r => r[3] ?? Number.NaN),
  quality: Uint8Array.from(rows, r => r[4] ?? 0),
})
const none = Number.NaN
const bounds: MeterBounds = { maxW: 7_400 }
const of = (rows: Row[], [fromS, toS, stepS]: [number, number, number]) => energyOf(readings(...rows), { fromS, toS, stepS }, bounds)
const tenths = (x: number) => Math.round(x * 10) / 10

/** Charges at 7.2 kW: 120 Wh a minute, register from 1,000,000 Wh. */
const minute = (m: number, over: Partial<{ w: number; wh: number; q: number }> = {}): Row => [
  m * 60,
  (m + 1) * 60,
  over.w ?? 7_200,
  over.wh ?? 1_000_000 + (m + 1) * 120,
  over.q ?? 0,
]
const hour = (change: (m: number, row: Row) => Row | null = (_, row) => row): Row[] =>
  Array.from({ length: 62 }, (_, k) => k - 1)
    .map(m => change(m, minute(m)))
    .filter(r => r !== null)

describe('energy of a meter', () => {
  it('an hour without anything wrong', () => {
    const e = of(hour(), [0, 3600, 1800])
    expect([...e.series.wh]).toEqual([3_600, 3_600])
    expect([...e.series.flaws]).toEqual([0, 0])
    expect(e.findings).toEqual([])
  })
  it.each<[string, Row[], number[], number[]]>([
    [
      'powers alone',
      [
        [0, 30, 7_000],
        [30, 60, 1_000],
      ],
      [66.667],
      [flaw.none],
    ],
    [
      'a register alone: its difference, evenly',
      [
        [-60, 0, none, 500],
        [0, 60, none, 580],
      ],
      [80],
      [flaw.fromRegister],
    ],
    [
      'the register wins over the power',
      [
        [-60, 0, none, 500],
        [0, 60, 6_000, 590],
      ],
      [90],
      [flaw.none],
    ],
    ['export is kept', [[0, 60, -3_000]], [-50], [flaw.none]],
    [
      'export is not in an import register',
      [
        [-60, 0, 0, 500],
        [0, 30, -3_000, 500],
        [30, 60, 6_000, 550],
      ],
      [25],
      [flaw.none],
    ],
    [
      'of two over the same time the finer counts',
      [
        [0, 30, 6_000],
        [30, 60, 6_000],
        [0, 60, 1_000],
      ],
      [100],
      [flaw.none],
    ],
    ['half a minute is missing', [[0, 30, 6_000]], [50], [flaw.partial]],
    ['a whole minute is missing', [[60, 90, 6_000]], [none], [flaw.gap]],
    ['an instant is no energy', [[10, 10, 6_000]], [none], [flaw.gap]],
    ['a phase is missing', [[0, 60, 6_000, none, quality.partialPhases]], [100], [flaw.partialPhases]],
    [
      'stamps in whole seconds are no hole',
      [
        [0, 30, 6_000],
        [31, 60, 6_000],
      ],
      [100],
      [flaw.none],
    ],
  ])('%s', (_, rows, wh, flaws) => {
    const e = of(rows, [0, 60, 60])
    expect([...e.series.wh].map(x => Math.round(x * 1000) / 1000)).toEqual(wh)
    expect([...e.series.flaws]).toEqual(flaws)
  })

  it('a hole between two values of the register: the energy is known of the whole, and of no part of it', () => {
    const rows = hour((m, row) => (m >= 10 && m < 20 ? null : row))
    expect([...of(rows, [0, 3600, 3600]).series.wh]).toEqual([7_200])
    const fine = of(rows, [0, 3600, 300])
    expect([...fine.series.wh].map(x => Math.round(x))).toEqual([600, 600, none, none, 600, 600, 600, 600, 600, 600, 600, 600])
    expect(fine.series.flaws[2]).toBe(flaw.gap)
    expect(fine.findings).toEqual([
      { charger: 1, kind: 'gap', fromMs: 600_000, toMs: 1_200_000, value: expect.closeTo(1_200, 6), unit: 'Wh', count: 1 },
    ])
    expect(of(rows, [0, 3600, 900]).series.flaws[0]).toBe(flaw.partial)
  })
  it('no reading at all is a gap, not zero', () => {
    const e = energyOf(readings(), { fromS: 0, toS: 3600, stepS: 1800 }, bounds)
    expect([...e.series.wh]).toEqual([none, none])
    expect(e.findings.map(f => [f.kind, f.fromMs, f.toMs, f.value])).toEqual([['gap', 0, 3_600_000, null]])
  })
})

describe('what is wrong with readings is named and changes no more than it must', () => {
  const named = (rows: Row[]) => {
    const e = of(rows, [0, 3600, 1800])
    return { wh: [...e.series.wh].map(Math.round), flaws: [...e.series.flaws], findings: e.findings }
  }
  it('a reset of the register: powers count for the interval that it falls in', () => {
    const r = named(hour((m, row) => (m >= 20 ? minute(m, { wh: (m - 20) * 120 + 5 }) : row)))
    expect(r.wh).toEqual([3_600, 3_600])
    expect(r.flaws).toEqual([flaw.reset, flaw.none])
    expect(r.findings).toMatchObject([{ kind: 'reset', fromMs: 20 * 60_000, toMs: 21 * 60_000, value: 5 - 1_002_400 }])
  })
  it('a register that falls to 0 for one sample and comes back loses nothing', () => {
    const r = named(hour((m, row) => (m === 20 ? minute(m, { wh: 0 }) : row)))
    expect(r).toMatchObject({ wh: [3_600, 3_600], flaws: [flaw.reset, flaw.none], findings: [{ kind: 'reset' }] })
  })
  it('a gap over the event', () => {
    const r = named(hour((m, row) => (m >= 25 && m < 61 ? null : row)))
    expect(r.wh).toEqual([3_000, none])
    expect(r.flaws).toEqual([flaw.partial, flaw.gap])
    expect(r.findings).toMatchObject([{ kind: 'gap', fromMs: 25 * 60_000, toMs: 3_600_000 }])
  })
  it('a duplicate counts once, the later one', () => {
    const r = named([...hour(), minute(3, { w: 3_000 })].map(([a, z, w, _, q]): Row => [a, z, w, none, q ?? 0]))
    expect(r.wh).toEqual([3_530, 3_600])
    expect(r.findings).toMatchObject([{ kind: 'outOfOrder' }, { kind: 'duplicate', fromMs: 180_000, value: 7_200, unit: 'W' }])
    expect(r.flaws[0]! & flaw.duplicate).toBe(flaw.duplicate)
  })
  it('one that is late by a day counts, and is named', () => {
    const r = named(hour((m, row) => (m === 40 ? minute(m, { q: quality.late }) : row)))
    expect(r).toMatchObject({
      wh: [3_600, 3_600],
      flaws: [flaw.none, flaw.late],
      findings: [{ kind: 'late', fromMs: 2_400_000, value: 7_200 }],
    })
  })
  it('one that comes after a later one counts where it belongs', () => {
    const rows = hour()
    const moved = rows.splice(10, 1)[0]!
    const r = named([...rows, moved])
    expect(r).toMatchObject({
      wh: [3_600, 3_600],
      flaws: [flaw.outOfOrder, 0],
      findings: [{ kind: 'outOfOrder', fromMs: moved[0] * 1000 }],
    })
  })
  it('one register in kWh sent as Wh is left out, its neighbours stand', () => {
    const r = named(hour((m, row) => (m === 40 ? minute(m, { wh: row[3]! / 1000 }) : row)))
    expect(r).toMatchObject({ wh: [3_600, 3_600], findings: [{ kind: 'implausible', value: 1_004.92, unit: 'Wh' }] })
    expect(r.flaws).toEqual([flaw.none, flaw.implausible])
  })
  it('half of the registers in kWh sent as Wh, the first ones: powers count for them', () => {
    const r = named(hour((m, row) => (m < 20 ? minute(m, { wh: row[3]! / 1000 }) : row)))
    expect(r.wh).toEqual([3_600, 3_600])
    expect(r.findings).toMatchObject(
      [{ kind: 'implausible', value: 1_000, count: 21 }, { kind: 'implausible' }].slice(0, r.findings.length),
    )
    expect(r.flaws[0]).toBe(flaw.implausible)
  })
  it('all registers in kWh sent as Wh: powers count, and it is said', () => {
    const r = named(hour((_, [a, z, w, wh]) => [a, z, w, wh! / 1000]))
    expect(r).toMatchObject({ wh: [3_600, 3_600], flaws: [flaw.implausible, flaw.implausible] })
  })
  it('Wh sent as kWh: a power a thousand times too large says nothing', () => {
    const r = named(hour((m, [a, z, w]) => [a, z, m === 40 ? w * 1000 : w]))
    expect(r.wh).toEqual([3_600, 3_480])
    expect(r.flaws).toEqual([flaw.none, flaw.implausible | flaw.partial])
    expect(r.findings).toMatchObject([
      { kind: 'implausible', value: 7_200_000, unit: 'W' },
      { kind: 'gap', fromMs: 2_400_000 },
    ])
  })
  it('a register that jumps beyond what the charger can draw adds nothing', () => {
    const r = named(hour((m, row) => (m >= 40 ? minute(m, { wh: row[3]! + 5_000 }) : row)))
    expect(r).toMatchObject({ wh: [3_600, 3_600], flaws: [0, flaw.implausible], findings: [{ kind: 'implausible', value: 5_120 }] })
  })
  it('register and powers that contradict each other: the register counts, and it is said', () => {
    const r = named(hour((m, row) => minute(m, { w: m < 30 ? 6_000 : row[2] })))
    expect(r).toMatchObject({ wh: [3_600, 3_600], flaws: [flaw.contradicting, 0] })
    expect(r.findings).toMatchObject([{ kind: 'contradicting', fromMs: 0, toMs: 1_800_000, value: expect.closeTo(1.2, 6), unit: 'ratio' }])
  })
  it('a box with a wrong clock', () => {
    const r = named(hour((_, [a, z, w]) => [a, z, w, none, quality.clockSkewed]))
    expect(r.findings).toMatchObject([{ kind: 'clockSkewed', count: 62 }])
  })
})

describe('energy, always', () => {
  const row = (charger: number) =>
    fc
      .tuple(
        fc.integer({ min: -20, max: 140 }),
        fc.integer({ min: 0, max: 9 }),
        fc.oneof(fc.double({ min: -7_000, max: 7_400, noNaN: true }), fc.constant(none), fc.constant(7_400_000)),
        fc.oneof({ weight: 3, arbitrary: fc.constant(none) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 4_000 }) }),
        fc.constantFrom(0, quality.late, quality.reset, quality.estimated),
      )
      .map(([at, span, w, wh, q]): Row => [at * 30, (at + span) * 30, w, wh, q, charger])
  const mixed = fc.array(fc.constantFrom(1, 2, 3).chain(row), { maxLength: 80 })
  const runs = { numRuns: 150 }

  it("no flaw of one charger changes another's result", () => {
    fc.assert(
      fc.property(mixed, rows => {
        const steps = { fromS: 0, toS: 3600, stepS: 300 }
        const all = energyOfEach(readings(...rows), steps, () => bounds)
        for (const charger of [1, 2, 3]) {
          const own = rows.filter(r => r[5] === charger)
          if (own.length > 0) expect(all.get(charger)).toEqual(energyOf(readings(...own), steps, bounds))
        }
      }),
      runs,
    )
  })
  it('a step has the sum of its finer steps where all of them are complete', () => {
    fc.assert(
      fc.property(fc.array(row(1), { maxLength: 60 }), rows => {
        const coarse = of(rows, [0, 3600, 900]).series
        const fine = of(rows, [0, 3600, 60]).series
        coarse.wh.forEach((wh, k) => {
          const own = [...fine.wh.subarray(k * 15, k * 15 + 15)]
          const isComplete = fine.flaws.subarray(k * 15, k * 15 + 15).every(f => (f & (flaw.gap | flaw.partial)) === 0)
          if (isComplete)
            expect(wh).toBeCloseTo(
              own.reduce((a, b) => a + b, 0),
              6,
            )
        })
      }),
      runs,
    )
  })
  it('a step without a number says why, and one with a number is within what the meter can see', () => {
    fc.assert(
      fc.property(fc.array(row(1), { maxLength: 60 }), rows => {
        const { wh, flaws } = of(rows, [0, 3600, 300]).series
        wh.forEach((x, k) => {
          if (Number.isNaN(x)) expect(flaws[k]! & flaw.gap).toBe(flaw.gap)
          else expect(Math.abs(x)).toBeLessThan((2 * 7_400 * 1.25 * 300) / 3600 + 4_000)
        })
      }),
      runs,
    )
  })
  it('the order in which readings come does not change the energy', () => {
    fc.assert(
      fc.property(fc.uniqueArray(row(1), { maxLength: 40, selector: r => `${r[0]} ${r[1]}` }), rows => {
        const [as, back] = [of(rows, [0, 3600, 300]), of([...rows].reverse(), [0, 3600, 300])]
        expect([...back.series.wh].map(tenths)).toEqual([...as.series.wh].map(tenths))
      }),
      runs,
    )
  })
})
