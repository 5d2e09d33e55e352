import { createHash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { ChargerNo, Fact, Instant } from '../core/model.ts'
import { outcomeCode } from '../core/model.ts'
import { FREE } from '../core/rows.ts'
import { entries } from '../engine/recover.ts'
import type { Engine } from '../engine.ts'
import { type LimitReport, limitsOf, type Override, type ReasonOf } from '../operations/limits.ts'

/** Where a charge-point operator's app listens. `secret`: as Standard Webhooks writes it, `whsec_` and base64, or any text. */
export type NoticeEndpoint = { readonly url: string; readonly secret: string }
export type DeliveryResult = 'delivered' | 'failed' | 'dropped'
export type NoticesOptions = {
  readonly engine: Engine
  readonly endpoints: readonly NoticeEndpoint[]
  /** The aggregator's name, as drivers know it. */
  readonly aggregator?: string
  readonly reasonOf: ReasonOf
  readonly fetch: (
    url: string,
    init: { method: 'POST'; headers: Record<string, string>; body: string },
  ) => Promise<{ readonly status: number }>
  readonly wait: (ms: number) => Promise<void>
  /** Told of each delivery that ended: for metrics and the log. */
  readonly onDelivery?: (result: DeliveryResult, url: string, detail: string) => void
  readonly retryAfterMs?: readonly number[]
}
/** What a driver is told of one charger. `requested`: the charger was asked; `applied`: it accepted. Only a meter shows that it obeys. */
export type Notice = {
  readonly charger: string
  readonly no: ChargerNo
  readonly status: 'requested' | 'applied'
  /** Null: free again. */
  readonly limitW: number | null
  readonly who: { readonly adapter: string; readonly peer: string; readonly aggregator: string } | null
  readonly why: string
  readonly since: string
  readonly until: string | null
  readonly emergency: boolean
  readonly event: string | null
  readonly next: readonly LimitReport[]
  readonly override: Override
}
export type Notices = {
  /** Resolves when nothing waits to be delivered. */
  idle(): Promise<void>
  /** Notices by what became of them. */
  counts(): Readonly<Record<DeliveryResult, number>>
  stop(): void
}

const BATCH = 500
/** Beyond this the oldest notice is dropped: who cannot keep up shall not fill our memory. */
const MOST_WAITING = 200_000
/** Leaves. */
const MARK_EVERY = 10_000
const RETRY_AFTER_MS = [1_000, 5_000, 30_000, 120_000, 600_000]

/**
 * `charging.modified`: tells the operator's app whose charging was changed, by whom, why, until when and how to override it, signed after
 * Standard Webhooks. Each turn only puts numbers into a queue; deliveries go on beside the engine and never hold it up. At most a few tries:
 * `GET /v1/chargers/{id}/limits` always has the truth. At least once: a delivery is durable before its first try and goes out again with the same id after a
 * restart; what waited behind it is found again in the journal, and tells what holds by then.
 */
export function createNotices(options: NoticesOptions): Notices {
  const { engine, endpoints } = options
  const counts = { delivered: 0, failed: 0, dropped: 0 }
  const count = (result: DeliveryResult, notices: number, url: string, detail: string) => {
    counts[result] += notices
    options.onDelivery?.(result, url, detail)
    engine.sink.note('noticesSent', { endpoint: endpoints.findIndex(e => e.url === url), result, notices, detail })
  }
  const outlets = endpoints.map(endpoint => outlet(endpoint, options, count))
  const last = new Map<ChargerNo, string>()
  let hasBegun = false
  const stop = engine.listen((facts, at) => {
    if (outlets.length === 0) return
    if (!hasBegun) begin(at, facts.length > 0 ? engine.state().turn : engine.state().turn + 1)
    const notices = [...touchedBy(facts)].flatMap(([charger, status]) => noticeOf(charger, status, at) ?? [])
    for (const o of outlets) {
      if (notices.length > 0) o.push(notices, at)
      else o.quiet()
    }
  })
  /** The first turn of this life of the process: who is limited has been told so in a former one, and what that one left is told first. */
  function begin(at: Instant, turn: number): void {
    hasBegun = true
    const { want, holds } = engine.state()
    for (let charger = 0; charger < want.length; charger++)
      if (want[charger] !== FREE || holds[charger] !== FREE) last.set(charger, TOLD_BEFORE)
    const again = (charger: ChargerNo, status: Notice['status']) => noticeOf(charger, status, at, true)
    for (const o of outlets) o.begin(turn, again)
  }
  return {
    counts: () => counts,
    async idle() {
      await Promise.all(outlets.map(o => o.idle()))
    },
    stop() {
      stop()
      for (const o of outlets) o.stop()
    },
  }

  /** Nothing where the driver has been told the same before. */
  function noticeOf(charger: ChargerNo, status: Notice['status'], at: Instant, isLost = false): Notice | undefined {
    const limits = limitsOf(engine, charger, at, options.reasonOf)
    if (!limits) return undefined
    const { limited, next, override } = limits
    const said = limited ?? next[0] ?? null
    const content = digestOf([status, limited?.limitW ?? null, limited?.until ?? null, limited?.event ?? null, next])
    if (!isLost && (last.get(charger) === content || (!said && !last.has(charger)))) return undefined
    if (said) last.set(charger, content)
    else if (status === 'applied') last.delete(charger)
    else last.set(charger, content)
    return {
      charger: limits.charger,
      no: charger,
      status,
      limitW: limited?.limitW ?? null,
      who: said?.who ? { ...said.who, aggregator: options.aggregator ?? 'gridbridge' } : null,
      why: said?.why ?? 'the grid event is over',
      since: limited?.since ?? new Date(at).toISOString(),
      until: limited?.until ?? null,
      emergency: said?.emergency ?? false,
      event: said?.event ?? null,
      next,
      override,
    }
  }
}

/** The last step of each charger in a turn: who asked and accepted within one turn is told of the acceptance only. */
function touchedBy(facts: readonly Fact[], touched = new Map<ChargerNo, Notice['status']>()) {
  for (const fact of facts) {
    if (fact.kind === 'sent') for (const charger of fact.who) touched.set(charger, 'requested')
    if (fact.kind === 'outcome') fact.who.forEach((charger, k) => fact.what[k] === outcomeCode.accepted && touched.set(charger, 'applied'))
  }
  return touched
}
/** In place of what a charger's driver was told by a former life of the process. */
const TOLD_BEFORE = '?'

/** Short, because one is kept for each charger that is limited. */
const digestOf = (content: unknown): string => createHash('sha256').update(JSON.stringify(content)).digest('base64').slice(0, 16)

/** `size`: leaves of the journal with the turn that brought it. */
type Waiting = { readonly notice: Notice; readonly at: Instant; readonly size: number }
type Letter = { readonly id: string; readonly body: string; readonly notices: number }
/** What outlives the process: up to which leaf everything was told, and the delivery under way with the leaf that it brings us to. */
type Kept = { readonly size: number; readonly sending?: Letter & { readonly size: number } }
type Again = (charger: ChargerNo, status: Notice['status']) => Notice | undefined
type Count = (result: DeliveryResult, notices: number, url: string, detail: string) => void
/** One endpoint: batches in order, one delivery at a time. */
function outlet({ url, secret }: NoticeEndpoint, { engine, fetch, wait, retryAfterMs = RETRY_AFTER_MS }: NoticesOptions, count: Count) {
  const webhook = signerOf(secret)
  const key = `notices:${createHash('sha256').update(url).digest('hex').slice(0, 16)}`
  let waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let recovering: Promise<void> | undefined
  let stopped = false
  let sentBatches = 0
  let toldSize = 0

  /** A store that fails here costs a repetition or, after a crash, a notice: never a command. */
  const keep = (kept: Kept): Promise<void> => engine.registry.set(key, JSON.stringify(kept)).catch(() => undefined)
  function kept(): Kept | undefined {
    try {
      const value = JSON.parse(engine.registry.get(key) ?? 'null') as Kept | null
      return value && value.size <= engine.journal.size() ? value : undefined
    } catch {
      return undefined
    }
  }

  async function drain(): Promise<void> {
    try {
      await recovering
      while (waiting.length > 0 && !stopped) {
        const batch = waiting.slice(0, BATCH)
        waiting = waiting.slice(BATCH)
        const next = waiting[0]?.size ?? Number.POSITIVE_INFINITY
        const size = batch.findLast(w => w.size < next)?.size ?? toldSize
        const letter = letterOf(batch)
        await keep({ size: toldSize, sending: { ...letter, size } })
        await deliver(letter)
        if (stopped) return
        toldSize = size
        if (waiting.length === 0) await keep({ size })
      }
    } finally {
      // In the same step as the last look at the queue, so that nothing pushed is left lying.
      running = undefined
      if (waiting.length > 0 && !stopped) start()
    }
  }
  function start(): void {
    running ??= Promise.resolve().then(drain)
  }
  function letterOf(batch: readonly Waiting[]): Letter {
    const atMs = batch[0]!.at
    const data = { chargers: batch.map(w => w.notice) }
    const body = JSON.stringify({ type: 'charging.modified', timestamp: new Date(atMs).toISOString(), data })
    const id = `msg_${createHash('sha256').update(`${url}\n${sentBatches++}\n${body}`).digest('hex').slice(0, 32)}`
    return { id, body, notices: batch.length }
  }
  async function deliver({ id, body, notices }: Letter): Promise<void> {
    let detail = ''
    for (let attempt = 0; !stopped; attempt++) {
      const tried = await post(id, body)
      if (tried.ok) return count('delivered', notices, url, tried.detail)
      detail = tried.detail
      const pauseMs = retryAfterMs[attempt]
      if (pauseMs === undefined || tried.final) break
      await wait(pauseMs)
    }
    if (!stopped) count('failed', notices, url, detail)
  }
  /** What a former life of the process left: its delivery under way, and who was touched by the turns after that, before `turn`. */
  async function recover({ size, sending }: Kept, turn: number, again: Again, until: number): Promise<void> {
    if (sending) await deliver(sending)
    if (stopped) return
    const touched = new Map<ChargerNo, Notice['status']>()
    const from = sending?.size ?? size
    for await (const entry of entries(engine.journal, from)) {
      if (entry.turn >= turn) break
      touchedBy([entry.fact], touched)
    }
    const at = engine.now()
    const lost = [...touched].flatMap(([charger, status]) => again(charger, status) ?? [])
    waiting = [...lost.map(notice => ({ notice, at, size: until })), ...waiting]
  }
  const post = (id: string, body: string): Promise<Tried> => signedPost(fetch, webhook, url, { id, atMs: engine.now(), body })
  return {
    /** Once, in the first turn, which is `turn`. */
    begin(turn: number, again: Again) {
      const left = kept()
      toldSize = left?.sending?.size ?? left?.size ?? engine.journal.size()
      if (!left) return void keep({ size: toldSize })
      recovering = recover(left, turn, again, engine.journal.size()).catch(error =>
        engine.sink.note('noticesNotRecovered', { why: String(error) }),
      )
      start()
    },
    push(notices: readonly Notice[], at: Instant) {
      const size = engine.journal.size()
      for (const notice of notices) waiting.push({ notice, at, size })
      if (waiting.length > MOST_WAITING) {
        count('dropped', waiting.length - MOST_WAITING, url, 'the receiver cannot keep up')
        waiting = waiting.slice(-MOST_WAITING)
      }
      start()
    },
    /** A turn with nothing to tell: the journal to read again after a restart must not grow for ever. */
    quiet() {
      const size = engine.journal.size()
      if (running || waiting.length > 0 || size - toldSize < MARK_EVERY) return
      toldSize = size
      void keep({ size })
    },
    async idle() {
      while (running) await running
    },
    stop() {
      stopped = true
      waiting = []
    },
  }
}
/** A secret that is not base64 is taken as the bytes of its text. */
export function signerOf(secret: string): Webhook {
  const text = secret.startsWith('whsec_') ? secret.slice(6) : secret
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)
  return secret.startsWith('whsec_') || isBase64 ? new Webhook(secret) : new Webhook(new TextEncoder().encode(secret), { format: 'raw' })
}

export type Tried = { readonly ok: boolean; readonly final: boolean; readonly detail: string }
/** One try of a signed message (Standard Webhooks). 410 means: stop sending this; other answers may be tried again. */
export async function signedPost(
  fetch: NoticesOptions['fetch'],
  webhook: Webhook,
  url: string,
  { id, atMs, body }: { readonly id: string; readonly atMs: Instant; readonly body: string },
): Promise<Tried> {
  const at = new Date(atMs)
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(atMs / 1000)),
    'webhook-signature': webhook.sign(id, at, body),
  }
  try {
    const { status } = await fetch(url, { method: 'POST', headers, body })
    return { ok: status >= 200 && status < 300, final: status === 410, detail: `status ${status}` }
  } catch (error) {
    return { ok: false, final: false, detail: (error as { code?: string }).code ?? (error as Error).message }
  }
}
