import { study } from '../../simulations/reference/study.ts'
import type { Context } from './context.ts'
import { percent, table, wattHours, watts } from './output.ts'
import { ofScenario, open } from './sim.ts'
import { createProgress } from './simProgress.ts'

/** The cars of a scenario under one cap: by schedulers of the literature, and by the product under each of its policies. */
export async function reference({ out, options, cwd }: Context<{ seed?: string; cap?: string }>, file: string): Promise<undefined> {
  const { scenario, folder } = open(file, cwd)
  const seed = options.seed ?? String(scenario.seed)
  const progress = createProgress(out, 'playing')
  const found = await study(scenario, {
    seed,
    folder,
    capW: options.cap === undefined ? undefined : 1000 * Number(options.cap),
    onProgress: share => progress.tell(share),
  }).catch(error => {
    throw ofScenario(error)
  })
  progress.clear()
  const rows = found.rows.map(r => ({
    algorithm: r.algorithm,
    energy: wattHours(r.energyWh),
    met: percent(r.demandsMetShare),
    peak: watts(r.peakW),
  }))
  const columns = [
    { key: 'algorithm', title: 'ALGORITHM' },
    { key: 'energy', title: 'ENERGY', right: true },
    { key: 'met', title: 'DEMANDS MET', right: true },
    { key: 'peak', title: 'PEAK', right: true },
  ]
  out.result(
    { scenario: scenario.name, seed, ...found },
    `${scenario.name}, seed ${seed}: ${found.sessions} cars under ${watts(found.capW)}\n\n${table(rows, columns)}`,
  )
}
