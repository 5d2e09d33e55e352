import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compared, type Kept, readKept, rowCells } from '../../simulations/output/compare.ts'
import { comparePage } from '../../simulations/output/comparePage.ts'
import { filesOf, type OutputFiles } from '../../simulations/output/files.ts'
import { study } from '../../simulations/reference/study.ts'
import { sweepFiles, sweepManifest } from '../../simulations/sweep/files.ts'
import { differs } from '../../simulations/sweep/page.ts'
import { oneHere } from '../../simulations/sweep/players.ts'
import { settingsOf } from '../../simulations/sweep/settings.ts'
import { type Sweep, sweep } from '../../simulations/sweep/sweep.ts'
import { library, small, smallRun } from './smallScenario.ts'

const folder = mkdtempSync(join(tmpdir(), 'gridbridge-compare-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
function written(name: string, files: OutputFiles): Kept {
  mkdirSync(join(folder, name))
  for (const [file, data] of files) writeFileSync(join(folder, name, file), data)
  return readKept(join(folder, name), name)
}
async function swept(name: string, spreadS: number): Promise<Kept> {
  const scenario = settingsOf(small(), [{ name: 'spread', values: [String(spreadS)] }])[0]!.scenario
  const of: Sweep = { settings: settingsOf(scenario, []), seeds: [1, 2], folder: '.', version: '1' }
  const results = await sweep(of, oneHere(of.settings), { known: [], keep: () => {} })
  return written(name, sweepFiles(sweepManifest(scenario, of), of.settings, results!, { library }).files)
}
let a: Kept
let b: Kept
let slow: Kept
let fast: Kept
beforeAll(async () => {
  a = written('a', filesOf(await smallRun(), { library }))
  b = written('b', filesOf(await smallRun('', 8), { library }))
  fast = await swept('fast', 0)
  slow = await swept('slow', 900)
})

describe('two runs', () => {
  test('every figure of both with its difference, and both loads', () => {
    const found = compared(a, b)
    const row = found.of[0]!.rows.find(r => r.figure === 'energyWh')!
    expect(row).toMatchObject({ spread: null })
    expect(row.a).not.toBe(row.b)
    expect(found.remarks).toEqual(['the seeds differ (7, 8): part of any difference is chance'])
    const page = comparePage(found, library)
    const charts = JSON.parse(/id="charts">(.*?)<\/script>/s.exec(page)![1]!)
    expect(charts.over.lines).toHaveLength(2)
    expect(charts.difference.lines[0].values[30]).toBeCloseTo(charts.over.lines[1].values[30] - charts.over.lines[0].values[30], 6)
  })
  test('a run and itself: the same, and it says so', () => {
    const same = compared(a, a)
    expect(same.remarks).toEqual(['their logs are the same, entry by entry'])
    expect(same.of[0]!.rows.filter(r => r.a !== r.b)).toEqual([])
  })
})
describe('two sweeps', () => {
  test('differences by seed with their interval', () => {
    const found = compared(fast, slow)
    expect(found.remarks).toEqual(['the scenarios differ'])
    expect(found.of).toMatchObject([{ setting: 'as it is', pairs: 2 }])
    const of = (name: string) => found.of[0]!.rows.find(r => r.figure === name)!
    expect(of('freeEnergyWh').spread).toMatchObject({ n: 2, mean: 0, ci95: 0 })
    expect(of('peak.trueWh').spread!.mean).toBeCloseTo(of('peak.trueWh').b! - of('peak.trueWh').a!, 3)
    expect(comparePage(found, library)).toContain('2 pairs by seed')
  })
  test('each setting that both have is drawn, with its difference; what only one has is said', async () => {
    const many = async (name: string, values: string[], seeds: number[], more: string) => {
      const scenario = small(more)
      const of: Sweep = { settings: settingsOf(scenario, [{ name: 'spread', values }]), seeds, folder: '.', version: '1' }
      const results = await sweep(of, oneHere(of.settings), { known: [], keep: () => {} })
      return written(name, sweepFiles(sweepManifest(scenario, of), of.settings, results!, { library }).files)
    }
    const one = await many('one', ['0', '300', '900'], [1], '')
    const other = await many('other', ['900', '300'], [1, 2], 'manners: { overrides: 0.5 }')
    const found = compared(one, other)
    expect(found.of.map(c => c.setting)).toEqual(['spread=300', 'spread=900'])
    expect(found.remarks.slice(1)).toEqual([
      'settings of one alone, not compared: spread=0',
      '1 seeds are of other alone, and not compared',
    ])
    const page = comparePage(found, library)
    const charts = JSON.parse(/id="charts">(.*?)<\/script>/s.exec(page)![1]!)
    expect(Object.keys(charts)).toEqual(['over', 'difference', 'over1', 'difference1'])
    const load = (of: typeof one, setting: string): readonly number[] =>
      of.kind === 'sweep' ? of.results.find(r => r.setting === setting && r.seed === 1)!.load.loadW : []
    for (const [id, setting] of [
      ['', 'spread=300'],
      ['1', 'spread=900'],
    ] as const) {
      const [a, b] = [load(one, setting), load(other, setting)]
      expect(charts[`over${id}`].lines.map((l: { values: number[] }) => l.values.slice(0, -1))).toEqual([a, b])
      expect(charts[`difference${id}`].lines[0].values.slice(0, -1)).toEqual(b.map((w, k) => w - a[k]!))
      expect(charts[`over${id}`].shades).toHaveLength(1)
      for (const name of ['over', 'difference']) expect(page).toContain(`data-chart="${name}${id}"`)
      expect(page).toContain(`<b>${setting}</b>`)
    }
    expect(load(one, 'spread=300')).not.toEqual(load(one, 'spread=900'))
  })
  test.each([
    ['results.jsonl', (text: string) => text.slice(0, 2_000), 'results.jsonl is not the one of its manifest.json'],
    ['results.jsonl', (text: string) => text.replace('"seed":1', '"seed":2'), 'results.jsonl is not the one of its manifest.json'],
    ['manifest.json', () => '{', 'neither a run nor a sweep'],
    ['manifest.json', () => 'null', 'neither a run nor a sweep'],
    ['manifest.json', () => '{"format":"gridbridge-sim-replay-1"}', 'neither a run nor a sweep (its format: "gridbridge-sim-replay-1")'],
  ])('%s that is not whole is not compared', (name, spoil, why) => {
    const dir = mkdtempSync(join(folder, 'spoilt-'))
    cpSync(join(folder, 'slow'), dir, { recursive: true })
    writeFileSync(join(dir, name), spoil(readFileSync(join(dir, name), 'utf8')))
    expect(() => readKept(dir, 'spoilt')).toThrow(`spoilt: `)
    expect(() => readKept(dir, 'spoilt')).toThrow(why)
  })
  test('what is the same is called that, and has no sign', () => {
    expect(differs({ n: 5, mean: 0, ci95: 0, p05: 0, p50: 0, p95: 0 })).toBe('the same')
    expect(differs({ n: 5, mean: 0, ci95: 1, p05: 0, p50: 0, p95: 0 })).toBe('not told apart')
    expect(rowCells({ figure: 'peakW', a: 666_892, b: 666_876, spread: null }).at(-1)).toBe('0.0 %')
    expect(rowCells({ figure: 'peakW', a: 1_000, b: 999, spread: null }).at(-1)).toBe('-0.1 %')
  })
  test('a run and a sweep are not compared, nor is what was not written to its end', () => {
    expect(() => compared(a, slow)).toThrow('a is a run and slow a sweep')
    rmSync(join(folder, 'fast', 'manifest.json'))
    expect(() => readKept(join(folder, 'fast'), 'fast')).toThrow('fast: there is no manifest.json')
  })
})

test('the literature and the product under one cap: nobody passes it, and who knows no cap serves best', async () => {
  const { rows, capW, sessions } = await study(small(), {})
  expect(sessions).toBe(12)
  expect(rows.map(r => r.algorithm).slice(0, 5)).toEqual([
    'uncontrolled',
    'firstCome',
    'earliestDeadline',
    'leastLaxity',
    'gridbridge proRata',
  ])
  const [free, ...others] = rows
  for (const r of others) {
    expect(r.peakW, r.algorithm).toBeLessThanOrEqual(capW * 1.001)
    expect(r.energyWh, r.algorithm).toBeLessThanOrEqual(free!.energyWh * 1.001)
    expect(r.energyWh, r.algorithm).toBeGreaterThan(0)
  }
})
