// The life of events: what an oadrDistributeEvent means for what is known, what is submitted, and what is answered.
import { createHash } from 'node:crypto'
import type { Decline, GridEvent, Target } from '../../../src/core/model.ts'
import type { Bridge, Judgement } from '../../../src/ports.ts'
import type { BadEvent, CreatedEvent, DistributeEvent, EventEntry, EventResponse, Oadr20bEvent, OptType } from './event.ts'
import { noteChanges } from './exchange.ts'
import type { Known, KnownEvent } from './known.ts'
import type { Market } from './options.ts'
import { eventIdOf, fromNowOn, toGridEvent } from './toGridEvent.ts'

export type JudgeOptions = {
  readonly bridge: Bridge
  readonly known: Known
  readonly peer: string
  readonly markets: readonly Market[]
  readonly fleet: () => readonly Target[]
  readonly silentAfterS: () => number
}
type Verdict = { readonly code: string; readonly description: string; readonly optType: OptType }
type Message = { readonly requestID: string; readonly raw: Uint8Array; readonly rawHash: string; readonly credential: string }

const OK: Verdict = { code: '200', description: 'OK', optType: 'optIn' }
/** Kept after its end, so that a VTN that lists it a little longer gets the same answer. */
const KEEP_MS = 24 * 3_600_000

/** A decision of ours not to take part is no error: 200 with optOut. What cannot be served here at all is 469 (deployment). */
const DECLINED: Readonly<Record<Decline, string>> = {
  notice: '200',
  duration: '200',
  nobody: '200',
  past: '200',
  ramp: '200',
  superseded: '450',
  conflict: '450',
  unknownProgramme: '469',
  unmapped: '469',
}
const verdictOf = (j: Judgement): Verdict =>
  j.kind === 'accepted' ? OK : { code: DECLINED[j.why], description: `declined: ${j.why}`, optType: 'optOut' }

export type Judge = ReturnType<typeof createJudge>

export const createJudge = ({ bridge, known, peer, markets, fleet, silentAfterS }: JudgeOptions) => {
  const once = noteChanges(bridge)

  /** The engine takes a higher revision only; modification numbers alone cannot say "no longer listed" and "listed again". */
  const nextRevision = (eventID: string, atLeast: number): number =>
    Math.max(atLeast, (bridge.event(eventIdOf(peer, eventID))?.revision ?? -1) + 1, (known.event(eventID)?.submitted?.revision ?? -1) + 1)

  /** A signal that does not fit an entry of the log is the peer's to mend, not ours to die of. */
  const submit = async (event: GridEvent, m: Message): Promise<Judgement | 'tooLarge'> => {
    try {
      return await bridge.submit(event, m.raw)
    } catch (error) {
      if (error instanceof RangeError) return 'tooLarge'
      throw error
    }
  }

  const stop = async (event: KnownEvent, m: Message): Promise<GridEvent | null> => {
    if (!event.submitted || event.submitted.intervals.length === 0) return event.submitted
    const cancelled: GridEvent = { ...event.submitted, revision: nextRevision(event.eventID, 0), intervals: [], rawHash: m.rawHash }
    await bridge.submit(cancelled, m.raw)
    return cancelled
  }

  const cancel = async (event: KnownEvent, how: 'explicitly' | 'implied', m: Message, modificationNumber: number): Promise<void> => {
    const submitted = await stop(event, m)
    await known.remember({ ...event, submitted, cancelled: how, modificationNumber, ...OK, requestID: m.requestID })
  }

  /** New, changed, or listed again after an implied cancel. */
  const take = async (event: Oadr20bEvent, before: KnownEvent | undefined, m: Message, venID: string): Promise<Verdict> => {
    const mapped = toGridEvent(event, {
      peer,
      credential: m.credential,
      venID,
      markets,
      fleet: fleet(),
      resolve: (scheme, value) => bridge.registry.resolve(scheme, value),
      revision: nextRevision(event.eventID, event.modificationNumber),
      rawHash: m.rawHash,
      silentAfterS: silentAfterS(),
    })
    let verdict: Verdict
    let submitted: GridEvent | null = null
    if (mapped.kind === 'event') {
      const current = fromNowOn(mapped.event, before?.submitted, Math.floor(bridge.now() / 1000))
      const judgement = await submit(current, m)
      if (judgement === 'tooLarge') {
        if (before) submitted = await stop(before, m)
        verdict = { code: '469', description: 'more intervals or targets than can be recorded here', optType: 'optOut' }
        await bridge.note('openadr2b.tooLarge', { peer, eventID: event.eventID, intervals: mapped.event.intervals.length }, m.raw)
      } else {
        verdict = verdictOf(judgement)
        submitted = current
      }
      if (mapped.unknownTargets.length > 0) {
        verdict = { ...verdict, description: `${verdict.description}; not known here: ${mapped.unknownTargets.join(', ')}`.slice(0, 500) }
        // Targets can be meter points of homes: their names are in the evidence of the event, here is how many.
        await bridge.note('openadr2b.unknownTargets', { peer, eventID: event.eventID, count: mapped.unknownTargets.length })
      }
    } else {
      // What we leave must not go on in its older form.
      if (before) submitted = await stop(before, m)
      verdict =
        mapped.kind === 'recorded'
          ? { code: '200', description: mapped.why, optType: mapped.opt }
          : { code: mapped.code, description: [mapped.why, mapped.names].filter(Boolean).join(': ').slice(0, 500), optType: 'optOut' }
      await bridge.note(`openadr2b.${mapped.kind}`, { peer, eventID: event.eventID, code: verdict.code, why: mapped.why }, m.raw)
    }
    const { dtstartMs, durationS, startafterS = 0, recoveryS = 0 } = event.activePeriod
    await known.remember({
      eventID: event.eventID,
      modificationNumber: event.modificationNumber,
      ...verdict,
      responseRequired: event.responseRequired,
      requestID: m.requestID,
      cancelled: 'no',
      durationS,
      overMs: durationS === 0 ? null : dtstartMs + (durationS + startafterS + Math.max(0, recoveryS)) * 1000,
      submitted,
    })
    return verdict
  }

  const judge = async (event: Oadr20bEvent, m: Message, venID: string): Promise<Verdict> => {
    const before = known.event(event.eventID)
    const lower: Verdict = {
      code: '450',
      description: `modification ${event.modificationNumber} after ${before?.modificationNumber}`,
      optType: 'optOut',
    }
    if (before && event.modificationNumber < before.modificationNumber) return lower // [R58]
    if (event.status === 'cancelled') {
      // Cancelled and unknown: ignored, answered all the same, and no error [R21, R60].
      if (before && before.cancelled !== 'explicitly') await cancel(before, 'explicitly', m, event.modificationNumber)
      return OK
    }
    if (before && event.modificationNumber === before.modificationNumber) {
      if (before.cancelled === 'explicitly') return lower
      // Status, currentValue and createdDateTime may change without notice: nothing new to do [R4].
      if (before.cancelled === 'no') return before
    }
    return take(event, before, m, venID)
  }

  const judgeBad = async (bad: BadEvent, m: Message): Promise<Verdict> => {
    const about = { peer, eventID: bad.eventID ?? null, code: bad.error.code, path: bad.error.path }
    await once(`bad ${bad.eventID}`, 'openadr2b.badEvent', about, m.raw)
    const before = bad.eventID === undefined ? undefined : known.event(bad.eventID)
    if (bad.cancelled && before?.cancelled === 'no')
      await cancel(before, 'explicitly', m, bad.modificationNumber ?? before.modificationNumber)
    return { code: '454', description: `${bad.error.code} at ${bad.error.path}`, optType: 'optOut' }
  }

  const judgeEntry = async (entry: EventEntry, m: Message, venID: string): Promise<EventResponse | undefined> => {
    const verdict = entry.ok ? await judge(entry.event, m, venID) : await judgeBad(entry, m)
    const { eventID, modificationNumber, responseRequired } = entry.ok ? entry.event : entry
    if (responseRequired === 'never' || eventID === undefined) return undefined // [R12]
    const { code, description, optType } = verdict
    return { code, description, requestID: m.requestID, eventID, modificationNumber: modificationNumber ?? 0, optType }
  }

  /** Known and no longer listed: cancelled without a word [R61]. Not for events that are over. */
  const cancelUnlisted = async (entries: readonly EventEntry[], m: Message): Promise<void> => {
    const ids = entries.map(e => (e.ok ? e.event.eventID : e.eventID))
    // One event without a legible name could be any of ours.
    if (ids.includes(undefined)) return
    for (const event of known.events()) {
      if (ids.includes(event.eventID)) continue
      const over = event.overMs !== null && event.overMs <= bridge.now()
      if (event.cancelled === 'no' && !over) await cancel(event, 'implied', m, event.modificationNumber)
      const idleMs = event.overMs === null ? (event.cancelled === 'no' ? 0 : Number.POSITIVE_INFINITY) : bridge.now() - event.overMs
      if (idleMs > KEEP_MS) await known.forget(event.eventID)
    }
  }

  return {
    /** Answers to send, or undefined when nothing may be answered. Events are judged one after another, in the order of the message. */
    distribute: async (
      message: DistributeEvent,
      raw: Uint8Array,
      credential: string,
      who: { readonly venID: string; readonly vtnID: string },
    ): Promise<CreatedEvent | undefined> => {
      const whole = (code: string, description: string): CreatedEvent => ({
        kind: 'oadrCreatedEvent',
        response: { code, description, requestID: '' },
        eventResponses: [],
        venID: who.venID,
      })
      if (message.vtnID !== who.vtnID) {
        await once('wrongVtn', 'openadr2b.wrongVtn', { peer, expected: who.vtnID }, raw)
        return whole('452', `vtnID is not ${who.vtnID}`)
      }
      // An answer that reports an error lists nothing; taking it as an empty list would cancel everything.
      if (message.response && !message.response.code.startsWith('2')) {
        await once('vtnError', 'openadr2b.vtnError', { peer, about: 'events', code: message.response.code }, raw)
        return undefined
      }
      const m: Message = { requestID: message.requestID, raw, rawHash: createHash('sha256').update(raw).digest('hex'), credential }
      const eventResponses: EventResponse[] = []
      for (const entry of message.events) {
        const answer = await judgeEntry(entry, m, who.venID)
        if (answer) eventResponses.push(answer)
      }
      await cancelUnlisted(message.events, m)
      return eventResponses.length > 0 ? { ...whole('200', 'OK'), eventResponses } : undefined
    },
    /** The registration is gone, and with it everything it brought [R407]. */
    cancelAll: async (raw: Uint8Array, credential: string): Promise<void> => {
      const m: Message = { requestID: '', raw, rawHash: createHash('sha256').update(raw).digest('hex'), credential }
      for (const event of known.events()) {
        if (event.cancelled === 'no') await stop(event, m)
        await known.forget(event.eventID)
      }
    },
    /** We left an event that the VTN still has: it is told, unless it wants no answers. */
    left: async (upstreamRef: string, why: string): Promise<EventResponse | undefined> => {
      const event = known.event(upstreamRef)
      if (event?.cancelled !== 'no' || event.optType === 'optOut') return undefined
      // We ended it ourselves, because its newest form asks for nothing.
      if (!event.submitted || event.submitted.intervals.length === 0) return undefined
      const changed: KnownEvent = { ...event, code: '200', description: why, optType: 'optOut' }
      await known.remember(changed)
      if (event.responseRequired === 'never') return undefined
      return {
        code: '200',
        description: why,
        requestID: event.requestID,
        eventID: event.eventID,
        modificationNumber: event.modificationNumber,
        optType: 'optOut',
      }
    },
  }
}
