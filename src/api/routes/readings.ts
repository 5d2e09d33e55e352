import { z } from 'zod'
import { flaw } from '../../core/verify/series.ts'
import { seconds } from '../../operations/result.ts'
import { witnessKinds, witnessUnits } from '../../ports.ts'
import { type Api, by, type Context } from '../context.ts'
import { unwrap } from '../problem.ts'
import * as s from '../schemas.ts'
import { mutable } from './fleet.ts'

const tags = ['readings']
const instant = z.iso.datetime({ offset: true })
const count = z.int()
const wh = z.number().nullable().describe('import positive; null where the readings do not say')
const flaws = z.array(z.enum(Object.keys(flaw).filter(k => k !== 'none') as [string, ...string[]]))
const span = { from: instant, until: instant }
export const energy = s.named('Energy', z.object({ stepS: count, points: z.array(z.object({ at: z.string(), energyWh: wh, flaws })) }))
export const sessionList = z.object({
  items: z.array(
    s.named(
      'SessionRecord',
      z.object({
        charger: z.string(),
        from: z.string(),
        until: z.string(),
        energyWh: wh,
        poweredS: count.describe('in which it drew power'),
        pluggedS: count,
        flaws,
      }),
    ),
  ),
})
const kind = z.enum(witnessKinds)
const unit = z.enum(witnessUnits)
const sign = z.enum(['consumption', 'generation']).describe('what is positive in what comes')
const stamp = z.enum(['start', 'end']).describe('which end of its interval a time names')
const meter = s.named(
  'Meter',
  z.object({ no: count, name: z.string(), node: z.object({ no: count, path: z.string() }), kind, stepS: count, unit, sign, stamp }),
)
export const meterList = z.object({ items: z.array(meter) })
export const taken = s.named(
  'ReadingsTaken',
  z.object({
    taken: count,
    errors: z.array(z.object({ index: count, value: z.unknown(), message: z.string() })).describe('what was not taken, and why'),
  }),
)
export const imported = s.named(
  'MeterImport',
  z.object({
    applied: z.boolean(),
    rows: count,
    readings: count,
    duplicates: count,
    meters: z.array(z.string()),
    errors: z.array(
      z.object({ line: count, column: z.string(), value: z.string(), code: z.string(), message: z.string(), hint: z.string() }),
    ),
  }),
)

/** Energy made of readings, sessions, and the series of meters that are not ours. */
export function readingRoutes(app: Api, context: Context): void {
  const { readings, witnesses } = context.operations
  app.get(
    '/v1/chargers/:id/energy',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags,
        summary: 'Energy of a charger in equal steps, with what is wrong with each',
        params: s.ids,
        querystring: z.strictObject({ ...span, stepS: z.coerce.number().int().default(1800).describe('60, 300 or 1800') }),
        response: { 200: energy },
      },
    },
    async request => {
      const { from, until, stepS } = request.query
      const points = unwrap(await readings.energy(request.params.id, seconds(Date.parse(from)), seconds(Date.parse(until)), stepS))
      return { stepS, points: mutable(points) }
    },
  )
  app.get(
    '/v1/chargers/:id/sessions',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags,
        summary: 'What cars took at a charger, kept for 13 months',
        params: s.ids,
        querystring: z.strictObject(span),
        response: { 200: sessionList },
      },
    },
    async request => {
      const { from, until } = request.query
      return { items: mutable(unwrap(await readings.sessions(request.params.id, Date.parse(from), Date.parse(until)))) }
    },
  )
  app.get(
    '/v1/chargers/:id/signed-values',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags,
        summary: 'Values that the meter of a charger signed (OCMF and others), as the box sent them',
        params: s.ids,
        querystring: z.strictObject(span),
        response: { 200: z.object({ items: z.array(z.object({ at: z.string(), value: z.unknown() })) }) },
      },
    },
    async request => {
      const { from, until } = request.query
      return { items: mutable(unwrap(await readings.signed(request.params.id, Date.parse(from), Date.parse(until)))) }
    },
  )
  app.post(
    '/v1/chargers/:id/readings',
    {
      config: { scope: 'meter:write', changes: true },
      schema: {
        tags,
        summary: 'Readings of a charger that come by another way than its own',
        description: 'The same interval again replaces. All or nothing.',
        params: s.ids,
        body: z.strictObject({
          readings: z
            .array(
              z.strictObject({
                from: instant,
                until: instant,
                powerW: z.number().optional().describe('mean over the interval, import positive'),
                registerWh: z.number().optional().describe('import register at its end'),
              }),
            )
            .min(1)
            .max(10_000),
        }),
        response: { 200: z.object({ taken: count }) },
      },
    },
    request =>
      unwrap(
        readings.push(
          request.params.id,
          request.body.readings.map(({ from, until, powerW, registerWh }) => ({
            fromMs: Date.parse(from),
            toMs: Date.parse(until),
            ...{ powerW, registerWh },
          })),
        ),
      ),
  )
  app.get(
    '/v1/meters',
    {
      config: { scope: 'fleet:read' },
      schema: { tags, summary: 'Meters that are no charger’s: second witnesses', response: { 200: meterList } },
    },
    () => ({ items: mutable(witnesses.list()) }),
  )
  app.get(
    '/v1/meters/:id/energy',
    {
      config: { scope: 'fleet:read' },
      schema: {
        tags,
        summary: 'The series of a meter in equal steps',
        params: s.ids,
        querystring: z.strictObject({ ...span, stepS: z.coerce.number().int().min(60).max(86_400).default(1800) }),
        response: { 200: energy },
      },
    },
    async request => {
      const { from, until, stepS } = request.query
      const steps = { fromS: seconds(Date.parse(from)), toS: seconds(Date.parse(until)), stepS }
      return { stepS, points: mutable(unwrap(await witnesses.energy(request.params.id, steps))) }
    },
  )
  app.post(
    '/v1/meters/:id/readings',
    {
      config: { scope: 'meter:write', changes: true },
      schema: {
        tags,
        summary: 'Push intervals of a declared meter',
        description:
          'In the unit and with the sign that it was declared with. The same interval again replaces. One bad value takes no other with it.',
        params: s.ids,
        body: z.strictObject({
          readings: z
            .array(z.strictObject({ at: z.union([z.string(), z.number()]), value: z.number() }))
            .min(1)
            .max(10_000),
        }),
        response: { 200: taken },
      },
    },
    async request => mutable(unwrap(await witnesses.take(request.params.id, request.body.readings))),
  )
  app.register(async inner => {
    inner.removeAllContentTypeParsers()
    inner.addContentTypeParser('text/csv', { parseAs: 'string' }, (_request, body, done) => done(null, body))
    inner.post(
      '/v1/meters/import',
      {
        config: { scope: 'meter:write', changes: true },
        bodyLimit: context.maxImportBytes,
        schema: {
          tags,
          summary: 'Import the series of meters from CSV: a dry run unless apply=true',
          description: 'A column of times, one of energy and, for several meters, one of their names. Makes the meters known.',
          consumes: ['text/csv'],
          querystring: z.strictObject({
            apply: s.flag,
            node: z.string().min(1),
            name: z.string().min(1).max(200).optional().describe('where the file has no column of meters; else the name of the node'),
            kind: kind.default('feeder'),
            unit: unit.default('kWh'),
            sign: sign.default('consumption'),
            stamp: stamp.default('start'),
            stepS: z.coerce.number().int().min(60).max(86_400).default(1800),
          }),
          response: { 200: imported },
        },
      },
      async request => {
        const { apply, name, ...rest } = request.query as unknown as { apply: boolean; name?: string } & Parameters<
          typeof witnesses.declare
        >[0]
        const declaration = { ...rest, name: name ?? rest.node }
        return mutable(unwrap(await witnesses.importCsv(String(request.body), declaration, apply, by(request))))
      },
    )
  })
}
