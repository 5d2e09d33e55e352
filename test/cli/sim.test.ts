import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readScenario } from '../../simulations/scenario/read.ts'
import { settingsOf } from '../../simulations/sweep/settings.ts'
import { createOutput } from '../../src/cli/output.ts'
import { createProgram } from '../../src/cli/program.ts'
import { createProgress, progressText } from '../../src/cli/simProgress.ts'
import { smallScenario } from '../simulations/smallScenario.ts'

const cwd = mkdtempSync(join(tmpdir(), 'gridbridge-sim-'))
afterAll(() => rmSync(cwd, { recursive: true, force: true }))
beforeAll(() => {
  writeFileSync(join(cwd, 'small.yaml'), smallScenario('thresholds: [peak.meteredRatio >= 0.1]'))
  writeFileSync(join(cwd, 'strict.yaml'), smallScenario('thresholds: [peak.meteredRatio >= 99]'))
})

/** The command in this process: its exit code and what it said. */
async function sim(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [code, stdout, stderr] = [0, '', '']
  const proc = {
    stdout: { write: (t: string) => (stdout += t) },
    stderr: { write: (t: string) => (stderr += t) },
    env: {},
    cwd,
    exit: (c: number) => void (code = c),
  }
  await createProgram(proc, '0.0.0').parseAsync(['node', 'gridbridge', 'sim', ...args])
  return { code, stdout, stderr }
}
const said = (name: string): string => readFileSync(join(cwd, name), 'utf8')

describe('gridbridge sim', () => {
  test('run: the summary on stdout, the seed on both, the files in a folder', async () => {
    const { code, stdout, stderr } = await sim('run', 'small.yaml', '--junit', 'out/j.xml')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^EVENT +ANSWER +VERDICT/)
    expect(stdout).toContain('seed       7\n')
    expect(stdout).toContain('holds      peak.meteredRatio >= 0.1')
    expect(stderr).toMatch(/^small: 12 chargers, seed 7\n/)
    expect(JSON.parse(said('sim-small-7/manifest.json'))).toMatchObject({ scenario: 'small', seed: '7' })
    expect(said('out/j.xml')).toContain('tests="1" failures="0"')
  })
  test('a broken threshold is exit code 3, and the files are there all the same', async () => {
    const { code, stdout } = await sim('run', 'strict.yaml', '--seed', '9', '--out', 'strict', '--junit', 'out/s.xml', '--json')
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({ seed: '9', thresholds: [{ text: 'peak.meteredRatio >= 99', holds: false }] })
    expect(said('out/s.xml')).toMatch(/<failure message="peak.meteredRatio &gt;= 99: it is [\d.]+"/)
    expect(said('strict/report.html')).toContain('▲ broken')
  })
  test('run without a file lists the library; a name in it is a scenario', async () => {
    expect((await sim('run')).stdout).toMatch(/^SCENARIO[\s\S]*^evening-peak +400 /m)
    await expect(sim('run', 'evning-peak')).rejects.toMatchObject({
      exit: 2,
      code: 'GB-1280',
      message: expect.stringContaining('evening-peak?'),
    })
  })
  test('every mistake of a scenario is said with its line', async () => {
    writeFileSync(join(cwd, 'bad.yaml'), smallScenario().replace('chargers: 12', 'chargers: 0').replace('seed: 7', 'sed: 7'))
    await expect(sim('run', 'bad.yaml')).rejects.toMatchObject({
      exit: 2,
      message: expect.stringMatching(/bad\.yaml:\d+: fleet\.chargers.*\n[\s\S]*sed/),
    })
  })
  test('a folder that has another kind of result is not written over', async () => {
    await sim('run', 'small.yaml', '--out', 'kept', '--csv')
    const before = said('kept/manifest.json')
    await expect(sim('sweep', 'small.yaml', '--seed', '1', '--out', 'kept')).rejects.toMatchObject({
      code: 'GB-1282',
      message: expect.stringContaining('kept has a run, and a sweep would be written over it'),
    })
    expect(said('kept/manifest.json')).toBe(before)
    writeFileSync(join(cwd, 'file'), '')
    await expect(sim('sweep', 'small.yaml', '--seed', '1', '--out', 'file')).rejects.toMatchObject({ code: 'GB-1282' })
    await expect(sim('run', 'small.yaml', '--out', 'file')).rejects.toMatchObject({ code: 'GB-1282' })
  })
  test('what an earlier run left in the folder does not stay there as a part of this one; what is not ours does', async () => {
    writeFileSync(join(cwd, 'kept', 'notes.csv'), 'mine')
    expect(existsSync(join(cwd, 'kept', 'load.csv'))).toBe(true)
    await sim('run', 'small.yaml', '--out', 'kept', '--seed', '3')
    expect(existsSync(join(cwd, 'kept', 'load.csv'))).toBe(false)
    expect(said('kept/notes.csv')).toBe('mine')
  })
  test.each([
    [['run', 'small.yaml', '--seed', ''], 'it is empty'],
    [['reference', 'small.yaml', '--seed', ' '], 'it is empty'],
    [['fleet', '--connect', 'foo'], 'wanted a WebSocket address'],
    [['fleet', '--connect', 'http://localhost:1'], 'wanted a WebSocket address'],
    [['fleet', '--connect', 'ws://localhost:1', '--time-scale', '0'], 'wanted a number above 0'],
    [['fleet', '--connect', 'ws://localhost:1', '--time-scale', 'x'], 'wanted a number above 0'],
    [['fleet', '--connect', 'ws://localhost:1', '--scenario', 'small.yaml', '--ca', 'none.pem'], 'none.pem: ENOENT'],
    [['fleet', '--connect', 'ws://localhost:1', '--scenario', 'small.yaml', '--write-fleet', 'none/f.csv'], 'none/f.csv: ENOENT'],
    [['sweep', 'small.yaml', '--seed', '1', '--param', 'seed=2'], '--param seed: seeds are said with --seed'],
    [['replay', 'x.db', '--csv'], 'as it was there is nothing to write'],
    [['replay', 'x.db', '--out', 'there'], 'as it was there is nothing to write'],
  ])('%j is a mistake of usage', async (args, why) => {
    await expect(sim(...args)).rejects.toMatchObject({ message: expect.stringContaining(why) })
  })
  test('fleet --write-fleet: a fleet file of the scenario, its programme and places', async () => {
    await sim('fleet', '--connect', 'ws://localhost:1', '--scenario', 'small.yaml', '--write-fleet', 'fleet.csv')
    expect(said('fleet.csv').split('\n')).toHaveLength(14)
    expect(said('fleet.csv')).toMatch(/^CP-00001,CP-00001,.*feeder\/0.*,flex,yes/m)
  })
  test.each([
    ['a folder', '.', /^\.: cannot be read \(EISDIR\)$/],
    ['an end on a day that is none', ['end: 2026-01-15T19:00', 'end: 2026-13-45T19:00'], /2026-13-45T19:00 is no date/],
    ['an hour that is none', ['from: "18:00"', 'from: "25:99"'], /must be a local time/],
    ['sessions that are none', [/cars: .*/, 'cars: { from: acn, path: small.yaml }'], /^small\.yaml: /],
    ['sessions that are not there', [/cars: .*/, 'cars: { from: acn, path: none.csv }'], /none\.csv/],
  ] as const)('%s is a mistake of the scenario, said in words', async (_, change, why) => {
    if (change !== '.') writeFileSync(join(cwd, 'spoilt.yaml'), smallScenario().replace(change[0], change[1]))
    await expect(sim('run', change === '.' ? '.' : 'spoilt.yaml')).rejects.toMatchObject({
      exit: 2,
      code: 'GB-1280',
      message: expect.stringMatching(why),
    })
  })
  test('new writes a scenario that can be played, and does not write over one', async () => {
    await sim('new', 'mine')
    const mine = readScenario(said('mine.yaml'))
    expect(mine.name).toBe('mine')
    expect(settingsOf(mine, [{ name: 'spread', values: ['0'] }])).toHaveLength(1)
    await expect(sim('new', 'mine')).rejects.toMatchObject({ exit: 2, code: 'GB-1281' })
  })
  test('compare: a table, and a page on request', async () => {
    const { stdout } = await sim('compare', 'sim-small-7', 'strict', '--out', 'out/compare.html')
    expect(stdout).toMatch(/^note: the scenarios differ\nnote: the seeds differ \(7, 9\)/)
    expect(stdout).toMatch(/^energyWh +\d+ +\d+ +-?\d+/m)
    expect(said('out/compare.html')).toContain('A sim-small-7')
    await expect(sim('compare', 'sim-small-7', 'out')).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining('no manifest.json'),
    })
  })
  test.each([
    ['a place that there is not', ['--seed', '1', '--param', 'spred=1'], 'did you mean spread?'],
    ['a value that may not be', ['--seed', '1', '--param', 'spread=-1'], 'startSpreadS'],
  ])('sweep: %s is refused before anything is played', async (_, args, why) => {
    await expect(sim('sweep', 'small.yaml', '--out', 'none', ...args)).rejects.toMatchObject({
      exit: 2,
      message: expect.stringContaining(why),
    })
    expect(existsSync(join(cwd, 'none'))).toBe(false)
  })
  test('reference: under one cap, beside the literature', async () => {
    const { stdout } = await sim('reference', 'small.yaml', '--cap', '30', '--json')
    const { capW, rows } = JSON.parse(stdout)
    expect(capW).toBe(30_000)
    expect(rows.map((r: { algorithm: string }) => r.algorithm)).toEqual(expect.arrayContaining(['leastLaxity', 'gridbridge proRata']))
  })
})

describe('progress', () => {
  test('says how much is done and how long the rest takes at the pace so far', () => {
    expect(progressText('playing', 0.25, 30, '2 of 8 runs')).toBe('playing [#######.....................] 25 % 2 of 8 runs, 1:30 left')
    // what was there before took no time now
    expect(progressText('playing', 0.75, 10, '', 0.5)).toBe('playing [#####################.......] 75 %, 0:10 left')
    expect(progressText('playing', 0, 5, '')).not.toContain('left')
  })
  test.each([
    ['a terminal: one line, drawn over', true, 2],
    ['a file: a line every five seconds', false, 1],
  ])('%s', (_, isTTY, lines) => {
    let text = ''
    const out = createOutput({}, { stdout: { write() {} }, stderr: { write: t => (text += t), isTTY }, env: {} })
    let ms = 0
    const progress = createProgress(out, 'playing', () => ms)
    for (const at of [50, 3_000, 6_000]) {
      ms = at
      progress.tell(at / 10_000)
    }
    expect(text.match(/playing/g)).toHaveLength(lines)
    expect(text.includes('\r')).toBe(isTTY)
  })
})
