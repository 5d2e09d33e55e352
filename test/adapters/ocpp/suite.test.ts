import type { Behaviour } from '../../ports/chargers.suite.ts'
import { chargersSuite } from '../../ports/chargers.suite.ts'
import { bed, type ChargePoint, chargePoint, nowS, type Protocol, profileOf, register, scheduleOf, station, until } from './bed.ts'

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
const never = new Promise<never>(() => {})
const callTimeoutMs = 400

for (const protocol of ['ocpp1.6', 'ocpp2.0.1'] as const satisfies readonly Protocol[])
  chargersSuite(protocol, async () => {
    const chargers = [1, 2]
    const b = await bed(
      chargers.map(no => station(no, `CP${no}`)),
      { callTimeoutMs },
    )
    const behaviour = new Map<number, Behaviour>()
    const points = new Map<number, ChargePoint>()
    /** Limits by profile id: the least of them holds. */
    const held = new Map<number, Map<number, number>>(chargers.map(no => [no, new Map()]))
    const set = async (no: number, params: Record<string, never>) => {
      const how = behaviour.get(no) ?? 'obeys'
      if (how === 'silent') return never
      if (how === 'late') await sleep(callTimeoutMs * 3)
      if (how === 'refuses') return { status: 'Rejected' }
      const profile = profileOf(params)
      held.get(no)!.set(profile['chargingProfileId'] ?? profile['id'], scheduleOf(params)['chargingSchedulePeriod'][0].limit * 690)
      return { status: 'Accepted' }
    }
    return {
      link: b.link,
      chargers,
      nowS,
      outcomes: b.seen.outcomes,
      doubts: b.seen.doubts,
      links: b.seen.links,
      behave: (no, how) => void behaviour.set(no, how),
      async connect(no) {
        const point = await chargePoint(b.url, `CP${no}`, protocol)
        points.set(no, point)
        await register(point, protocol)
        // Without a session a box that refuses all else may still take a limit within one, so it would be no refusal yet.
        const timestamp = new Date().toISOString()
        if (protocol === 'ocpp1.6') await point.call('StartTransaction', { connectorId: 1, idTag: 'T', meterStart: 0, timestamp })
        else
          await point.call('TransactionEvent', {
            eventType: 'Started',
            timestamp,
            triggerReason: 'CablePluggedIn',
            seqNo: 0,
            transactionInfo: { transactionId: `tx-${no}` },
            evse: { id: 1, connectorId: 1 },
          })
        point.answer('SetChargingProfile', params => set(no, params as never))
        point.answer('ClearChargingProfile', params => ({
          status: held.get(no)!.delete(params['id'] ?? params['chargingProfileId']) ? 'Accepted' : 'Unknown',
        }))
      },
      disconnect: no => void points.get(no)?.close(),
      heldW: no =>
        Math.min(...held.get(no)!.values(), Number.POSITIVE_INFINITY) === Number.POSITIVE_INFINITY
          ? null
          : Math.round(Math.min(...held.get(no)!.values())),
      until,
      async close() {
        for (const point of points.values()) await point.close()
        await b.close()
      },
    }
  })
