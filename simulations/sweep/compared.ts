import { type Spread, spreadOf } from '../scenario/statistics.ts'
import { type Threshold, thresholdsOf } from '../scenario/thresholds.ts'
import { figuresIn, ofSetting, type Result } from './result.ts'
import type { Setting } from './settings.ts'

/** What the runs of one setting come to. `paired`: each figure less that of the first setting under the same seed. */
export type SettingSummary = {
  readonly setting: string
  readonly params: Readonly<Record<string, string>>
  readonly runs: number
  readonly figures: Readonly<Record<string, Spread>>
  readonly paired: Readonly<Record<string, Spread>>
  readonly thresholds: readonly Threshold[]
}

/** Results by setting, in the order of the settings. */
export function comparedSettings(settings: readonly Setting[], results: readonly Result[]): SettingSummary[] {
  const of = settings.map(s => ofSetting(results, s.name))
  return settings.map(({ name, params, scenario }, k) => ({
    setting: name,
    params,
    runs: of[k]!.length,
    figures: spreads(of[k]!),
    paired: k === 0 ? {} : pairedSpreads(of[0]!, of[k]!),
    thresholds: thresholdsOf(scenario.thresholds, of[k]!.map(figuresIn)),
  }))
}
function spreads(results: readonly Result[]): Record<string, Spread> {
  return Object.fromEntries(namesOf(results).map(name => [name, spreadOf(results.map(r => r.figures[name] ?? Number.NaN))]))
}
/** Of the seeds that both have: what chance does to both cancels. */
export function pairedSpreads(first: readonly Result[], second: readonly Result[]): Record<string, Spread> {
  const bySeed = new Map(first.map(r => [r.seed, r]))
  const pairs = second.flatMap(b => {
    const a = bySeed.get(b.seed)
    return a ? [[a, b] as const] : []
  })
  return Object.fromEntries(
    namesOf(second).map(name => [name, spreadOf(pairs.map(([a, b]) => (b.figures[name] ?? Number.NaN) - (a.figures[name] ?? Number.NaN)))]),
  )
}
const namesOf = (results: readonly Result[]): string[] => [...new Set(results.flatMap(r => Object.keys(r.figures)))]
