import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type * as s from '../api/schemas.ts'
import { pages } from './client.ts'
import type { Context } from './context.ts'

type OptedOut = z.output<typeof s.optedOut>['optOuts'][number]
type Listed = z.output<typeof s.optOutPage>['items'][number]

/** The end is told as an instant, by this machine's clock: `--for` is a length of time from now. */
export async function add(context: Context<{ for?: number; reason: string }>, ...chargers: string[]): Promise<undefined> {
  const { out, options } = context
  const until = options.for === undefined ? {} : { until: new Date(Date.now() + options.for * 1000).toISOString() }
  const client = await context.client()
  const { body } = await client('/v1/opt-outs', {
    body: { chargers, reason: options.reason, ...until },
    headers: { 'idempotency-key': randomUUID() },
  })
  const { optOuts } = body as { optOuts: OptedOut[] }
  out.result(optOuts, optOuts.map(o => `${o.charger}: out until ${o.until ?? 'taken back'} (${o.note})`).join('\n'))
}

export async function list(context: Context): Promise<undefined> {
  const all = await pages<Listed>(await context.client(), '/v1/opt-outs')
  context.out.list(
    all,
    [
      { key: 'charger', title: 'CHARGER' },
      { key: 'reason', title: 'REASON' },
      { key: 'from', title: 'FROM' },
      { key: 'until', title: 'UNTIL' },
    ],
    'charger',
  )
}
