import { describe, expect, it } from 'vitest'
import type { Fact, Input, Readings } from '../../src/core/model.ts'
import { pausedBy, RESUME_S, resumeChance, resumedOf } from '../../src/core/resume.ts'
import { fromBytes, stateDigest, toBytes } from '../../src/core/snapshot.ts'
import { bed, during, fleetOfN, one, T } from './bed.ts'

const N = 4
const DREW_W = 7_000
const AN_HOUR = 3_600
type Bed = ReturnType<typeof bed>
/** Minutes of power by charger over [fromS, toS). */
function readingsOf(who: readonly number[], fromS: number, toS: number, powerW: (i: number, atS: number) => number): Readings {
  const rows = who.flatMap(i => Array.from({ length: (toS - fromS) / 60 }, (_, k) => ({ i, atS: fromS + 60 * k })))
  return {
    charger: Uint32Array.from(rows, x => x.i),
    fromMs: Float64Array.from(rows, x => x.atS * 1000),
    toMs: Float64Array.from(rows, x => (x.atS + 60) * 1000),
    powerW: Float64Array.from(rows, x => powerW(x.i, x.atS)),
    registerWh: new Float64Array(rows.length).fill(Number.NaN),
    quality: new Uint8Array(rows.length),
  }
}
const cars = (b: Bed, phase: 0 | 1 | 2): Input => ({
  kind: 'session',
  who: Uint32Array.from(b.everyone),
  phase: new Uint8Array(N).fill(phase),
  departS: new Uint32Array(N),
  needWh: new Int32Array(N).fill(-1),
})
/** An event of an hour in which all are paused and obey, verified; how they draw afterwards is `after`. What was learned of it. */
function paused(b: Bed, id: number, fromS: number, after: (i: number) => number, phase: 0 | 1 | 2 = 1): Fact[] {
  const toS = fromS + AN_HOUR
  b.until(fromS - 1_200)
  b.turn(cars(b, 1))
  b.signal({ id: `e${id}`, ...during(fromS, toS, { kind: 'off' }) })
  b.observed(
    b.everyone.map(() => DREW_W),
    id,
  )
  b.until(fromS - 200)
  b.answer('accepted')
  b.until(toS)
  b.answer('accepted')
  b.until(toS + 120)
  const readings = readingsOf(b.everyone, fromS - 1_200, toS, (_, atS) => (atS < fromS ? DREW_W : 0))
  const verified = b.turn({ kind: 'metered', event: id, readings, salt: new Uint8Array(16) })
  expect(one(verified, 'verified')?.verification.counts.compliant).toBe(N)
  b.until(toS + RESUME_S)
  if (phase !== 1) b.turn(cars(b, phase))
  const who = pausedBy(b.s, b.nowS())
  const seen = resumedOf(b.s, who, readingsOf(b.everyone, toS, toS + RESUME_S, after), b.nowS())
  return seen ? b.turn(seen) : []
}
const fleet = () => bed(fleetOfN(N, { phases: 1, maxA: 32 }), { startSpreadS: 0, endSpreadS: 0 })
const DAY = 86_400
const start = T + AN_HOUR

describe('a car that does not charge again after a pause', () => {
  it('is told its least power instead of 0 A after the second time, in routine events; one that comes back is paused', () => {
    const b = fleet()
    const onlyFirstStays = (i: number) => (i === 0 ? 0 : DREW_W)
    expect(one(paused(b, 0, start, onlyFirstStays), 'resumed')?.did).toEqual(Uint8Array.of(0, 1, 1, 1))
    b.signal({ id: 'x1', ...during(start + 9_000, start + 9_600, { kind: 'off' }) })
    expect(b.wants(start + 9_100)).toEqual([0, 0, 0, 0])
    b.signal({ id: 'x1', revision: 1, intervals: [] })
    paused(b, 2, start + DAY, onlyFirstStays)
    expect(resumeChance(b.s.learned, 0)).toBeLessThan(0.7)
    expect(resumeChance(b.s.learned, 1)).toBeGreaterThan(0.95)
    b.until(start + 2 * DAY)
    const soon = b.nowS() + 600
    for (const ask of [
      { kind: 'off' },
      { kind: 'cap', totalW: 1_500 },
      { kind: 'limitEach', limitW: 500 },
      { kind: 'keep', fraction: 0 },
    ] as const) {
      b.signal({ id: `r${ask.kind}`, ...during(soon, soon + 600, ask) })
      expect(b.wants(soon + 10)).toEqual([b.s.fleet.minW[0], 0, 0, 0])
      b.signal({ id: `r${ask.kind}`, revision: 1, intervals: [], stopAtOnce: true })
    }
    b.signal({ id: 'em', class: 'emergency', basis: 'law', ...during(soon, soon + 600, { kind: 'off' }) })
    expect(b.wants(soon + 10)).toEqual([0, 0, 0, 0])
  })
  it('was there all the time: of one that has left, or whose meter is silent, nothing is learned', () => {
    const gone = fleet()
    expect(paused(gone, 0, start, () => 0, 0)).toEqual([])
    const full = fleet()
    expect(
      one(
        paused(full, 0, start, () => 0, 2),
        'resumed',
      )?.did,
    ).toEqual(new Uint8Array(N))
    const silent = fleet()
    paused(silent, 0, start, () => DREW_W)
    expect(
      resumedOf(
        silent.s,
        pausedBy(silent.s, silent.nowS()),
        readingsOf([], 0, 0, () => 0),
        silent.nowS(),
      ),
    ).toBeUndefined()
  })
  it('an event keeps what was known when it was accepted, and a state of before knows nothing', () => {
    const b = fleet()
    paused(b, 0, start, () => 0)
    b.until(start + DAY)
    const soon = b.nowS() + 600
    b.signal({ id: 'open', ...during(soon, soon + 7_200, { kind: 'off' }) })
    b.turn({ kind: 'resumed', who: Uint32Array.of(0, 1), did: Uint8Array.of(0, 0) })
    b.turn({ kind: 'resumed', who: Uint32Array.of(0, 1), did: Uint8Array.of(0, 0) })
    expect(b.wants(soon + 10)).toEqual([0, 0, 0, 0])
    const again = fromBytes(toBytes(b.s))
    expect(stateDigest(again)).toBe(stateDigest(b.s))
    expect(resumeChance(again.learned, 0)).toBe(resumeChance(b.s.learned, 0))
    const { resumed: _, stuck: __, ...before } = b.s.learned
    const old = fromBytes(toBytes({ ...b.s, learned: before as typeof b.s.learned }))
    expect(resumeChance(old.learned, 0)).toBe(0.95)
  })
})
