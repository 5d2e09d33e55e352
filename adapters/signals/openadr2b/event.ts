// EiEvent: what the VTN distributes and what the VEN answers. One event that cannot be read never costs its siblings.
import {
  type EiResponse,
  type ItemBase,
  itemBaseOf,
  outItemBase,
  outResponse,
  outTargets,
  responseOf,
  targetsOf,
  type WireTarget,
} from './parts.ts'
import { countOf, durationOf, formatDuration, formatInstant, instantOf, numberOf, oneOf, optional, required } from './values.ts'
import { child, children, type El, maybe, need, needText, type Out, out, text, WireError } from './xml.ts'

export const STATUSES = ['none', 'far', 'near', 'active', 'completed', 'cancelled'] as const
export type EventStatus = (typeof STATUSES)[number]
export type OptType = 'optIn' | 'optOut'
export type ResponseRequired = 'always' | 'never'

export type WireInterval = { readonly uid: string; readonly durationS: number; readonly value: number }
export type WireSignal = {
  readonly signalName: string
  readonly signalType: string
  readonly signalID: string
  readonly itemBase?: ItemBase | undefined
  readonly currentValue?: number | undefined
  readonly intervals: readonly WireInterval[]
  /** Device classes (endDeviceAsset), narrowing the event's own target [R111]. */
  readonly targets: readonly WireTarget[]
}
/** All five are durations but `dtstartMs`. Ramp-up positive: before dtstart; recovery positive: after the end. Duration 0: open ended [R47]. */
export type ActivePeriod = {
  readonly dtstartMs: number
  readonly durationS: number
  readonly startafterS?: number | undefined
  readonly notificationS?: number | undefined
  readonly rampUpS?: number | undefined
  readonly recoveryS?: number | undefined
}
export type Oadr20bEvent = {
  readonly eventID: string
  readonly modificationNumber: number
  readonly modificationDateTimeMs?: number | undefined
  readonly modificationReason?: string | undefined
  /** 0 or absent: none, the lowest. 1 is the highest [R3]. */
  readonly priority?: number | undefined
  readonly marketContext: string
  readonly createdMs: number
  readonly status: EventStatus
  /** As sent; see `isTest`. */
  readonly testEvent?: string | undefined
  readonly vtnComment?: string | undefined
  readonly activePeriod: ActivePeriod
  readonly signals: readonly WireSignal[]
  readonly targets: readonly WireTarget[]
  readonly responseRequired: ResponseRequired
}
/** Anything but the word "false" is a test event [R6]. The profile is silent on an absent element: that is a real event. */
export const isTest = (event: Oadr20bEvent): boolean => event.testEvent !== undefined && event.testEvent !== 'false'

/** An event that could not be read, with as much of its identity as was legible, so that it can still be answered. */
export type BadEvent = {
  readonly eventID: string | undefined
  readonly modificationNumber: number | undefined
  readonly responseRequired: ResponseRequired
  /** Its status was legible and says cancelled: what is known of it can still be stopped. */
  readonly cancelled: boolean
  readonly error: { readonly code: string; readonly path: string; readonly value: string }
}
export type EventEntry = { readonly ok: true; readonly event: Oadr20bEvent } | ({ readonly ok: false } & BadEvent)

export type RequestEvent = {
  readonly kind: 'oadrRequestEvent'
  readonly requestID: string
  readonly venID: string
  readonly replyLimit?: number | undefined
}
/** `requestID` is the message's own; the one in `response` echoes a poll or request and is never the one to answer with [R42]. */
export type DistributeEvent = {
  readonly kind: 'oadrDistributeEvent'
  readonly response?: EiResponse | undefined
  readonly requestID: string
  readonly vtnID: string
  readonly events: readonly EventEntry[]
}
export type EventResponse = {
  readonly code: string
  readonly description?: string | undefined
  readonly requestID: string
  readonly eventID: string
  readonly modificationNumber: number
  readonly optType: OptType
}
export type CreatedEvent = {
  readonly kind: 'oadrCreatedEvent'
  readonly response: EiResponse
  readonly eventResponses: readonly EventResponse[]
  readonly venID: string
}
export type EventMessage = RequestEvent | DistributeEvent | CreatedEvent

export const eventParsers: { readonly [K in EventMessage['kind']]: (el: El) => Extract<EventMessage, { kind: K }> } = {
  oadrRequestEvent: el => {
    const body = need(el, 'pyld', 'eiRequestEvent')
    return {
      kind: 'oadrRequestEvent',
      requestID: needText(body, 'pyld', 'requestID'),
      venID: needText(body, 'ei', 'venID'),
      replyLimit: optional(body, 'pyld', 'replyLimit', countOf),
    }
  },
  oadrDistributeEvent: el => ({
    kind: 'oadrDistributeEvent',
    response: child(el, 'ei', 'eiResponse') && responseOf(el),
    requestID: needText(el, 'pyld', 'requestID'),
    vtnID: needText(el, 'ei', 'vtnID'),
    events: children(el, 'oadr', 'oadrEvent').map(entryOf),
  }),
  oadrCreatedEvent: el => {
    const body = need(el, 'pyld', 'eiCreatedEvent')
    return {
      kind: 'oadrCreatedEvent',
      response: responseOf(body),
      eventResponses: children(child(body, 'ei', 'eventResponses'), 'ei', 'eventResponse').map(r => {
        const qualified = need(r, 'ei', 'qualifiedEventID')
        return {
          code: needText(r, 'ei', 'responseCode'),
          description: text(r, 'ei', 'responseDescription'),
          requestID: text(r, 'pyld', 'requestID') ?? '',
          eventID: needText(qualified, 'ei', 'eventID'),
          modificationNumber: required(qualified, 'ei', 'modificationNumber', countOf),
          optType: required(r, 'ei', 'optType', e => oneOf(e, ['optIn', 'optOut'])),
        }
      }),
      venID: needText(body, 'ei', 'venID'),
    }
  },
}

const entryOf = (el: El): EventEntry => {
  // A response requirement we cannot read is taken as "always": answering is the side on which nothing is lost.
  const responseRequired: ResponseRequired = text(el, 'oadr', 'oadrResponseRequired') === 'never' ? 'never' : 'always'
  try {
    return { ok: true, event: eventOf(el, responseRequired) }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    const descriptor = child(child(el, 'ei', 'eiEvent'), 'ei', 'eventDescriptor')
    const number = text(descriptor, 'ei', 'modificationNumber')
    return {
      ok: false,
      eventID: text(descriptor, 'ei', 'eventID'),
      modificationNumber: number !== undefined && /^\d{1,10}$/.test(number) ? Number(number) : undefined,
      responseRequired,
      cancelled: text(descriptor, 'ei', 'eventStatus') === 'cancelled',
      error: { code: error.code, path: error.path, value: error.value },
    }
  }
}

const eventOf = (el: El, responseRequired: ResponseRequired): Oadr20bEvent => {
  const event = need(el, 'ei', 'eiEvent')
  const d = need(event, 'ei', 'eventDescriptor')
  return {
    eventID: needText(d, 'ei', 'eventID'),
    modificationNumber: required(d, 'ei', 'modificationNumber', countOf),
    modificationDateTimeMs: optional(d, 'ei', 'modificationDateTime', instantOf),
    modificationReason: text(d, 'ei', 'modificationReason'),
    priority: optional(d, 'ei', 'priority', countOf),
    marketContext: needText(need(d, 'ei', 'eiMarketContext'), 'emix', 'marketContext'),
    createdMs: required(d, 'ei', 'createdDateTime', instantOf),
    status: required(d, 'ei', 'eventStatus', e => oneOf(e, STATUSES)),
    testEvent: child(d, 'ei', 'testEvent')?.text,
    vtnComment: text(d, 'ei', 'vtnComment'),
    activePeriod: activePeriodOf(need(need(event, 'ei', 'eiActivePeriod'), 'xcal', 'properties')),
    signals: signalsOf(need(event, 'ei', 'eiEventSignals')),
    targets: targetsOf(child(event, 'ei', 'eiTarget')),
    responseRequired,
  }
}

const activePeriodOf = (p: El): ActivePeriod => ({
  dtstartMs: required(need(p, 'xcal', 'dtstart'), 'xcal', 'date-time', instantOf),
  durationS: notNegative(need(p, 'xcal', 'duration')),
  startafterS: optional(child(child(p, 'xcal', 'tolerance'), 'xcal', 'tolerate'), 'xcal', 'startafter', notNegative),
  notificationS: optional(p, 'ei', 'x-eiNotification', durationOf),
  rampUpS: optional(p, 'ei', 'x-eiRampUp', durationOf),
  recoveryS: optional(p, 'ei', 'x-eiRecovery', durationOf),
})

const notNegative = (el: El): number => {
  const seconds = durationOf(el)
  if (seconds < 0) throw new WireError('badValue', el.path, `${seconds} s`)
  return seconds
}

const signalsOf = (el: El): readonly WireSignal[] => {
  const signals = children(el, 'ei', 'eiEventSignal')
  if (signals.length === 0) throw new WireError('missing', `${el.path}/eiEventSignal`, '')
  return signals.map(signalOf)
}

const signalOf = (el: El): WireSignal => ({
  signalName: needText(el, 'ei', 'signalName'),
  signalType: needText(el, 'ei', 'signalType'),
  signalID: text(el, 'ei', 'signalID') ?? '',
  itemBase: itemBaseOf(el),
  currentValue: optional(el, 'ei', 'currentValue', e => floatOf(e)),
  intervals: inOrder(children(need(el, 'strm', 'intervals'), 'ei', 'interval').map(intervalOf)),
  targets: targetsOf(child(el, 'ei', 'eiTarget')),
})

const floatOf = (el: El): number => required(need(el, 'ei', 'payloadFloat'), 'ei', 'value', numberOf)

/** Some VTNs leave uid out, start it at 1 or send dtstart in an interval [R2, R103]: position and durations decide then. */
const intervalOf = (el: El, index: number): WireInterval => ({
  uid: text(child(el, 'xcal', 'uid'), 'xcal', 'text') ?? String(index),
  durationS: notNegative(need(el, 'xcal', 'duration')),
  value: floatOf(need(el, 'ei', 'signalPayload')),
})

const inOrder = (intervals: readonly WireInterval[]): readonly WireInterval[] =>
  intervals.every(i => /^\d+$/.test(i.uid)) ? [...intervals].sort((a, b) => Number(a.uid) - Number(b.uid)) : intervals

/** Children of the message element. Entries that are not `ok` cannot be written and are left out. */
export const eventBody = (m: EventMessage): readonly (Out | undefined)[] => {
  switch (m.kind) {
    case 'oadrRequestEvent':
      return [
        out('pyld:eiRequestEvent', [out('pyld:requestID', m.requestID), out('ei:venID', m.venID), maybe('pyld:replyLimit', m.replyLimit)]),
      ]
    case 'oadrDistributeEvent':
      return [
        m.response && outResponse(m.response),
        out('pyld:requestID', m.requestID),
        out('ei:vtnID', m.vtnID),
        ...m.events.map(e => (e.ok ? outEvent(e.event) : undefined)),
      ]
    case 'oadrCreatedEvent':
      return [
        out('pyld:eiCreatedEvent', [
          outResponse(m.response),
          m.eventResponses.length > 0 ? out('ei:eventResponses', m.eventResponses.map(outEventResponse)) : undefined,
          out('ei:venID', m.venID),
        ]),
      ]
  }
}

const outEventResponse = (r: EventResponse): Out =>
  out('ei:eventResponse', [
    out('ei:responseCode', r.code),
    maybe('ei:responseDescription', r.description),
    out('pyld:requestID', r.requestID),
    out('ei:qualifiedEventID', [out('ei:eventID', r.eventID), out('ei:modificationNumber', r.modificationNumber)]),
    out('ei:optType', r.optType),
  ])

const outDuration = (name: Out['name'], seconds: number | undefined): Out | undefined =>
  seconds === undefined ? undefined : out(name, [out('xcal:duration', formatDuration(seconds))])

const outEvent = (e: Oadr20bEvent): Out =>
  out('oadr:oadrEvent', [
    out('ei:eiEvent', [
      outDescriptor(e),
      out('ei:eiActivePeriod', [outPeriod(e.activePeriod), out('xcal:components', '')]),
      out('ei:eiEventSignals', e.signals.map(outSignal)),
      outTargets('ei:eiTarget', e.targets),
    ]),
    out('oadr:oadrResponseRequired', e.responseRequired),
  ])

const outDescriptor = (e: Oadr20bEvent): Out =>
  out('ei:eventDescriptor', [
    out('ei:eventID', e.eventID),
    out('ei:modificationNumber', e.modificationNumber),
    maybe('ei:modificationDateTime', e.modificationDateTimeMs === undefined ? undefined : formatInstant(e.modificationDateTimeMs)),
    maybe('ei:modificationReason', e.modificationReason),
    maybe('ei:priority', e.priority),
    out('ei:eiMarketContext', [out('emix:marketContext', e.marketContext)]),
    out('ei:createdDateTime', formatInstant(e.createdMs)),
    out('ei:eventStatus', e.status),
    maybe('ei:testEvent', e.testEvent),
    maybe('ei:vtnComment', e.vtnComment),
  ])

/** x-eiNotification must be sent even when there is none [R105]. */
const outPeriod = (p: ActivePeriod): Out =>
  out('xcal:properties', [
    out('xcal:dtstart', [out('xcal:date-time', formatInstant(p.dtstartMs))]),
    outDuration('xcal:duration', p.durationS),
    p.startafterS === undefined
      ? undefined
      : out('xcal:tolerance', [out('xcal:tolerate', [out('xcal:startafter', formatDuration(p.startafterS))])]),
    outDuration('ei:x-eiNotification', p.notificationS ?? 0),
    outDuration('ei:x-eiRampUp', p.rampUpS),
    outDuration('ei:x-eiRecovery', p.recoveryS),
  ])

const outFloat = (value: number): Out => out('ei:payloadFloat', [out('ei:value', value)])

const outSignal = (s: WireSignal): Out =>
  out('ei:eiEventSignal', [
    out('strm:intervals', s.intervals.map(outInterval)),
    s.targets.length > 0 ? outTargets('ei:eiTarget', s.targets) : undefined,
    out('ei:signalName', s.signalName),
    out('ei:signalType', s.signalType),
    out('ei:signalID', s.signalID),
    outItemBase(s.itemBase),
    s.currentValue === undefined ? undefined : out('ei:currentValue', [outFloat(s.currentValue)]),
  ])

const outInterval = (i: WireInterval): Out =>
  out('ei:interval', [
    outDuration('xcal:duration', i.durationS),
    out('xcal:uid', [out('xcal:text', i.uid)]),
    out('ei:signalPayload', [outFloat(i.value)]),
  ])
