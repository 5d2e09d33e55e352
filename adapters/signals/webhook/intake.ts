import { createHash } from 'node:crypto'
import type { GridEvent, Instant, Second } from '../../../src/core/model.ts'
import { NEVER_S } from '../../../src/core/model.ts'
import type { Bridge, Judgement } from '../../../src/ports.ts'
import type { DispatchMessage } from './message.ts'
import type { Peer } from './options.ts'
import { eventId, type ParseContext, readMessage, toEvent } from './parse.ts'
import { type Answer, type DispatchError, failure, json, problem } from './problem.ts'
import { type Seen, seenStore } from './seen.ts'

/** A message whose signature was right. */
export type Signed = { readonly peer: Peer; readonly credential: string; readonly raw: Buffer; readonly receivedMs: Instant }
export type Intake = {
  dispatch(signed: Signed): Promise<Answer>
  status(peer: Peer, id: string): Answer
}

/**
 * Dispatches in, answers out; knows nothing of HTTP but its status numbers. The order of effects is the promise to the sender: first the
 * intention is durable, then the event is in the journal, then the answer is durable, then it is given. A failure between any two of them
 * answers 503, and the retry finds its way from what is durable.
 */
export function intake(bridge: Bridge, onReceived: (event: GridEvent, at: Instant) => void, publicUrl: string): Intake {
  const seen = seenStore(bridge.registry)
  const inTurn = serialiser()

  async function dispatch(signed: Signed): Promise<Answer> {
    const read = readMessage(signed.raw)
    if ('error' in read) return refuse(signed, read.error, null)
    return inTurn(`${signed.peer.name}:${read.ok.id}`, () => judge(signed, read.ok))
  }

  async function judge(signed: Signed, message: DispatchMessage): Promise<Answer> {
    const bodyHash = createHash('sha256').update(signed.raw).digest('hex')
    const before = seen.get(signed.peer.name, message.id)
    if (before !== undefined && message.version <= before.version) {
      const extra = { id: message.id, version: message.version, currentVersion: before.version }
      if (message.version < before.version)
        return refuse(
          signed,
          failure('version-old', `version ${before.version} is in force`, { pointer: '/version', value: message.version, extra }),
          message,
        )
      if (bodyHash !== before.bodyHash)
        return refuse(
          signed,
          failure('version-conflict', 'send a changed dispatch with a higher version', {
            pointer: '/version',
            value: message.version,
            extra,
          }),
          message,
        )
      if (before.answer !== null) return { ...before.answer, headers: { ...before.answer.headers, 'idempotent-replay': 'true' } }
    }
    const again = before?.version === message.version ? before.event : null
    const event = again === null ? toEvent(message, contextOf(signed, bodyHash, before?.event ?? undefined)) : { ok: again }
    if ('error' in event) return refuseWithMeaning(signed, message, bodyHash, event.error)
    return take(signed, message, again === null && before ? above(event.ok) : event.ok, before)
  }

  /** An operator's cancel here took a revision that the peer knows nothing of: its next version must be above that too, or it would be no news. */
  const above = (event: GridEvent): GridEvent => ({
    ...event,
    revision: Math.max(event.revision, (bridge.event(event.id)?.revision ?? -1) + 1),
  })

  async function take(signed: Signed, message: DispatchMessage, event: GridEvent, before: Seen | undefined): Promise<Answer> {
    const record: Seen = {
      version: message.version,
      bodyHash: event.rawHash,
      answer: null,
      event,
      receivedS: Math.floor(signed.receivedMs / 1000),
    }
    onReceived(event, signed.receivedMs)
    // Begun in this order and awaited together: an emergency does not wait for one disk write after the other.
    const [, judgement] = await Promise.all([seen.set(signed.peer.name, message.id, record), submit(event, signed.raw)])
    if (judgement === 'tooLarge') {
      await seen.set(signed.peer.name, message.id, before ?? null)
      return refuse(signed, failure('too-large-to-record', 'name fewer targets, or a node above them', { pointer: '/target' }), message)
    }
    const answer = answerOf(message, event, judgement)
    await seen.set(signed.peer.name, message.id, { ...record, answer })
    return answer
  }

  /** What does not fit an entry of the log never will: the peer must not send it again and again. */
  async function submit(event: GridEvent, raw: Buffer): Promise<Judgement | 'tooLarge'> {
    try {
      return await bridge.submit(event, raw)
    } catch (error) {
      if (error instanceof RangeError) return 'tooLarge'
      throw error
    }
  }

  function answerOf(message: DispatchMessage, event: GridEvent, judgement: Judgement): Answer {
    const { id, version } = message
    const statusUrl = `${publicUrl}/dso/v1/dispatch/${id}`
    // A repeated submit of what is already in force is no refusal: the first one worked and only its answer was lost.
    const view = bridge.event(event.id)
    const inForce =
      judgement.kind === 'declined' && judgement.why === 'superseded' && view?.revision === event.revision && view.state !== 'declined'
    if (judgement.kind === 'declined' && !inForce)
      return problem(failure('declined', declineTexts[judgement.why], { extra: { id, version, why: judgement.why, statusUrl } }))
    const counts =
      judgement.kind === 'accepted' ? { usable: judgement.usable, excluded: judgement.excluded } : { usable: null, excluded: null }
    return json(202, { id, version, status: 'accepted', ...counts, test: event.test, ...spanOf(event), statusUrl })
  }

  /**
   * Understood but not possible. Noted, and not kept as answered, because the cause may be ours (a feeder not imported yet) and the same message
   * may be right tomorrow. A stop of nothing is kept: should its dispatch arrive after it, that one is the older version.
   */
  async function refuseWithMeaning(signed: Signed, message: DispatchMessage, bodyHash: string, error: DispatchError): Promise<Answer> {
    const answer = await refuse(signed, error, message)
    if (error.code === 'nothing-to-stop') {
      const receivedS = Math.floor(signed.receivedMs / 1000)
      await seen.set(signed.peer.name, message.id, { version: message.version, bodyHash, answer, event: null, receivedS })
    }
    return answer
  }

  async function refuse(signed: Signed, error: DispatchError, message: DispatchMessage | null): Promise<Answer> {
    // Where, not what: words of the body may be personal, and a leaf stays for ever. The bytes are kept as evidence.
    const about = { peer: signed.peer.name, code: error.code, pointer: error.pointer ?? null }
    await bridge.note('webhook.refused', { ...about, id: message?.id ?? null, version: message?.version ?? null }, signed.raw)
    return problem(error)
  }

  function contextOf(signed: Signed, rawHash: string, previous: GridEvent | undefined): ParseContext {
    const { registry } = bridge
    return {
      peer: signed.peer,
      credential: signed.credential,
      rawHash,
      nowMs: signed.receivedMs,
      resolve: (scheme, value) => registry.resolve(scheme, value),
      node: no => registry.node(no),
      station: charger => registry.charger(charger)?.station.no,
      previous,
    }
  }

  function status(peer: Peer, id: string): Answer {
    const [record, view] = [seen.get(peer.name, id), bridge.event(eventId(peer.name, id))]
    if (record === undefined && view === undefined) return problem(failure('unknown-dispatch', `"${id}" is not known`))
    const version = record?.version ?? view!.revision
    const answered = record?.answer?.status ?? null
    return json(200, {
      id,
      version,
      state: view?.state ?? (answered === 422 ? 'declined' : 'unknown'),
      ...(view && spanOf(view)),
      answered,
    })
  }
  return { dispatch, status }
}

const declineTexts: Record<Extract<Judgement, { kind: 'declined' }>['why'], string> = {
  notice: 'the notice is shorter than the programme requires',
  duration: 'it is longer than the programme allows',
  unknownProgramme: 'the programme is not known here',
  nobody: 'no charger under the targets may be used',
  superseded: 'a higher version is known',
  conflict: 'this version is known with another content',
  past: 'it is over',
  unmapped: 'it cannot be mapped to a demand',
  ramp: 'its start cannot be spread so far that the network stays within its bound per minute',
}

const rfc3339 = (atS: Second): string => new Date(atS * 1000).toISOString()
function spanOf(event: GridEvent | { fromS: Second; toS: Second }): { from: string; until: string } | Record<string, never> {
  const [fromS, toS] = 'intervals' in event ? [event.intervals[0]?.fromS, event.intervals.at(-1)?.toS] : [event.fromS, event.toS]
  if (fromS === undefined || toS === undefined) return {}
  return { from: rfc3339(fromS), until: toS === NEVER_S ? 'stopped' : rfc3339(toS) }
}

/** Runs jobs of one key one after the other: two copies of a dispatch that arrive together must meet the same record. */
function serialiser(): <T>(key: string, job: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (key, job) => {
    const mine = (last.get(key) ?? Promise.resolve()).then(job, job)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
