// One of every message that we or the simulated VTN emit, with every optional part present somewhere.

import { createHistory } from '../../../adapters/signals/openadr2b/history.ts'
import type { KnownMessage, Oadr20bEvent, Report, ReportRequest } from '../../../adapters/signals/openadr2b/messages.ts'
import { type ItemBase, ok, realPower } from '../../../adapters/signals/openadr2b/parts.ts'

const T0 = Date.UTC(2026, 10, 21, 18, 0, 0)
const history = createHistory({ resources: [{ id: '', history: () => Promise.reject(new Error('not asked')) }], venID: () => 'VEN_1' })

export const currency: ItemBase = { name: 'currencyPerKWh', description: 'currencyPerKWh', units: 'GBP', scale: 'none' }

export const event = (over: Partial<Oadr20bEvent> = {}): Oadr20bEvent => ({
  eventID: 'EV_1',
  modificationNumber: 0,
  priority: 1,
  marketContext: 'http://market.example/ev-dsr',
  createdMs: T0,
  status: 'far',
  testEvent: 'false',
  activePeriod: { dtstartMs: T0 + 3_600_000, durationS: 1_800, notificationS: 60 },
  signals: [
    {
      signalName: 'LOAD_DISPATCH',
      signalType: 'setpoint',
      signalID: 'S1',
      itemBase: realPower('k'),
      intervals: [{ uid: '0', durationS: 1_800, value: 50 }],
      targets: [],
    },
  ],
  targets: [],
  responseRequired: 'always',
  ...over,
})

export const fullEvent = event({
  eventID: 'EV_<&"\'>',
  modificationNumber: 4_294_967_295,
  modificationDateTimeMs: T0 + 1,
  modificationReason: 'more & longer',
  status: 'near',
  vtnComment: 'line\nbreak < & >',
  activePeriod: { dtstartMs: T0, durationS: 90_061, startafterS: 180, notificationS: 0, rampUpS: -120, recoveryS: 300 },
  signals: [
    {
      signalName: 'SIMPLE',
      signalType: 'level',
      signalID: 'S0',
      currentValue: 0,
      intervals: [
        { uid: '0', durationS: 3_661, value: 1 },
        { uid: '1', durationS: 86_400, value: 2.5 },
      ],
      targets: [{ kind: 'endDeviceAsset', id: 'Electric_Vehicle' }],
    },
    {
      signalName: 'ELECTRICITY_PRICE',
      signalType: 'price',
      signalID: 'S1',
      itemBase: currency,
      intervals: [{ uid: '0', durationS: 0, value: -1e-7 }],
      targets: [],
    },
  ],
  targets: [
    { kind: 'aggregatedPnode', id: 'AP' },
    { kind: 'endDeviceAsset', id: 'EVSE' },
    { kind: 'meterAsset', id: 'M1' },
    { kind: 'pnode', id: 'P' },
    { kind: 'serviceArea', id: '1.5 2.5 3.5 4.5' },
    { kind: 'serviceDeliveryPoint', id: 'SDP' },
    { kind: 'serviceLocation', id: '0 0 1 1' },
    { kind: 'transportInterface', id: 'A>B' },
    { kind: 'groupID', id: 'G' },
    { kind: 'groupName', id: 'Feeder 7' },
    { kind: 'resourceID', id: 'R1' },
    { kind: 'resourceID', id: 'R2' },
    { kind: 'venID', id: 'VEN_1' },
    { kind: 'partyID', id: 'P1' },
  ],
  responseRequired: 'never',
})

const metadata = (name: string, over: Partial<Report> = {}): Report => ({
  durationS: 3_600,
  intervals: [],
  descriptions: [
    {
      rID: 'power',
      subject: [{ kind: 'endDeviceAsset', id: 'EVSE' }],
      dataSource: [{ kind: 'resourceID', id: 'fleet' }],
      reportType: 'usage',
      itemBase: realPower(),
      readingType: 'Direct Read',
      marketContext: 'http://market.example/ev-dsr',
      samplingRate: { minS: 1, maxS: 3_600, onChange: false },
    },
    { rID: 'status', reportType: 'x-resourceStatus', readingType: 'x-notApplicable' },
  ],
  reportRequestID: '0',
  reportSpecifierID: 'usage',
  reportName: name,
  createdMs: T0,
  ...over,
})

const request: ReportRequest = {
  reportRequestID: 'RR1',
  reportSpecifierID: 'usage',
  granularityS: 60,
  reportBackS: 300,
  interval: { dtstartMs: T0, durationS: 0 },
  points: [
    { rID: 'power', itemBase: realPower(), readingType: 'Direct Read' },
    { rID: 'status', readingType: 'x-notApplicable' },
  ],
}

const data: Report = {
  dtstartMs: T0,
  durationS: 120,
  intervals: [
    {
      dtstartMs: T0,
      durationS: 60,
      uid: '0',
      points: [
        { rID: 'power', confidence: 90, accuracy: 0.1, value: { kind: 'float', value: 7_235.5 }, quality: 'Quality Good - Non Specific' },
      ],
    },
    {
      dtstartMs: T0 + 60_000,
      points: [
        {
          rID: 'status',
          value: {
            kind: 'status',
            online: true,
            manualOverride: false,
            control: {
              capacity: { min: 0, max: 1, current: 0.4, normal: 1 },
              levelOffset: { current: 1 },
              percentOffset: { current: -20 },
              setPoint: { min: 0, current: 5_000 },
            },
          },
        },
        { rID: 'other', value: { kind: 'status', online: false, manualOverride: true } },
      ],
    },
  ],
  eiReportID: 'R-77',
  descriptions: [],
  reportRequestID: 'RR1',
  reportSpecifierID: 'usage',
  reportName: 'TELEMETRY_USAGE',
  createdMs: T0,
}

const cancel: KnownMessage = {
  kind: 'oadrCancelReport',
  requestID: 'r',
  reportRequestIDs: ['RR1', 'RR2'],
  reportToFollow: true,
  venID: 'V',
}

/** Keyed by what it shows. */
export const everyMessage: Readonly<Record<string, KnownMessage>> = {
  query: { kind: 'oadrQueryRegistration', requestID: 'r' },
  'first registration, without IDs': {
    kind: 'oadrCreatePartyRegistration',
    requestID: 'r',
    profile: '2.0b',
    transport: 'simpleHttp',
    reportOnly: false,
    xmlSignature: false,
    venName: 'gridbridge',
    httpPullModel: true,
  },
  'registration with everything': {
    kind: 'oadrCreatePartyRegistration',
    requestID: 'r',
    registrationID: 'REG',
    venID: 'V',
    profile: '2.0b',
    transport: 'simpleHttp',
    transportAddress: 'https://ven.example/prefix',
    reportOnly: true,
    xmlSignature: true,
    venName: 'a & b',
    httpPullModel: false,
  },
  'answer to a query': {
    kind: 'oadrCreatedPartyRegistration',
    response: ok('r'),
    vtnID: 'T',
    profiles: [{ name: '2.0b', transports: ['simpleHttp', 'xmpp'] }],
  },
  registered: {
    kind: 'oadrCreatedPartyRegistration',
    response: ok('r'),
    registrationID: 'REG',
    venID: 'V',
    vtnID: 'T',
    profiles: [
      { name: '2.0a', transports: ['simpleHttp'] },
      { name: '2.0b', transports: ['simpleHttp'] },
    ],
    pollFreqS: 10,
  },
  reregister: { kind: 'oadrRequestReregistration', venID: 'V' },
  'cancel registration': { kind: 'oadrCancelPartyRegistration', requestID: 'r', registrationID: 'REG', venID: 'V' },
  'registration cancelled': { kind: 'oadrCanceledPartyRegistration', response: ok('r'), registrationID: 'REG', venID: 'V' },
  poll: { kind: 'oadrPoll', venID: 'V' },
  'nothing new': { kind: 'oadrResponse', response: ok(''), venID: 'V' },
  'not registered': { kind: 'oadrResponse', response: { code: '463', requestID: 'r' } },
  'request events': { kind: 'oadrRequestEvent', requestID: 'r', venID: 'V', replyLimit: 5 },
  'no events': { kind: 'oadrDistributeEvent', response: ok(''), requestID: 'd', vtnID: 'T', events: [] },
  events: { kind: 'oadrDistributeEvent', requestID: 'd', vtnID: 'T', events: [event(), fullEvent].map(e => ({ ok: true, event: e })) },
  'event answers': {
    kind: 'oadrCreatedEvent',
    response: { code: '200', description: 'OK', requestID: '' },
    eventResponses: [
      { code: '200', description: 'OK', requestID: 'd', eventID: 'EV_1', modificationNumber: 0, optType: 'optIn' },
      { code: '460', requestID: 'd', eventID: 'EV_2', modificationNumber: 3, optType: 'optOut' },
    ],
    venID: 'V',
  },
  'refusal of a whole distribution': {
    kind: 'oadrCreatedEvent',
    response: { code: '454', description: 'bad', requestID: '' },
    eventResponses: [],
    venID: 'V',
  },
  'no metadata': { kind: 'oadrRegisterReport', requestID: 'r', reports: [], venID: 'V' },
  metadata: {
    kind: 'oadrRegisterReport',
    requestID: 'r',
    reports: [metadata('METADATA_TELEMETRY_USAGE'), metadata('METADATA_TELEMETRY_STATUS'), history.describe(T0)],
    venID: 'V',
    reportRequestID: 'RR0',
  },
  'metadata accepted': { kind: 'oadrRegisteredReport', response: ok('r'), requests: [], venID: 'V' },
  'metadata accepted, report asked for': { kind: 'oadrRegisteredReport', response: ok('r'), requests: [request], venID: 'V' },
  'report asked for': {
    kind: 'oadrCreateReport',
    requestID: 'r',
    requests: [request, { ...request, reportRequestID: 'RR2', interval: undefined }],
    venID: 'V',
  },
  'pending reports': { kind: 'oadrCreatedReport', response: ok('r'), pending: ['RR1', 'RR2'], venID: 'V' },
  data: { kind: 'oadrUpdateReport', requestID: 'r', reports: [data], venID: 'V' },
  'data received': { kind: 'oadrUpdatedReport', response: ok('r'), venID: 'V' },
  'data received, and stop': { kind: 'oadrUpdatedReport', response: ok('r'), cancelReport: cancel, venID: 'V' },
  'cancel report': cancel,
  'report cancelled': { kind: 'oadrCanceledReport', response: ok('r'), pending: [], venID: 'V' },
}
