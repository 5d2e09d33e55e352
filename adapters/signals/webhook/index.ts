import { randomBytes } from 'node:crypto'
import type { Instant } from '../../../src/core/model.ts'
import type { Bridge, SignalSource } from '../../../src/ports.ts'
import { type Callbacks, callbacks, type World } from './callbacks.ts'
import { type Intake, intake } from './intake.ts'
import { type Listener, listen, type Request } from './listener.ts'
import { heartbeatSchema } from './message.ts'
import { credentialOf, type Options, optionsSchema, type Peer, type WebhookOptions } from './options.ts'
import { readJson } from './parse.ts'
import { type Answer, type DispatchError, failure, invalid, json, type ProblemCode, problem } from './problem.ts'
import { replayGuard } from './replay.ts'
import { seenStore } from './seen.ts'
import { checkSignature } from './signing.ts'

export type { DispatchBody, DispatchMessage } from './message.ts'
export { dispatchJsonSchema } from './message.ts'
export type { WebhookOptions } from './options.ts'
export { optionsSchema } from './options.ts'
export { eventId, type ParseContext, parse, readMessage, toEvent } from './parse.ts'

/** `port` is the one listened on, of use where the configured one is 0; only between `start` and `stop`. */
export type WebhookSource = SignalSource & { port(): number }

const paths = { dispatch: '/dso/v1/dispatch', heartbeat: '/dso/v1/heartbeat' }
const unsignedNoteEveryMs = 60_000
const pruneEveryMs = 3_600_000

/**
 * The DSO dispatch webhook, for grid operators without a protocol of their own (docs/guides/dso-webhook.md). Its conventions: W, kW or A per
 * phase, consumption positive; instants RFC 3339 with an offset. Throws on options that do not fit; `start` throws if it cannot listen or read
 * its certificates. A `Runtime` serves as `world`, so that tests own time.
 */
export function webhook(options: WebhookOptions, world: Partial<World> = {}): WebhookSource {
  const config = optionsSchema.parse(options)
  const full: World = { at: realAt(), random: n => new Uint8Array(randomBytes(n)), fetch: globalThis.fetch, ...pick(world) }
  let running: { readonly listener: Listener; readonly letters: Callbacks; readonly halt: () => void } | undefined

  return {
    name: 'webhook',
    port: () => running!.listener.port,
    async start(bridge) {
      const letters = callbacks(bridge, config.peers, full)
      const inbox = intake(bridge, letters.received, config.publicUrl?.replace(/\/$/, '') ?? '')
      const router = routes(config, bridge, inbox)
      const onError = (error: unknown) =>
        void bridge.note('webhook.internal', { error: String(error).slice(0, 500) }).catch(() => undefined)
      try {
        const listener = await listen(config, router, onError)
        running = { listener, letters, halt: pruneHourly(config, bridge, full) }
      } catch (error) {
        await letters.stop()
        throw error
      }
    },
    async stop() {
      const was = running
      running = undefined
      was?.halt()
      await was?.listener.close()
      await was?.letters.stop()
    },
  }
}

function routes(config: Options, bridge: Bridge, inbox: Intake): (request: Request) => Promise<Answer> {
  const guard = replayGuard(config.toleranceS * 2_000)
  const unsigned = unsignedNotes(bridge)

  return async request => {
    const nowMs = bridge.now()
    const path = request.target.split('?', 1)[0]!
    const id = path.startsWith(`${paths.dispatch}/`) ? path.slice(paths.dispatch.length + 1) : undefined
    if (id === undefined && path !== paths.dispatch && path !== paths.heartbeat) return problem(failure('not-found', path.slice(0, 200)))
    const method = id === undefined ? 'POST' : 'GET'
    if (request.method !== method) return problem(failure('method', `use ${method}`), { allow: method })

    const caller = identify(config, request, nowMs)
    if ('code' in caller) {
      unsigned(caller.code, nowMs)
      return problem(caller, { 'www-authenticate': 'Signature realm="standard-webhooks"' })
    }
    const { peer, credential, webhookId } = caller
    if (id !== undefined) return inbox.status(peer, id)

    const content = `${path} ${request.body.toString('base64')}`
    const seen = guard(`${peer.name}:${webhookId}`, content, nowMs)
    if (seen === 'other') return problem(failure('webhook-id-reused', 'a retry must carry the same body', { value: webhookId }))
    // A copied message must not keep a dead line looking alive.
    if (seen === 'new') heard(bridge, peer, nowMs)
    if (path === paths.heartbeat) return heartbeat(request.body, nowMs)
    return inbox.dispatch({ peer, credential, raw: request.body, receivedMs: nowMs }).catch((error: unknown) => {
      void bridge.note('webhook.notRecorded', { peer: peer.name, error: String(error).slice(0, 500) }).catch(() => undefined)
      return problem(failure('not-recorded', 'send the same message again'), { 'retry-after': '1' })
    })
  }
}

type Caller = { readonly peer: Peer; readonly credential: string; readonly webhookId: string }
/** The peer is whoever owns the secret; a pinned certificate must then be its own. */
function identify(config: Options, request: Request, nowMs: Instant): Caller | DispatchError {
  const content = request.method === 'GET' ? request.target : request.body
  const secrets = config.peers.flatMap(peer => peer.secrets)
  const checked = checkSignature(request.headers, content, secrets, nowMs, config.toleranceS)
  if (checked.kind === 'refused') return failure(checked.code, checked.detail)
  const peer = config.peers.find(({ secrets }) => secrets.includes(checked.secret))!
  const pinned = peer.clientFingerprint256?.toUpperCase()
  if (pinned !== undefined && pinned !== request.fingerprint256?.toUpperCase())
    return failure('wrong-certificate', 'the certificate shown is not the pinned one')
  const certificate =
    request.fingerprint256 === undefined ? '' : ` cert:${request.fingerprint256.replaceAll(':', '').slice(0, 12).toLowerCase()}`
  return { peer, credential: credentialOf(checked.secret) + certificate, webhookId: checked.id }
}

/** Silence of a peer that never promised a heartbeat says nothing. */
function heard(bridge: Bridge, peer: Peer, at: Instant): void {
  if (peer.heartbeatS !== undefined) bridge.heard('webhook', peer.name, at, peer.heartbeatS * 2_000)
}

function heartbeat(raw: Buffer, nowMs: Instant): Answer {
  const body = readJson(raw)
  if ('error' in body) return problem(body.error)
  const read = heartbeatSchema.safeParse(body.ok)
  if (!read.success) return problem(invalid(body.ok, read.error.issues))
  return json(200, { receivedAt: new Date(nowMs).toISOString(), ...(read.data.sentAt !== undefined && { sentAt: read.data.sentAt }) })
}

/** Refusals of strangers are noted at most once a minute, with their number: nobody without a secret can fill the record. */
function unsignedNotes(bridge: Bridge): (code: ProblemCode, nowMs: Instant) => void {
  let [count, nextMs] = [0, 0]
  return (code, nowMs) => {
    count++
    if (nowMs < nextMs) return
    bridge.note('webhook.unauthenticated', { count, last: code }).catch(() => undefined)
    count = 0
    nextMs = nowMs + unsignedNoteEveryMs
  }
}

function pruneHourly(config: Options, bridge: Bridge, world: World): () => void {
  const seen = seenStore(bridge.registry)
  let halted = false
  function prune(): void {
    if (halted) return
    seen.prune(Math.floor(bridge.now() / 1000) - config.keepS).catch(() => undefined)
    world.at('webhook.prune', bridge.now() + pruneEveryMs, prune)
  }
  prune()
  return () => {
    halted = true
  }
}

/** Only what we need of a whole `Runtime`, bound to it. */
function pick(world: Partial<World>): Partial<World> {
  return {
    ...(world.at && { at: world.at.bind(world) }),
    ...(world.random && { random: world.random.bind(world) }),
    ...(world.fetch && { fetch: world.fetch }),
  }
}
/** Timers that do not keep the process alive; none of ours is longer than an hour. */
function realAt(): World['at'] {
  const timers = new Map<string, NodeJS.Timeout>()
  return (key, at, job) => {
    clearTimeout(timers.get(key))
    timers.set(key, setTimeout(job, Math.max(0, at - Date.now())).unref())
  }
}
