import { z } from 'zod'
import { copyKinds } from '../operations/erasure.ts'
import { named } from './named.ts'

/** Shapes of what is asked of the record: the log and its proofs, what is kept of a person, what a notice of an incident needs. */
const instant = z.string().describe('RFC 3339, UTC')
const count = z.number().int()

export const controllable = named(
  'Controllable',
  z.object({
    chargers: count,
    controllableW: z.number().describe('rated power of all enrolled chargers'),
    thresholdW: z.number().describe('300 MW: from there on an essential service'),
    share: z.number(),
  }),
)
export const incident = named(
  'Incident',
  z.object({
    from: instant,
    to: instant,
    exportedAt: instant,
    exportedBy: z.string(),
    deadlines: z.object({ earlyWarningH: z.literal(24), fullNoticeH: z.literal(72) }),
    log: z.object({ size: count, checkpoint: z.string() }),
    controllable,
    impact: z.object({ events: count, emergencies: count, commands: count, chargersCommanded: count, refusedRequests: count }),
    counts: z.record(z.string(), count),
    timeline: z.array(z.object({ entry: count, at: instant, what: z.string(), about: z.record(z.string(), z.unknown()) })),
    timelineCut: count.describe('entries beyond the 5,000 that are listed'),
  }),
)
export const subjectExport = named(
  'SubjectExport',
  z.looseObject({ subject: z.enum(['box', 'token']) }).describe('all that is kept of a person, by where it is kept'),
)
const spoken = z.string().min(4).max(200)
export const subjectQuery = z.strictObject({
  also: z
    .union([z.array(spoken).max(20), spoken])
    .default([])
    .describe('what else people may have called the person in texts, such as a name'),
})
export const erasureBody = named(
  'ErasureRequest',
  z.strictObject({
    apply: z.boolean().default(false),
    also: z.array(spoken).max(20).default([]).describe('what else people may have called the person in texts, such as a name'),
  }),
)
export const erasure = named(
  'Erasure',
  z.object({
    applied: z.boolean(),
    subject: z.enum(['box', 'token']),
    station: count.nullable(),
    chargers: z.array(count),
    names: count,
    settings: count,
    blobs: count.describe('messages, texts and power columns of the log'),
    readings: count,
    isGone: z.boolean().describe('false: a text can still be read in a file; see `hint`'),
    notUndone: z.array(z.string()),
    copies: z
      .array(
        z.object({
          kind: z.enum(copyKinds),
          path: z.string(),
          made: z.string().nullable(),
          until: z.string().nullable().describe('from when on it is removed by itself; null: when you remove it'),
          isSeen: z.boolean().describe('false: its folder cannot be looked into now'),
        }),
      )
      .describe('whole copies of the state that still have it'),
    hint: z.string(),
  }),
)

export const auditPage = named(
  'AuditPage',
  z.object({
    size: count,
    from: count,
    entries: z.array(
      z.object({
        index: count,
        hash: z.string().describe('RFC 6962 leaf hash, hex'),
        leaf: z.string().describe('the bytes that are hashed, base64'),
        entry: z.unknown(),
      }),
    ),
    next: count.nullable(),
  }),
)
export const checkpoint = named(
  'Checkpoint',
  z.object({ size: count, root: z.string().describe('base64'), note: z.string().describe('C2SP signed note; empty for an empty log') }),
)
export const entryProof = named(
  'EntryProof',
  z.object({
    index: count,
    size: count.describe('of the tree that it is proven against'),
    leaf: z.string().describe('the entry, base64'),
    proof: z.string().describe('C2SP tlog-proof'),
  }),
)
export const consistency = named(
  'ConsistencyProof',
  z.object({ from: count, to: count, fromRoot: z.string(), toRoot: z.string(), proof: z.array(z.string()).describe('base64, RFC 9162') }),
)
