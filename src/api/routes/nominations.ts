import { z } from 'zod'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['submissions']
const values = z.array(
  z.strictObject({
    from: z.iso.datetime({ offset: true }).describe('begins a half hour'),
    w: z.number().nullable().describe('mean power'),
  }),
)
const nomination = s.named(
  'Nomination',
  z.object({
    node: z.object({ no: z.int(), path: z.string() }),
    from: z.string(),
    until: z.string(),
    recorded: z.string(),
    values: z.array(z.object({ from: z.string(), w: z.number().nullable() })),
    late: z.int().describe('values that came after noon of the day before; a programme may set another deadline'),
  }),
)

/** Baselines that units say of themselves: what events are verified by whose ruleset is `nominated`. */
export function nominationRoutes(app: Api, { operations: { nominations } }: Context): void {
  app.get(
    '/v1/nominations',
    {
      config: { scope: 'event:read' },
      schema: {
        tags,
        summary: 'Nominated baselines, oldest first',
        querystring: z.strictObject({ node: z.string().min(1).optional().describe('path, name or number') }),
        response: { 200: z.object({ items: z.array(nomination) }) },
      },
    },
    request => ({ items: mutable(unwrap(nominations.list(request.query.node))) }),
  )
  app.post(
    '/v1/nominations',
    {
      config: { scope: 'event:write', changes: true },
      schema: {
        tags,
        summary: 'Nominate the baseline of a node for half hours to come',
        description:
          'Of everything below the node. Later values of a half hour replace earlier ones; what comes after the deadline of the ruleset is on record and does not count. null says nothing of a half hour: what was said of it stands. All or nothing.',
        body: z.strictObject({ node: z.string().min(1).describe('path, name or number'), values: values.min(1).max(1_680) }),
        response: { 200: nomination },
      },
    },
    async request => mutable(unwrap(await nominations.nominate(request.body, by(request)))),
  )
}
