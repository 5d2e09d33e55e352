import type { z } from 'zod'
import type * as s from '../api/schemas.ts'
import type { Context } from './context.ts'
import { watts } from './output.ts'

type Capacity = z.output<typeof s.nodeCapacity>
type Controllable = z.output<typeof s.controllable>

export async function capacity(context: Context<{ within?: number }>, node?: string): Promise<undefined> {
  const { within } = context.options
  const client = await context.client()
  if (node === undefined) {
    const enrolled = (await client('/v1/controllable')).body as Controllable
    return void context.out.result(enrolled, controllableText(enrolled))
  }
  const { body } = await client(`/v1/nodes/${encodeURIComponent(node)}/capacity${within === undefined ? '' : `?withinS=${within}`}`)
  context.out.result(body, capacityText(body as Capacity))
}

/** Pure. */
export const controllableText = (c: Controllable): string =>
  `${watts(c.controllableW)} enrolled at ${c.chargers} chargers: ${(100 * c.share).toFixed(1)} % of the ${watts(c.thresholdW)} from which load control is an essential service`

/** Pure. What can be cut now, and why not more. */
export function capacityText(c: Capacity): string {
  const n = c.standing
  return [
    `${c.node.path}: ${watts(c.curtailableW)} can be cut now, of ${watts(c.loadW)} metered load`,
    `  ${watts(c.forecast.p50W)} of it within ${c.forecast.withinS} s, by experience: one in ten times below ${watts(c.forecast.p10W)} or above ${watts(c.forecast.p90W)}`,
    `  ${n.drawing} drawing (${watts(c.drawingW)}), ${n.idle} idle, ${n.unknown} without fresh reading, ${n.offline} offline`,
    `  not usable: ${n.unconsented} without consent, ${n.optedOut} opted out, ${n.refused} refused by firmware, ${n.notEnrolled} not enrolled`,
    c.dataAge === null
      ? '  no readings'
      : `  readings are ${Math.round(c.dataAge.medianS)} s old (median), the oldest ${Math.round(c.dataAge.oldestS)} s`,
    ...c.programmes.map(
      p => `  programme ${p.programme}: ${watts(p.curtailableW)} of ${watts(p.drawingW)} drawn by ${p.drawing} of ${p.chargers} chargers`,
    ),
  ].join('\n')
}
