import { canonicalJson } from '../../src/core/codec.ts'
import { csvOf } from '../../src/report/csv.ts'
import { plain } from '../../src/report/model.ts'
import { parquetOf } from '../../src/report/parquet.ts'
import type { ChartLibrary } from '../../src/report/shell.ts'
import { runPage } from './page.ts'
import { type Run, sha256 } from './run.ts'
import { tablesOf } from './tables.ts'
import { transcriptOf } from './transcript.ts'

export type OutputFiles = ReadonlyMap<string, string | Uint8Array>

/**
 * The files of a run, by name. Without clock, machine and place in them: the same scenario, seed and version give the same bytes. `manifest.json` comes
 * last, with the SHA-256 of each of the others: where it is, they are whole.
 */
export function filesOf(run: Run, { library, csv = false }: { library: ChartLibrary; csv?: boolean }): OutputFiles {
  const files = new Map<string, string | Uint8Array>()
  files.set('summary.json', jsonText(summaryOf(run)))
  files.set('series.json', `${JSON.stringify(loadSeries(run))}\n`)
  for (const table of tablesOf(run)) {
    files.set(`${table.name}.parquet`, parquetOf(table))
    if (csv) files.set(`${table.name}.csv`, [...csvOf(table)].join(''))
  }
  files.set('events.jsonl', run.played.world.facts.map(({ atMs, fact }) => `${canonicalJson({ at: atMs, fact })}\n`).join(''))
  files.set('transcript.txt', transcriptOf(run.played))
  files.set('report.html', runPage(run, library))
  files.set('manifest.json', manifestText(run.manifest, files))
  return files
}
export const manifestText = (manifest: object, files: OutputFiles): string =>
  jsonText({ ...manifest, files: Object.fromEntries([...files].map(([name, data]) => [name, sha256(data)])) })
/** What is no number (there is no such figure in this run) is null. */
export const jsonText = (value: object): string => `${JSON.stringify(plain(value), null, 2)}\n`

export function summaryOf({ manifest, figures, thresholds, played }: Run) {
  return {
    scenario: manifest.scenario,
    seed: manifest.seed,
    figures,
    thresholds: thresholds.map(({ text, value, holds }) => ({ text, value, holds })),
    events: played.events.map(e => ({
      id: e.id,
      fromS: e.fromS,
      toS: e.toS,
      answer: e.answer,
      verdict: e.verification?.verdict ?? null,
    })),
    ...(manifest.eventSources ? { eventSources: manifest.eventSources } : {}),
  }
}
/** Load by minute in whole watts, for those who draw it over that of another run: `gridbridge sim compare`. */
export type LoadSeries = {
  readonly zone: string
  readonly fromS: number
  readonly stepS: number
  readonly loadW: readonly number[]
  readonly freeW: readonly number[]
  readonly events: readonly (readonly [fromS: number, toS: number])[]
}
export const loadSeries = ({ played: { recorded, freeW, built, events } }: Run): LoadSeries => ({
  zone: built.zone,
  fromS: recorded.startS,
  stepS: recorded.stepS,
  loadW: recorded.loadW.map(Math.round),
  freeW: Array.from(freeW, Math.round),
  events: events.filter(e => e.toS > e.fromS).map(e => [e.fromS, e.toS] as const),
})
