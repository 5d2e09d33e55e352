import type { BaselineFrom } from './accuracy.ts'
import type { Amount, Periods } from './periods.ts'
import type { SelectedDays } from './record.ts'

/** What each charger would have drawn, by row and period as `ChargerEnergy`; NaN where nothing says so. */
export type Baselines = {
  readonly wh: Float64Array
  readonly from: BaselineFrom
  /** By row 1: too little to go by. */
  readonly insufficient: Uint8Array
  /** By row 1: what was measured stands for the baseline, so nothing is delivered. */
  readonly outTurn: Uint8Array
  readonly days?: SelectedDays
  /** What is metered of a period stands for all of it; absent: the rest was as the baseline. */
  readonly isWhole?: true
}

/** `METER_BEFORE`: the mean power of a stretch before the event, all through it. `before` by row. */
export function meterBeforeBaselines(before: readonly Amount[], { hours }: Periods): Baselines {
  const wh = new Float64Array(before.length * hours.length)
  before.forEach((b, r) => {
    for (let t = 0; t < hours.length; t++) wh[r * hours.length + t] = b.seconds > 0 ? (b.wh / b.seconds) * 3600 * hours[t]! : Number.NaN
  })
  const insufficient = Uint8Array.from(before, b => (b.seconds > 0 ? 0 : 1))
  return { wh, from: 'sameMeter', insufficient, outTurn: new Uint8Array(before.length) }
}
