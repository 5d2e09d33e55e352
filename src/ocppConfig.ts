import { z } from 'zod'

export const DEFAULT_OCPP_PORT = 9220
export const seconds = (max: number) => z.int().min(0).max(max)
export const name = z.string().min(1).max(200)
export const port = z.int().min(0).max(65_535)
export const authorize = z.enum(['known', 'all'])

const tls = z.strictObject({
  certFile: z.string(),
  keyFile: z.string(),
  /** Who signs the chargers' certificates (security profile 3). */
  clientCaFile: z.string().optional(),
})

const override = z.strictObject({
  /** Sources in NotifyChargingLimit (OCPP 2.0.1). */
  limitSources: z.array(z.enum(['EMS', 'Other', 'SO', 'CSO'])).default([]),
  /** DataTransfer of this maker; without `messageId`, any of it. */
  dataTransfer: z.array(z.strictObject({ vendorId: name, messageId: z.string().min(1).max(50).optional() })).default([]),
})

const vendorKey = z.strictObject({
  /** Which boxes: maker, model and firmware as in `Acme Wallbox|1.2`; `*` stands for any characters. */
  model: name,
  /** OCPP 1.6: the key. 2.0.1: `Component.Variable`. */
  key: z.string().min(1).max(101),
  /** `A` is per phase, `W` for the box. */
  unit: z.enum(['A', 'W']),
  /** The value that limits nothing. A key that cannot be read is used only with it. */
  free: z.string().min(1).max(50).optional(),
  /** 0 pauses the box. Otherwise its least current is the lowest that is written: to some boxes 0 means no limit. */
  zeroPauses: z.boolean().default(false),
})

const randomDelayKey = z.strictObject({
  /** Which boxes: maker, model and firmware as in `Acme Wallbox|1.2`; `*` stands for any characters. */
  model: name,
  /** OCPP 1.6: the key. 2.0.1: `Component.Variable`. */
  key: z.string().min(1).max(101),
  /** The value that switches the delay off, as long as the box is enrolled. Left out: the delay is read and reckoned with. */
  off: z.string().min(1).max(50).optional(),
})

/** How chargers connect, and what is known of their makers' ways. */
export const ocpp = z.strictObject({
  host: z.string().default('0.0.0.0'),
  port: port.default(DEFAULT_OCPP_PORT),
  tls: tls.optional(),
  /** TLS ends at your own proxy: counts as TLS for security profile 2. */
  behindTlsProxy: z.boolean().default(false),
  /** Security profile 0: no password and no TLS. For a laboratory only. */
  allowInsecure: z.boolean().default(false),
  /** Who may start a session: drivers whose tokens are known (in `ocpp.tokens` or the registry), or all. A programme may differ; the strictest of a charger's counts. */
  authorize: authorize.default('known'),
  tokens: z.array(z.string().min(1)).default([]),
  heartbeatS: z.int().min(10).max(86_400).default(300),
  /** How long an answer is waited for; also the longest that an emergency waits for a call under way. */
  callTimeoutS: z.int().min(1).max(300).default(20),
  /** Clock-aligned metering interval that chargers are asked for; 0: what they have is left alone. */
  alignedS: seconds(86_400).default(0),
  /** WebSocket ping interval; a link that misses two is dropped. */
  pingS: z.int().min(5).max(3600).default(45),
  /** New connections a second, twice that in a burst; more are told to come back later. */
  acceptPerS: z.int().min(1).max(100_000).default(1000),
  /** Messages a second of one charger, ten times that in a burst; more are read later. */
  messagesPerS: z.int().min(1).max(10_000).default(50),
  /** Makers' configuration keys that cap a box, where it takes no charging profile. They do not expire: a box that loses its link stays limited. */
  vendorKeys: z.array(vendorKey).default([]),
  /** Keys of the random delay that a box has of its own: read at its boot, and switched off where `off` says how. Put back when the box is released. */
  randomDelayKeys: z.array(randomDelayKey).default([]),
  /** Which messages of a charger mean that its driver took it back. None unless listed: makers differ. */
  override: override.prefault({}),
})
