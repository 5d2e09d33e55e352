import { readFileSync } from 'node:fs'
import { parquetMetadata } from 'hyparquet'
import { beforeAll, describe, expect, test } from 'vitest'
import { filesOf, type OutputFiles } from '../../simulations/output/files.ts'
import { sweepFiles, sweepManifest } from '../../simulations/sweep/files.ts'
import { oneHere } from '../../simulations/sweep/players.ts'
import { settingsOf } from '../../simulations/sweep/settings.ts'
import { type Sweep, sweep } from '../../simulations/sweep/sweep.ts'
import { library, small, smallRun } from './smallScenario.ts'

const guide = readFileSync('docs/guides/simulate.md', 'utf8')
const section = (title: string): string => guide.split(`\n## ${title}\n`)[1]!.split('\n## ')[0]!
/** What the row of a file says within backticks, without the file's own name. */
const said = (of: string, file: string): string[] => {
  const row = of.split('\n').find(line => line.startsWith(`| \`${file}\` |`))!
  return [...row.matchAll(/`([\w.]+)`/g)].map(m => m[1]!).filter(name => name !== file)
}
function columns(files: OutputFiles, name: string): string[] {
  const bytes = Uint8Array.from(files.get(name) as Uint8Array).buffer
  return parquetMetadata(bytes)
    .schema.slice(1)
    .map(c => c.name)
}
/** Columns that the snippets of a section read from a file. */
const read = (of: string): string[] => [...of.matchAll(/["']([a-z0-9]+_(?:[a-z0-9]+_)*[a-z0-9]+)["']/g)].map(m => m[1]!)

let run: OutputFiles
let swept: OutputFiles
beforeAll(async () => {
  run = filesOf(await smallRun(), { library })
  const scenario = small()
  const of: Sweep = { settings: settingsOf(scenario, [{ name: 'spread', values: ['0'] }]), seeds: [1], folder: '.', version: '1' }
  const results = await sweep(of, oneHere(of.settings), { known: [], keep: () => {} })
  swept = sweepFiles(sweepManifest(scenario, of), of.settings, results!, { library }).files
})
describe('the guide has the columns of each file by their names', () => {
  test.each(['load.parquet', 'commands.parquet', 'sessions.parquet'])('of a run: %s', file =>
    expect(said(section('The files of a run'), file)).toEqual(columns(run, file)),
  )
  test('of a sweep', () => {
    expect(said(section('Sweeps'), 'load.parquet')).toEqual(columns(swept, 'load.parquet'))
    expect(columns(swept, 'results.parquet')).toEqual(expect.arrayContaining(['setting', 'param.spread', 'seed', 'peak.meteredRatio']))
  })
  test('in its snippets too', () => {
    const known = ['load', 'commands', 'sessions'].flatMap(name => columns(run, `${name}.parquet`))
    expect(read(section('The files of a run')).filter(name => !known.includes(name))).toEqual([])
    expect(read(section('Sweeps')).filter(name => !columns(swept, 'load.parquet').includes(name))).toEqual([])
    expect(read(section('Sweeps'))).toContain('p05_w')
  })
})
