import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Context } from './context.ts'
import { percent, watts } from './output.ts'

type Listed = {
  id: string
  state: string
  kind: string
  cadence: string
  node: string
  firstDay: string
  days: number
  deadline: string
  revision: number
  sent: string | null
  chargers: number
  coverage: number
  error: { days: number; mpe: number | null; maeW: number | null; cvrmse: number | null }
}
type Full = Listed & { slots: { from: string; w: number | null }[] }
const path = (id: string): string => `/v1/submissions/${encodeURIComponent(id)}`

export async function list(context: Context): Promise<undefined> {
  const { body } = await (await context.client())('/v1/submissions')
  const { items } = body as { items: Listed[] }
  context.out.list(
    context.options.json ? items : items.map(x => ({ ...x, error: percent(x.error.cvrmse) })),
    [
      { key: 'state', title: 'STATE' },
      { key: 'deadline', title: 'DEADLINE' },
      { key: 'kind', title: 'KIND' },
      { key: 'firstDay', title: 'FROM' },
      { key: 'days', title: 'DAYS', right: true },
      { key: 'node', title: 'NODE' },
      { key: 'revision', title: 'REVISION', right: true },
      { key: 'error', title: 'CVRMSE', right: true },
      { key: 'id', title: 'ID' },
    ],
    'id',
  )
}

type DraftOptions = { readonly kind: string; readonly cadence: string; readonly day?: string; readonly deadline?: string }
export async function draft(context: Context<DraftOptions>, node: string): Promise<undefined> {
  const { kind, cadence, day, deadline } = context.options
  const { body } = await (await context.client())('/v1/submissions', {
    body: { node, kind, cadence, ...(day === undefined ? {} : { day }), ...(deadline === undefined ? {} : { deadline }) },
    timeoutMs: 300_000,
  })
  context.out.result(body, draftText(body as Full))
}

/** Writes the file that a person uploads, and only then says that this revision was sent. */
export async function send(context: Context<{ out?: string }>, id: string): Promise<undefined> {
  const { out, options, cwd } = context
  const client = await context.client()
  const { revision } = (await client(path(id))).body as Full
  const { body: file } = await client(path(id), { headers: { accept: 'text/csv, application/problem+json' } })
  const name = options.out ?? `${id}.csv`
  writeFileSync(resolve(cwd, name), String(file))
  const { body } = await client(`${path(id)}/sent`, { body: { revision } })
  const sent = body as Full
  out.note(`written: ${name}`)
  out.result(
    sent,
    `${sent.id}: revision ${sent.revision} ${sent.state === 'late' ? `▲ sent late, its deadline was ${sent.deadline}` : 'sent'}`,
  )
}

/** Pure. */
export function draftText(x: Full): string {
  const known = x.slots.flatMap(slot => (slot.w === null ? [] : [slot.w]))
  const highest = known.reduce((most, w) => Math.max(most, w), 0)
  return [
    `${x.id}: ${x.state}, revision ${x.revision}, due by ${x.deadline}`,
    `  ${x.kind} of ${x.node} (${x.chargers} chargers, coverage ${percent(x.coverage)} of the past), ${x.days} ${x.days === 1 ? 'day' : 'days'} from ${x.firstDay}`,
    known.length === 0
      ? '  ▲ nothing is known to say it from: no readings of the last weeks'
      : `  ${known.length} of ${x.slots.length} half hours known, at most ${watts(highest)}`,
    `  forecast: mean of the same weekday and half hour of the last 4 weeks; in the last ${x.error.days} days bias ${percent(x.error.mpe)}, mean error ${watts(x.error.maeW)}, CV(RMSE) ${percent(x.error.cvrmse)}`,
    `  next: gridbridge submission send ${x.id}`,
  ].join('\n')
}
