import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createVirtualRuntime, type VirtualRuntime } from '../../adapters/runtime/memory.ts'
import { type Db, openDatabase } from '../../adapters/stores/sqlite/db.ts'
import { openMeters, type SqliteMeters } from '../../adapters/stores/sqlite/meters.ts'
import { flaw } from '../../src/core/verify/series.ts'
import { readings } from './meters.suite.ts'

/** What only a store with a file does: rolling up as time goes by, and what a crash leaves. */
const hour = 1_700_002_800_000
let dir: string
let runtime: VirtualRuntime
let opened: Db[]
let meters: SqliteMeters
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  runtime = createVirtualRuntime(hour)
  opened = []
  meters = open()
})
afterEach(() => {
  for (const db of opened) db.close()
  rmSync(dir, { recursive: true })
})
function open(maxW = 7_400): SqliteMeters {
  const db = openDatabase(dir)
  opened.push(db)
  return openMeters(db, runtime, { maxWOf: () => maxW })
}
/** As after the power was pulled: nothing is flushed, nothing closed. */
const crash = (): void => {
  meters = open()
}
const put = (charger: number, m: number, powerW = 6_000) =>
  meters.put(readings([charger, hour + m * 60_000, hour + (m + 1) * 60_000, powerW]))
const half = async (who = [1]) => [
  ...(await meters.history(Uint32Array.from(who), { fromS: hour / 1000, toS: hour / 1000 + 3_600, stepS: 1_800 })).wh,
]
const count = (table: string): number => opened.at(-1)!.prepare(`SELECT count(*) FROM ${table}`).get([])![0] as number

describe('as time goes by', () => {
  test('an hour is rolled up twenty minutes after its end, and again after a reading that came late', async () => {
    for (let m = 0; m < 60; m++) put(1, m)
    await runtime.runUntil(hour + 3_600_000 + 1_100_000)
    expect(count('rollup')).toBe(0)
    await runtime.runUntil(hour + 3_600_000 + 1_300_000)
    expect(count('rollup')).toBeGreaterThan(0)
    expect(await half()).toEqual([3_000, 3_000])
    put(1, 10, 600)
    await runtime.advance(3_700_000)
    expect(count('rollup_due')).toBe(0)
    expect(await half()).toEqual([2_910, 3_000])
  })
  test('a late reading that is not on disk yet when its hour is rolled up is in it all the same', async () => {
    for (let m = 0; m < 60; m++) put(1, m)
    await runtime.runUntil(hour + 3_600_000 + 1_199_500)
    put(1, 10, 600)
    await runtime.runUntil(hour + 3_600_000 + 1_300_000)
    expect(await half()).toEqual([2_910, 3_000])
  })
  test('others get their turn while hours of many chargers are rolled up because somebody asks for them', async () => {
    const who = Array.from({ length: 400 }, (_, charger) => charger)
    for (const charger of who) put(charger, 0)
    let turns = 0
    const asked = meters.history(Uint32Array.from(who), { fromS: hour / 1000, toS: hour / 1000 + 3_600, stepS: 1_800 })
    setImmediate(() => turns++)
    setImmediate(() => setImmediate(() => turns++))
    expect((await asked).wh[0]).toBe(100)
    expect(turns).toBe(2)
  })
  test('nothing is left to do once all is rolled up', async () => {
    for (let m = 0; m < 60; m++) put(1, m)
    await runtime.advance(4 * 3_600_000)
    expect(runtime.nextAt()).toBeUndefined()
  })
  test('what is far beyond the rated power is no energy', async () => {
    for (let m = 0; m < 60; m++) put(1, m, m === 5 ? 6_000_000 : 6_000)
    const { wh, flaws } = await meters.history(Uint32Array.of(1), { fromS: hour / 1000, toS: hour / 1000 + 1_800, stepS: 1_800 })
    expect([wh[0], flaws[0]]).toEqual([2_900, flaw.implausible | flaw.partial])
  })
})

describe('after a crash', () => {
  test('what was not on disk yet is a gap, never a wrong number', async () => {
    put(1, 0)
    meters.flush()
    put(1, 1)
    crash()
    const { wh, flaws } = await meters.history(Uint32Array.of(1), { fromS: hour / 1000, toS: hour / 1000 + 180, stepS: 60 })
    expect([...wh]).toEqual([100, Number.NaN, Number.NaN])
    expect([...flaws]).toEqual([0, flaw.gap, flaw.gap])
  })
  test('what was on disk and not rolled up yet is', async () => {
    for (let m = 0; m < 60; m++) put(1, m)
    meters.flush()
    crash()
    expect(await half()).toEqual([3_000, 3_000])
  })
  test('a late reading that was on disk is in the next answer, though its hour was rolled up before', async () => {
    for (let m = 0; m < 59; m++) put(1, m)
    await half()
    put(1, 59)
    meters.flush()
    crash()
    expect(await half()).toEqual([3_000, 3_000])
  })
})
