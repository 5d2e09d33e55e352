import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { OutputFiles } from '../../simulations/output/files.ts'
import type { Run } from '../../simulations/output/run.ts'
import { type Opened, openScenario } from '../../simulations/scenario/library.ts'
import { ScenarioError } from '../../simulations/scenario/read.ts'
import type { Threshold } from '../../simulations/scenario/thresholds.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'
import { type Output, percent, table, wattHours, watts } from './output.ts'
import { createProgress } from './simProgress.ts'

export type SimOptions = { seed?: string; out?: string; csv?: boolean; junit?: string }

/** Plays a scenario and writes what came of it. Exit 3 where a threshold is broken. Without a file: the library. */
export async function run(context: Context<SimOptions>, file?: string): Promise<ExitCode | undefined> {
  if (file === undefined) return list(context)
  const { out, options, cwd } = context
  const opened = open(file, cwd)
  const seed = options.seed ?? String(opened.scenario.seed)
  out.note(`${opened.scenario.name}: ${opened.scenario.fleet.chargers} chargers, seed ${seed}`)
  const dir = resolve(cwd, options.out ?? `sim-${opened.name}-${seed}`.replaceAll(/[^\w.-]/g, '_'))
  const { folderFor, writeResult } = await import('./simFolder.ts')
  folderFor(dir, 'gridbridge-sim-run-1')
  const made = await played(opened, seed, out)
  const [{ filesOf }, { chartLibrary }] = await Promise.all([import('../../simulations/output/files.ts'), import('../report/library.ts')])
  const files = filesOf(made, { library: chartLibrary(), csv: options.csv ?? false })
  writeResult(dir, files)
  await writeJunit(context, made.manifest.scenario, [{ name: `seed ${seed}`, thresholds: made.thresholds }])
  const { summaryOf } = await import('../../simulations/output/files.ts')
  const { plain } = await import('../report/model.ts')
  out.result({ ...plain(summaryOf(made)), dir, files: [...files.keys()] }, await runText(made, dir))
  return made.thresholds.every(t => t.holds) ? 0 : 3
}
async function played({ scenario, folder }: Opened, seed: string, out: Output): Promise<Run> {
  const [{ play }, { runOf }, { packageVersion }] = await Promise.all([
    import('../../simulations/scenario/play.ts'),
    import('../../simulations/output/run.ts'),
    import('../version.ts'),
  ])
  const progress = createProgress(out, 'playing')
  try {
    return await runOf(await play(scenario, { seed, folder, onProgress: share => progress.tell(share) }), {
      version: packageVersion(),
      folder,
    })
  } catch (error) {
    throw ofScenario(error)
  } finally {
    progress.clear()
  }
}

/** What a person reads: events, the few figures that matter, thresholds. */
export async function runText({ played: p, figures: f, thresholds, manifest }: Run, dir: string): Promise<string> {
  const rows = p.events.map(e => ({
    event: e.id,
    answer: e.answer,
    verdict: e.verification?.verdict ?? '-',
    asked: wattHours(f[`${e.id}.askedWh`]),
    metered: wattHours(f[`${e.id}.meteredWh`]),
    ratio: share(f[`${e.id}.meteredRatio`]),
    trueRatio: share(f[`${e.id}.trueRatio`]),
    peakAfter: share(f[`${e.id}.reboundPeakRatio`]),
  }))
  const columns = [
    ...(['event', 'answer', 'verdict'] as const).map(key => ({ key, title: key.toUpperCase() })),
    ...(['asked', 'metered', 'ratio'] as const).map(key => ({ key, title: key.toUpperCase(), right: true })),
    { key: 'trueRatio', title: 'TRUE', right: true },
    { key: 'peakAfter', title: 'PEAK AFTER', right: true },
  ]
  return [
    ...(rows.length === 0 ? ['no events'] : [table(rows, columns)]),
    '',
    `seed       ${manifest.seed}`,
    `energy     ${wattHours(f['energyWh'])} taken by ${f['sessions']} cars, ${wattHours(f['freeEnergyWh'])} without limits`,
    `unmet      ${wattHours(f['unmetWh'])}; ${f['unmetSessions']} cars left short, the worst by ${wattHours(f['worstUnmetWh'])}`,
    `peak       ${watts(f['peakW'])}, ${watts(f['freePeakW'])} without limits`,
    `commands   ${f['commands']} sent, ${f['accepted']} accepted; ${f['journalEntries']} entries in the log`,
    ...(f['meters'] === undefined
      ? []
      : [
          `meters     ${f['meters']} besides the chargers': ${f['meterIntervals']} intervals, ${f['meterGaps']} missing, ${f['meterLate']} late`,
        ]),
    ...(await thresholdLines(thresholds)),
    `report     ${join(dir, 'report.html')}`,
  ].join('\n')
}
const share = (x: number | undefined): string => (x === undefined || !Number.isFinite(x) ? '-' : percent(x))
export async function thresholdLines(thresholds: readonly Threshold[], of = ''): Promise<string[]> {
  const { failureText } = await import('../../simulations/output/junit.ts')
  return thresholds.map(t => (t.holds ? `holds      ${of}${t.text}` : `BROKEN     ${of}${failureText(t)}`))
}

async function list({ out }: Context<object>): Promise<undefined> {
  const { library } = await import('../../simulations/scenario/library.ts')
  out.list(
    library(),
    [
      { key: 'name', title: 'SCENARIO' },
      { key: 'chargers', title: 'CHARGERS', right: true },
      { key: 'about', title: 'ABOUT' },
    ],
    'name',
  )
}

/** Writes a commented scenario to begin with. */
export async function create({ out, cwd, options }: Context<{ force?: boolean }>, name: string): Promise<undefined> {
  const { newScenario } = await import('../../simulations/scenario/blueprint.ts')
  const file = /\.ya?ml$/.test(name) ? name : `${name}.yaml`
  const path = resolve(cwd, file)
  if (existsSync(path) && !options.force) throw new Fault(2, 'GB-1281', `${file} is there already`, 'another name, or --force')
  writeFileSync(path, newScenario(name.replace(/^.*\//, '').replace(/\.ya?ml$/, '')))
  out.result({ file: path }, `${file}: try  gridbridge sim run ${file}`)
}

/** @throws Fault that names every mistake, with its line */
export function open(file: string, cwd: string): Opened {
  try {
    return openScenario(file, cwd)
  } catch (error) {
    throw ofScenario(error)
  }
}
/** A mistake in a scenario is the user's to mend; everything else stays what it was. */
export function ofScenario(error: unknown, hint = 'see docs/guides/simulate.md; gridbridge sim new writes one'): unknown {
  return error instanceof ScenarioError ? new Fault(2, 'GB-1280', error.faults.join('\n  '), hint) : error
}
/** The manifest goes last: where it is, the others are whole. */
export function writeFiles(dir: string, files: OutputFiles): void {
  try {
    mkdirSync(dir, { recursive: true })
    for (const [name, data] of files) writeFileSync(join(dir, name), data)
  } catch (error) {
    throw new Fault(1, 'GB-1282', `cannot write into ${dir} (${(error as NodeJS.ErrnoException).code})`, 'choose another folder with --out')
  }
}
type Suites = Parameters<typeof import('../../simulations/output/junit.ts')['junitOf']>[1]
export async function writeJunit({ options, cwd }: Context<{ junit?: string }>, name: string, suites: Suites): Promise<void> {
  if (options.junit === undefined) return
  const { junitOf } = await import('../../simulations/output/junit.ts')
  const path = resolve(cwd, options.junit)
  writeFiles(dirname(path), new Map([[path.slice(dirname(path).length + 1), junitOf(name, suites)]]))
}
