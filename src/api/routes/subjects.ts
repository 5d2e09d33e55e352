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
        description: 'Registry, consent, opt-outs, readings and what the log says of their charger. That it was asked for is recorded.',
        params,
        response: { 200: s.subjectExport },
      },
    },
    async request => mutable(unwrap(await operations.subject.export(request.params.id, by(request)))) as never,
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
