import { afterEach, describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/fleet/box.ts'
import { charger, limitCall, type Story, tell } from './fleet-central.ts'

type Fields = Record<string, unknown>
const VERSIONS = ['1.6', '2.0.1'] as const
let story: Story
afterEach(() => {
  expect(story.central.faults).toEqual([])
  story.end()
})

const charging = async (version: '1.6' | '2.0.1', more: Partial<ChargerSpec> = {}) => {
  story = await tell([charger(version, more)])
  const it = story.fleet.chargers[0]!
  await story.until(() => it.powerW() > 0)
  return { it, ask: (action: string, payload: Fields) => story.ask(it.identity, action, payload) }
}
const actions = () => new Set(story.central.said.map(s => s.action))
const after = async (count: () => number): Promise<void> => {
  const before = count()
  await story.until(() => count() > before)
}

describe('OCPP 1.6: every message is what the official schema wants', () => {
  test('what it answers to each call', async () => {
    const { it, ask } = await charging('1.6')
    const transactionId = it.charger.box.connectors[0]!.tx!.id
    expect(await ask('GetConfiguration', {})).toMatchObject({
      configurationKey: expect.arrayContaining([{ key: 'NumberOfConnectors', readonly: true, value: '1' }]),
    })
    expect(await ask('GetConfiguration', { key: ['HeartbeatInterval', 'Nonsense'] })).toEqual({
      configurationKey: [{ key: 'HeartbeatInterval', readonly: false, value: '300' }],
      unknownKey: ['Nonsense'],
    })
    expect(await ask('ChangeConfiguration', { key: 'MeterValueSampleInterval', value: '2' })).toEqual({ status: 'Accepted' })
    expect(await ask('ChangeConfiguration', { key: 'MeterValueSampleInterval', value: 'often' })).toEqual({ status: 'Rejected' })
    expect(await ask('ChangeConfiguration', { key: 'NumberOfConnectors', value: '2' })).toEqual({ status: 'Rejected' })
    expect(await ask('ChangeConfiguration', { key: 'Nonsense', value: '2' })).toEqual({ status: 'NotSupported' })
    expect(await ask('ChangeConfiguration', { key: 'MeterValuesSampledData', value: 'Power.Active.Import,SoC' })).toEqual({
      status: 'Accepted',
    })
    expect(await ask('ChangeConfiguration', { key: 'MeterValuesSampledData', value: 'Frequency' })).toEqual({ status: 'Rejected' })
    for (const requestedMessage of ['BootNotification', 'Heartbeat', 'MeterValues', 'StatusNotification'])
      expect(await ask('TriggerMessage', { requestedMessage })).toEqual({ status: 'Accepted' })
    expect(await ask('TriggerMessage', { requestedMessage: 'FirmwareStatusNotification' })).toEqual({ status: 'NotImplemented' })
    expect(await ask('GetCompositeSchedule', { connectorId: 1, duration: 60 })).toMatchObject({
      status: 'Accepted',
      chargingSchedule: { chargingSchedulePeriod: [{ startPeriod: 0, limit: 32 }] },
    })
    expect(await ask('GetCompositeSchedule', { connectorId: 9, duration: 60 })).toEqual({ code: 'PropertyConstraintViolation' })
    expect(await ask('DataTransfer', { vendorId: 'nobody' })).toEqual({ status: 'UnknownVendorId' })
    expect(await ask('UpdateFirmware', { location: 'ftp://x', retrieveDate: story.iso(0) })).toEqual({ code: 'NotImplemented' })
    expect(await ask('RemoteStopTransaction', { transactionId: 99 })).toEqual({ status: 'Rejected' })
    expect(await ask('ChangeAvailability', { connectorId: 1, type: 'Inoperative' })).toEqual({ status: 'Scheduled' })
    expect(await ask('RemoteStopTransaction', { transactionId: Number(transactionId) })).toEqual({ status: 'Accepted' })
    await story.until(() => story.central.of(it.identity, 'StatusNotification').at(-1)!['status'] === 'Unavailable')
    expect(await ask('ChangeAvailability', { connectorId: 0, type: 'Operative' })).toEqual({ status: 'Accepted' })
    expect(await ask('RemoteStartTransaction', { idTag: 'X' })).toEqual({ status: 'Accepted' })
    await story.until(() => it.powerW() > 0)
    expect(await ask('Reset', { type: 'Soft' })).toEqual({ status: 'Accepted' })
    await after(() => story.central.of(it.identity, 'BootNotification').length)
    expect(actions()).toEqual(
      new Set(['BootNotification', 'StatusNotification', 'Authorize', 'StartTransaction', 'StopTransaction', 'MeterValues', 'Heartbeat']),
    )
  })

  test('more than one decimal in a limit, or a word that is not one, is a violation', async () => {
    const { it, ask } = await charging('1.6')
    story.central.unchecked = true
    expect(await ask('SetChargingProfile', limitCall('1.6', story, { limit: 10.25 }))).toEqual({ code: 'PropertyConstraintViolation' })
    expect(await ask('SetChargingProfile', limitCall('1.6', story, { limit: 10, purpose: 'Nonsense' }))).toEqual({
      code: 'PropertyConstraintViolation',
    })
    expect(await ask('SetChargingProfile', { connectorId: 1 })).toEqual({ code: 'OccurenceConstraintViolation' })
    expect(it.limitW()).toBeUndefined()
  })

  test('a profile that comes with a remote start goes with its transaction', async () => {
    const { it, ask } = await charging('1.6')
    await ask('RemoteStopTransaction', { transactionId: Number(it.charger.box.connectors[0]!.tx!.id) })
    await story.until(() => it.powerW() === 0)
    const { csChargingProfiles } = limitCall('1.6', story, { limit: 8, purpose: 'TxProfile' })
    await ask('RemoteStartTransaction', { idTag: 'X', connectorId: 1, chargingProfile: csChargingProfiles })
    await story.until(() => it.powerW() === 8 * 230)
    it.unplug(1)
    await story.until(() => it.limitW() === undefined)
  })
})

describe('OCPP 2.0.1: every message is what the official schema wants', () => {
  const component = { name: 'SmartChargingCtrlr' }
  test('what it answers to each call', async () => {
    const { it, ask } = await charging('2.0.1', { traits: { securityEvents: true } })
    const transactionId = it.charger.box.connectors[0]!.tx!.id
    expect(
      await ask('GetVariables', {
        getVariableData: [
          { component, variable: { name: 'ProfileStackLevel' } },
          { component, variable: { name: 'Nonsense' } },
        ],
      }),
    ).toMatchObject({
      getVariableResult: [{ attributeStatus: 'Accepted', attributeValue: '10' }, { attributeStatus: 'UnknownVariable' }],
    })
    const interval = { component: { name: 'SampledDataCtrlr' }, variable: { name: 'TxUpdatedInterval' }, attributeValue: '2' }
    expect(await ask('SetVariables', { setVariableData: [interval] })).toMatchObject({
      setVariableResult: [{ attributeStatus: 'Accepted' }],
    })
    expect(await ask('GetBaseReport', { requestId: 5, reportBase: 'FullInventory' })).toEqual({ status: 'Accepted' })
    const power = { component: { name: 'EVSE', evse: { id: 1 } }, variable: { name: 'Power' }, type: 'Periodic', value: 3, severity: 8 }
    expect(await ask('SetVariableMonitoring', { setMonitoringData: [power, { ...power, type: 'Delta' }] })).toMatchObject({
      setMonitoringResult: [{ status: 'Accepted' }, { status: 'UnsupportedMonitorType' }],
    })
    await story.until(() => story.central.of(it.identity, 'NotifyEvent').length > 1)
    expect(story.central.of(it.identity, 'NotifyEvent')[0]).toMatchObject({ eventData: [{ actualValue: '7360', trigger: 'Periodic' }] })
    const monitor = it.charger.box.monitors[0]!.id
    expect(await ask('ClearVariableMonitoring', { id: [monitor, 999] })).toEqual({
      clearMonitoringResult: [
        { id: monitor, status: 'Accepted' },
        { id: 999, status: 'NotFound' },
      ],
    })
    for (const requestedMessage of ['BootNotification', 'Heartbeat', 'MeterValues', 'TransactionEvent', 'StatusNotification'])
      expect(await ask('TriggerMessage', { requestedMessage })).toEqual({ status: 'Accepted' })
    expect(await ask('TriggerMessage', { requestedMessage: 'LogStatusNotification' })).toEqual({ status: 'NotImplemented' })
    expect(await ask('GetCompositeSchedule', { evseId: 0, duration: 60, chargingRateUnit: 'W' })).toMatchObject({
      status: 'Accepted',
      schedule: { chargingSchedulePeriod: [{ startPeriod: 0, limit: 7360 }] },
    })
    expect(await ask('DataTransfer', { vendorId: 'nobody' })).toEqual({ status: 'UnknownVendorId' })
    expect(await ask('GetTransactionStatus', { transactionId })).toEqual({ ongoingIndicator: true, messagesInQueue: false })
    expect(await ask('CostUpdated', { totalCost: 1, transactionId: 'x' })).toEqual({ code: 'NotImplemented' })
    expect(await ask('RequestStopTransaction', { transactionId: 'x' })).toMatchObject({ status: 'Rejected' })
    expect(await ask('RequestStopTransaction', { transactionId })).toEqual({ status: 'Accepted' })
    await story.until(() => it.powerW() === 0)
    expect(await ask('TriggerMessage', { requestedMessage: 'TransactionEvent' })).toEqual({ status: 'Rejected' })
    const { chargingProfile } = limitCall('2.0.1', story, { limit: 8, purpose: 'TxProfile' })
    const start = { remoteStartId: 3, idToken: { idToken: 'X', type: 'ISO14443' }, evseId: 1, chargingProfile }
    expect(await ask('RequestStartTransaction', start)).toEqual({ status: 'Accepted' })
    await story.until(() => it.powerW() === 8 * 230)
    expect(await ask('ChangeAvailability', { operationalStatus: 'Inoperative' })).toEqual({ status: 'Scheduled' })
    expect(await ask('Reset', { type: 'Immediate' })).toEqual({ status: 'Accepted' })
    await after(() => story.central.of(it.identity, 'BootNotification').length)
    const said = [
      'BootNotification',
      'StatusNotification',
      'Authorize',
      'TransactionEvent',
      'MeterValues',
      'Heartbeat',
      'NotifyReport',
      'NotifyEvent',
      'SecurityEventNotification',
    ]
    expect(actions()).toEqual(new Set(said))
  })

  test('transaction events count up without a gap, and each transaction from 0', async () => {
    const { it } = await charging('2.0.1')
    await story.pass(20)
    it.unplug(1)
    await story.pass(2)
    it.plugIn(1, charger('2.0.1').cars[0]!)
    await story.pass(20)
    const seen = new Map<string, unknown[]>()
    for (const e of story.central.of(it.identity, 'TransactionEvent')) {
      const { transactionId } = e['transactionInfo'] as { transactionId: string }
      seen.set(transactionId, [...(seen.get(transactionId) ?? []), e['seqNo']])
    }
    expect(seen.size).toBe(2)
    for (const numbers of seen.values()) expect(numbers).toEqual(numbers.map((_, i) => i))
  })

  test('profiles are reported by EVSE and source, the last without more to come', async () => {
    const { it, ask } = await charging('2.0.1')
    await ask('SetChargingProfile', limitCall('2.0.1', story, { limit: 10, id: 1 }))
    await ask('SetChargingProfile', limitCall('2.0.1', story, { limit: 20, id: 2, evse: 0, purpose: 'ChargingStationMaxProfile' }))
    it.limitLocally(16)
    await story.until(() => actions().has('NotifyChargingLimit'))
    expect(await ask('GetChargingProfiles', { requestId: 8, chargingProfile: {} })).toEqual({ status: 'Accepted' })
    await story.until(() => story.central.of(it.identity, 'ReportChargingProfiles').length === 3)
    const reports = story.central.of(it.identity, 'ReportChargingProfiles')
    expect(reports.map(r => [r['evseId'], r['chargingLimitSource'], r['tbc']])).toEqual([
      [1, 'CSO', true],
      [0, 'CSO', true],
      [0, 'EMS', false],
    ])
    expect(await ask('GetChargingProfiles', { requestId: 9, chargingProfile: { stackLevel: 7 } })).toEqual({ status: 'NoProfiles' })
    expect(await ask('ClearChargingProfile', {})).toEqual({ status: 'Accepted' })
    await story.pass(1)
    expect(it.powerW()).toBe(16 * 230)
    it.limitLocally(undefined)
    await story.until(() => it.powerW() === 32 * 230)
    await story.until(() => actions().has('ClearedChargingLimit'))
  })
})

describe.each(VERSIONS)('OCPP %s: coming and going', version => {
  const current = () => new Date(story.now()).toISOString()

  test('pending, then refused, then accepted: it speaks only when accepted, and what it is asked for', async () => {
    story = await tell([charger(version)])
    const { central, fleet } = story
    const answers = ['Pending', 'Rejected', 'Accepted']
    central.answers['BootNotification'] = () => ({ status: answers.shift() ?? 'Accepted', interval: 20, currentTime: current() })
    const it = fleet.chargers[0]!
    await story.until(() => answers.length === 2)
    expect(await story.ask(it.identity, 'TriggerMessage', { requestedMessage: 'StatusNotification' })).toEqual({ status: 'Accepted' })
    await story.until(() => answers.length === 1)
    expect(central.said.map(s => s.action)).toEqual(['BootNotification', 'StatusNotification', 'BootNotification'])
    await story.until(() => it.powerW() > 0)
    expect(it.registered()).toBe(true)
  })

  test('a driver who is refused does not charge, and asks again after plugging in anew', async () => {
    story = await tell([charger(version)])
    const { central, fleet } = story
    const info = version === '1.6' ? 'idTagInfo' : 'idTokenInfo'
    central.answers['Authorize'] = () => ({ [info]: { status: 'Invalid' } })
    const it = fleet.chargers[0]!
    await story.until(() => central.of(it.identity, 'Authorize').length > 0)
    await story.pass(120)
    expect([it.charging(), central.of(it.identity, 'Authorize').length]).toEqual([false, 1])
    delete central.answers['Authorize']
    it.unplug(1)
    it.plugIn(1, charger(version).cars[0]!)
    await story.until(() => it.powerW() > 0)
  })

  test('a transaction that the central system refuses ends at once', async () => {
    story = await tell([charger(version)])
    const { central, fleet } = story
    if (version === '1.6') central.answers['StartTransaction'] = () => ({ transactionId: 5, idTagInfo: { status: 'ConcurrentTx' } })
    else central.answers['TransactionEvent'] = (_id, e) => (e['eventType'] === 'Started' ? { idTokenInfo: { status: 'ConcurrentTx' } } : {})
    const ended = () => central.said.find(s => s.action === 'StopTransaction' || s.payload['eventType'] === 'Ended')
    await story.until(ended)
    const reason = version === '1.6' ? ended()!.payload['reason'] : (ended()!.payload['transactionInfo'] as Fields)['stoppedReason']
    expect([reason, fleet.totalW()]).toEqual(['DeAuthorized', 0])
  })

  test('the end of a transaction is told after the link is back; readings missed are not', async () => {
    const { it } = await charging(version)
    await story.pass(7)
    it.dropLink(60_000)
    const before = story.central.said.length
    await story.pass(20)
    it.unplug(1)
    await story.pass(20)
    expect(story.central.said).toHaveLength(before)
    await story.until(() => story.central.said.some(s => s.action === 'StopTransaction' || s.payload['eventType'] === 'Ended'))
    const later = story.central.said.slice(before)
    expect(later.filter(s => s.action === 'MeterValues' || s.payload['triggerReason'] === 'MeterValuePeriodic')).toEqual([])
    if (version === '2.0.1') expect(later.find(s => s.payload['eventType'] === 'Ended')!.payload['offline']).toBe(true)
  })

  test('it logs in by HTTP Basic with its identity, a colon and all', async () => {
    story = await tell([charger(version, { identity: 'GB:CP 1', password: 'correct horse battery' })])
    await story.until(() => story.fleet.connected() === 1)
    expect(story.central.authorizations[0]).toBe(`Basic ${Buffer.from('GB:CP 1:correct horse battery').toString('base64')}`)
    expect(story.central.said[0]!.identity).toBe('GB:CP 1')
  })

  test('readings: per phase only, in kW, by a coarse register, as averages stamped with their start', async () => {
    const traits = { phasesOnly: true, kiloUnits: true, registerResolutionWh: 100, intervalStartStamps: true }
    const car = { phases: 3 as const, maxA: 16, batteryWh: 60_000, soc: 0.4 }
    const { it, ask } = await charging(version, { phases: 3, cars: [car], traits })
    await ask('SetChargingProfile', limitCall(version, story, { limit: 10 }))
    const read = () =>
      story.central.said
        .filter(s => s.payload['meterValue'] !== undefined && JSON.stringify(s.payload).includes('Sample.Periodic'))
        .map(s => (s.payload['meterValue'] as { timestamp: string; sampledValue: Fields[] }[])[0]!)
    await story.until(() => read().length >= 3)
    const last = read().at(-1)!
    const power = last.sampledValue.filter(v => v['measurand'] === 'Power.Active.Import')
    expect(power.map(v => [v['phase'], Number(v['value'])])).toEqual([
      ['L1', 2.3],
      ['L2', 2.3],
      ['L3', 2.3],
    ])
    const unit = version === '1.6' ? { unit: 'kW' } : { unitOfMeasure: { unit: 'W', multiplier: 3 } }
    expect(power[0]).toMatchObject(unit)
    const register = last.sampledValue.find(v => v['measurand'] === 'Energy.Active.Import.Register')!
    expect(Number(register['value']) * 10).toBeCloseTo(Math.floor(it.registerWh() / 100), 6)
    expect(story.now() - Date.parse(last.timestamp)).toBeGreaterThanOrEqual(5000)
  })

  test('clock-aligned readings carry the start of their interval, also without a transaction', async () => {
    story = await tell([charger(version, { cars: [undefined] })])
    const it = story.fleet.chargers[0]!
    await story.until(() => it.registered())
    if (version === '1.6') await story.ask(it.identity, 'ChangeConfiguration', { key: 'ClockAlignedDataInterval', value: '60' })
    else {
      const interval = { component: { name: 'AlignedDataCtrlr' }, variable: { name: 'Interval' }, attributeValue: '60' }
      await story.ask(it.identity, 'SetVariables', { setVariableData: [interval] })
    }
    await story.until(() => story.central.of(it.identity, 'MeterValues').length === 2)
    const stamps = story.central
      .of(it.identity, 'MeterValues')
      .map(m => Date.parse((m['meterValue'] as { timestamp: string }[])[0]!.timestamp))
    expect(stamps.map(ms => ms % 60_000)).toEqual([0, 0])
    expect(stamps[1]! - stamps[0]!).toBe(60_000)
  })

  test("an installer's 16 A is not exceeded by a 20 A limit that leaves its slot alone", async () => {
    const schedules = [{ id: 1, startMs: 0, unit: 'A' as const, periods: [{ startS: 0, limit: 16 }] }]
    const preset = { evse: 0, profile: { id: 1, stackLevel: 0, purpose: 'stationMax' as const, kind: 'Absolute' as const, schedules } }
    const { it, ask } = await charging(version, { presets: [preset] })
    const mostA = () => Math.round(it.powerW() / 230)
    expect(mostA()).toBe(16)
    await ask('SetChargingProfile', limitCall(version, story, { limit: 20, durationS: 60 }))
    await story.pass(90)
    expect(mostA()).toBe(16)
    const purpose = version === '1.6' ? 'ChargePointMaxProfile' : 'ChargingStationMaxProfile'
    const taken = await ask('SetChargingProfile', limitCall(version, story, { limit: 20, evse: 0, purpose }))
    await story.pass(1)
    // the trap for a careless central system: 1.6 lets go of the installer's profile, 2.0.1 refuses the duplicate
    expect([taken!['status'], mostA()]).toEqual(version === '1.6' ? ['Accepted', 20] : ['Rejected', 16])
  })

  test('a vendor key caps the current', async () => {
    const vendorLimitKey = version === '1.6' ? 'MaxCurrent' : 'Vendor.MaxCurrent'
    const { it, ask } = await charging(version, { traits: { vendorLimitKey, rejectsAll: 'Rejected' } })
    const set = (value: string) =>
      version === '1.6'
        ? ask('ChangeConfiguration', { key: 'MaxCurrent', value })
        : ask('SetVariables', {
            setVariableData: [{ component: { name: 'Vendor' }, variable: { name: 'MaxCurrent' }, attributeValue: value }],
          })
    await set('10')
    await story.until(() => it.powerW() === 10 * 230)
    await set('32')
    await story.until(() => it.powerW() === 32 * 230)
  })
})
