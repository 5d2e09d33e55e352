import { csvOf } from '../../src/report/csv.ts'
import { plain } from '../../src/report/model.ts'
import { parquetOf } from '../../src/report/parquet.ts'
import type { ChartLibrary } from '../../src/report/shell.ts'
import { int, number, type Table, text } from '../../src/report/tables.ts'
import { jsonText, manifestText, type OutputFiles } from '../output/files.ts'
import { scenarioHash } from '../output/run.ts'
import type { Scenario } from '../scenario/schema.ts'
import { comparedSettings, type SettingSummary } from './compared.ts'
import { lineOf } from './kept.ts'
import { sweepPage } from './page.ts'
import type { Result } from './result.ts'
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
  const table = resultsTable(settings, results)
  files.set('results.parquet', parquetOf(table))
  if (csv) files.set('results.csv', [...csvOf(table)].join(''))
  files.set('report.html', sweepPage({ manifest, settings: summaries, results }, library))
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
