import { Readable } from 'node:stream'
import { z } from 'zod'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['subjects']
const params = z.object({ id: z.string().min(1).describe('external id, identity, number, MPAN or other alias, or a token') })

/** GDPR: what is kept of a person, and its end. For those who may enrol people. */
export function subjectRoutes(app: Api, { operations }: Context): void {
  app.get(
    '/v1/subjects/:id',
    {
      config: { scope: 'fleet:write', changes: true },
      schema: {
        tags,
        summary: 'All that is kept of a person',
        description:
          'Registry, consent, opt-outs, readings, what the log says of their charger, and messages and texts that name them, with names of others masked. That it was asked for is recorded.',
        params,
        querystring: s.subjectQuery,
        response: { 200: s.subjectExport },
      },
    },
    async (request, reply) => {
      const pieces = unwrap(await operations.subject.export(request.params.id, [request.query.also].flat(), by(request)))
      return reply.type('application/json; charset=utf-8').send(Readable.from(pieces) as never)
    },
  )
  app.post(
    '/v1/subjects/:id/erasure',
    {
      config: { scope: 'fleet:write', changes: true },
      schema: {
        tags,
        summary: 'Erase a person',
        description:
          'A dry run unless `apply`. Lets the box go, then removes who it is, its readings, and messages and texts that name it.',
        params,
        body: s.erasureBody,
        response: { 200: s.erasure },
      },
    },
    async request => mutable(unwrap(await operations.subject.erase(request.params.id, request.body, by(request)))),
  )
}
