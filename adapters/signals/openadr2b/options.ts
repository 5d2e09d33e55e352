import { z } from 'zod'

const target = z.strictObject({ scheme: z.string().min(1).max(64), value: z.string().min(1).max(256) })
const watts = z.number().min(0).max(2_000_000_000)
const askSchema = z.union([
  z.strictObject({ kind: z.literal('cap'), totalW: watts }),
  z.strictObject({ kind: z.literal('shed'), totalW: watts }),
  z.strictObject({ kind: z.literal('keep'), fraction: z.number().min(0).max(1) }),
  z.strictObject({ kind: z.literal('limitEach'), limitW: watts }),
  z.strictObject({ kind: z.literal('limitEach'), limitA: z.number().min(0).max(1000) }).describe('amps per phase'),
  z.strictObject({ kind: z.literal('off') }),
])

/** What events of one market context mean here. A context that is not listed is answered 462, optOut. */
const marketSchema = z
  .strictObject({
    /** URI; compared after RFC 3986 normalisation [R512]. */
    context: z.string().min(1),
    programme: z.string().min(1),
    class: z.enum(['emergency', 'obligation', 'contracted', 'voluntary']).default('contracted'),
    /** Ground on which an emergency may use chargers without consent. */
    basis: z.string().min(1).max(200).optional(),
    /** SIMPLE levels 1 to 3 (0 is normal operation). A level that is not here is answered 460, optOut. */
    simple: z.strictObject({ '1': askSchema.optional(), '2': askSchema.optional(), '3': askSchema.optional() }).prefault({}),
    /** Sign of a LOAD_DISPATCH delta that means less consumption. */
    reduction: z.enum(['negative', 'positive']).default('negative'),
    /** ELECTRICITY_PRICE: the ask from a price on, in currency per kWh; the highest step reached counts. Empty: prices are recorded, optOut. */
    prices: z.array(z.strictObject({ atLeast: z.number(), ask: askSchema })).default([]),
    /** Windows for the edge that the VTN leaves open when it fixes only the other (a ramp-up without a recovery). */
    startSpreadS: z.int().min(0).max(1800).default(600),
    endSpreadS: z.int().min(0).max(1800).default(600),
    /** A cancelled event without startafter releases everybody at once instead of over the restore window. */
    stopAtOnce: z.boolean().default(false),
    /** Limit per charger while the VTN is silent in mid-event, instead of what it asked for; absent: the event finishes as known. */
    failsafeW: z.int().min(0).optional(),
    /** How long that limit holds at most, never past the event's end; absent: until the VTN is heard again. */
    failsafeS: z.int().min(60).max(86_400).optional(),
  })
  .refine(m => m.basis === undefined || m.class === 'emergency', { path: ['basis'], message: 'only an emergency has a basis' })

export const optionsSchema = z.strictObject({
  /** Our name for this VTN, in the record and in the registry: letters, digits, "_", "-", ".". */
  peer: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/),
  /** Base address of the VTN; `OpenADR2/Simple/2.0b/<service>` is appended. */
  url: z.url({ protocol: /^https?$/ }),
  venName: z.string().min(1).max(128).default('gridbridge'),
  /** Only if the VTN gave it out beforehand; else the VTN assigns one. */
  venID: z.string().min(1).max(128).optional(),
  /** Mutual TLS. `vtnFingerprint` (last 10 bytes of SHA-256, as 2.0b writes it) pins the VTN's certificate. */
  tls: z
    .strictObject({
      certFile: z.string(),
      keyFile: z.string(),
      caFile: z.string().optional(),
      vtnFingerprint: z
        .string()
        .regex(/^([0-9A-Fa-f]{2}:){9}[0-9A-Fa-f]{2}$/)
        .optional(),
    })
    .optional(),
  /** Answer time allowed to the VTN; the profile asks for 5 s or more. */
  timeoutMs: z.int().min(5_000).max(120_000).default(10_000),
  /** Poll less often than the VTN asks for; never more often [R500]. */
  pollMs: z.int().min(1).max(86_400_000).optional(),
  /** How long to wait before registering again after the VTN has cancelled our registration. */
  registerAgainS: z.int().min(1).default(300),
  /** What this VEN is: an event without targets is for all of these. Absent: the whole network tree. */
  fleet: z.array(target).min(1).optional(),
  /** Parts of the fleet reported under an rID of their own, besides the whole. */
  resources: z.array(target).max(100).default([]),
  /** Finest sampling that we offer in TELEMETRY reports. */
  telemetryMinS: z.int().min(1).max(3_600).default(10),
  markets: z.array(marketSchema).min(1),
})

export type Openadr2bInput = z.input<typeof optionsSchema>
export type Options = z.output<typeof optionsSchema>
export type Market = Options['markets'][number]

/**
 * RFC 3986 section 6.2.2 and 6.2.3: scheme and host in lower case, dot segments gone, default port and empty path made one,
 * percent-escapes in upper case and only where needed. What is no URI is compared as it stands.
 */
export const normalUri = (uri: string): string => {
  const href = URL.canParse(uri.trim()) ? new URL(uri.trim()).href : uri.trim()
  return href.replace(/%([0-9a-f]{2})/gi, (escaped, hex: string) => {
    const char = String.fromCharCode(Number.parseInt(hex, 16))
    return /[A-Za-z0-9\-._~]/.test(char) ? char : escaped.toUpperCase()
  })
}
