import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import type { SettingSummary } from '../../simulations/sweep/compared.ts'
import type { Param } from '../../simulations/sweep/flags.ts'
import type { Result } from '../../simulations/sweep/result.ts'
import type { Sweep } from '../../simulations/sweep/sweep.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit.ts'
import { table } from './output.ts'
import { untilStopped } from './signals.ts'
import { ofScenario, open, type SimOptions, thresholdLines, writeJunit } from './sim.ts'
import { folderFor, writeResult } from './simFolder.ts'
import { createProgress } from './simProgress.ts'

type SweepOptions = Omit<SimOptions, 'seed'> & { seed: readonly number[]; param: readonly Param[]; workers?: number }

/** A scenario under each setting and seed. What is in the folder already is not played again. Exit 3 where a threshold is broken. */
export async function sweep(context: Context<SweepOptions>, file: string): Promise<ExitCode> {
  const { out, options, cwd } = context
  const opened = open(file, cwd)
  const [{ settingsOf }, { sweepFiles, sweepManifest }, { chartLibrary }, { packageVersion }] = await Promise.all([
    import('../../simulations/sweep/settings.ts'),
    import('../../simulations/sweep/files.ts'),
    import('../report/library.ts'),
    import('../version.ts'),
  ])
  const settings = wrong(() => settingsOf(opened.scenario, options.param))
  const of: Sweep = { settings, seeds: options.seed, folder: opened.folder, version: packageVersion() }
  const dir = resolve(cwd, options.out ?? `sweep-${opened.name}`)
  out.note(`${opened.scenario.name}: ${settings.length} settings x ${of.seeds.length} seeds (${of.seeds[0]} to ${of.seeds.at(-1)})`)
  folderFor(dir, 'gridbridge-sim-sweep-1')
  const results = await played(context, of, dir)
  if (results === undefined) return 130
  const manifest = sweepManifest(opened.scenario, of)
  const { files, summaries } = sweepFiles(manifest, settings, results, { library: chartLibrary(), csv: options.csv ?? false })
  writeResult(dir, files)
  const suites = summaries.map(s => ({ name: s.setting, thresholds: s.thresholds }))
  await writeJunit(context, manifest.scenario, suites)
  const { plain } = await import('../report/model.ts')
  out.result({ ...manifest, settings: plain(summaries), dir, files: [...files.keys()] }, await sweepText(summaries, dir))
  return suites.every(s => s.thresholds.every(t => t.holds)) ? 0 : 3
}
function wrong<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw ofScenario(error)
  }
}

/** Undefined: interrupted. */
async function played({ out, options }: Context<SweepOptions>, of: Sweep, dir: string): Promise<Result[] | undefined> {
  const [{ sweep: play, tasksOf }, { keptIn }, { threads }] = await Promise.all([
    import('../../simulations/sweep/sweep.ts'),
    import('../../simulations/sweep/kept.ts'),
    import('../../simulations/sweep/players.ts'),
  ])
  const kept = keptIn(join(dir, 'results.jsonl'))
  if (kept.unreadable > 0)
    out.note(`${kept.unreadable} lines of ${join(dir, 'results.jsonl')} are no results; their runs are played again.`)
  const runs = wrong(() => tasksOf(of)).length
  const players = threads(Math.min(options.workers ?? availableParallelism(), runs), of.settings, of.folder)
  const progress = createProgress(out, 'playing')
  const { stopped, release } = untilStopped()
  let isStopped = false
  let done = 0
  void stopped.then(() => {
    isStopped = true
  })
  try {
    return await play(of, players, kept, {
      onProgress: (n, all, before) => {
        done = n
        progress.tell(n / all, `${n} of ${all} runs`, before / all)
      },
      isStopped: () => isStopped,
    })
  } catch (error) {
    throw ofScenario(error)
  } finally {
    progress.clear()
    if (isStopped)
      out.note(`Interrupted with ${done} of ${runs} runs in ${join(dir, 'results.jsonl')}; the same command goes on from there.`)
    release()
    await players.close()
  }
}

async function sweepText(summaries: readonly SettingSummary[], dir: string): Promise<string> {
  const { figureText } = await import('../../simulations/output/junit.ts')
  const names = Object.keys(summaries[0]!.figures).filter(n =>
    /^delivered$|\.(meteredRatio|trueRatio|reboundPeakRatio)$|^(peakW|unmetWh)$/.test(n),
  )
  const rows = names.flatMap(figure =>
    summaries.map((s, k) => {
      const [f, d] = [s.figures[figure]!, s.paired[figure]]
      return {
        figure: k === 0 ? figure : '',
        setting: s.setting,
        ...Object.fromEntries((['mean', 'p05', 'p50', 'p95'] as const).map(stat => [stat, figureText(f[stat])])),
        difference: d ? `${figureText(d.mean)} ± ${figureText(d.ci95)}` : '',
      }
    }),
  )
  const columns = [
    { key: 'figure', title: 'FIGURE' },
    { key: 'setting', title: 'SETTING' },
    ...['mean', 'p05', 'p50', 'p95'].map(key => ({ key, title: key.toUpperCase(), right: true })),
    ...(summaries.length > 1 ? [{ key: 'difference', title: `AGAINST ${summaries[0]!.setting}`, right: true }] : []),
  ]
  const thresholds = await Promise.all(summaries.map(s => thresholdLines(s.thresholds, summaries.length > 1 ? `${s.setting}: ` : '')))
  return [table(rows, columns), '', ...thresholds.flat(), `report     ${join(dir, 'report.html')}`].join('\n')
}
