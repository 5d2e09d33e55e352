import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { z } from 'zod'
import type * as s from '../api/schemas.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'

type Report = z.output<typeof s.importReport>
type Released = z.output<typeof s.released>

/**
 * A dry run unless `--apply`. Good rows are taken, bad ones go with their errors to a file that can be mended and imported again. Exit 3 when rows
 * were rejected, so that a script notices.
 */
export async function importFile(context: Context<{ apply?: boolean; rejected?: string }>, file: string): Promise<ExitCode> {
  const { out, options, cwd } = context
  const client = await context.client()
  const { body } = await client(`/v1/fleet/import?apply=${options.apply ?? false}`, {
    method: 'POST',
    body: readFile(resolve(cwd, file)),
    contentType: 'text/csv',
    timeoutMs: 600_000,
  })
  const report = body as Report
  const rejectedFile = report.rejectedCsv === '' ? null : resolve(cwd, options.rejected ?? `${file}.rejected.csv`)
  // It may hold passwords, as the file it came from.
  if (rejectedFile !== null) writeFileSync(rejectedFile, report.rejectedCsv, { mode: 0o600 })
  const { rejectedCsv: _, ...counts } = report
  out.result({ ...counts, rejectedFile }, importText(report, rejectedFile))
  return report.rejected > 0 ? 3 : 0
}

/** Pure. Every error names line, column, value and what to do. */
export function importText(r: Report, rejectedFile: string | null): string {
  return [
    ...r.errors.map(
      e =>
        `line ${e.line}${e.column === '' ? '' : `, column ${e.column}`}: ${e.value === '' ? '' : `"${e.value}": `}${e.message} (hint: ${e.hint})`,
    ),
    `${r.rows} rows: ${r.created} created, ${r.updated} updated, ${r.unchanged} unchanged, ${r.rejected} rejected; ${r.newNodes} new nodes`,
    ...(r.withoutConsent > 0 ? [`${r.withoutConsent} without consent: they will not be dispatched`] : []),
    ...r.nodeLimits.map(l => {
      const amps = l.limitA === null ? '' : `${l.limitW === null ? '' : ', '}${l.limitA.L1}, ${l.limitA.L2}, ${l.limitA.L3} A on L1, L2, L3`
      const most = `${l.limitW === null ? '' : `${l.limitW / 1000} kW`}${amps}`
      return `limit of ${l.node}: ${most}${l.error === null ? '' : `; NOT set: ${l.error}`}`
    }),
    ...(r.ignoredColumns.length > 0 ? [`ignored columns: ${r.ignoredColumns.join(', ')}`] : []),
    ...(rejectedFile === null ? [] : [`rejected rows: ${rejectedFile}`]),
    r.applied ? 'applied' : 'dry run: nothing was changed (--apply does it)',
  ].join('\n')
}

export async function release(context: Context, id: string): Promise<ExitCode> {
  const client = await context.client()
  const { body } = await client(`/v1/chargers/${encodeURIComponent(id)}/release`, { method: 'POST', timeoutMs: 120_000 })
  const r = body as Released
  context.out.result(
    r,
    [
      `released ${r.chargers.join(', ')}: ${r.cleared} profiles cleared, ${r.restoredKeys.length} configuration keys put back`,
      `enrolments ended: ${r.programmesEnded.join(', ') || 'none'}`,
      ...(r.failed.length > 0 ? [`NOT undone: ${r.failed.join(', ')}; release it again when it is online`] : []),
    ].join('\n'),
  )
  return r.failed.length > 0 ? 3 : 0
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Fault(2, 'GB-1230', `cannot read ${path} (${(error as NodeJS.ErrnoException).code})`, 'name a CSV file')
  }
}
