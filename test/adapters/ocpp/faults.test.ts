import { describe, expect, it, onTestFinished } from 'vitest'
import type { OcppOptions } from '../../../adapters/chargers/index.ts'
import type { Station } from '../../../src/ports.ts'
import { type Bed, bed, capabilities, command, nowS, outcomeOf, station, until } from './bed.ts'
import { answerComposites, booted, bootPayload, type RawPoint, rawPoint } from './raw.ts'

const open = async (stations: readonly Station[] = [station(1, 'A')], options: Partial<OcppOptions> = {}): Promise<Bed> => {
  const made = await bed(stations, { discover: false, callTimeoutMs: 200, ...options })
  onTestFinished(() => made.close())
  return made
}
/** A booted point whose first profile has been accepted, so that each command is one call. */
const settled = async (b: Bed, identity = 'A', charger = 1): Promise<RawPoint> => {
  const point = await booted(b.url, identity)
  const first = limit(charger)
  b.link.send([first])
  await answerComposites(point)
  const [, id] = await point.called('SetChargingProfile')
  point.send([3, id, { status: 'Accepted' }])
  await outcomeOf(b.seen, first)
  point.frames.length = 0
  return point
}
const limit = (charger = 1, limitW = 11_040, urgent = false) =>
  command(charger, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW }], { urgent })
const outcomes = (b: Bed, seq: number) => b.seen.outcomes.filter(o => o.seq === seq)

describe('a command and its twin', () => {
  it('the request is lost: unknown after the timeout, and the next command goes out', async () => {
    const b = await open()
    const point = await settled(b)
    const lost = limit()
    b.link.send([lost])
    expect(await outcomeOf(b.seen, lost)).toMatchObject({ kind: 'unknown', cause: 'timeout' })
    const again = limit()
    b.link.send([again])
    const [, id] = await point.called('SetChargingProfile', 2)
    point.send([3, id, { status: 'Accepted' }])
    expect(await outcomeOf(b.seen, again)).toMatchObject({ kind: 'accepted' })
    expect(b.seen.doubts).toEqual([])
  })
  it('the answer is late: unknown, then a doubt, never a second outcome', async () => {
    const b = await open()
    const point = await settled(b)
    const late = limit()
    b.link.send([late])
    const [, id] = await point.called('SetChargingProfile')
    expect(await outcomeOf(b.seen, late)).toMatchObject({ kind: 'unknown', cause: 'timeout' })
    point.send([3, id, { status: 'Accepted' }])
    await until('the late answer is a doubt', () => b.seen.doubts.length === 1)
    expect(b.seen.doubts[0]).toEqual({ chargers: [1], why: 'late answer' })
    expect(outcomes(b, late.seq)).toHaveLength(1)
    expect(b.link.counters().late).toBe(1)
  })
  it('it is not connected: unknown at once', async () => {
    const b = await open()
    const wanted = limit()
    b.link.send([wanted])
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'unknown', cause: 'offline' })
  })
  it('the link drops in flight: unknown, and so is what waits behind', async () => {
    const b = await open()
    const point = await settled(b)
    const [flying, waiting] = [limit(), limit(1, 6_900)]
    b.link.send([flying])
    await point.called('SetChargingProfile')
    b.link.send([waiting])
    point.socket.terminate()
    expect(await outcomeOf(b.seen, flying)).toMatchObject({ kind: 'unknown', cause: 'offline' })
    expect(await outcomeOf(b.seen, waiting)).toMatchObject({ kind: 'unknown', cause: 'offline' })
    expect(b.seen.links.at(-1)).toEqual({ station: 1, up: false })
  })
  it.each([
    ['in the same turn', 0],
    ['in a later turn', 3],
  ])('a newer command %s replaces the one that waits, not the one in flight', async (_name, turns) => {
    const b = await open()
    const point = await settled(b)
    const [first, second, third] = [limit(1, 11_040), limit(1, 8_280), limit(1, 6_900)]
    b.link.send([first])
    const [, id] = await point.called('SetChargingProfile')
    b.link.send([second])
    for (let k = 0; k < turns; k++) await new Promise(resolve => setImmediate(resolve))
    b.link.send([third])
    expect(await outcomeOf(b.seen, second)).toMatchObject({ kind: 'superseded' })
    point.send([3, id, { status: 'Accepted' }])
    const [, next, , payload] = await point.called('SetChargingProfile', 2)
    point.send([3, next, { status: 'Accepted' }])
    expect(JSON.stringify(payload)).toContain('"limit":10')
    expect(await outcomeOf(b.seen, third)).toMatchObject({ kind: 'accepted' })
    expect(b.seen.outcomes.filter(o => [first.seq, second.seq, third.seq].includes(o.seq))).toHaveLength(3)
  })
  it('two for one charger in one batch: the older is superseded', async () => {
    const b = await open()
    const point = await settled(b)
    const [older, newer] = [limit(), limit(1, 6_900)]
    b.link.send([older, newer])
    expect(await outcomeOf(b.seen, older)).toMatchObject({ kind: 'superseded' })
    await point.called('SetChargingProfile')
    expect(point.calls('SetChargingProfile')).toHaveLength(1)
  })
  it.each([
    ['NotImplemented', 'rejected'],
    ['InternalError', 'unknown'],
    ['GenericError', 'unknown'],
  ])('a CALLERROR %s is %s', async (code, kind) => {
    const b = await open()
    const point = await settled(b)
    const wanted = limit()
    b.link.send([wanted])
    const [, id] = await point.called('SetChargingProfile')
    point.send([4, id, code, '', {}])
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind, cause: code })
  })
  it('the misspelt codes of the printed 1.6 text climb the ladder like the right ones', async () => {
    const b = await open()
    const point = await settled(b)
    const wanted = limit()
    b.link.send([wanted])
    for (const [count, code] of ['FormationViolation', 'OccurenceConstraintViolation', 'PropertyConstraintViolation'].entries()) {
      const [, id] = await point.called('SetChargingProfile', count + 1)
      point.send([4, id, code, '', {}])
    }
    const [, id] = await point.called('SetChargingProfile', 4)
    point.send([3, id, { status: 'Accepted' }])
    expect(await outcomeOf(b.seen, wanted)).toMatchObject({ kind: 'accepted' })
    const tried = b.seen.notes.filter(note => note.what === 'tried').map(note => note.about['answer'])
    expect(tried).toEqual(expect.arrayContaining(['FormatViolation', 'OccurrenceConstraintViolation', 'PropertyConstraintViolation']))
  })
})

describe('one call at a time', () => {
  it('a crossing call is answered while ours is outstanding', async () => {
    const b = await open()
    const point = await settled(b)
    b.link.send([limit()])
    await point.called('SetChargingProfile')
    expect(await point.ask('Heartbeat', {})).toMatchObject([3, expect.anything(), { currentTime: expect.any(String) }])
    expect(point.calls()).toHaveLength(1)
  })
  it('an emergency passes what waits', async () => {
    const b = await open(undefined, { callTimeoutMs: 5_000 })
    const point = await settled(b)
    b.link.measure([1, 1, 1])
    const [, first] = await point.called('TriggerMessage')
    b.link.send([limit(1, 0, true)])
    await new Promise(resolve => setTimeout(resolve, 20)) // two passes of the loop: the emergency is in the queue, nothing of it can be seen yet
    point.send([3, first, { status: 'Accepted' }])
    await until('a second call came', () => point.calls().length === 2)
    expect(point.calls()[1]![2]).toBe('SetChargingProfile')
  })
})

describe('what a box repeats, muddles or floods', () => {
  const start = { connectorId: 1, idTag: 'T', meterStart: 5, timestamp: '2026-11-20T17:00:00Z' }
  it('the same id and text: the stored answer, one transaction', async () => {
    const b = await open()
    const point = await booted(b.url, 'A')
    const [, , first] = await point.ask('StartTransaction', start, 'dup')
    const [, , second] = await point.ask('StartTransaction', start, 'dup')
    expect(second).toEqual(first)
    expect(b.link.counters().duplicates).toBe(1)
  })
  it('the same start under another id is the same transaction, another start is another', async () => {
    const b = await open()
    const point = await booted(b.url, 'A')
    const idOf = async (payload: object) => ((await point.ask('StartTransaction', payload))[2] as { transactionId: number }).transactionId
    const first = await idOf(start)
    expect(await idOf(start)).toBe(first)
    expect(await idOf({ ...start, meterStart: 6 })).not.toBe(first)
  })
  it('a box that counts its ids anew after a reboot gets new answers', async () => {
    const b = await open()
    const point = await rawPoint(b.url, 'A')
    await point.ask('BootNotification', bootPayload, '1')
    const status = { connectorId: 1, errorCode: 'NoError', status: 'Available' }
    await point.ask('StatusNotification', status, '2')
    await point.ask('BootNotification', bootPayload, '1')
    await point.ask('StatusNotification', status, '2')
    expect(b.link.counters().duplicates).toBe(0)
    expect(b.seen.doubts).toEqual([{ chargers: [1], why: 'rebooted' }])
  })
  const rubbish: [name: string, frame: string, code16: string | null, code201: string][] = [
    ['no JSON', 'hello', null, 'RpcFrameworkError'],
    ['no array', '{}', null, 'RpcFrameworkError'],
    ['no type', '["x"]', null, 'MessageTypeNotSupported'],
    ['an unknown type', '[9,"i"]', null, 'MessageTypeNotSupported'],
    ['a call without an id', '[2]', null, 'RpcFrameworkError'],
    ['a call without an action', '[2,"i"]', 'ProtocolError', 'RpcFrameworkError'],
    ['a payload that is no object', '[2,"i","Heartbeat",5]', 'FormationViolation', 'FormatViolation'],
    ['an unknown action', '[2,"i","MakeCoffee",{}]', 'NotImplemented', 'NotImplemented'],
    ['an action of ours', '[2,"i","SetChargingProfile",{}]', 'NotSupported', 'NotSupported'],
  ]
  it.each(rubbish)('%s is answered as each version says, and nothing dies', async (_name, frame, code16, code201) => {
    const b = await open()
    for (const [protocol, code] of [
      ['ocpp1.6', code16],
      ['ocpp2.0.1', code201],
    ] as const) {
      const point = await rawPoint(b.url, 'A', protocol)
      point.send(frame)
      await point.ask('Heartbeat', {})
      const errors = point.frames.filter(f => f[0] === 4)
      expect(errors.map(f => f[2])).toEqual(code === null ? [] : [code])
    }
  })
  it('empty frames and answers to nothing are passed over', async () => {
    const b = await open()
    const point = await booted(b.url, 'A')
    for (const frame of ['', '   ', '[3]', '[4,"x"]', '[3,"nobody",{}]']) point.send(frame)
    await point.ask('Heartbeat', {})
    expect(point.frames.filter(f => f[0] === 4)).toEqual([])
  })
  it('a call that breaks its schema is noted once and used as far as it goes', async () => {
    const b = await open()
    const point = await booted(b.url, 'A')
    const meterValue = [{ timestamp: new Date().toISOString(), sampledValue: [{ value: 7000, measurand: 'Power.Active.Import' }] }]
    const [type] = await point.ask('MeterValues', { connectorId: 1, meterValue })
    expect(type).toBe(3)
    await point.ask('MeterValues', { connectorId: 1, meterValue })
    await until('the reading is in', () => b.seen.readings.length > 0)
    expect(b.seen.readings[0]).toMatchObject({ powerW: 7_000 })
    expect(b.seen.notes.filter(note => note.about['what'] === 'schema')).toHaveLength(1)
  })
  it('a frame of 1 MB closes its own socket only', async () => {
    const b = await open([station(1, 'A'), station(2, 'B')])
    const [bad, good] = [await booted(b.url, 'A'), await booted(b.url, 'B')]
    bad.send(`[2,"x","DataTransfer",{"data":"${'x'.repeat(1_000_000)}"}]`)
    expect(await bad.closed).toEqual({ code: 1009 })
    await good.ask('Heartbeat', {})
    await until('the link is seen down', () => b.seen.links.some(l => l.station === 1 && !l.up))
  })
  it('a flood is read later, not refused', async () => {
    const b = await open(undefined, { messagesPerS: 200, callTimeoutMs: 40 })
    const point = await booted(b.url, 'A')
    for (let k = 0; k < 2_500; k++) point.send([2, `f${k}`, 'Heartbeat', {}])
    await until('it was throttled', () => b.link.counters().throttled > 0)
    await until('all are answered', () => point.frames.filter(f => f[0] === 3).length >= 2_501, 15_000)
  })
})

describe('the link', () => {
  it('the same identity again: the newest wins, the call in flight is unknown', async () => {
    const b = await open()
    const old = await settled(b)
    const flying = limit()
    b.link.send([flying])
    await old.called('SetChargingProfile')
    const young = await rawPoint(b.url, 'A')
    expect(await outcomeOf(b.seen, flying)).toMatchObject({ kind: 'unknown', cause: 'offline' })
    expect(await old.closed).toEqual({ code: 1008 })
    expect(b.seen.links.map(l => l.up)).toEqual([true, false, true])
    const next = limit()
    b.link.send([next])
    const [, id] = await young.called('SetChargingProfile')
    young.send([3, id, { status: 'Accepted' }])
    expect(await outcomeOf(b.seen, next)).toMatchObject({ kind: 'accepted' })
    expect(b.link.counters().connections).toBe(1)
  })
  it('is up only when registered; after that a reconnect needs no BootNotification, even after our restart', async () => {
    const b = await open()
    const point = await rawPoint(b.url, 'A', 'ocpp2.0.1')
    await point.ask('Heartbeat', {})
    expect(b.seen.links).toEqual([])
    await point.ask('BootNotification', { reason: 'PowerUp', chargingStation: { vendorName: 'Raw', model: 'Box' } })
    expect(b.seen.links).toEqual([{ station: 1, up: true }])
    point.socket.close()
    await until('it is down', () => b.seen.links.length === 2)
    await rawPoint(b.url, 'A', 'ocpp2.0.1')
    await until('it is up', () => b.seen.links.length === 3)
    const restarted = await bed([station(1, 'A')], { discover: false }, b.registry)
    onTestFinished(() => restarted.close())
    await rawPoint(restarted.url, 'A', 'ocpp2.0.1')
    await until('it is up there', () => restarted.seen.links.length === 1)
  })
  it('a box that forgets its profile with the link is in doubt when it comes back', async () => {
    const b = await open([station(1, 'A', { capabilities: { ...capabilities, onLinkLoss: 'dropsProfile' } })])
    const point = await settled(b)
    point.socket.close()
    await until('it is down', () => b.seen.links.at(-1)?.up === false)
    expect(b.seen.doubts).toEqual([])
    await rawPoint(b.url, 'A')
    await until('it is in doubt', () => b.seen.doubts.length === 1)
    expect(b.seen.doubts[0]!.why).toContain('dropsProfile')
  })
  it('a clock that jumps is learnt and puts the profile in doubt; a message that waited is no jump', async () => {
    const b = await open()
    const point = await booted(b.url, 'A')
    const status = (offsetS: number) =>
      point.ask('StatusNotification', {
        connectorId: 1,
        errorCode: 'NoError',
        status: 'Charging',
        timestamp: new Date(Date.now() + offsetS * 1000).toISOString(),
      })
    await status(-600)
    await status(-300)
    expect(b.seen.doubts).toEqual([])
    await status(90)
    expect(b.seen.doubts).toEqual([{ chargers: [1], why: 'clock jumped' }])
    const wanted = limit()
    b.link.send([wanted])
    await answerComposites(point)
    const [, , , payload] = await point.called('SetChargingProfile')
    const startS = Date.parse((payload as { csChargingProfiles: { validFrom: string } }).csChargingProfiles.validFrom) / 1000
    expect(startS - nowS()).toBeGreaterThan(25)
    expect(startS - nowS()).toBeLessThan(32)
  })
  it('a clock a few seconds off is followed without a doubt', async () => {
    const b = await open()
    const point = await booted(b.url, 'A')
    const stamped = (offsetMs: number) => new Date(Date.now() + offsetMs).toISOString()
    await point.ask('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: 'Charging', timestamp: stamped(4_000) })
    const meterValue = [{ timestamp: stamped(4_000), sampledValue: [{ value: '7000', measurand: 'Power.Active.Import' }] }]
    await point.ask('MeterValues', { connectorId: 1, meterValue })
    await until('the reading is in', () => b.seen.readings.length === 1)
    expect(Math.abs(b.seen.readings[0]!.toMs - Date.now())).toBeLessThan(1_000)
    expect(b.seen.doubts).toEqual([])
  })
  it('a silent half-open link is dropped after a missed pong', async () => {
    const b = await open(undefined, { pingS: 0.05, callTimeoutMs: 40 })
    const point = await booted(b.url, 'A', { autoPong: false })
    await until('it is down', () => b.seen.links.at(-1)?.up === false)
    expect((await point.closed).code).toBe(1006)
  })
})
