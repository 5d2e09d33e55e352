import { z } from 'zod'
import { routineRules } from '../core/register.ts'
import { useStates } from '../operations/register.ts'
import { ask, exemption, named, page } from './schemas.ts'

const instant = z.string().describe('RFC 3339, UTC')
const count = z.number().int()

export const registerEntry = named(
  'RegisterEntry',
  z.object({
    no: count,
    event: z.string(),
    state: z.enum(useStates),
    test: z.boolean(),
    adapter: z.string(),
    peer: z.string(),
    credential: z.string(),
    by: z.string().nullable().describe('the operator who fired it; null: a grid’s own system did'),
    reason: z.string().nullable(),
    why: z.string(),
    basis: z.string().nullable(),
    exemption: exemption.nullable().describe('from random delays, as claimed; null: none was'),
    programme: z.string(),
    targets: z.array(z.string()),
    intervals: z.array(z.object({ from: instant, until: instant.nullable(), ask })),
    received: instant,
    from: instant,
    until: instant.nullable(),
    durationS: count.nullable(),
    usable: count,
    excluded: count,
    commanded: count.describe('chargers that were sent a limit'),
    firstCommandAfterS: z.number().nullable(),
    drawing: count.describe('drew power before'),
    drawnW: z.number(),
    metered: z
      .object({ at: instant, chargers: count, beforeW: z.number(), nowW: z.number() })
      .nullable()
      .describe('by the newest look at the meters, of those metered then and before'),
    verified: z
      .object({ verdict: z.string(), baselineWh: z.number(), actualWh: z.number(), deliveredWh: z.number(), coverage: z.number() })
      .nullable(),
    steps: z
      .array(z.object({ step: z.string(), at: instant, afterS: z.number(), chargers: z.array(z.string()), carriedOut: count }))
      .describe('of the last resort'),
    overrides: z.array(z.object({ at: instant, chargers: count, reason: z.string(), honoured: z.boolean() })),
    beyond: z.array(z.enum(routineRules)).describe('rules of a routine event that it went beyond'),
    budget: z.object({ near: count, passed: count }).describe('chargers whose budget of the year it brought to 80 %, and beyond'),
    needsReview: z.boolean(),
    review: z.object({ by: z.string(), note: z.string(), at: instant }).nullable(),
  }),
)
export const registerPage = page(registerEntry)
export const publicRegister = z.object({
  items: z.array(
    named(
      'PublicRegisterEntry',
      z.object({
        no: count,
        source: z.string(),
        why: z.string(),
        basis: z.string().nullable(),
        exemption: z.string().nullable().describe('from random delays, as claimed'),
        test: z.boolean(),
        areas: z.array(z.string()).describe('feeders or above, of ten chargers or more'),
        from: instant,
        until: instant.nullable(),
        durationS: count.nullable(),
        chargers: count,
        drawnkW: z.number(),
        reducedkW: z.number().nullable(),
        deliveredkWh: z.number().nullable(),
        setToZero: count,
        stopped: count,
        disabled: count,
        overrides: count,
        reviewed: z.boolean(),
      }),
    ),
  ),
})
export const reviewBody = named('Review', z.strictObject({ by: z.string().min(1).max(100), note: z.string().min(1).max(400) }))
