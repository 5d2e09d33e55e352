import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Readings } from '../../../src/core/model.ts'
import { packed, unpacked } from '../../../src/core/verify/packed.ts'
import { type History, MISSING } from '../../../src/core/verify/record.ts'

const columns = (
  rows: readonly (readonly [charger: number, fromMs: number, toMs: number, powerW: number, registerWh: number, quality: number])[],
): Readings => ({
  charger: Uint32Array.from(rows, r => r[0]),
  fromMs: Float64Array.from(rows, r => r[1]),
  toMs: Float64Array.from(rows, r => r[2]),
  powerW: Float64Array.from(rows, r => r[3]),
  registerWh: Float64Array.from(rows, r => r[4]),
  quality: Uint8Array.from(rows, r => r[5]),
})
/** Every bit, also the sign of 0. */
const bits = (r: Readings) =>
  [r.charger, r.fromMs, r.toMs, r.powerW, r.registerWh, r.quality].map(c =>
    Buffer.from(c.buffer, c.byteOffset, c.byteLength).toString('hex'),
  )
const T = 1_700_000_000_000

describe('readings and days, packed and unpacked', () => {
  const value = fc.oneof(
    fc.integer({ min: -50_000, max: 50_000 }),
    fc.integer({ min: 0, max: 2 ** 45 }).map(x => x / 1000),
    fc.double(),
    fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE, 2 ** 53),
  )
  const reading = fc.tuple(
    fc.nat(3),
    fc.oneof(fc.nat(1e6), fc.double({ noNaN: true })),
    fc.oneof(fc.nat(1e6), fc.double()),
    value,
    value,
    fc.nat(255),
  )
  const day = fc.tuple(
    fc.nat(3),
    fc.integer({ min: -40_000, max: 40_000 }),
    fc.array(fc.oneof(fc.constant(MISSING), fc.integer()), { minLength: 48, maxLength: 48 }),
  )

  test('are the same, bit for bit, whatever they say', () => {
    fc.assert(
      fc.property(fc.array(reading), fc.array(day), (rows, days) => {
        const readings = columns(rows.toSorted((a, b) => a[0] - b[0]))
        const past = days.toSorted((a, b) => a[0] - b[0])
        const history: History = {
          who: Uint32Array.from(past, d => d[0]),
          day: Int32Array.from(past, d => d[1]),
          slots: 48,
          milliWh: Int32Array.from(past.flatMap(d => d[2])),
        }
        const again = unpacked([packed(readings, history)])
        expect(bits(again.readings)).toEqual(bits(readings))
        expect(again.history).toEqual(days.length === 0 ? undefined : history)
      }),
      { numRuns: 100 },
    )
  })
  test('in pieces are what they are in one', () => {
    const [a, b] = [columns([[1, T, T + 60_000, 7_360, Number.NaN, 0]]), columns([[7, T, T + 60_000, 1.5, 12.345, 3]])]
    const both = columns([
      [1, T, T + 60_000, 7_360, Number.NaN, 0],
      [7, T, T + 60_000, 1.5, 12.345, 3],
    ])
    expect(unpacked([packed(a), packed(b)])).toEqual({ readings: both })
    expect(unpacked([Buffer.concat([packed(a), packed(b)])])).toEqual({ readings: both })
    expect(unpacked([]).readings.charger).toHaveLength(0)
  })
  test('of an ordinary hour take less than an eighth of their columns', () => {
    const hour = columns(
      Array.from({ length: 60 }, (_, k) => [5, T + k * 60_000, T + (k + 1) * 60_000, 7_000 + ((k * 7_919) % 400) / 10, Number.NaN, 0]),
    )
    expect(packed(hour).length).toBeLessThan((37 * 60) / 8)
  })
  test('that somebody cut short, or lengthened without measure, are refused', () => {
    const whole = packed(columns([[1, T, T + 60_000, 7_360, Number.NaN, 0]]))
    expect(() => unpacked([whole.subarray(0, whole.length - 2)])).toThrow(RangeError)
    expect(() => unpacked([Uint8Array.of(1, 255, 255, 255, 255, 127, 0, 0)])).toThrow(RangeError)
  })
})
