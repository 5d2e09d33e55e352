import { Readable } from 'node:stream'
import { z } from 'zod'
import { WITHIN_S } from '../../operations/fleet.ts'
import { type Api, by, type Context } from '../context.ts'
import { ApiProblem, unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { capacityShape } from '../shapes.ts'

export function fleetRoutes(app: Api, { operations, maxImportBytes }: Context): void {
  const { fleet, fleetImport, fleetRelease, limits } = operations
  app.get(
    '/v1/chargers',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags: ['chargers'],
        summary: 'Chargers, all or those under a node',
        querystring: z.strictObject({ ...s.paging, node: z.string().optional() }),
        response: { 200: s.chargerPage },
      },
    },
    request => mutable(unwrap(fleet.chargers(request.query))),
  )
  app.get(
    '/v1/chargers/:id',
    {
      config: { scope: 'fleet:read' },
      schema: { tags: ['chargers'], summary: 'A charger by external id or number', params: s.ids, response: { 200: s.chargerDetail } },
    },
    request => mutable(unwrap(fleet.charger(request.params.id))),
  )
  app.get(
    '/v1/chargers/:id/limits',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags: ['chargers'],
        summary: 'Who limits a charger, why, until when, and how to override it',
        params: s.ids,
        response: { 200: s.chargerLimits },
      },
    },
    request => mutable(unwrap(limits.of(request.params.id))),
  )
  app.post(
    '/v1/chargers/:id/release',
    {
      config: { scope: 'fleet:write', changes: true },
      schema: {
        tags: ['chargers'],
        summary: 'Let a box go',
        description:
          'By charger or station identity. Clears our profiles, puts back every configuration key we changed, ends consent. All chargers of the box go.',
        params: s.ids,
        response: { 200: s.released },
      },
    },
    async request => mutable(unwrap(await fleetRelease.release(request.params.id, by(request)))),
  )
  app.get(
    '/v1/nodes',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags: ['nodes'],
        summary: 'The network tree; stations only with kind=station',
        querystring: z.strictObject({ ...s.paging, kind: s.nodeKind.optional() }),
        response: { 200: s.nodePage },
      },
    },
    request => mutable(fleet.nodes(request.query)),
  )
  app.get(
    '/v1/nodes/:id/capacity',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags: ['nodes'],
        summary: 'What can be cut at a node now, and why not more',
        description: 'The node by number, by path (names joined by /, encoded as %2F) or by name.',
        params: s.ids,
        querystring: z.strictObject({
          withinS: z.coerce.number().int().min(1).max(86_400).default(WITHIN_S).describe('how soon the forecast counts'),
        }),
        response: { 200: s.nodeCapacity },
      },
    },
    request => capacityShape(unwrap(fleet.capacity(request.params.id, request.query.withinS))),
  )
  app.register(async inner => {
    // A fleet file is read as it comes in, so its size is counted there and not by the server.
    inner.removeAllContentTypeParsers()
    inner.addContentTypeParser('text/csv', (_request, payload, done) => done(null, payload))
    inner.post(
      '/v1/fleet/import',
      {
        config: { scope: 'fleet:write', changes: true },
        bodyLimit: maxImportBytes,
        schema: {
          tags: ['fleet'],
          summary: 'Import a fleet from CSV: a dry run unless apply=true',
          description: 'badRows=stop applies nothing where a row is rejected. The answer has the rejected rows as CSV.',
          consumes: ['text/csv'],
          querystring: z.strictObject({ apply: s.flag, badRows: z.enum(['skip', 'stop']).default('skip') }),
          response: { 200: s.importReport },
        },
      },
      async request => {
        if (!(request.body instanceof Readable)) throw new ApiProblem(415, 'unsupported-media-type', 'send the file as text/csv')
        const { apply, badRows } = request.query as { apply: boolean; badRows: 'skip' | 'stop' }
        return mutable(unwrap(await fleetImport.run(request.body, { apply, badRows, maxBytes: maxImportBytes }, by(request))))
      },
    )
  })
}

type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T
/** The schemas' types know no readonly; what goes out is not touched. */
export const mutable = <T>(value: T): Mutable<T> => value as Mutable<T>
