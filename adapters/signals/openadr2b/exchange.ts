// One request and its answer, read. What is wrong with the VTN becomes one of two exceptions; everything else is a value.
import type { Bridge } from '../../../src/ports.ts'
import type { Service, Transport } from './http.ts'
import { format, type KnownMessage, type Message, parse } from './messages.ts'
import type { EiResponse } from './parts.ts'
import { WireError } from './xml.ts'

export type Heard = { readonly message: Message; readonly raw: Uint8Array; readonly credential: string }

/** No usable answer for now: back off and come again, not before `waitMs` if given. What was sent may have been received. */
export class Unreachable extends Error {
  readonly waitMs: number | undefined
  constructor(why: string, waitMs?: number) {
    super(why)
    this.waitMs = waitMs
  }
}
/** The record cannot be written, so nothing can be taken on: back off. What is fatal in it ends the process by the engine's own hand. */
export const isNotRecorded = (error: unknown): boolean => {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && !code.startsWith('ERR_')
}
/** The VTN does not know us (any more): register from the beginning [R517]. */
export class NotRegistered extends Error {}

export type Exchange = ReturnType<typeof createExchange>

const BEFORE_REGISTRATION: readonly string[] = ['oadrQueryRegistration', 'oadrCreatePartyRegistration']

/** Notes the same thing about the same subject once, until it changes: what a VTN repeats at every poll must not fill the record. */
export const noteChanges = (bridge: Bridge) => {
  const last = new Map<string, string>()
  return async (subject: string, what: string, about: Parameters<Bridge['note']>[1], raw?: Uint8Array): Promise<void> => {
    const content = JSON.stringify([what, about])
    if (last.get(subject) === content) return
    await bridge.note(what, about, raw)
    last.delete(subject)
    last.set(subject, content)
    const oldest = last.keys().next().value
    if (last.size > SUBJECTS_MOST && oldest !== undefined) last.delete(oldest)
  }
}
const SUBJECTS_MOST = 1_000

export const createExchange = (peer: string, transport: Transport, bridge: Bridge, silentMs: () => number) => {
  let lastError = ''
  const once = noteChanges(bridge)

  const read = async (body: Buffer): Promise<Message> => {
    try {
      return parse(body)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      // The value can be anything, an address too: it is in the evidence, never in a leaf.
      await once('badMessage', 'openadr2b.badMessage', { peer, code: error.code, path: error.path }, body)
      throw new Unreachable(`${error.code} at ${error.path || '/'}`)
    }
  }

  /** `refused`: the VTN will never take this message, so it must not be sent again unchanged (406 and the like); noted. */
  const exchange = async (service: Service, message: KnownMessage): Promise<Heard | 'refused'> => {
    const answer = await transport.post(service, format(message))
    if (answer.kind === 'failed') throw new Unreachable(answer.why, answer.quiesceMs)
    if (answer.kind === 'refused') {
      await bridge.note('openadr2b.refusedByVtn', { peer, message: message.kind, status: answer.status })
      return 'refused'
    }
    const heard: Heard = { message: await read(answer.body), raw: answer.body, credential: answer.credential }
    bridge.heard('openadr2b', peer, bridge.now(), silentMs())
    const code = 'response' in heard.message ? heard.message.response?.code : undefined
    // Before a registration 463 is no news; the optional query is then answered by nothing.
    if (code === '463' && !BEFORE_REGISTRATION.includes(message.kind)) throw new NotRegistered()
    return heard
  }

  return {
    exchange,
    must: async (service: Service, message: KnownMessage): Promise<Heard> => {
      const heard = await exchange(service, message)
      if (heard === 'refused') throw new Unreachable(`${message.kind} refused`)
      return heard
    },
    /** Once for as long as it stays the same: a VTN that answers every poll with an error must not fill the record. */
    noteError: async (about: string, response: EiResponse): Promise<void> => {
      const error = response.code.startsWith('2') ? '' : `${about} ${response.code}`
      if (error && error !== lastError) {
        // What the VTN says in words is evidence, not a leaf.
        await bridge.note('openadr2b.vtnError', { peer, about, code: response.code }, Buffer.from(response.description ?? ''))
      }
      lastError = error
    },
  }
}
