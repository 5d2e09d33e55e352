import { z } from 'zod'
import { allocationPolicies, ramps, vacants } from './core/model.ts'
import { authorize, name, seconds } from './ocppConfig.ts'
import { verification } from './verificationConfig.ts'

/** How long the starts and the ends of an event are spread over the fleet where a programme says nothing. */
export const DEFAULT_SPREAD_S = 600
/** The longest spread that is accepted anywhere: UK Smart Charge Points Regulations 2021 take 600 s by default and up to 1,800 s. */
export const MAX_SPREAD_S = 1800
const spreadS = seconds(MAX_SPREAD_S).default(DEFAULT_SPREAD_S)

export const programme = z
  .strictObject({
    /** What signals, fleet files and the log call it. */
    id: name,
    /** Over how long the starts of an event are spread; 0: all at once. */
    startSpreadS: spreadS,
    /** Over how long its ends are spread, also those of an emergency. */
    endSpreadS: spreadS,
    /** Where the ramp of a start lies: ends with the start (`pre`), lies around it, or begins with it (`post`). */
    ramp: z.enum(ramps).default('post'),
    /** The ground claimed where a start is not spread (an emergency's, or `startSpreadS: 0`) and the signal claims none; goes into the record. */
    randomDelay: z.strictObject({ exemption: z.string().min(1).max(200) }).optional(),
    /** How load comes back: all at once, over `endSpreadS`, that with a bound per minute, or admitted up to a multiple of what was drawn before. */
    restore: z
      .discriminatedUnion('policy', [
        z.strictObject({ policy: z.literal('step') }),
        z.strictObject({ policy: z.literal('uniform') }),
        z.strictObject({ policy: z.literal('rampLimited'), wPerMinute: z.int().min(1) }),
        z.strictObject({
          policy: z.literal('levelCapped'),
          levelCap: z.number().min(1).max(3).default(1.2),
          maxS: seconds(24 * 3600).default(4 * 3600),
        }),
      ])
      .default({ policy: 'uniform' }),
    /** The least that `keep` and `shed` leave each charger; 0: it may be paused. */
    floorW: z.number().min(0).default(0),
    /** An event that begins sooner after it was received is declined, unless it is an emergency. */
    minNoticeS: seconds(7 * 86_400).default(0),
    /** A longer event is declined, unless it is an emergency. */
    maxDurationS: z
      .int()
      .min(1)
      .max(7 * 86_400)
      .default(4 * 3600),
    /** Per UTC day; more are declined, but never an emergency. */
    maxEventsPerDay: z.int().min(0).default(24),
    /** Per calendar year in UTC. */
    maxEventsPerSeason: z.int().min(0).default(10_000),
    /** A charger rests this long between two events of the programme. */
    restS: seconds(7 * 86_400).default(0),
    /** May its chargers be used in an emergency? */
    emergencyAllowed: z.boolean().default(true),
    /** May a driver's override act within an emergency? */
    overrideInEmergency: z.boolean().default(true),
    /** What emergencies may take of a charger in a calendar year before an alarm is raised (at 80 % a warning); 0: no bound. */
    emergencyUsesPerYear: z.int().min(0).default(0),
    emergencyMinutesPerYear: z.int().min(0).default(0),
    /** Where meters show no drop in an emergency: 0 A, then stop or disable. */
    lastResort: z.boolean().default(false),
    /** Who gives how much: the same share, the same watts, those who can best do without, as few as can be, or who gave least lately. */
    allocation: z.enum(allocationPolicies).default('proRata'),
    /** What a charger does with its share of a cap while it is known to have no car; never in an emergency (default: `keepsShare`). */
    vacant: z.enum(vacants).optional(),
    /** What is planned for, as a multiple of the ask. */
    overCommit: z.number().min(1).max(2).default(1),
    /** Chargers are added until the ask is delivered with this probability; 0: until it is to be expected. */
    confidence: z.number().min(0).max(0.999).default(0),
    /** Share of the usable chargers held back until meters show a shortfall. */
    reserve: z.number().min(0).max(0.9).default(0),
    /** Share of the usable chargers left alone as a control group, by seeded draw; never in an emergency. */
    holdOut: z.number().min(0).max(0.5).default(0),
    /** Share delivered below which more is asked of the fleet in mid-event. */
    shortfallBelow: z.number().min(0).max(1).default(0.95),
    /** How its events are verified, and what that is worth. */
    verification: verification.optional(),
    /** Who may start a session: drivers whose tokens are known (in `ocpp.tokens` or the registry), or all. A programme may differ; the strictest of a charger's counts. */
    authorize: authorize.optional(),
  })
  .refine(p => p.verification?.ruleset !== 'control-group' || p.holdOut > 0, {
    message: 'a control group is needed: say what share is held out',
    path: ['holdOut'],
  })
