import { resolve } from 'node:path'
import type { Copy, Erasure } from '../operations/erasure.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit.ts'
import { writePrivate } from './output.ts'

/** The person's data as JSON, to stdout or to a file that only its owner may read. */
export async function exportOne(context: Context<{ out?: string; also?: string[] }>, id: string): Promise<undefined> {
  const { out, options, cwd } = context
  const also = (options.also ?? []).map(name => `also=${encodeURIComponent(name)}`).join('&')
  const path = `/v1/subjects/${encodeURIComponent(id)}${also && `?${also}`}`
  const { body } = await (await context.client())(path, { asBytes: true, timeoutMs: 600_000 })
  const text = (body as Buffer).toString('utf8')
  if (options.out === undefined) return void out.result(JSON.parse(text) as object, text)
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
    ...e.copies.map(copyText),
    `  ${e.hint}`,
  ].join('\n')
}

const copyNames: Record<Copy['kind'], string> = { backup: 'backup', archive: 'archive of a closed log', replaced: 'set aside by a restore' }
function copyText({ kind, path, made, until, isSeen }: Copy): string {
  const age = made === null ? '' : `, made ${made}`
  return `  not reached: ${path} (${copyNames[kind]}${age}), ${until === null ? 'until you remove it' : `until ${until}`}${isSeen ? '' : '; its folder cannot be looked into now'}`
}
