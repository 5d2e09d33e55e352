import type { Box, Connector } from './box.ts'
import type { Call, Fields, Reply } from './link.ts'
import type { Context } from './meter.ts'

export type StopReason = 'Remote' | 'EVDisconnected' | 'Reboot' | 'DeAuthorized' | 'Local'
export type BootReason = 'PowerUp' | 'RemoteReset' | 'ApplicationReset' | 'Triggered'

/** What a dialect may do to the charger it speaks for. */
export type Station = {
  readonly box: Box
  /** The charger's own clock, ms. */
  now(): number
  linked(): boolean
  call(call: Call): void
  /** Sends ahead of what waits, and even while the registration is pending. */
  callFirst(call: Call): void
  begin(connector: Connector, idTag: string, remoteStartId?: number): void
  end(connector: Connector, reason: StopReason): void
  boot(reason: BootReason): void
  /** Ends transactions, drops the link and comes back. */
  reset(reason: BootReason): void
}

/** One OCPP version: what to say, and what to answer. */
export type Dialect = {
  readonly subprotocol: string
  boot(station: Station, reason: BootReason): { action: string; payload: Fields }
  /** Asks whether the driver may charge; `told` gets the answer, undefined when there was none. */
  authorize(station: Station, idTag: string, told: (allowed: boolean | undefined) => void): Call
  /** The connector's status in the version's own words. */
  statusOf(station: Station, connector: Connector): string
  status(station: Station, connector: Connector, status: string): Call
  /** Notices at start-up and after changes, apart from status. */
  afterBoot(station: Station): void
  started(station: Station, connector: Connector): void
  stopped(station: Station, connector: Connector, reason: StopReason): void
  /** A change of charging state or rate that the version reports inside a transaction. */
  changed(station: Station, connector: Connector): void
  sampled(station: Station, connector: Connector, context: Context): void
  /** What else the version says as time passes; only while registered. */
  tick(station: Station): void
  /** Tells of a limit set by somebody else on the site, A per phase; undefined when lifted. */
  localLimit(station: Station, limitA: number | undefined): void
  answer(station: Station, action: string, payload: Fields): Reply
}

/** The connector's charging state in a transaction, in the words both versions share. */
export const chargingState = (connector: Connector, pausedByUs: boolean): 'Charging' | 'SuspendedEVSE' | 'SuspendedEV' =>
  pausedByUs ? 'SuspendedEVSE' : connector.drawnA > 0 ? 'Charging' : 'SuspendedEV'
