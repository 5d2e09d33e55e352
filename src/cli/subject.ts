import { resolve } from 'node:path'
import type { Erasure } from '../operations/erasure.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit.ts'
import { writePrivate } from './output.ts'

/** The person's data as JSON, to stdout or to a file that only its owner may read. */
export async function exportOne(context: Context<{ out?: string }>, id: string): Promise<undefined> {
  const { out, options, cwd } = context
  const { body } = await (await context.client())(`/v1/subjects/${encodeURIComponent(id)}`, { timeoutMs: 600_000 })
  const text = JSON.stringify(body, null, 2)
  if (options.out === undefined) return void out.result(body, text)
  writePrivate(resolve(cwd, options.out), `${text}\n`)
  out.note(`written: ${options.out}`)
}

export async function erase(context: Context<{ apply?: boolean; also?: string[] }>, id: string): Promise<ExitCode> {
  const client = await context.client()
  const path = `/v1/subjects/${encodeURIComponent(id)}/erasure`
  const { body } = await client(path, {
    body: { apply: context.options.apply ?? false, also: context.options.also ?? [] },
    timeoutMs: 600_000,
  })
  const e = body as Erasure
  context.out.result(e, erasureText(e))
  return e.isGone && e.notUndone.length === 0 ? 0 : 3
}

/** Pure. */
export function erasureText(e: Erasure): string {
  const of = e.subject === 'token' ? 'a token' : `box ${e.station} with chargers ${e.chargers.join(', ')}`
  return [
    `${e.applied ? 'erased' : 'would erase'}: ${of}`,
    `  ${e.names} names, ${e.settings} settings, ${e.readings} readings, ${e.blobs} messages, texts and power columns of the log`,
    ...(e.notUndone.length > 0 ? [`  NOT put back at the box: ${e.notUndone.join(', ')}`] : []),
    ...(e.isGone ? [] : ['  NOT gone from the files yet']),
    `  ${e.hint}`,
  ].join('\n')
}
