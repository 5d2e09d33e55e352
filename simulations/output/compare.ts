import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ScenarioError } from '../scenario/read.ts'
import type { Spread } from '../scenario/statistics.ts'
import { pairedSpreads } from '../sweep/compared.ts'
import type { SweepManifest } from '../sweep/files.ts'
import { type Load, meanLoad } from '../sweep/loads.ts'
import { type AskedSpan, askedOf, ofSetting, type Result } from '../sweep/result.ts'
import type { LoadSeries } from './files.ts'
import { figureText } from './junit.ts'
import { type RunManifest, sha256 } from './run.ts'

/** What `sim run` or `sim sweep` wrote into a folder. */
export type Kept =
  | { readonly kind: 'run'; readonly dir: string; readonly manifest: RunManifest; readonly figures: Figures; readonly series: LoadSeries }
  | { readonly kind: 'sweep'; readonly dir: string; readonly manifest: SweepManifest; readonly results: readonly Result[] }
type Figures = Readonly<Record<string, number | null>>

/** @throws ScenarioError for a folder that has neither, or not all of it, or not what its manifest says */
export function readKept(path: string, dir: string): Kept {
  const text = (name: string): string => {
    try {
      return readFileSync(join(path, name), 'utf8')
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? `there is no ${name}` : `${name} cannot be read`
      throw new ScenarioError([`${dir}: ${why}; was it written by sim run or sim sweep, to its end?`])
    }
  }
  const manifest = manifestOf(text('manifest.json'), dir)
  const read = (name: string): string => {
    const data = text(name)
    if (sha256(data) === manifest.files?.[name]) return data
    throw new ScenarioError([`${dir}: ${name} is not the one of its manifest.json: cut off, changed, or of another run`])
  }
  switch (manifest.format) {
    case 'gridbridge-sim-run-1':
      return {
        kind: 'run',
        dir,
        manifest,
        figures: (JSON.parse(read('summary.json')) as { figures: Figures }).figures,
        series: JSON.parse(read('series.json')) as LoadSeries,
      }
    case 'gridbridge-sim-sweep-1': {
      const results = read('results.jsonl')
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as Result)
      return { kind: 'sweep', dir, manifest, results }
    }
  }
}
type KeptManifest = (RunManifest | SweepManifest) & { readonly files?: Readonly<Record<string, string>> }
function manifestOf(text: string, dir: string): KeptManifest {
  const value = parsed(text) as Partial<KeptManifest> | null
  if (value?.format === 'gridbridge-sim-run-1' || value?.format === 'gridbridge-sim-sweep-1') return value as KeptManifest
  throw new ScenarioError([
    `${dir}: by its manifest.json it is neither a run nor a sweep (its format: ${JSON.stringify(value?.format ?? null)})`,
  ])
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** A figure of both; `spread`: of the differences by seed, where both are sweeps. */
export type Row = { readonly figure: string; readonly a: number | null; readonly b: number | null; readonly spread: Spread | null }
/** One setting of sweeps, or the runs. */
export type Comparison = {
  readonly setting: string
  readonly pairs: number
  readonly rows: readonly Row[]
  readonly loads: readonly Load[]
  /** When something was asked, in A. */
  readonly asked: readonly AskedSpan[]
}
export type Compared = {
  readonly a: Kept
  readonly b: Kept
  readonly zone: string
  readonly remarks: readonly string[]
  readonly of: readonly Comparison[]
}

/** @throws ScenarioError where there is nothing to compare */
export function compared(a: Kept, b: Kept): Compared {
  const remarks = [
    ...(a.manifest.version === b.manifest.version ? [] : [`by different versions: ${a.manifest.version} and ${b.manifest.version}`]),
    ...(a.manifest.scenarioSha256 === b.manifest.scenarioSha256 ? [] : ['the scenarios differ']),
  ]
  if (a.kind === 'run' && b.kind === 'run') {
    if (a.manifest.seed !== b.manifest.seed)
      remarks.push(`the seeds differ (${a.manifest.seed}, ${b.manifest.seed}): part of any difference is chance`)
    if (a.manifest.journalRoot === b.manifest.journalRoot) remarks.push('their logs are the same, entry by entry')
    const loads = [loadOf(`A ${a.dir}`, a.series), loadOf(`B ${b.dir}`, b.series)]
    const rows = rowsOf(a.figures, b.figures)
    return { a, b, zone: a.series.zone, remarks, of: [{ setting: 'the runs', pairs: 1, rows, loads, asked: a.series.events }] }
  }
  if (a.kind === 'sweep' && b.kind === 'sweep')
    return { a, b, zone: a.manifest.zone, remarks: [...remarks, ...notShared(a, b)], of: sweeps(a, b) }
  throw new ScenarioError([`${a.dir} is a ${a.kind} and ${b.dir} a ${b.kind}: compare two of a kind`])
}
const loadOf = (name: string, { fromS, stepS, loadW }: LoadSeries): Load => ({ name, fromS, stepS, loadW })
const rowsOf = (a: Figures, b: Figures): Row[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].map(figure => ({ figure, a: a[figure] ?? null, b: b[figure] ?? null, spread: null }))

type KeptSweep = Kept & { kind: 'sweep' }
/** Settings of the same name; of one setting each, these, whatever they are called. */
function pairsOf({ manifest: { settings: one } }: KeptSweep, { manifest: { settings: other } }: KeptSweep): (readonly [string, string])[] {
  if (one.length === 1 && other.length === 1) return [[one[0]!, other[0]!]]
  return one.filter(s => other.includes(s)).map(s => [s, s])
}
/** What only one of them has, and so is not compared. */
function notShared(a: KeptSweep, b: KeptSweep): string[] {
  const pairs = pairsOf(a, b)
  const seedsOf = ({ results }: KeptSweep) => new Set(results.map(r => r.seed))
  return [a, b].flatMap((x, k) => {
    const others = seedsOf(k === 0 ? b : a)
    const settings = x.manifest.settings.filter(s => !pairs.some(pair => pair[k] === s))
    const seeds = [...seedsOf(x)].filter(seed => !others.has(seed))
    return [
      ...(settings.length === 0 ? [] : [`settings of ${x.dir} alone, not compared: ${settings.join(', ')}`]),
      ...(seeds.length === 0 ? [] : [`${seeds.length} seeds are of ${x.dir} alone, and not compared`]),
    ]
  })
}
function sweeps(a: KeptSweep, b: KeptSweep): Comparison[] {
  const [one, other] = [a.manifest.settings, b.manifest.settings]
  const pairs = pairsOf(a, b)
  if (pairs.length === 0)
    throw new ScenarioError([`${a.dir} and ${b.dir} have no setting in common (${one.join(', ')}; ${other.join(', ')})`])
  return pairs.map(([nameA, nameB]) => {
    const [first, second] = [ofSetting(a.results, nameA), ofSetting(b.results, nameB)]
    const seeds = new Set(first.map(r => r.seed))
    const both = second.filter(r => seeds.has(r.seed))
    if (both.length === 0) throw new ScenarioError([`${a.dir} and ${b.dir} have no seed in common`])
    const own = first.filter(r => both.some(x => x.seed === r.seed))
    const spreads = pairedSpreads(own, both)
    return {
      setting: nameA === nameB ? nameA : `${nameA} and ${nameB}`,
      pairs: both.length,
      rows: rowsOf(means(own), means(both)).map(row => ({ ...row, spread: spreads[row.figure] ?? null })),
      loads: [
        { name: `A ${a.dir}`, ...meanLoad(own) },
        { name: `B ${b.dir}`, ...meanLoad(both) },
      ],
      asked: askedOf(own),
    }
  })
}
function means(results: readonly Result[]): Figures {
  const names = [...new Set(results.flatMap(r => Object.keys(r.figures)))]
  return Object.fromEntries(
    names.map(name => {
      const values = results.flatMap(r => r.figures[name] ?? [])
      return [name, values.length === 0 ? null : values.reduce((x, y) => x + y, 0) / values.length]
    }),
  )
}

/** Figure, both values, difference and change in words. */
export function rowCells({ figure, a, b }: Row): string[] {
  const text = (x: number | null) => (x === null ? '–' : figureText(x))
  const delta = a === null || b === null ? null : b - a
  return [figure, text(a), text(b), text(delta), delta === null || a === 0 ? '–' : percentText((100 * delta) / Math.abs(a!))]
}
/** Less than half a tenth is nothing, and has no sign. */
const percentText = (x: number): string => `${(Math.abs(x) < 0.05 ? 0 : x).toFixed(1)} %`
