import type { z } from 'zod'
import type * as s from '../api/schemas.ts'
import type { Context } from './context.ts'
import { watts } from './output.ts'

type Capacity = z.output<typeof s.nodeCapacity>

export async function capacity(context: Context, node: string): Promise<undefined> {
  const client = await context.client()
  const { body } = await client(`/v1/nodes/${encodeURIComponent(node)}/capacity`)
  context.out.result(body, capacityText(body as Capacity))
}

/** Pure. What can be cut now, and why not more. */
export function capacityText(c: Capacity): string {
  const n = c.standing
  return [
    `${c.node.path}: ${watts(c.curtailableW)} can be cut now, of ${watts(c.loadW)} metered load`,
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
