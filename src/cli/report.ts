import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import type { EventReport } from '../report/model.ts'
import type { Client } from './client.ts'
import type { Context } from './context.ts'
import { Fault } from './exit.ts'
import { wattHours } from './output.ts'
import { ownCommand, quoted } from './ownCommand.ts'

export const reportFormats = ['html', 'csv', 'parquet'] as const
export type ReportFormat = (typeof reportFormats)[number]
type ReportOptions = {
  out?: string
  format: readonly ReportFormat[]
  withNames?: boolean
  db?: string
  timeZone: string
}
/** Chargers of one answer of the bridge. */
const PAGE = 20_000

/**
 * Everything about one event as files: a page that needs nothing else, CSV and Parquet. From the running bridge, or with `--db` from its file, which
 * spares a bridge with a long log the work.
 */
export async function report(context: Context<ReportOptions>, id: string): Promise<undefined> {
  const { out, options, cwd } = context
  const made = options.db === undefined ? await fromBridge(await context.client(), id, options) : await fromFile(context, options.db, id)
  const dir = within(cwd, options.out ?? `report-${made.event.no}`)
  const files = await write(made, dir, options)
  const verdict = made.verdicts.at(-1)?.verification
  const said = verdict
    ? `${verdict.verdict}, ${wattHours(verdict.deliveredWh)} of ${wattHours(verdict.askedWh)} delivered`
    : 'not verified yet'
  out.result(
    { event: made.event.id, no: made.event.no, verdict: verdict?.verdict ?? null, dir, files },
    [`${made.event.id}: ${said}`, ...files.map(f => `  ${join(dir, f)}`)].join('\n'),
  )
}
const within = (cwd: string, path: string): string => (isAbsolute(path) ? path : join(cwd, path))

async function fromFile({ cwd, options }: Context<ReportOptions>, db: string, id: string): Promise<EventReport> {
  const [{ recordReader }, { eventReport }, { packageVersion }] = await Promise.all([
    import('../main.ts'),
    import('../operations/report.ts'),
    import('../version.ts'),
  ])
  const path = within(cwd, db)
  const from = (await recordReader())(path)
  try {
    const command = `${ownCommand(cwd)} audit verify ${quoted(path)} --key ${quoted(join(dirname(path), 'audit.pub'))}`
    const made = await eventReport(from, id, { nowMs: Date.now(), version: packageVersion(), command, withNames: options.withNames })
    if (made === undefined) throw new Fault(5, 'GB-1303', `no event ${JSON.stringify(id)} in ${path}`, 'use its id or its number')
    return made
  } finally {
    from.close()
  }
}

async function fromBridge(client: Client, id: string, { withNames }: ReportOptions): Promise<EventReport> {
  const path = `/v1/events/${encodeURIComponent(id)}/report`
  const names = withNames ? 'names=true' : 'names=false'
  const { body } = await client(`${path}?${names}`, { timeoutMs: 600_000 })
  const head = body as Omit<EventReport, 'chargers'>
  const columns: Record<string, (number | null)[]> = {}
  for (let from = 0; from < head.event.members; from += PAGE) {
    const page = (await client(`${path}/chargers?from=${from}&limit=${PAGE}&${names}`, { timeoutMs: 600_000 })).body as typeof columns
    for (const [name, values] of Object.entries(page)) for (const value of values) (columns[name] ??= []).push(value)
  }
  const { noChargers } = await import('../report/model.ts')
  return { ...head, chargers: { ...noChargers, ...(columns as unknown as EventReport['chargers']) } }
}

async function write(made: EventReport, dir: string, options: ReportOptions): Promise<string[]> {
  const [{ reportPage }, { chartLibrary }, { parquetTables, tablesOf }, { csvOf }] = await Promise.all([
    import('../report/page.ts'),
    import('../report/library.ts'),
    import('../report/tables.ts'),
    import('../report/csv.ts'),
  ])
  const wants = new Set(options.format)
  const tables = tablesOf(made)
  const csv = wants.has('csv') ? tables.map(t => `${t.name}.csv`) : []
  const parquet = wants.has('parquet') ? [...parquetTables].map(name => `${name}.parquet`) : []
  // the page first: a zone that does not exist must not leave half of the files behind
  const page = wants.has('html')
    ? reportPage(made, { library: chartLibrary(), zone: options.timeZone, files: [...csv, ...parquet] })
    : undefined
  mkdirSync(dir, { recursive: true })
  if (page !== undefined) writeFileSync(join(dir, 'report.html'), page)
  for (const table of tables) if (wants.has('csv')) writeInPieces(join(dir, `${table.name}.csv`), csvOf(table))
  if (wants.has('parquet')) {
    const { parquetOf } = await import('../report/parquet.ts')
    for (const table of tables) if (parquetTables.has(table.name)) writeFileSync(join(dir, `${table.name}.parquet`), parquetOf(table))
  }
  return [...(page === undefined ? [] : ['report.html']), ...csv, ...parquet]
}
function writeInPieces(file: string, pieces: Iterable<string>): void {
  const fd = openSync(file, 'w')
  try {
    for (const piece of pieces) writeSync(fd, piece)
  } finally {
    closeSync(fd)
  }
}
