import { floored, totalWh } from './floors.ts'
import type { Direction, Load } from './load.ts'

/**
 * What a rule would have paid for on days without an event. `load` holds meters (rows) over the periods of placebo events; delivery there is error or
 * noise. Phantom is what a floor per meter credits: the sum of the positive parts; `netWh` is the bias that is left without a floor.
 */
export type Phantom = { readonly phantomWh: number; readonly netWh: number; readonly shareOfBaseline: number | null }
export function phantomDelivery(load: Load, direction: Direction = 'down'): Phantom {
  const { perMeterSP, none } = floored(load, new Uint8Array(load.rows), 1, direction)
  const phantomWh = totalWh(perMeterSP)
  const baselineWh = totalWh(load.baselineWh)
  return { phantomWh, netWh: totalWh(none), shareOfBaseline: baselineWh > 0 ? phantomWh / baselineWh : null }
}
