import { createHash, timingSafeEqual } from 'node:crypto'
import { ApiProblem } from './problem.ts'
import type { Scope } from './scopes.ts'
/** `hash` is the lower-case hex SHA-256 of the token; one of `hash` and `token` is given. */
export type TokenSetting = {
  readonly name: string
  readonly hash?: string | undefined
  readonly token?: string | undefined
  readonly scopes: readonly string[]
}
export type Principal = { readonly name: string; readonly scopes: ReadonlySet<string> }
/** The principal of an Authorization header, else the problem to answer with. */
export type Authenticate = (header: string | undefined) => Principal

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * Bearer tokens (RFC 6750), compared as SHA-256 in constant time with every token there is, so that time tells neither which nor how much fits.
 * @throws TypeError on a setting with neither token nor hash
 */
export function createAuthenticate(tokens: readonly TokenSetting[]): Authenticate {
  const known = tokens.map(t => ({ digest: digestOf(t), principal: { name: t.name, scopes: new Set(t.scopes) } }))
  return header => {
    const token = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(header ?? '')?.[1]
    if (token === undefined) throw unauthorised('token-missing', 'give a token: Authorization: Bearer TOKEN')
    const digest = sha256(token)
    let found: Principal | undefined
    for (const { digest: other, principal } of known) if (timingSafeEqual(digest, other)) found = principal
    if (!found) throw unauthorised('token-unknown', 'the token is not known')
    return found
  }
}
function digestOf(t: TokenSetting): Buffer {
  if (t.hash !== undefined && /^[0-9a-f]{64}$/.test(t.hash)) return Buffer.from(t.hash, 'hex')
  if (t.token) return sha256(t.token)
  throw new TypeError(`api token ${t.name} has neither a token nor a SHA-256`)
}
const unauthorised = (code: string, detail: string) =>
  new ApiProblem(401, code, detail, { headers: { 'www-authenticate': 'Bearer realm="gridbridge"' } })

/** @throws ApiProblem 403 */
export function demand(principal: Principal, scope: Scope): void {
  if (principal.scopes.has(scope)) return
  throw new ApiProblem(403, 'scope-missing', `the token ${principal.name} lacks the scope ${scope}`, {
    headers: { 'www-authenticate': `Bearer realm="gridbridge", error="insufficient_scope", scope="${scope}"` },
  })
}
