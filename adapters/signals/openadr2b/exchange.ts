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
/** The VTN does not know us (any more): register from the beginning [R517]. */
export class NotRegistered extends Error {}

export type Exchange = ReturnType<typeof createExchange>

export const createExchange = (peer: string, transport: Transport, bridge: Bridge, silentMs: () => number) => {
  let lastError = ''

  const read = async (body: Buffer): Promise<Message> => {
    try {
      return parse(body)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      await bridge.note('openadr2b.badMessage', { peer, code: error.code, path: error.path, value: error.value }, body)
      throw new Unreachable(error.message)
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
    if (code === '463' && message.kind !== 'oadrCreatePartyRegistration') throw new NotRegistered()
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
        await bridge.note('openadr2b.vtnError', { peer, about, code: response.code, description: response.description ?? '' })
      }
      lastError = error
    },
  }
}
