/** What differs between OCPP versions on our side of the wire. One implementation per version; the rest of the adapter does not ask which it is. */
import type { Central, Handlers } from './central.ts'
import type { Foreign } from './foreign.ts'
import type { ErrorCode, Payload } from './ocppj/frames.ts'
import type { Answer } from './ocppj/transport.ts'
import type { EvseLink, StationLink } from './station.ts'

export type Call = { readonly action: string; readonly payload: Payload }
export type Dialect = {
  readonly inbound: Handlers
  clear(profileId: number): Payload
  /** Null: nothing can be stopped, no transaction is known. */
  stop(evse: EvseLink): Call | null
  availability(evse: EvseLink, operative: boolean): Call
  measure(evse: EvseLink): Call
  /** Reads what the box can do into `link.capabilities`. */
  readCapabilities(central: Central, link: StationLink): Promise<void>
  /** Reads what others have set. Not called while something of ours may be on the box unless the version tells profiles apart. */
  readForeign(central: Central, link: StationLink, clean: boolean): Promise<Foreign | null>
  /** Has the box sample power and energy every `sampleS`, keeping each old value under `ocpp.key:`. */
  setSampling(central: Central, link: StationLink): Promise<void>
  /** One configuration value; null where the box has no such key or does not show it, undefined where it did not answer. */
  readKey(central: Central, link: StationLink, key: string): Promise<string | null | undefined>
  /** Accepted: the value acts now. Refused with `RebootRequired`: it will after a reboot. */
  writeKey(central: Central, link: StationLink, key: string, value: string, priority: number): Promise<Verdict>
}

export type Verdict =
  | { readonly kind: 'accepted' }
  /** `code`: the box's own words. */
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'unknown'; readonly cause: string }

/** CALLERRORs after which the box may or may not have acted, or would act if asked again: the rest are a no. */
const transient = new Set<ErrorCode | string>(['InternalError', 'GenericError', 'ProtocolError', 'RpcFrameworkError', 'SecurityError'])

/** What an answer to Set- or ClearChargingProfile means. A 2.0.1 reason code says more than the status; statuses are read in any letter case. */
export const verdictOf = (answer: Answer): Verdict => {
  switch (answer.kind) {
    case 'result': {
      const status = String(answer.payload['status'] ?? '')
      if (status === 'Accepted' || /^accepted$/i.test(status)) return { kind: 'accepted' }
      const info = answer.payload['statusInfo'] as Payload | undefined
      const reason = typeof info?.['reasonCode'] === 'string' ? (info['reasonCode'] as string) : ''
      if (reason === 'RateLimitExceeded') return { kind: 'unknown', cause: reason }
      if (status === '') return { kind: 'unknown', cause: 'answer without status' }
      return { kind: 'refused', code: (reason || status).slice(0, 40) }
    }
    case 'error':
      return transient.has(answer.code) ? { kind: 'unknown', cause: answer.code } : { kind: 'refused', code: answer.code.slice(0, 40) }
    case 'timeout':
      return { kind: 'unknown', cause: 'timeout' }
    case 'offline':
      return { kind: 'unknown', cause: 'offline' }
    case 'expired':
      return { kind: 'unknown', cause: 'expired' }
    case 'invalid':
      return { kind: 'refused', code: 'invalid frame' }
  }
}

export const accepted = (answer: Answer, also?: string): boolean =>
  answer.kind === 'result' && (answer.payload['status'] === 'Accepted' || (also !== undefined && answer.payload['status'] === also))
