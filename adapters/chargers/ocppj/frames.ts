/**
 * OCPP-J frames: arrays that begin with a type number (OCPP-J 1.6 §4.2, 2.0.1 part 4 §4.2).
 * Pure: text in, a tagged value out; nothing here throws.
 */

export type Protocol = 'ocpp1.6' | 'ocpp2.0.1'
/** Offered by us in this order of preference. */
export const protocols: readonly Protocol[] = ['ocpp2.0.1', 'ocpp1.6']

export type ErrorCode =
  | 'NotImplemented'
  | 'NotSupported'
  | 'InternalError'
  | 'ProtocolError'
  | 'SecurityError'
  | 'FormatViolation'
  | 'PropertyConstraintViolation'
  | 'OccurrenceConstraintViolation'
  | 'TypeConstraintViolation'
  | 'GenericError'
  | 'MessageTypeNotSupported'
  | 'RpcFrameworkError'

export type Payload = Readonly<Record<string, unknown>>
/** An answer that refuses: becomes a CALLERROR. */
export type Fault = { readonly fault: ErrorCode; readonly why: string }
export type Reply = Payload | Fault

export type Frame =
  | { readonly kind: 'call'; readonly id: string; readonly action: string; readonly payload: Payload }
  | { readonly kind: 'result'; readonly id: string; readonly payload: Payload }
  | { readonly kind: 'error'; readonly id: string; readonly code: string; readonly description: string }
  /** Some boxes send empty frames as a keep-alive. */
  | { readonly kind: 'empty' }
  /** `answer`: what to send back, null where the specification forbids or does not know an answer. */
  | { readonly kind: 'malformed'; readonly why: string; readonly answer: string | null }

export const isFault = (reply: Reply): reply is Fault => 'fault' in reply

const isObject = (value: unknown): value is Payload => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The printed 1.6 specification spells two codes differently from its own errata and from 2.0.1, and has fewer of them. */
const spelling16: Partial<Record<ErrorCode, string>> = {
  FormatViolation: 'FormationViolation',
  OccurrenceConstraintViolation: 'OccurenceConstraintViolation',
  RpcFrameworkError: 'ProtocolError',
  MessageTypeNotSupported: 'NotSupported',
}
export const spell = (code: ErrorCode, protocol: Protocol): string => (protocol === 'ocpp1.6' ? (spelling16[code] ?? code) : code)

const known = new Map<string, string>([
  ['formationviolation', 'FormatViolation'],
  ['occurenceconstraintviolation', 'OccurrenceConstraintViolation'],
])
for (const code of [
  'NotImplemented',
  'NotSupported',
  'InternalError',
  'ProtocolError',
  'SecurityError',
  'FormatViolation',
  'PropertyConstraintViolation',
  'OccurrenceConstraintViolation',
  'TypeConstraintViolation',
  'GenericError',
  'MessageTypeNotSupported',
  'RpcFrameworkError',
])
  known.set(code.toLowerCase(), code)
/** A CALLERROR code in one spelling, whichever of the printed ones the box uses; an unknown one is kept as it is. */
export const normaliseCode = (code: string): string => known.get(code.toLowerCase()) ?? code

/** `id` and `action` are our own and need no escaping. */
export const callFrame = (id: string, action: string, payload: Payload): string => `[2,"${id}","${action}",${JSON.stringify(payload)}]`

export const replyFrame = (id: string, reply: Reply, protocol: Protocol): string =>
  isFault(reply)
    ? JSON.stringify([4, id, spell(reply.fault, protocol), reply.why.slice(0, 255), {}])
    : `[3,${JSON.stringify(id)},${JSON.stringify(reply)}]`

/**
 * Reads one text frame. 2.0.1 answers what cannot be read with id "-1" (part 4 §4.2.3); 1.6 has no such rule and says that an unknown type number
 * shall be ignored, so on 1.6 only a CALL whose id can be read is answered.
 */
export const readFrame = (text: string, protocol: Protocol): Frame => {
  if (text.length === 0) return { kind: 'empty' }
  const refuse = (why: string, id: string | null, code: ErrorCode): Frame => ({
    kind: 'malformed',
    why,
    answer: id === null && protocol === 'ocpp1.6' ? null : replyFrame(id ?? '-1', { fault: code, why }, protocol),
  })
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return text.trim() === '' ? { kind: 'empty' } : refuse('not JSON', null, 'RpcFrameworkError')
  }
  if (!Array.isArray(frame)) return refuse('not an array', null, 'RpcFrameworkError')
  const [type, id] = frame as unknown[]
  const readable = typeof id === 'string' && id !== ''
  if (type === 3) {
    if (!readable) return { kind: 'malformed', why: 'CALLRESULT without an id', answer: null }
    return { kind: 'result', id, payload: isObject(frame[2]) ? frame[2] : {} }
  }
  if (type === 4) {
    if (!readable) return { kind: 'malformed', why: 'CALLERROR without an id', answer: null }
    return {
      kind: 'error',
      id,
      code: normaliseCode(typeof frame[2] === 'string' ? frame[2] : 'GenericError'),
      description: typeof frame[3] === 'string' ? frame[3] : '',
    }
  }
  if (type !== 2) {
    if (protocol === 'ocpp1.6') return { kind: 'malformed', why: 'unknown message type', answer: null }
    return refuse('unknown message type', readable ? id : null, 'MessageTypeNotSupported')
  }
  if (!readable) return refuse('CALL without an id', null, 'RpcFrameworkError')
  const [, , action, payload] = frame as unknown[]
  if (typeof action !== 'string' || action === '') return refuse('CALL without an action', id, 'RpcFrameworkError')
  // Some boxes leave out an empty payload or send null for it.
  if (payload === undefined || payload === null) return { kind: 'call', id, action, payload: {} }
  if (!isObject(payload)) return refuse('payload is not an object', id, 'FormatViolation')
  return { kind: 'call', id, action, payload }
}
