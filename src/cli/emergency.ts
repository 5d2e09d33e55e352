import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type * as s from '../api/schemas.ts'
import type { LimitRequest } from '../operations/limit.ts'
import { limitText } from '../operations/limit.ts'
import type { Context } from './context.ts'
import { watts } from './output.ts'

type Order = z.output<typeof s.order>
type Operated = z.output<typeof s.operated>
type SelectOptions = { limit: LimitRequest; for: number; programme?: string; basis?: string; test?: boolean }

/** Step one: nothing is sent. The node is locked for 30 s. */
export async function select(context: Context<SelectOptions>, node: string): Promise<undefined> {
  const { out, options } = context
  const { limit, programme, basis, test } = options
  const client = await context.client()
  const { body } = await client('/v1/dispatch-orders', {
    body: { node, limit, durationS: options.for, programme, basis, test },
    headers: { 'idempotency-key': randomUUID() },
  })
  out.result(body, out.quiet ? (body as Order).id : orderText(body as Order))
}

/** Pure. What it would do, whom it touches, what stands against it. */
export function orderText(o: Order): string {
  const e = o.effect
  return [
    `${o.id}: limit ${limitText(o.limit as LimitRequest)} on ${o.node.path} for ${o.durationS} s${o.test ? ' (TEST: commands nobody)' : ''}`,
    `  expected: ${watts(e.cutW)} less of ${watts(e.loadW)}, from ${e.commanded} of ${e.chargers} chargers; ${o.driversTouched} drivers are charging now`,
    ...(e.unreachableW > 0 ? [`  ▲ ${watts(e.unreachableW)} of it cannot be reached`] : []),
    `  not commanded: ${e.unconsented} without consent, ${e.optedOut} opted out, ${e.refused} refused, ${e.notEnrolled} not enrolled; commanded but offline: ${e.offline}`,
    `  starts at once, not randomised; comes back spread over ${o.restoreS} s`,
    ...o.conflicts.map(c => `  ▲ overlaps ${c.event} (${c.class}) until ${c.until ?? 'its end'}`),
    ...o.warnings.map(w => `  ▲ ${w}`),
    `Selected, not sent. Expires in ${Math.ceil(o.expiresInS)} s. Fire it with:`,
    `  gridbridge emergency operate ${o.id} --reason CODE`,
  ].join('\n')
}

/** Step two. Only the order as it was selected: the bridge refuses if it expired, was changed or is another's. */
export async function operate(context: Context<{ reason: string; text?: string }>, id: string): Promise<undefined> {
  const { out, options } = context
  const client = await context.client()
  const path = `/v1/dispatch-orders/${encodeURIComponent(id)}`
  const order = await client(path)
  const { body } = await client(`${path}/operate`, {
    body: { reason: options.reason, ...(options.text === undefined ? {} : { text: options.text }) },
    headers: { 'if-match': (order.body as Order).etag, 'idempotency-key': randomUUID() },
  })
  const o = body as Operated
  out.result(
    o,
    out.quiet ? o.event : `operated: event ${o.event}, ${o.usable} chargers may be used, ${o.excluded} excluded, until ${o.until}`,
  )
}

/** Instead of step two: the node is free for another order at once. */
export async function putBack({ client, out }: Context, id: string): Promise<undefined> {
  const { body } = await (await client())(`/v1/dispatch-orders/${encodeURIComponent(id)}`, { method: 'DELETE' })
  const o = body as Order
  out.result(o, out.quiet ? o.id : `put back: ${o.id}; ${o.node.path} can be selected again, nothing was sent`)
}
