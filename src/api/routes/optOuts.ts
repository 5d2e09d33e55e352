import { z } from 'zod'
import { seconds } from '../../operations/result.ts'
import { type Api, by, type Context, once } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['opt-outs']
const secondOf = (text: string | undefined) => (text === undefined ? undefined : seconds(Date.parse(text)))

export function optOutRoutes(app: Api, context: Context): void {
  const { optOuts } = context.operations
  app.get(
    '/v1/opt-outs',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags,
        summary: 'Opt-outs that are not over',
        querystring: z.strictObject({ ...s.paging, charger: z.string().optional() }),
        response: { 200: s.optOutPage },
      },
    },
    request => {
      const { from, limit, charger } = request.query
      const all = unwrap(optOuts.list(charger))
      return { total: all.length, from, items: all.slice(from, from + limit), next: from + limit < all.length ? from + limit : null }
    },
  )
  app.post(
    '/v1/opt-outs',
    {
      config: { scope: 'optout:write', changes: true },
      schema: {
        tags,
        summary: 'Opt chargers out: the override of a driver, or of an operator for them',
        description: 'Effective with the next turn, within a second. All or none. Takes Idempotency-Key.',
        body: s.optOutBody,
        response: { 201: s.optedOut },
      },
    },
    async (request, reply) => {
      const { chargers, reason, from, until } = request.body
      const answer = await once(request, context, async () => {
        const asked = { chargers, reason, fromS: secondOf(from), toS: secondOf(until) }
        return { status: 201, body: { optOuts: unwrap(await optOuts.add(asked, by(request))) }, headers: {} }
      })
      return reply
        .code(201)
        .headers(answer.headers)
        .send(answer.body as z.output<typeof s.optedOut>)
    },
  )
  app.delete(
    '/v1/opt-outs/:id',
    {
      config: { scope: 'optout:write', changes: true },
      schema: { tags, summary: 'Opt a charger in again', params: s.ids, response: { 200: s.optedIn } },
    },
    async request => mutable(unwrap(await optOuts.end(request.params.id, by(request)))),
  )
}
