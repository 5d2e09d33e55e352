import { z } from 'zod'
import { place, share, time } from './terms.ts'

const common = {
  at: time,
  /** So long; without it, to the end. */
  forS: z.int().min(1).optional(),
  /** Names what it draws by chance; without it, `what` and `at` do. */
  id: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .optional(),
}
/** Whom it meets: all of these together must hold. */
const whom = {
  place,
  /** Chargers of the kinds behind this backend. */
  backend: z.string().optional(),
  /** Chargers of the kind that is called so. */
  model: z.string().optional(),
  /** By number, as `charger_no` of the files of a run; 0 is the first. */
  chargers: z.array(z.int().min(0)).min(1).optional(),
  /** Of those, so many: each by a chance of its own. */
  share: share.optional(),
}

/** What befalls chargers, or the bridge, at a set time. Faults that last all day are in `fleet.faults`. */
export const incident = z.discriminatedUnion('what', [
  /** No way to reach them, whatever the reason: three words for one thing. */
  z.strictObject({ what: z.enum(['offline', 'linksLost', 'backendOutage']), ...common, ...whom }),
  /** No supply; what they held is lost. */
  z.strictObject({ what: z.literal('powerCut'), ...common, ...whom }),
  z.strictObject({
    what: z.literal('reconnectStorm'),
    ...common,
    ...whom,
    /** All links drop at once; each is back by chance within so many seconds. */
    withinS: z.int().min(1).max(86_400).default(60),
    /** Again every so often, for `forS`; without it, once. */
    everyS: z.int().min(1).optional(),
  }),
  z.strictObject({ what: z.literal('reject'), ...common, ...whom, reason: z.string().min(1).max(200).default('not supported') }),
  /** They answer as if they obeyed, and draw as if nobody had limited them. */
  z.strictObject({ what: z.literal('acceptAndIgnore'), ...common, ...whom }),
  z.strictObject({
    what: z.literal('late'),
    ...common,
    ...whom,
    /** A command that comes in meanwhile is obeyed and answered so much later; beyond 20 s the bridge has given up waiting for the answer. */
    answerS: z.number().positive().max(3_600),
  }),
  /** For `forS`, or for good without it. A place means nothing to it. */
  z.strictObject({ what: z.literal('bridgeDies'), ...common, place, backend: z.string().optional() }),
])
export type IncidentSetting = z.output<typeof incident>
