import type { AddressInfo } from 'node:net'
import { RPCServer } from 'ocpp-rpc'
import { afterEach, describe, expect, test } from 'vitest'
import { headOf, openClients } from '../../simulations/fleet/clients.ts'
import { createFleet, type Fleet } from '../../simulations/fleet/index.ts'
import { charger } from './fleet-central.ts'

type Fields = Record<string, unknown>
type Peer = { identity: string; protocol: string; call(action: string, payload: Fields): Promise<Fields> }

/** A central system that we did not write, which refuses what the official schemas refuse. */
const strictServer = async () => {
  const server = new RPCServer({ protocols: ['ocpp1.6', 'ocpp2.0.1'], strictMode: true })
  const peers = new Map<string, Peer>()
  const readings: { identity: string; watts: number }[] = []
  const faults: unknown[] = []
  const passwords = new Map<string, string>()
  server.auth((accept, _reject, handshake) => {
    passwords.set(handshake.identity, String(handshake.password))
    accept()
  })
  server.on('strictValidationFailure', (failure: unknown) => faults.push(failure))
  server.on(
    'client',
    (
      peer: Peer & {
        handle(handler: (call: { method: string; params: Fields }) => Fields): void
        on(name: string, f: (e: unknown) => void): void
      },
    ) => {
      peers.set(peer.identity, peer)
      peer.on('strictValidationFailure', e => faults.push(e))
      peer.handle(({ method, params }) => {
        for (const reading of (params['meterValue'] as { sampledValue: Fields[] }[] | undefined) ?? [])
          for (const v of reading.sampledValue)
            if (v['measurand'] === 'Power.Active.Import') readings.push({ identity: peer.identity, watts: Number(v['value']) })
        const idTagInfo = { status: 'Accepted' }
        if (method === 'BootNotification') return { status: 'Accepted', interval: 300, currentTime: new Date().toISOString() }
        if (method === 'Heartbeat') return { currentTime: new Date().toISOString() }
        if (method === 'Authorize') return peer.protocol === 'ocpp1.6' ? { idTagInfo } : { idTokenInfo: idTagInfo }
        if (method === 'StartTransaction') return { transactionId: 1, idTagInfo }
        return {}
      })
    },
  )
  const http = await server.listen(0, '127.0.0.1')
  return { server, url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ocpp`, peers, readings, faults, passwords }
}

let central: Awaited<ReturnType<typeof strictServer>>
let fleet: Fleet | undefined
afterEach(async () => {
  fleet?.stop()
  fleet = undefined
  await central.server.close({ force: true })
})

const met = async (test: () => unknown): Promise<void> => {
  const last = performance.now() + 10_000
  while (!test()) {
    if (performance.now() > last) throw new Error(`never came: ${test}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

describe('against a strict central system that is not ours', () => {
  test.each(['1.6', '2.0.1'] as const)(
    'a %s charger boots, charges, takes a limit, meters it, and is free when it lapses',
    async version => {
      central = await strictServer()
      const spec = charger(version, { sampleIntervalS: 1, password: 'sixteen-letters!' })
      fleet = createFleet({ url: central.url, chargers: [spec], tickMs: 10, timeScale: 20 })
      fleet.start()
      const it = fleet.chargers[0]!
      const last = () => central.readings.at(-1)?.watts
      await met(() => last() === 7360)
      expect(central.passwords.get(it.identity)).toBe('sixteen-letters!')
      const schedule = {
        startSchedule: new Date(Date.now() - 60_000).toISOString(),
        duration: 36_000,
        chargingRateUnit: 'A',
        chargingSchedulePeriod: [{ startPeriod: 0, limit: 10 }],
      }
      const common = { stackLevel: 0, chargingProfilePurpose: 'TxDefaultProfile', chargingProfileKind: 'Absolute' }
      const profileEndsIn = (s: number) => ({
        ...schedule,
        duration: Math.round((it.charger.box.connectors[0]!.sampledMs - Date.parse(schedule.startSchedule)) / 1000) + s,
      })
      const call =
        version === '1.6'
          ? { connectorId: 1, csChargingProfiles: { chargingProfileId: 7000, ...common, chargingSchedule: profileEndsIn(20) } }
          : { evseId: 1, chargingProfile: { id: 7000, ...common, chargingSchedule: [{ id: 1, ...profileEndsIn(20) }] } }
      expect(await central.peers.get(it.identity)!.call('SetChargingProfile', call)).toEqual({ status: 'Accepted' })
      await met(() => last() === 2300)
      await met(() => last() === 7360)
      expect(it.limitW()).toBeUndefined()
      expect(central.faults).toEqual([])
    },
  )

  test('lean clients of both versions boot and answer every call', async () => {
    central = await strictServer()
    const seen: string[] = []
    const clients = await openClients({
      url: central.url,
      n: 20,
      answer: ({ client, action }) => {
        seen.push(`${client.version} ${action}`)
        return client.identity === 'CP-000003' ? undefined : '{"status":"Rejected"}'
      },
    })
    const calls = [...central.peers.values()].map(p => p.call('ClearCache', {}).catch(() => undefined))
    await clients.receivedAtLeast(20, 5000)
    expect(clients.received()).toBe(20)
    expect(seen.filter(s => s.startsWith('1.6'))).toHaveLength(10)
    await expect(clients.receivedAtLeast(21, 10)).rejects.toThrow('20 of 21 calls')
    clients.close()
    const answers = await Promise.all(calls)
    expect(answers.filter(a => a !== undefined)).toHaveLength(19)
    expect(central.faults).toEqual([])
  })

  test('a central system that is not there is an error', async () => {
    central = await strictServer()
    await expect(openClients({ url: central.url.replace(/:\d+/, ':1'), n: 3 })).rejects.toThrow()
  })
})

test.each<[string, ReturnType<typeof headOf>]>([
  ['[2,"a-1","Reset",{"type":"Soft"}]', { id: 'a-1', action: 'Reset' }],
  ['[ 2, "a", "Heartbeat", {} ]', { id: 'a', action: 'Heartbeat' }],
  ['[3,"a-1",{}]', undefined],
  ['', undefined],
])('the head of %s', (text, head) => expect(headOf(text)).toEqual(head))
