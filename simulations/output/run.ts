import { createHash } from 'node:crypto'
import { canonicalJson } from '../../src/core/codec.ts'
import { eventReport } from '../../src/operations/report.ts'
import type { EventReport } from '../../src/report/model.ts'
import type { EventSource } from '../scenario/asked.ts'
import { listedFiles, readNamed } from '../scenario/files.ts'
import type { Played } from '../scenario/play.ts'
import { FORMAT, type Scenario } from '../scenario/schema.ts'
import { type Figures, figuresOf } from '../scenario/summary.ts'
import { type Threshold, thresholdsOf } from '../scenario/thresholds.ts'

/** A run that was played, with what it comes to: all that its files are made of. Same scenario, seed and version: the same to the last digit. */
export type Run = {
  readonly manifest: RunManifest
  readonly played: Played
  readonly figures: Figures
  readonly thresholds: readonly Threshold[]
  /** The product's own report of each event that it has on record, at most `MOST_REPORTS`, in their order; null for the others. */
  readonly reports: readonly (EventReport | null)[]
}
export type RunManifest = {
  readonly format: 'gridbridge-sim-run-1'
  /** Of the product. */
  readonly version: string
  readonly scenario: string
  readonly scenarioFormat: number
  /** Of the scenario as it was read, defaults and the data it names included, without its seed. */
  readonly scenarioSha256: string
  readonly seed: string
  /** Root of the run's log: equal roots are equal runs. */
  readonly journalRoot: string
  readonly journalEntries: number
  /** Lists of events that it was played with; absent without any. */
  readonly eventSources?: readonly EventSource[]
}
/** A report reads the whole journal; of a season of events the first say how it goes, and the figures have all. */
const MOST_REPORTS = 12

export async function runOf(played: Played, { version, folder }: { version: string; folder: string }): Promise<Run> {
  const { world, scenario, built } = played
  const figures = figuresOf(played)
  const options = { nowMs: built.endS * 1000, version, command: 'gridbridge sim run' }
  const reports: (EventReport | null)[] = []
  for (const { no, witnessed } of played.events)
    reports.push(
      no === null || reports.length >= MOST_REPORTS
        ? null
        : ((await eventReport(world, String(no), { ...options, witnesses: witnessed.length > 0 ? witnessed : null })) ?? null),
    )
  return {
    manifest: {
      format: 'gridbridge-sim-run-1',
      version,
      scenario: scenario.name,
      scenarioFormat: FORMAT,
      scenarioSha256: scenarioHash(scenario, folder),
      seed: built.seed,
      journalRoot: Buffer.from(world.journal.root()).toString('hex'),
      journalEntries: world.journal.size(),
      ...(built.expected.sources.length > 0 ? { eventSources: built.expected.sources } : {}),
    },
    played,
    figures,
    thresholds: thresholdsOf(scenario.thresholds, [figures]),
    reports,
  }
}

/** SHA-256 over the scenario without its seed, as canonical JSON, over the file of sessions that it names, and over those of events. */
export function scenarioHash({ seed: _, ...scenario }: Scenario, folder: string): string {
  const cars = 'path' in scenario.cars ? readNamed(folder, scenario.cars.path) : ''
  const data = [cars, ...listedFiles(scenario).map(file => readNamed(folder, file))]
  return sha256([canonicalJson(scenario), ...data.map(sha256)].join('\n'))
}
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')
