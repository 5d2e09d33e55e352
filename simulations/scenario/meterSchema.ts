import { z } from 'zod'
import { meterFaults } from '../model/boundary.ts'
import { place, places, seconds, share, time } from './terms.ts'

export const background = z.strictObject({
  /** A kind of node alone is each of them. */
  place: places.default('all'),
  /** Other load at this place, W by local hour. What is below a place is part of its load. */
  hourlyW: z.array(z.number().min(0)).length(24),
  /** Standard deviation of a half hour, as a share of it; each place draws its own. */
  spread: share.optional(),
})
/** Panels: generation by the height of the sun, under a sky that is drawn for each day and is the same for all. */
export const pv = z.strictObject({
  place: places,
  /** In full sun overhead. */
  peakW: z.number().min(0),
  latitudeDeg: z.number().min(-66).max(66).default(52),
})

/** Shares of the intervals: not sent, sent a day late, cut by a restart of the meter, sent twice, sent in Wh where kWh are told. */
const rates = z.strictObject({
  gap: share.default(0),
  late: share.default(0),
  reset: share.default(0),
  duplicate: share.default(0),
  whForKwh: share.default(0),
})

/** Meters that are no charger's, read as the network operator's or a supplier's are: of the whole place, its other load and generation included. */
export const meters = z.strictObject({
  /** A kind of node alone is a meter at each of them. */
  place: places.default('site'),
  stepS: z.union([z.literal(300), z.literal(600), z.literal(900), z.literal(1_800), z.literal(3_600)]).default(1_800),
  /** Its class: it is wrong by a share of its own, at most this. */
  accuracy: z.number().min(0).max(0.2).default(0.01),
  /** Standard deviation of an interval besides, as a share of it. */
  noise: share.default(0),
  /** Least energy that it counts; 0: no least. */
  resolutionWh: z.number().min(0).max(10_000).default(1),
  /** Its clock is wrong by a time of its own, at most this. */
  clockS: seconds.max(600).default(0),
  /** An interval comes in so long after its end. */
  delayS: seconds.max(86_400).default(300),
  faults: rates.prefault({}),
  /** The same at set times: the interval of `at`, or all that touch the time from then on `forS`. */
  script: z.array(z.strictObject({ at: time, what: z.enum(meterFaults), place, forS: z.int().min(1).optional() })).default([]),
})
export type MeterSetting = z.output<typeof meters>
