import type { FastifyReply } from 'fastify'
import { z } from 'zod'
import { fullCsv, publicCsv } from '../../operations/register.ts'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as r from '../registerSchemas.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['emergency']
const asCsv = (reply: FastifyReply, text: string): never => {
  reply.type('text/csv; charset=utf-8').serializer(String)
  return text as never
}
const wantsCsv = (accept: string | undefined): boolean => /^text\/csv\b/.test(accept ?? '')

/** Every emergency there was: who, what, why, how long, with what effect. */
export function registerRoutes(app: Api, { operations, publicRegister }: Context): void {
  const { register } = operations
  app.get(
    '/v1/register',
    {
      config: { scope: 'audit:read', produces: ['application/json', 'text/csv'] },
      schema: {
        tags,
        summary: 'The register of emergencies, newest first',
        description: 'With Accept: text/csv all of it, one line each.',
        querystring: z.strictObject({ ...s.paging, unreviewed: s.flag.describe('only those whose review is owed') }),
        response: { 200: r.registerPage },
      },
    },
    (request, reply) => {
      const { from, limit, unreviewed } = request.query
      const all = register.list().filter(e => !unreviewed || e.needsReview)
      if (wantsCsv(request.headers.accept)) return asCsv(reply, fullCsv(all))
      return mutable({
        total: all.length,
        from,
        items: all.slice(from, from + limit),
        next: from + limit < all.length ? from + limit : null,
      })
    },
  )
  app.get(
    '/v1/register/export',
    {
      config: { scope: 'audit:read', produces: ['application/json', 'text/csv'] },
      schema: {
        tags,
        summary: 'The register for the public: no charger, site or operator can be known from it',
        description: 'With Accept: text/csv one line each.',
        response: { 200: r.publicRegister },
      },
    },
    (request, reply) =>
      wantsCsv(request.headers.accept) ? asCsv(reply, publicCsv(register.anonymous())) : { items: mutable(register.anonymous()) },
  )
  app.get(
    '/v1/register/:id',
    {
      config: { scope: 'audit:read' },
      schema: { tags, summary: 'One emergency, by its event or its number', params: s.ids, response: { 200: r.registerEntry } },
    },
    request => mutable(unwrap(register.show(request.params.id))),
  )
  app.post(
    '/v1/register/:id/review',
    {
      config: { scope: 'dispatch', changes: true },
      schema: {
        tags,
        summary: 'Review an emergency that went beyond the rules of a routine event',
        params: s.ids,
        body: r.reviewBody,
        response: { 200: r.registerEntry },
      },
    },
    async request => mutable(unwrap(await register.review(request.params.id, request.body, by(request)))),
  )
  if (!publicRegister) return
  app.get(
    '/v1/public/register',
    {
      config: { produces: ['application/json', 'text/csv'] },
      schema: { tags, summary: 'The register for the public, where the bridge publishes it', response: { 200: r.publicRegister } },
    },
    (request, reply) =>
      wantsCsv(request.headers.accept) ? asCsv(reply, publicCsv(register.anonymous())) : { items: mutable(register.anonymous()) },
  )
}
