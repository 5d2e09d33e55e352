import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'csv-parse/sync'
import { instantOf } from '../operations/meterCsv.ts'
import type { NominatedValue, NominationView } from '../operations/nominations.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault } from './exit.ts'
import { watts } from './output.ts'

/** Says of a node what it will draw, from a CSV file of half hours. Exit 3 where some of it came after the deadline: it is on record, and does not count. */
export async function nominate(context: Context, node: string, file: string): Promise<ExitCode> {
  const { out, cwd } = context
  const values = valuesIn(textOf(resolve(cwd, file)))
  const client = await context.client()
  const { body } = await client('/v1/nominations', { body: { node, values }, headers: { 'idempotency-key': randomUUID() } })
  const made = body as NominationView
  out.result(made, nominationText(made))
  return made.late > 0 ? 3 : 0
}

export async function nominations(context: Context<{ node?: string }>): Promise<undefined> {
  const { node } = context.options
  const client = await context.client()
  const { body } = await client(`/v1/nominations${node === undefined ? '' : `?${new URLSearchParams({ node })}`}`)
  const { items } = body as { items: NominationView[] }
  context.out.list(
    context.options.json ? items : items.map(x => ({ ...x, node: x.node.path, values: x.values.filter(v => v.w !== null).length })),
    [
      { key: 'node', title: 'NODE' },
      { key: 'from', title: 'FROM' },
      { key: 'until', title: 'UNTIL' },
      { key: 'recorded', title: 'RECORDED' },
      { key: 'values', title: 'HALF HOURS', right: true },
      { key: 'late', title: 'LATE', right: true },
    ],
    'node',
  )
}

/** Pure. A column of starts (`from_utc`, `from` or `start`; UTC where there is no offset) and one of mean power, `kw`; empty: nothing is said of that half hour. */
export function valuesIn(text: string): NominatedValue[] {
  const rows = rowsIn(text)
  const head = (rows.shift() ?? []).map(name => name.toLowerCase())
  const [time, kw] = [head.findIndex(name => ['from_utc', 'from', 'start'].includes(name)), head.indexOf('kw')]
  if (time < 0 || kw < 0)
    throw new Fault(2, 'GB-1271', `no nomination: its columns are ${head.join(', ')}`, 'begin with a line: from_utc,kw')
  return rows.map((cells, k) => {
    const atS = instantOf(cells[time] ?? '', 'UTC')
    const value = cells[kw] ?? ''
    const wrong = atS === undefined ? cells[time] : value !== '' && !Number.isFinite(Number(value)) ? value : undefined
    if (wrong !== undefined || atS === undefined)
      throw new Fault(2, 'GB-1272', `row ${k + 1} of the nomination: "${wrong}"`, 'as in 2026-11-23T17:00:00Z,120.5')
    return { from: new Date(atS * 1000).toISOString(), w: value === '' ? null : Math.round(Number(value) * 1000) }
  })
}

function rowsIn(text: string): string[][] {
  try {
    return parse(text, { bom: true, skip_empty_lines: true, trim: true, relax_column_count: true }) as string[][]
  } catch (error) {
    throw new Fault(
      2,
      'GB-1271',
      `no nomination: ${(error as Error).message}`,
      'a quoted field that is not closed swallows the rest of the file',
    )
  }
}

/** Pure. */
export function nominationText(x: NominationView): string {
  const known = x.values.flatMap(v => (v.w === null ? [] : [v.w]))
  return [
    `${x.node.path}: ${known.length} half hours nominated, ${x.from} to ${x.until}, at most ${watts(known.reduce((most, w) => Math.max(most, w), 0))}`,
    ...(x.late > 0
      ? [`  ▲ ${x.late} of them came after noon of the day before: on record, and not counted unless the programme has another deadline`]
      : []),
  ].join('\n')
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Fault(2, 'GB-1273', `cannot read ${path} (${(error as NodeJS.ErrnoException).code})`, 'name a CSV file: from_utc,kw')
  }
}
