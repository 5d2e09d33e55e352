import { createHash } from 'node:crypto'
import { z } from 'zod'

/** Names that travel in URLs and registry keys: no colon, no slash, so that both stay unambiguous. */
export const nameSchema = z.string().regex(/^[A-Za-z0-9_~][A-Za-z0-9._~-]{0,63}$/, 'letters, digits, "_", "~", "." and "-", at most 64')
export const targetSchema = z.strictObject({ scheme: z.string().min(1).max(64), value: z.string().min(1).max(256) })

/** Standard Webhooks: symmetric secrets are 24 to 64 bytes, base64, with or without the prefix `whsec_`. */
const secretSchema = z
  .string()
  .regex(/^(whsec_)?[A-Za-z0-9+/]+={0,2}$/, 'base64, optionally after "whsec_"')
  .refine(secret => secretBytes(secret).length >= 24 && secretBytes(secret).length <= 64, 'must be 24 to 64 bytes, in base64')
const secretBytes = (secret: string): Buffer => Buffer.from(secret.replace(/^whsec_/, ''), 'base64')

const callbackUrlSchema = z.string().refine(isCallbackUrl, 'must be an http(s) URL without user name, password or fragment')
function isCallbackUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && url.hash === ''
}

const peerSchema = z.strictObject({
  name: nameSchema,
  /** The newest first; it signs callbacks. Keep an old one beside it while the peer changes over. */
  secrets: z.array(secretSchema).min(1).max(5),
  /** Pins the peer's client certificate, as `AB:CD:...` (SHA-256). */
  clientFingerprint256: z
    .string()
    .regex(/^([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}$/)
    .optional(),
  programme: z.string().min(1),
  /** Programmes that a message of this peer may name besides its own. */
  otherProgrammes: z.array(z.string().min(1)).default([]),
  defaultClass: z.enum(['obligation', 'contracted', 'voluntary']).default('contracted'),
  /** Present: the peer may use class `emergency`. `basis` is the legal or contractual ground that goes on record with each use. */
  emergency: z.strictObject({ basis: z.string().min(1).max(200) }).optional(),
  /** The parts of the network that this peer may command; absent means all of it. */
  within: z.array(targetSchema).min(1).optional(),
  /** How load comes back after an emergency that names no window of its own. */
  restoreWindowS: z.int().min(0).max(1800).default(600),
  /** Absent: the peer sends no heartbeat and is never called stale. Stale is two missed ones. */
  heartbeatS: z.int().min(5).max(3600).optional(),
  /** Limit per charger while the peer is silent in mid-event, instead of what it asked for; null lets the event finish as known. Needs heartbeatS. */
  failsafeW: z.int().min(0).nullable().default(null),
  /** How long that limit holds at most, never past the event's end (EEBus: two hours or more); absent: until the peer is heard again. */
  failsafeS: z.int().min(60).max(86_400).optional(),
  telemetryEveryS: z.int().min(10).max(3600).default(60),
  /** Where progress is reported; `secret` defaults to the first of `secrets`. Nothing in a message can change the address. */
  callback: z.strictObject({ url: callbackUrlSchema, secret: secretSchema.optional() }).optional(),
})

export const optionsSchema = z
  .strictObject({
    host: z.string().min(1).default('127.0.0.1'),
    port: z.int().min(0).max(65535).default(8090),
    /** PEM files. With `clientCaFile` every client must show a certificate signed by it. */
    tls: z.strictObject({ certFile: z.string(), keyFile: z.string(), clientCaFile: z.string().optional() }).optional(),
    /** Allows http beyond this machine, for a proxy that ends TLS in front of us. */
    plainHttp: z.boolean().default(false),
    /** As peers see us, e.g. `https://dsr.example`; only used to write `statusUrl`. */
    publicUrl: z.string().optional(),
    requestTimeoutMs: z.int().min(100).max(120_000).default(10_000),
    /** Messages whose timestamp is further off are refused (Standard Webhooks: five minutes). */
    toleranceS: z.int().min(1).max(3600).default(300),
    /** Answers are kept this long after the end of the event. */
    keepS: z
      .int()
      .min(86_400)
      .default(30 * 86_400),
    peers: z.array(peerSchema).min(1).max(100),
  })
  .superRefine((options, ctx) => {
    const issue = (path: (string | number)[], message: string) => ctx.addIssue({ code: 'custom', path, message })
    const secrets = new Map<string, number>()
    options.peers.forEach((peer, i) => {
      if (options.peers.findIndex(other => other.name === peer.name) !== i) issue(['peers', i, 'name'], `"${peer.name}" is used twice`)
      for (const secret of peer.secrets) {
        const bytes = secretBytes(secret).toString('hex')
        // The secret says who is speaking, so it can belong to one peer only.
        if ((secrets.get(bytes) ?? i) !== i) issue(['peers', i, 'secrets'], 'a secret is shared with another peer')
        secrets.set(bytes, i)
      }
      if (peer.failsafeW !== null && peer.heartbeatS === undefined)
        issue(['peers', i, 'failsafeW'], 'needs heartbeatS: without a heartbeat nobody is ever silent')
      if (peer.failsafeS !== undefined && peer.failsafeW === null) issue(['peers', i, 'failsafeS'], 'needs failsafeW')
      if (peer.clientFingerprint256 !== undefined && options.tls?.clientCaFile === undefined)
        issue(['peers', i, 'clientFingerprint256'], 'needs tls.clientCaFile')
      if (peer.callback !== undefined && !options.plainHttp && isPlain(peer.callback.url))
        issue(['peers', i, 'callback', 'url'], 'http beyond this machine needs plainHttp: true')
    })
    if (options.tls === undefined && !options.plainHttp && !isLoopback(options.host))
      issue(['host'], `"${options.host}" is reachable from outside: set tls, or plainHttp: true behind a proxy that ends TLS`)
  })

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host)
function isPlain(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return url.protocol === 'http:' && !isLoopback(url.hostname)
}

export type WebhookOptions = z.input<typeof optionsSchema>
export type Options = z.output<typeof optionsSchema>
export type Peer = Options['peers'][number]

/** Names a secret in the record without giving it away. */
export const credentialOf = (secret: string): string =>
  `secret:${createHash('sha256').update(secretBytes(secret)).digest('hex').slice(0, 12)}`
