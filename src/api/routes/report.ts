import { z } from 'zod'
import { chartLibrary } from '../../report/library.ts'
import { known, plain } from '../../report/model.ts'
import { reportPage } from '../../report/page.ts'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'

const asked = z.strictObject({ names: s.flag.describe('with external ids of chargers and names of sites, which are personal') })
const MOST_CHARGERS = 20_000
/** As `EventReport` in the source; documented for its files in docs/guides/reports.md. */
const eventReport = s.named(
  'EventReport',
  z
    .looseObject({ format: z.literal('gridbridge-report-1') })
    .describe('verdicts, power by step, levels, settlement periods, findings and proof'),
)

export function reportRoutes(app: Api, { operations: { reports, evidence }, version }: Context): void {
  const config = { scope: 'event:read' } as const
  app.get(
    '/v1/events/:id/report',
    {
      config,
      schema: {
        tags: ['events'],
        summary: 'Everything about one event, from the journal and the meters',
        description: 'Without its chargers, which come page by page. Reads the whole journal: use sparingly.',
        params: s.ids,
        querystring: asked,
        response: { 200: eventReport },
      },
    },
    async request => {
      const { chargers: _, ...rest } = unwrap(await reports.of(request.params.id, request.query.names, version))
      return plain(rest)
    },
  )
  app.get(
    '/v1/events/:id/report.html',
    {
      config: { ...config, produces: ['text/html'] },
      schema: { tags: ['events'], summary: 'The same as a page that needs nothing else', params: s.ids, querystring: asked },
    },
    async (request, reply) => {
      const made = unwrap(await reports.of(request.params.id, request.query.names, version))
      return reply
        .type('text/html; charset=utf-8')
        .serializer(String)
        .send(reportPage(made, { library: chartLibrary() }))
    },
  )
  app.get(
    '/v1/events/:id/evidence',
    {
      config: { scope: 'audit:read', produces: ['application/zip'] },
      schema: {
        tags: ['audit'],
        summary: 'The evidence of an event that is over, as a zip file that is checked offline',
        description:
          'Checked with `gridbridge audit verify FILE --key audit.pub`. It reveals the seed of the event, which is on record. Reads the whole journal: use sparingly.',
        params: s.ids,
        querystring: z.strictObject({
          raw: s.flag.default(true).describe('with messages as received and words of people, which can name somebody'),
        }),
      },
    },
    async (request, reply) => {
      const made = unwrap(await evidence.of(request.params.id, by(request), { version, withoutRaw: !request.query.raw }))
      reply.header('content-disposition', `attachment; filename="evidence-${made.no}.zip"`)
      return reply.type('application/zip').serializer(String).send(Buffer.from(made.zip))
    },
  )
  app.get(
    '/v1/events/:id/report/chargers',
    {
      config,
      schema: {
        tags: ['events'],
        summary: 'The chargers of a report, as columns',
        params: s.ids,
        querystring: asked.extend({ ...s.paging, limit: z.coerce.number().int().min(1).max(MOST_CHARGERS).default(MOST_CHARGERS) }),
        response: { 200: z.record(z.string(), z.array(z.number().nullable())) },
      },
    },
    async request => {
      const { names, from, limit } = request.query
      const { chargers } = unwrap(await reports.of(request.params.id, names, version))
      return Object.fromEntries(
        Object.entries(chargers).map(([name, column]) => [
          name,
          Array.from({ length: Math.max(0, Math.min(limit, column.length - from)) }, (_, k) => known(column[from + k])),
        ]),
      ) as Record<string, (number | null)[]>
    },
  )
}
