import { type Box, type Connector, pausedByUs, type Transaction } from './box.ts'
import { compact, int, maybe, oneOf, part, text } from './fields.ts'
import type { Call, Fields, Reply } from './link.ts'
import { averagedSince, type Context, iso, readMeter, type Sample } from './meter.ts'
import { clearVariableMonitoring, notifyEvents, notifyLimit, setVariableMonitoring } from './notices201.ts'
import type { Held, Source } from './profiles.ts'
import { formatProfile201, parseClear201, parseProfile201, purpose, unit } from './profiles201.ts'
import { answering, ok, smartCharging } from './replies.ts'
import { clearProfiles, composite, heldProfiles, setProfile } from './smart.ts'
import { chargingState, type Dialect, type Station, type StopReason } from './station.ts'
import { getVariables, reportData, setVariables } from './variables201.ts'

/** A sampled value as 2.0.1 writes it: a number, its unit with a power of ten. */
const sampledValue = (sample: Sample, context: Context): Fields =>
  compact({
    value: sample.value,
    context,
    measurand: sample.measurand,
    unitOfMeasure: sample.exponent === 0 ? { unit: sample.unit } : { unit: sample.unit, multiplier: sample.exponent },
    phase: sample.phase === undefined ? undefined : sample.perNeutral ? `${sample.phase}-N` : sample.phase,
  })

const meterValue = (station: Station, c: Connector, context: Context): readonly Fields[] | undefined => {
  const { box } = station
  const since = averagedSince(box, c, context)
  const values = readMeter(box, c, station.now(), box.settings.measurands, since).map(s => sampledValue(s, context))
  return values.length === 0 ? undefined : [{ timestamp: iso(since?.ms ?? station.now()), sampledValue: values }]
}

type TxEvent = { eventType: 'Started' | 'Updated' | 'Ended'; triggerReason: string; more?: Fields; info?: Fields; keep: boolean }

/** A TransactionEvent (E01, E02, E06). Its seqNo is taken when it is first sent, so that events that are dropped leave no gap. */
const transactionEvent = (station: Station, c: Connector, tx: Transaction, event: TxEvent): Call => {
  const timestamp = iso(station.now())
  const offline = station.linked() ? undefined : true
  let payload: Fields | undefined
  const make = (): Fields =>
    compact({
      eventType: event.eventType,
      timestamp,
      triggerReason: event.triggerReason,
      seqNo: tx.seqNo++,
      offline,
      transactionInfo: { transactionId: tx.id, ...event.info },
      evse: { id: c.n, connectorId: 1 },
      ...event.more,
    })
  return { action: 'TransactionEvent', keep: event.keep, payload: () => (payload ??= make()) }
}

const stateOf = (c: Connector) => chargingState(c, pausedByUs(c))

const readings = (station: Station, c: Connector, context: Context): Call | undefined => {
  const reading = meterValue(station, c, context)
  if (reading === undefined) return undefined
  if (c.tx === undefined) return { action: 'MeterValues', payload: () => ({ evseId: c.n, meterValue: reading }) }
  const reasons = { 'Sample.Clock': 'MeterValueClock', Trigger: 'Trigger' } as Readonly<Record<string, string>>
  const triggerReason = reasons[context] ?? 'MeterValuePeriodic'
  const more = { meterValue: reading }
  return transactionEvent(station, c, c.tx, { eventType: 'Updated', triggerReason, info: { chargingState: stateOf(c) }, more, keep: false })
}

const evseId = (box: Box, payload: Fields): number => {
  const n = int(payload, 'evseId')
  return n >= 0 && n <= box.connectors.length ? n : oneOf({ evseId: String(n) }, 'evseId', [])
}

const rejected = (reasonCode: string): Reply => ok({ status: 'Rejected', statusInfo: { reasonCode } })

const setChargingProfile = ({ box }: Station, payload: Fields): Reply => {
  const n = int(payload, 'evseId')
  const profile = parseProfile201(part(payload, 'chargingProfile'))
  if (n < 0 || n > box.connectors.length) return rejected('UnknownEvse') // K01.FR.28
  const verdict = setProfile(box, '2.0.1', n, profile)
  return verdict.kind === 'accepted' ? ok({ status: 'Accepted' }) : rejected(verdict.reason)
}

const clearChargingProfile = ({ box }: Station, payload: Fields): Reply =>
  ok({ status: clearProfiles(box, parseClear201(payload)) ? 'Accepted' : 'Unknown' })

const getCompositeSchedule = (station: Station, payload: Fields): Reply => {
  const { box } = station
  const n = evseId(box, payload)
  const duration = int(payload, 'duration')
  const chargingRateUnit = maybe(payload, 'chargingRateUnit', unit) ?? 'A'
  const missing = box.traits.compositeMissing
  if (missing === 'rejected') return rejected('UnsupportedRequest')
  // an empty list of periods would break the schema, so here both ways of saying nothing are an absent schedule
  if (missing !== false) return ok({ status: 'Accepted' })
  const chargingSchedulePeriod = composite(box, n, duration, chargingRateUnit, station.now()).map(p => ({
    startPeriod: p.startS,
    limit: p.limit,
    numberPhases: p.phases,
  }))
  const schedule = { evseId: n, duration, scheduleStart: iso(station.now()), chargingRateUnit, chargingSchedulePeriod }
  return ok({ status: 'Accepted', schedule })
}

const getChargingProfiles = (station: Station, payload: Fields): Reply => {
  const { box } = station
  const requestId = int(payload, 'requestId')
  const criterion = part(payload, 'chargingProfile')
  const ids = criterion['chargingProfileId'] as readonly number[] | undefined
  const sources = criterion['chargingLimitSource'] as readonly Source[] | undefined
  const filter = {
    evse: maybe(payload, 'evseId', int),
    purpose: maybe(criterion, 'chargingProfilePurpose', purpose),
    stackLevel: maybe(criterion, 'stackLevel', int),
  }
  const found = heldProfiles(box, filter).filter(
    h => (ids === undefined || ids.includes(h.profile.id)) && (sources === undefined || sources.includes(h.source ?? 'CSO')),
  )
  if (found.length === 0) return ok({ status: 'NoProfiles' })
  return { ...ok({ status: 'Accepted' }), after: () => reportProfiles(station, requestId, found) }
}

/** K09: one report per EVSE and source, all but the last "to be continued". */
const reportProfiles = (station: Station, requestId: number, found: readonly Held[]): void => {
  const groups = new Map<string, Held[]>()
  for (const held of found) {
    const key = `${held.evse}/${held.source ?? 'CSO'}`
    groups.set(key, [...(groups.get(key) ?? []), held])
  }
  const reports = [...groups.values()]
  reports.forEach((held, i) => {
    const { evse, source } = held[0]!
    const tbc = i < reports.length - 1
    const payload = { requestId, chargingLimitSource: source ?? 'CSO', evseId: evse, tbc, chargingProfile: held.map(formatProfile201) }
    station.call({ action: 'ReportChargingProfiles', payload: () => payload })
  })
}

const triggerMessage = (station: Station, payload: Fields): Reply => {
  const evse = maybe(payload, 'evse', part)
  const n = evse === undefined ? undefined : int(evse, 'id')
  const which = station.box.connectors.filter(c => n === undefined || n === 0 || c.n === n)
  const accepted = (after: () => void): Reply => ({ ...ok({ status: 'Accepted' }), after })
  const readAll = (connectors: readonly Connector[]) => () => {
    for (const c of connectors) {
      const call = readings(station, c, 'Trigger')
      if (call !== undefined) station.callFirst(call)
    }
  }
  switch (text(payload, 'requestedMessage')) {
    case 'BootNotification':
      return accepted(() => station.boot('Triggered'))
    case 'Heartbeat':
      return accepted(() => station.callFirst({ action: 'Heartbeat', payload: () => ({}) }))
    case 'MeterValues':
      return accepted(() => {
        for (const c of which) {
          const reading = meterValue(station, c, 'Trigger')
          if (reading !== undefined) station.callFirst({ action: 'MeterValues', payload: () => ({ evseId: c.n, meterValue: reading }) })
        }
      })
    case 'TransactionEvent': {
      const running = which.filter(c => c.tx !== undefined)
      return running.length === 0 ? ok({ status: 'Rejected' }) : accepted(readAll(running))
    }
    case 'StatusNotification':
      return accepted(() => which.forEach(c => void station.callFirst(ocpp201.status(station, c, ocpp201.statusOf(station, c)))))
    default:
      return ok({ status: 'NotImplemented' })
  }
}

const requestStart = (station: Station, payload: Fields): Reply => {
  const { box } = station
  const remoteStartId = int(payload, 'remoteStartId')
  const idToken = text(part(payload, 'idToken'), 'idToken', 36)
  const n = maybe(payload, 'evseId', int)
  const connector = box.connectors.find(c => (n === undefined || c.n === n) && c.car !== undefined && c.tx === undefined && c.operative)
  if (connector === undefined) return rejected('NoCarConnected')
  const fields = maybe(payload, 'chargingProfile', part)
  const profile = fields === undefined ? undefined : parseProfile201(fields)
  // F01.FR.10-12: only a TxProfile, and the transaction it is for does not exist yet
  if (profile !== undefined && (profile.purpose !== 'tx' || profile.transactionId !== undefined)) return rejected('InvalidProfile')
  const after = () => {
    connector.wants = true
    station.begin(connector, idToken, remoteStartId)
    const transactionId = connector.tx?.id
    if (profile !== undefined && transactionId !== undefined) setProfile(box, '2.0.1', connector.n, { ...profile, transactionId })
  }
  return { ...ok({ status: 'Accepted' }), after }
}

const requestStop = (station: Station, payload: Fields): Reply => {
  const id = text(payload, 'transactionId', 36)
  const connector = station.box.connectors.find(c => c.tx?.id === id)
  if (connector === undefined) return rejected('TxNotFound')
  return { ...ok({ status: 'Accepted' }), after: () => station.end(connector, 'Remote') }
}

const changeAvailability = ({ box }: Station, payload: Fields): Reply => {
  const evse = maybe(payload, 'evse', part)
  const n = evse === undefined ? 0 : int(evse, 'id')
  const operative = oneOf(payload, 'operationalStatus', ['Operative', 'Inoperative']) === 'Operative'
  const which = box.connectors.filter(c => n === 0 || c.n === n)
  if (which.length === 0) return rejected('UnknownEvse')
  for (const c of which) c.operative = operative
  return ok({ status: !operative && which.some(c => c.tx !== undefined) ? 'Scheduled' : 'Accepted' })
}

const getBaseReport = (station: Station, payload: Fields): Reply => {
  const requestId = int(payload, 'requestId')
  oneOf(payload, 'reportBase', ['ConfigurationInventory', 'FullInventory', 'SummaryInventory'])
  const report = { requestId, generatedAt: iso(station.now()), seqNo: 0, tbc: false, reportData: reportData(station.box) }
  return { ...ok({ status: 'Accepted' }), after: () => station.call({ action: 'NotifyReport', payload: () => report }) }
}

const HANDLERS: Readonly<Record<string, (station: Station, payload: Fields) => Reply>> = {
  SetChargingProfile: smartCharging(setChargingProfile),
  ClearChargingProfile: smartCharging(clearChargingProfile),
  GetCompositeSchedule: smartCharging(getCompositeSchedule),
  GetChargingProfiles: smartCharging(getChargingProfiles),
  TriggerMessage: triggerMessage,
  RequestStartTransaction: requestStart,
  RequestStopTransaction: requestStop,
  ChangeAvailability: changeAvailability,
  GetVariables: ({ box }, payload) => ok(getVariables(box, payload)),
  SetVariables: ({ box }, payload) => ok(setVariables(box, payload)),
  GetBaseReport: getBaseReport,
  SetVariableMonitoring: setVariableMonitoring,
  ClearVariableMonitoring: clearVariableMonitoring,
  DataTransfer: () => ok({ status: 'UnknownVendorId' }),
  Reset: (station, payload) => {
    oneOf(payload, 'type', ['Immediate', 'OnIdle'])
    return { ...ok({ status: 'Accepted' }), after: () => station.reset('RemoteReset') }
  },
  ClearCache: () => ok({ status: 'Accepted' }),
  GetTransactionStatus: (station, payload) => {
    const id = maybe(payload, 'transactionId', text)
    const ongoing = station.box.connectors.some(c => c.tx !== undefined && c.tx.id === id)
    return ok(compact({ ongoingIndicator: id === undefined ? undefined : ongoing, messagesInQueue: false }))
  },
}

const STOPPED: Readonly<Record<StopReason, { stoppedReason: string; triggerReason: string }>> = {
  Remote: { stoppedReason: 'Remote', triggerReason: 'RemoteStop' },
  EVDisconnected: { stoppedReason: 'EVDisconnected', triggerReason: 'EVDeparted' },
  Reboot: { stoppedReason: 'Reboot', triggerReason: 'ResetCommand' },
  DeAuthorized: { stoppedReason: 'DeAuthorized', triggerReason: 'Deauthorized' },
  Local: { stoppedReason: 'Local', triggerReason: 'StopAuthorized' },
}

const tokenStatus = (payload: Fields): unknown => (payload['idTokenInfo'] as Fields | undefined)?.['status']
const idToken = (tag: string): Fields => ({ idToken: tag, type: 'ISO14443' })

/** The charger's side of OCPP 2.0.1. */
export const ocpp201: Dialect = {
  subprotocol: 'ocpp2.0.1',
  boot: ({ box: { spec } }, reason) => ({
    action: 'BootNotification',
    payload: {
      reason,
      chargingStation: {
        vendorName: spec.vendor ?? 'Simulated',
        model: spec.model ?? `AC${spec.phases}x${spec.maxA}`,
        serialNumber: spec.identity.slice(0, 25),
        firmwareVersion: spec.firmware ?? '1.0.0',
      },
    },
  }),
  authorize: (_station, tag, told) => ({
    action: 'Authorize',
    payload: () => ({ idToken: idToken(tag) }),
    answered: a => told(a.kind === 'result' ? tokenStatus(a.payload) === 'Accepted' : a.kind === 'error' ? true : undefined),
  }),
  statusOf: (_station, c) => (!c.operative && c.tx === undefined ? 'Unavailable' : c.car === undefined ? 'Available' : 'Occupied'),
  status: (station, c, connectorStatus) => {
    const timestamp = iso(station.now())
    return { action: 'StatusNotification', payload: () => ({ timestamp, connectorStatus, evseId: c.n, connectorId: 1 }) }
  },
  afterBoot: station => {
    if (!station.box.traits.securityEvents) return
    const timestamp = iso(station.now())
    station.call({ action: 'SecurityEventNotification', payload: () => ({ type: 'StartupOfTheDevice', timestamp }) })
  },
  started: (station, c) => {
    const tx = c.tx!
    tx.id = transactionId(station, c)
    tx.toldState = 'EVConnected'
    const reading = meterValue(station, c, 'Transaction.Begin')
    const remote = tx.remoteStartId !== undefined
    const call = transactionEvent(station, c, tx, {
      eventType: 'Started',
      triggerReason: remote ? 'RemoteStart' : 'Authorized',
      info: compact({ chargingState: 'EVConnected', remoteStartId: tx.remoteStartId }),
      more: compact({ idToken: idToken(tx.idTag), meterValue: reading, numberOfPhasesUsed: c.phasesUsed }),
      keep: true,
    })
    const answered: Call['answered'] = a => {
      const status = a.kind === 'result' ? tokenStatus(a.payload) : undefined
      if (status !== undefined && status !== 'Accepted' && c.tx === tx) station.end(c, 'DeAuthorized')
    }
    station.call({ ...call, answered })
  },
  stopped: (station, c, reason) => {
    const { stoppedReason, triggerReason } = STOPPED[reason]
    const more = compact({ meterValue: meterValue(station, c, 'Transaction.End') })
    const info = { chargingState: c.car === undefined ? 'Idle' : 'EVConnected', stoppedReason }
    station.call(transactionEvent(station, c, c.tx!, { eventType: 'Ended', triggerReason, info, more, keep: true }))
  },
  changed: (station, c) => {
    const tx = c.tx!
    const state = stateOf(c)
    const rateChanged = Math.abs((c.appliedA ?? 1e9) - (c.toldAppliedA ?? 1e9)) >= 1
    if (state === tx.toldState && !rateChanged) return
    const triggerReason = state === tx.toldState ? 'ChargingRateChanged' : 'ChargingStateChanged'
    tx.toldState = state
    c.toldAppliedA = c.appliedA
    station.call(transactionEvent(station, c, tx, { eventType: 'Updated', triggerReason, info: { chargingState: state }, keep: false }))
  },
  sampled: (station, c, context) => {
    const call = readings(station, c, context)
    if (call !== undefined) station.call(call)
  },
  tick: notifyEvents,
  localLimit: notifyLimit,
  answer: answering(HANDLERS, {
    missing: 'OccurrenceConstraintViolation',
    type: 'TypeConstraintViolation',
    value: 'PropertyConstraintViolation',
  }),
}

/** Unique for the station for ever: its clock, its count, and a draw. */
const transactionId = (station: Station, c: Connector): string =>
  `${station.now().toString(36)}-${c.n}-${(++station.box.serial).toString(36)}-${Math.floor(station.box.chance() * 2 ** 32).toString(36)}`
