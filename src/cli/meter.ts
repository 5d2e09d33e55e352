import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { z } from 'zod'
import type * as r from '../api/routes/readings.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'

type Report = z.output<typeof r.imported>
type Meters = z.output<typeof r.meterList>
type Options = { apply?: boolean; node: string; name?: string; kind: string; unit: string; sign: string; stamp: string; step: number }

/** A dry run unless `--apply`. Every row that cannot be used is named; exit 3 where there was one, so that a script notices. */
export async function importFile(context: Context<Options>, file: string): Promise<ExitCode> {
  const { out, options, cwd } = context
  const { apply = false, step, node, name, kind, unit, sign, stamp } = options
  const query = new URLSearchParams({ apply: String(apply), stepS: String(step), node, kind, unit, sign, stamp, ...(name && { name }) })
  const client = await context.client()
  const { body } = await client(`/v1/meters/import?${query}`, {
    method: 'POST',
    body: readFile(resolve(cwd, file)),
    contentType: 'text/csv',
    timeoutMs: 600_000,
  })
  const report = body as Report
  out.result(report, importText(report))
  return report.errors.length > 0 ? 3 : 0
}

/** Pure. Every error names line, column, value and what to do. */
export function importText(x: Report): string {
  return [
    ...x.errors.map(e => `line ${e.line}, column ${e.column}: "${e.value}" ${e.message} (hint: ${e.hint})`),
    `${x.rows} rows: ${x.readings} readings of ${x.meters.join(', ') || 'no meter'}, ${x.duplicates} said twice, ${x.errors.length} not usable`,
    x.applied ? 'applied' : 'dry run: nothing was changed (--apply does it)',
  ].join('\n')
}

export async function list(context: Context): Promise<undefined> {
  const client = await context.client()
  const { body } = await client('/v1/meters')
  const rows = (body as Meters).items.map(m => ({ ...m, node: m.node.path, stepMin: m.stepS / 60 }))
  context.out.list(
    rows,
    [
      { key: 'name', title: 'METER' },
      { key: 'kind', title: 'KIND' },
      { key: 'node', title: 'NODE' },
      { key: 'stepMin', title: 'MIN' },
      { key: 'unit', title: 'UNIT' },
      { key: 'sign', title: 'POSITIVE' },
    ],
    'name',
  )
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Fault(2, 'GB-1270', `cannot read ${path} (${(error as NodeJS.ErrnoException).code})`, 'name a CSV file')
  }
}
