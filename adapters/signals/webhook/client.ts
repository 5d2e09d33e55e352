import { randomUUID } from 'node:crypto'
import type { DispatchBody } from './message.ts'
import { signedHeaders } from './signing.ts'

export type Reply = { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> }
/** `url` is the bridge's base, e.g. `https://dsr.example`. The same `id` must go with the same body, as in a retry. */
export type Sender = {
  readonly url: string
  readonly secret: string
  readonly id?: string
  readonly now?: () => number
  readonly fetch?: typeof globalThis.fetch
}

/** Signs and sends one dispatch; `body` may also be the exact text to send. For tests, simulations and as an example to port. */
export const sendDispatch = (sender: Sender & { readonly body: DispatchBody | string }): Promise<Reply> =>
  post(sender, '/dso/v1/dispatch', sender.body)

export const sendHeartbeat = (sender: Sender): Promise<Reply> => post(sender, '/dso/v1/heartbeat', { heartbeat: true })

/** Asks how a dispatch stands. */
export function getDispatch(sender: Sender, dispatchId: string): Promise<Reply> {
  const target = `/dso/v1/dispatch/${dispatchId}`
  return call(sender, target, { headers: headersOf(sender, target) })
}

function post(sender: Sender, path: string, body: unknown): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return call(sender, path, { method: 'POST', headers: { 'content-type': 'application/json', ...headersOf(sender, text) }, body: text })
}
const headersOf = (sender: Sender, content: string) =>
  signedHeaders(sender.secret, sender.id ?? `msg_${randomUUID()}`, (sender.now ?? Date.now)(), content)

async function call(sender: Sender, path: string, init: RequestInit): Promise<Reply> {
  const response = await (sender.fetch ?? globalThis.fetch)(sender.url.replace(/\/$/, '') + path, init)
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> }
}
