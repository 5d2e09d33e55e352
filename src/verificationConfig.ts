import { z } from 'zod'
import type { Ruleset } from './core/verify/baseline/ruleset.ts'
import { pinOf, rulesets } from './core/verify/baseline/rulesets.ts'
import { METER_BEFORE, verificationDefaults } from './core/verify/record.ts'
import { seconds } from './ocppConfig.ts'

/** Those that need no more than what meters say, and a profile: not what is nominated, weather, or a group that nobody was told of. */
const isUsable = ({ method: m }: Ruleset): boolean =>
  m.kind === 'meterBefore' ||
  m.kind === 'profile' ||
  m.kind === 'constant' ||
  (m.kind === 'likeDays' && Object.values(m.pools).every(({ keep }) => keep.by !== 'nearest' || keep.window !== undefined))
const ids = [METER_BEFORE.id, ...new Set(rulesets.filter(isUsable).map(r => r.id))] as const
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
  })
  .refine(v => v.version === null || rulesets.some(r => pinOf(r) === `${v.ruleset}@${v.version}`), {
    message: 'no such version of the ruleset',
    path: ['version'],
  })
  .refine(v => v.ruleset !== 'fixed-reference' || v.profileWh?.length === DAY_S / v.periodS, {
    message: 'fixed-reference needs one value for each period of a day',
    path: ['profileWh'],
  })
