import { basename, dirname, resolve } from 'node:path'
import { compared, readKept, rowCells } from '../../simulations/output/compare.ts'
import type { Context } from './context.ts'
import { table } from './output.ts'
import { ofScenario, writeFiles } from './sim.ts'

/** What two runs, or two sweeps, differ in: a table, and with `--out` a page. */
export async function compare({ out, options, cwd }: Context<{ out?: string }>, dirA: string, dirB: string): Promise<undefined> {
  const { differs } = await import('../../simulations/sweep/page.ts')
  const { figureText } = await import('../../simulations/output/junit.ts')
  const found = read(cwd, dirA, dirB)
  const rows = found.of.flatMap(({ setting, rows }) =>
    rows.map(row => {
      const [figure, a, b, delta, change] = rowCells(row)
      const ci = row.spread ? { ci95: `± ${figureText(row.spread.ci95)}`, different: differs(row.spread) } : {}
      return { setting, figure, a, b, delta, change, ...ci }
    }),
  )
  const columns = [
    ...(found.of.length > 1 ? [{ key: 'setting', title: 'SETTING' }] : []),
    { key: 'figure', title: 'FIGURE' },
    ...['a', 'b', 'delta', 'change'].map(key => ({ key, title: key === 'delta' ? 'B - A' : key.toUpperCase(), right: true })),
    ...(found.a.kind === 'sweep'
      ? [
          { key: 'ci95', title: '95 % CI', right: true },
          { key: 'different', title: 'DIFFERENT' },
        ]
      : []),
  ]
  if (options.out !== undefined) {
    const [{ comparePage }, { chartLibrary }] = await Promise.all([
      import('../../simulations/output/comparePage.ts'),
      import('../report/library.ts'),
    ])
    const path = resolve(cwd, options.out)
    writeFiles(dirname(path), new Map([[basename(path), comparePage(found, chartLibrary())]]))
  }
  const { remarks, of, a, b } = found
  out.result(
    {
      a: a.manifest,
      b: b.manifest,
      remarks,
      settings: of.map(({ loads: _, ...c }) => c),
      ...(options.out && { page: resolve(cwd, options.out) }),
    },
    [...remarks.map(r => `note: ${r}`), table(rows, columns), ...(options.out ? [`page       ${resolve(cwd, options.out)}`] : [])].join(
      '\n',
    ),
  )
}
function read(cwd: string, dirA: string, dirB: string) {
  try {
    return compared(readKept(resolve(cwd, dirA), dirA), readKept(resolve(cwd, dirB), dirB))
  } catch (error) {
    throw ofScenario(error, 'gridbridge sim compare --help')
  }
}
