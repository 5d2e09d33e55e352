import { afterEach, describe, expect, it } from 'vitest'
import {
  type Bed,
  bed,
  type ChargePoint,
  chargePoint,
  command,
  nowS,
  outcomeOf,
  type Protocol,
  profileOf,
  register,
  scheduleOf,
  station,
  until,
} from './bed.ts'

let open: Bed | undefined
const points: ChargePoint[] = []
afterEach(async () => {
  for (const point of points.splice(0)) await point.close()
  await open?.close()
  open = undefined
})

const connect = async (protocol: Protocol, ...rest: Parameters<typeof bed>): Promise<{ it: Bed; point: ChargePoint }> => {
  open = await bed(...rest)
  const point = await chargePoint(open.url, rest[0][0]!.identity, protocol)
  points.push(point)
  await register(point, protocol)
  await until('the link is up', () => open!.seen.links.length > 0)
  return { it: open, point }
}

describe.each(['ocpp1.6', 'ocpp2.0.1'] as const)('a charge point that we did not write, strict %s', protocol => {
  it('takes a limit, meters it and is freed', async () => {
    const { it: b, point } = await connect(protocol, [station(7, 'CP/7')])
    const limit = command(7, [{ fromS: nowS(), toS: nowS() + 600, limitW: 11_040 }])
    b.link.send([limit])
    expect(await outcomeOf(b.seen, limit)).toMatchObject({ kind: 'accepted' })
    const set = point.calls.filter(c => c.action === 'SetChargingProfile').at(-1)!.params
    expect(profileOf(set)).toMatchObject({ chargingProfileKind: 'Absolute' })
    expect(scheduleOf(set)).toMatchObject({ chargingRateUnit: 'A', chargingSchedulePeriod: [{ startPeriod: 0, limit: 16 }] })

    const timestamp = new Date().toISOString()
    if (protocol === 'ocpp1.6') {
      const { transactionId } = await point.call('StartTransaction', { connectorId: 1, idTag: 'any', meterStart: 0, timestamp })
      const sampledValue = [{ value: '11.0', measurand: 'Power.Active.Import', unit: 'kW', context: 'Sample.Periodic' }]
      await point.call('MeterValues', { connectorId: 1, transactionId, meterValue: [{ timestamp, sampledValue }] })
    } else {
      const sampledValue = [{ value: 11, measurand: 'Power.Active.Import', unitOfMeasure: { unit: 'kW' } }]
      await point.call('TransactionEvent', {
        eventType: 'Started',
        timestamp,
        triggerReason: 'CablePluggedIn',
        seqNo: 0,
        transactionInfo: { transactionId: 'tx-1' },
        evse: { id: 1, connectorId: 1 },
        meterValue: [{ timestamp, sampledValue }],
      })
    }
    await until('the reading is in', () => b.seen.readings.length === 1)
    expect(b.seen.readings[0]).toMatchObject({ charger: 7, powerW: 11_000 })
    expect(Math.abs(b.seen.readings[0]!.toMs - Date.parse(timestamp))).toBeLessThan(1_000)

    const free = command(7, [])
    b.link.send([free])
    expect(await outcomeOf(b.seen, free)).toMatchObject({ kind: 'accepted' })
    const cleared = point.calls.filter(c => c.action === 'ClearChargingProfile').map(c => c.params['id'] ?? c.params['chargingProfileId'])
    expect(cleared).toEqual([profileOf(set)['chargingProfileId'] ?? profileOf(set)['id']])
    expect(point.violations).toEqual([])
    expect(b.link.counters().invalidOut).toBe(0)
  })
})
