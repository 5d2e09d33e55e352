/**
 * The OCPP-J transport for both versions: WebSocket upgrade with authentication and admission control, one live socket per identity (the newest wins), one
 * outstanding CALL per connection with a queue by priority and deadline, answers to crossing CALLs at once, late answers reported instead of dropped.
 *
 * Made for many idle connections: one record per identity, shared listeners (`this` is the socket), no timer per socket, queues only while they are used.
 */
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { StationAuth } from '../../../src/ports.ts'
import { callFrame, isFault, type Payload, type Protocol, type Reply, readFrame, replyFrame } from './frames.ts'
import { createGate, type GateOptions } from './gate.ts'
import { type Answer, type Job, newCounters, newPeer, type Peer, rememberLate } from './peer.ts'
import { violation } from './schemas.ts'

export type { Answer, Counters, Job, Peer } from './peer.ts'
export { priority } from './peer.ts'

export type Timers = { now(): number; every(ms: number, job: () => void): () => void }
export const realTimers: Timers = {
  now: Date.now,
  every: (ms, job) => {
    const timer = setInterval(job, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}

export type TransportOptions = GateOptions & {
  readonly port: number
  readonly host: string
  readonly callTimeoutMs: number
  readonly pingS: number
  readonly messagesPerS: number
  readonly timers: Timers
}

/** What the transport tells its owner. None may throw. */
export type TransportEvents<O> = {
  /** The owner's record of this identity, undefined if nobody knows it. */
  identify(identity: string): { readonly owner: O; readonly auth: StationAuth } | undefined
  opened(peer: Peer<O>): void
  closed(peer: Peer<O>): void
  inbound(peer: Peer<O>, action: string, payload: Payload): Reply | Promise<Reply>
  /** Something irregular, for the record. The owner limits the rate. */
  odd(peer: Peer<O> | null, what: string, detail: string): void
  tick(nowMs: number): void
}

const maxBufferedBytes = 256 * 1024
const maxMalformedInARow = 50
const keptAnswers = 4
/** A repeated one of these is a new message even when id and text are the same: their answer is of the moment. */
const neverRepeated = new Set(['BootNotification', 'Heartbeat'])
const peerOf = Symbol('peer')
type Tagged<O> = WebSocket & { [peerOf]?: Peer<O> | null }

/**
 * A final, unmasked text frame (RFC 6455 §5.2) as one string for one write. `ws` writes header and payload apart, which costs a fifth of a burst to ten
 * thousand boxes; without compression it keeps no state between frames, so both may write.
 */
const asciiFrame = (text: string): string =>
  (text.length < 126 ? String.fromCharCode(0x81, text.length) : String.fromCharCode(0x81, 126, text.length >> 8, text.length & 255)) + text

const fingerprint = (text: string): number => {
  let hash = 0x811c9dc5
  for (let k = 0; k < text.length; k++) hash = Math.imul(hash ^ text.charCodeAt(k), 0x01000193)
  return hash ^ text.length
}

export type Transport<O> = ReturnType<typeof createTransport<O>>

export const createTransport = <O>(options: TransportOptions, events: TransportEvents<O>) => {
  const { timers, callTimeoutMs } = options
  const peers = new Map<string, Peer<O>>()
  const open = new Set<Peer<O>>()
  const inFlight = new Set<Peer<O>>()
  const pingMs = options.pingS * 1000
  const burst = options.messagesPerS * 10
  const prefix = Math.floor(Math.random() * 36 ** 6).toString(36) + '-'
  let nextId = 0
  let stopping = false
  let stopTicker: (() => void) | undefined
  const counters = newCounters()

  // --- outgoing ---

  const write = (peer: Peer<O>, text: string): boolean => {
    const socket = peer.socket
    if (socket === null || socket.readyState !== socket.OPEN) return false
    const wire = peer.wire!
    if (wire.writableLength > maxBufferedBytes) {
      events.odd(peer, 'slowReader', String(wire.writableLength))
      socket.terminate()
      return false
    }
    const bytes = Buffer.byteLength(text)
    if (bytes === text.length && bytes < 65_536) wire.write(asciiFrame(text), 'latin1')
    else socket.send(text)
    return true
  }

  const finish = (peer: Peer<O>, answer: Answer): void => {
    const job = peer.job
    if (job === null) return
    peer.job = null
    inFlight.delete(peer)
    job.done(job, answer)
    pump(peer)
  }

  /** Writes a CALL on a link that has none outstanding. */
  const dispatch = (peer: Peer<O>, job: Job): void => {
    const now = timers.now()
    const payload = job.payload!
    job.payload = null
    if (job.expiresMs < now) return job.done(job, { kind: 'expired' })
    const wrong = violation(peer.protocol, job.action, 'Request', payload)
    if (wrong !== null) {
      counters.invalidOut++
      return job.done(job, { kind: 'invalid', why: wrong })
    }
    const id = prefix + nextId++
    peer.job = job
    peer.jobId = id
    peer.jobDueMs = now + callTimeoutMs
    inFlight.add(peer)
    counters.sent++
    if (!write(peer, callFrame(id, job.action, payload))) finish(peer, { kind: 'offline', sent: false })
  }

  const pump = (peer: Peer<O>): void => {
    while (peer.job === null && peer.queue !== null && peer.socket !== null) {
      const job = peer.queue.shift()!
      if (peer.queue.length === 0) peer.queue = null
      dispatch(peer, job)
    }
  }

  /** Queues a CALL behind those of equal or higher priority; sends it at once when none is outstanding. */
  const call = (peer: Peer<O>, job: Job): void => {
    if (peer.socket === null) return job.done(job, { kind: 'offline', sent: false })
    if (peer.queue === null) {
      // Between an answer and the next from the queue nothing is outstanding, but the queue comes first: then it is not null.
      if (peer.job === null) return dispatch(peer, job)
      peer.queue = [job]
      return
    }
    let at = peer.queue.length
    while (at > 0 && peer.queue[at - 1]!.priority > job.priority) at--
    peer.queue.splice(at, 0, job)
    pump(peer)
  }

  /** Takes back a CALL that has not been sent; false if it is too late. `done` is not called. */
  const withdraw = (peer: Peer<O>, job: Job): boolean => {
    const at = peer.queue?.indexOf(job) ?? -1
    if (at < 0) return false
    peer.queue!.splice(at, 1)
    if (peer.queue!.length === 0) peer.queue = null
    return true
  }

  // --- incoming ---

  const onAnswer = (peer: Peer<O>, id: string, answer: Answer): void => {
    if (peer.job !== null && peer.jobId === id) {
      counters.answered++
      if (answer.kind === 'error') counters.errors++
      else if (answer.kind === 'result') {
        const wrong = violation(peer.protocol, peer.job.action, 'Response', answer.payload)
        if (wrong !== null) {
          counters.invalidIn++
          events.odd(peer, 'schema', `${peer.job.action} answer ${wrong}`)
        }
      }
      return finish(peer, answer)
    }
    const at = peer.late?.findIndex(late => late.id === id) ?? -1
    if (at < 0) return events.odd(peer, 'unmatchedAnswer', '')
    const { job } = peer.late!.splice(at, 1)[0]!
    if (peer.late!.length === 0) peer.late = null
    counters.late++
    job.late?.(job, answer)
  }

  const reply = (peer: Peer<O>, id: string, action: string, print: number, made: Reply): void => {
    let out = made
    if (!isFault(out)) {
      const wrong = violation(peer.protocol, action, 'Response', out)
      if (wrong !== null) {
        counters.invalidOut++
        events.odd(peer, 'ownAnswer', `${action} ${wrong}`)
        out = { fault: 'InternalError', why: '' }
      }
    }
    const text = replyFrame(id, out, peer.protocol)
    if (!neverRepeated.has(action)) {
      peer.answered ??= []
      if (peer.answered.length >= keptAnswers) peer.answered.shift()
      peer.answered.push({ id, print, text })
    }
    write(peer, text)
  }

  const onCall = (peer: Peer<O>, id: string, action: string, payload: Payload, text: string): void => {
    const print = fingerprint(text)
    const before = peer.answered?.find(answer => answer.id === id && answer.print === print)
    if (before !== undefined) {
      counters.duplicates++
      write(peer, before.text)
      return
    }
    if (action === 'BootNotification') peer.answered = null // ids may start again from the beginning
    const wrong = violation(peer.protocol, action, 'Request', payload)
    if (wrong !== null) {
      counters.invalidIn++
      events.odd(peer, 'schema', `${action} ${wrong}`)
    }
    const answer = events.inbound(peer, action, payload)
    if (answer instanceof Promise) {
      answer.then(
        late => reply(peer, id, action, print, late),
        () => reply(peer, id, action, print, { fault: 'InternalError', why: '' }),
      )
    } else reply(peer, id, action, print, answer)
  }

  const throttle = (peer: Peer<O>): void => {
    const now = timers.now()
    peer.tokens = Math.min(burst, peer.tokens + ((now - peer.tokensAtMs) / 1000) * options.messagesPerS) - 1
    peer.tokensAtMs = now
    if (peer.tokens >= 0 || peer.paused) return
    peer.paused = true
    counters.throttled++
    events.odd(peer, 'throttled', '')
    peer.socket?.pause()
  }

  function onMessage(this: Tagged<O>, data: Buffer): void {
    const peer = this[peerOf]
    if (!peer) return
    counters.received++
    peer.alive = true
    throttle(peer)
    const text = data.toString()
    const frame = readFrame(text, peer.protocol)
    switch (frame.kind) {
      case 'call':
        peer.malformed = 0
        return onCall(peer, frame.id, frame.action, frame.payload, text)
      case 'result':
        peer.malformed = 0
        return onAnswer(peer, frame.id, frame)
      case 'error':
        peer.malformed = 0
        return onAnswer(peer, frame.id, frame)
      case 'empty':
        return
      case 'malformed':
        counters.malformed++
        events.odd(peer, 'malformed', frame.why)
        if (frame.answer !== null) write(peer, frame.answer)
        if (++peer.malformed >= maxMalformedInARow) this.close(1002, 'too many malformed frames')
    }
  }
  function onPong(this: Tagged<O>): void {
    const peer = this[peerOf]
    if (peer) peer.alive = true
  }
  function onClose(this: Tagged<O>): void {
    const peer = this[peerOf]
    if (peer && peer.socket === this) drop(peer)
  }
  // A frame that is too big or breaks RFC 6455: ws answers with the right close code; only this socket dies.
  function onError(this: Tagged<O>, error: Error): void {
    const peer = this[peerOf]
    if (peer) events.odd(peer, 'socket', (error as { code?: string }).code ?? error.message)
  }

  /** The link is gone: whatever was asked ends without an answer. */
  const drop = (peer: Peer<O>): void => {
    const socket = peer.socket as Tagged<O> | null
    if (socket === null) return
    socket[peerOf] = null
    peer.socket = null
    peer.wire = null
    open.delete(peer)
    counters.connections--
    const waiting = peer.queue
    const flying = peer.job
    peer.queue = null
    peer.job = null
    inFlight.delete(peer)
    if (flying !== null) {
      rememberLate(peer, flying)
      flying.done(flying, { kind: 'offline', sent: true })
    }
    for (const job of waiting ?? []) job.done(job, { kind: 'offline', sent: false })
    events.closed(peer)
  }

  const adopt = (identity: string, owner: O, protocol: Protocol, socket: Tagged<O>, wire: Duplex): void => {
    if (stopping) return socket.terminate()
    const now = timers.now()
    let peer = peers.get(identity)
    if (!peer || peer.owner !== owner) {
      peer = newPeer(identity, owner, protocol, burst, now)
      peers.set(identity, peer)
    }
    const old = peer.socket
    if (old !== null) {
      counters.replaced++
      events.odd(peer, 'replaced', '')
      drop(peer)
      old.close(1008, 'a newer connection took over')
    }
    peer.protocol = protocol
    peer.socket = socket
    peer.wire = wire
    peer.alive = true
    peer.paused = false
    peer.malformed = 0
    peer.pingDueMs = now + pingMs * (0.5 + Math.random() / 2)
    socket[peerOf] = peer
    open.add(peer)
    counters.connections++
    counters.accepted++
    socket.on('message', onMessage)
    socket.on('pong', onPong)
    socket.on('close', onClose)
    socket.on('error', onError)
    events.opened(peer)
  }

  const gate = createGate<O>(options, () => timers.now(), {
    identify: events.identify,
    admitted: ({ identity, owner, protocol, socket, wire }) => adopt(identity, owner, protocol, socket, wire),
    refused(what, detail, identity) {
      counters.refused++
      if (what !== 'rush') events.odd((identity !== null && peers.get(identity)) || null, what, detail)
    },
  })
  const { server } = gate

  // --- one ticker for all ---

  const tick = (): void => {
    const now = timers.now()
    for (const peer of inFlight) {
      if (peer.jobDueMs > now) continue
      counters.timeouts++
      rememberLate(peer, peer.job!)
      finish(peer, { kind: 'timeout' })
    }
    for (const peer of open) {
      if (peer.paused && peer.tokens + ((now - peer.tokensAtMs) / 1000) * options.messagesPerS > 0) {
        peer.paused = false
        peer.socket?.resume()
      }
      if (peer.pingDueMs > now) continue
      if (!peer.alive) {
        events.odd(peer, 'noPong', '')
        peer.socket?.terminate()
        drop(peer)
        continue
      }
      peer.alive = false
      peer.pingDueMs = now + pingMs
      peer.socket?.ping()
    }
    events.tick(now)
  }

  return {
    counters,
    call,
    withdraw,
    /** Closes a connection, e.g. of a station that is no longer known. */
    close(peer: Peer<O>, code: number, reason: string): void {
      peer.socket?.close(code, reason)
    },
    port: (): number => (server.address() as AddressInfo | null)?.port ?? 0,
    start: (): Promise<void> =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(options.port, options.host, 4096, () => {
          server.off('error', reject)
          stopTicker = timers.every(Math.max(10, Math.min(1000, callTimeoutMs / 4)), tick)
          resolve()
        })
      }),
    async stop(): Promise<void> {
      stopping = true
      gate.shut()
      stopTicker?.()
      for (const peer of [...open]) {
        const socket = peer.socket!
        drop(peer)
        socket.close(1001, 'server stops')
        // ws waits 30 s for the peer's close frame; a stopping server does not.
        setTimeout(() => socket.terminate(), 200).unref()
      }
      await new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}
