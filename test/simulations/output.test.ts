import { parquetReadObjects } from 'hyparquet'
import { beforeAll, describe, expect, test } from 'vitest'
import { filesOf, type OutputFiles } from '../../simulations/output/files.ts'
import { junitOf } from '../../simulations/output/junit.ts'
import { type Run, sha256 } from '../../simulations/output/run.ts'
import { spreadOf, student975 } from '../../simulations/scenario/statistics.ts'
import { thresholdsOf } from '../../simulations/scenario/thresholds.ts'
import { library, smallRun } from './smallScenario.ts'

let run: Run
let files: OutputFiles
beforeAll(async () => {
  run = await smallRun()
  files = filesOf(run, { library, csv: true })
})
const text = (name: string): string => String(files.get(name))
const rows = (name: string): Promise<Record<string, unknown>[]> =>
  parquetReadObjects({ file: Uint8Array.from(files.get(name) as Uint8Array).buffer })

describe('the files of a run', () => {
  test('another run with the same seed writes the same bytes, one with another seed does not', async () => {
    const again = filesOf(await smallRun(), { library, csv: true })
    const differ = (other: OutputFiles) =>
      [...files].filter(([name, data]) => sha256(data) !== sha256(other.get(name)!)).map(([name]) => name)
    expect([...again.keys()]).toEqual([...files.keys()])
    expect(differ(again)).toEqual([])
    expect(differ(filesOf(await smallRun('', 8), { library, csv: true }))).toContain('events.jsonl')
  })
  test('the manifest comes last and vouches for each of the others', () => {
    const manifest = JSON.parse(text('manifest.json'))
    expect([...files.keys()].at(-1)).toBe('manifest.json')
    expect(manifest).toMatchObject({ format: 'gridbridge-sim-run-1', version: '1.2.3', scenario: 'small', seed: '7' })
    expect(Object.keys(manifest.files)).toEqual([...files.keys()].slice(0, -1))
    for (const [name, hash] of Object.entries(manifest.files)) expect(sha256(files.get(name)!)).toBe(hash)
  })
  test('load by place and minute: energy is what the cars took, and the target stands where something was asked', async () => {
    const load = (await rows('load.parquet')).filter(r => r.place === 'all chargers')
    const at = (await rows('load.parquet')).filter(r => r.place === 'all')
    expect(load).toHaveLength(120)
    const wh = load.reduce((sum, r) => sum + (r.load_w as number) / 60, 0)
    expect(wh).toBeCloseTo(run.figures.energyWh!, 3)
    expect(at.filter(r => r.target_w !== null)).toHaveLength(30)
    expect(at.filter(r => r.target_w !== null).every(r => (r.baseline_w as number) > (r.target_w as number))).toBe(true)
  })
  test('every command with its answer, every car with what it lacked', async () => {
    const [commands, sessions] = [await rows('commands.parquet'), await rows('sessions.parquet')]
    expect(commands).toHaveLength(run.figures.commands!)
    expect(commands.filter(c => c.outcome === 'accepted')).toHaveLength(run.figures.accepted!)
    expect(sessions.reduce((sum, s) => sum + (s.unmet_wh as number), 0)).toBeCloseTo(run.figures.unmetWh!, 6)
    expect(text('commands.csv').split('\r\n')).toHaveLength(commands.length + 2)
  })
  test('every fact on a line of its own, and the whole in words', () => {
    const facts = text('events.jsonl')
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(facts).toHaveLength(run.played.world.facts.length)
    expect(facts.map(f => f.fact.kind)).toEqual(expect.arrayContaining(['signal', 'planned', 'sent', 'outcome', 'verified']))
    expect(text('transcript.txt')).toMatch(/^small, seed 7, times of Europe\/London\n\n2026-01-15\n/)
    expect(text('transcript.txt')).toMatch(/^17:40:0\d {2}signal peak revision 0: contracted, 18:00:00-18:30:00/m)
    expect(text('transcript.txt')).not.toMatch(/news of cars.*\n.*news of cars/)
  })
  test('the page asks for nothing and carries nothing of the machine', () => {
    const page = text('report.html')
    expect(page).toContain("default-src 'none'")
    expect(page).not.toMatch(/(src|href)="/)
    expect([...files.values()].join('\n')).not.toContain(process.cwd())
    const charts = JSON.parse(/id="charts">(.*?)<\/script>/s.exec(page)![1]!)
    expect(Object.keys(charts)).toEqual(['all', 'held', 'told', 'place0'])
    expect(charts.place0.lines.map((l: { label: string }) => l.label)).toEqual([
      'Upper end of the error',
      'Lower end of the error',
      'Without limits',
      'Baseline',
      'Target',
      'Load',
    ])
    const strip = JSON.parse(/id="strip">(.*?)<\/script>/s.exec(page)![1]!)
    expect(Buffer.from(strip.cells, 'base64')).toHaveLength(strip.rows * strip.columns)
    expect(strip).toMatchObject({ rows: 12, columns: 120 })
  })
  test('names of a scenario get into the page as text', async () => {
    const { played, ...rest } = run
    const named: Run = { ...rest, manifest: { ...run.manifest, scenario: '<img src=x onerror=alert(1)>' }, played }
    expect(String(filesOf(named, { library }).get('report.html'))).not.toContain('<img')
  })
})

describe('thresholds', () => {
  const runs = [0.9, 0.95, 1].map(ratio => ({ 'evening.meteredRatio': ratio, peakW: 1000 }))
  test.each([
    ['evening.meteredRatio >= 0.9', 0.9, true],
    ['evening.meteredRatio > 0.9', 0.9, false],
    ['evening.meteredRatio.mean >= 0.95', 0.95, true],
    ['evening.meteredRatio.p05 >= 0.91', 0.905, false],
    ['evening.meteredRatio.p95 <= 1', 0.995, true],
    ['peakW == 1000', 1000, true],
    ['peakW < 999.5', 1000, false],
  ])('%s', (text, value, holds) => {
    const [t] = thresholdsOf([text], runs)
    expect(t!.value).toBeCloseTo(value, 9)
    expect(t!.holds).toBe(holds)
  })
  test('one on a figure that there is none of does not hold, and says what may have been meant', () => {
    expect(thresholdsOf(['evening.meterdRatio >= 0'], runs)).toMatchObject([
      { holds: false, remark: 'there is no figure evening.meterdRatio; did you mean evening.meteredRatio?' },
    ])
    expect(thresholdsOf(['x.askedWh >= 0'], [{ 'x.askedWh': Number.NaN }])).toMatchObject([{ holds: false }])
  })
  test('as a JUnit file: a suite for each setting, a failure that says the value', () => {
    const junit = junitOf('a "b"', [{ name: 'spread=0', thresholds: thresholdsOf(['peakW < 999', 'peakW > 999'], runs) }])
    expect(junit).toContain('<testsuites name="a &quot;b&quot;" tests="2" failures="1">')
    expect(junit).toContain('<failure message="peakW &lt; 999: it is 1000"/>')
    expect(junit).toContain('<testcase classname="spread=0" name="peakW &gt; 999"/>')
  })
})

describe('statistics over runs', () => {
  test('mean, quantiles, and the interval of a known sample', () => {
    // 1 to 9: deviation sqrt(7.5), t of 8 degrees 2.306
    const s = spreadOf([9, 1, 8, 2, 7, 3, 6, 4, 5, Number.NaN])
    expect(s).toMatchObject({ n: 9, mean: 5, p50: 5 })
    expect(s.p05).toBeCloseTo(1.4, 9)
    expect(s.ci95).toBeCloseTo((2.306 * Math.sqrt(7.5)) / 3, 2)
  })
  test.each([
    [1, 12.706],
    [4, 2.776],
    [5, 2.571],
    [10, 2.228],
    [30, 2.042],
    [1000, 1.962],
  ])("Student's t of %i degrees", (degrees, t) => expect(Math.abs(student975(degrees) - t)).toBeLessThan(0.002))
  test('of one run there is no interval, of none there is nothing', () => {
    expect(spreadOf([3])).toMatchObject({ n: 1, mean: 3, ci95: Number.NaN, p05: 3 })
    expect(spreadOf([])).toMatchObject({ n: 0, mean: Number.NaN, p50: Number.NaN })
  })
})
