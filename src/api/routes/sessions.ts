import { seconds } from '../../operations/result.ts'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'

const tags = ['fleet']

export function sessionRoutes(app: Api, context: Context): void {
  const { sessions } = context.operations
  app.get(
    '/v1/chargers/:id/session',
    {
      config: { scope: 'fleet:read' },
      schema: { tags, summary: 'The car at a charger, as far as it is known', params: s.ids, response: { 200: s.session } },
    },
    request => unwrap(sessions.find(request.params.id)),
  )
  app.put(
    '/v1/chargers/:id/session',
    {
      config: { scope: 'optout:write', changes: true },
      schema: {
        tags,
        summary: 'When the car leaves, and what it needs until then',
        description: 'For the app of a driver. What is left out stays. It goes with the car. Refused with 409 where no car is plugged in.',
        params: s.ids,
        body: s.sessionBody,
        response: { 200: s.session },
      },
    },
    async request => {
      const { departAt, needKwh } = request.body
      const need = {
        departS: departAt === undefined ? undefined : seconds(Date.parse(departAt)),
        needWh: needKwh === undefined ? undefined : needKwh * 1000,
      }
      return unwrap(await sessions.tell(request.params.id, need, by(request)))
    },
  )
}
