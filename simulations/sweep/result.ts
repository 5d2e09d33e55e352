import { canonicalJson } from '../../src/core/codec.ts'
import { scenarioHash, sha256 } from '../output/run.ts'
import { type Played, play } from '../scenario/play.ts'
import type { Scenario } from '../scenario/schema.ts'
import { type Figures, figuresOf } from '../scenario/summary.ts'

/** What one run of a sweep is of. `of` is what its result hangs on beside the seed: version, scenario and data. */
export type Task = {
  readonly of: string
  readonly setting: number
  readonly seed: number
  readonly scenario: Scenario
  readonly folder: string
}
/** When somebody asked for something. */
export type AskedSpan = readonly [fromS: number, toS: number]
/** A line of results.jsonl. A figure that there is none of is null; load in means of `stepS` from the start, whole W. `asked`: by operators. */
export type Result = {
  readonly of: string
  readonly setting: string
  readonly seed: number
  readonly journalRoot: string
  readonly figures: Readonly<Record<string, number | null>>
  /** Not in results of earlier versions. */
  readonly asked?: readonly AskedSpan[]
  readonly load: { readonly fromS: number; readonly stepS: number; readonly loadW: readonly number[] }
}
export const ofSetting = (results: readonly Result[], setting: string): Result[] => results.filter(r => r.setting === setting)
/** Runs of one setting: what operators ask is the same in all. */
export const askedOf = (results: readonly Result[]): readonly AskedSpan[] => results[0]?.asked ?? []
export const taskKey = (scenario: Scenario, folder: string, version: string): string =>
  sha256(canonicalJson({ scenario: scenarioHash(scenario, folder), version }))

/** Loads of a sweep are kept at no more than so many points. */
const MOST_POINTS = 240

export async function resultOf({ of, seed, scenario, folder }: Omit<Task, 'setting'>, setting: string): Promise<Result> {
  const played = await play(scenario, { seed, folder })
  const minutes = Math.max(1, Math.ceil(played.recorded.loadW.length / MOST_POINTS))
  return {
    of,
    setting,
    seed,
    journalRoot: Buffer.from(played.world.journal.root()).toString('hex'),
    figures: Object.fromEntries(Object.entries(figuresOf(played)).map(([name, x]) => [name, Number.isFinite(x) ? x : null])),
    asked: askedIn(played),
    load: { fromS: played.built.startS, stepS: 60 * minutes, loadW: means(played.recorded.loadW, minutes) },
  }
}
/** What a feeder asks by itself when it is overloaded is at another time in each run. */
const askedIn = ({ events }: Played): AskedSpan[] =>
  events.filter(e => e.toS > e.fromS && !/^overload-\d+$/.test(e.id)).map(e => [e.fromS, e.toS])
function means(values: readonly number[], each: number): number[] {
  const out: number[] = []
  for (let k = 0; k < values.length; k += each) {
    const part = values.slice(k, k + each)
    out.push(Math.round(part.reduce((a, b) => a + b, 0) / part.length))
  }
  return out
}
export const figuresIn = ({ figures }: Result): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, x]) => [name, x ?? Number.NaN]))
