import { WebSocket } from 'ws'

export type Fields = Readonly<Record<string, unknown>>

/** What became of a call of ours. `lost`: no answer in time, or the link dropped; the central system may or may not have seen it. */
export type Answer = { kind: 'result'; payload: Fields } | { kind: 'error'; code: string; description: string } | { kind: 'lost' }

/** What to say to a call of theirs. `after` runs once the answer is on its way, or at once where there is none. */
export type Reply = ({ kind: 'result'; payload: Fields } | { kind: 'error'; code: string; description: string } | { kind: 'silence' }) & {
  after?: () => void
}

export type Call = {
  action: string
  /** Made when it is sent, so that it can say what is known by then; undefined when there is nothing to say any more. */
  payload: () => Fields | undefined
  answered?: (answer: Answer) => void
  /** Transaction messages outlive a lost link and are sent again; others are dropped. */
  keep?: boolean
  attempts?: number
}

/** A frame as it passed, for tests and logs. */
export type Frame = { identity: string; dir: 'in' | 'out'; kind: 'call' | 'result' | 'error'; action: string; payload: Fields }

export type Tls = { ca?: string | Buffer; cert?: string | Buffer; key?: string | Buffer; rejectUnauthorized?: boolean; servername?: string }

export type LinkOptions = {
  /** The central system's address; the identity is appended as the last path segment. */
  url: string
  identity: string
  subprotocol: string
  password?: string | undefined
  tls?: Tls | undefined
  localAddress?: string | undefined
  callTimeoutMs: number
  opened: () => void
  closed: () => void
  /** A call of the central system. `nowMs` is link time, see `tick`. */
  called: (action: string, payload: Fields) => { reply: Reply; lagMs: number }
  framed?: ((frame: Frame) => void) | undefined
}

export type Link = {
  connect(): void
  /** Cuts the connection without a closing handshake, as a lost radio link does. */
  cut(): void
  close(): void
  state(): 'down' | 'connecting' | 'up'
  call(call: Call): void
  /** Sends a call ahead of all that wait. */
  callFirst(call: Call): void
  /** Whether calls wait or one is unanswered. */
  busy(): boolean
  waiting(action: string): boolean
  /** Link time passes only here: late answers go out, unanswered calls lapse. */
  tick(nowMs: number): void
  /** Whether ordinary calls may be sent; until allowed only those put first are. */
  allow(ordinary: boolean): void
}

const CALL = 2
const RESULT = 3
const ERROR = 4
const MAX_ATTEMPTS = 5

const hasNull = (value: unknown): boolean => value === null || (typeof value === 'object' && Object.values(value as object).some(hasNull))

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The charger's end of OCPP-J: one outstanding call per direction, crossing calls answered at once, message ids never reused. It has no
 * timers: the owner's tick is its clock. A call that contains a JSON null is answered FormationViolation / FormatViolation, for OCPP omits
 * what it does not say.
 */
export const createLink = (options: LinkOptions): Link => {
  const { identity } = options
  let socket: WebSocket | undefined
  let up = false
  let linkMs = 0
  let lastId = 0
  let ordinary = false
  let pending: { id: string; call: Call; sentMs: number } | undefined
  let queue: Call[] = []
  let first: Call[] = []
  let late: { atMs: number; send: () => void }[] = []
  const idPrefix = Date.now().toString(36)

  const write = (frame: unknown[]): void => socket?.send(JSON.stringify(frame))
  const seen = (dir: Frame['dir'], kind: Frame['kind'], action: string, payload: Fields): void =>
    options.framed?.({ identity, dir, kind, action, payload })

  const settle = (answer: Answer): void => {
    const call = pending?.call
    pending = undefined
    call?.answered?.(answer)
  }

  const pump = (): void => {
    while (up && pending === undefined) {
      const call = first.shift() ?? (ordinary ? queue.shift() : undefined)
      if (call === undefined) return
      const payload = call.payload()
      if (payload === undefined) continue
      const id = `${idPrefix}-${(++lastId).toString(36)}`
      pending = { id, call, sentMs: linkMs }
      call.attempts = (call.attempts ?? 0) + 1
      seen('out', 'call', call.action, payload)
      write([CALL, id, call.action, payload])
    }
  }

  /** The pending call gets no answer: keep it for later if it must not be lost. */
  const giveUp = (): void => {
    const call = pending?.call
    if (call === undefined) return
    if (call.keep && (call.attempts ?? 0) < MAX_ATTEMPTS) {
      pending = undefined
      queue.unshift(call)
    } else settle({ kind: 'lost' })
  }

  const answer = (id: string, action: string, reply: Reply): void => {
    if (reply.kind === 'result') {
      seen('out', 'result', action, reply.payload)
      write([RESULT, id, reply.payload])
    } else if (reply.kind === 'error') {
      seen('out', 'error', action, { code: reply.code })
      write([ERROR, id, reply.code, reply.description, {}])
    }
    reply.after?.()
  }

  const formatCode = options.subprotocol === 'ocpp1.6' ? 'FormationViolation' : 'FormatViolation'
  const onCall = (id: string, action: string, payload: unknown): void => {
    if (!isFields(payload) || hasNull(payload)) {
      answer(id, action, { kind: 'error', code: formatCode, description: 'payload is not an object free of nulls' })
      return
    }
    seen('in', 'call', action, payload)
    const { reply, lagMs } = options.called(action, payload)
    if (lagMs === 0) {
      answer(id, action, reply)
      return
    }
    const asked = socket
    late.push({ atMs: linkMs + lagMs, send: () => (socket === asked ? answer(id, action, reply) : reply.after?.()) })
  }

  const onFrame = (text: string): void => {
    let frame: unknown
    try {
      frame = JSON.parse(text)
    } catch {
      return
    }
    if (!Array.isArray(frame)) return
    const [type, id] = frame as [unknown, unknown]
    if (typeof id !== 'string') return
    if (type === CALL) onCall(id, String(frame[2]), frame[3])
    else if (id === pending?.id) onAnswer(pending.call, type, frame)
  }

  const onAnswer = ({ action }: Call, type: unknown, frame: readonly unknown[]): void => {
    if (type === RESULT && isFields(frame[2])) {
      seen('in', 'result', action, frame[2])
      settle({ kind: 'result', payload: frame[2] })
    } else if (type === ERROR) {
      seen('in', 'error', action, { code: frame[2] })
      settle({ kind: 'error', code: String(frame[2]), description: String(frame[3] ?? '') })
    }
    pump()
  }

  const dropped = (which: WebSocket): void => {
    if (socket !== which) return
    socket = undefined
    const wasUp = up
    up = false
    giveUp()
    queue = queue.filter(c => c.keep)
    first = []
    late = []
    if (wasUp) options.closed()
  }

  return {
    connect() {
      if (socket !== undefined) return
      const s = new WebSocket(`${options.url.replace(/\/$/, '')}/${encodeURIComponent(identity)}`, options.subprotocol, {
        perMessageDeflate: false,
        handshakeTimeout: 15_000,
        ...(options.password === undefined ? {} : { headers: { authorization: basic(identity, options.password) } }),
        ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
        ...options.tls,
      })
      socket = s
      s.on('open', () => {
        if (socket !== s) return
        up = true
        options.opened()
        pump()
      })
      s.on('message', data => onFrame(String(data)))
      s.on('close', () => dropped(s))
      s.on('error', () => {}) // 'close' follows
    },
    cut() {
      const s = socket
      if (s === undefined) return
      s.terminate()
      dropped(s)
    },
    close() {
      const s = socket
      if (s === undefined) return
      s.close(1000)
      dropped(s)
    },
    state: () => (up ? 'up' : socket === undefined ? 'down' : 'connecting'),
    call(call) {
      queue.push(call)
      pump()
    },
    callFirst(call) {
      first.push(call)
      pump()
    },
    busy: () => pending !== undefined || queue.length > 0 || first.length > 0,
    waiting: action => queue.some(c => c.action === action),
    tick(nowMs) {
      linkMs = nowMs
      if (late.length > 0) {
        const due = late.filter(l => l.atMs <= nowMs)
        late = late.filter(l => l.atMs > nowMs)
        for (const l of due) l.send()
      }
      if (pending !== undefined && nowMs - pending.sentMs > options.callTimeoutMs) {
        giveUp()
        pump()
      }
    },
    allow(now) {
      ordinary = now
      pump()
    },
  }
}

/** The Authorization header of HTTP Basic (RFC 7617); the identity may contain a colon, which OCPP allows. */
export const basic = (identity: string, password: string): string => `Basic ${Buffer.from(`${identity}:${password}`).toString('base64')}`
