/** OCPP 2.0.1: what we ask of a charging station. */
import type { Capabilities } from '../../../src/ports.ts'
import { type Central, object, text } from '../central.ts'
import { accepted, type Dialect, verdictOf } from '../dialect.ts'
import { type Foreign, type ForeignLimit, foreignComposite, foreignProfile } from '../foreign.ts'
import { setKept } from '../keptKeys.ts'
import { countFrom, measurandLists, readComposites, unitsFrom } from '../ocpp16/outbound.ts'
import type { Payload } from '../ocppj/frames.ts'
import { priority } from '../ocppj/transport.ts'
import { type StationLink, sharing } from '../station.ts'
import { inbound201 } from './inbound.ts'

const dayS = 86_400
type Variable = { readonly component: string; readonly variable: string }
const smart = (variable: string): Variable => ({ component: 'SmartChargingCtrlr', variable })
const keyOf = (variable: Variable): string => `${variable.component}.${variable.variable}`
const capabilityVariables = ['Enabled', 'ProfileStackLevel', 'RateUnit', 'PeriodsPerSchedule', 'Phases3to1'].map(smart)
const intervalVariable: Variable = { component: 'SampledDataCtrlr', variable: 'TxUpdatedInterval' }
const measurandsVariable: Variable = { component: 'SampledDataCtrlr', variable: 'TxUpdatedMeasurands' }
const alignedVariable: Variable = { component: 'AlignedDataCtrlr', variable: 'Interval' }

const variableOf = (key: string): Variable => {
  const dot = key.indexOf('.')
  return { component: key.slice(0, Math.max(0, dot)), variable: key.slice(dot + 1) }
}

const read = async (central: Central, link: StationLink, variables: readonly Variable[]): Promise<ReadonlyMap<string, string>> => {
  const getVariableData = variables.map(v => ({ component: { name: v.component }, variable: { name: v.variable } }))
  const answer = await central.call(link, 'GetVariables', { getVariableData }, priority.config)
  const values = new Map<string, string>()
  if (answer.kind !== 'result' || !Array.isArray(answer.payload['getVariableResult'])) return values
  for (const item of answer.payload['getVariableResult']) {
    const result = object(item)
    if (result['attributeStatus'] !== 'Accepted' || typeof result['attributeValue'] !== 'string') continue
    values.set(`${text(object(result['component'])['name'])}.${text(object(result['variable'])['name'])}`, result['attributeValue'])
  }
  return values
}

const write = async (central: Central, link: StationLink, key: string, value: string): Promise<string> => {
  const { component, variable } = variableOf(key)
  const setVariableData = [{ attributeValue: value, component: { name: component }, variable: { name: variable } }]
  const answer = await central.call(link, 'SetVariables', { setVariableData }, priority.config)
  if (answer.kind !== 'result' || !Array.isArray(answer.payload['setVariableResult'])) return answer.kind
  return text(object(answer.payload['setVariableResult'][0])['attributeStatus'])
}

const setVariable = (
  central: Central,
  link: StationLink,
  variable: Variable,
  old: string | undefined,
  values: readonly string[],
): Promise<void> => setKept(central, link, keyOf(variable), old, values, value => write(central, link, keyOf(variable), value))

const readCapabilities = async (central: Central, link: StationLink): Promise<void> => {
  const values = await read(central, link, capabilityVariables)
  const was: Capabilities = link.capabilities
  const of = (name: string): string | undefined => values.get(keyOf(smart(name)))
  if (of('Enabled') === 'false')
    central.note(link, 'noSmartCharging', { station: link.no, profiles: 'SmartChargingCtrlr.Enabled is false' })
  link.capabilities = {
    ...was,
    units: unitsFrom(of('RateUnit'), was.units),
    maxStackLevel: countFrom(of('ProfileStackLevel'), was.maxStackLevel, 0),
    depth: countFrom(of('PeriodsPerSchedule'), was.depth, 1),
  }
}

const reportWaitMs = 5_000
let nextRequest = 1

/** K09: every profile, whoever set it. The answer only announces; the profiles come in ReportChargingProfiles. Null: it cannot be read this way. */
const profiles = async (central: Central, link: StationLink): Promise<readonly ForeignLimit[] | null> => {
  const requestId = nextRequest++
  const found: { evseId: number; profile: Payload }[] = []
  let finished: (whole: boolean) => void = () => {}
  const complete = new Promise<boolean>(resolve => {
    const timer = setTimeout(() => resolve(false), reportWaitMs)
    finished = whole => {
      clearTimeout(timer)
      resolve(whole)
    }
  })
  link.reports ??= new Map()
  link.reports.set(requestId, { profiles: found, done: finished })
  const answer = await central.call(link, 'GetChargingProfiles', { requestId, chargingProfile: {} }, priority.curtail)
  const announced = accepted(answer)
  if (!announced) finished(false)
  const whole = await complete
  link.reports?.delete(requestId)
  if (link.reports?.size === 0) link.reports = null
  if (answer.kind === 'result' && answer.payload['status'] === 'NoProfiles') return []
  if (!announced || !whole) return null
  const limits: ForeignLimit[] = []
  for (const { evseId, profile } of found) {
    const limit = foreignProfile(profile, evseId, link.capabilities, link.offsetMs)
    if (limit !== null) limits.push(limit)
  }
  return limits
}

const composite = async (central: Central, link: StationLink, evseId: number): Promise<readonly ForeignLimit[] | null> => {
  const request = { evseId, duration: dayS, chargingRateUnit: link.capabilities.units[0] ?? 'A' }
  const answer = await central.call(link, 'GetCompositeSchedule', request, priority.curtail)
  if (!accepted(answer) || answer.kind !== 'result') return null
  const schedule = answer.payload['schedule']
  return foreignComposite(
    schedule === undefined ? undefined : object(schedule),
    evseId,
    central.nowMs(),
    link.capabilities,
    sharing(link, evseId),
  )
}

const readForeign = async (central: Central, link: StationLink, clean: boolean): Promise<Foreign | null> => {
  const limits = await profiles(central, link)
  if (limits !== null) return { how: 'profiles', limits }
  return clean ? readComposites(link, evseId => composite(central, link, evseId)) : null
}

const setSampling = async (central: Central, link: StationLink): Promise<void> => {
  const values = await read(central, link, [intervalVariable, measurandsVariable, alignedVariable])
  const { sampleS, alignedS } = central.settings
  await setVariable(central, link, intervalVariable, values.get(keyOf(intervalVariable)), [String(sampleS)])
  if (alignedS > 0) await setVariable(central, link, alignedVariable, values.get(keyOf(alignedVariable)), [String(alignedS)])
  const list = values.get(keyOf(measurandsVariable))
  if (list === undefined || /Power\.Active\.Import/.test(list)) return
  const better = list.includes('Energy.Active.Import.Register') ? measurandLists.slice(0, 4) : measurandLists
  await setVariable(central, link, measurandsVariable, list, better)
}

export const ocpp201: Dialect = {
  inbound: inbound201,
  clear: chargingProfileId => ({ chargingProfileId }),
  stop: evse =>
    evse.transactionId === null ? null : { action: 'RequestStopTransaction', payload: { transactionId: String(evse.transactionId) } },
  availability: (evse, operative) => ({
    action: 'ChangeAvailability',
    payload: { operationalStatus: operative ? 'Operative' : 'Inoperative', evse: { id: evse.evseId } },
  }),
  // F06: meter values of a running transaction come in TransactionEvent.
  measure: evse => ({
    action: 'TriggerMessage',
    payload: { requestedMessage: evse.transactionId === null ? 'MeterValues' : 'TransactionEvent', evse: { id: evse.evseId } },
  }),
  readCapabilities,
  readForeign,
  setSampling,
  readKey: async (central, link, key) => {
    const { component, variable } = variableOf(key)
    const getVariableData = [{ component: { name: component }, variable: { name: variable } }]
    const answer = await central.call(link, 'GetVariables', { getVariableData }, priority.curtail)
    if (answer.kind !== 'result') return verdictOf(answer).kind === 'refused' ? null : undefined
    const list = answer.payload['getVariableResult']
    const result = object(Array.isArray(list) ? list[0] : undefined)
    return result['attributeStatus'] === 'Accepted' && typeof result['attributeValue'] === 'string' ? result['attributeValue'] : null
  },
  writeKey: async (central, link, key, value, level) => {
    const { component, variable } = variableOf(key)
    const setVariableData = [{ attributeValue: value, component: { name: component }, variable: { name: variable } }]
    const answer = await central.call(link, 'SetVariables', { setVariableData }, level)
    const list = answer.kind === 'result' ? answer.payload['setVariableResult'] : undefined
    if (answer.kind !== 'result' || !Array.isArray(list)) return verdictOf(answer)
    const { attributeStatus: status, attributeStatusInfo: statusInfo } = object(list[0])
    // The status says when the value acts; its reason must not hide that.
    return verdictOf({ ...answer, payload: status === 'RebootRequired' ? { status } : { status, statusInfo } })
  },
}
