import { z } from 'zod'
import { type Api, by, type Context, ifMatchOf, once } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { eventDetailShape, eventShape } from '../shapes.ts'

const tags = ['events']
const revisionTag = (revision: number) => `"r${revision}"`

export function eventRoutes(app: Api, { operations, ...rest }: Context): void {
  const { events, emergency } = operations
  app.get(
    '/v1/events',
    {
      config: { scope: 'event:read' },
      schema: {
        tags,
        summary: 'Events, newest first',
        querystring: z.strictObject({ ...s.paging, state: s.eventState.optional() }),
        response: { 200: s.eventPage },
      },
    },
    request => {
      const { from, limit, state } = request.query
      const all = events.list(state && new Set([state]))
      const mayCancel = request.principal?.scopes.has('event:write') ?? false
      const items = all.slice(from, from + limit).map(v => eventShape(v, mayCancel))
      return { total: all.length, from, items, next: from + limit < all.length ? from + limit : null }
    },
  )
  app.get(
    '/v1/events/:id',
    {
      config: { scope: 'event:read' },
      schema: {
        tags,
        summary: 'An event: what was asked, how far it is, target and measured power',
        params: s.ids,
        response: { 200: s.eventDetail },
      },
    },
    async (request, reply) => {
      const detail = unwrap(await events.show(request.params.id))
      reply.header('etag', revisionTag(detail.view.revision))
      return eventDetailShape(detail, emergency.reasonOf(detail.view.id) ?? null, request.principal?.scopes.has('event:write') ?? false)
    },
  )
  app.get(
    '/v1/events/:id/chargers',
    {
      config: { scope: 'event:read' },
      schema: {
        tags,
        summary: 'What the meters said of each charger, once the event is verified',
        params: s.ids,
        querystring: z.strictObject(s.paging),
        response: { 200: s.results },
      },
    },
    async request => {
      const { total, results } = unwrap(await events.results(request.params.id, request.query.from, request.query.limit))
      return { total, results: [...results] }
    },
  )
  app.get(
    '/v1/events/:id/seed',
    {
      config: { scope: 'audit:read' },
      schema: {
        tags,
        summary: 'What the random delays of an event were drawn from, once it is over',
        description: 'Refused before its last charger is let go and its announced end has passed. Each time is on record.',
        params: s.ids,
        response: { 200: s.seed },
      },
    },
    async request => unwrap(await events.seed(request.params.id, by(request))),
  )
  app.post(
    '/v1/events/:id/cancel',
    {
      config: { scope: 'event:write', changes: true },
      schema: {
        tags,
        summary: 'Cancel an event',
        description:
          'Chargers are freed over the restore window, or at once. Takes If-Match with the etag of the event and Idempotency-Key.',
        params: s.ids,
        body: s.cancelBody,
        response: { 200: s.event },
      },
    },
    async (request, reply) => {
      const match = /^"r(\d+)"$/.exec(ifMatchOf(request) ?? '')
      const revision = match ? Number(match[1]) : ifMatchOf(request) === undefined ? undefined : -1
      const answer = await once(request, { operations, ...rest }, async () => {
        const view = unwrap(await events.cancel(request.params.id, { ...request.body, revision }, by(request)))
        return { status: 200, body: eventShape(view, true), headers: { etag: revisionTag(view.revision) } }
      })
      return reply.headers(answer.headers).send(answer.body as z.output<typeof s.event>)
    },
  )
}
