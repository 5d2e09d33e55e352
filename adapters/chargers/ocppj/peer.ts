/** One station's connection as data: what is in flight, what waits, what was answered. */
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Payload, Protocol } from './frames.ts'

export type Answer =
  | { readonly kind: 'result'; readonly payload: Payload }
  | { readonly kind: 'error'; readonly code: string; readonly description: string }
  /** No answer in time; one may still come (`late`). */
  | { readonly kind: 'timeout' }
  /** The link went away while it was in flight or waiting; `sent` says which. */
  | { readonly kind: 'offline'; readonly sent: boolean }
  /** Its deadline passed before it could be sent. */
  | { readonly kind: 'expired' }
  /** We made a frame that the official schema refuses; it was not sent. */
  | { readonly kind: 'invalid'; readonly why: string }

/** Most urgent first. */
export const priority = { urgent: 0, curtail: 1, restore: 2, config: 3, poll: 4 } as const

/** A CALL to make. `done` is called exactly once; `late` when an answer comes after the timeout. Both are shared functions: `context` carries the state. */
export type Job<C = unknown> = {
  readonly action: string
  /** Let go once it is written: thousands are in flight at a time. */
  payload: Payload | null
  readonly priority: number
  /** Not sent after this instant; Infinity for never. */
  readonly expiresMs: number
  readonly done: (job: Job<C>, answer: Answer) => void
  readonly late: ((job: Job<C>, answer: Answer) => void) | null
  readonly context: C
}

export type Peer<O> = {
  readonly identity: string
  readonly owner: O
  protocol: Protocol
  socket: WebSocket | null
  /** The connection under `socket`. */
  wire: Duplex | null
  job: Job | null
  jobId: string
  jobDueMs: number
  queue: Job[] | null
  late: { readonly id: string; readonly job: Job }[] | null
  answered: { readonly id: string; readonly print: number; readonly text: string }[] | null
  alive: boolean
  pingDueMs: number
  tokens: number
  tokensAtMs: number
  paused: boolean
  malformed: number
}

export type Counters = {
  connections: number
  accepted: number
  refused: number
  throttled: number
  replaced: number
  sent: number
  answered: number
  errors: number
  timeouts: number
  late: number
  received: number
  duplicates: number
  malformed: number
  invalidIn: number
  invalidOut: number
}

export const newCounters = (): Counters => ({
  connections: 0,
  accepted: 0,
  refused: 0,
  throttled: 0,
  replaced: 0,
  sent: 0,
  answered: 0,
  errors: 0,
  timeouts: 0,
  late: 0,
  received: 0,
  duplicates: 0,
  malformed: 0,
  invalidIn: 0,
  invalidOut: 0,
})

export const newPeer = <O>(identity: string, owner: O, protocol: Protocol, tokens: number, nowMs: number): Peer<O> => ({
  identity,
  owner,
  protocol,
  socket: null,
  wire: null,
  job: null,
  jobId: '',
  jobDueMs: 0,
  queue: null,
  late: null,
  answered: null,
  alive: true,
  pingDueMs: 0,
  tokens,
  tokensAtMs: nowMs,
  paused: false,
  malformed: 0,
})

const keptLate = 4
/** Keeps a call whose answer may still come. */
export const rememberLate = <O>(peer: Peer<O>, job: Job): void => {
  if (job.late === null) return
  peer.late ??= []
  if (peer.late.length >= keptLate) peer.late.shift()
  peer.late.push({ id: peer.jobId, job })
}
