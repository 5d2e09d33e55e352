/**
 * Who may connect: the HTTP server, admission control, authentication and the WebSocket upgrade. A handshake is refused with a status before any WebSocket
 * exists; what passes is handed on.
 */
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import type { StationAuth } from '../../../src/ports.ts'
import type { Protocol } from './frames.ts'
import { basicPassword, chooseProtocol, identityOf, tokenBucket } from './handshake.ts'
import { rememberingChecker } from './passwords.ts'

export type TlsOptions = { readonly cert: string | Buffer; readonly key: string | Buffer; readonly ca?: string | Buffer }
export type GateOptions = {
  readonly tls: TlsOptions | null
  /** TLS ends at a proxy of the operator's before us: profile 2 is then satisfied by the proxy. */
  readonly behindTlsProxy: boolean
  readonly allowInsecure: boolean
  readonly acceptPerS: number
}
export type Admitted<O> = {
  readonly identity: string
  readonly owner: O
  readonly protocol: Protocol
  readonly socket: WebSocket
  /** The connection under it. */
  readonly wire: Duplex
}
export type GateEvents<O> = {
  /** The owner's record of this identity, undefined if nobody knows it. */
  identify(identity: string): { readonly owner: O; readonly auth: StationAuth } | undefined
  admitted(who: Admitted<O>): void
  /** `what`: `rush`, `address`, `subprotocol`, `unknownStation` or `auth`. `identity` only where the station is known. */
  refused(what: string, detail: string, identity: string | null): void
}

const maxPayloadBytes = 64 * 1024
/** Passwords being checked at one time: a slow hash must not fill the memory with waiting sockets. */
const pendingChecks = 256
const limits = { headersTimeout: 10_000, requestTimeout: 10_000, keepAliveTimeout: 1_000, connectionsCheckingInterval: 5_000 }

const reasons: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  503: 'Service Unavailable',
}
/** Boxes come back in step after an outage: how long to wait is spread over a minute. */
const headersOf = (status: number): readonly string[] => {
  if (status === 503) return [`Retry-After: ${5 + Math.floor(Math.random() * 55)}`]
  return status === 401 ? ['WWW-Authenticate: Basic realm="ocpp", charset="UTF-8"'] : []
}
const turnAway = (socket: Duplex, status: number): void => {
  socket.end([`HTTP/1.1 ${status} ${reasons[status]}`, 'Connection: close', 'Content-Length: 0', ...headersOf(status), '', ''].join('\r\n'))
}
function destroyOnError(this: Duplex): void {
  this.destroy()
}

export const createGate = <O>(options: GateOptions, nowMs: () => number, events: GateEvents<O>) => {
  const check = rememberingChecker()
  const admission = tokenBucket(options.acceptPerS, options.acceptPerS * 2, nowMs())
  let checking = 0
  let shut = false
  const wss = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxPayloadBytes,
    handleProtocols: offered => chooseProtocol([...offered].join(',')) ?? false,
  })

  /** The HTTP status to refuse with, or null to go on (OCPP security profiles 0 to 3; a station is never let in below its own). */
  const authenticate = async (request: IncomingMessage, identity: string, auth: StationAuth): Promise<number | null> => {
    const tls = (request.socket as TLSSocket).encrypted === true
    switch (auth.profile) {
      case 0:
        return options.allowInsecure ? null : 403
      case 1:
      case 2: {
        if (auth.profile === 2 && !tls && !options.behindTlsProxy) return 403
        const password = basicPassword(request.headers.authorization, identity)
        if (password === null || auth.passwordHash === undefined) return 401
        if (checking >= pendingChecks) return 503
        checking++
        try {
          return (await check(auth.passwordHash, password)) ? null : 401
        } finally {
          checking--
        }
      }
      case 3: {
        if (!tls) return 403
        const socket = request.socket as TLSSocket
        return socket.authorized && socket.getPeerCertificate().subject?.CN === identity ? null : 403
      }
    }
  }

  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    socket.on('error', destroyOnError)
    const refuse = (status: number, what: string, detail: string, known: string | null = null): void => {
      events.refused(what, detail, known)
      turnAway(socket, status)
    }
    if (shut || !admission.take(nowMs())) return refuse(503, 'rush', '')
    const identity = identityOf(request.url)
    if (identity === null) return refuse(404, 'address', '')
    const offered = request.headers['sec-websocket-protocol']
    const protocol = chooseProtocol(offered)
    if (protocol === null) return refuse(400, 'subprotocol', String(offered ?? 'none').slice(0, 60))
    const found = events.identify(identity)
    if (found === undefined) return refuse(404, 'unknownStation', '')
    const status = await authenticate(request, identity, found.auth)
    if (status !== null) return refuse(status, status === 503 ? 'rush' : 'auth', String(status), identity)
    socket.off('error', destroyOnError)
    wss.handleUpgrade(request, socket, head, made =>
      events.admitted({ identity, owner: found.owner, protocol, socket: made, wire: socket }),
    )
  }

  const server = options.tls
    ? createTlsServer({
        ...limits,
        cert: options.tls.cert,
        key: options.tls.key,
        ...(options.tls.ca === undefined ? {} : { ca: options.tls.ca, requestCert: true, rejectUnauthorized: false }),
        minVersion: 'TLSv1.2',
        handshakeTimeout: 10_000,
      })
    : createServer(limits)
  server.on('request', (_request, response) => response.writeHead(426, { Connection: 'close' }).end())
  server.on('upgrade', (request, socket, head) => {
    upgrade(request, socket, head).catch(() => socket.destroy())
  })
  server.on('clientError', (_error, socket) => socket.destroy())
  return {
    server,
    /** Lets nobody in any more. */
    shut(): void {
      shut = true
    },
  }
}
