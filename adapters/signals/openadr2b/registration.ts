// EiRegisterParty, OadrPoll and the plain oadrResponse.
import { type EiResponse, outResponse, responseOf } from './parts.ts'
import { booleanOf, durationOf, formatDuration, optional, required } from './values.ts'
import { child, children, type El, maybe, need, needText, type Out, out, text } from './xml.ts'

export type Profile = { readonly name: string; readonly transports: readonly string[] }
export type QueryRegistration = { readonly kind: 'oadrQueryRegistration'; readonly requestID: string }
/** IDs are absent on a first registration unless preconfigured; both are there on a re-registration [R402]. */
export type CreatePartyRegistration = {
  readonly kind: 'oadrCreatePartyRegistration'
  readonly requestID: string
  readonly registrationID?: string | undefined
  readonly venID?: string | undefined
  readonly profile: string
  readonly transport: string
  readonly transportAddress?: string | undefined
  readonly reportOnly: boolean
  readonly xmlSignature: boolean
  readonly venName?: string | undefined
  readonly httpPullModel?: boolean | undefined
}
/** Also the answer to a query, then without IDs unless already registered. `pollFreqS` is required for pull [R403]. */
export type CreatedPartyRegistration = {
  readonly kind: 'oadrCreatedPartyRegistration'
  readonly response: EiResponse
  readonly registrationID?: string | undefined
  readonly venID?: string | undefined
  readonly vtnID: string
  readonly profiles: readonly Profile[]
  readonly pollFreqS?: number | undefined
}
export type RequestReregistration = { readonly kind: 'oadrRequestReregistration'; readonly venID: string }
export type CancelPartyRegistration = {
  readonly kind: 'oadrCancelPartyRegistration'
  readonly requestID: string
  readonly registrationID: string
  readonly venID?: string | undefined
}
export type CanceledPartyRegistration = {
  readonly kind: 'oadrCanceledPartyRegistration'
  readonly response: EiResponse
  readonly registrationID?: string | undefined
  readonly venID?: string | undefined
}
export type Poll = { readonly kind: 'oadrPoll'; readonly venID: string }
export type Response = { readonly kind: 'oadrResponse'; readonly response: EiResponse; readonly venID?: string | undefined }

export type RegistrationMessage =
  | QueryRegistration
  | CreatePartyRegistration
  | CreatedPartyRegistration
  | RequestReregistration
  | CancelPartyRegistration
  | CanceledPartyRegistration
  | Poll
  | Response

const registrationOf = (el: El) => ({ registrationID: text(el, 'ei', 'registrationID'), venID: text(el, 'ei', 'venID') })

export const registrationParsers: { readonly [K in RegistrationMessage['kind']]: (el: El) => Extract<RegistrationMessage, { kind: K }> } = {
  oadrQueryRegistration: el => ({ kind: 'oadrQueryRegistration', requestID: needText(el, 'pyld', 'requestID') }),
  oadrCreatePartyRegistration: el => ({
    kind: 'oadrCreatePartyRegistration',
    requestID: needText(el, 'pyld', 'requestID'),
    ...registrationOf(el),
    profile: needText(el, 'oadr', 'oadrProfileName'),
    transport: needText(el, 'oadr', 'oadrTransportName'),
    transportAddress: text(el, 'oadr', 'oadrTransportAddress'),
    reportOnly: required(el, 'oadr', 'oadrReportOnly', booleanOf),
    xmlSignature: required(el, 'oadr', 'oadrXmlSignature', booleanOf),
    venName: text(el, 'oadr', 'oadrVenName'),
    httpPullModel: optional(el, 'oadr', 'oadrHttpPullModel', booleanOf),
  }),
  oadrCreatedPartyRegistration: el => ({
    kind: 'oadrCreatedPartyRegistration',
    response: responseOf(el),
    ...registrationOf(el),
    vtnID: needText(el, 'ei', 'vtnID'),
    profiles: children(child(el, 'oadr', 'oadrProfiles'), 'oadr', 'oadrProfile').map(p => ({
      name: needText(p, 'oadr', 'oadrProfileName'),
      transports: children(need(p, 'oadr', 'oadrTransports'), 'oadr', 'oadrTransport').map(t => needText(t, 'oadr', 'oadrTransportName')),
    })),
    pollFreqS: optional(el, 'oadr', 'oadrRequestedOadrPollFreq', durationOf),
  }),
  oadrRequestReregistration: el => ({ kind: 'oadrRequestReregistration', venID: needText(el, 'ei', 'venID') }),
  oadrCancelPartyRegistration: el => ({
    kind: 'oadrCancelPartyRegistration',
    requestID: needText(el, 'pyld', 'requestID'),
    registrationID: needText(el, 'ei', 'registrationID'),
    venID: text(el, 'ei', 'venID'),
  }),
  oadrCanceledPartyRegistration: el => ({ kind: 'oadrCanceledPartyRegistration', response: responseOf(el), ...registrationOf(el) }),
  oadrPoll: el => ({ kind: 'oadrPoll', venID: needText(el, 'ei', 'venID') }),
  oadrResponse: el => ({ kind: 'oadrResponse', response: responseOf(el), venID: text(el, 'ei', 'venID') }),
}

/** Children of the message element, in the order of the schema. */
export const registrationBody = (m: RegistrationMessage): readonly (Out | undefined)[] => {
  switch (m.kind) {
    case 'oadrQueryRegistration':
      return [out('pyld:requestID', m.requestID)]
    case 'oadrCreatePartyRegistration':
      return [
        out('pyld:requestID', m.requestID),
        maybe('ei:registrationID', m.registrationID),
        maybe('ei:venID', m.venID),
        out('oadr:oadrProfileName', m.profile),
        out('oadr:oadrTransportName', m.transport),
        maybe('oadr:oadrTransportAddress', m.transportAddress),
        out('oadr:oadrReportOnly', m.reportOnly),
        out('oadr:oadrXmlSignature', m.xmlSignature),
        maybe('oadr:oadrVenName', m.venName),
        maybe('oadr:oadrHttpPullModel', m.httpPullModel),
      ]
    case 'oadrCreatedPartyRegistration':
      return [
        outResponse(m.response),
        maybe('ei:registrationID', m.registrationID),
        maybe('ei:venID', m.venID),
        out('ei:vtnID', m.vtnID),
        out('oadr:oadrProfiles', m.profiles.map(outProfile)),
        m.pollFreqS === undefined ? undefined : out('oadr:oadrRequestedOadrPollFreq', [out('xcal:duration', formatDuration(m.pollFreqS))]),
      ]
    case 'oadrRequestReregistration':
    case 'oadrPoll':
      return [out('ei:venID', m.venID)]
    case 'oadrCancelPartyRegistration':
      return [out('pyld:requestID', m.requestID), out('ei:registrationID', m.registrationID), maybe('ei:venID', m.venID)]
    case 'oadrCanceledPartyRegistration':
      return [outResponse(m.response), maybe('ei:registrationID', m.registrationID), maybe('ei:venID', m.venID)]
    case 'oadrResponse':
      return [outResponse(m.response), maybe('ei:venID', m.venID)]
  }
}

const outProfile = (p: Profile): Out =>
  out('oadr:oadrProfile', [
    out('oadr:oadrProfileName', p.name),
    out(
      'oadr:oadrTransports',
      p.transports.map(t => out('oadr:oadrTransport', [out('oadr:oadrTransportName', t)])),
    ),
  ])
