// The messages of OpenADR 2.0b: `parse` and `format`, both pure. Everything else of this adapter speaks these types.
import { type EventMessage, eventBody, eventParsers } from './event.ts'
import { type RegistrationMessage, registrationBody, registrationParsers } from './registration.ts'
import { type ReportMessage, reportBody, reportParsers } from './report.ts'
import { child, type El, NS, type Out, out, parseXml, WireError, writeXml } from './xml.ts'

/** A legal 2.0b message that we know by name only (EiOpt so far). */
export type OtherMessage = { readonly kind: 'other'; readonly name: string }
export type KnownMessage = RegistrationMessage | EventMessage | ReportMessage
export type Message = KnownMessage | OtherMessage

const parsers: Readonly<Record<string, (el: El) => KnownMessage>> = { ...registrationParsers, ...eventParsers, ...reportParsers }
const OTHERS = ['oadrCreateOpt', 'oadrCreatedOpt', 'oadrCancelOpt', 'oadrCanceledOpt']

/**
 * Read a message. Accepts any prefixes, a Signature before oadrSignedObject (skipped: it is not verified here), and messages
 * without the oadrPayload wrapper. Throws WireError if the message as a whole cannot be read; a bad event inside an
 * oadrDistributeEvent is an entry of its own instead.
 */
export const parse = (xml: string | Uint8Array): Message => {
  const el = messageOf(parseXml(xml))
  const parser = Object.hasOwn(parsers, el.name) ? parsers[el.name] : undefined
  if (el.ns !== NS.oadr || (!parser && !OTHERS.includes(el.name))) throw new WireError('notOpenAdr', el.path, `{${el.ns}}${el.name}`)
  return parser ? parser(el) : { kind: 'other', name: el.name }
}

const messageOf = (root: El): El => {
  if (root.name !== 'oadrPayload') return root
  const signed = child(root, 'oadr', 'oadrSignedObject')
  const only = signed?.children[0]
  if (!only) throw new WireError('notOpenAdr', signed?.path ?? root.path, 'no message')
  return only
}

/** Write a message with our fixed prefixes; valid against the 2.0b schema. */
export const format = (message: KnownMessage): string =>
  writeXml(
    out('oadr:oadrPayload', [
      out('oadr:oadrSignedObject', [out(`oadr:${message.kind}`, bodyOf(message), { 'ei:schemaVersion': '2.0b' })], {
        'oadr:Id': 'oadrSignedObject',
      }),
    ]),
  )

const bodyOf = (m: KnownMessage): readonly (Out | undefined)[] => {
  if (m.kind in registrationParsers) return registrationBody(m as RegistrationMessage)
  if (m.kind in eventParsers) return eventBody(m as EventMessage)
  return reportBody(m as ReportMessage)
}

export type * from './event.ts'
export type * from './registration.ts'
export type * from './report.ts'
