import { z } from 'zod'
import { type Api, by, type Context, once } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['limits']
const watts = z.number()
const count = z.int()
const nodeRef = z.object({ no: count, path: z.string() })
const amps = z.number().min(0).max(100_000)
const phaseAmps = z.strictObject({ L1: amps, L2: amps, L3: amps })
export const nodeLimit = s.named(
  'NodeLimit',
  z.object({
    node: nodeRef,
    limitW: watts.describe('ceiling on the load of everything under the node'),
    limitA: phaseAmps.nullable().describe('on each phase; a charger whose phase is not known counts on each'),
    programme: z.string(),
    since: z.string().describe('RFC 3339, UTC'),
    setBy: z.string(),
    event: z.string(),
    revision: count,
    chargers: count,
    usable: count.describe('chargers that may be limited'),
    unreachableW: watts.describe('what of it cannot be met now with every usable charger paused'),
  }),
)
export const nodeLimitList = z.object({ items: z.array(nodeLimit) })
export const limitCleared = s.named('LimitCleared', z.object({ node: nodeRef, event: z.string(), freeBy: z.string() }))
const limitBody = s.named(
  'NodeLimitRequest',
  z.strictObject({
    limitW: z.int().min(0).max(2_147_483_647).optional().describe('this, limitA or both'),
    limitA: phaseAmps.optional(),
    programme: z.string().min(1).optional().describe('where the chargers of the node are in more than one'),
  }),
)

/** Limits that stand on nodes until they are taken back. */
export function limitRoutes(app: Api, context: Context): void {
  const { nodeLimits } = context.operations
  app.get(
    '/v1/limits',
    { config: { scope: 'fleet:read' }, schema: { tags, summary: 'Standing limits in force', response: { 200: nodeLimitList } } },
    () => ({ items: mutable(nodeLimits.list()) }),
  )
  app.get(
    '/v1/nodes/:id/limit',
    {
      config: { scope: 'fleet:read' },
      schema: { tags, summary: 'The limit that stands on a node', params: s.ids, response: { 200: nodeLimit } },
    },
    request => mutable(unwrap(nodeLimits.find(request.params.id))),
  )
  app.put(
    '/v1/nodes/:id/limit',
    {
      config: { scope: 'dispatch', changes: true },
      schema: {
        tags,
        summary: 'Set the limit of a node, or another one in its place',
        description:
          'Holds until it is cleared, also over a restart. Begins over the random delay of the programme. The same limit again changes nothing. Takes Idempotency-Key.',
        params: s.ids,
        body: limitBody,
        response: { 200: nodeLimit },
      },
    },
    async (request, reply) => {
      const answer = await once(request, context, async () => {
        const body = unwrap(await nodeLimits.set(request.params.id, request.body, by(request)))
        return { status: 200, body, headers: {} }
      })
      return reply.headers(answer.headers).send(answer.body as z.output<typeof nodeLimit>)
    },
  )
  app.delete(
    '/v1/nodes/:id/limit',
    {
      config: { scope: 'dispatch', changes: true },
      schema: {
        tags,
        summary: 'Clear the limit of a node',
        description: 'Load comes back over the restore window of the programme. Takes Idempotency-Key.',
        params: s.ids,
        response: { 200: limitCleared },
      },
    },
    async (request, reply) => {
      const answer = await once(request, context, async () => {
        const body = unwrap(await nodeLimits.clear(request.params.id, by(request)))
        return { status: 200, body, headers: {} }
      })
      return reply.headers(answer.headers).send(answer.body as z.output<typeof limitCleared>)
    },
  )
}
