/** OCPP 1.6J: what we ask of a charge point. */
import type { Capabilities } from '../../../src/ports.ts'
import { type Central, object, text } from '../central.ts'
import { accepted, type Dialect, verdictOf } from '../dialect.ts'
import { type Foreign, type ForeignLimit, foreignComposite, unread } from '../foreign.ts'
import { setKept } from '../keptKeys.ts'
import type { Payload } from '../ocppj/frames.ts'
import { priority } from '../ocppj/transport.ts'
import { type StationLink, sharing } from '../station.ts'
import { inbound16 } from './inbound.ts'

const dayS = 86_400
const capabilityKeys = [
  'SupportedFeatureProfiles',
  'ChargeProfileMaxStackLevel',
  'ChargingScheduleAllowedChargingRateUnit',
  'ChargingScheduleMaxPeriods',
  'MaxChargingProfilesInstalled',
  'ConnectorSwitch3to1PhaseSupported',
] as const
const intervalKey = 'MeterValueSampleInterval'
const measurandsKey = 'MeterValuesSampledData'
/** Boxes refuse lists with a measurand they lack or that are too long: the best that is taken. */
export const measurandLists: readonly string[] = [
  'Power.Active.Import,Energy.Active.Import.Register,Current.Import,Current.Offered',
  'Power.Active.Import,Energy.Active.Import.Register,Current.Import',
  'Power.Active.Import,Energy.Active.Import.Register',
  'Power.Active.Import',
  'Energy.Active.Import.Register',
]

/** Values by key; empty where the box does not answer. */
const configuration = async (central: Central, link: StationLink, keys: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  const answer = await central.call(link, 'GetConfiguration', { key: keys }, priority.config)
  const values = new Map<string, string>()
  if (answer.kind !== 'result' || !Array.isArray(answer.payload['configurationKey'])) return values
  for (const item of answer.payload['configurationKey']) {
    const entry = object(item)
    if (typeof entry['value'] === 'string') values.set(text(entry['key']), entry['value'])
  }
  return values
}

/** `Current,Power`, also seen as `A`, `W`. The unit not named stays as the last resort: what a box says and what it takes differ. */
export const unitsFrom = (value: string | undefined, configured: Capabilities['units']): Capabilities['units'] => {
  if (value === undefined) return configured
  const amps = /current|\ba\b/i.test(value)
  const watts = /power|\bw\b/i.test(value)
  if (amps === watts) return configured.length > 1 ? configured : ['A', 'W']
  return amps ? ['A', 'W'] : ['W', 'A']
}
export const countFrom = (value: string | undefined, otherwise: number, least: number): number => {
  const count = Number(value)
  return value !== undefined && value.trim() !== '' && Number.isInteger(count) && count >= least ? count : otherwise
}

const composite = async (central: Central, link: StationLink, connectorId: number): Promise<readonly ForeignLimit[] | null> => {
  const answer = await central.call(
    link,
    'GetCompositeSchedule',
    { connectorId, duration: dayS, chargingRateUnit: link.capabilities.units[0] ?? 'A' },
    priority.curtail,
  )
  if (!accepted(answer) || answer.kind !== 'result') return null
  const schedule = answer.payload['chargingSchedule']
  return foreignComposite(
    schedule === undefined ? undefined : object(schedule),
    connectorId,
    central.nowMs(),
    link.capabilities,
    sharing(link, connectorId),
  )
}

/** A connector's composite includes the box's; connector 0 alone says nothing about the defaults of the connectors. */
export const readComposites = async (
  link: StationLink,
  read: (evseId: number) => Promise<readonly ForeignLimit[] | null>,
): Promise<Foreign> => {
  const limits: ForeignLimit[] = [...((await read(0)) ?? [])]
  let all = true
  for (const evse of link.evses) {
    const found = await read(evse.evseId)
    if (found === null) all = false
    else limits.push(...found)
  }
  return all ? { how: 'composite', limits } : { ...unread, limits }
}

const change = async (central: Central, link: StationLink, key: string, value: string): Promise<string> => {
  const answer = await central.call(link, 'ChangeConfiguration', { key, value }, priority.config)
  return answer.kind === 'result' ? text(answer.payload['status']) : answer.kind
}

const setKey = (central: Central, link: StationLink, key: string, old: string | undefined, values: readonly string[]): Promise<void> =>
  setKept(central, link, key, old, values, value => change(central, link, key, value))

const readCapabilities = async (central: Central, link: StationLink): Promise<void> => {
  const values = await configuration(central, link, capabilityKeys)
  const was = link.capabilities
  const units = unitsFrom(values.get('ChargingScheduleAllowedChargingRateUnit'), was.units)
  const maxStackLevel = countFrom(values.get('ChargeProfileMaxStackLevel'), was.maxStackLevel, 0)
  const depth = countFrom(values.get('ChargingScheduleMaxPeriods'), was.depth, 1)
  const profiles = values.get('SupportedFeatureProfiles')
  if (profiles !== undefined && !/smart\s*charging/i.test(profiles))
    central.note(link, 'noSmartCharging', { station: link.no, profiles: profiles.slice(0, 200) })
  link.capabilities = { ...was, units, maxStackLevel, depth }
}

const setSampling = async (central: Central, link: StationLink): Promise<void> => {
  const values = await configuration(central, link, [intervalKey, measurandsKey, 'ClockAlignedDataInterval'])
  const { sampleS, alignedS } = central.settings
  await setKey(central, link, intervalKey, values.get(intervalKey), [String(sampleS)])
  if (alignedS > 0) await setKey(central, link, 'ClockAlignedDataInterval', values.get('ClockAlignedDataInterval'), [String(alignedS)])
  const list = values.get(measurandsKey)
  if (list === undefined || /Power\.Active\.Import/.test(list)) return
  // Never to a list with less than the box samples now.
  const better = list.includes('Energy.Active.Import.Register') ? measurandLists.slice(0, 4) : measurandLists
  await setKey(central, link, measurandsKey, list, better)
}

export const ocpp16: Dialect = {
  inbound: inbound16,
  clear: id => ({ id }),
  stop: evse =>
    typeof evse.transactionId === 'number' ? { action: 'RemoteStopTransaction', payload: { transactionId: evse.transactionId } } : null,
  availability: (evse, operative) => ({
    action: 'ChangeAvailability',
    payload: { connectorId: evse.evseId, type: operative ? 'Operative' : 'Inoperative' },
  }),
  measure: evse => ({ action: 'TriggerMessage', payload: { requestedMessage: 'MeterValues', connectorId: evse.evseId } satisfies Payload }),
  readCapabilities,
  readForeign: async (central, link, clean) => (clean ? readComposites(link, connectorId => composite(central, link, connectorId)) : null),
  setSampling,
  readKey: async (central, link, key) => {
    const answer = await central.call(link, 'GetConfiguration', { key: [key] }, priority.curtail)
    if (answer.kind !== 'result') return verdictOf(answer).kind === 'refused' ? null : undefined
    const list = Array.isArray(answer.payload['configurationKey']) ? answer.payload['configurationKey'].map(object) : []
    const found = list.find(entry => entry['key'] === key)
    return typeof found?.['value'] === 'string' && found['readonly'] !== true ? found['value'] : null
  },
  writeKey: async (central, link, key, value, level) => verdictOf(await central.call(link, 'ChangeConfiguration', { key, value }, level)),
}
