// HISTORY_USAGE [R331]: energy of the past from what the meters said, not from what was sent as telemetry. No I/O: columns in, oadrReports out.
import type { FleetHistory } from '../../../src/ports.ts'
import { realEnergy } from './parts.ts'
import type { Report, ReportPoint, ReportRequest } from './report.ts'
import type { Refusal } from './telemetry.ts'

export type HistoryResource = {
  readonly id: string
  readonly history: (span: { readonly fromS: number; readonly toS: number; readonly stepS: number }) => Promise<FleetHistory>
}
export const HISTORY = 'history'
/** How far back is offered, and where a request does not say how long: a day. */
const OFFERED_S = 60 * 86_400
const DAY_S = 86_400
const DEFAULT_STEP_S = 1_800
/** Intervals of one report: 48 half hours of the 60 days that are offered. */
const MOST_INTERVALS = 2_880
const rIDOf = (resource: string) => (resource ? `${HISTORY}:${resource}` : HISTORY)

/** Wh of interval data: each interval has a start and a duration [R337]. Energy is kept by the minute, so a granularity is whole minutes. */
export const createHistory = (options: { readonly resources: readonly HistoryResource[]; readonly venID: () => string }) => {
  const spanOf = (r: ReportRequest, nowMs: number) => {
    const stepS = r.granularityS || DEFAULT_STEP_S
    const nowS = Math.floor(nowMs / 1000)
    const startMs = r.interval?.dtstartMs ?? (nowS - DAY_S) * 1000
    const fromS = Math.floor(startMs / 1000 / stepS) * stepS
    // An open end means up to now [R325]; what is not over yet is no history.
    const endS = r.interval && r.interval.durationS > 0 ? startMs / 1000 + r.interval.durationS : nowS
    const toS = Math.floor(Math.min(endS, nowS) / stepS) * stepS
    return { fromS, toS, stepS, nowS }
  }
  const refusalOf = (r: ReportRequest, nowMs: number): Refusal | undefined => {
    const refuse = (code: Refusal['code'], why: string): Refusal => ({ reportRequestID: r.reportRequestID, code, why })
    const unknown = r.points.find(p => !options.resources.some(s => p.rID === rIDOf(s.id)))
    if (unknown || r.points.length === 0) return refuse('452', `no data point ${unknown?.rID ?? ''}`)
    const { fromS, toS, stepS, nowS } = spanOf(r, nowMs)
    if (r.reportBackS < 0) return refuse('454', 'negative duration')
    if (r.granularityS < 0 || stepS % 60 !== 0) return refuse('454', `granularity ${r.granularityS} s is no whole minutes`)
    if (fromS < nowS - OFFERED_S - stepS) return refuse('454', `history reaches back ${OFFERED_S / DAY_S} days`)
    if (toS <= fromS) return refuse('454', 'nothing of the interval is over yet')
    if ((toS - fromS) / stepS > MOST_INTERVALS) return refuse('454', `more than ${MOST_INTERVALS} intervals in a report`)
    return undefined
  }

  return {
    /** What is offered, as one metadata report; its duration is how far back it reaches. */
    describe: (nowMs: number): Report => ({
      durationS: OFFERED_S,
      intervals: [],
      descriptions: options.resources.map(r => ({
        rID: rIDOf(r.id),
        dataSource: [{ kind: 'resourceID' as const, id: r.id || options.venID() }],
        reportType: 'usage',
        itemBase: realEnergy(),
        readingType: 'Direct Read',
        samplingRate: { minS: 60, maxS: DAY_S, onChange: false },
      })),
      reportRequestID: '0',
      reportSpecifierID: HISTORY,
      reportName: 'METADATA_HISTORY_USAGE',
      createdMs: nowMs,
    }),
    refusalOf,
    /** What a request asks for, S, as far as it is over. */
    spanOf,
    /** The report of a request that was not refused, as the meters say it now. */
    report: async (request: ReportRequest, nowMs: number): Promise<Report> => {
      const span = spanOf(request, nowMs)
      const count = (span.toS - span.fromS) / span.stepS
      const columns = new Map<string, FleetHistory>()
      for (const { rID } of request.points) columns.set(rID, await options.resources.find(s => rID === rIDOf(s.id))!.history(span))
      const dtstartMs = (k: number) => (span.fromS + k * span.stepS) * 1000
      return {
        dtstartMs: dtstartMs(0),
        durationS: count * span.stepS,
        intervals: Array.from({ length: count }, (_, k) => ({
          dtstartMs: dtstartMs(k),
          durationS: span.stepS,
          uid: String(k),
          points: request.points.map(p => pointOf(p.rID, columns.get(p.rID)!, k)),
        })),
        descriptions: [],
        reportRequestID: request.reportRequestID,
        reportSpecifierID: HISTORY,
        reportName: 'HISTORY_USAGE',
        createdMs: nowMs,
      }
    },
  }
}
export type HistoryReports = ReturnType<typeof createHistory>

/** Missing meters are said, never made up [R318]. */
const pointOf = (rID: string, { chargers, wh, known }: FleetHistory, k: number): ReportPoint => ({
  rID,
  value: { kind: 'float', value: known[k] === 0 ? 0 : Math.round(wh[k]! * 1000) / 1000 },
  quality:
    known[k] === 0
      ? 'Quality Bad - Non Specific'
      : known[k]! < chargers
        ? 'Quality Uncertain - Non Specific'
        : 'Quality Good - Non Specific',
})
