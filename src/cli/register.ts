import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { RegisterEntry } from '../operations/register.ts'
import { askText } from '../report/words.ts'
import { pages } from './client.ts'
import type { Context } from './context.ts'
import { exemptionText } from './event.ts'
import { clock, wattHours, watts } from './output.ts'

export async function list(context: Context<{ unreviewed?: boolean }>): Promise<undefined> {
  const path = `/v1/register${context.options.unreviewed ? '?unreviewed=true' : ''}`
  const all = await pages<RegisterEntry>(await context.client(), path)
  const rows = all.map(e => ({
    ...e,
    area: e.targets.join(', '),
    who: e.by ?? e.peer,
    cut: e.metered ? watts(e.metered.beforeW - e.metered.nowW) : '-',
    review: e.needsReview ? '▲ owed' : e.review ? `by ${e.review.by}` : '-',
  }))
  context.out.list(
    context.options.json ? all : rows,
    [
      { key: 'no', title: 'NO', right: true },
      { key: 'from', title: 'FROM' },
      { key: 'durationS', title: 'S', right: true },
      { key: 'state', title: 'STATE' },
      { key: 'area', title: 'TARGET' },
      { key: 'who', title: 'WHO' },
      { key: 'reason', title: 'REASON' },
      { key: 'commanded', title: 'CHARGERS', right: true },
      { key: 'cut', title: 'CUT', right: true },
      { key: 'review', title: 'REVIEW' },
    ],
    'event',
  )
}

export async function show(context: Context, id: string): Promise<undefined> {
  const { body } = await (await context.client())(`/v1/register/${encodeURIComponent(id)}`)
  context.out.result(body, entryText(body as RegisterEntry))
}

/** Pure. */
export function entryText(e: RegisterEntry): string {
  const steps = e.steps.map(
    x =>
      `  ${`+${clock(x.afterS)}`.padStart(8)}  ${stepTexts[x.step] ?? x.step}: ${x.chargers.length > 5 ? `${x.chargers.length} chargers` : x.chargers.join(', ')}`,
  )
  return [
    `Emergency ${e.no}, event ${e.event}: ${e.state}${e.test ? ' (TEST)' : ''}`,
    `  who         ${e.by ? `${e.by}, an operator` : `${e.peer} over ${e.adapter}`} (credential ${e.credential})`,
    `  what        ${e.intervals.map(x => askText(x.ask)).join(', ')} on ${e.targets.join(', ')}`,
    `  why         ${e.why}${e.basis ? `; ground: ${e.basis}` : ''}`,
    `  no delay    ${e.exemption ? exemptionText(e.exemption) : 'no exemption from random delay is claimed'}`,
    `  when        ${e.from} to ${e.until ?? 'no end'}${e.durationS === null ? '' : `, ${e.durationS} s`}; received ${e.received}`,
    `  chargers    ${e.commanded} commanded${e.firstCommandAfterS === null ? '' : `, the first after ${e.firstCommandAfterS} s`}; ${e.excluded} excluded; ${e.drawing} drew ${watts(e.drawnW)} before`,
    `  effect      ${e.metered ? `${watts(e.metered.beforeW)} -> ${watts(e.metered.nowW)}, ${e.metered.chargers} metered` : 'not metered'}${e.verified ? `; ${e.verified.verdict}, ${wattHours(e.verified.deliveredWh)} less` : ''}`,
    `  last resort ${steps.length === 0 ? 'none' : ''}`.trimEnd(),
    ...steps,
    `  overrides   ${e.overrides.reduce((n, x) => n + x.chargers, 0)}`,
    `  beyond routine: ${e.beyond.join(', ') || 'nothing'}`,
    ...(e.budget.near + e.budget.passed > 0
      ? [`  ▲ budget of the year: ${e.budget.near} chargers or more at 80 %, ${e.budget.passed} beyond it`]
      : []),
    e.review
      ? `  reviewed    ${e.review.at} by ${e.review.by}: ${e.review.note}`
      : e.needsReview
        ? `  ▲ review owed: gridbridge register review ${e.no} --by NAME --note TEXT`
        : '  no review owed',
  ].join('\n')
}
const stepTexts: Readonly<Record<string, string>> = {
  zero: 'set to 0 A',
  stop: 'session stopped',
  disable: 'taken out of service',
  enable: 'put back into service',
}

/** JSON or CSV, to a file or to stdout. */
export async function exportAll(context: Context<{ anonymous?: boolean; format: 'csv' | 'json'; out?: string }>): Promise<undefined> {
  const { options, out, cwd } = context
  const client = await context.client()
  const path = options.anonymous ? '/v1/register/export' : '/v1/register'
  const text =
    options.format === 'csv'
      ? String((await client(path, { headers: { accept: 'text/csv' } })).body)
      : `${JSON.stringify(options.anonymous ? ((await client(path)).body as { items: unknown }).items : await pages(client, path), null, 2)}\n`
  if (options.out === undefined) return void out.result(text, text)
  writeFileSync(resolve(cwd, options.out), text)
  out.note(`written: ${options.out}`)
}

export async function review(context: Context<{ by: string; note: string }>, id: string): Promise<undefined> {
  const { out, options } = context
  const { body } = await (await context.client())(`/v1/register/${encodeURIComponent(id)}/review`, {
    body: { by: options.by, note: options.note },
  })
  out.result(body, entryText(body as RegisterEntry))
}
