import { timingSafeEqual } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { Instant } from '../../../src/core/model.ts'

/**
 * Standard Webhooks, both ways: HMAC-SHA256 over `webhook-id.webhook-timestamp.content`. The content is the raw body; a GET has none, so there
 * it is the request target (path and query), lest one signed GET read everything else for five minutes.
 */
export type SignedHeaders = { 'webhook-id': string; 'webhook-timestamp': string; 'webhook-signature': string }

export function signedHeaders(secret: string, id: string, atMs: Instant, content: string): SignedHeaders {
  const signature = new Webhook(secret).sign(id, new Date(atMs), content)
  return { 'webhook-id': id, 'webhook-timestamp': `${Math.floor(atMs / 1000)}`, 'webhook-signature': signature }
}

export type Checked =
  | { readonly kind: 'signed'; readonly secret: string; readonly id: string }
  | { readonly kind: 'refused'; readonly code: 'unsigned' | 'bad-signature' | 'stale-timestamp'; readonly detail: string }

/**
 * Whose signature this is. The library signs; we compare, because its own check reads the wall clock, and ours must follow the bridge's.
 * All secrets are tried, without a stop at the first match. The timestamp is judged last: only a holder of a secret learns our tolerance.
 */
export function checkSignature(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  content: Buffer | string,
  secrets: readonly string[],
  nowMs: Instant,
  toleranceS: number,
): Checked {
  const [id, stamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(name => headers[name])
  if (typeof id !== 'string' || typeof stamp !== 'string' || typeof signatures !== 'string')
    return { kind: 'refused', code: 'unsigned', detail: 'webhook-id, webhook-timestamp and webhook-signature are all needed' }
  if (!/^[\x21-\x7e]{1,128}$/.test(id) || !/^\d{1,12}$/.test(stamp))
    return { kind: 'refused', code: 'unsigned', detail: 'webhook-id is up to 128 visible characters, webhook-timestamp whole seconds' }
  const given = signatures.split(' ', 20).filter(signature => signature.startsWith('v1,'))
  const at = new Date(Number(stamp) * 1000)
  let match: string | undefined
  for (const secret of secrets) {
    const expected = new Webhook(secret).sign(id, at, content)
    for (const signature of given) if (same(signature, expected)) match ??= secret
  }
  if (match === undefined)
    return { kind: 'refused', code: 'bad-signature', detail: 'the signature fits no secret; is the body signed byte for byte?' }
  const offS = Math.round(nowMs / 1000) - Number(stamp)
  if (Math.abs(offS) > toleranceS)
    return { kind: 'refused', code: 'stale-timestamp', detail: `the timestamp is ${offS} s off our clock; ${toleranceS} s are tolerated` }
  return { kind: 'signed', secret: match, id }
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
