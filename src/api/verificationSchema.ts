import { z } from 'zod'
import { verdicts } from '../core/model.ts'
import { passes } from '../core/verify/accuracy.ts'
import { unsettleables } from '../core/verify/record.ts'
import { named, range } from './named.ts'

const instant = z.string().describe('RFC 3339, UTC')
const count = z.number().int()
const wh = z.number()
const known = z.number().nullable()
const root = z.string().describe('of the tree over the readings that the verdict stands on')

/** Another event that acted on the same chargers. */
export const overlap = z.object({
  event: count.describe('its number'),
  id: z.string(),
  programme: z.string(),
  from: instant,
  until: instant,
  chargers: count.describe('targets of both that either limited'),
  refused: z.literal(true).optional().describe('it came before, and `stacking` is refused: nothing of them is settled while it lasts'),
})
/** What the meters said of an event: the newest revision, with what it changed and what was said before. */
export const verification = named(
  'Verification',
  z.object({
    revision: count.describe('of the event'),
    verdictRevision: count.optional().describe('of the verdict: late or corrected readings make the next'),
    verdict: z.enum(verdicts),
    askedWh: wh,
    baselineWh: wh,
    actualWh: wh,
    deliveredWh: wh,
    ratio: z.number().nullable(),
    coverage: z.number(),
    baselineRule: z.string().describe('the ruleset and its version, pinned when the event was accepted'),
    window: z.object({ from: instant, until: instant, baselineFrom: instant, baselineUntil: instant }),
    counts: z.object({ compliant: count, notCompliant: count, noData: count, notCommanded: count }),
    causes: z.record(z.string(), count),
    forecast: z
      .object({ ...range, deliveredW: z.number(), inside: z.boolean() })
      .nullable()
      .optional()
      .describe('what the plan was expected to take off before it began, and what it did'),
    measured: z
      .object({ lowWh: wh, highWh: wh, result: z.enum(passes).nullable() })
      .optional()
      .describe('where the delivery lies within what the meters can tell, against the ask'),
    readings: z.object({ root, count, estimated: count, flawed: count, chargers: count }).optional(),
    baseline: z.object({ insufficient: count, adjusted: count, capped: count }).optional().describe('chargers'),
    nomination: z
      .object({ units: count, chargers: count, ignored: count.describe('nominations that came after the deadline of the ruleset') })
      .optional()
      .describe('the nominated baselines that count'),
    weather: z
      .object({
        name: z.string(),
        root: z.string().describe('SHA-256 over the temperatures'),
        count,
        late: count,
        days: count.describe('with a maximum'),
        missing: count.describe('days looked at that have none'),
      })
      .optional()
      .describe('the temperatures by which days were found alike'),
    control: z
      .object({
        asked: count,
        heldOut: count,
        neither: count.describe('chargers in no group'),
        disturbed: count.describe('of them those on which another event acted'),
        effectW: known.describe('per charger: difference in differences'),
        standardErrorW: known,
        lowW: known,
        highW: known,
        balanceT: known.describe("Welch's t of what both groups drew before the event"),
        balanceSmd: known.describe('standardised mean difference of the same'),
        doubt: z.enum(['groupTooSmall', 'unbalanced']).nullable(),
      })
      .optional()
      .describe('those asked beside those held out by draw'),
    overlaps: z
      .array(overlap)
      .optional()
      .describe('other events on its chargers at the same time: the same drop may stand in the verdicts of both'),
    findings: z
      .array(
        z.object({
          no: count.describe('the charger'),
          kind: z.string(),
          from: instant,
          until: instant,
          value: z.number().nullable(),
          unit: z.enum(['W', 'Wh', 'ratio']),
          count,
        }),
      )
      .optional()
      .describe('what is wrong with the readings: the first of them'),
    findingCounts: z.record(z.string(), count).optional().describe('all of them, by kind'),
    unsettleable: z.enum(unsettleables).optional().describe('why nobody should be paid by it'),
    gbp: z.number().optional().describe('delivered, at the price of the programme'),
    changed: z
      .object({
        deliveredWh: wh,
        actualWh: wh,
        baselineWh: wh,
        gbp: z.number().optional(),
        weather: z.literal(true).optional().describe('the temperatures are others'),
        chargers: count,
        named: z.array(z.object({ no: count, what: z.enum(['late', 'corrected']), deliveredWh: wh.optional() })),
      })
      .optional()
      .describe('what this revision of the verdict has that the one before had not'),
    former: z
      .array(
        z.object({ verdictRevision: count, verdict: z.enum(verdicts), askedWh: wh, deliveredWh: wh, ratio: z.number().nullable(), root }),
      )
      .optional()
      .describe('verdicts before this one, oldest first'),
  }),
)
