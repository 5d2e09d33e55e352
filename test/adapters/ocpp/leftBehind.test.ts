/** What may be left on a box when things go half well: it must be remembered, taken back, and never be taken for somebody else's. */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { OcppOptions } from '../../../adapters/chargers/index.ts'
import type { Station } from '../../../src/ports.ts'
import {
  type Bed,
  bed,
  boot,
  type ChargePoint,
  capabilities,
  chargePoint,
  command,
  nowS,
  outcomeOf,
  profileOf,
  register,
  scheduleOf,
  station,
  until,
} from './bed.ts'
import { answerComposites, booted, rawPoint } from './raw.ts'

const open = async (stations: readonly Station[] = [station(1, 'A')], options: Partial<OcppOptions> = {}): Promise<Bed> => {
  const made = await bed(stations, { discover: false, callTimeoutMs: 200, ...options })
  onTestFinished(() => made.close())
  return made
}
const connect = async (b: Bed): Promise<ChargePoint> => {
  const point = await chargePoint(b.url, 'A', 'ocpp1.6')
  onTestFinished(() => point.close())
  await register(point, 'ocpp1.6')
  return point
}
const limit = (charger = 1, limitW = 11_040, more = {}) => command(charger, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW }], more)
const twoEvses = (limitsAt: 'station' | 'evse') =>
  station(1, 'A', {
    evses: [
      { charger: 1, evseId: 1 },
      { charger: 2, evseId: 2 },
    ],
    capabilities: { ...capabilities, limitsAt },
  })

describe('an answer that says neither yes nor no', () => {
  it.each([
    ['CALLERROR GenericError', (id: string) => [4, id, 'GenericError', '', {}]],
    ['CALLERROR InternalError', (id: string) => [4, id, 'InternalError', '', {}]],
    ['an answer without status', (id: string) => [3, id, {}]],
  ])('%s: the profile may be there, so freeing the charger clears it', async (_name, answer) => {
    const b = await open()
    const point = await booted(b.url, 'A')
    const wanted = limit()
    b.link.send([wanted])
    await answerComposites(point)
    const [, id, , set] = await point.called('SetChargingProfile')
    point.send(answer(id))
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'unknown' })
    const free = command(1, [])
    b.link.send([free])
    const [, clearId, , cleared] = await point.called('ClearChargingProfile')
    expect((cleared as { id: number }).id).toBe(profileOf(set as never)['chargingProfileId'])
    point.send([3, clearId, { status: 'Accepted' }])
    expect(await outcomeOf(b.seen, free)).toMatchObject({ kind: 'accepted' })
  })
  it('a refusal left nothing, so there is nothing to clear', async () => {
    const b = await open()
    const point = await booted(b.url, 'A')
    const wanted = limit()
    b.link.send([wanted])
    await answerComposites(point)
    const [, id] = await point.called('SetChargingProfile')
    point.send([4, id, 'NotImplemented', '', {}])
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'rejected' })
    const free = command(1, [])
    b.link.send([free])
    expect(await outcomeOf(b.seen, free)).toMatchObject({ kind: 'accepted' })
    expect(point.calls('ClearChargingProfile')).toEqual([])
    expect(b.seen.doubts).toEqual([])
  })
})

it('a budget that only one of two EVSEs took is a refusal, and what the one took is in doubt', async () => {
  const b = await open([twoEvses('station')])
  const point = await connect(b)
  point.answer('SetChargingProfile', params => ({ status: params['connectorId'] === 1 ? 'Accepted' : 'Rejected' }))
  const wanted = limit(1, 22_080)
  b.link.send([wanted])
  expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'rejected' })
  expect(b.seen.doubts).toEqual([{ chargers: [1], why: 'refused in part' }])
  const free = command(1, [])
  b.link.send([free])
  await outcomeOf(b.seen, free)
  expect(point.calls.filter(c => c.action === 'ClearChargingProfile').map(c => c.params['id'])).toContain(7_000_012)
})

it('accepted without effect on both EVSEs of a box: one rung further, and both are told again', async () => {
  const b = await open([twoEvses('evse')])
  const point = await connect(b)
  for (const [connectorId, charger] of [
    [1, 1],
    [2, 2],
  ] as const) {
    await point.call('StartTransaction', { connectorId, idTag: 'T', meterStart: 0, timestamp: new Date().toISOString() })
    const wanted = limit(charger, 11_040, { station: 1 })
    b.link.send([wanted])
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'accepted' })
  }
  expect([b.link.unmoved(1), b.link.unmoved(2)]).toEqual([true, true])
  for (const charger of [1, 2]) {
    const again = limit(charger, 11_040, { station: 1 })
    b.link.send([again])
    expect(await outcomeOf(b.seen, again)).toMatchObject({ kind: 'accepted' })
  }
  const sets = point.calls.filter(c => c.action === 'SetChargingProfile').map(c => c.params)
  expect(sets.map(params => [params['connectorId'], profileOf(params)['chargingProfilePurpose']])).toEqual([
    [1, 'TxDefaultProfile'],
    [2, 'TxDefaultProfile'],
    [1, 'TxProfile'],
    [2, 'TxProfile'],
  ])
  expect([b.link.unmoved(1), b.link.unmoved(2)]).toEqual([false, false])
})

it('the rung that moved one EVSE is remembered, not the one that its neighbour is being tried on', async () => {
  const b = await open([twoEvses('evse')])
  await connect(b)
  for (const charger of [1, 2]) {
    const wanted = limit(charger, 11_040, { station: 1 })
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
  }
  b.link.unmoved(2)
  b.link.moved(1)
  const [key] = [...b.registry.keys('ocpp.rung:')]
  expect(b.registry.get(key!)).toContain('txDefault@evse')
})

describe('what others hold is read whole or not at all', () => {
  it('a report that the lost link cut short is not taken for an empty box', async () => {
    const b = await open(undefined, { callTimeoutMs: 2_000 })
    const old = await rawPoint(b.url, 'A', 'ocpp2.0.1')
    await old.ask('BootNotification', { reason: 'PowerUp', chargingStation: { vendorName: 'Raw', model: 'Box' } })
    const wanted = limit(1, 20 * 690)
    b.link.send([wanted])
    const [, id] = await old.called('GetChargingProfiles')
    old.send([3, id, { status: 'Accepted' }])
    await old.ask('Heartbeat', {})
    const young = await rawPoint(b.url, 'A', 'ocpp2.0.1')
    for (const count of [1, 2]) {
      const [, callId] = await young.called('GetCompositeSchedule', count)
      const schedule = { evseId: count - 1, duration: 86_400, scheduleStart: new Date().toISOString(), chargingRateUnit: 'A' }
      const chargingSchedulePeriod = [{ startPeriod: 0, limit: 16 }]
      young.send([3, callId, { status: 'Accepted', schedule: { ...schedule, chargingSchedulePeriod } }])
    }
    const [, , , set] = await young.called('SetChargingProfile')
    expect(scheduleOf(set as never)['chargingSchedulePeriod'][0].limit).toBe(16)
  })

  it('the limit of a box for two EVSEs counts, though it is above what one of them can draw', async () => {
    const b = await open([twoEvses('station')])
    const point = await chargePoint(b.url, 'A', 'ocpp1.6')
    onTestFinished(() => point.close())
    await register(point, 'ocpp1.6')
    point.answer('GetCompositeSchedule', ({ connectorId }) => ({
      status: 'Accepted',
      connectorId,
      chargingSchedule: { chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: connectorId === 0 ? 40 : 32 }] },
    }))
    const wanted = command(1, [{ fromS: nowS() + 60, toS: nowS() + 600, limitW: 50 * 690 }])
    b.link.send([wanted])
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'accepted' })
    const [set] = point.calls.filter(c => c.action === 'SetChargingProfile')
    // Free before, and 50 A after: never above the 40 A of the box.
    expect(scheduleOf(set!.params)['chargingSchedulePeriod'].map((p: { limit: number }) => p.limit)).toEqual([40, 40])
  })

  it('a profile of ours that a box cleared in words only is not taken for an installer’s', async () => {
    const b = await open(undefined, { discover: true })
    const point = await connect(b)
    let heldA = 32
    point.answer('SetChargingProfile', params => {
      heldA = scheduleOf(params)['chargingSchedulePeriod'][0].limit
      return { status: 'Accepted' }
    })
    point.answer('GetCompositeSchedule', ({ connectorId }) => ({
      status: 'Accepted',
      connectorId,
      chargingSchedule: { chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: heldA }] },
    }))
    const wanted = limit(1, 6 * 690)
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    const free = command(1, [])
    b.link.send([free])
    await outcomeOf(b.seen, free)
    const asked = () => point.calls.filter(c => c.action === 'GetConfiguration').length
    const before = asked()
    await boot(point, 'ocpp1.6')
    await until('it has been asked all that it is asked', () => asked() >= before + 2)
    expect(b.link.ceilingW(1)).toBeNull()
  })
})

it('the ladder grows shorter while a call is out: the answer still finds its rung', async () => {
  const b = await open(undefined, { discover: true, callTimeoutMs: 2_000 })
  await b.registry.set('ocpp.rung:Peer One|1.0', 'tx@evse W zero')
  const point = await connect(b)
  await point.call('StartTransaction', { connectorId: 1, idTag: 'T', meterStart: 0, timestamp: new Date().toISOString() })
  await until('it has been asked all that it is asked', () => point.calls.filter(c => c.action === 'GetConfiguration').length === 2)
  let answer = (): void => {}
  point.answer('GetConfiguration', () => new Promise(resolve => (answer = () => resolve(oneLevel))))
  const oneLevel = { configurationKey: [{ key: 'ChargeProfileMaxStackLevel', readonly: true, value: '0' }] }
  await boot(point, 'ocpp1.6')
  await until('it is asked again', () => point.calls.filter(c => c.action === 'GetConfiguration').length === 3)
  const wanted = limit()
  b.link.send([wanted])
  for (let k = 0; k < 3; k++) await new Promise(resolve => setImmediate(resolve))
  answer()
  expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'accepted' })
  expect(b.seen.notes.filter(n => n.about['answer'] === 'Accepted').map(n => n.about['rung'])).toEqual(['tx@evse W zero'])
})

/** Time as the link sees it, moved at will. */
const movable = () => {
  let shiftMs = 0
  const every = (ms: number, job: () => void) => {
    const timer = setInterval(job, ms)
    return () => clearInterval(timer)
  }
  return { timers: { now: () => Date.now() + shiftMs, every }, pass: (ms: number) => void (shiftMs += ms) }
}

describe('what has lapsed by our clock', () => {
  it('is cleared as well: the clock of the box may be hours behind', async () => {
    const { timers, pass } = movable()
    const b = await open(undefined, { timers, callTimeoutMs: 100 })
    const point = await connect(b)
    const wanted = command(1, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW: 11_040 }], { urgent: true })
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    const cleared = () => point.calls.filter(c => c.action === 'ClearChargingProfile').map(c => c.params['id'])
    await new Promise(resolve => setTimeout(resolve, 100)) // a few ticks: what must not happen cannot be awaited
    expect(cleared()).toEqual([])
    pass(606_000)
    await until('it is cleared', () => cleared().length === 1)
    expect(cleared()).toEqual([7_000_001])
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(cleared()).toHaveLength(1)
  })
  it('and asked once only of a box that cannot clear', async () => {
    const { timers, pass } = movable()
    const b = await open(undefined, { timers, callTimeoutMs: 100 })
    const point = await connect(b)
    point.answer('ClearChargingProfile', () => Promise.reject(Object.assign(new Error(), { rpcErrorCode: 'NotSupported' })))
    const wanted = limit()
    b.link.send([wanted])
    await outcomeOf(b.seen, wanted)
    pass(606_000)
    const clears = () => point.calls.filter(c => c.action === 'ClearChargingProfile').length
    await until('it is asked', () => clears() === 1)
    await new Promise(resolve => setTimeout(resolve, 150))
    expect(clears()).toBe(1)
  })
})

it('a box that comes back within its limit is told again, though its configuration says that it holds it', async () => {
  const b = await open()
  const point = await connect(b)
  const wanted = limit()
  b.link.send([wanted])
  await outcomeOf(b.seen, wanted)
  await point.close()
  await until('it is down', () => b.seen.links.at(-1)?.up === false)
  expect(b.seen.doubts).toEqual([])
  await rawPoint(b.url, 'A')
  await until('it is in doubt', () => b.seen.doubts.length === 1)
  expect(b.seen.doubts[0]).toEqual({ chargers: [1], why: 'link lost, holds' })
})

it('messages that waited together in a box prove no clock, however well they agree', async () => {
  const { timers, pass } = movable()
  const b = await open(undefined, { timers })
  const point = await booted(b.url, 'A')
  const hourAgo = (s: number) => ({
    connectorId: 1,
    errorCode: 'NoError',
    status: 'Charging',
    timestamp: new Date(timers.now() - 3_600_000 + s * 1000).toISOString(),
  })
  await point.ask('StatusNotification', hourAgo(0))
  await point.ask('StatusNotification', hourAgo(0.5))
  await point.ask('StatusNotification', hourAgo(1))
  expect(b.seen.doubts).toEqual([])
  // One that is an hour behind says so again later, by as much.
  pass(20_000)
  await point.ask('StatusNotification', hourAgo(0))
  expect(b.seen.doubts).toEqual([{ chargers: [1], why: 'clock jumped' }])
})

describe('a car that has left', () => {
  const charge = async (b: Bed) => {
    const point = await booted(b.url, 'A')
    await point.ask('StartTransaction', { connectorId: 1, idTag: 'T', meterStart: 0, timestamp: new Date().toISOString() })
    const meterValue = [{ timestamp: new Date().toISOString(), sampledValue: [{ value: '7000', measurand: 'Power.Active.Import' }] }]
    await point.ask('MeterValues', { connectorId: 1, meterValue })
    await until('the reading is in', () => b.seen.readings.length === 1)
    return point
  }
  const status = (name: string, agoS = 0) => ({
    connectorId: 1,
    errorCode: 'NoError',
    status: name,
    timestamp: new Date(Date.now() - agoS * 1000).toISOString(),
  })
  it.each(['Available', 'Finishing'])('%s: it draws nothing from then on, and its last power is not the newest', async name => {
    const b = await open()
    const point = await charge(b)
    await point.ask('StatusNotification', status(name))
    await until('the reading is in', () => b.seen.readings.length === 2)
    const [before, after] = b.seen.readings
    expect(after).toMatchObject({ charger: 1, powerW: 0, quality: 1 })
    expect(after!.toMs).toBeGreaterThan(before!.toMs)
    expect(after!.fromMs).toBeGreaterThanOrEqual(before!.toMs)
    await point.ask('StatusNotification', status(name))
    await point.ask('Heartbeat', {})
    expect(b.seen.readings).toHaveLength(2)
  })
  it('a status that waited in the box tells nothing of now, and one of a paused car nothing of its power', async () => {
    const b = await open()
    const point = await charge(b)
    await point.ask('StatusNotification', status('Available', 600))
    await point.ask('StatusNotification', status('SuspendedEVSE'))
    await new Promise(resolve => setTimeout(resolve, 30)) // readings are handed on once per pass of the loop
    expect(b.seen.readings).toHaveLength(1)
  })
  it('2.0.1: the end of its transaction says so', async () => {
    const b = await open()
    const point = await rawPoint(b.url, 'A', 'ocpp2.0.1')
    await point.ask('BootNotification', { reason: 'PowerUp', chargingStation: { vendorName: 'Raw', model: 'Box' } })
    const event = (eventType: string, value: number) =>
      point.ask('TransactionEvent', {
        eventType,
        timestamp: new Date().toISOString(),
        triggerReason: 'MeterValuePeriodic',
        seqNo: 0,
        transactionInfo: { transactionId: 't' },
        evse: { id: 1 },
        meterValue: [{ timestamp: new Date().toISOString(), sampledValue: [{ value, measurand: 'Power.Active.Import' }] }],
      })
    await event('Started', 7_000)
    await event('Ended', 6_900)
    await until('three readings are in', () => b.seen.readings.length === 3)
    expect(b.seen.readings.map(r => r.powerW)).toEqual([7_000, 6_900, 0])
  })
})

it('a box that always answers late is told anew at once the first time; then the retries of the core have their pauses', async () => {
  const b = await open()
  const point = await booted(b.url, 'A')
  let sent = 0
  const send = async (answered: 'late' | 'in time') => {
    const wanted = limit()
    b.link.send([wanted])
    if (sent === 0) await answerComposites(point)
    const [, id] = await point.called('SetChargingProfile', ++sent)
    if (answered === 'late') expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'unknown', cause: 'timeout' })
    point.send([3, id, { status: 'Accepted' }])
    if (answered === 'in time') expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'accepted' })
    await point.ask('Heartbeat', {})
    return b.seen.doubts.length
  }
  expect([await send('late'), await send('late'), await send('late')]).toEqual([1, 1, 1])
  // Once it is known again what it holds, a late answer puts that in doubt.
  expect([await send('in time'), await send('late')]).toEqual([1, 2])
})
