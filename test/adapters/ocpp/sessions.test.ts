import { describe, expect, it } from 'vitest'
import { bed, type ChargePoint, chargePoint, command, nowS, outcomeOf, type Protocol, register, station } from './bed.ts'

const withBox = async (protocol: Protocol, story: (b: Awaited<ReturnType<typeof bed>>, point: ChargePoint) => Promise<void>) => {
  const b = await bed([station(1, 'A')], { discover: false })
  const point = await chargePoint(b.url, 'A', protocol)
  try {
    await register(point, protocol)
    await story(b, point)
    expect(point.violations).toEqual([])
  } finally {
    await point.close()
    await b.close()
  }
}
const timestamp = new Date().toISOString()
const status = (point: ChargePoint, word: string) =>
  point.call('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: word, timestamp })
const state = (point: ChargePoint, chargingState: string, eventType = 'Updated') =>
  point.call('TransactionEvent', {
    eventType,
    timestamp,
    triggerReason: 'ChargingStateChanged',
    seqNo: 0,
    transactionInfo: { transactionId: 'tx', chargingState },
    evse: { id: 1, connectorId: 1 },
  })

describe('the car at a charger', () => {
  it('1.6: from its status', () =>
    withBox('ocpp1.6', async (b, point) => {
      for (const word of ['Preparing', 'Charging', 'SuspendedEVSE', 'SuspendedEV', 'Finishing', 'Faulted', 'Available'])
        await status(point, word)
      expect(b.seen.sessions.map(s => s.session.phase)).toEqual(['plugged', 'plugged', 'plugged', 'satisfied', 'satisfied', 'none'])
    }))
  it('2.0.1: from its charging state, which the connector’s status does not overrule', () =>
    withBox('ocpp2.0.1', async (b, point) => {
      await state(point, 'EVConnected', 'Started')
      await state(point, 'SuspendedEV')
      const connector = (connectorStatus: string) =>
        point.call('StatusNotification', { timestamp, connectorStatus, evseId: 1, connectorId: 1 })
      await connector('Occupied')
      await connector('Available')
      await connector('Occupied')
      expect(b.seen.sessions.map(s => s.session.phase)).toEqual(['plugged', 'satisfied', 'none', 'plugged'])
    }))
  it('that waits under our limit is not called satisfied, whatever the box calls it', () =>
    withBox('ocpp1.6', async (b, point) => {
      await status(point, 'Charging')
      const pause = command(1, [{ fromS: nowS() - 5, toS: nowS() + 600, limitW: 0 }])
      b.link.send([pause])
      await outcomeOf(b.seen, pause)
      await status(point, 'SuspendedEV')
      expect(b.seen.sessions.at(-1)!.session).toEqual({ phase: 'plugged' })
    }))
  it('2.0.1: says when it leaves and what it needs', () =>
    withBox('ocpp2.0.1', async (b, point) => {
      const departureTime = '2030-01-01T06:30:00.000Z'
      const answer = await point.call('NotifyEVChargingNeeds', {
        evseId: 1,
        chargingNeeds: {
          requestedEnergyTransfer: 'AC_three_phase',
          departureTime,
          acChargingParameters: { energyAmount: 18_000, evMinCurrent: 6, evMaxCurrent: 16, evMaxVoltage: 400 },
        },
      })
      expect(answer).toEqual({ status: 'Rejected' })
      expect(b.seen.sessions).toEqual([
        { charger: 1, session: { phase: 'plugged', departS: Date.parse(departureTime) / 1000, needWh: 18_000 } },
      ])
    }))
})
