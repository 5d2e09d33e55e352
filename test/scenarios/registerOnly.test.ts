import { describe, expect, test } from 'vitest'
import type { Readings } from '../../src/core/model.ts'
import { gridEvent, stage, start } from './stage.ts'

/** A meter that gives its register each quarter of an hour, and no power: seven homes draw 7 kW and are asked to stop for an hour. */
const QUARTER_S = 900
const homes = 7

/** `isPoint`: the value of an instant; else of the quarter that ends there. `offsetS`: where in the hour its quarters begin. */
type Meter = { readonly isPoint: boolean; readonly offsetS: number }
function registers({ isPoint, offsetS }: Meter, fromS: number, toS: number, powerW: (s: number) => number): Readings {
  const at: number[] = []
  for (let s = Math.floor(fromS / 3_600) * 3_600 + offsetS; s <= toS; s += QUARTER_S) if (s >= fromS) at.push(s)
  const register = new Map<number, number>()
  let wh = 1_000_000
  for (const s of at) {
    for (let minute = s - QUARTER_S; minute < s; minute += 60) wh += powerW(minute) / 60
    register.set(s, wh)
  }
  const rows = Array.from({ length: homes }, (_, charger) => at.map(s => ({ charger, s }))).flat()
  return {
    charger: Uint32Array.from(rows, r => r.charger),
    fromMs: Float64Array.from(rows, r => (isPoint ? r.s : r.s - QUARTER_S) * 1000),
    toMs: Float64Array.from(rows, r => r.s * 1000),
    powerW: new Float64Array(rows.length).fill(Number.NaN),
    registerWh: Float64Array.from(rows, r => register.get(r.s)!),
    quality: new Uint8Array(rows.length),
  }
}

async function verified(meter: Meter, from: number, to: number, ruleset?: string) {
  const s = await stage({
    specs: Array.from({ length: homes }, () => ({ maxA: 32 })),
    programme: { startSpreadS: 0, endSpreadS: 0, ...(ruleset ? { verification: { ruleset } } : {}) },
    silent: Array.from({ length: homes }, (_, k) => k),
    options: { graceMs: 1_800_000 },
  })
  await s.submit(gridEvent('hour', from, to, { ask: { kind: 'off' } }))
  await s.until(to + 1_200)
  s.meters.put(registers(meter, from - 7_200, to + 1_200, at => (at < from || at >= to ? 7_000 : 0)))
  await s.until(to + 2_400)
  return s.engine().state().events.get(0)!.verification!
}

describe('a meter that gives its register alone, each quarter of an hour', () => {
  const hour = start + 7_200
  test('on whose quarters the event lies: all of it is known, its first and last quarter too', async () => {
    const v = await verified({ isPoint: false, offsetS: 0 }, hour, hour + 3_600)
    expect(v).toMatchObject({ verdict: 'delivered', coverage: 1, counts: { compliant: homes, noData: 0 } })
    expect(v.baselineWh).toBeCloseTo(homes * 7_000)
    expect(v.deliveredWh).toBeCloseTo(homes * 7_000)
    expect(v.findingCounts?.gap).toBeUndefined()
  })
  test('whose quarters fall elsewhere: what flowed lies evenly over a quarter, and all time is known', async () => {
    const v = await verified({ isPoint: false, offsetS: 420 }, hour, hour + 3_600, 'zero')
    expect(v.coverage).toBe(1)
    // a quarter from 8 minutes before the event to 7 within it has 8 minutes of 7 kW, of which 7/15 count for the event; likewise at its end
    const before = ((8 / 60) * 7_000 * 7) / 15
    const after = ((7 / 60) * 7_000 * 8) / 15
    expect(v.actualWh).toBeCloseTo(homes * (before + after), 3)
  })
  test('with values of instants, which say nothing between two of them: whole settlement periods are known', async () => {
    const v = await verified({ isPoint: true, offsetS: 0 }, hour, hour + 3_600, 'zero')
    expect(v).toMatchObject({ coverage: 1, actualWh: 0 })
  })
  test('of what lies in part between two instants is not known how much, and the verdict says that it is a gap', async () => {
    const v = await verified({ isPoint: true, offsetS: 420 }, hour, hour + 3_600, 'zero')
    expect(v).toMatchObject({ verdict: 'unverifiable', unsettleable: 'coverage', coverage: 0.5 })
    expect(v.findingCounts?.gap).toBeGreaterThanOrEqual(homes)
  })
  test('that comes late: the value after the event’s end makes its last quarter known, in the next revision', async () => {
    const s = await stage({
      specs: Array.from({ length: homes }, () => ({ maxA: 32 })),
      programme: { startSpreadS: 0, endSpreadS: 0, verification: { ruleset: 'zero' } },
      silent: Array.from({ length: homes }, (_, k) => k),
    })
    await s.submit(gridEvent('hour', hour, hour + 3_600, { ask: { kind: 'off' } }))
    const all = registers({ isPoint: true, offsetS: 0 }, hour - 7_200, hour + 3_600, at => (at < hour ? 7_000 : 0))
    const of = (is: (k: number) => boolean): Readings =>
      Object.fromEntries(Object.entries(all).map(([name, column]) => [name, column.filter((_: number, k: number) => is(k))])) as never
    const isLast = (k: number): boolean => all.toMs[k] === (hour + 3_600) * 1000
    s.engine().sink.readings(of(k => !isLast(k)))
    await s.until(hour + 7_200)
    expect(s.engine().state().events.get(0)!.verification).toMatchObject({ verdictRevision: 1, coverage: 0.75 })
    s.engine().sink.readings(of(isLast))
    await s.until(hour + 12_000)
    expect(s.engine().state().events.get(0)!.verification).toMatchObject({ verdictRevision: 2, coverage: 1 })
  })
})
