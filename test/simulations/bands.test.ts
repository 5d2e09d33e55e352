import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filesOf, type OutputFiles } from '../../simulations/output/files.ts'
import { runOf } from '../../simulations/output/run.ts'
import { play } from '../../simulations/scenario/play.ts'
import { loadBand } from '../../simulations/sweep/bands.ts'
import { sweepFiles, sweepManifest } from '../../simulations/sweep/files.ts'
import { paramOf } from '../../simulations/sweep/flags.ts'
import { keptIn } from '../../simulations/sweep/kept.ts'
import { oneHere } from '../../simulations/sweep/players.ts'
import type { Result } from '../../simulations/sweep/result.ts'
import { settingsOf } from '../../simulations/sweep/settings.ts'
import { type Sweep, sweep } from '../../simulations/sweep/sweep.ts'
import { library, small } from './smallScenario.ts'

const folder = mkdtempSync(join(tmpdir(), 'gridbridge-bands-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What is longer than four hours is kept in steps of two minutes. */
const STEP_MINUTES = 2
const scenario = { ...small(), end: '2026-01-15T21:02' }
const of: Sweep = { settings: settingsOf(scenario, [paramOf('spread=0,900')]), seeds: [1, 2, 3, 4, 5], folder: '.', version: '1' }
const file = join(folder, 'results.jsonl')
let files: OutputFiles
const filesNow = async (): Promise<OutputFiles> =>
  sweepFiles(sweepManifest(scenario, of), of.settings, (await sweep(of, oneHere(of.settings), keptIn(file)))!, { library, csv: true }).files
beforeAll(async () => {
  files = await filesNow()
})

/** What the own load.csv of a run of the second setting says of all its chargers, in steps of the sweep. */
async function loadOfRun(seed: number): Promise<number[]> {
  const run = await runOf(await play(of.settings[1]!.scenario, { seed }), { version: '1', folder: '.' })
  const csv = String(filesOf(run, { library, csv: true }).get('load.csv'))
  const rows: Record<string, string>[] = parse(csv, { columns: true, bom: true })
  const watts = rows.filter(r => r.place === 'all chargers').map(r => Number(r.load_w))
  return Array.from({ length: watts.length / STEP_MINUTES }, (_, k) => (watts[2 * k]! + watts[2 * k + 1]!) / 2)
}
/** Five values: the median is the third; one in twenty lies a fifth of the way from the outermost to the next. */
function naive(values: readonly number[]): { low: number; middle: number; high: number } {
  const [a, b, c, d, e] = [...values].sort((x, y) => x - y) as [number, number, number, number, number]
  return { low: a + 0.2 * (b - a), middle: c, high: e - 0.2 * (e - d) }
}

type Drawn = { lines: { label: string; values: number[] }[]; band: number[]; shades: number[][]; atS: number[] }
const charts = (): Record<string, Drawn> => JSON.parse(/id="charts">(.*?)<\/script>/s.exec(String(files.get('report.html')))![1]!)

describe('the load over the seeds', () => {
  test('the band of a setting is what its runs themselves say of their load', async () => {
    const runs = await Promise.all(of.seeds.map(loadOfRun))
    const chart = charts().band1!
    const drawn = (label: string) => chart.lines.find(l => l.label === label)!.values
    expect(chart.band.map(k => chart.lines[k]!.label)).toEqual(['p95', 'p05'])
    const table = (await parquetReadObjects({ file: Uint8Array.from(files.get('load.parquet') as Uint8Array).buffer })).filter(
      r => r.setting === 'spread=900',
    )
    expect(table).toHaveLength(121)
    let widest = 0
    table.forEach((row, k) => {
      const { low, middle, high } = naive(runs.map(r => r[k]!))
      // a run is kept in whole watts
      const isNear = (x: unknown, y: number) => Math.abs((x as number) - y) <= 0.6
      for (const [x, y] of [
        [drawn('p05')[k], low],
        [drawn('Median')[k], middle],
        [drawn('p95')[k], high],
        [row.p05_w, low],
        [row.p50_w, middle],
        [row.p95_w, high],
        [row.mean_w, runs.reduce((sum, r) => sum + r[k]!, 0) / 5],
      ] as const)
        expect(isNear(x, y), `step ${k}: ${x} for ${y}`).toBe(true)
      widest = Math.max(widest, high - low)
    })
    expect(widest).toBeGreaterThan(5_000)
    expect(Number(table[1]!.ts_utc) - Number(table[0]!.ts_utc)).toBe(STEP_MINUTES * 60_000)
    expect(Number(table[0]!.ts_utc)).toBe(Date.parse('2026-01-15T17:00Z'))
  })
  test('it is shaded where the operator asks, and has the first setting for comparison', () => {
    const { band0, band1, over, difference } = charts()
    const event = [Date.parse('2026-01-15T18:00Z') / 1000, Date.parse('2026-01-15T18:30Z') / 1000]
    expect([band0, band1, over, difference].map(c => c!.shades)).toEqual([[event], [event], [event], [event]])
    expect(band1!.lines[2]).toMatchObject({ label: 'Median of spread=0', values: band0!.lines[2]!.values })
  })
  test('after an interruption it is the same, from what was kept of each run', async () => {
    const before = String(files.get('report.html'))
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    writeFileSync(file, lines.slice(0, 7).join('\n') + '\n')
    appendFileSync(file, lines[7]!.slice(0, 200))
    expect(String((await filesNow()).get('report.html'))).toBe(before)
  })
  test('one seed has no band, and the page says so', async () => {
    const one = { ...of, seeds: [1] }
    const results = (await sweep(one, oneHere(of.settings), keptIn(file)))!
    const page = String(sweepFiles(sweepManifest(scenario, one), of.settings, results, { library }).files.get('report.html'))
    expect(page).toContain('One run: there is no band.')
  })
  test('a step of which no run has anything else has a band of no width', () => {
    const run = (loadW: number[]): Result => ({
      ...{ of: '', setting: 'x', seed: 1, journalRoot: '', figures: {}, asked: [] },
      load: { fromS: 0, stepS: 60, loadW },
    })
    expect(loadBand('x', [run([5, 1]), run([5, 2]), run([5, 3])])).toMatchObject({ runs: 3, p05W: [5, 1.1], p50W: [5, 2], p95W: [5, 2.9] })
  })
})
