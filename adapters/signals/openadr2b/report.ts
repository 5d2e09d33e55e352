// EiReport: metadata, requests, and the data itself.
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
import { booleanOf, countOf, durationOf, formatDuration, formatInstant, instantOf, numberOf, optional, required } from './values.ts'
import { child, children, type El, maybe, need, needText, type Out, out, text, WireError } from './xml.ts'

export type SamplingRate = { readonly minS: number; readonly maxS: number; readonly onChange: boolean }
export type ReportDescription = {
  readonly rID: string
  readonly subject?: readonly WireTarget[] | undefined
  readonly dataSource?: readonly WireTarget[] | undefined
  readonly reportType: string
  readonly itemBase?: ItemBase | undefined
  readonly readingType: string
  readonly marketContext?: string | undefined
  readonly samplingRate?: SamplingRate | undefined
}
export type ControlState = {
  readonly min?: number | undefined
  readonly max?: number | undefined
  readonly current: number
  readonly normal?: number | undefined
}
export type LoadControlState = {
  readonly capacity?: ControlState | undefined
  readonly levelOffset?: ControlState | undefined
  readonly percentOffset?: ControlState | undefined
  readonly setPoint?: ControlState | undefined
}
export type ReportValue =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'status'; readonly online: boolean; readonly manualOverride: boolean; readonly control?: LoadControlState | undefined }
export type ReportPoint = {
  readonly rID: string
  readonly confidence?: number | undefined
  readonly accuracy?: number | undefined
  readonly value: ReportValue
  readonly quality?: string | undefined
}
export type ReportInterval = {
  readonly dtstartMs?: number | undefined
  readonly durationS?: number | undefined
  readonly uid?: string | undefined
  readonly points: readonly ReportPoint[]
}
/** A metadata report has `descriptions` and `reportRequestID` "0" [R311]; a data report has `intervals`, and `dtstartMs` of the first. */
export type Report = {
  readonly dtstartMs?: number | undefined
  readonly durationS?: number | undefined
  readonly intervals: readonly ReportInterval[]
  readonly eiReportID?: string | undefined
  readonly descriptions: readonly ReportDescription[]
  readonly reportRequestID: string
  readonly reportSpecifierID: string
  readonly reportName?: string | undefined
  readonly createdMs: number
}
export type ReportRequest = {
  readonly reportRequestID: string
  readonly reportSpecifierID: string
  readonly granularityS: number
  /** 0: once, now. */
  readonly reportBackS: number
  /** Duration 0: for ever [R325]. */
  readonly interval?: { readonly dtstartMs: number; readonly durationS: number } | undefined
  readonly points: readonly { readonly rID: string; readonly itemBase?: ItemBase | undefined; readonly readingType: string }[]
}

/** `reportRequestID` of the message is absent unless it answers an oadrCreateReport for metadata [R312]. */
export type RegisterReport = {
  readonly kind: 'oadrRegisterReport'
  readonly requestID: string
  readonly reports: readonly Report[]
  readonly venID?: string | undefined
  readonly reportRequestID?: string | undefined
}
export type RegisteredReport = {
  readonly kind: 'oadrRegisteredReport'
  readonly response: EiResponse
  readonly requests: readonly ReportRequest[]
  readonly venID?: string | undefined
}
export type CreateReport = {
  readonly kind: 'oadrCreateReport'
  readonly requestID: string
  readonly requests: readonly ReportRequest[]
  readonly venID?: string | undefined
}
export type CreatedReport = {
  readonly kind: 'oadrCreatedReport'
  readonly response: EiResponse
  readonly pending: readonly string[]
  readonly venID?: string | undefined
}
export type UpdateReport = {
  readonly kind: 'oadrUpdateReport'
  readonly requestID: string
  readonly reports: readonly Report[]
  readonly venID?: string | undefined
}
export type UpdatedReport = {
  readonly kind: 'oadrUpdatedReport'
  readonly response: EiResponse
  readonly cancelReport?: CancelReport | undefined
  readonly venID?: string | undefined
}
export type CancelReport = {
  readonly kind: 'oadrCancelReport'
  readonly requestID: string
  readonly reportRequestIDs: readonly string[]
  readonly reportToFollow: boolean
  readonly venID?: string | undefined
}
export type CanceledReport = {
  readonly kind: 'oadrCanceledReport'
  readonly response: EiResponse
  readonly pending: readonly string[]
  readonly venID?: string | undefined
}
export type ReportMessage =
  | RegisterReport
  | RegisteredReport
  | CreateReport
  | CreatedReport
  | UpdateReport
  | UpdatedReport
  | CancelReport
  | CanceledReport

const venOf = (el: El) => ({ venID: text(el, 'ei', 'venID') })
const requestOf = (el: El) => ({ requestID: needText(el, 'pyld', 'requestID') })
const pendingOf = (el: El) => children(child(el, 'oadr', 'oadrPendingReports'), 'ei', 'reportRequestID').map(r => r.text)

export const reportParsers: { readonly [K in ReportMessage['kind']]: (el: El) => Extract<ReportMessage, { kind: K }> } = {
  oadrRegisterReport: el => ({
    kind: 'oadrRegisterReport',
    ...requestOf(el),
    reports: children(el, 'oadr', 'oadrReport').map(reportOf),
    ...venOf(el),
    reportRequestID: text(el, 'ei', 'reportRequestID'),
  }),
  oadrRegisteredReport: el => ({
    kind: 'oadrRegisteredReport',
    response: responseOf(el),
    requests: children(el, 'oadr', 'oadrReportRequest').map(reportRequestOf),
    ...venOf(el),
  }),
  oadrCreateReport: el => ({
    kind: 'oadrCreateReport',
    ...requestOf(el),
    requests: children(el, 'oadr', 'oadrReportRequest').map(reportRequestOf),
    ...venOf(el),
  }),
  oadrCreatedReport: el => ({ kind: 'oadrCreatedReport', response: responseOf(el), pending: pendingOf(el), ...venOf(el) }),
  oadrUpdateReport: el => ({
    kind: 'oadrUpdateReport',
    ...requestOf(el),
    reports: children(el, 'oadr', 'oadrReport').map(reportOf),
    ...venOf(el),
  }),
  oadrUpdatedReport: el => ({
    kind: 'oadrUpdatedReport',
    response: responseOf(el),
    cancelReport: optional(el, 'oadr', 'oadrCancelReport', cancelOf),
    ...venOf(el),
  }),
  oadrCancelReport: el => cancelOf(el),
  oadrCanceledReport: el => ({ kind: 'oadrCanceledReport', response: responseOf(el), pending: pendingOf(el), ...venOf(el) }),
}

const cancelOf = (el: El): CancelReport => ({
  kind: 'oadrCancelReport',
  ...requestOf(el),
  reportRequestIDs: children(el, 'ei', 'reportRequestID').map(r => r.text),
  reportToFollow: required(el, 'pyld', 'reportToFollow', booleanOf),
  ...venOf(el),
})

const startOf = (el: El) => required(el, 'xcal', 'date-time', instantOf)

const reportOf = (el: El): Report => ({
  dtstartMs: optional(el, 'xcal', 'dtstart', startOf),
  durationS: optional(el, 'xcal', 'duration', durationOf),
  intervals: children(child(el, 'strm', 'intervals'), 'ei', 'interval').map(i => ({
    dtstartMs: optional(i, 'xcal', 'dtstart', startOf),
    durationS: optional(i, 'xcal', 'duration', durationOf),
    uid: text(child(i, 'xcal', 'uid'), 'xcal', 'text'),
    points: children(i, 'oadr', 'oadrReportPayload').map(pointOf),
  })),
  eiReportID: text(el, 'ei', 'eiReportID'),
  descriptions: children(el, 'oadr', 'oadrReportDescription').map(descriptionOf),
  reportRequestID: needText(el, 'ei', 'reportRequestID'),
  reportSpecifierID: needText(el, 'ei', 'reportSpecifierID'),
  reportName: text(el, 'ei', 'reportName'),
  createdMs: required(el, 'ei', 'createdDateTime', instantOf),
})

const targetsIn = (el: El, name: string) => optional(el, 'ei', name, targetsOf)

const descriptionOf = (el: El): ReportDescription => ({
  rID: needText(el, 'ei', 'rID'),
  subject: targetsIn(el, 'reportSubject'),
  dataSource: targetsIn(el, 'reportDataSource'),
  reportType: needText(el, 'ei', 'reportType'),
  itemBase: itemBaseOf(el),
  readingType: needText(el, 'ei', 'readingType'),
  marketContext: text(el, 'emix', 'marketContext'),
  samplingRate: optional(el, 'oadr', 'oadrSamplingRate', s => ({
    minS: required(s, 'oadr', 'oadrMinPeriod', durationOf),
    maxS: required(s, 'oadr', 'oadrMaxPeriod', durationOf),
    onChange: required(s, 'oadr', 'oadrOnChange', booleanOf),
  })),
})

const pointOf = (el: El): ReportPoint => ({
  rID: needText(el, 'ei', 'rID'),
  confidence: optional(el, 'ei', 'confidence', countOf),
  accuracy: optional(el, 'ei', 'accuracy', numberOf),
  value: payloadOf(el),
  quality: text(el, 'oadr', 'oadrDataQuality'),
})

const payloadOf = (el: El): ReportValue => {
  const float = child(el, 'ei', 'payloadFloat')
  if (float) return { kind: 'float', value: required(float, 'ei', 'value', numberOf) }
  const status = child(el, 'oadr', 'oadrPayloadResourceStatus')
  if (!status) throw new WireError('missing', `${el.path}/payloadBase`, '')
  return {
    kind: 'status',
    online: required(status, 'oadr', 'oadrOnline', booleanOf),
    manualOverride: required(status, 'oadr', 'oadrManualOverride', booleanOf),
    control: optional(status, 'oadr', 'oadrLoadControlState', s => ({
      capacity: optional(s, 'oadr', 'oadrCapacity', controlOf),
      levelOffset: optional(s, 'oadr', 'oadrLevelOffset', controlOf),
      percentOffset: optional(s, 'oadr', 'oadrPercentOffset', controlOf),
      setPoint: optional(s, 'oadr', 'oadrSetPoint', controlOf),
    })),
  }
}
const controlOf = (el: El): ControlState => ({
  min: optional(el, 'oadr', 'oadrMin', numberOf),
  max: optional(el, 'oadr', 'oadrMax', numberOf),
  current: required(el, 'oadr', 'oadrCurrent', numberOf),
  normal: optional(el, 'oadr', 'oadrNormal', numberOf),
})

const reportRequestOf = (el: El): ReportRequest => {
  const spec = need(el, 'ei', 'reportSpecifier')
  return {
    reportRequestID: needText(el, 'ei', 'reportRequestID'),
    reportSpecifierID: needText(spec, 'ei', 'reportSpecifierID'),
    granularityS: required(spec, 'xcal', 'granularity', durationOf),
    reportBackS: required(spec, 'ei', 'reportBackDuration', durationOf),
    interval: optional(spec, 'ei', 'reportInterval', i => {
      const properties = need(i, 'xcal', 'properties')
      return { dtstartMs: startOf(need(properties, 'xcal', 'dtstart')), durationS: required(properties, 'xcal', 'duration', durationOf) }
    }),
    points: children(spec, 'ei', 'specifierPayload').map(p => ({
      rID: needText(p, 'ei', 'rID'),
      itemBase: itemBaseOf(p),
      readingType: needText(p, 'ei', 'readingType'),
    })),
  }
}

/** Children of the message element, in the order of the schema. */
export const reportBody = (m: ReportMessage): readonly (Out | undefined)[] => {
  switch (m.kind) {
    case 'oadrRegisterReport':
      return [
        out('pyld:requestID', m.requestID),
        ...m.reports.map(outReport),
        maybe('ei:venID', m.venID),
        maybe('ei:reportRequestID', m.reportRequestID),
      ]
    case 'oadrUpdateReport':
      return [out('pyld:requestID', m.requestID), ...m.reports.map(outReport), maybe('ei:venID', m.venID)]
    case 'oadrRegisteredReport':
      return [outResponse(m.response), ...m.requests.map(outRequest), maybe('ei:venID', m.venID)]
    case 'oadrCreateReport':
      return [out('pyld:requestID', m.requestID), ...m.requests.map(outRequest), maybe('ei:venID', m.venID)]
    case 'oadrCreatedReport':
    case 'oadrCanceledReport':
      return [
        outResponse(m.response),
        out(
          'oadr:oadrPendingReports',
          m.pending.map(p => out('ei:reportRequestID', p)),
        ),
        maybe('ei:venID', m.venID),
      ]
    case 'oadrUpdatedReport':
      return [
        outResponse(m.response),
        m.cancelReport && out('oadr:oadrCancelReport', reportBody(m.cancelReport)),
        maybe('ei:venID', m.venID),
      ]
    case 'oadrCancelReport':
      return [
        out('pyld:requestID', m.requestID),
        ...m.reportRequestIDs.map(r => out('ei:reportRequestID', r)),
        out('pyld:reportToFollow', m.reportToFollow),
        maybe('ei:venID', m.venID),
      ]
  }
}

const outStart = (ms: number | undefined) =>
  ms === undefined ? undefined : out('xcal:dtstart', [out('xcal:date-time', formatInstant(ms))])
const outSpan = (name: Out['name'], seconds: number | undefined) =>
  seconds === undefined ? undefined : out(name, [out('xcal:duration', formatDuration(seconds))])

const outReport = (r: Report): Out =>
  out('oadr:oadrReport', [
    outStart(r.dtstartMs),
    outSpan('xcal:duration', r.durationS),
    r.intervals.length > 0 ? out('strm:intervals', r.intervals.map(outInterval)) : undefined,
    maybe('ei:eiReportID', r.eiReportID),
    ...r.descriptions.map(outDescription),
    out('ei:reportRequestID', r.reportRequestID),
    out('ei:reportSpecifierID', r.reportSpecifierID),
    maybe('ei:reportName', r.reportName),
    out('ei:createdDateTime', formatInstant(r.createdMs)),
  ])

const outInterval = (i: ReportInterval): Out =>
  out('ei:interval', [
    outStart(i.dtstartMs),
    outSpan('xcal:duration', i.durationS),
    i.uid === undefined ? undefined : out('xcal:uid', [out('xcal:text', i.uid)]),
    ...i.points.map(outPoint),
  ])

const outPoint = (p: ReportPoint): Out =>
  out('oadr:oadrReportPayload', [
    out('ei:rID', p.rID),
    maybe('ei:confidence', p.confidence),
    maybe('ei:accuracy', p.accuracy),
    p.value.kind === 'float' ? out('ei:payloadFloat', [out('ei:value', p.value.value)]) : outStatus(p.value),
    maybe('oadr:oadrDataQuality', p.quality),
  ])

const outStatus = (s: Extract<ReportValue, { kind: 'status' }>): Out =>
  out('oadr:oadrPayloadResourceStatus', [
    out('oadr:oadrOnline', s.online),
    out('oadr:oadrManualOverride', s.manualOverride),
    s.control &&
      out('oadr:oadrLoadControlState', [
        outControl('oadr:oadrCapacity', s.control.capacity),
        outControl('oadr:oadrLevelOffset', s.control.levelOffset),
        outControl('oadr:oadrPercentOffset', s.control.percentOffset),
        outControl('oadr:oadrSetPoint', s.control.setPoint),
      ]),
  ])
const outControl = (name: Out['name'], c: ControlState | undefined): Out | undefined =>
  c &&
  out(name, [
    maybe('oadr:oadrMin', c.min),
    maybe('oadr:oadrMax', c.max),
    out('oadr:oadrCurrent', c.current),
    maybe('oadr:oadrNormal', c.normal),
  ])

const outDescription = (d: ReportDescription): Out =>
  out('oadr:oadrReportDescription', [
    out('ei:rID', d.rID),
    d.subject && outTargets('ei:reportSubject', d.subject),
    d.dataSource && outTargets('ei:reportDataSource', d.dataSource),
    out('ei:reportType', d.reportType),
    outItemBase(d.itemBase),
    out('ei:readingType', d.readingType),
    maybe('emix:marketContext', d.marketContext),
    d.samplingRate &&
      out('oadr:oadrSamplingRate', [
        out('oadr:oadrMinPeriod', formatDuration(d.samplingRate.minS)),
        out('oadr:oadrMaxPeriod', formatDuration(d.samplingRate.maxS)),
        out('oadr:oadrOnChange', d.samplingRate.onChange),
      ]),
  ])

const outRequest = (r: ReportRequest): Out =>
  out('oadr:oadrReportRequest', [
    out('ei:reportRequestID', r.reportRequestID),
    out('ei:reportSpecifier', [
      out('ei:reportSpecifierID', r.reportSpecifierID),
      outSpan('xcal:granularity', r.granularityS),
      outSpan('ei:reportBackDuration', r.reportBackS),
      r.interval &&
        out('ei:reportInterval', [
          out('xcal:properties', [outStart(r.interval.dtstartMs), outSpan('xcal:duration', r.interval.durationS)]),
        ]),
      ...r.points.map(p =>
        out('ei:specifierPayload', [out('ei:rID', p.rID), outItemBase(p.itemBase), out('ei:readingType', p.readingType)]),
      ),
    ]),
  ])
