// Our side of EiReport: requests taken, refused and cancelled, data sent when due.
import { randomUUID } from 'node:crypto'
import type { Bridge } from '../../../src/ports.ts'
import { HISTORY, type HistoryReports } from './history.ts'
import type { Known } from './known.ts'
import type { KnownMessage } from './messages.ts'
import { type EiResponse, ok } from './parts.ts'
import type { CancelReport, RegisterReport, Report, ReportRequest } from './report.ts'
import type { Telemetry } from './telemetry.ts'

/** A request for our metadata, by its well-known specifier. */
const METADATA = 'METADATA'
/** What stands is looked at no more often: it is made of the energy of the whole fleet. */
const LOOK_MS = 900_000
const STANDING_MOST = 100

/** A request for history that wants to be reported back on: `said` is what was told last. */
type Standing = { readonly request: ReportRequest; said: string; nextMs: number }

export type ReportingOptions = {
  readonly peer: string
  readonly bridge: Bridge
  readonly known: Known
  readonly telemetry: Telemetry
  readonly history: HistoryReports
  readonly venID: () => string
  readonly reply: (message: KnownMessage) => void
  /** Called whenever the time of the next report may have changed. */
  readonly replan: () => void
}

export const createReporting = ({ peer, bridge, known, telemetry, history, venID, reply, replan }: ReportingOptions) => {
  const standing = new Map<string, Standing>()
  const keep = () => known.keepRequests([...telemetry.requests(), ...[...standing.values()].map(x => x.request)])
  const pending = (): readonly string[] => [...telemetry.pending(), ...standing.keys()]

  const send = (reports: readonly Report[]): void => {
    for (const report of reports) reply({ kind: 'oadrUpdateReport', requestID: randomUUID(), reports: [report], venID: venID() })
  }
  /** The past does not come again, but more of it does, and what meters say late or anew: told only where it is other than what was told. */
  const tell = async (x: Standing): Promise<void> => {
    const nowMs = bridge.now()
    x.nextMs = nowMs + Math.max(LOOK_MS, x.request.reportBackS * 1000)
    if (history.refusalOf(x.request, nowMs)) return void standing.delete(x.request.reportRequestID)
    const report = await history.report(x.request, nowMs)
    const said = JSON.stringify(report.intervals)
    if (said !== x.said) send([report])
    x.said = said
  }
  /** The same id again replaces. False where too many stand: it is told once then. */
  const stand = (request: ReportRequest): boolean => {
    standing.delete(request.reportRequestID)
    if (request.reportBackS === 0 || standing.size >= STANDING_MOST) return false
    standing.set(request.reportRequestID, { request, said: '', nextMs: bridge.now() })
    return true
  }
  const sendDue = async (): Promise<void> => {
    const before = pending().length
    send(telemetry.due(bridge.now()))
    for (const x of [...standing.values()]) if (x.nextMs <= bridge.now()) await tell(x)
    if (pending().length !== before) await keep()
    replan()
  }

  return {
    sendDue,
    /** When `sendDue` has something to do next; Infinity for never. */
    nextMs: (): number => Math.min(telemetry.nextMs(), ...[...standing.values()].map(x => x.nextMs)),
    /** A verdict over this time was revised, so the meters say something else of it: whoever asked to be reported back on it is told at once. */
    revised: async ({ fromS, toS }: { readonly fromS: number; readonly toS: number }): Promise<void> => {
      for (const x of [...standing.values()]) {
        const span = history.spanOf(x.request, bridge.now())
        if (span.fromS < toS && fromS < span.toS) await tell(x)
      }
      replan()
    },
    /** Takes up what was asked for before a restart. */
    resume: (): void => {
      const isHistory = (r: ReportRequest): boolean => r.reportSpecifierID === HISTORY
      telemetry.add(
        known.requests().filter(r => !isHistory(r)),
        bridge.now(),
      )
      known.requests().filter(isHistory).forEach(stand)
      replan()
    },
    clear: async (): Promise<void> => {
      telemetry.clear()
      standing.clear()
      await keep()
    },
    /**
     * Our metadata. Ends all running requests [R306]. `reportRequestID` only when it answers an oadrCreateReport for
     * metadata; otherwise the message has none [R311, R312].
     */
    metadata: async (reportRequestID?: string): Promise<RegisterReport> => {
      telemetry.clear()
      standing.clear()
      await keep()
      return {
        kind: 'oadrRegisterReport',
        requestID: randomUUID(),
        reports: [...telemetry.describe(bridge.now()), history.describe(bridge.now())],
        venID: venID(),
        reportRequestID,
      }
    },
    /** Answers with all that is pending [R329], then sends what is due at once. Returns the id of a request for metadata, if there was one. */
    take: async (requests: readonly ReportRequest[], requestID: string): Promise<string | undefined> => {
      const nowMs = bridge.now()
      const past = requests.filter(r => r.reportSpecifierID === HISTORY)
      const refusals = [
        ...telemetry.add(
          requests.filter(r => r.reportSpecifierID !== METADATA && r.reportSpecifierID !== HISTORY),
          nowMs,
        ),
        ...past.flatMap(r => history.refusalOf(r, nowMs) ?? []),
      ]
      const told = past.filter(r => !refusals.some(x => x.reportRequestID === r.reportRequestID))
      for (const { reportRequestID, code } of refusals) await bridge.note('openadr2b.reportRefused', { peer, reportRequestID, code })
      const first = refusals[0]
      const response: EiResponse = first
        ? { code: first.code, description: `${first.reportRequestID}: ${first.why}`, requestID }
        : ok(requestID)
      const once = told.filter(r => !stand(r))
      reply({ kind: 'oadrCreatedReport', response, pending: [...pending(), ...once.map(r => r.reportRequestID)], venID: venID() })
      await keep()
      for (const request of once) send([await history.report(request, nowMs)])
      await sendDue()
      return requests.find(r => r.reportSpecifierID === METADATA)?.reportRequestID
    },
    cancel: async (m: CancelReport): Promise<void> => {
      const own = m.reportRequestIDs.filter(id => standing.has(id))
      const { unknown, last } = telemetry.cancel(
        m.reportRequestIDs.filter(id => !own.includes(id)),
        m.reportToFollow,
        bridge.now(),
      )
      const followUp: Report[] = []
      for (const id of own) {
        if (m.reportToFollow) followUp.push(await history.report(standing.get(id)!.request, bridge.now()))
        standing.delete(id)
      }
      const response: EiResponse =
        unknown.length > 0 ? { code: '452', description: `unknown: ${unknown.join(', ')}`, requestID: m.requestID } : ok(m.requestID)
      reply({ kind: 'oadrCanceledReport', response, pending: pending(), venID: venID() })
      send([...last, ...followUp])
      await keep()
    },
  }
}
