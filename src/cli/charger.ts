import type { z } from 'zod'
import type * as s from '../api/schemas.ts'
import type { Context } from './context.ts'
import { watts } from './output.ts'

type Limits = z.output<typeof s.chargerLimits>

export async function limits(context: Context, id: string): Promise<undefined> {
  const client = await context.client()
  const { body } = await client(`/v1/chargers/${encodeURIComponent(id)}/limits`)
  context.out.result(body, limitsText(body as Limits))
}

/** Pure. In the words of the one who stands before the charger. */
export function limitsText(l: Limits): string {
  const who = (x: NonNullable<Limits['limited']>) =>
    `${watts(x.limitW)} until ${x.until ?? 'further notice'}: ${x.why}${x.who === null ? '' : ` (${x.who.adapter} ${x.who.peer}, event ${x.event}${x.programme === null ? '' : `, programme ${x.programme}`})`}`
  return [
    `${l.charger} (${l.online ? 'online' : 'offline'}): ${l.limited === null ? 'free' : `limited to ${who(l.limited)}`}`,
    ...l.next.map(n => `  next from ${n.since}: ${who(n)}`),
    `  the charger holds what is planned: ${l.held}`,
    ...(l.limited === null && l.next.length === 0
      ? []
      : [`  override: ${l.override.allowed ? l.override.how : `not allowed: ${l.override.how}`}`]),
    ...l.optOuts.map(o => `  opted out (${o.reason}) from ${o.from} until ${o.until ?? 'taken back'}`),
    ...(l.refusedUntil === null ? [] : [`  its firmware refused a limit; not planned until ${l.refusedUntil}`]),
  ].join('\n')
}
