/** The parts of the WebSocket upgrade that need no socket: who is asking, which protocol, with which password. Pure. */
import { type Protocol, protocols } from './frames.ts'

/** Last path segment, percent-decoded (OCPP-J 1.6 §3.1.1, 2.0.1 part 4 §3.1.1); null if there is none or it cannot be decoded. */
export const identityOf = (url: string | undefined): string | null => {
  const path = (url ?? '').split('?', 1)[0]!
  const last = path.slice(path.lastIndexOf('/') + 1)
  if (last === '') return null
  try {
    return decodeURIComponent(last)
  } catch {
    return null
  }
}

/** The protocol to speak among those offered in `Sec-WebSocket-Protocol`; null: the handshake must fail. */
export const chooseProtocol = (offered: string | undefined): Protocol | null => {
  const names = (offered ?? '').split(',').map(name => name.trim())
  return protocols.find(protocol => names.includes(protocol)) ?? null
}

/**
 * The password of HTTP Basic credentials for this identity, as bytes (1.6 keys are binary). The user is the whole identity, which may itself contain ':',
 * so the split is by its length and not at the first colon. Null if absent or of another user.
 */
export const basicPassword = (header: string | undefined, identity: string): Buffer | null => {
  const match = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header ?? '')
  if (!match) return null
  const raw = Buffer.from(match[1]!, 'base64')
  const user = Buffer.from(identity + ':')
  if (raw.length < user.length || !raw.subarray(0, user.length).equals(user)) return null
  return raw.subarray(user.length)
}

/** A rate with a burst; `take` says whether one more fits now. */
export const tokenBucket = (perS: number, burst: number, nowMs: number) => {
  let tokens = burst
  let atMs = nowMs
  return {
    take(now: number): boolean {
      tokens = Math.min(burst, tokens + ((now - atMs) / 1000) * perS)
      atMs = now
      if (tokens < 1) return false
      tokens -= 1
      return true
    },
  }
}
