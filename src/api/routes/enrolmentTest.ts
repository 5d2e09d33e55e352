import { z } from 'zod'
import { isoS } from '../../operations/result.ts'
import { type Api, by, type Context, once } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { eventUrl } from '../shapes.ts'

const body = s.named(
  'EnrolmentTest',
  z.strictObject({
    target: z.string().min(1).max(1000).describe('external id of a charger, or a node'),
    limit: s.limitBody.optional().describe('6 A where none is given'),
    holdS: z.int().min(60).max(3600).optional(),
    programme: z.string().optional(),
  }),
)
const started = z.object({
  event: z.string(),
  programme: z.string(),
  usable: z.number().int(),
  excluded: z.number().int(),
  from: z.string(),
  until: z.string(),
  links: z.record(z.string(), z.string()),
})

export function enrolmentTestRoutes(app: Api, context: Context): void {
  const { fleetTest } = context.operations
  app.post(
    '/v1/fleet/tests',
    {
      config: { scope: 'event:write', changes: true },
      schema: {
        tags: ['fleet'],
        summary: 'Test newly enrolled chargers: a short real limit, judged by their meters',
        description: 'A voluntary event under their programme, with its notice, spread and bounds. Takes Idempotency-Key.',
        body,
        response: { 201: started },
      },
    },
    async (request, reply) => {
      const answer = await once(request, context, async () => {
        const { fromS, toS, ...rest } = unwrap(await fleetTest.run(request.body, by(request)))
        const links = { event: eventUrl(rest.event) }
        return { status: 201, body: { ...rest, from: isoS(fromS), until: isoS(toS), links }, headers: { location: links.event } }
      })
      return reply
        .code(201)
        .headers(answer.headers)
        .send(answer.body as z.output<typeof started>)
    },
  )
}
