import { z } from 'zod'
import type { Api, Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['audit']

export function auditRoutes(app: Api, { operations }: Context): void {
  app.get(
    '/v1/audit/entries',
    {
      config: { scope: 'audit:read' },
      schema: {
        tags,
        summary: 'Entries of the log with their leaf hashes',
        querystring: z.strictObject({ from: z.coerce.number().int().default(0).describe('below 0: from the end'), limit: s.paging.limit }),
        response: { 200: s.auditPage },
      },
    },
    async request => mutable(unwrap(await operations.audit.entries(request.query.from, request.query.limit))),
  )
  app.get(
    '/v1/audit/checkpoint',
    {
      config: { scope: 'audit:read', produces: ['application/json', 'text/plain'] },
      schema: {
        tags,
        summary: 'The signed checkpoint: keep it, and verify later that nothing before it changed',
        description: 'With Accept: text/plain the signed note alone.',
        response: { 200: s.checkpoint },
      },
    },
    async (request, reply) => {
      const checkpoint = operations.audit.checkpoint()
      if (!/^text\/plain\b/.test(request.headers.accept ?? '')) return checkpoint
      reply.type('text/plain; charset=utf-8').serializer(String)
      return checkpoint.note as never
    },
  )
}
