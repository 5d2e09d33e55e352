import { type Box, writeSeconds, writeVendorLimit } from './box.ts'
import { compact, maybe, part, parts, text } from './fields.ts'
import type { Fields } from './link.ts'
import { parseMeasurands } from './replies.ts'

type Variable = {
  read: (box: Box) => string
  write?: (box: Box, value: string) => boolean
  type: 'integer' | 'boolean' | 'string' | 'MemberList' | 'decimal'
}

const seconds = (name: 'sampleIntervalS' | 'alignedIntervalS' | 'heartbeatS' | 'randomDelayS'): Variable => ({
  type: 'integer',
  read: box => String(box.settings[name]),
  write: (box, value) => writeSeconds(box.settings, name, value),
})
const measurands: Variable = {
  type: 'MemberList',
  read: box => box.settings.measurands.join(','),
  write: (box, value) => {
    const list = parseMeasurands(value, box.traits.measurands)
    if (list !== undefined) box.settings.measurands = list
    return list !== undefined
  },
}
const fixed = (type: Variable['type'], read: (box: Box) => string): Variable => ({ type, read })

/** The device model, as far as smart charging and metering need it: component, then variable. */
const VARIABLES: Readonly<Record<string, Readonly<Record<string, Variable>>>> = {
  SmartChargingCtrlr: {
    Enabled: fixed('boolean', box => String(box.traits.rejectsAll === false)),
    Available: fixed('boolean', () => 'true'),
    ProfileStackLevel: fixed('integer', box => String(box.traits.maxStackLevel)),
    RateUnit: fixed('MemberList', box => [box.traits.rejectA ? '' : 'A', box.traits.rejectW ? '' : 'W'].filter(Boolean).join(',')),
    PeriodsPerSchedule: fixed('integer', box => String(box.traits.maxPeriods)),
    Entries: fixed('integer', box => String(box.store.length)),
    LimitChangeSignificance: fixed('decimal', () => '1'),
    Phases3to1: fixed('boolean', () => 'false'),
  },
  SampledDataCtrlr: { TxUpdatedInterval: seconds('sampleIntervalS'), TxUpdatedMeasurands: measurands },
  AlignedDataCtrlr: { Interval: seconds('alignedIntervalS'), Measurands: measurands },
  OCPPCommCtrlr: { HeartbeatInterval: seconds('heartbeatS') },
  ChargingStation: {
    Model: fixed('string', box => box.spec.model ?? `AC${box.spec.phases}x${box.spec.maxA}`),
    SupplyPhases: fixed('integer', box => String(box.spec.phases)),
  },
}

const vendorLimit: Variable = {
  type: 'decimal',
  read: box => String(box.settings.vendorLimitA ?? box.spec.maxA),
  write: writeVendorLimit,
}

const find = (box: Box, component: string, variable: string): Variable | 'UnknownComponent' | 'UnknownVariable' => {
  if (`${component}.${variable}` === box.traits.vendorLimitKey) return vendorLimit
  if (`${component}.${variable}` === box.traits.randomDelayKey) return seconds('randomDelayS')
  const variables = Object.hasOwn(VARIABLES, component) ? VARIABLES[component] : undefined
  if (variables === undefined) return 'UnknownComponent'
  return (Object.hasOwn(variables, variable) ? variables[variable] : undefined) ?? 'UnknownVariable'
}

const asked = (item: Fields) => {
  const component = part(item, 'component')
  const variable = part(item, 'variable')
  const attributeType = maybe(item, 'attributeType', text)
  return { component, variable, attributeType, names: [text(component, 'name', 50), text(variable, 'name', 50)] as const }
}

/** GetVariables (B06). */
export const getVariables = (box: Box, payload: Fields): Fields => ({
  getVariableResult: parts(payload, 'getVariableData').map(item => {
    const { component, variable, attributeType, names } = asked(item)
    const found = find(box, ...names)
    const known = typeof found !== 'string'
    const supported = attributeType === undefined || attributeType === 'Actual'
    return compact({
      attributeStatus: !known ? found : supported ? 'Accepted' : 'NotSupportedAttributeType',
      attributeType,
      attributeValue: known && supported ? found.read(box) : undefined,
      component,
      variable,
    })
  }),
})

/** SetVariables (B05). */
export const setVariables = (box: Box, payload: Fields): Fields => ({
  setVariableResult: parts(payload, 'setVariableData').map(item => {
    const { component, variable, attributeType, names } = asked(item)
    const found = find(box, ...names)
    const value = text(item, 'attributeValue', 1000)
    const attributeStatus = typeof found === 'string' ? found : found.write?.(box, value) ? 'Accepted' : 'Rejected'
    return compact({ attributeStatus, attributeType, component, variable })
  }),
})

/** Every variable, as NotifyReport gives it (B07). */
export const reportData = (box: Box): readonly Fields[] =>
  Object.entries(VARIABLES).flatMap(([component, variables]) =>
    Object.entries(variables).map(([name, v]) => ({
      component: { name: component },
      variable: { name },
      variableAttribute: [{ type: 'Actual', value: v.read(box), mutability: v.write === undefined ? 'ReadOnly' : 'ReadWrite' }],
      variableCharacteristics: { dataType: v.type, supportsMonitoring: false },
    })),
  )
