import { afterEach, describe, expect, test } from 'vitest'
import type { ChargerSpec } from '../../simulations/fleet/box.ts'
import type { Traits } from '../../simulations/fleet/traits.ts'
import { charger, limitCall, START_MS, type Story, tell } from './fleet-central.ts'

const VERSIONS = ['1.6', '2.0.1'] as const
let story: Story
afterEach(() => {
  expect(story.central.faults).toEqual([])
  story.end()
})

/** A charger with these traits, charging at full. */
const charging = async (version: '1.6' | '2.0.1', traits: Partial<Traits> = {}, more: Partial<ChargerSpec> = {}) => {
  story = await tell([charger(version, { traits, ...more })])
  const it = story.fleet.chargers[0]!
  await story.until(() => it.powerW() > 0)
  const limit = (wanted: Parameters<typeof limitCall>[2]) => story.ask(it.identity, 'SetChargingProfile', limitCall(version, story, wanted))
  const ask = (action: string, payload: Record<string, unknown>) => story.ask(it.identity, action, payload)
  return { it, limit, ask, amps: () => Math.round((it.powerW() / 230) * 10) / 10 }
}

describe.each(VERSIONS)('OCPP %s', version => {
  test('a limit is obeyed, metered, and ends by itself', async () => {
    const { it, limit, amps } = await charging(version)
    expect(amps()).toBe(32)
    expect(await limit({ limit: 10, durationS: 60 })).toEqual({ status: 'Accepted' })
    await story.pass(1)
    expect([amps(), it.limitW()]).toEqual([10, 2300])
    await story.pass(57)
    expect(amps()).toBe(10)
    await story.until(() => amps() === 32)
    expect(it.limitW()).toBeUndefined()
    expect(it.log.map(e => e.limitW)).toEqual([2300, undefined])
    expect(it.log[1]!.atMs - it.log[0]!.atMs).toBeLessThanOrEqual(61_000)
  })

  test('below 6 A it pauses; one that clamps gives 6 A', async () => {
    const { limit, amps } = await charging(version)
    await limit({ limit: 5 })
    await story.until(() => amps() === 0)
    story.end()
    const clamps = await charging(version, { clampTo6: true })
    await clamps.limit({ limit: 5 })
    await story.until(() => clamps.amps() === 6)
  })

  test('watts are for all phases together; the go-e way is a third of them on one phase', async () => {
    const plain = await charging(version, {}, { phases: 3 })
    await plain.limit({ limit: 4140, unit: 'W' })
    await story.until(() => plain.amps() === 18)
    story.end()
    const thirds = await charging(version, { wattsOverThree: true }, { phases: 3 })
    await thirds.limit({ limit: 4140, unit: 'W' })
    await story.until(() => thirds.amps() === 6)
  })

  test('whole amps only', async () => {
    const { limit, amps } = await charging(version, { integerAmps: true })
    await limit({ limit: 9.9 })
    await story.until(() => amps() === 9)
  })

  const refusals: [string, Partial<Traits>, Parameters<typeof limitCall>[2], Parameters<typeof limitCall>[2]][] = [
    ['amps', { rejectA: true }, { limit: 10 }, { limit: 2300, unit: 'W' }],
    ['watts', { rejectW: true }, { limit: 2300, unit: 'W' }, { limit: 10 }],
    ['stack levels above 0', { stack0Only: true }, { limit: 10, stackLevel: 1 }, { limit: 10 }],
    ['a limit of 0', { rejectLimit0: true }, { limit: 0 }, { limit: 10 }],
    [
      'a station maximum',
      { noStationMax: true },
      { limit: 10, evse: 0, purpose: version === '1.6' ? 'ChargePointMaxProfile' : 'ChargingStationMaxProfile' },
      { limit: 10 },
    ],
    [
      'all but TxDefault',
      { txDefaultOnly: true },
      { limit: 10, evse: 0, purpose: version === '1.6' ? 'ChargePointMaxProfile' : 'ChargingStationMaxProfile' },
      { limit: 10 },
    ],
  ]
  test.each(refusals)('refuses %s, and takes the next rung', async (_what, traits, refused, taken) => {
    const { limit, amps } = await charging(version, traits)
    expect((await limit(refused))!['status']).toMatch(/Rejected|NotSupported/)
    await story.pass(1)
    expect(amps()).toBe(32)
    expect((await limit(taken))!['status']).toBe('Accepted')
    await story.until(() => amps() === 10)
  })

  test('one that knows no smart charging says NotImplemented', async () => {
    const { limit } = await charging(version, { rejectsAll: 'NotImplemented' })
    expect(await limit({ limit: 10 })).toEqual({ code: 'NotImplemented' })
  })

  test('one that ignores accepts, reports the limit as kept, and charges on', async () => {
    const { it, limit, ask, amps } = await charging(version, { ignores: true })
    await limit({ limit: 10 })
    await story.pass(10)
    expect([amps(), it.limitW(), it.appliedW()]).toEqual([32, 2300, undefined])
    const wanted = { [version === '1.6' ? 'connectorId' : 'evseId']: 1, duration: 60, chargingRateUnit: 'A' }
    const composite = (await ask('GetCompositeSchedule', wanted)) as Record<string, { chargingSchedulePeriod: { limit: number }[] }>
    expect((composite['chargingSchedule'] ?? composite['schedule'])!.chargingSchedulePeriod[0]!.limit).toBe(10)
  })

  test('one that waits for the next session obeys after the car has left and come back', async () => {
    const { it, limit, amps } = await charging(version, { ignoresUntilNextSession: true })
    await limit({ limit: 10, durationS: 3000 })
    await story.pass(5)
    expect(amps()).toBe(32)
    it.unplug(1)
    await story.pass(5)
    it.plugIn(1, { phases: 1, maxA: 32, batteryWh: 60_000, soc: 0.4 })
    await story.until(() => amps() === 10)
  })

  test.each<[string, Partial<Traits>, number, number]>([
    ['holds its limit', {}, 10, 10],
    ['charges at full, and obeys again when back', { resumesOnLinkLoss: true }, 32, 10],
    ['forgets its limit for good', { dropsProfileOnDisconnect: true }, 32, 32],
  ])('when the link drops it %s', async (_what, traits, during, after) => {
    const { it, limit, amps } = await charging(version, traits)
    await limit({ limit: 10, durationS: 600 })
    await story.until(() => amps() === 10)
    it.dropLink(30_000)
    await story.pass(3)
    expect([it.linked(), amps()]).toEqual([false, during])
    await story.until(() => it.linked())
    await story.pass(1)
    expect(amps()).toBe(after)
    expect(story.central.of(it.identity, 'BootNotification')).toHaveLength(1)
  })

  test('an answer that is lost may have worked; a request that is lost has not', async () => {
    const lost = await charging(version, { losesAnswer: 1 })
    expect(await lost.limit({ limit: 10 })).toBeUndefined()
    expect(lost.amps()).toBe(10)
    story.end()
    for (const traits of [{ losesRequest: 1 }, { neverAnswers: true }]) {
      const { limit, amps } = await charging(version, traits)
      expect(await limit({ limit: 10 })).toBeUndefined()
      expect(amps()).toBe(32)
      if ('losesRequest' in traits) story.end()
    }
  })

  test('a slow one answers late', async () => {
    const { limit } = await charging(version, { answerLagMs: 5000 })
    const before = story.now()
    expect(await limit({ limit: 10 })).toEqual({ status: 'Accepted' })
    expect(story.now() - before).toBeGreaterThanOrEqual(5000)
  })

  test('its own random delay holds back both the cut and the return', async () => {
    const { it, limit } = await charging(version, { ownRandomDelayS: 60 }, { identity: 'CP-DELAY' })
    await limit({ limit: 10, durationS: 120 })
    await story.until(() => it.appliedW() !== undefined)
    await story.until(() => it.limitW() === undefined)
    await story.until(() => it.appliedW() === undefined)
    const [held, cut, freed, back] = it.log.map(e => e.tS)
    expect(cut! - held!).toBeLessThanOrEqual(61)
    expect(back! - freed!).toBeLessThanOrEqual(61)
    expect(cut! - held! + (back! - freed!)).toBeGreaterThan(0)
  })

  test('a key switches its own random delay off', async () => {
    const randomDelayKey = version === '1.6' ? 'RandomDelay' : 'Vendor.RandomDelay'
    const { limit, ask, amps } = await charging(version, { randomDelayKey, ownRandomDelayS: 1_800 })
    if (version === '1.6') await ask('ChangeConfiguration', { key: 'RandomDelay', value: '0' })
    else
      await ask('SetVariables', {
        setVariableData: [{ component: { name: 'Vendor' }, variable: { name: 'RandomDelay' }, attributeValue: '0' }],
      })
    await limit({ limit: 10 })
    await story.pass(1)
    expect(amps()).toBe(10)
  })

  test('Clear: Accepted when something went, Unknown when nothing matched, and the one that only says so', async () => {
    const byId = (id: number) => (version === '1.6' ? { id } : { chargingProfileId: id })
    const { limit, ask, amps } = await charging(version)
    await limit({ limit: 10 })
    expect(await ask('ClearChargingProfile', byId(7001))).toEqual({ status: 'Unknown' })
    expect(await ask('ClearChargingProfile', byId(7000))).toEqual({ status: 'Accepted' })
    await story.until(() => amps() === 32)
    story.end()
    const noop = await charging(version, { clearNoop: true })
    await noop.limit({ limit: 10 })
    expect(await noop.ask('ClearChargingProfile', byId(7000))).toEqual({ status: 'Accepted' })
    await story.pass(2)
    expect(noop.amps()).toBe(10)
  })

  test('a reboot ends the transaction, keeps the profile and boots again', async () => {
    const { it, limit, amps } = await charging(version, { rebootAtS: 60 })
    await limit({ limit: 10, durationS: 600 })
    await story.until(() => story.central.of(it.identity, 'BootNotification').length === 2)
    await story.until(() => amps() === 10)
    const ended = story.central.said.filter(s => s.action === 'StopTransaction' || s.payload['eventType'] === 'Ended')
    expect(ended.length).toBeGreaterThan(0)
  })

  test('a car that never wakes stays at nothing when the limit is over', async () => {
    const car = { phases: 1 as const, maxA: 32, batteryWh: 60_000, soc: 0.4, wakesAfterPause: false }
    const { it, limit, amps } = await charging(version, {}, { cars: [car] })
    await limit({ limit: 0, durationS: 30 })
    await story.until(() => amps() === 0)
    await story.until(() => it.limitW() === undefined)
    await story.pass(60)
    expect(amps()).toBe(0)
  })

  test('a clock that is ahead puts readings and schedules ahead', async () => {
    const { it, limit, amps } = await charging(version, { clockSkewS: 30 })
    const [status] = story.central.of(it.identity, 'StatusNotification')
    expect(Date.parse(status!['timestamp'] as string) - START_MS).toBeGreaterThanOrEqual(30_000)
    await limit({ limit: 10, durationS: 60 })
    const fromMs = story.now()
    await story.until(() => amps() === 10)
    await story.until(() => amps() === 32)
    expect(Math.abs(story.now() - fromMs - 30_000)).toBeLessThanOrEqual(1000)
  })

  test('a null in a call is an error, for OCPP omits', async () => {
    const { limit, ask, amps } = await charging(version)
    story.central.unchecked = true
    const call = limitCall(version, story, { limit: 10 }) as Record<string, Record<string, unknown>>
    const profile = version === '1.6' ? 'csChargingProfiles' : 'chargingProfile'
    const code = version === '1.6' ? 'FormationViolation' : 'FormatViolation'
    expect(await ask('SetChargingProfile', { ...call, [profile]: { ...call[profile], validTo: null } })).toEqual({ code })
    expect(amps()).toBe(32)
    expect(await limit({ limit: 10 })).toEqual({ status: 'Accepted' })
  })

  test('two cars share a station maximum; a TxDefault at 0 is for each of them', async () => {
    const car = { phases: 1 as const, maxA: 32, batteryWh: 60_000, soc: 0.4 }
    const { it, limit, ask } = await charging(version, {}, { cars: [car, car] })
    await story.until(() => it.powerW() === 64 * 230)
    const purpose = version === '1.6' ? 'ChargePointMaxProfile' : 'ChargingStationMaxProfile'
    await limit({ limit: 20, evse: 0, purpose })
    await story.until(() => it.powerW() === 20 * 230)
    await ask('ClearChargingProfile', version === '1.6' ? { id: 7000 } : { chargingProfileId: 7000 })
    await limit({ limit: 20, evse: 0 })
    await story.until(() => it.powerW() === 40 * 230)
  })
})
