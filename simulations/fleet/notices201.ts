import { type Box, powerW } from './box.ts'
import { compact, int, maybe, oneOf, part, parts, real, text } from './fields.ts'
import type { Fields, Reply } from './link.ts'
import { iso } from './meter.ts'
import { ok } from './replies.ts'
import type { Station } from './station.ts'

const TYPES = ['UpperThreshold', 'LowerThreshold', 'Delta', 'Periodic', 'PeriodicClockAligned'] as const

const setMonitor = (station: Station, item: Fields): Fields => {
  const { box } = station
  const component = part(item, 'component')
  const variable = part(item, 'variable')
  const type = oneOf(item, 'type', TYPES)
  const severity = int(item, 'severity')
  const everyS = real(item, 'value')
  const evse = maybe(component, 'evse', part)
  const result = (status: string, id?: number) => compact({ id, status, type, severity, component, variable })
  if (!['EVSE', 'ChargingStation'].includes(text(component, 'name', 50))) return result('UnknownComponent')
  if (text(variable, 'name', 50) !== 'Power') return result('UnknownVariable')
  if (type !== 'Periodic') return result('UnsupportedMonitorType')
  if (everyS < 1) return result('Rejected')
  const id = maybe(item, 'id', int) ?? ++box.serial
  const monitor = { id, everyS, component, variable, evse: evse === undefined ? 0 : int(evse, 'id'), nextMs: station.now() + everyS * 1000 }
  box.monitors = [...box.monitors.filter(m => m.id !== id), monitor]
  return result('Accepted', id)
}

/** SetVariableMonitoring (N04): this charger knows periodic monitors of the power of an EVSE or of itself, and no others. */
export const setVariableMonitoring = (station: Station, payload: Fields): Reply =>
  ok({ setMonitoringResult: parts(payload, 'setMonitoringData').map(item => setMonitor(station, item)) })

/** ClearVariableMonitoring (N06). */
export const clearVariableMonitoring = ({ box }: Station, payload: Fields): Reply => {
  const ids = payload['id'] as readonly number[]
  const known = new Set(box.monitors.map(m => m.id))
  box.monitors = box.monitors.filter(m => !ids.includes(m.id))
  return ok({ clearMonitoringResult: ids.map(id => ({ id, status: known.has(id) ? 'Accepted' : 'NotFound' })) })
}

const watts = (box: Box, evse: number): number => box.connectors.reduce((w, c) => w + (evse === 0 || c.n === evse ? powerW(box, c) : 0), 0)

/** Sends the periodic events that are due (N08), all in one NotifyEvent. */
export const notifyEvents = (station: Station): void => {
  const { box } = station
  const now = station.now()
  const due = box.monitors.filter(m => m.nextMs <= now)
  if (due.length === 0) return
  const eventData = due.map(m => ({
    eventId: ++box.serial,
    timestamp: iso(now),
    trigger: 'Periodic',
    actualValue: String(Math.round(watts(box, m.evse))),
    component: m.component,
    variable: m.variable,
    variableMonitoringId: m.id,
    eventNotificationType: 'CustomMonitor',
  }))
  for (const m of due) m.nextMs = now + m.everyS * 1000
  const payload = { generatedAt: iso(now), seqNo: 0, tbc: false, eventData }
  station.call({ action: 'NotifyEvent', payload: () => payload })
}

/** Tells of a limit that somebody else on the site sets or lifts (K12, K13). */
export const notifyLimit = (station: Station, limitA: number | undefined): void => {
  if (limitA === undefined) {
    station.call({ action: 'ClearedChargingLimit', payload: () => ({ chargingLimitSource: 'EMS', evseId: 0 }) })
    return
  }
  const chargingSchedule = [{ id: 1, chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: limitA }] }]
  const payload = { evseId: 0, chargingLimit: { chargingLimitSource: 'EMS' }, chargingSchedule }
  station.call({ action: 'NotifyChargingLimit', payload: () => payload })
}
