import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Options } from './options.ts'
import { type Answer, failure, type ProblemCode, problem, problems } from './problem.ts'

export const maxBodyBytes = 65_536
const maxConnections = 256

/** A whole request, small and in memory. `fingerprint256` is that of a client certificate which our CA signed. */
export type Request = {
  readonly method: string
  /** Path and query as sent: what a signed GET signs. */
  readonly target: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly fingerprint256: string | undefined
}
export type Listener = { readonly port: number; close(): Promise<void> }
type Handler = (request: Request) => Promise<Answer>

/**
 * The HTTP side: a body up to 64 kB, never compressed; a request that is not complete in time is cut off with 408. Resolves when it listens.
 * A handler that throws answers 500 and its error goes to `onError`. `close` waits for the answers that are being made.
 */
export async function listen(options: Options, handler: Handler, onError: (error: unknown) => void): Promise<Listener> {
  const server = serverOf(options)
  const open = new Set<Promise<void>>()
  let closing = false

  server.maxConnections = maxConnections
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    bodyOf(request).then(body => {
      if (body === 'gone') return
      const done = serve(request, body, response).finally(() => open.delete(done))
      open.add(done)
    })
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => refuseRaw(error.code, socket))

  async function serve(request: IncomingMessage, body: Buffer | ProblemCode, response: ServerResponse): Promise<void> {
    const answer = await answerTo(request, body).catch(error => {
      onError(error)
      return problem(failure('internal', 'nothing is known about what was done; send it again'))
    })
    // A refused body may still be arriving: the connection ends with the answer.
    const end = typeof body === 'string' || closing ? { connection: 'close' } : {}
    response.writeHead(answer.status, {
      'cache-control': 'no-store',
      'content-length': Buffer.byteLength(answer.body),
      ...answer.headers,
      ...end,
    })
    response.end(answer.body)
  }
  async function answerTo(request: IncomingMessage, body: Buffer | ProblemCode): Promise<Answer> {
    if (closing) return problem(failure('stopping', 'try again in a moment'), { 'retry-after': '5' })
    if (typeof body === 'string') return problem(failure(body, problems[body][1]))
    const socket = request.socket as TLSSocket
    const fingerprint256 = socket.authorized ? socket.getPeerCertificate().fingerprint256 : undefined
    return handler({ method: request.method ?? '', target: request.url ?? '', headers: request.headers, body, fingerprint256 })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      closing = true
      const closed = new Promise(resolve => server.close(resolve))
      await Promise.all(open)
      server.closeIdleConnections()
      // Those that connected and say nothing would hold us until their time is up.
      setTimeout(() => server.closeAllConnections(), 1_000).unref()
      await closed
    },
  }
}

function serverOf(options: Options): Server {
  const limits = {
    requestTimeout: options.requestTimeoutMs,
    headersTimeout: options.requestTimeoutMs,
    connectionsCheckingInterval: Math.min(1_000, options.requestTimeoutMs),
    keepAliveTimeout: 5_000,
    maxHeaderSize: 8_192,
  }
  if (options.tls === undefined) return createServer(limits)
  const { certFile, keyFile, clientCaFile } = options.tls
  const clients = clientCaFile === undefined ? {} : { ca: readFileSync(clientCaFile), requestCert: true, rejectUnauthorized: true }
  return createTlsServer({ ...limits, minVersion: 'TLSv1.2', cert: readFileSync(certFile), key: readFileSync(keyFile), ...clients })
}

/** The body; or why it is refused, without reading on; or `gone` if the client is. */
function bodyOf(request: IncomingMessage): Promise<Buffer | ProblemCode | 'gone'> {
  const { 'content-type': type = '', 'content-encoding': encoding, 'content-length': length } = request.headers
  if (request.method === 'POST' && !/^application\/json\s*(;\s*charset=("?)utf-8\2\s*)?$/i.test(type))
    return refused(request, 'content-type')
  if (encoding !== undefined && encoding !== 'identity') return refused(request, 'content-encoding')
  if (Number(length ?? 0) > maxBodyBytes) return refused(request, 'too-large')
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBodyBytes) chunks.push(chunk)
      else resolve('too-large')
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', () => resolve('gone'))
    request.on('close', () => resolve('gone'))
  })
}
function refused(request: IncomingMessage, code: ProblemCode): Promise<ProblemCode> {
  // Discarded as it arrives, so that the answer is read before the connection ends.
  request.resume()
  return Promise.resolve(code)
}

/** Before there is a request to answer: a broken one, too many headers, or one that took too long. */
function refuseRaw(code: string | undefined, socket: Socket): void {
  if (!socket.writable || code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const why: ProblemCode =
    code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'timeout' : code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'bad-request'
  const { status, headers, body } = problem(failure(why, problems[why][1]))
  const head = `HTTP/1.1 ${status} ${why}\r\ncontent-type: ${headers['content-type']}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`
  socket.end(head + body, () => socket.destroy())
}
