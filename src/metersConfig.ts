import { z } from 'zod'
import { witnessSourceSchema } from '../adapters/index.ts'
import { witnessKinds, witnessUnits } from './ports.ts'

const name = z.string().min(1).max(200)
const days = (least: number) => z.union([z.literal(0), z.int().min(least).max(36_500)])
/** Readings, how long they are kept, and meters that are no charger's. */
export const meters = z.strictObject({
  /** Days that readings of chargers are kept; 0: for ever. What is made of them, below, outlives them. */
  readingsDays: days(1).default(35),
  /** Days that energy by the minute, by 5 minutes and by half an hour is kept; 0: for ever. Baselines look back 60 days and more by half hours. */
  minuteDays: days(1).default(90),
  fiveMinuteDays: days(1).default(400),
  halfHourDays: days(100).default(800),
  /** Days that the record of a session is kept: the 2021 Regulations let an owner see 12 months. */
  sessionDays: days(365).default(400),
  /** Days after an event in which its verdict may be disputed: readings of its window are kept that long in any case. */
  disputeDays: z.int().min(0).max(3_650).default(90),
  /** Meters that are no charger's: the network operator's own, at a feeder or substation, or a site's half-hourly meter. */
  witnesses: z
    .array(
      z.strictObject({
        name,
        /** The node of the network that it measures: its path, name or number. */
        node: name,
        kind: z.enum(witnessKinds).default('feeder'),
        stepS: z.int().min(60).max(86_400).default(1800),
        unit: z.enum(witnessUnits).default('kWh'),
        /** What is positive in what comes. */
        sign: z.enum(['consumption', 'generation']).default('consumption'),
        /** Which end of its interval a time names. */
        stamp: z.enum(['start', 'end']).default('start'),
      }),
    )
    .default([]),
  /** A broker that publishes their series. */
  mqtt: witnessSourceSchema.optional(),
})

/** Topics of meters that are not declared. */
export const strangersIn = ({ witnesses, mqtt }: z.output<typeof meters>): { readonly path: string; readonly meter: string }[] =>
  (mqtt?.topics ?? [])
    .map(({ meter }, i) => ({ path: `meters.mqtt.topics[${i}].meter`, meter }))
    .filter(({ meter }) => !witnesses.some(m => m.name === meter))
