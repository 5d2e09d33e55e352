import type { FastifyError, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import type { Refusal, RefusalKind, Result } from '../operations/result.ts'

/** RFC 9457, with a stable `code`, what to do about it, and what is wrong where. `pointer` is a JSON pointer as a URI fragment. */
export type Problem = {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: string
  readonly hint?: string
  readonly errors?: readonly { readonly pointer: string; readonly detail: string; readonly value?: unknown }[]
  readonly [more: string]: unknown
}
export const PROBLEM = 'application/problem+json; charset=utf-8'

const titles: Record<number, string> = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  406: 'Not acceptable',
  408: 'Request timeout',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition failed',
  413: 'Content too large',
  414: 'URI too long',
  415: 'Unsupported media type',
  422: 'Unprocessable content',
  428: 'Precondition required',
  429: 'Too many requests',
  431: 'Header fields too large',
  500: 'Internal error',
  503: 'Not available now',
}
export const titleOf = (status: number): string => titles[status] ?? (status < 500 ? 'Bad request' : 'Internal error')

const statusOf: Record<RefusalKind, number> = {
  invalid: 400,
  notFound: 404,
  conflict: 409,
  locked: 409,
  gone: 410,
  forbidden: 403,
  preconditionRequired: 428,
  preconditionFailed: 412,
  unavailable: 503,
  tooLarge: 413,
}

/** Thrown by hooks and handlers; the error handler makes it the answer. */
export class ApiProblem extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string | undefined
  readonly errors: Problem['errors']
  readonly headers: Readonly<Record<string, string>>
  readonly more: Readonly<Record<string, unknown>>
  constructor(
    status: number,
    code: string,
    detail: string,
    {
      hint,
      errors,
      headers = {},
      more = {},
    }: { hint?: string | undefined; errors?: Problem['errors']; headers?: Record<string, string>; more?: Record<string, unknown> } = {},
  ) {
    super(detail)
    this.name = 'ApiProblem'
    this.status = status
    this.code = code
    this.hint = hint
    this.errors = errors
    this.headers = headers
    this.more = more
  }
}
export const refusalProblem = (r: Refusal): ApiProblem =>
  new ApiProblem(statusOf[r.kind], r.code, r.message, { hint: r.hint, errors: r.errors })
/** The value of a result; a refusal becomes the answer. */
export function unwrap<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw refusalProblem(result.refusal)
}

/** `type` is relative to the API: `/problems/CODE` is described in the documentation. */
export const problemBody = (p: ApiProblem, instance: string): Problem => ({
  ...p.more,
  type: `/problems/${p.code}`,
  title: titleOf(p.status),
  status: p.status,
  detail: p.message,
  instance,
  code: p.code,
  ...(p.hint === undefined ? {} : { hint: p.hint }),
  ...(p.errors === undefined ? {} : { errors: p.errors }),
})

/** Any error of the server as a problem. `trouble`: is the journal failing? An internal error then means: try again, nothing was recorded. */
export function problemOf(error: unknown, request: FastifyRequest | undefined, trouble: boolean): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (hasZodFastifySchemaValidationErrors(error)) return validationProblem(error as FastifyError & Validation, request)
  const e = error as FastifyError
  const status = e.statusCode ?? 500
  if (status < 500 && status >= 400) return new ApiProblem(status, codeOf(e, status), e.message)
  if (trouble)
    return new ApiProblem(503, 'not-recorded', 'the journal cannot be written: nothing new is done', {
      hint: 'a cancellation or an opt-out is carried out all the same, and recorded as soon as it can be',
      headers: { 'retry-after': '5' },
    })
  return new ApiProblem(500, 'internal', 'an error that is not yours; it is in the log of the bridge')
}
type Validation = { validationContext?: string; validation: readonly { instancePath: string; message?: string }[] }

const codes: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'bad-json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'empty-body',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad-content-length',
  FST_ERR_BAD_URL: 'bad-url',
  FST_ERR_MAX_PARAM_LENGTH: 'uri-too-long',
}
const codeOf = (e: FastifyError, status: number): string => codes[e.code] ?? titleOf(status).toLowerCase().replaceAll(' ', '-')

function validationProblem(error: FastifyError & Validation, request: FastifyRequest | undefined): ApiProblem {
  const place = error.validationContext ?? 'body'
  const source = { body: request?.body, querystring: request?.query, params: request?.params, headers: request?.headers }[place]
  const errors = error.validation.map(v => ({
    pointer: place === 'body' ? `#${v.instancePath === '/' ? '' : v.instancePath}` : `#/${place}${v.instancePath}`,
    detail: v.message ?? 'is not valid',
    value: shown(valueAt(source, v.instancePath)),
  }))
  const first = errors[0]
  return new ApiProblem(400, 'validation', first ? `${first.pointer} ${first.detail}` : 'the request is not valid', { errors })
}
const valueAt = (value: unknown, path: string): unknown =>
  path
    .split('/')
    .filter(step => step !== '')
    .reduce<unknown>((v, step) => (typeof v === 'object' && v !== null ? (v as Record<string, unknown>)[step] : undefined), value)
/** What is long is not repeated. */
const shown = (value: unknown): unknown => {
  const text = value === undefined ? 'null' : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}...` : (value ?? null)
}
