import { createHash } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { ocppLink } from '../../adapters/chargers/index.ts'
import { createSystemRuntime } from '../../adapters/runtime/system.ts'
import { createMemoryJournal, createMemoryMeters, createMemoryRegistry, createMemoryStore } from '../../adapters/stores/memory/index.ts'
import { everyoneEnrolled, fleetOf, testProgramme } from '../../simulations/virtual/fleet.ts'
import { createEngine } from '../../src/engine.ts'
import { chargePoint, profileOf, register, scheduleOf, station, until } from '../adapters/ocpp/bed.ts'
import { gridEvent } from './stage.ts'

it.each(['ocpp1.6', 'ocpp2.0.1'] as const)(
  'an emergency, a %s box that takes limits only in a session, and a car that comes later',
  async protocol => {
    const runtime = createSystemRuntime()
    const registry = createMemoryRegistry()
    const fleet = fleetOf([{ phases: 3 }])
    const no = fleet.chargers.station[0]!
    await registry.put({ stations: [station(no, 'A', { evses: [{ charger: 0, evseId: 1 }] })] })
    const chargers = ocppLink({ port: 0, allowInsecure: true, authorize: 'all', sampleS: 0 })
    const engine = createEngine({
      runtime,
      journal: createMemoryJournal(createMemoryStore()),
      meters: createMemoryMeters(),
      registry,
      chargers,
      signals: [],
      seedKey: new Uint8Array(32).fill(7),
    })
    await engine.start()
    onTestFinished(async () => {
      await engine.stop()
      await runtime.close()
    })
    await engine.handle(fleet, { kind: 'programme', programme: testProgramme() }, everyoneEnrolled(1))
    const point = await chargePoint(`ws://127.0.0.1:${chargers.port()}/ocpp`, 'A', protocol)
    onTestFinished(() => point.close())
    await register(point, protocol)
    point.answer('SetChargingProfile', params => ({
      status: profileOf(params)['chargingProfilePurpose'] === 'TxProfile' ? 'Accepted' : 'Rejected',
    }))
    await until('it is up', () => engine.state().up[no] === 1)

    const nowS = Math.floor(runtime.now() / 1000)
    const raw = Buffer.from('order')
    const event = gridEvent('order', nowS, nowS + 1_800, { ask: { kind: 'limitEach', limitW: 11_040 }, class: 'emergency' })
    await engine.bridge.submit({ ...event, rawHash: createHash('sha256').update(raw).digest('hex') }, raw)
    await until('there is nothing to limit yet', () => engine.state().attempt[0]! >= 8)
    expect(engine.state().refusals.size).toBe(0)

    const timestamp = new Date(runtime.now()).toISOString()
    if (protocol === 'ocpp1.6') await point.call('StartTransaction', { connectorId: 1, idTag: 'T', meterStart: 0, timestamp })
    else
      await point.call('TransactionEvent', {
        eventType: 'Started',
        timestamp,
        triggerReason: 'CablePluggedIn',
        seqNo: 0,
        transactionInfo: { transactionId: 'tx-1' },
        evse: { id: 1, connectorId: 1 },
      })
    await until('it is limited', () => engine.state().holds[0]! > 0 && engine.state().holds[0]! < 0xfffffff0)
    const set = point.calls.filter(c => c.action === 'SetChargingProfile').at(-1)!.params
    expect(profileOf(set)).toMatchObject({ chargingProfilePurpose: 'TxProfile' })
    expect(scheduleOf(set)['chargingSchedulePeriod'][0]).toMatchObject({ limit: 16 })
    expect(point.violations).toEqual([])
  },
)
