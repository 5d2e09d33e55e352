import { z } from 'zod'
import type { Ruleset } from './core/verify/baseline/ruleset.ts'
import { pinOf, rulesets } from './core/verify/baseline/rulesets.ts'
import { METER_BEFORE, stackings, verificationDefaults } from './core/verify/record.ts'
import { needsWeather } from './core/verify/weather.ts'
import { seconds } from './ocppConfig.ts'

const ids = [METER_BEFORE.id, ...new Set(rulesets.map(r => r.id))] as const
const versionsOf = (id: string, version: number | null): Ruleset[] =>
  rulesets.filter(r => r.id === id && (version === null || r.version === version))
/** Does a path lead to a field of a ruleset that is of the same type as the value? */
const isField = (r: Ruleset, path: string, value: number | string): boolean =>
  path.startsWith('method.') &&
  typeof path.split('.').reduce<unknown>((x, key) => (x as Record<string, unknown> | undefined)?.[key], r) === typeof value
const d = verificationDefaults
const DAY_S = 86_400

/** How the events of a programme are verified. An event keeps the rules that it was accepted under; what changes here is for later ones. */
export const verification = z
  .strictObject({
    /** The ruleset of the baseline: the five minutes before (`meterBefore`), or one of those that are known by name, such as `elexon-bl01`. */
    ruleset: z.enum(ids).default(d.ruleset),
    /** Its version; without one the version in force on the day of the event. */
    version: z.int().min(1).nullable().default(d.version),
    /** Results are not to be settled on where a commanded charger's meter may err by more than this share; a meter of unknown class may by 0.1. */
    meterErrorAtMost: z.number().min(0).max(1).nullable().default(d.meterErrorAtMost),
    /** The part of the meters' errors that all of them share, as a share of what they deliver: it does not average out. */
    commonError: z.number().min(0).max(1).default(d.commonError),
    /** Settlement period. */
    periodS: z.union([z.literal(60), z.literal(300), z.literal(1800)]).default(1800),
    /** For how long after an event late or corrected readings make a new revision of its verdict; 0: never. */
    correctionS: seconds(28 * DAY_S).default(d.correctionS),
    /** What a delivered MWh is worth, in pounds; revisions then say what they change in pounds. */
    gbpPerMWh: z.number().min(0).nullable().default(d.gbpPerMWh),
    /** For `fixed-reference`: what one charger draws in each period of a local day, Wh. */
    profileWh: z.array(z.number()).min(24).max(1440).nullable().default(null),
    /**
     * What is set of the ruleset, by dotted path, such as `method.minGroup: 60`: its bands are to be set to the contract (`gridbridge baseline --list --json`). The verdict names
     * what was set.
     */
    values: z.record(z.string().max(100), z.union([z.number(), z.string().max(100)])).optional(),
    /** For a ruleset that looks for days alike in temperature: the meter of kind `weather` that has it. */
    weather: z.string().min(1).max(200).optional(),
    /** `refused`: chargers that serve an event which came before are not settled on at the same time (default: `allowed`; a verdict names such events either way). */
    stacking: z.enum(stackings).optional(),
  })
  .refine(v => v.version === null || rulesets.some(r => pinOf(r) === `${v.ruleset}@${v.version}`), {
    message: 'no such version of the ruleset',
    path: ['version'],
  })
  .refine(v => versionsOf(v.ruleset, v.version).every(r => Object.entries(v.values ?? {}).every(([path, x]) => isField(r, path, x))), {
    message: 'a path leads to no field of the ruleset, or the field is of another type',
    path: ['values'],
  })
  .refine(v => v.ruleset !== METER_BEFORE.id || Object.keys(v.values ?? {}).length === 0, {
    message: 'meterBefore has nothing that can be set',
    path: ['values'],
  })
  .refine(v => !versionsOf(v.ruleset, v.version).some(needsWeather) || v.weather !== undefined, {
    message: 'this ruleset needs a series of temperatures',
    path: ['weather'],
  })
  .refine(v => v.ruleset !== 'fixed-reference' || v.profileWh?.length === DAY_S / v.periodS, {
    message: 'fixed-reference needs one value for each period of a day',
    path: ['profileWh'],
  })
