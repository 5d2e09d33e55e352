import { type Box, type Connector, pausedByUs, writeSeconds, writeVendorLimit } from './box.ts'
import { compact, int, maybe, oneOf, part, parts, real, text, timeMs } from './fields.ts'
import type { Call, Fields, Reply } from './link.ts'
import { averagedSince, type Context, iso, readMeter, type Sample } from './meter.ts'
import type { ChargingSchedule, Profile, Purpose, Unit } from './profiles.ts'
import { answering, ok, parseMeasurands, smartCharging } from './replies.ts'
import { clearProfiles, composite, setProfile } from './smart.ts'
import { chargingState, type Dialect, type Station } from './station.ts'

const PURPOSES: Readonly<Record<string, Purpose>> = { ChargePointMaxProfile: 'stationMax', TxDefaultProfile: 'txDefault', TxProfile: 'tx' }
const PURPOSE_NAMES = ['ChargePointMaxProfile', 'TxDefaultProfile', 'TxProfile'] as const

const oneDecimal = (fields: Fields, key: string): number => {
  const value = real(fields, key)
  return Math.abs(value * 10 - Math.round(value * 10)) < 1e-6 ? value : oneOf({ [key]: 'more than one decimal' }, key, [])
}

const unit = (fields: Fields, key: string): Unit => oneOf<Unit>(fields, key, ['A', 'W'])

const parseSchedule = (fields: Fields): ChargingSchedule => ({
  unit: unit(fields, 'chargingRateUnit'),
  startMs: maybe(fields, 'startSchedule', timeMs),
  durationS: maybe(fields, 'duration', int),
  periods: parts(fields, 'chargingSchedulePeriod').map(p => ({
    startS: int(p, 'startPeriod'),
    limit: oneDecimal(p, 'limit'),
    phases: maybe(p, 'numberPhases', int),
  })),
})

/** A 1.6 ChargingProfile (7.8). Throws BadField. */
export const parseProfile16 = (fields: Fields): Profile => {
  const transactionId = maybe(fields, 'transactionId', int)
  return {
    id: int(fields, 'chargingProfileId'),
    stackLevel: int(fields, 'stackLevel'),
    purpose: PURPOSES[oneOf(fields, 'chargingProfilePurpose', PURPOSE_NAMES)]!,
    kind: oneOf(fields, 'chargingProfileKind', ['Absolute', 'Recurring', 'Relative']),
    recurrency: maybe(fields, 'recurrencyKind', (f, k) => oneOf<'Daily' | 'Weekly'>(f, k, ['Daily', 'Weekly'])),
    validFromMs: maybe(fields, 'validFrom', timeMs),
    validToMs: maybe(fields, 'validTo', timeMs),
    transactionId: transactionId === undefined ? undefined : String(transactionId),
    schedules: [parseSchedule(part(fields, 'chargingSchedule'))],
  }
}

const UNITS: Readonly<Record<string, string>> = { W: 'kW', Wh: 'kWh' }

/** A sampled value as 1.6 writes it (7.43): text, with the unit spelled out. */
const sampledValue = (sample: Sample, context: Context): Fields =>
  compact({
    value: String(sample.value),
    context,
    measurand: sample.measurand,
    unit: sample.exponent === 3 ? (UNITS[sample.unit] ?? sample.unit) : sample.unit,
    phase: sample.phase === undefined ? undefined : sample.perNeutral ? `${sample.phase}-N` : sample.phase,
  })

const meterValue = (station: Station, connector: Connector, context: Context): Fields | undefined => {
  const { box } = station
  const since = averagedSince(box, connector, context)
  const sampledValues = readMeter(box, connector, station.now(), box.settings.measurands, since).map(s => sampledValue(s, context))
  return sampledValues.length === 0 ? undefined : { timestamp: iso(since?.ms ?? station.now()), sampledValue: sampledValues }
}

const readings = (station: Station, connector: Connector, context: Context): Call => {
  const reading = meterValue(station, connector, context)
  const { tx } = connector
  const payload = () => {
    if (reading === undefined) return undefined
    return compact({ connectorId: connector.n, transactionId: tx?.id === undefined ? undefined : Number(tx.id), meterValue: [reading] })
  }
  return { action: 'MeterValues', payload }
}

type Key = { read: (box: Box) => string; write?: (box: Box, value: string) => boolean }

const seconds = (name: 'sampleIntervalS' | 'alignedIntervalS' | 'heartbeatS'): Key => ({
  read: box => String(box.settings[name]),
  write: (box, value) => writeSeconds(box.settings, name, value),
})
const fixed = (value: string | ((box: Box) => string)): Key => ({ read: typeof value === 'string' ? () => value : value })

/** The configuration keys of section 9 that this charger has. */
const KEYS: Readonly<Record<string, Key>> = {
  AuthorizeRemoteTxRequests: fixed('false'),
  ChargeProfileMaxStackLevel: fixed(box => String(box.traits.maxStackLevel)),
  ChargingScheduleAllowedChargingRateUnit: fixed(box =>
    [box.traits.rejectA ? '' : 'Current', box.traits.rejectW ? '' : 'Power'].filter(Boolean).join(','),
  ),
  ChargingScheduleMaxPeriods: fixed(box => String(box.traits.maxPeriods)),
  ClockAlignedDataInterval: seconds('alignedIntervalS'),
  ConnectorSwitch3to1PhaseSupported: fixed('false'),
  GetConfigurationMaxKeys: fixed('50'),
  HeartbeatInterval: seconds('heartbeatS'),
  MaxChargingProfilesInstalled: fixed(box => String(box.traits.maxProfiles)),
  MeterValueSampleInterval: seconds('sampleIntervalS'),
  MeterValuesAlignedData: fixed(box => box.settings.measurands.join(',')),
  MeterValuesSampledData: {
    read: box => box.settings.measurands.join(','),
    write: (box, value) => {
      const measurands = parseMeasurands(value, box.traits.measurands)
      if (measurands !== undefined) box.settings.measurands = measurands
      return measurands !== undefined
    },
  },
  MeterValuesSampledDataMaxLength: fixed(box => String(box.traits.measurands.length)),
  NumberOfConnectors: fixed(box => String(box.connectors.length)),
  StopTransactionOnInvalidId: fixed('true'),
  SupportedFeatureProfiles: fixed(box => `Core,RemoteTrigger${box.traits.rejectsAll === 'NotImplemented' ? '' : ',SmartCharging'}`),
}

const keyOf = (box: Box, name: string): Key | undefined =>
  name === box.traits.vendorLimitKey
    ? {
        read: b => String(b.settings.vendorLimitA ?? b.spec.maxA),
        write: writeVendorLimit,
      }
    : name === box.traits.randomDelayKey
      ? { read: b => String(b.settings.randomDelayS), write: (b, value) => writeSeconds(b.settings, 'randomDelayS', value) }
      : KEYS[name]

const getConfiguration = ({ box }: Station, payload: Fields): Reply => {
  const asked = (payload['key'] as readonly string[] | undefined) ?? []
  const vendor = box.traits.vendorLimitKey
  const names = asked.length > 0 ? asked : [...Object.keys(KEYS), ...(vendor === undefined ? [] : [vendor])]
  const known = names.flatMap(name => {
    const key = keyOf(box, name)
    return key === undefined ? [] : [{ key: name, readonly: key.write === undefined, value: key.read(box) }]
  })
  const unknown = names.filter(name => keyOf(box, name) === undefined)
  return ok(compact({ configurationKey: known, unknownKey: unknown.length > 0 ? unknown : undefined }))
}

const changeConfiguration = ({ box }: Station, payload: Fields): Reply => {
  const key = keyOf(box, text(payload, 'key', 50))
  const value = text(payload, 'value', 500)
  if (key === undefined) return ok({ status: 'NotSupported' })
  return ok({ status: key.write?.(box, value) ? 'Accepted' : 'Rejected' })
}

/** Errata to 5.16: a connector that does not exist is a PropertyConstraintViolation. */
const connectorId = (box: Box, payload: Fields, key = 'connectorId'): number => {
  const n = int(payload, key)
  return n >= 0 && n <= box.connectors.length ? n : oneOf({ [key]: String(n) }, key, [])
}

const setChargingProfile = ({ box }: Station, payload: Fields): Reply => {
  const evse = connectorId(box, payload)
  const verdict = setProfile(box, '1.6', evse, parseProfile16(part(payload, 'csChargingProfiles')))
  if (verdict.kind === 'accepted') return ok({ status: 'Accepted' })
  const unsupported = box.traits.rejectsAll === 'NotSupported' || verdict.reason === 'UnsupportedPurpose'
  return ok({ status: unsupported ? 'NotSupported' : 'Rejected' })
}

const clearChargingProfile = ({ box }: Station, payload: Fields): Reply => {
  const filter = {
    id: maybe(payload, 'id', int),
    evse: maybe(payload, 'connectorId', int),
    purpose: maybe(payload, 'chargingProfilePurpose', (f, k) => PURPOSES[oneOf(f, k, PURPOSE_NAMES)]!),
    stackLevel: maybe(payload, 'stackLevel', int),
  }
  return ok({ status: clearProfiles(box, filter) ? 'Accepted' : 'Unknown' })
}

const getCompositeSchedule = (station: Station, payload: Fields): Reply => {
  const { box } = station
  const n = connectorId(box, payload)
  const duration = int(payload, 'duration')
  const chargingRateUnit = maybe(payload, 'chargingRateUnit', unit) ?? 'A'
  const missing = box.traits.compositeMissing
  if (missing === 'rejected') return ok({ status: 'Rejected' })
  if (missing === 'absent') return ok({ status: 'Accepted' })
  const periods = missing === 'empty' ? [] : composite(box, n, duration, chargingRateUnit, station.now())
  const start = iso(station.now())
  const chargingSchedulePeriod = periods.map(p => ({ startPeriod: p.startS, limit: p.limit, numberPhases: p.phases }))
  return ok({
    status: 'Accepted',
    connectorId: n,
    scheduleStart: start,
    chargingSchedule: { duration, startSchedule: start, chargingRateUnit, chargingSchedulePeriod },
  })
}

const triggerMessage = (station: Station, payload: Fields): Reply => {
  const n = maybe(payload, 'connectorId', int)
  const which = station.box.connectors.filter(c => n === undefined || n === 0 || c.n === n)
  const accepted = (after: () => void): Reply => ({ ...ok({ status: 'Accepted' }), after })
  switch (text(payload, 'requestedMessage')) {
    case 'BootNotification':
      return accepted(() => station.boot('Triggered'))
    case 'Heartbeat':
      return accepted(() => station.callFirst({ action: 'Heartbeat', payload: () => ({}) }))
    case 'MeterValues':
      return accepted(() => which.forEach(c => void station.callFirst(readings(station, c, 'Trigger'))))
    case 'StatusNotification':
      return accepted(() => which.forEach(c => void station.callFirst(ocpp16.status(station, c, ocpp16.statusOf(station, c)))))
    default:
      return ok({ status: 'NotImplemented' })
  }
}

const remoteStart = (station: Station, payload: Fields): Reply => {
  const { box } = station
  const idTag = text(payload, 'idTag', 20)
  const n = maybe(payload, 'connectorId', int)
  const connector = box.connectors.find(c => (n === undefined || c.n === n) && c.car !== undefined && c.tx === undefined && c.operative)
  if (connector === undefined) return ok({ status: 'Rejected' })
  const profile = maybe(payload, 'chargingProfile', part)
  // 5.11: the profile goes with the transaction and has no transactionId yet
  const parsed = profile === undefined ? undefined : parseProfile16(profile)
  if (parsed !== undefined && parsed.purpose !== 'tx') return ok({ status: 'Rejected' })
  const after = () => {
    connector.wants = true
    station.begin(connector, idTag)
    if (parsed !== undefined) setProfile(box, '1.6', connector.n, parsed)
  }
  return { ...ok({ status: 'Accepted' }), after }
}

const remoteStop = (station: Station, payload: Fields): Reply => {
  const id = String(int(payload, 'transactionId'))
  const connector = station.box.connectors.find(c => c.tx?.id === id)
  if (connector === undefined) return ok({ status: 'Rejected' })
  return { ...ok({ status: 'Accepted' }), after: () => station.end(connector, 'Remote') }
}

const changeAvailability = ({ box }: Station, payload: Fields): Reply => {
  const n = connectorId(box, payload)
  const operative = oneOf(payload, 'type', ['Operative', 'Inoperative']) === 'Operative'
  const which = box.connectors.filter(c => n === 0 || c.n === n)
  for (const c of which) c.operative = operative
  return ok({ status: !operative && which.some(c => c.tx !== undefined) ? 'Scheduled' : 'Accepted' })
}

const HANDLERS: Readonly<Record<string, (station: Station, payload: Fields) => Reply>> = {
  SetChargingProfile: smartCharging(setChargingProfile),
  ClearChargingProfile: smartCharging(clearChargingProfile),
  GetCompositeSchedule: smartCharging(getCompositeSchedule),
  TriggerMessage: triggerMessage,
  RemoteStartTransaction: remoteStart,
  RemoteStopTransaction: remoteStop,
  ChangeAvailability: changeAvailability,
  GetConfiguration: getConfiguration,
  ChangeConfiguration: changeConfiguration,
  DataTransfer: () => ok({ status: 'UnknownVendorId' }),
  Reset: (station, payload) => {
    oneOf(payload, 'type', ['Hard', 'Soft'])
    return { ...ok({ status: 'Accepted' }), after: () => station.reset('RemoteReset') }
  },
  ClearCache: () => ok({ status: 'Accepted' }),
  UnlockConnector: () => ok({ status: 'NotSupported' }),
  GetLocalListVersion: () => ok({ listVersion: -1 }),
}

const idStatus = (payload: Fields): unknown => (payload['idTagInfo'] as Fields | undefined)?.['status']

/** The charger's side of OCPP 1.6J. */
export const ocpp16: Dialect = {
  subprotocol: 'ocpp1.6',
  boot: ({ box: { spec } }) => ({
    action: 'BootNotification',
    payload: {
      chargePointVendor: spec.vendor ?? 'Simulated',
      chargePointModel: spec.model ?? `AC${spec.phases}x${spec.maxA}`,
      chargePointSerialNumber: spec.identity.slice(0, 25),
      firmwareVersion: spec.firmware ?? '1.0.0',
    },
  }),
  authorize: (_station, idTag, told) => ({
    action: 'Authorize',
    payload: () => ({ idTag }),
    answered: a => told(a.kind === 'result' ? idStatus(a.payload) === 'Accepted' : a.kind === 'error' ? true : undefined),
  }),
  statusOf: (_station, c) => {
    if (c.tx !== undefined) return chargingState(c, pausedByUs(c))
    if (!c.operative) return 'Unavailable'
    return c.car === undefined ? 'Available' : c.finished ? 'Finishing' : 'Preparing'
  },
  status: (station, c, status) => {
    const timestamp = iso(station.now())
    return { action: 'StatusNotification', payload: () => ({ connectorId: c.n, errorCode: 'NoError', status, timestamp }) }
  },
  afterBoot: station => {
    const timestamp = iso(station.now())
    station.call({
      action: 'StatusNotification',
      payload: () => ({ connectorId: 0, errorCode: 'NoError', status: 'Available', timestamp }),
    })
    if (station.box.traits.securityEvents)
      station.call({ action: 'SecurityEventNotification', payload: () => ({ type: 'StartupOfTheDevice', timestamp }) })
  },
  started: (station, c) => {
    const tx = c.tx!
    const payload = { connectorId: c.n, idTag: tx.idTag, meterStart: Math.floor(tx.startWh), timestamp: iso(tx.startMs) }
    station.call({
      action: 'StartTransaction',
      keep: true,
      payload: () => payload,
      answered: a => {
        if (a.kind !== 'result') return
        tx.id = String(a.payload['transactionId'])
        if (idStatus(a.payload) !== 'Accepted' && c.tx === tx) station.end(c, 'DeAuthorized')
      },
    })
  },
  stopped: (station, c, reason) => {
    const tx = c.tx!
    const stop = { meterStop: Math.floor(c.registerWh), timestamp: iso(station.now()), idTag: tx.idTag, reason }
    const payload = () => (tx.id === undefined ? undefined : { transactionId: Number(tx.id), ...stop })
    station.call({ action: 'StopTransaction', keep: true, payload })
  },
  changed: () => {}, // 1.6 has only StatusNotification
  sampled: (station, c, context) => station.call(readings(station, c, context)),
  tick: () => {},
  localLimit: () => {}, // 1.6 has no message for it
  answer: answering(HANDLERS, {
    missing: 'OccurenceConstraintViolation',
    type: 'TypeConstraintViolation',
    value: 'PropertyConstraintViolation',
  }),
}
