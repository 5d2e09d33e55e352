import { z } from 'zod'
import { nameSchema, targetSchema } from './options.ts'

/*
 * The body of a dispatch, version 1. Every object is strict: an unknown key is an error, because a misspelt limit in an emergency must not pass
 * as "no limit". Rules that JSON Schema cannot derive from types stand twice, as a check and as `meta`; a test holds the two together.
 */

const rfc3339 = z.iso.datetime({ offset: true }).describe('RFC 3339 with an offset, e.g. 2026-01-31T17:00:00Z')
const watts = z.number().min(0).max(2_000_000_000)
const kilowatts = z.number().min(0).max(2_000_000)
const seconds = z.int().min(1).max(31_622_400)
const spreadSeconds = z.int().min(0).max(1800)

/** Exactly one key of an object of optional keys. */
const one = { minProperties: 1, maxProperties: 1 }
const exactlyOne = (value: object): boolean => Object.values(value).filter(v => v !== undefined).length === 1

const perCharger = z
  .strictObject({
    a: z.number().min(0).max(1000).optional().describe('amps per phase; 0 is off'),
    w: watts.optional().describe('watts per charger; 0 is off'),
    share: z.number().min(0).max(1).optional().describe("share of each charger's own maximum"),
  })
  .refine(exactlyOne, 'give exactly one of a, w, share')
  .meta(one)
const limit = z
  .strictObject({
    totalW: watts.optional().describe('ceiling on the load of all targets together, those that cannot be commanded included'),
    totalKw: kilowatts.optional(),
    perCharger: perCharger.optional(),
  })
  .refine(exactlyOne, 'give exactly one of totalW, totalKw, perCharger')
  .meta(one)
const shed = z
  .strictObject({ totalW: watts.optional().describe('reduction below the baseline of the targets'), totalKw: kilowatts.optional() })
  .refine(exactlyOne, 'give exactly one of totalW, totalKw')
  .meta(one)

const randomise = z.discriminatedUnion('mode', [
  z.strictObject({ mode: z.literal('programme') }),
  z.strictObject({
    mode: z.literal('window'),
    windowS: spreadSeconds.describe('the start is spread over this window'),
    restoreWindowS: spreadSeconds.optional().describe('the end is spread over this window; the same as windowS if absent'),
  }),
  z.strictObject({
    mode: z.literal('forbidden'),
    basis: z.string().min(1).max(200).describe('on what ground the random offset is disabled'),
  }),
])

const common = {
  id: nameSchema.describe("the sender's own name of the dispatch; an update or a stop carries the same id and a higher version"),
  version: z.int().min(1).max(2_147_483_647),
  reason: z
    .strictObject({ code: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/), text: z.string().max(500).optional() })
    .optional()
    .describe('goes on record and to those limited; no personal data'),
}
const span = {
  target: z.array(targetSchema).min(1).max(1000),
  from: z
    .union([z.literal('now'), rfc3339])
    .optional()
    .describe('"now" if absent'),
  until: z
    .union([z.literal('stopped'), rfc3339])
    .optional()
    .describe('"stopped": no end is known; a limit only'),
  durationS: seconds.optional().describe('counted from `from`'),
  programme: z.string().min(1).max(64).optional(),
  randomise: randomise.optional(),
  priority: z.int().min(0).max(100).optional().describe('0 is sent first; an emergency is 0 unless it says otherwise, all others 10'),
  test: z.boolean().optional().describe('takes the whole path and commands nobody'),
}
const oneEnd = { oneOf: [{ required: ['until'] }, { required: ['durationS'] }] }
type Ends = { until?: string | undefined; durationS?: number | undefined }
const hasOneEnd = (message: Ends): boolean => (message.until === undefined) !== (message.durationS === undefined)
const oneEndIssue = { path: ['until'], message: 'give exactly one of until, durationS' }

const limitMessage = z
  .strictObject({
    ...common,
    ...span,
    kind: z.literal('limit'),
    class: z.enum(['emergency', 'obligation', 'contracted', 'voluntary']).optional(),
    limit,
    basis: z.string().min(1).max(200).optional().describe('legal ground of an emergency; the configured one if absent'),
  })
  .refine(hasOneEnd, oneEndIssue)
  .superRefine((message, ctx) => {
    const issue = (path: string[], text: string) => ctx.addIssue({ code: 'custom', path, message: text })
    if (message.class !== 'emergency') {
      if (message.basis !== undefined) issue(['basis'], 'only an emergency has a basis')
      return
    }
    if (message.reason === undefined) issue(['reason'], 'an emergency needs a reason: every use is reported')
    if (message.from !== undefined && message.from !== 'now') issue(['from'], 'an emergency begins now')
    if (message.randomise?.mode === 'window' && message.randomise.windowS !== 0)
      issue(['randomise', 'windowS'], 'an emergency is never randomised at its start: only 0 is allowed')
  })
  .meta({
    ...oneEnd,
    if: { properties: { class: { const: 'emergency' } }, required: ['class'] },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's own keyword
    then: {
      required: ['reason'],
      properties: { from: { const: 'now' }, randomise: { properties: { windowS: { const: 0 } } } },
    },
    else: { properties: { basis: false } },
  })
const shedMessage = z
  .strictObject({
    ...common,
    ...span,
    until: rfc3339.optional(),
    kind: z.literal('shed'),
    class: z.enum(['obligation', 'contracted', 'voluntary']).optional(),
    shed,
  })
  .refine(hasOneEnd, oneEndIssue)
  .meta(oneEnd)
const stopMessage = z.strictObject({
  ...common,
  kind: z.literal('stop'),
  stop: z.strictObject({
    immediate: z.boolean().describe('true: every charger is released at once; false: spread over the restore window'),
  }),
})

export const messageSchema = z.discriminatedUnion('kind', [limitMessage, shedMessage, stopMessage]).meta({
  title: 'gridbridge DSO dispatch, version 1',
  description: 'Body of POST /dso/v1/dispatch. See docs/guides/dso-webhook.md.',
})
export type DispatchMessage = z.output<typeof messageSchema>
export type StartMessage = Exclude<DispatchMessage, { kind: 'stop' }>
/** What a sender writes; the same as what is read, kept apart so that defaults may come later. */
export type DispatchBody = z.input<typeof messageSchema>

/** `sentAt` is the peer's own clock, answered with ours beside it. */
export const heartbeatSchema = z.strictObject({ heartbeat: z.literal(true), sentAt: rfc3339.optional() })

/** The published JSON Schema (draft 2020-12) of a dispatch. */
export const dispatchJsonSchema = (): unknown => z.toJSONSchema(messageSchema, { io: 'input' })
