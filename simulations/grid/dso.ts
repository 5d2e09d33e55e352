import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getDispatch, type Reply, type Sender, sendDispatch, sendHeartbeat } from '../../adapters/signals/webhook/client.ts'
import type { DispatchBody } from '../../adapters/signals/webhook/message.ts'
import { checkSignature } from '../../adapters/signals/webhook/signing.ts'

/** A status callback as received, its signature already checked. */
export type Callback = {
  readonly webhookId: string
  readonly status: string
  readonly subject: string
  readonly envelope: Record<string, unknown>
}
export type DsoOptions = {
  readonly secret: string
  /** Of the callbacks; the same as `secret` if absent. */
  readonly callbackSecret?: string
  readonly now?: () => number
  /** 0 takes any free port. */
  readonly port?: number
}
/** A distribution operator's control room to play against: sends dispatches, takes the callbacks. */
export type Dso = {
  readonly callbackUrl: string
  /** Says where the bridge is; needed before anything is sent, and after `callbackUrl` went into its configuration. */
  connect(url: string): void
  dispatch(body: DispatchBody, webhookId?: string): Promise<Reply>
  heartbeat(): Promise<Reply>
  status(dispatchId: string): Promise<Reply>
  /** Callbacks in order of arrival, each webhook-id once. */
  received(): readonly Callback[]
  /** How often a known webhook-id came again, and the reasons of refused callbacks. */
  duplicates(): number
  refused(): readonly string[]
  /** Calls `listener` after each new callback. */
  listen(listener: (callback: Callback) => void): void
  /** The next `times` callbacks are answered with this status; with `keep` they are taken all the same (the answer is lost, not the letter). */
  fail(times: number, status: number, keep?: boolean): void
  close(): Promise<void>
}

export async function createDso(options: DsoOptions): Promise<Dso> {
  const now = options.now ?? Date.now
  const callbacks = new Map<string, Callback>()
  const listeners: ((callback: Callback) => void)[] = []
  const refused: string[] = []
  let [base, duplicates] = ['', 0]
  let failing = { times: 0, status: 500, keep: false }

  const server = createServer(async (request, response) => {
    const status = take(request, await bodyOf(request))
    response.writeHead(status).end()
  })
  function take(request: IncomingMessage, raw: Buffer): number {
    const isFailing = failing.times > 0
    if (isFailing) failing.times--
    if (isFailing && !failing.keep) return failing.status
    const checked = checkSignature(request.headers, raw, [options.callbackSecret ?? options.secret], now(), 300)
    if (checked.kind === 'refused') {
      refused.push(checked.detail)
      return 401
    }
    keep(checked.id, JSON.parse(raw.toString()))
    return isFailing ? failing.status : 204
  }
  function keep(webhookId: string, envelope: Record<string, unknown>): void {
    if (callbacks.has(webhookId)) {
      duplicates++
      return
    }
    const status = String((envelope['data'] as Record<string, unknown>)['status'])
    const callback = { webhookId, status, subject: String(envelope['subject']), envelope }
    callbacks.set(webhookId, callback)
    for (const listener of listeners) listener(callback)
  }

  await new Promise<void>(resolve => server.listen(options.port ?? 0, '127.0.0.1', resolve))
  const sender = (id?: string): Sender => ({ url: base, secret: options.secret, now, ...(id !== undefined && { id }) })
  return {
    callbackUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callbacks`,
    connect(url) {
      base = url
    },
    dispatch: (body, webhookId) => sendDispatch({ ...sender(webhookId), body }),
    heartbeat: () => sendHeartbeat(sender()),
    status: dispatchId => getDispatch(sender(), dispatchId),
    received: () => [...callbacks.values()],
    duplicates: () => duplicates,
    refused: () => refused,
    listen: listener => void listeners.push(listener),
    fail(times, status, kept = false) {
      failing = { times, status, keep: kept }
    },
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
