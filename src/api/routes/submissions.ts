import { z } from 'zod'
import { submissionStates } from '../../core/verify/deadline.ts'
import { isoS } from '../../operations/result.ts'
import { cadences, type SubmissionView, submissionCsv, submissionKinds } from '../../operations/submissions.ts'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'

const tags = ['submissions']
const share = z.number().nullable()
const summary = z.object({
  id: z.string(),
  kind: z.enum(submissionKinds),
  cadence: z.enum(cadences),
  node: z.string(),
  firstDay: z.string(),
  days: z.number().int(),
  deadline: z.string(),
  state: z.enum(submissionStates).describe('late: not sent by its deadline, or sent after it'),
  revision: z.number().int(),
  sent: z.string().nullable(),
  chargers: z.number().int(),
  coverage: z.number().describe('share of charger-time of the past that was metered'),
  error: z
    .object({ days: z.number().int(), mpe: share, maeW: share, cvrmse: share })
    .describe('what the forecast was wrong by in the last days, made as this one was'),
})
const submission = s.named(
  'Submission',
  summary.extend({ slots: z.array(z.object({ from: z.string(), w: z.number().nullable().describe('mean power of the half hour') })) }),
)
const list = z.object({ items: z.array(summary) })
const draftBody = z.object({
  node: z.string().min(1).describe('path, name or number'),
  kind: z.enum(submissionKinds),
  cadence: z.enum(cadences).default('dayAhead'),
  day: z.string().optional().describe('a day of it, as in 2026-11-23; without one the next that can be submitted in time'),
  deadline: z.string().optional().describe("RFC 3339, where the buyer's is not noon of the day before (a week: of the Wednesday before)"),
})

/** Baselines and availability to be submitted to a buyer. */
export function submissionRoutes(app: Api, { operations: { submissions } }: Context): void {
  app.get(
    '/v1/submissions',
    { config: { scope: 'event:read' }, schema: { tags, summary: 'Submissions by deadline', response: { 200: list } } },
    () => ({ items: submissions.list().map(summaryOf) }),
  )
  app.get(
    '/v1/submissions/:id',
    {
      config: { scope: 'event:read', produces: ['application/json', 'text/csv'] },
      schema: {
        tags,
        summary: 'A submission with its half hours',
        description: 'With Accept: text/csv the file to upload.',
        params: s.ids,
        response: { 200: submission },
      },
    },
    (request, reply) => {
      const found = unwrap(submissions.show(request.params.id))
      if (!/^text\/csv\b/.test(request.headers.accept ?? '')) return shapeOf(found)
      reply.type('text/csv; charset=utf-8').serializer(String)
      return submissionCsv(found) as never
    },
  )
  app.post(
    '/v1/submissions',
    {
      config: { scope: 'event:write', changes: true },
      schema: {
        tags,
        summary: 'Draft a submission from the meters; again for the next revision',
        body: draftBody,
        response: { 200: submission },
      },
    },
    async request => shapeOf(unwrap(await submissions.draft(request.body, by(request)))),
  )
  app.post(
    '/v1/submissions/:id/sent',
    {
      config: { scope: 'event:write', changes: true },
      schema: {
        tags,
        summary: 'Say that a revision was handed to the buyer',
        params: s.ids,
        body: z.object({ revision: z.number().int().min(1) }),
        response: { 200: submission },
      },
    },
    async request => shapeOf(unwrap(await submissions.sent(request.params.id, request.body.revision, by(request)))),
  )
}
const summaryOf = (x: SubmissionView): z.output<typeof summary> => ({
  ...{ id: x.id, kind: x.kind, cadence: x.cadence, node: x.node.path, firstDay: x.firstDay, days: x.days, state: x.state },
  ...{ revision: x.revision, chargers: x.chargers, coverage: x.coverage, error: x.error },
  deadline: isoS(x.byS),
  sent: x.sentS === null ? null : isoS(x.sentS),
})
const shapeOf = (x: SubmissionView): z.output<typeof submission> => ({
  ...summaryOf(x),
  slots: x.slots.map(({ fromS, w }) => ({ from: isoS(fromS), w })),
})
