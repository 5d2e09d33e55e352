import { z } from 'zod'
import { floors } from '../../core/verify/floors.ts'
import { splitRules } from '../../core/verify/split.ts'
import { energiesCsv, energyShape, energySteps } from '../../operations/energies.ts'
import { participantKinds } from '../../operations/participants.ts'
import { settlementShape, statementsCsv } from '../../operations/settle.ts'
import type { Api, Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { overlap } from '../verificationSchema.ts'

const wh = z.number()
const share = z.number().nullable()
const scheme = z
  .string()
  .max(1000)
  .describe(
    'how pay follows delivery: `dfs`, `ssen`, `flexiblePower`, `ercot`, `proportional`; with what a contract sets, `flexiblePower:grace=0.03,slope=2`; or `points:0.5=0.5,1=1`',
  )
const asked = z.strictObject({
  split: z.enum(splitRules).default('delivered').describe('what the money is shared by'),
  by: z.enum(participantKinds).default('site').describe('who gets a statement'),
  scheme: scheme.default('proportional'),
  price: z.coerce.number().min(0).max(1e6).optional().describe('GBP per MWh; without it that of the programme'),
  amount: z.coerce.number().min(-1e9).max(1e9).optional().describe('GBP that the buyer has paid, instead of a price'),
  per: z
    .enum(energySteps)
    .optional()
    .describe('with the energies of each participant by settlement period, or by minute; as CSV a line for each'),
})
const ofFloors = <T extends z.ZodType>(wh: T) =>
  z.object(Object.fromEntries(floors.map(f => [f, wh])) as Record<(typeof floors)[number], T>)
const energies = z
  .array(
    z.object({
      participant: z.string(),
      from: z.string(),
      until: z.string(),
      baselineWh: wh.nullable(),
      actualWh: wh.nullable(),
      deliveredWh: wh.nullable().describe('without a floor'),
      floors: ofFloors(wh.nullable()).optional().describe('of a settlement period, under each floor'),
    }),
  )
  .optional()
  .describe('where they were asked for (`per`); null where nothing is known')
const instant = z.iso.datetime({ offset: true }).optional()
const performanceAsked = z.strictObject({
  scheme: scheme.default('dfs'),
  from: instant.describe('events of which what is settled begins at or after it'),
  until: instant.describe('and before it'),
  per: z.enum(energySteps).optional().describe('with the sums of the events by settlement period, or by minute; as CSV a line for each'),
})
const settlement = s.named(
  'Settlement',
  z.object({
    event: z.string(),
    verdict: z.string(),
    verdictRevision: z.number().int().describe('late readings make another'),
    baselineRule: z.string(),
    scheme: z.string(),
    exact: z.boolean().describe('false: the scheme is a band to be set to the contract, and the sum an estimate'),
    per: z.enum(['minute', 'SP', 'event']).describe('what ratios were taken over'),
    split: z.enum(splitRules),
    by: z.enum(participantKinds),
    gbpPerMWh: z.number().nullable().describe('null: the amount was given'),
    askedWh: wh,
    deliveredWh: wh.describe('under the floor of the scheme'),
    ratio: share,
    floors: ofFloors(wh),
    coverage: z.number().describe('of the verdict: metered time / time, of chargers that were commanded or have a baseline'),
    availability: share.describe('charger-periods that were there and metered, of all'),
    freeRiders: z.object({ count: z.number().int(), shareWh: z.number() }).describe('credited, though they drew nothing to be curtailed'),
    gbp: z.number().describe('the sum of the statements, to the penny'),
    overlaps: z.array(overlap).describe('other events on its chargers at the same time'),
    periods: z.array(
      z.object({
        from: z.string(),
        until: z.string(),
        askedWh: wh,
        deliveredWh: wh.nullable(),
        ratio: share,
        factor: z.number().nullable(),
        gbp: z.number().nullable().describe('not rounded'),
      }),
    ),
    energies,
    statements: z.array(
      z.object({
        participant: z.string(),
        chargers: z.number().int(),
        baselineWh: wh,
        actualWh: wh,
        deliveredWh: wh,
        coverage: z.number().nullable().describe('the same of its chargers; null where none of them counts'),
        overlapping: z.number().int().describe('chargers of it in another event at the same time'),
        weight: z.number(),
        gbp: z.number(),
      }),
    ),
  }),
)

const gaps = z.object({
  items: z.array(
    z.object({
      meter: z.string(),
      node: z.string(),
      stepS: z.number().int(),
      from: z.string(),
      until: z.string(),
      chargers: z.number().int(),
      commanded: z.number().int(),
      why: z.enum(['tooCoarse', 'noReadings']).nullable().describe('why the two cannot be compared'),
      implausible: z
        .number()
        .int()
        .optional()
        .describe('readings that are more than the place can have drawn: a wrong unit? They count for nothing here'),
      gap: z
        .object({
          feederWh: wh.describe("drop of the operator's meter against what it drew just before"),
          commandedWh: wh.describe('of it, metered chargers that were commanded'),
          notCommandedWh: wh.describe('metered chargers that nobody commanded'),
          residualWh: wh.describe('the rest: unmetered chargers, all other load behind the meter, losses'),
          gapWh: wh.describe("the drop less that of the commanded: what the chargers' meters do not show"),
          share: share.describe('commanded / feeder'),
          periods: z.number().int(),
        })
        .nullable(),
    }),
  ),
})
const figures = s.named(
  'ProgrammePerformance',
  z.object({
    programme: z.string(),
    scheme: z.string(),
    askedWh: wh,
    deliveredWh: wh,
    ratio: share,
    persistence: share.describe('change of the ratio from event to event; below 0 the response tires'),
    optOutRate: share,
    coverage: share.optional().describe('where energies were asked for: metered time / time of the chargers of all events that count'),
    energies,
    withoutEnergies: z
      .array(z.string())
      .optional()
      .describe('events that count and are in no sum of `energies`: their readings have expired'),
    deregistration: z.object({
      inARow: z.number().int().describe('most acceptances in a row with a factor below 0.5'),
      inThreeMonths: z.number().int().describe('most of them within any three months'),
      isDue: z.boolean().describe('five in a row, or ten in three months (DFS)'),
    }),
    events: z.array(
      z.object({
        event: z.string(),
        from: z.string(),
        verdict: z.string(),
        verdictRevision: z.number().int(),
        isSettleable: z.boolean(),
        askedWh: wh,
        deliveredWh: wh,
        ratio: share,
        overWh: wh.nullable(),
        coverage: z.number(),
        optedOut: z.number().int(),
        chargers: z.number().int(),
      }),
    ),
  }),
)

const wantsCsv = (accept = ''): boolean => /^text\/csv\b/.test(accept)
const secondOf = (at: string | undefined): number | undefined => (at === undefined ? undefined : Math.ceil(Date.parse(at) / 1000))

/** What a verified event comes to, and who gets what. Changes nothing and pays nobody. */
export function settlementRoutes(app: Api, { operations }: Context): void {
  app.get(
    '/v1/events/:id/settlement',
    {
      config: { scope: 'audit:read', produces: ['application/json', 'text/csv'] },
      schema: {
        tags: ['events'],
        summary: 'Statements per participant of a verified event, exact to the penny',
        description: 'From the recorded verdict. With Accept: text/csv a line for each participant.',
        params: s.ids,
        querystring: asked,
        response: { 200: settlement },
      },
    },
    async (request, reply) => {
      const { price, amount, ...rest } = request.query
      const found = unwrap(await operations.settle.settle(request.params.id, { ...rest, gbpPerMWh: price, amountGbp: amount }))
      if (!wantsCsv(request.headers.accept)) return settlementShape(found)
      reply.type('text/csv; charset=utf-8').serializer(String)
      return statementsCsv(found) as never
    },
  )
  app.get(
    '/v1/programmes/:id/performance',
    {
      config: { scope: 'event:read', produces: ['application/json', 'text/csv'] },
      schema: {
        tags: ['events'],
        summary: 'A programme over its verified events: delivery, persistence, and whether a buyer might take it off the register',
        description: 'With Accept: text/csv its energies, a line for each settlement period, or minute.',
        params: s.ids,
        querystring: performanceAsked,
        response: { 200: figures },
      },
    },
    async (request, reply) => {
      const { scheme, per, from, until } = request.query
      const isCsv = wantsCsv(request.headers.accept)
      const period = { fromS: secondOf(from), untilS: secondOf(until) }
      const asked = { scheme, ...period, per: per ?? (isCsv ? ('SP' as const) : undefined) }
      const { events, energies, withoutEnergies, ...rest } = unwrap(await operations.performance(request.params.id, asked))
      if (isCsv) {
        reply.type('text/csv; charset=utf-8').serializer(String)
        return energiesCsv(energies ?? []) as never
      }
      const more = energies ? { energies: energies.map(energyShape), withoutEnergies: [...(withoutEnergies ?? [])] } : {}
      return { ...rest, events: [...events], ...more }
    },
  )
  app.get(
    '/v1/events/:id/witnesses',
    {
      config: { scope: 'event:read' },
      schema: {
        tags: ['events'],
        summary: "What the network operator's own meters say of a verified event, beside the chargers under them",
        params: s.ids,
        response: { 200: gaps },
      },
    },
    async request => ({ items: [...unwrap(await operations.witnessGaps.of(request.params.id))] }),
  )
}
