import { csvOf } from '../../src/report/csv.ts'
import { plain } from '../../src/report/model.ts'
import { parquetOf } from '../../src/report/parquet.ts'
import type { ChartLibrary } from '../../src/report/shell.ts'
import { int, number, type Table, text, ts } from '../../src/report/tables.ts'
import { jsonText, manifestText, type OutputFiles } from '../output/files.ts'
import { scenarioHash } from '../output/run.ts'
import type { Scenario } from '../scenario/schema.ts'
import { type LoadBand, loadBand } from './bands.ts'
import { comparedSettings, type SettingSummary } from './compared.ts'
import { lineOf } from './kept.ts'
import { sweepPage } from './page.ts'
import { ofSetting, type Result } from './result.ts'
import type { Setting } from './settings.ts'
import type { Sweep } from './sweep.ts'

export type SweepManifest = {
  readonly format: 'gridbridge-sim-sweep-1'
  readonly version: string
  readonly scenario: string
  readonly scenarioSha256: string
  readonly zone: string
  readonly seeds: readonly number[]
  readonly settings: readonly string[]
}
export const sweepManifest = (scenario: Scenario, { settings, seeds, folder, version }: Sweep): SweepManifest => ({
  format: 'gridbridge-sim-sweep-1',
  version,
  scenario: scenario.name,
  scenarioSha256: scenarioHash(scenario, folder),
  zone: scenario.zone,
  seeds,
  settings: settings.map(s => s.name),
})

/** The files of a sweep that is done: the same bytes whichever run ended first, and after how many interruptions. */
export function sweepFiles(
  manifest: SweepManifest,
  settings: readonly Setting[],
  results: readonly Result[],
  { library, csv = false }: { library: ChartLibrary; csv?: boolean },
): { readonly files: OutputFiles; readonly summaries: readonly SettingSummary[] } {
  const summaries = comparedSettings(settings, results)
  const files = new Map<string, string | Uint8Array>()
  files.set('results.jsonl', results.map(lineOf).join(''))
  files.set('sweep.json', jsonText(plain({ ...manifest, settings: summaries })))
  const bands = settings.map(s => loadBand(s.name, ofSetting(results, s.name)))
  for (const table of [resultsTable(settings, results), loadTable(bands)]) {
    files.set(`${table.name}.parquet`, parquetOf(table))
    if (csv) files.set(`${table.name}.csv`, [...csvOf(table)].join(''))
  }
  files.set('report.html', sweepPage({ manifest, settings: summaries, results, bands }, library))
  files.set('manifest.json', manifestText(manifest, files))
  return { files, summaries }
}

/** A row per run: its setting, each parameter by name, its seed and its figures. */
function resultsTable(settings: readonly Setting[], results: readonly Result[]): Table {
  const params = Object.keys(settings[0]?.params ?? {})
  const figures = [...new Set(results.flatMap(r => Object.keys(r.figures)))]
  const of = new Map(settings.map(s => [s.name, s.params]))
  const row = (k: number) => results[k]!
  return {
    name: 'results',
    rows: results.length,
    fields: [
      text('setting', 'all parameters', k => row(k).setting),
      ...params.map(p => text(`param.${p}`, 'as it was written', k => of.get(row(k).setting)?.[p] ?? null)),
      int('seed', '', k => row(k).seed),
      ...figures.map(name => number(name, 'as in summary.json', k => row(k).figures[name] ?? null)),
    ],
  }
}

/** A row per setting and step: the load over the seeds. */
function loadTable(bands: readonly LoadBand[]): Table {
  const steps = bands.flatMap(band => band.p50W.map((_, k) => ({ band, k })))
  const at = (row: number) => steps[row]!
  const watts = (name: string, means: string, of: (b: LoadBand) => readonly number[]) =>
    number(name, means, row => of(at(row).band)[at(row).k]!)
  return {
    name: 'load',
    rows: steps.length,
    fields: [
      text('setting', 'all parameters', row => at(row).band.name),
      ts('ts_utc', 'start of the step', row => (at(row).band.fromS + at(row).k * at(row).band.stepS) * 1000),
      int('step_s', 'length of the step', row => at(row).band.stepS),
      int('runs_count', 'seeds', row => at(row).band.runs),
      watts('mean_w', 'mean of the runs: all chargers, mean power over the step', b => b.meanW),
      watts('p05_w', 'one run in twenty is below', b => b.p05W),
      watts('p50_w', 'the median of the runs', b => b.p50W),
      watts('p95_w', 'one run in twenty is above', b => b.p95W),
    ],
  }
}
