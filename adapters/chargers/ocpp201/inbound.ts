/** OCPP 2.0.1: what a charging station sends, and our answers. Use case numbers are those of part 2. */
import type { ChargerNo } from '../../../src/core/model.ts'
import {
  booted,
  type Central,
  carSeen,
  clockSeen,
  dataTransferred,
  drawsNothing,
  type Handler,
  type Handlers,
  mayCharge,
  metered,
  nowText,
  object,
  text,
  transactionBegan,
  transactionEnded,
} from '../central.ts'
import { instantOf } from '../meterValues.ts'
import type { Payload } from '../ocppj/frames.ts'
import { chargersOf, evseOf, type StationLink } from '../station.ts'

const empty: Payload = {}
const acknowledge: Handler = () => empty

/** NoAuthorization (C15 and free vending) is no one's card: the box was set up to ask nobody. */
const allowedToken = (central: Central, idToken: Payload, chargers: readonly ChargerNo[]): boolean =>
  idToken['type'] === 'NoAuthorization' || mayCharge(central, text(idToken['idToken']), chargers)

const evseWith = (link: StationLink, transactionId: string, evse: Payload) =>
  evseOf(link, Number(evse['id'])) ?? link.evses.find(e => e.transactionId === transactionId)

const transactionEvent: Handler = (central, link, payload) => {
  if (payload['offline'] !== true) clockSeen(central, link, payload['timestamp'])
  const transactionId = text(object(payload['transactionInfo'])['transactionId'])
  // E02: only the first event must name the EVSE.
  const evse = evseWith(link, transactionId, object(payload['evse'])) ?? (link.evses.length === 1 ? link.evses[0] : undefined)
  if (evse !== undefined) {
    const state = object(payload['transactionInfo'])['chargingState']
    if (typeof state === 'string') {
      evse.status = state
      carSeen(central, link, evse, state)
    }
    if (payload['eventType'] !== 'Ended' && transactionId !== '') transactionBegan(central, link, evse, transactionId, '')
    if (payload['meterValue'] !== undefined) metered(central, link, evse.evseId, payload['meterValue'])
    if (payload['eventType'] === 'Ended') {
      drawsNothing(central, link, evse, payload['timestamp'])
      transactionEnded(central, evse)
    }
  }
  if (payload['idToken'] === undefined) return empty
  const chargers = evse === undefined ? chargersOf(link) : [evse.charger]
  return { idTokenInfo: { status: allowedToken(central, object(payload['idToken']), chargers) ? 'Accepted' : 'Unknown' } }
}

const reportChargingProfiles: Handler = (_central, link, payload) => {
  const report = link.reports?.get(Number(payload['requestId']))
  if (report === undefined) return empty
  const profiles = Array.isArray(payload['chargingProfile']) ? payload['chargingProfile'] : []
  for (const profile of profiles) report.profiles.push({ evseId: Number(payload['evseId']) || 0, profile: object(profile) })
  if (payload['tbc'] !== true) report.done(true)
  return empty
}

const notifyChargingLimit: Handler = (central, link, payload) => {
  const limit = object(payload['chargingLimit'])
  const source = text(limit['chargingLimitSource'])
  const evseId = Number(payload['evseId']) || 0
  // K12: the station composes an external limit by itself, so it changes nothing that we send.
  central.note(link, 'chargingLimit', { station: link.no, evse: evseId, source, gridCritical: limit['isGridCritical'] === true })
  if (central.settings.override.limitSources.includes(source)) {
    const evse = evseOf(link, evseId)
    for (const charger of evse === undefined ? chargersOf(link) : [evse.charger])
      central.sink.override(charger, `NotifyChargingLimit ${source}`)
  }
  return empty
}

/** N08: periodic monitoring. A power variable of an EVSE's meter is a reading like any other. */
const notifyEvent: Handler = (central, link, payload) => {
  const events = Array.isArray(payload['eventData']) ? payload['eventData'] : []
  for (const item of events) {
    const event = object(item)
    const component = object(event['component'])
    const variable = text(object(event['variable'])['name'])
    const evseId = Number(object(component['evse'])['id']) || (link.evses.length === 1 ? link.evses[0]!.evseId : 0)
    const value = Number(event['actualValue'])
    const measurand =
      variable === 'Power' || variable === 'ActivePower' || variable === 'Power.Active.Import' ? 'Power.Active.Import' : null
    if (measurand !== null && event['trigger'] === 'Periodic' && Number.isFinite(value) && evseId > 0)
      metered(central, link, evseId, [
        { timestamp: event['timestamp'], sampledValue: [{ value, measurand, unitOfMeasure: { unit: 'W' } }] },
      ])
    else if (event['trigger'] === 'Alerting')
      central.note(link, 'monitorAlert', { station: link.no, component: text(component['name']), variable })
  }
  return empty
}

const statusNotification: Handler = (central, link, payload) => {
  clockSeen(central, link, payload['timestamp'])
  const evse = evseOf(link, Number(payload['evseId']))
  if (evse !== undefined) {
    evse.status = text(payload['connectorStatus'])
    // `Occupied` says less than the charging state of a running transaction.
    if (evse.status !== 'Occupied' || evse.transactionId === null) carSeen(central, link, evse, evse.status)
    if (evse.status === 'Available') {
      drawsNothing(central, link, evse, payload['timestamp'])
      transactionEnded(central, evse)
    }
  }
  return empty
}

/** 2.1's NotifyPriorityCharging: some stations send it on 2.0.1 already. It beats a TxProfile, so it is the driver's override. */
const priorityCharging: Handler = (central, link, payload) => {
  const evse = link.evses.find(e => e.transactionId === payload['transactionId'])
  if (evse !== undefined && payload['activated'] === true) central.sink.override(evse.charger, 'priority charging')
  return empty
}

/** K15: what an ISO 15118 car says of its need. We make it no charging schedule of its own (`Rejected`), but whoever has time is told to wait first. */
const chargingNeeds: Handler = (central, link, payload) => {
  const evse = evseOf(link, Number(payload['evseId']))
  const needs = object(payload['chargingNeeds'])
  const departMs = instantOf(needs['departureTime']) - link.offsetMs
  const needWh = Number(object(needs['acChargingParameters'] ?? needs['dcChargingParameters'])['energyAmount'])
  if (evse !== undefined)
    central.sink.session(evse.charger, {
      phase: 'plugged',
      ...(Number.isNaN(departMs) ? {} : { departS: Math.floor(departMs / 1000) }),
      ...(Number.isFinite(needWh) && needWh >= 0 ? { needWh } : {}),
    })
  return { status: 'Rejected' }
}

/** Answers to everything that a 2.0.1 station may send. */
export const inbound201: Handlers = {
  BootNotification: (central, link, payload) => {
    const station = object(payload['chargingStation'])
    return booted(
      central,
      link,
      text(station['vendorName']),
      text(station['model']),
      text(station['firmwareVersion']),
      text(payload['reason']),
    )
  },
  Heartbeat: central => ({ currentTime: nowText(central) }),
  StatusNotification: statusNotification,
  Authorize: (central, link, payload) => ({
    idTokenInfo: { status: allowedToken(central, object(payload['idToken']), chargersOf(link)) ? 'Accepted' : 'Unknown' },
  }),
  TransactionEvent: transactionEvent,
  MeterValues: (central, link, payload) => {
    metered(central, link, Number(payload['evseId']) || 0, payload['meterValue'])
    return empty
  },
  ReportChargingProfiles: reportChargingProfiles,
  NotifyChargingLimit: notifyChargingLimit,
  ClearedChargingLimit: (central, link, payload) => {
    central.note(link, 'chargingLimitCleared', { station: link.no, source: text(payload['chargingLimitSource']) })
    return empty
  },
  NotifyEvent: notifyEvent,
  NotifyPriorityCharging: priorityCharging,
  UsePriorityCharging: priorityCharging,
  DataTransfer: (central, link, payload) => dataTransferred(central, link, payload),
  SecurityEventNotification: (central, link, payload) => {
    central.note(link, 'securityEvent', { station: link.no, type: text(payload['type']) })
    return empty
  },
  FirmwareStatusNotification: acknowledge,
  LogStatusNotification: acknowledge,
  PublishFirmwareStatusNotification: acknowledge,
  ReservationStatusUpdate: acknowledge,
  NotifyReport: acknowledge,
  NotifyMonitoringReport: acknowledge,
  NotifyCustomerInformation: acknowledge,
  NotifyDisplayMessages: acknowledge,
  NotifyEVChargingNeeds: chargingNeeds,
  NotifyEVChargingSchedule: () => ({ status: 'Accepted' }),
  SignCertificate: () => ({ status: 'Rejected' }),
}
