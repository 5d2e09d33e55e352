import { z } from 'zod'
import { controllable } from '../../operations/incident.ts'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['service']
const instant = z.iso.datetime({ offset: true })

/** What those ask who supervise a load controller. */
export function incidentRoutes(app: Api, { engine, operations }: Context): void {
  app.get(
    '/v1/controllable',
    {
      config: { scope: 'fleet:read' },
      schema: { tags, summary: 'Enrolled controllable load against the 300 MW of an essential service', response: { 200: s.controllable } },
    },
    () => controllable(engine.state()),
  )
  app.get(
    '/v1/incident',
    {
      config: { scope: 'audit:read' },
      schema: {
        tags,
        summary: 'What an incident notice (24 h, 72 h) is written from',
        querystring: z.strictObject({ from: instant, to: instant }),
        response: { 200: s.incident },
      },
    },
    async request => {
      const period = { fromMs: Date.parse(request.query.from), toMs: Date.parse(request.query.to) }
      return mutable(unwrap(await operations.incident(period, by(request))))
    },
  )
}
