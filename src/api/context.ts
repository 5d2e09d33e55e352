import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Engine } from '../engine.ts'
import type { Operations } from '../operations/index.ts'
import type { By } from '../operations/result.ts'
import type { Principal } from './auth.ts'
import type { Awaited, Checks } from './health.ts'
import type { Answer, Idempotent } from './idempotency.ts'
import { ApiProblem } from './problem.ts'
import type { Scope } from './scopes.ts'

export type Api = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>
/** What routes have to work with. */
export type Context = {
  readonly engine: Engine
  readonly operations: Operations
  readonly version: string
  readonly checks: Checks
  readonly awaited: readonly Awaited[]
  readonly idempotent: Idempotent
  readonly maxImportBytes: number
  /** Is the anonymous register open to all? */
  readonly publicRegister: boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null
  }
  interface FastifyContextConfig {
    /** Whoever calls it needs this scope; without one the route is open. */
    scope?: Scope
    /** A refusal of it belongs in the record. */
    changes?: boolean
    /** Never rate limited. */
    unlimited?: boolean
    /** Media types that it answers with. */
    produces?: readonly string[]
  }
}

/** The one who asks; only behind a scope. */
export function by(request: FastifyRequest): By {
  if (!request.principal) throw new Error('a route that needs to know who asks has no scope')
  return { name: request.principal.name }
}

const headerOf = (request: FastifyRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}
export const ifMatchOf = (request: FastifyRequest): string | undefined => headerOf(request, 'if-match')

/** Runs `work` once for an Idempotency-Key. Without a key it runs each time, unless `required`. */
export async function once(request: FastifyRequest, context: Context, work: () => Promise<Answer>, required = false): Promise<Answer> {
  const key = headerOf(request, 'idempotency-key')
  if (key === undefined) {
    if (required)
      throw new ApiProblem(400, 'idempotency-key-required', 'this needs an Idempotency-Key', {
        hint: 'send a fresh random value with each new request, the same with a repeat',
      })
    return work()
  }
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new ApiProblem(400, 'bad-idempotency-key', 'an Idempotency-Key has 1 to 255 visible ASCII characters')
  const asked = {
    who: request.principal?.name ?? '',
    route: `${request.method} ${request.url}`,
    key,
    content: [request.body ?? null, ifMatchOf(request) ?? null],
  }
  const { answer, again } = await context.idempotent(asked, work)
  return again ? { ...answer, headers: { ...answer.headers, 'idempotency-replayed': 'true' } } : answer
}
