import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { decide } from '../../src/core/decide.ts'
import type { Readings } from '../../src/core/model.ts'
import { emptyState } from '../../src/core/state.ts'
import { dayOf, slotS } from '../../src/core/verify/calendar.ts'
import type { Verified } from '../../src/core/verify/record.ts'
import { proportional } from '../../src/core/verify/schemes.ts'
import { loadOf, settlementOf } from '../../src/core/verify/settlement.ts'
import { eventOf, one, seedOf } from './bed.ts'

/** NESO's own record of the Demand Flexibility Service. Supported by National Energy SO Open Data. */
const folder = join(import.meta.dirname, '../../../shared/data/neso-dfs-events')
const isHere = existsSync(folder)

type HalfHour = {
  readonly fromS: number
  readonly toS: number
  readonly procuredMW: number
  readonly settledMW: number
  readonly settledGbp: number
}
/** Dates are dd/mm/yyyy, times are of the clock in London. Two headers have a space at their end. */
function halfHours(file: string): HalfHour[] {
  const [head, ...lines] = readFileSync(join(folder, file), 'utf8').replace('\uFEFF', '').trim().split(/\r?\n/)
  const titles = head!.split(',').map(t => t.trim())
  return lines.map(line => {
    const cells = line.split(',')
    const cell = (prefix: string) => cells[titles.findIndex(t => t.startsWith(prefix))]!
    const [d, m, y] = cells[0]!.split('/').map(Number)
    const at = (clock: string) => {
      const [hour, minute] = clock.split(':').map(Number)
      return slotS('Europe/London', dayOf(y!, m!, d!), hour! * 2 + minute! / 30)
    }
    const fromS = at(cell('From'))
    return {
      ...{ fromS, toS: fromS + 1800, procuredMW: Number(cell('DFS Procured')) },
      ...{ settledMW: Number(cell('Settled Volume')), settledGbp: Number(cell('Settled Cost')) },
    }
  })
}

const BASELINE_W = 800e6
/** One load of 800 MW stands for all providers: asked for what was procured, it drops by what was settled. */
function verdictOf({ fromS, toS, procuredMW, settledMW }: HalfHour): Verified {
  const s = emptyState()
  const turn = (nowS: number, ...inputs: Parameters<typeof decide>[1]) => decide(s, inputs, nowS * 1000)
  const intervals = [{ fromS, toS, ask: { kind: 'shed' as const, totalW: Math.round(procuredMW * 1e6) } }]
  turn(fromS - 7200, fleetOf([{ maxA: 4_000_000 }]), { kind: 'programme', programme: testProgramme({}) }, everyoneEnrolled(1))
  turn(fromS - 7200, { kind: 'link', stations: Uint32Array.of(s.fleet.station[0]!), up: Uint8Array.of(1) })
  turn(fromS - 3600, { kind: 'signal', event: eventOf({ intervals }), seed: seedOf('dfs'), raw: new Uint8Array(0) })
  turn(toS + 120)
  return one(turn(toS + 180, { kind: 'metered', event: 0, readings: minutes(fromS, toS, settledMW) }), 'verified')!
}
function minutes(fromS: number, toS: number, settledMW: number): Readings {
  const starts = Array.from({ length: (toS - fromS) / 60 + 30 }, (_, k) => fromS + 60 * (k - 30))
  return {
    charger: new Uint32Array(starts.length),
    fromMs: Float64Array.from(starts, s => s * 1000),
    toMs: Float64Array.from(starts, s => s * 1000 + 60_000),
    powerW: Float64Array.from(starts, s => (s < fromS ? BASELINE_W : BASELINE_W - settledMW * 1e6)),
    registerWh: new Float64Array(starts.length).fill(Number.NaN),
    quality: new Uint8Array(starts.length),
  }
}

describe.skipIf(!isHere)('DFS events as NESO settled them, run through the event model at their half hour (needs ../shared)', () => {
  test.each([
    ['s2223T_sum.csv', 40, 2452.565, 2640.91, 7_922_750, 1.077],
    ['s2223L_sum.csv', 5, 795.345, 679.965, 3_062_271, 0.855],
    ['s2324_sum.csv', 32, 4594, 3760, 11_892_785, 0.818],
  ])('%s', (file, count, procuredMWh, settledMWh, settledGbp, ratio) => {
    const rows = halfHours(file)
    const sums = { askedMWh: 0, deliveredMWh: 0, pence: 0 }
    for (const row of rows) {
      const verified = verdictOf(row)
      const { window } = verified.verification
      expect([window.fromS, window.toS]).toEqual([row.fromS, row.toS])
      const money = { amountPence: row.settledGbp * 100 }
      const settled = settlementOf(verified, loadOf(verified)!, Int32Array.of(0), ['all providers'], {
        scheme: proportional,
        split: 'delivered',
        money,
      })
      expect(settled.deliveredWh / 0.5e6).toBeCloseTo(row.settledMW, 6)
      expect(settled.ratio).toBeCloseTo(row.settledMW / row.procuredMW, 6)
      sums.askedMWh += settled.askedWh / 1e6
      sums.deliveredMWh += settled.deliveredWh / 1e6
      sums.pence += settled.statements.reduce((sum, s) => sum + s.pence, 0)
    }
    expect(rows).toHaveLength(count)
    expect(sums.askedMWh).toBeCloseTo(procuredMWh, 6)
    expect(sums.deliveredMWh).toBeCloseTo(settledMWh, 6)
    expect(sums.pence).toBe(settledGbp * 100)
    expect(sums.deliveredMWh / sums.askedMWh).toBeCloseTo(ratio, 3)
  })
})
