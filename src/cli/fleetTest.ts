import { randomUUID } from 'node:crypto'
import type { LimitRequest } from '../operations/limit.ts'
import type { Context } from './context.ts'

type Options = { limit?: LimitRequest; for?: number; programme?: string }
type Started = { event: string; programme: string; usable: number; excluded: number; from: string; until: string }

/** A short real event; `event show` tells who passed once it is verified. */
export async function test(context: Context<Options>, target: string): Promise<undefined> {
  const { out, options } = context
  const { limit, programme } = options
  const client = await context.client()
  const { body } = await client('/v1/fleet/tests', {
    body: { target, limit, holdS: options.for, programme },
    headers: { 'idempotency-key': randomUUID() },
  })
  const t = body as Started
  const text = `test ${t.event} under ${t.programme}: ${t.usable} chargers, ${t.excluded} excluded, ${t.from} to ${t.until}\nWho passed, by meters, some minutes after its end:\n  gridbridge event show ${t.event}`
  out.result(t, out.quiet ? t.event : text)
}
