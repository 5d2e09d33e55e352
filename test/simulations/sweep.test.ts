import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ScenarioError } from '../../simulations/scenario/read.ts'
import { comparedSettings } from '../../simulations/sweep/compared.ts'
import { sweepFiles, sweepManifest } from '../../simulations/sweep/files.ts'
import { paramOf, seedsOf } from '../../simulations/sweep/flags.ts'
import { keptIn } from '../../simulations/sweep/kept.ts'
import { oneHere, type Players, threads } from '../../simulations/sweep/players.ts'
import type { Result } from '../../simulations/sweep/result.ts'
import { settingsOf } from '../../simulations/sweep/settings.ts'
import { type Sweep, sweep } from '../../simulations/sweep/sweep.ts'
import { library, small } from './smallScenario.ts'

const folder = mkdtempSync(join(tmpdir(), 'gridbridge-sweep-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('what is tried', () => {
  test.each([
    ['1..3', [1, 2, 3]],
    ['7', [7]],
    ['1,2,5..6,2', [1, 2, 5, 6]],
  ])('--seed %s', (text, seeds) => expect(seedsOf(text)).toEqual(seeds))
  test.each(['', 'a', '3..1', '1..', '-1', '1..9999999'])('--seed "%s" is refused', text => expect(() => seedsOf(text)).toThrow(RangeError))
  test.each(['spread', 'spread=', '=1', 'spread=1,,2', 'spread=1,1'])('--param "%s" is refused', text =>
    expect(() => paramOf(text)).toThrow(RangeError),
  )
  test('spread is both spreads of each programme; several parameters are every combination', () => {
    const settings = settingsOf(small(), [paramOf('spread=0,600'), paramOf('fleet.faults.ignores=0,0.5')])
    expect(settings.map(s => s.name)).toEqual([
      'spread=0 fleet.faults.ignores=0',
      'spread=0 fleet.faults.ignores=0.5',
      'spread=600 fleet.faults.ignores=0',
      'spread=600 fleet.faults.ignores=0.5',
    ])
    expect(settings[3]!.scenario.programmes[0]).toMatchObject({ startSpreadS: 600, endSpreadS: 600 })
    expect(settings[3]!.scenario.fleet.faults.ignores).toBe(0.5)
    expect(settings[0]!.scenario.fleet.faults.ignores).toBe(0)
  })
  test('vacant is that of each programme, though it has no default', () =>
    expect(settingsOf(small(), [paramOf('vacant=keepsShare,yields')]).map(s => s.scenario.programmes[0]!.vacant)).toEqual([
      'keepsShare',
      'yields',
    ]))
  test('an element of a list goes by its id or its number, and what has no default may be set too', () => {
    const [a] = settingsOf(small(), [paramOf('events.peak.intervals.0.ask.share=0.25'), paramOf('fleet.kinds.0.backend=acme')])
    expect(a!.scenario.events[0]).toMatchObject({ intervals: [{ ask: { kind: 'shedShare', share: 0.25 } }] })
    expect(a!.scenario.fleet.kinds[0]!.backend).toBe('acme')
  })
  test.each([
    ['manner.overrides=1', /no manner; did you mean manners\?/],
    ['spred=1', /did you mean spread\?/],
    ['events.peek.target=all', /did you mean peak\?/],
    ['fleet.chargers.x=1', /nothing within fleet\.chargers/],
    ['fleet.charger=4', /did you mean chargers\?/],
    ['spread=-1', /startSpreadS/],
    ['fleet.faults.ignores=2', /ignores/],
    ['seed=3', /--seed 1\.\.200/],
    ['__proto__=1', /no __proto__/],
    ['toString=1', /no toString/],
  ])('--param %s is refused', (text, why) => {
    const tried = () => settingsOf(small(), [paramOf(text)])
    expect(tried).toThrow(ScenarioError)
    expect(tried).toThrow(why)
  })
})

test('a parameter that is there twice is refused: one of them would be lost', () => {
  expect(() => settingsOf(small(), [paramOf('spread=0'), paramOf('spread=600')])).toThrow(/spread: it is there twice/)
})

describe('a sweep', () => {
  let of: Sweep
  let results: Result[]
  const file = join(folder, 'whole', 'results.jsonl')
  beforeAll(async () => {
    const scenario = small('thresholds: [delivered.p05 >= 0.1, peak.meteredRatio >= 99]')
    of = { settings: settingsOf(scenario, [paramOf('spread=0,900')]), seeds: [1, 2, 3], folder: '.', version: '1' }
    results = (await sweep(of, oneHere(of.settings), keptIn(file)))!
  })
  const nobody: Players = { count: 1, play: () => Promise.reject(new Error('nothing was to be played')), close: async () => {} }

  test('the same seed is the same cars under each setting: differences are of the setting', () => {
    expect(results.map(r => `${r.seed} ${r.setting}`)).toEqual([
      '1 spread=0',
      '1 spread=900',
      '2 spread=0',
      '2 spread=900',
      '3 spread=0',
      '3 spread=900',
    ])
    for (const seed of of.seeds) {
      const [a, b] = results.filter(r => r.seed === seed)
      expect(a!.figures.freeEnergyWh).toBe(b!.figures.freeEnergyWh)
      expect(a!.journalRoot).not.toBe(b!.journalRoot)
    }
    expect(results[0]!.figures.freeEnergyWh).not.toBe(results[2]!.figures.freeEnergyWh)
  })
  test('means, quantiles, the paired difference to the first setting, and thresholds of each', () => {
    const [first, second] = comparedSettings(of.settings, results)
    const energy = (setting: string) => results.filter(r => r.setting === setting).map(r => r.figures.energyWh!)
    const [a, b] = [energy('spread=0'), energy('spread=900')]
    expect(first!.paired).toEqual({})
    expect(second!.paired.energyWh!.mean).toBeCloseTo(b.reduce((sum, x, k) => sum + x - a[k]!, 0) / 3, 6)
    // the cars differ far more than what the setting does to them
    expect(second!.paired.freeEnergyWh).toMatchObject({ n: 3, mean: 0, ci95: 0 })
    expect(second!.figures.freeEnergyWh!.ci95).toBeGreaterThan(0)
    expect(first!.thresholds.map(t => t.holds)).toEqual([true, false])
  })
  test('a second time nothing is played, and the files are the same', async () => {
    const again = await sweep(of, nobody, keptIn(file))
    const written = (r: Result[]) => [...sweepFiles(sweepManifest(small(), of), of.settings, r, { library, csv: true }).files]
    expect(written(again!)).toEqual(written(results))
  })
  test('after an interruption in mid-write only what is missing is played', async () => {
    const lines = readFileSync(file, 'utf8').split('\n')
    const cut = join(folder, 'cut.jsonl')
    writeFileSync(cut, `${lines.slice(0, 4).join('\n')}\n${lines[4]!.slice(0, 100)}`)
    const here = oneHere(of.settings)
    const played: string[] = []
    const counted: Players = {
      ...here,
      play: task => {
        played.push(`${task.seed} ${of.settings[task.setting]!.name}`)
        return here.play(task)
      },
    }
    expect(await sweep(of, counted, keptIn(cut))).toEqual(results)
    expect(played).toEqual(['3 spread=0', '3 spread=900'])
    expect(readFileSync(cut, 'utf8')).toBe(readFileSync(file, 'utf8'))
  })
  test('lines that are no results are counted, and their runs played again', async () => {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    const spoilt = join(folder, 'spoilt.jsonl')
    const rubbish = ['rubbish', 'null', '{"a":1}', lines[5]!.replace(/"load":.*$/, '"load":{}}')]
    writeFileSync(spoilt, `${[...lines.slice(0, 5), ...rubbish].join('\n')}\n`)
    expect(keptIn(spoilt)).toMatchObject({ unreadable: 4, known: { length: 5 } })
    expect(await sweep(of, oneHere(of.settings), keptIn(spoilt))).toEqual(results)
  })
  test('results of another scenario or version are not taken for these', async () => {
    await expect(sweep({ ...of, version: '2' }, nobody, keptIn(file))).rejects.toThrow('nothing was to be played')
    const other = settingsOf({ ...small(), end: '2026-01-15T19:30' }, [paramOf('spread=0,900')])
    await expect(sweep({ ...of, settings: other }, nobody, keptIn(file))).rejects.toThrow('nothing was to be played')
  })
  test('stopped: what was played is kept, and there is no result', async () => {
    const some = join(folder, 'some.jsonl')
    appendFileSync(some, `${readFileSync(file, 'utf8').split('\n')[0]}\n`)
    expect(await sweep(of, nobody, keptIn(some), { isStopped: () => true })).toBeUndefined()
    expect(readFileSync(some, 'utf8').trimEnd().split('\n')).toHaveLength(1)
  })
  test('a run that cannot be played ends the sweep and says why', async () => {
    await expect(sweep(of, nobody, keptIn(join(folder, 'none.jsonl')))).rejects.toThrow('nothing was to be played')
  })
})

describe('threads', () => {
  const settings = settingsOf(small(), [])
  /** A thread that answers with what it was handed, unless the seed says otherwise. */
  const worker = new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort, workerData } from 'node:worker_threads'
      parentPort.on('message', ({ seed, setting }) => {
        if (seed === 13) process.exit(9)
        if (seed === 15) parentPort.postMessage({ failed: 'a stack', faults: ['end: it is before the start'] })
        else if (seed === 14) parentPort.postMessage({ failed: 'no such file' })
        else parentPort.postMessage({ result: { seed, setting: workerData.names[setting] } })
      })`)}`,
  )
  const task = (seed: number) => ({ of: 'x', setting: 0, seed, scenario: settings[0]!.scenario, folder: '.' })

  test('each plays one run at a time, and the next when it is done', async () => {
    const players = threads(2, settings, '.', worker)
    const of: Sweep = { settings, seeds: [1, 2, 3, 4, 5], folder: '.', version: '1' }
    const kept: number[] = []
    const results = await sweep(of, players, { known: [], keep: r => kept.push(r.seed) })
    expect(results!.map(r => [r.seed, r.setting])).toEqual([1, 2, 3, 4, 5].map(seed => [seed, 'as it is']))
    expect(kept.toSorted()).toEqual([1, 2, 3, 4, 5])
    await players.close()
  })
  test('a thread that ends takes its run with it, and which run that was is said', async () => {
    const players = threads(1, settings, '.', worker)
    await expect(players.play(task(13))).rejects.toThrow('as it is, seed 13: its thread ended with 9')
    await players.close()
  })
  test('what the scenario itself makes impossible is a mistake of the scenario', async () => {
    const players = threads(1, settings, '.', worker)
    const played = players.play(task(15))
    await expect(played).rejects.toThrow(ScenarioError)
    await expect(played).rejects.toThrow(/^as it is, seed 15: end: it is before the start$/)
    await players.close()
  })
  test('a run that fails does not end its thread', async () => {
    const players = threads(1, settings, '.', worker)
    await expect(players.play(task(14))).rejects.toThrow('as it is, seed 14: no such file')
    await expect(players.play(task(1))).resolves.toMatchObject({ seed: 1 })
    await players.close()
  })
})
