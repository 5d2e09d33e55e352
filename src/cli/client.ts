import { type ExitCode, Fault } from './exit.ts'

/** Where the running bridge is and who asks. */
export type Peer = { readonly url: string; readonly token: string | undefined; readonly from: string }
export type Asked = {
  readonly method?: string
  readonly body?: unknown
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  /** The body as bytes instead of JSON. */
  readonly asBytes?: boolean
}
export type Answer = { readonly status: number; readonly body: unknown; readonly headers: Headers }
export type Client = (path: string, asked?: Asked) => Promise<Answer>

/** The little that the commands need of HTTP: JSON both ways; a problem becomes a `Fault` with its exit code. */
export const createClient =
  (peer: Peer): Client =>
  async (path, asked = {}) => {
    let response: Response
    let bytes: Buffer
    try {
      response = await fetch(new URL(path, peer.url), {
        method: asked.method ?? (asked.body === undefined ? 'GET' : 'POST'),
        headers: {
          accept: 'application/json, application/problem+json',
          ...(asked.body === undefined ? {} : { 'content-type': asked.contentType ?? 'application/json' }),
          ...(peer.token === undefined ? {} : { authorization: `Bearer ${peer.token}` }),
          ...asked.headers,
        },
        ...(asked.body === undefined ? {} : { body: typeof asked.body === 'string' ? asked.body : JSON.stringify(asked.body) }),
        signal: AbortSignal.timeout(asked.timeoutMs ?? 30_000),
      })
      bytes = Buffer.from(await response.arrayBuffer())
    } catch (error) {
      throw unreachable(peer, error)
    }
    if (response.ok && asked.asBytes) return { status: response.status, body: bytes, headers: response.headers }
    const body = parsed(bytes.toString('utf8'))
    if (response.ok) return { status: response.status, body, headers: response.headers }
    throw problem(response.status, body, path)
  }

/** All items of a paged list. */
export async function pages<T>(client: Client, path: string): Promise<T[]> {
  const out: T[] = []
  for (let from: number | null = 0; from !== null; ) {
    const { body } = await client(`${path}${path.includes('?') ? '&' : '?'}from=${from}&limit=1000`)
    const page = body as { items: T[]; next: number | null }
    out.push(...page.items)
    from = page.next
  }
  return out
}

function unreachable(peer: Peer, error: unknown): Fault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const why = (cause as NodeJS.ErrnoException)?.code ?? (error as Error)?.name ?? 'error'
  return new Fault(
    6,
    'GB-1301',
    `no bridge answers at ${peer.url} (${why})`,
    `is "gridbridge serve" running? address from ${peer.from}`,
    error,
  )
}
const parsed = (text: string): unknown => {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return text
  }
}

type Problem = { title?: string; detail?: string; code?: string; hint?: string; errors?: readonly { pointer?: string; detail?: string }[] }
/** problem+json (RFC 9457) as one line. Statuses: 401 and 403 -> 4; 404, 409, 410, 412 -> 5; other 4xx -> 2; the rest -> 1. */
export function problem(status: number, body: unknown, path: string): Fault {
  const p: Problem = typeof body === 'object' && body !== null ? body : {}
  const title = p.detail ?? p.title ?? `${path} answered ${status}`
  const errors = (p.errors ?? []).map(e => `${e.pointer ?? ''} ${e.detail ?? ''}`.trim())
  // a lone error often is the detail: it is said once, with its place
  const said = errors.length === 1 && errors[0]!.includes(title) ? errors[0]! : [title, errors.join('; ')].filter(t => t !== '').join(': ')
  const name = p.code === undefined || said.includes(p.code) ? '' : ` [${p.code}]`
  return new Fault(exitOf(status), `GB-${codeOf(status)}`, said + name, p.hint ?? hintOf(status))
}
const exitOf = (status: number): ExitCode =>
  status === 401 || status === 403 ? 4 : [404, 409, 410, 412].includes(status) ? 5 : status >= 400 && status < 500 && status !== 429 ? 2 : 1
const codeOf = (status: number): number =>
  ({ 401: 1302, 403: 1302, 404: 1303, 409: 1304, 410: 1304, 412: 1304, 429: 1306 })[status] ?? (status < 500 ? 1305 : 1307)
const hintOf = (status: number): string =>
  status === 401
    ? 'give a token with --token or GRIDBRIDGE_TOKEN'
    : status === 403
      ? 'this token lacks the scope'
      : status === 412
        ? 'it changed meanwhile: look again'
        : ''
