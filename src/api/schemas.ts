import { z } from 'zod'
import { chargerVerdicts, linkLossTraits, nodeKinds, nonResponses, sessionPhases } from '../core/model.ts'
import { standings } from '../core/views.ts'
import { reasonCodes } from '../operations/emergency.ts'
import { hindrances } from '../operations/fleet.ts'
import { optOutReasons } from '../operations/optOuts.ts'
import { importedLimit } from './importedLimit.ts'
import { named, range } from './named.ts'
import { verification } from './verificationSchema.ts'

/** Shapes of the API. Instants are RFC 3339 in UTC, power is in W with import positive; null is not known or does not apply. */
export { named }

const instant = z.string().describe('RFC 3339, UTC')
const watts = z.number()
const count = z.number().int()

export const problem = named(
  'Problem',
  z.object({
    type: z.string(),
    title: z.string(),
    status: count,
    detail: z.string(),
    instance: z.string(),
    code: z.string().describe('stable, in kebab case'),
    hint: z.string().optional().describe('what to do about it'),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string(), value: z.unknown().optional() })).optional(),
  }),
)

export const paging = { from: z.coerce.number().int().min(0).default(0), limit: z.coerce.number().int().min(1).max(1000).default(200) }
export const page = <T extends z.ZodType>(item: T) =>
  z.object({ total: count, from: count, items: z.array(item), next: count.nullable().describe('`from` of the next page') })
/** Query booleans as they are written: `?apply=true`, `?apply`. */
export const flag = z
  .enum(['true', 'false', '1', '0', ''])
  .default('false')
  .transform(v => v === 'true' || v === '1' || v === '')

const eventStates = ['scheduled', 'active', 'restoring', 'ended', 'cancelled', 'declined', 'verified'] as const
export const eventState = z.enum(eventStates)
export const ask = z.union([
  z.object({
    kind: z.literal('cap'),
    totalW: watts,
    phaseA: z.tuple([z.number(), z.number(), z.number()]).readonly().optional().describe('on L1, L2 and L3, A'),
  }),
  z.object({ kind: z.literal('shed'), totalW: watts }),
  z.object({ kind: z.literal('keep'), fraction: z.number() }),
  z.object({ kind: z.literal('limitEach'), limitW: watts }),
  z.object({ kind: z.literal('limitEach'), limitA: z.number() }),
  z.object({ kind: z.literal('off') }),
])
export const event = named(
  'Event',
  z.object({
    id: z.string(),
    no: count,
    upstreamRef: z.string(),
    adapter: z.string(),
    peer: z.string(),
    class: z.enum(['emergency', 'obligation', 'contracted', 'voluntary']),
    programme: z.string(),
    revision: count,
    from: instant,
    until: instant.nullable().describe('null: open-ended'),
    state: eventState,
    links: z.record(z.string(), z.string()),
  }),
)
export const eventPage = page(event)

export const exemption = z.object({ by: z.enum(['signal', 'programme']), basis: z.string() })
export const eventDetail = named(
  'EventDetail',
  z.object({
    event,
    intervals: z.array(
      z.object({
        from: instant,
        until: instant.nullable(),
        ask,
        failsafe: z.boolean().describe('not asked for: the contractual limit of a source that is silent'),
      }),
    ),
    spread: z.object({ startS: z.number(), endS: z.number() }).nullable(),
    exemption: exemption.nullable().describe('from random delays, as claimed where the start is not spread'),
    basis: z.string().nullable(),
    declined: z.string().nullable(),
    reason: z.string().nullable().describe('reason code of an operator'),
    progress: z
      .object({
        targeted: count,
        usable: count,
        limited: count,
        limitedNow: count,
        answered: count,
        silent: count,
        inDelay: count.describe('still in their random delay'),
        offline: count,
        refused: count,
        optedOut: count,
        excluded: z.record(z.string(), count),
        limitedToW: watts,
        missingW: watts.describe('shortfall that the ask was raised by'),
        ask: ask.nullable(),
      })
      .nullable(),
    series: z
      .object({
        stepS: z.number(),
        points: z.array(z.object({ at: instant, targetW: watts.nullable(), measuredW: watts.nullable(), coverage: z.number() })),
      })
      .nullable(),
    verification: verification.nullable(),
  }),
)
const hex = z.string().regex(/^[0-9a-f]*$/)
export const seed = named(
  'Seed',
  z.object({
    event: z.string(),
    no: count,
    seed: hex.describe('what every draw of the event comes from'),
    salt: hex,
    hash: hex.describe('SHA-256 of salt || seed, as it stands in the log'),
    leaf: count.describe('index of the log entry that has the hash'),
    signalHash: hex.describe('SHA-256 of the message that brought the event'),
    keyHash: hex.describe('SHA-256 of the key that seeds are made with, in the log before any draw'),
    key: hex.describe('the key of this event alone, committed to in the log before the signal'),
    committed: z
      .object({
        leaf: count.describe('index of the log entry, the first that committed to the key of this event'),
        root: hex.describe('of the tree (RFC 6962) whose entries are the keys of `count` events'),
        count,
        slot: count.describe('which of them the key of this event is'),
        path: z.array(hex).describe('from the key to the root (RFC 9162)'),
      })
      .nullable()
      .describe('null where the log committed to the SHA-256 of the key'),
  }),
)
export const results = z.object({
  total: count,
  results: z.array(z.object({ charger: z.string(), no: count, verdict: z.enum(chargerVerdicts), cause: z.enum(nonResponses) })),
})
export const cancelBody = named(
  'Cancel',
  z.strictObject({
    reason: z.string().min(1).max(500),
    atOnce: z.boolean().default(false).describe('free everybody at once instead of over the restore window'),
  }),
)

export const charger = named(
  'Charger',
  z.object({
    no: count,
    charger: z.string().describe('external id'),
    identity: z.string(),
    evseId: count,
    station: count,
    node: z.string(),
    online: z.boolean(),
    powerW: watts.nullable(),
    limitW: watts.nullable().describe('null: free'),
    held: z.enum(['yes', 'sent', 'unknown', 'no']).describe('is the plan known to be what the charger holds?'),
    minW: watts,
    maxW: watts,
    programmes: z.array(z.object({ programme: z.string(), consented: z.boolean() })),
    hindrances: z.array(z.enum(hindrances)).describe('why it cannot be dispatched'),
  }),
)
export const chargerPage = page(charger)
export const chargerDetail = named(
  'ChargerDetail',
  charger.extend({
    ceilingW: watts.nullable().describe("another's limit that the box was last seen to hold"),
    capabilities: z.object({
      units: z.array(z.enum(['A', 'W'])),
      limitsAt: z.enum(['station', 'evse']),
      phases: count,
      voltageV: z.number(),
      minA: z.number(),
      maxA: z.number(),
      stepA: z.number(),
      stepsA: z.array(z.number()).readonly().optional().describe('the only limits that it takes besides 0'),
      maxStackLevel: count,
      depth: count,
      onLinkLoss: z.enum(linkLossTraits),
      takesZero: z.boolean(),
      meterClass: z.string(),
      gridPhases: z.string().optional().describe('phases of the grid on its own first, second and third; absent: not known'),
      ownRandomDelayS: count.optional().describe('the box waits by chance, up to so many seconds, before it follows a change'),
    }),
  }),
)
const limit = z.object({
  limitW: watts,
  since: instant,
  until: instant.nullable(),
  event: z.string().nullable(),
  who: z.object({ adapter: z.string(), peer: z.string() }).nullable(),
  class: z.string().nullable(),
  emergency: z.boolean(),
  programme: z.string().nullable(),
  why: z.string(),
})
export const chargerLimits = named(
  'ChargerLimits',
  z.object({
    charger: z.string(),
    no: count,
    limited: limit.nullable(),
    next: z.array(limit),
    held: z.enum(['yes', 'sent', 'unknown', 'no']),
    online: z.boolean(),
    override: z.object({ allowed: z.boolean(), how: z.string() }),
    optOuts: z.array(z.object({ from: instant, until: instant.nullable(), reason: z.string() })),
    refusedUntil: instant.nullable(),
  }),
)
export const released = named(
  'Released',
  z.object({
    station: count,
    chargers: z.array(z.string()),
    programmesEnded: z.array(z.string()),
    cleared: count,
    restoredKeys: z.array(z.string()),
    failed: z.array(z.string()).describe('what could not be undone: release again once it is online'),
  }),
)

export const optOutBody = named(
  'OptOutRequest',
  z.strictObject({
    chargers: z.array(z.string().min(1)).min(1).max(10_000),
    reason: z.enum(optOutReasons).default('driver'),
    from: z.iso.datetime({ offset: true }).optional().describe('default: now'),
    until: z.iso.datetime({ offset: true }).optional().describe('default: without end'),
  }),
)
const optOutShape = z.object({ charger: z.string(), no: count, from: instant, until: instant.nullable(), reason: z.string() })
export const optOutPage = page(named('OptOut', optOutShape))
export const optedOut = z.object({
  optOuts: z.array(named('OptedOut', optOutShape.extend({ effective: z.enum(['now', 'later', 'afterEmergency']), note: z.string() }))),
})
export const optedIn = z.object({ charger: z.string(), no: count })

export const sessionBody = named(
  'SessionRequest',
  z.strictObject({
    departAt: z.iso.datetime({ offset: true }).optional(),
    needKwh: z.number().min(0).max(500).optional(),
  }),
)
export const session = named(
  'Session',
  z.object({
    charger: z.string(),
    no: count,
    car: z.enum([...sessionPhases, 'unknown']),
    departAt: instant.nullable(),
    needKwh: z.number().nullable(),
  }),
)

export const node = named(
  'Node',
  z.object({
    no: count,
    kind: z.enum(nodeKinds),
    name: z.string(),
    path: z.string(),
    parent: count.nullable(),
    limitW: watts.nullable(),
    chargers: count,
  }),
)
export const nodePage = page(node)
export const nodeKind = z.enum(nodeKinds)
const byStanding = Object.fromEntries(standings.map(s => [s, count])) as Record<(typeof standings)[number], typeof count>
export const nodeCapacity = named(
  'Capacity',
  z.object({
    node,
    at: instant,
    chargers: count,
    online: count,
    metered: count,
    loadW: watts.describe('load with a fresh reading, usable or not'),
    drawingW: watts.describe('what consented, reachable chargers draw'),
    curtailableW: watts.describe('what of it can be cut now'),
    standing: z.object(byStanding),
    programmes: z.array(z.object({ programme: z.string(), chargers: count, drawingW: watts, curtailableW: watts, ...byStanding })),
    dataAge: z.object({ medianS: z.number(), oldestS: z.number() }).nullable(),
    forecast: z
      .object({ withinS: count, ...range })
      .describe('reduction within so many seconds if all who may be used are told now, random delay included'),
  }),
)

const positive = z.number().min(0)
export const limitBody = named(
  'Limit',
  z.union([
    z.strictObject({ amps: positive.describe('of each charger, per phase') }),
    z.strictObject({ watts: positive.describe('of each charger') }),
    z.strictObject({ percent: positive.max(100).describe("of each charger's own maximum") }),
    z.strictObject({ totalWatts: positive.describe('of the node, all its load included') }),
    z.strictObject({ to: z.enum(['floor', 'off']).describe('floor: 6 A per phase') }),
  ]),
)
export const orderBody = named(
  'DispatchOrderRequest',
  z.strictObject({
    node: z
      .union([z.string().min(1).max(1000), z.number().int().min(0)])
      .transform(String)
      .describe('number, path or name'),
    limit: limitBody,
    durationS: z
      .number()
      .int()
      .min(1)
      .max(7 * 86_400),
    programme: z.string().min(1).optional(),
    basis: z.string().min(1).max(500).optional().describe('legal ground for using chargers without consent; recorded'),
    test: z.boolean().optional().describe('takes the whole path and commands nobody'),
  }),
)
export const order = named(
  'DispatchOrder',
  z.object({
    id: z.string(),
    etag: z.string(),
    state: z.enum(['selected', 'operating', 'operated', 'expired']),
    selectedBy: z.string(),
    expiresAt: instant,
    expiresInS: z.number(),
    node: z.object({ no: count, path: z.string() }),
    limit: limitBody,
    durationS: z.number(),
    programme: z.string(),
    basis: z.string().nullable(),
    test: z.boolean(),
    effect: z.object({
      chargers: count,
      commanded: count,
      drawing: count,
      idle: count,
      unknown: count,
      offline: count,
      notEnrolled: count,
      unconsented: count,
      optedOut: count,
      refused: count,
      withoutConsent: count,
      optOutsOverridden: count,
      late: count.describe('of the commanded: wait by a random delay of their own'),
      lateS: count.describe('up to so many seconds'),
      loadW: watts,
      cutW: watts,
      unreachableW: watts,
    }),
    conflicts: z.array(z.object({ event: z.string(), class: z.string(), adapter: z.string(), from: instant, until: instant.nullable() })),
    driversTouched: count,
    restoreS: z.number(),
    warnings: z.array(z.string()),
    event: z.string().nullable(),
    links: z.record(z.string(), z.string()),
  }),
)
export const operateBody = named('Operate', z.strictObject({ reason: z.enum(reasonCodes), text: z.string().max(500).optional() }))
export const operated = named(
  'Operated',
  z.object({
    order: z.string(),
    event: z.string(),
    usable: count,
    excluded: count,
    from: instant,
    until: instant,
    links: z.record(z.string(), z.string()),
  }),
)

export const importReport = named(
  'ImportReport',
  z.object({
    applied: z.boolean().describe('false: a dry run, or stopped by a bad row'),
    rows: count,
    created: count,
    updated: count,
    unchanged: count,
    rejected: count,
    newNodes: count,
    withoutConsent: count,
    nodeLimits: z.array(importedLimit).describe('limits of nodes that differ from what stands'),
    errors: z.array(
      z.object({ line: count, column: z.string(), value: z.string(), code: z.string(), message: z.string(), hint: z.string() }),
    ),
    rejectedCsv: z.string().describe('the rejected rows with a column `error`: mend it and import it again'),
    ignoredColumns: z.array(z.string()),
  }),
)

export {
  auditPage,
  checkpoint,
  consistency,
  controllable,
  entryProof,
  erasure,
  erasureBody,
  incident,
  subjectExport,
  subjectQuery,
} from './recordSchemas.ts'

const check = z.object({ ok: z.boolean(), detail: z.string() })
export const ready = named(
  'Readiness',
  z.object({
    ready: z.boolean(),
    checks: z.record(z.string(), check),
    signals: z.array(z.object({ adapter: z.string(), peer: z.string(), lastContact: instant.nullable(), stale: z.boolean() })),
  }),
)
export const ids = z.object({ id: z.string().min(1).max(1000) })
