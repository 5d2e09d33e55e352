import { expect, test } from 'vitest'
import { toProfile } from '../../../adapters/chargers/toProfile.ts'
import { parseLimit } from '../../../src/operations/limit.ts'
import { ana, startBridge } from '../../api/bridge.ts'
import { capabilities, scheduleOf } from './bed.ts'

/** At its least current a limit in watts is told as what that is, so that a box which rounds down does not pause. */
test.each([
  ['4.2kW', 'W', [4_200, 4_140, 4_140]],
  ['4.2kW', 'A', [18.2, 6, 6]],
  ['floor', 'A', [6, 6, 6]],
  ['6A', 'W', [1_380, 4_140, 4_140]],
] as const)('a floor of %s, selected and operated, is a value in the profile, in %s', async (text, unit, expected) => {
  const b = await startBridge({ fleet: false })
  const csv =
    'external_id,feeder,phases,max_current_a,programme,consent\na,F,1,32,evenings,yes\nb,F,3,16,evenings,yes\nc,F,3,32,evenings,yes'
  expect((await b.operations.fleetImport.run(csv, { apply: true }, { name: 'test' })).ok).toBe(true)
  await b.online('a', 'b', 'c')
  const limit = parseLimit(text)
  if (!limit.ok) throw new Error(limit.refusal.message)
  const order = (await b.send('POST', '/v1/dispatch-orders', { node: 'F', limit: limit.value, durationS: 900 })).json()
  const headers = { ...ana, 'if-match': order.etag, 'idempotency-key': 'k' }
  expect((await b.send('POST', `/v1/dispatch-orders/${order.id}/operate`, { reason: 'voltage' }, headers)).statusCode).toBe(201)
  const limits = b.link.sent.map(command => {
    const phases = command.charger === 0 ? 1 : 3
    const of = { ...capabilities, phases, voltageV: 230, minA: 6, maxA: command.charger === 1 ? 16 : 32 } as typeof capabilities
    const { requests } = toProfile(
      command,
      of,
      { purpose: 'stationMax', at: 'station', unit, stack: 'free' },
      {
        protocol: 'ocpp1.6',
        nowS: command.atS,
        clockOffsetS: 0,
        evseId: 1,
        evseIds: [1],
        stackLevel: 8,
        transactionOf: () => null,
        ceilingW: () => null,
      },
    )
    expect(command.urgent).toBe(true)
    const schedule = scheduleOf(requests[0]!.payload)
    return schedule['chargingSchedulePeriod'].map((p: { limit: number }) => p.limit)
  })
  expect(limits.map(x => x[0])).toEqual(expected)
})
