import { createHash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { ChargerNo, Fact, Instant } from '../core/model.ts'
import { outcomeCode } from '../core/model.ts'
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
const RETRY_AFTER_MS = [1_000, 5_000, 30_000, 120_000, 600_000]

/**
 * `charging.modified`: tells the operator's app whose charging was changed, by whom, why, until when and how to override it, signed after
 * Standard Webhooks. Each turn only puts numbers into a queue; deliveries go on beside the engine and never hold it up. At most a few tries:
 * `GET /v1/chargers/{id}/limits` always has the truth. What waits is lost with the process.
 */
export function createNotices(options: NoticesOptions): Notices {
  const { engine, endpoints } = options
  const counts = { delivered: 0, failed: 0, dropped: 0 }
  const count = (result: DeliveryResult, notices: number, url: string, detail: string) => {
    counts[result] += notices
    options.onDelivery?.(result, url, detail)
  }
  const outlets = endpoints.map(endpoint => outlet(endpoint, options, count))
  const last = new Map<ChargerNo, string>()
  const stop = engine.listen((facts, at) => {
    if (outlets.length === 0) return
    const notices = noticesOf(facts, at)
    if (notices.length > 0) for (const o of outlets) o.push(notices, at)
  })
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

  /** The last step of each charger in the turn: who asked and accepted within one turn is told of the acceptance only. */
  function noticesOf(facts: readonly Fact[], at: Instant): Notice[] {
    const touched = new Map<ChargerNo, Notice['status']>()
    for (const fact of facts) {
      if (fact.kind === 'sent') for (const charger of fact.who) touched.set(charger, 'requested')
      if (fact.kind === 'outcome')
        fact.who.forEach((charger, k) => fact.what[k] === outcomeCode.accepted && touched.set(charger, 'applied'))
    }
    return [...touched].flatMap(([charger, status]) => noticeOf(charger, status, at) ?? [])
  }
  /** Nothing where the driver has been told the same before. */
  function noticeOf(charger: ChargerNo, status: Notice['status'], at: Instant): Notice | undefined {
    const limits = limitsOf(engine, charger, at, options.reasonOf)
    if (!limits) return undefined
    const { limited, next, override } = limits
    const said = limited ?? next[0] ?? null
    const content = digestOf([status, limited?.limitW ?? null, limited?.until ?? null, limited?.event ?? null, next])
    if (last.get(charger) === content || (!said && !last.has(charger))) return undefined
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

/** Short, because one is kept for each charger that is limited. */
const digestOf = (content: unknown): string => createHash('sha256').update(JSON.stringify(content)).digest('base64').slice(0, 16)

type Waiting = { readonly notice: Notice; readonly at: Instant }
type Count = (result: DeliveryResult, notices: number, url: string, detail: string) => void
/** One endpoint: batches in order, one delivery at a time. */
function outlet({ url, secret }: NoticeEndpoint, { engine, fetch, wait, retryAfterMs = RETRY_AFTER_MS }: NoticesOptions, count: Count) {
  const webhook = signerOf(secret)
  let waiting: Waiting[] = []
  let running: Promise<void> | undefined
  let stopped = false
  let sentBatches = 0

  async function drain(): Promise<void> {
    try {
      while (waiting.length > 0 && !stopped) {
        const batch = waiting.slice(0, BATCH)
        waiting = waiting.slice(BATCH)
        await deliver(batch)
      }
    } finally {
      // In the same step as the last look at the queue, so that nothing pushed is left lying.
      running = undefined
    }
  }
  async function deliver(batch: readonly Waiting[]): Promise<void> {
    const atMs = batch[0]!.at
    const data = { chargers: batch.map(w => w.notice) }
    const body = JSON.stringify({ type: 'charging.modified', timestamp: new Date(atMs).toISOString(), data })
    const id = `msg_${createHash('sha256').update(`${url}\n${sentBatches++}\n${body}`).digest('hex').slice(0, 32)}`
    let detail = ''
    for (let attempt = 0; !stopped; attempt++) {
      const tried = await post(id, body)
      if (tried.ok) return count('delivered', batch.length, url, tried.detail)
      detail = tried.detail
      const pauseMs = retryAfterMs[attempt]
      if (pauseMs === undefined || tried.final) break
      await wait(pauseMs)
    }
    count('failed', batch.length, url, detail)
  }
  /** 410 means: stop sending this; other answers are tried again. */
  async function post(id: string, body: string): Promise<{ ok: boolean; final: boolean; detail: string }> {
    const now = new Date(engine.now())
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      'webhook-signature': webhook.sign(id, now, body),
    }
    try {
      const { status } = await fetch(url, { method: 'POST', headers, body })
      return { ok: status >= 200 && status < 300, final: status === 410, detail: `status ${status}` }
    } catch (error) {
      return { ok: false, final: false, detail: (error as { code?: string }).code ?? (error as Error).message }
    }
  }
  return {
    push(notices: readonly Notice[], at: Instant) {
      for (const notice of notices) waiting.push({ notice, at })
      if (waiting.length > MOST_WAITING) {
        count('dropped', waiting.length - MOST_WAITING, url, 'the receiver cannot keep up')
        waiting = waiting.slice(-MOST_WAITING)
      }
      running ??= Promise.resolve().then(drain)
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
function signerOf(secret: string): Webhook {
  const text = secret.startsWith('whsec_') ? secret.slice(6) : secret
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text)
  return secret.startsWith('whsec_') || isBase64 ? new Webhook(secret) : new Webhook(new TextEncoder().encode(secret), { format: 'raw' })
}
