import { createHash } from 'node:crypto'
import type { EventNo, GridEvent, Instant } from '../../../src/core/model.ts'
import type { Bridge, Progress, Runtime } from '../../../src/ports.ts'
import type { Peer } from './options.ts'
import { seenStore } from './seen.ts'
import { signedHeaders } from './signing.ts'

export type World = Pick<Runtime, 'at' | 'random'> & { readonly fetch: typeof globalThis.fetch }
export type Callbacks = {
  /** A message was taken in; told to the peer before the first step of its event. */
  received(event: GridEvent, at: Instant): void
  stop(): Promise<void>
}

export const giveUpAfterMs = 24 * 3_600_000
export const maxWaiting = 1000
const [firstWaitMs, longestWaitMs, answerWithinMs] = [1_000, 3_600_000, 10_000]

type Letter = { readonly id: string; readonly status: string; readonly body: string; readonly sinceMs: Instant }
type Queue = { readonly peer: Peer; readonly letters: Map<string, Letter>; next: number; attempts: number; sending: Promise<void> | null }

/**
 * Tells peers how their dispatches go. At least once, in order per peer: while the first letter fails, the others wait. Letters are durable from
 * the moment they are written until the peer took them, or 24 hours have passed, which is noted. Only configured addresses are ever called and
 * redirects are failures, so a peer cannot point us at somebody else.
 */
export function callbacks(bridge: Bridge, peers: readonly Peer[], world: World): Callbacks {
  const seen = seenStore(bridge.registry)
  const queues = new Map<string, Queue>()
  const receivedAt = new Map<string, Instant>()
  const measuredAt = new Map<EventNo, Instant>()
  const stopping = new AbortController()
  let stopped = false

  for (const peer of peers) if (peer.callback !== undefined) queues.set(peer.name, load(peer))
  const unfollow = bridge.follow('webhook', onProgress)
  for (const queue of queues.values()) pump(queue)

  function load(peer: Peer): Queue {
    const prefix = keyOf(peer.name, '')
    const found = [...bridge.registry.keys(prefix)].sort()
    const letters = new Map(found.map(key => [key, JSON.parse(bridge.registry.get(key)!) as Letter]))
    return { peer, letters, next: Number(found.at(-1)?.slice(prefix.length) ?? 0) + 1, attempts: 0, sending: null }
  }

  function onProgress(progress: Progress): void {
    const { event, at, kind } = progress
    const queue = queues.get(event.peer)
    if (stopped || queue === undefined) return
    const mark = markOf(event.id, event.revision)
    const received = receivedAt.get(mark)
    receivedAt.delete(mark)
    // A revision can be ours (an operator's cancel): the peer is told the version that it knows.
    const version = seen.get(event.peer, event.upstreamRef)?.version ?? event.revision
    if (received !== undefined) write(queue, letterOf(progress, 'received', received, version))
    if (kind === 'measured' && !isTelemetryDue(event.no, at, queue.peer.telemetryEveryS)) return
    if (kind === 'verified' || kind === 'cancelled') measuredAt.delete(event.no)
    write(queue, letterOf(progress, kind, at, version))
    pump(queue)
  }
  /** A second of grace, because turns are whole seconds and must not turn every minute into every other one. */
  function isTelemetryDue(no: EventNo, at: Instant, everyS: number): boolean {
    if (at - (measuredAt.get(no) ?? Number.NEGATIVE_INFINITY) < (everyS - 1) * 1000) return false
    measuredAt.set(no, at)
    return true
  }

  function write(queue: Queue, letter: Letter): void {
    if (queue.letters.size >= maxWaiting) drop(queue)
    const key = keyOf(queue.peer.name, String(queue.next++).padStart(12, '0'))
    queue.letters.set(key, letter)
    keep(key, JSON.stringify(letter))
  }
  /** Telemetry goes first: it is replaced by newer figures, a status is not. The letter in flight stays. */
  function drop(queue: Queue): void {
    const waiting = [...queue.letters].slice(1)
    const [key, letter] = waiting.find(([, { status }]) => status === 'measured') ?? waiting[0]!
    forget(queue, key)
    tell('webhook.callbackDropped', queue, letter, 'the queue is full')
  }
  function forget(queue: Queue, key: string): void {
    queue.letters.delete(key)
    keep(key, null)
  }
  /** A failed write costs a duplicate or, after a crash, a letter: never a dispatch. The store's own failure is the engine's to notice. */
  function keep(key: string, value: string | null): void {
    bridge.registry.set(key, value).catch(() => undefined)
  }
  function tell(what: string, queue: Queue, letter: Letter, why: string): void {
    const about = { peer: queue.peer.name, webhookId: letter.id, status: letter.status, why, attempts: queue.attempts }
    bridge.note(what, about).catch(() => undefined)
  }

  function pump(queue: Queue): void {
    if (stopped || queue.sending !== null || queue.letters.size === 0) return
    queue.sending = sendFirst(queue).finally(() => {
      queue.sending = null
      if (queue.attempts === 0) pump(queue)
      else if (!stopped) world.at(`webhook.callback:${queue.peer.name}`, bridge.now() + waitMs(queue.attempts), () => pump(queue))
    })
  }
  function waitMs(attempts: number): number {
    const share = new DataView(world.random(4).slice().buffer).getUint32(0) / 2 ** 32
    return Math.min(firstWaitMs * 2 ** (attempts - 1), longestWaitMs) * (0.5 + share)
  }
  /** Leaves `attempts` at 0 when the first letter is done with, one way or the other. */
  async function sendFirst(queue: Queue): Promise<void> {
    const [key, letter] = queue.letters.entries().next().value!
    const fault = await post(queue.peer, letter)
    if (fault === undefined) {
      forget(queue, key)
      queue.attempts = 0
      return
    }
    queue.attempts++
    const isOld = bridge.now() - letter.sinceMs >= giveUpAfterMs
    // 410: the peer says that it wants no more of this (Standard Webhooks).
    if (!isOld && fault !== 'HTTP 410') return
    tell('webhook.callbackGivenUp', queue, letter, fault)
    forget(queue, key)
    queue.attempts = 0
  }
  async function post(peer: Peer, letter: Letter): Promise<string | undefined> {
    const { url, secret = peer.secrets[0]! } = peer.callback!
    const headers = { 'content-type': 'application/cloudevents+json', ...signedHeaders(secret, letter.id, bridge.now(), letter.body) }
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(answerWithinMs), stopping.signal])
      const response = await world.fetch(url, { method: 'POST', headers, body: letter.body, redirect: 'manual', signal })
      await response.body?.cancel()
      return response.status >= 200 && response.status < 300 ? undefined : `HTTP ${response.status}`
    } catch (error) {
      return error instanceof Error
        ? `${error.name}: ${(error.cause as Error | undefined)?.message ?? error.message}`.slice(0, 200)
        : 'unknown'
    }
  }

  return {
    received(event, at) {
      if (!queues.has(event.source.peer)) return
      receivedAt.set(markOf(event.id, event.revision), at)
      if (receivedAt.size > maxWaiting) receivedAt.delete(receivedAt.keys().next().value!)
    },
    async stop() {
      stopped = true
      unfollow()
      // What is cut off here is still durable and goes out again after the next start.
      stopping.abort()
      await Promise.all([...queues.values()].map(queue => queue.sending))
    },
  }
}

const keyOf = (peer: string, no: string): string => `webhook.out:${peer}:${no}`
const markOf = (id: string, revision: number): string => `${id}#${revision}`

/** Steps that come once; the engine may tell them again after a restart. */
const onceOnly = new Set(['received', 'accepted', 'declined', 'started', 'completed', 'cancelled'])

/** CloudEvents 1.0. The id follows from what is told, so that the same step told twice is seen to be the same. */
function letterOf(progress: Progress, status: string, at: Instant, version: number): Letter {
  const { event, verification } = progress
  const digest = createHash('sha256').update(JSON.stringify([event.id, event.revision, status, onceOnly.has(status) ? null : at]))
  const id = `msg_${digest.digest('hex').slice(0, 32)}`
  const figures =
    status === 'received'
      ? {}
      : { measuredW: whole(progress.measuredW), baselineW: whole(progress.baselineW), askedW: whole(progress.askedW) }
  const data = {
    id: event.upstreamRef,
    version,
    status,
    state: event.state,
    class: event.class,
    programme: event.programme,
    ...figures,
    ...(verification !== null && { verification: shownVerification(verification) }),
  }
  const envelope = {
    specversion: '1.0',
    id,
    source: '/gridbridge/dso',
    type: `energy.gridbridge.dispatch.${status}.v1`,
    subject: event.upstreamRef,
    time: new Date(at).toISOString(),
    datacontenttype: 'application/json',
    data,
  }
  return { id, status, body: JSON.stringify(envelope), sinceMs: at }
}
/** Watts and watt-hours without the noise of a sum of floats. */
const whole = (n: number | null): number | null => (n === null ? null : Math.round(n))
const share = (n: number | null): number | null => (n === null ? null : Math.round(n * 1e4) / 1e4)
const pence = (gbp: number): number => Math.round(gbp * 100) / 100
/** By how much a revision moved the delivery, and what it is worth; who it was is nobody else's business. */
const changedBy = ({ deliveredWh, chargers, gbp }: NonNullable<NonNullable<Progress['verification']>['changed']>) => ({
  ...{ deliveredWh: whole(deliveredWh), chargers },
  ...(gbp === undefined ? {} : { gbp: pence(gbp) }),
})
const shownVerification = (v: NonNullable<Progress['verification']>) => ({
  verdict: v.verdict,
  askedWh: whole(v.askedWh),
  baselineWh: whole(v.baselineWh),
  actualWh: whole(v.actualWh),
  deliveredWh: whole(v.deliveredWh),
  ratio: share(v.ratio),
  coverage: share(v.coverage),
  baselineRule: v.baselineRule,
  ...(v.measured ? { result: v.measured.result, lowWh: whole(v.measured.lowWh), highWh: whole(v.measured.highWh) } : {}),
  ...(v.unsettleable ? { unsettleable: v.unsettleable } : {}),
  ...(v.nomination ? { nomination: v.nomination } : {}),
  ...(v.weather ? { weather: v.weather } : {}),
  ...(v.control ? { control: v.control } : {}),
  ...(v.readings ? { readingsRoot: v.readings.root } : {}),
  verdictRevision: v.verdictRevision ?? 1,
  ...(v.gbp === undefined ? {} : { gbp: pence(v.gbp) }),
  ...(v.changed ? { changed: changedBy(v.changed) } : {}),
  ...(v.former
    ? { former: v.former.map(f => ({ ...f, askedWh: whole(f.askedWh), deliveredWh: whole(f.deliveredWh), ratio: share(f.ratio) })) }
    : {}),
})
