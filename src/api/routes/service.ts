import { z } from 'zod'
import type { Api, Context } from '../context.ts'
import { readiness } from '../health.ts'
import { ApiProblem } from '../problem.ts'
import * as s from '../schemas.ts'

const tags = ['service']
const alive = z.object({ status: z.literal('ok'), version: z.string() })

/** The entry document, and what those who run the bridge ask. Health needs no token and is never rate limited. */
export function serviceRoutes(app: Api, { engine, version, checks, awaited }: Context): void {
  app.get(
    '/v1',
    {
      schema: {
        tags,
        summary: 'Where everything is',
        response: { 200: z.object({ name: z.string(), version: z.string(), now: z.string(), links: z.record(z.string(), z.string()) }) },
      },
    },
    () => ({ name: 'gridbridge', version, now: new Date(engine.now()).toISOString(), links }),
  )
  app.get('/livez', { config: { unlimited: true }, schema: { tags, summary: 'Is the process alive?', response: { 200: alive } } }, () => ({
    status: 'ok' as const,
    version,
  }))
  app.get(
    '/readyz',
    {
      config: { unlimited: true },
      schema: {
        tags,
        summary: 'Can it do its work? Journal, OCPP port; signals with their last contact',
        response: { 200: s.ready },
      },
    },
    () => {
      const seen = readiness(engine, checks, awaited)
      if (seen.ready) return { ...seen, checks: { ...seen.checks }, signals: [...seen.signals] }
      const failed = Object.entries(seen.checks).filter(([, c]) => !c.ok)
      const detail = failed.map(([name, c]) => `${name}: ${c.detail}`).join('; ')
      throw new ApiProblem(503, 'not-ready', detail, { more: { checks: seen.checks, signals: seen.signals } })
    },
  )
  app.get(
    '/healthz',
    {
      config: { unlimited: true },
      schema: {
        tags,
        summary: 'Both, and how big it is',
        response: {
          200: s.ready.extend({ version: z.string(), chargers: z.number(), eventsActive: z.number(), auditEntries: z.number() }),
        },
      },
    },
    () => {
      const seen = readiness(engine, checks, awaited)
      return {
        ...seen,
        checks: { ...seen.checks },
        signals: [...seen.signals],
        version,
        chargers: engine.state().fleet.chargers,
        eventsActive: engine.bridge.events().filter(e => e.state === 'active' || e.state === 'restoring').length,
        auditEntries: engine.journal.size(),
      }
    },
  )
}

const links = {
  self: '/v1',
  events: '/v1/events',
  chargers: '/v1/chargers',
  nodes: '/v1/nodes',
  optOuts: '/v1/opt-outs',
  dispatchOrders: '/v1/dispatch-orders',
  fleetImport: '/v1/fleet/import',
  register: '/v1/register',
  subjects: '/v1/subjects/{id}',
  controllable: '/v1/controllable',
  incident: '/v1/incident',
  auditEntries: '/v1/audit/entries',
  auditCheckpoint: '/v1/audit/checkpoint',
  log: '/log/checkpoint',
  'service-desc': '/openapi.json',
  'service-doc': '/docs',
}
