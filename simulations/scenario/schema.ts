import { z } from 'zod'
import { zoneNames } from '../../src/core/verify/calendar.ts'
import { programme } from '../../src/programmeConfig.ts'
import { events } from './eventSchema.ts'
import { incident } from './incidentSchema.ts'
import { background, meters, pv } from './meterSchema.ts'
import { node, seconds, share, time } from './terms.ts'

/** The format's own version: a scenario of another one is refused, never guessed at. */
export const FORMAT = 1

const kind = z.strictObject({
  /** How many of the fleet, by weight. */
  weight: z.number().min(0).default(1),
  /** What incidents call chargers of this kind. */
  model: z.string().min(1).max(64).optional(),
  phases: z.union([z.literal(1), z.literal(3)]).default(1),
  maxA: z.number().min(6).max(200).default(32),
  onLinkLoss: z.enum(['holds', 'resumes', 'dropsProfile']).default('holds'),
  /** It waits by chance, up to so long, before it follows. */
  ownDelayS: seconds.max(1_800).default(0),
  /** Does the bridge know of that delay? */
  tellsOwnDelay: z.boolean().default(true),
  latencyMs: seconds.max(60_000).default(200),
  /** Its clock is wrong by a time of its own, at most this, and nobody knows. */
  clockS: seconds.max(3_600).optional(),
  /** Standard deviation of a reading, as a share of it. */
  meterNoise: share.default(0),
  sampleS: z.union([z.literal(60), z.literal(300), z.literal(900)]).default(60),
  /** What fails together: a maker's backend. */
  backend: z.string().optional(),
})
const faults = z.strictObject({
  /** Shares of the chargers. */
  rejects: share.default(0),
  ignores: share.default(0),
  offline: share.default(0),
  /** Shares of the commands. */
  requestLost: share.default(0),
  answerLost: share.default(0),
})

const cars = z.discriminatedUnion('from', [
  /** Sessions of Dundee's public AC outlets, 2018: `perCharger` outlet-days laid over each other. */
  z.strictObject({ from: z.literal('dundee'), perCharger: z.number().min(0).max(20).default(1) }),
  /** A CSV with the columns of simulations/data/SOURCE.md. */
  z.strictObject({ from: z.literal('file'), path: z.string(), perCharger: z.number().min(0).max(20).default(1) }),
  /** A month of ACN-Sim's export, each station a charger. Its first period is the start of the scenario, or else `begins`. */
  z.strictObject({
    from: z.literal('acn'),
    path: z.string(),
    /** When its first period began, on the clock of its own `zone`: cars then keep their time of day, and their days count from the day of the start. */
    begins: z
      .string()
      .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/, 'must be a local date and time like 2019-03-01T00:00')
      .optional(),
    zone: z.enum(zoneNames as [string, ...string[]]).default('America/Los_Angeles'),
  }),
  /** Drawn: normal arrivals and stays, uniform energy; a share of the chargers has a car that day. */
  z.strictObject({
    from: z.literal('drawn'),
    share: share.default(0.8),
    arrival: time.default('18:00'),
    arrivalDeviationS: seconds.default(7_200),
    stayS: seconds.default(39_600),
    stayDeviationS: seconds.default(7_200),
    energyWh: z.tuple([z.number().min(0), z.number().min(0)]).default([5_000, 40_000]),
    batteryWh: z.number().min(1_000).default(60_000),
  }),
])
/** What cars do, beside coming and going. Shares of the cars. */
const manners = z.strictObject({
  neverWakes: share.default(0),
  wakeS: seconds.max(3_600).default(0),
  /** Say when they leave, and what they need. */
  tells: share.default(0),
  /** Of those who are limited, so many take their charger back, at a time drawn from the event. */
  overrides: share.default(0),
})

/** A feeder whose load passes its rating for a minute gets a cap at it, until it has been below `releaseBelow` of it for ten. */
const overload = z.strictObject({
  place: node,
  ratingW: z.number().min(0),
  programme: z.string().default('flex'),
  releaseBelow: share.default(0.9),
})
export const scenario = z.strictObject({
  scenario: z.literal(FORMAT),
  name: z.string().min(1).max(100),
  about: z.string().default(''),
  zone: z.enum(zoneNames as [string, ...string[]]).default('Europe/London'),
  /** Everything by chance is drawn from it. */
  seed: z.union([z.int(), z.string().min(1)]),
  start: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/),
  end: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d$/),
  fleet: z.strictObject({
    chargers: z.int().min(1).max(1_000_000),
    perSite: z.int().min(1).default(4),
    perFeeder: z.int().min(1).default(4),
    perPrimary: z.int().min(1).default(4),
    perGsp: z.int().min(1).default(4),
    kinds: z.array(kind).min(1).prefault([{}]),
    faults: faults.prefault({}),
    background: z.array(background).default([]),
    pv: z.array(pv).optional(),
    /** Boundary meters of sites, and meters of feeders and above. */
    meters: z.array(meters).optional(),
  }),
  cars,
  manners: manners.prefault({}),
  programmes: z
    .array(programme)
    .min(1)
    .prefault([{ id: 'flex' }]),
  /** Events, and lists of them in files: `openadr` and `dfs`. */
  events,
  overloads: z.array(overload).default([]),
  /** What befalls chargers, or the bridge, at a set time. */
  incidents: z.array(incident).default([]),
  /** Like `evening.meteredRatio >= 0.9`: figures that must hold in every run; with `.mean`, `.p05`, `.p50` or `.p95`, over the runs of a sweep. */
  thresholds: z.array(z.string().regex(/^[\w.-]+ (>=|<=|>|<|==) -?\d+(\.\d+)?$/, 'must be like delivered.p05 >= 0.95')).default([]),
})
export type Scenario = z.output<typeof scenario>

/** The format as JSON Schema, for editors. */
export const scenarioJsonSchema = (): unknown => z.toJSONSchema(scenario, { io: 'input' })
