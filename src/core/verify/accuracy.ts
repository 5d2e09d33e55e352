import { deliveredWh, type Load } from './load.ts'

/**
 * Share of its reading that a meter of a class may err by: the nominal limit of its class at working load (EN 50470-3: A 2 %, B 1 %, C 0.5 %; IEC 62053
 * by its number). `unknown`, and every name that is not here: 10 %, what SI 2021/1467 reg. 9 asks of a charger.
 */
export const meterClasses: Readonly<Record<string, number>> = {
  'MID C': 0.005,
  'MID B': 0.01,
  'MID A': 0.02,
  'IEC 0.2S': 0.002,
  'IEC 0.5S': 0.005,
  'IEC 1': 0.01,
  'IEC 2': 0.02,
  'SI 2021/1467': 0.1,
}
export const UNKNOWN_ACCURACY = 0.1
/** Case and spaces of a name do not matter. */
export function accuracyOf(meterClass: string): number {
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '')
  for (const [name, accuracy] of Object.entries(meterClasses)) if (plain(name) === plain(meterClass)) return accuracy
  return UNKNOWN_ACCURACY
}

export type DeliveredInterval = { readonly lowWh: number; readonly deliveredWh: number; readonly highWh: number }
/**
 * Where a baseline comes from decides what a meter's error does to delivery. `sameMeter`: baseline and actual were read on the same meter, whose error
 * is one of gain: it scales what is between them. `other`: a reference profile, nomination or control group: only the actual was read on it.
 */
export type BaselineFrom = 'sameMeter' | 'other'
export type Errors = {
  /** Share, by row of the load. */
  readonly accuracy: ArrayLike<number>
  /** The part that all meters may share (one maker, one calibration), as a share of what they delivered together. It does not average out. */
  readonly commonShare?: number
  readonly baselineFrom?: BaselineFrom
}

/**
 * Delivered over the whole load as an interval. A meter errs the same way all through an event, so its own error is over its sum; independent meters
 * add by root sum of squares, and the declared common part is added to that.
 */
export function deliveredInterval(load: Load, { accuracy, commonShare = 0, baselineFrom = 'sameMeter' }: Errors): DeliveredInterval {
  const cells = deliveredWh(load)
  let delivered = 0
  let squares = 0
  for (let r = 0; r < load.rows; r++) {
    let own = 0
    let read = 0
    for (let cell = r * load.periods; cell < (r + 1) * load.periods; cell++) {
      if (Number.isNaN(cells[cell]!)) continue
      own += cells[cell]!
      read += baselineFrom === 'sameMeter' ? cells[cell]! : load.actualWh[cell]!
    }
    delivered += own
    squares += ((accuracy[r] ?? UNKNOWN_ACCURACY) * read) ** 2
  }
  const errorWh = Math.sqrt(squares) + commonShare * Math.abs(delivered)
  return { lowWh: delivered - errorWh, deliveredWh: delivered, highWh: delivered + errorWh }
}

export const passes = ['pass', 'fail', 'withinMeasurementError'] as const
export type Pass = (typeof passes)[number]
/** Pass if the low end reaches the ask, fail if the high end does not; in between the meters cannot say. */
export function passOf({ lowWh, highWh }: DeliveredInterval, askedWh: number): Pass {
  if (lowWh >= askedWh) return 'pass'
  return highWh < askedWh ? 'fail' : 'withinMeasurementError'
}
