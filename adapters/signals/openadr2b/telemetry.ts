// What we report and when. No I/O: figures in, oadrReports out.
import type { FleetFigures } from '../../../src/ports.ts'
import { realPower } from './parts.ts'
import type { Report, ReportDescription, ReportPoint, ReportRequest, ReportValue } from './report.ts'

/** A part of the fleet with an rID of its own; '' is the whole. */
export type Resource = { readonly id: string; readonly figures: () => FleetFigures }
export type Refusal = { readonly reportRequestID: string; readonly code: '452' | '454' | '461'; readonly why: string }
type Sample = { readonly atMs: number; readonly points: readonly ReportPoint[] }
type Running = {
  readonly request: ReportRequest
  readonly startMs: number
  readonly endMs: number
  nextSampleMs: number
  nextReportMs: number
  samples: Sample[]
}

/** Points kept per report while the VTN cannot be reached; the profile asks for 100 or more [R510]. */
const BUFFER = 1_000
const MAX_PERIOD_S = 3_600
const USAGE = 'usage'
const STATUS = 'status'
const rIDs = (kind: string, resource: string) => (resource ? `${kind}:${resource}` : kind)

export type Telemetry = ReturnType<typeof createTelemetry>

/** `minS` is the finest sampling offered. Data are spot values, so intervals have a start and no duration [R314, R337]. */
export const createTelemetry = (options: {
  readonly resources: readonly Resource[]
  readonly minS: number
  readonly venID: () => string
}) => {
  const running = new Map<string, Running>()
  const previous = new Map<string, string>()

  const describe = (nowMs: number): readonly Report[] => {
    const report = (specifier: string, describeOne: (r: Resource) => ReportDescription): Report => ({
      durationS: MAX_PERIOD_S,
      intervals: [],
      descriptions: options.resources.map(describeOne),
      reportRequestID: '0',
      reportSpecifierID: specifier,
      reportName: `METADATA_TELEMETRY_${specifier.toUpperCase()}`,
      createdMs: nowMs,
    })
    const source = (r: Resource) => [{ kind: 'resourceID' as const, id: r.id || options.venID() }]
    const samplingRate = { minS: options.minS, maxS: MAX_PERIOD_S, onChange: false }
    return [
      report(USAGE, r => ({
        rID: rIDs(USAGE, r.id),
        dataSource: source(r),
        reportType: 'usage',
        itemBase: realPower(),
        readingType: 'Direct Read',
        samplingRate,
      })),
      report(STATUS, r => ({
        rID: rIDs(STATUS, r.id),
        dataSource: source(r),
        reportType: 'x-resourceStatus',
        readingType: 'x-notApplicable',
        samplingRate,
      })),
    ]
  }

  const refusalOf = (r: ReportRequest): Refusal | undefined => {
    const refuse = (code: Refusal['code'], why: string): Refusal => ({ reportRequestID: r.reportRequestID, code, why })
    if (r.reportSpecifierID !== USAGE && r.reportSpecifierID !== STATUS) return refuse('461', `no report ${r.reportSpecifierID}`)
    const unknown = r.points.find(p => !options.resources.some(s => p.rID === rIDs(r.reportSpecifierID, s.id)))
    if (unknown || r.points.length === 0) return refuse('452', `no data point ${unknown?.rID ?? ''}`)
    if (r.reportBackS < 0 || r.granularityS < 0) return refuse('454', 'negative duration')
    // For a single report granularity means nothing [R317].
    if (r.reportBackS === 0) return undefined
    if (r.granularityS > 0 && r.granularityS < options.minS)
      return refuse('454', `granularity ${r.granularityS} s is finer than ${options.minS} s`) // [R324]
    // On change: nothing is looked at more often than is offered either.
    if (r.reportBackS < options.minS) return refuse('454', `a report each ${r.reportBackS} s is finer than ${options.minS} s`)
    if (r.granularityS > MAX_PERIOD_S || r.granularityS > r.reportBackS)
      return refuse('454', `granularity ${r.granularityS} s is more than is offered`) // [R340]
    return undefined
  }

  const pointOf = (rID: string): ReportPoint => {
    const resource = options.resources.find(s => rID === rIDs(USAGE, s.id) || rID === rIDs(STATUS, s.id))!
    const figures = resource.figures()
    const isUsage = rID === rIDs(USAGE, resource.id)
    return {
      rID,
      value: isUsage ? { kind: 'float', value: Math.round(figures.powerW) } : statusOf(figures),
      quality: qualityOf(figures, isUsage),
    }
  }

  const sample = (run: Running, atMs: number): void => {
    const onChange = run.request.granularityS === 0 && run.request.reportBackS > 0
    const points = run.request.points.map(p => {
      const point = pointOf(p.rID)
      if (!onChange) return point
      const key = `${run.request.reportRequestID} ${p.rID}`
      const same = previous.get(key) === JSON.stringify(point)
      previous.set(key, JSON.stringify(point))
      return same ? { ...point, quality: 'No New Value - Previous Value Used' } : point
    })
    run.samples.push({ atMs, points })
    if (run.samples.length > BUFFER) run.samples.shift()
  }

  const reportOf = (run: Running, nowMs: number): Report => {
    const report: Report = {
      dtstartMs: run.samples[0]!.atMs,
      intervals: run.samples.map((s, i) => ({ dtstartMs: s.atMs, uid: String(i), points: s.points })),
      descriptions: [],
      reportRequestID: run.request.reportRequestID,
      reportSpecifierID: run.request.reportSpecifierID,
      reportName: `TELEMETRY_${run.request.reportSpecifierID.toUpperCase()}`,
      createdMs: nowMs,
    }
    run.samples = []
    return report
  }

  const everyMs = (r: ReportRequest) => (r.granularityS > 0 ? r.granularityS : r.reportBackS) * 1000
  /** The first point of the grid from `startMs` in steps of `stepMs` that is after `nowMs`. */
  const nextOn = (startMs: number, stepMs: number, nowMs: number) =>
    startMs + Math.max(1, Math.floor((nowMs - startMs) / stepMs) + 1) * stepMs

  return {
    describe,
    /** Starts what can be served; says why not of the rest. The same id again replaces. */
    add: (requests: readonly ReportRequest[], nowMs: number): readonly Refusal[] =>
      requests.flatMap(request => {
        const refusal = refusalOf(request)
        if (refusal) return [refusal]
        const startMs = Math.max(request.interval?.dtstartMs ?? nowMs, nowMs)
        const endMs =
          request.interval && request.interval.durationS > 0
            ? request.interval.dtstartMs + request.interval.durationS * 1000
            : Number.POSITIVE_INFINITY // [R325]
        const once = request.reportBackS === 0
        running.set(request.reportRequestID, {
          request,
          startMs,
          endMs,
          nextSampleMs: once ? nowMs : startMs + everyMs(request),
          nextReportMs: once ? nowMs : startMs + request.reportBackS * 1000,
          samples: [],
        })
        return []
      }),
    /** Requests still to be served, also those just taken [R329]. */
    pending: (): readonly string[] => [...running.keys()],
    /** For keeping them over a restart. */
    requests: (): readonly ReportRequest[] => [...running.values()].map(r => r.request),
    /** A last report of each with data up to now [R345]; unknown ids are named [R336]. */
    cancel: (
      ids: readonly string[],
      toFollow: boolean,
      nowMs: number,
    ): { readonly unknown: readonly string[]; readonly last: readonly Report[] } => {
      const last: Report[] = []
      for (const id of ids) {
        const run = running.get(id)
        if (run && toFollow) {
          sample(run, nowMs)
          last.push(reportOf(run, nowMs))
        }
      }
      const unknown = ids.filter(id => !running.delete(id))
      return { unknown, last }
    },
    /** A new metadata exchange ends all requests [R306]. */
    clear: () => running.clear(),
    /** Takes the samples that are due and returns the reports that are. A sample that was missed is a gap, never invented. */
    due: (nowMs: number): readonly Report[] => {
      const out: Report[] = []
      for (const [id, run] of running) {
        if (run.nextSampleMs <= nowMs && run.nextSampleMs <= run.endMs) {
          sample(run, nowMs)
          run.nextSampleMs = everyMs(run.request) > 0 ? nextOn(run.startMs, everyMs(run.request), nowMs) : Number.POSITIVE_INFINITY
        }
        const over = nowMs >= run.endMs
        if (run.nextReportMs <= nowMs || over) {
          if (run.samples.length > 0) out.push(reportOf(run, nowMs))
          if (run.request.reportBackS === 0 || over) running.delete(id)
          else run.nextReportMs = nextOn(run.startMs, run.request.reportBackS * 1000, nowMs)
        }
      }
      return out
    },
    /** When `due` has something to do next; Infinity for never. */
    nextMs: (): number =>
      Math.min(Number.POSITIVE_INFINITY, ...[...running.values()].map(r => Math.min(r.nextSampleMs, r.nextReportMs, r.endMs))),
  }
}

/** Missing meters are said, never made up [R318]: no reading at all is a placeholder of bad quality, some missing is uncertain. */
const qualityOf = (f: FleetFigures, isUsage: boolean): string => {
  if (isUsage && f.metered === 0 && f.chargers > 0) return f.online === 0 ? 'Quality Bad - Not Connected' : 'Quality Bad - Non Specific'
  if (isUsage && f.unmetered > 0) return 'Quality Uncertain - Non Specific'
  return 'Quality Good - Non Specific'
}

/** Online when any charger is; overridden when any driver or operator opted out. The set point is what all together may draw now, in W. */
const statusOf = (f: FleetFigures): ReportValue => ({
  kind: 'status',
  online: f.online > 0,
  manualOverride: f.optedOut > 0,
  control:
    f.chargers === 0
      ? undefined
      : {
          setPoint: {
            min: Math.round(f.minW),
            max: Math.round(f.maxW),
            current: Math.round(f.limitedTo.limitW + (f.maxW * (f.chargers - f.limitedTo.chargers)) / f.chargers),
            normal: Math.round(f.maxW),
          },
        },
})
