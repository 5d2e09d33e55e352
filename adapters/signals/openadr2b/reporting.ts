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
  const keep = () => known.keepRequests(telemetry.requests())

  const send = (reports: readonly Report[]): void => {
    for (const report of reports) reply({ kind: 'oadrUpdateReport', requestID: randomUUID(), reports: [report], venID: venID() })
  }
  const sendDue = async (): Promise<void> => {
    const before = telemetry.pending().length
    send(telemetry.due(bridge.now()))
    if (telemetry.pending().length !== before) await keep()
    replan()
  }

  return {
    sendDue,
    /** Takes up what was asked for before a restart. */
    resume: (): void => {
      telemetry.add(known.requests(), bridge.now())
      replan()
    },
    clear: async (): Promise<void> => {
      telemetry.clear()
      await keep()
    },
    /**
     * Our metadata. Ends all running requests [R306]. `reportRequestID` only when it answers an oadrCreateReport for
     * metadata; otherwise the message has none [R311, R312].
     */
    metadata: async (reportRequestID?: string): Promise<RegisterReport> => {
      telemetry.clear()
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
      const pending = [...telemetry.pending(), ...told.map(r => r.reportRequestID)]
      reply({ kind: 'oadrCreatedReport', response, pending, venID: venID() })
      await keep()
      for (const request of told) send([await history.report(request, nowMs)])
      await sendDue()
      return requests.find(r => r.reportSpecifierID === METADATA)?.reportRequestID
    },
    cancel: async (m: CancelReport): Promise<void> => {
      const { unknown, last } = telemetry.cancel(m.reportRequestIDs, m.reportToFollow, bridge.now())
      const response: EiResponse =
        unknown.length > 0 ? { code: '452', description: `unknown: ${unknown.join(', ')}`, requestID: m.requestID } : ok(m.requestID)
      reply({ kind: 'oadrCanceledReport', response, pending: telemetry.pending(), venID: venID() })
      send(last)
      await keep()
    },
  }
}
