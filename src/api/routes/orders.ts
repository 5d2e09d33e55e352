import type { z } from 'zod'
import { isoS, refuse } from '../../operations/result.ts'
import { type Api, by, type Context, ifMatchOf, once } from '../context.ts'
import { refusalProblem, unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { eventUrl, orderShape } from '../shapes.ts'

const tags = ['emergency']

/** Select before operate: two requests on purpose. */
export function orderRoutes(app: Api, context: Context): void {
  const { engine, operations } = context
  const { emergency } = operations
  app.post(
    '/v1/dispatch-orders',
    {
      config: { scope: 'dispatch', changes: true, unlimited: true },
      schema: {
        tags,
        summary: 'Select: check an emergency, reserve its node, see what it would do',
        description:
          'Nothing is sent. The order stands for 30 s; nobody else can select the node, what is above or below it. Takes Idempotency-Key.',
        body: s.orderBody,
        response: { 201: s.order },
      },
    },
    async (request, reply) => {
      const answer = await once(request, context, async () => {
        const order = unwrap(await emergency.select(request.body, by(request)))
        const shape = orderShape(order, engine.now())
        return { status: 201, body: shape, headers: { etag: order.etag, location: shape.links.self! } }
      })
      return reply
        .code(201)
        .headers(answer.headers)
        .send(answer.body as z.output<typeof s.order>)
    },
  )
  app.get(
    '/v1/dispatch-orders/:id',
    { config: { scope: 'dispatch', unlimited: true }, schema: { tags, summary: 'An order', params: s.ids, response: { 200: s.order } } },
    (request, reply) => {
      const order = emergency.find(request.params.id)
      if (!order) throw refusalProblem(refuse('notFound', 'order-not-found', 'no such dispatch order').refusal)
      reply.header('etag', order.etag)
      return orderShape(order, engine.now())
    },
  )
  app.post(
    '/v1/dispatch-orders/:id/operate',
    {
      config: { scope: 'dispatch', changes: true, unlimited: true },
      schema: {
        tags,
        summary: 'Operate: fire a selected order',
        description:
          'By the one who selected it, before it expires. Needs If-Match with the etag of the order and Idempotency-Key. The start is never randomised.',
        params: s.ids,
        body: s.operateBody,
        response: { 201: s.operated },
      },
    },
    async (request, reply) => {
      const work = async () => {
        const { fromS, toS, ...rest } = unwrap(
          await emergency.operate(request.params.id, { ...request.body, ifMatch: ifMatchOf(request) }, by(request)),
        )
        const event = eventUrl(rest.event)
        return { status: 201, body: { ...rest, from: isoS(fromS), until: isoS(toS), links: { event } }, headers: { location: event } }
      }
      const answer = await once(request, context, work, true)
      return reply
        .code(201)
        .headers(answer.headers)
        .send(answer.body as z.output<typeof s.operated>)
    },
  )
  app.delete(
    '/v1/dispatch-orders/:id',
    {
      config: { scope: 'dispatch', changes: true, unlimited: true },
      schema: { tags, summary: 'Put a selected order back', params: s.ids, response: { 200: s.order } },
    },
    async request => orderShape(unwrap(await emergency.cancel(request.params.id, by(request))), engine.now()),
  )
}
