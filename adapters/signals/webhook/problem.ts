import type { z } from 'zod'

/** Every way a request can fail: HTTP status and title. The code is stable; the title is for people. */
export const problems = {
  'not-found': [404, 'There is nothing at this address'],
  'unknown-dispatch': [404, 'No dispatch has this id'],
  method: [405, 'The method does not fit the address'],
  timeout: [408, 'The request took too long to arrive'],
  'bad-request': [400, 'This is not HTTP as we read it'],
  'headers-too-large': [431, 'The headers are too large'],
  'content-type': [415, 'The body must be application/json'],
  'content-encoding': [415, 'The body must not be compressed'],
  'too-large': [413, 'The body is larger than 64 kB'],
  unsigned: [401, 'The signature headers are missing'],
  'bad-signature': [401, 'No known secret made this signature'],
  'stale-timestamp': [401, 'The timestamp is outside the tolerance'],
  'wrong-certificate': [401, 'The client certificate is not the one pinned for this peer'],
  'not-utf8': [400, 'The body is not UTF-8'],
  'not-json': [400, 'The body is not JSON'],
  'too-deep': [400, 'The body is nested too deeply'],
  invalid: [400, 'The body does not fit the schema'],
  'class-not-allowed': [403, 'This peer may not use this class'],
  'programme-not-allowed': [403, 'This peer may not use this programme'],
  'target-not-allowed': [403, 'This target is outside what this peer may command'],
  'webhook-id-reused': [409, 'This webhook-id came before with another body'],
  'version-conflict': [409, 'This version came before with another body'],
  'version-old': [409, 'A higher version is known'],
  'unknown-target': [422, 'A target is not known here'],
  'nothing-to-stop': [422, 'There is no such dispatch to stop'],
  'already-over': [422, 'The dispatch would end before it begins, or is over'],
  'too-large-to-record': [422, 'The dispatch does not fit an entry of the record'],
  declined: [422, 'The dispatch was declined'],
  internal: [500, 'We failed; the cause is in our log'],
  'not-recorded': [503, 'The message could not be put on record; send it again'],
  stopping: [503, 'We are shutting down; send it again'],
} as const satisfies Record<string, readonly [number, string]>
export type ProblemCode = keyof typeof problems

/** One coded error: `pointer` is a JSON pointer into the body, `value` what stood there, cut to a readable length. */
export type DispatchError = {
  readonly adapter: 'webhook'
  readonly code: ProblemCode
  readonly detail: string
  readonly pointer?: string
  readonly value?: unknown
  readonly errors?: readonly { readonly pointer: string; readonly detail: string; readonly value?: unknown }[]
  /** Further members of the problem body, e.g. the current version. */
  readonly extra?: Readonly<Record<string, unknown>>
}
export type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }

export const failure = (code: ProblemCode, detail: string, more: Partial<DispatchError> = {}): DispatchError => ({
  adapter: 'webhook',
  code,
  detail,
  ...more,
})

/** RFC 9457 body of an error. */
export function problem(error: DispatchError, headers: Readonly<Record<string, string>> = {}): Answer {
  const [status, title] = problems[error.code]
  const { adapter, code, detail, pointer, value, errors, extra } = error
  const body = { type: `urn:gridbridge:problem:${code}`, title, status, detail, code, adapter, pointer, value, errors, ...extra }
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body: JSON.stringify(body) }
}
export const json = (status: number, body: unknown): Answer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let at: unknown = body
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Record<PropertyKey, unknown>)[part]
  }
  return shown(at)
}
/** Small values as they are, large ones as the beginning of their JSON: an answer must not echo a 64 kB body. */
export function shown(value: unknown): unknown {
  const text = JSON.stringify(value)
  return text === undefined || text.length <= 200 ? value : `${text.slice(0, 200)}...`
}

/** What zod found, as one coded error that points at the first fault and lists up to 20. */
export function invalid(body: unknown, issues: readonly z.core.$ZodIssue[]): DispatchError {
  const errors = issues
    .flatMap(issue =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map(key => ({ path: [...issue.path, key], detail: 'unknown key' }))
        : [{ path: [...issue.path], detail: issue.message }],
    )
    .slice(0, 20)
    .map(({ path, detail }) => ({ pointer: pointerOf(path), detail, value: valueAt(body, path) }))
  const first = errors[0]!
  return failure('invalid', `${first.pointer || 'the body'}: ${first.detail}`, { pointer: first.pointer, value: first.value, errors })
}
