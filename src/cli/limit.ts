import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type * as l from '../api/routes/limits.ts'
import type { Context } from './context.ts'
import type { Amps } from './flags.ts'
import { watts } from './output.ts'

type NodeLimit = z.output<typeof l.nodeLimit>
type Cleared = z.output<typeof l.limitCleared>

const pathOf = (node: string): string => `/v1/nodes/${encodeURIComponent(node)}/limit`

export async function set(context: Context<{ programme?: string; amps?: Amps }>, node: string, kw: string | undefined): Promise<undefined> {
  const { out, options } = context
  const client = await context.client()
  const { body } = await client(pathOf(node), {
    method: 'PUT',
    body: {
      ...(kw === undefined ? {} : { limitW: Math.round(Number(kw) * 1000) }),
      ...(options.amps === undefined ? {} : { limitA: options.amps }),
      ...(options.programme === undefined ? {} : { programme: options.programme }),
    },
    headers: { 'idempotency-key': randomUUID() },
  })
  out.result(body, out.quiet ? (body as NodeLimit).event : limitText(body as NodeLimit))
}

/** Pure. */
export function limitText(x: NodeLimit): string {
  return [
    `${x.node.path}: at most ${watts(x.limitW)}${x.limitA === null ? '' : `, and on L1, L2, L3 ${x.limitA.L1}, ${x.limitA.L2}, ${x.limitA.L3} A,`} since ${x.since}, until cleared (set by ${x.setBy}, programme ${x.programme}, event ${x.event})`,
    `  ${x.usable} of ${x.chargers} chargers may be limited; the others count at what they draw`,
    ...(x.unreachableW > 0 ? [`  ▲ ${watts(x.unreachableW)} above it even with all of them paused`] : []),
  ].join('\n')
}

export async function list(context: Context): Promise<undefined> {
  const client = await context.client()
  const { body } = await client('/v1/limits')
  const rows = (body as { items: NodeLimit[] }).items.map(x => ({ ...x, node: x.node.path, limitKw: x.limitW / 1000 }))
  context.out.list(
    rows,
    [
      { key: 'node', title: 'NODE' },
      { key: 'limitKw', title: 'KW' },
      { key: 'programme', title: 'PROGRAMME' },
      { key: 'since', title: 'SINCE' },
      { key: 'setBy', title: 'SET BY' },
    ],
    'node',
  )
}

export async function clear(context: Context, node: string): Promise<undefined> {
  const client = await context.client()
  const { body } = await client(pathOf(node), { method: 'DELETE', headers: { 'idempotency-key': randomUUID() } })
  const x = body as Cleared
  context.out.result(x, context.out.quiet ? x.event : `${x.node.path}: no limit any more; its chargers are all free by ${x.freeBy}`)
}
