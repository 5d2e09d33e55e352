import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Registry, Station } from '../../src/ports.ts'

export type RegistryHarness = {
  /** Opens the same registry again, as a restart would. */
  open(): Registry
  dispose(): Promise<void>
}

const station = (no: number, identity: string, ...chargers: number[]): Station => ({
  no,
  identity,
  auth: { profile: 1, passwordHash: 'scrypt:x' },
  evses: chargers.map((charger, i) => ({ charger, evseId: i + 1 })),
  capabilities: {
    units: ['A', 'W'],
    limitsAt: 'evse',
    phases: 3,
    voltageV: 230,
    minA: 6,
    maxA: 32,
    stepA: 0.1,
    maxStackLevel: 8,
    depth: 24,
    onLinkLoss: 'holds',
    takesZero: true,
    meterClass: 'B',
  },
})

/** The contract of a registry, run against every implementation. Each question is asked before and after a restart. */
export function registrySuite(name: string, make: () => Promise<RegistryHarness>): void {
  describe(`registry: ${name}`, () => {
    let harness: RegistryHarness
    beforeEach(async () => {
      harness = await make()
      await harness.open().put({
        nodes: [
          { no: 0, kind: 'gsp', name: 'North', parent: -1 },
          { no: 1, kind: 'feeder', name: 'F12', parent: 0 },
          { no: 2, kind: 'station', name: 'CP-2', parent: 1 },
          { no: 3, kind: 'station', name: 'CP-3', parent: 1 },
        ],
        stations: [station(2, 'CP-2', 0, 1), station(3, 'CP-3', 2)],
        externalIds: [
          { charger: 0, externalId: 'GB*ABC*E1' },
          { charger: 2, externalId: 'GB*ABC*E3' },
        ],
        aliases: [
          {
            scheme: 'groupID',
            value: 'feeder-12',
            targets: [
              { kind: 'node', node: 1 },
              { kind: 'charger', charger: 2 },
            ],
          },
        ],
      })
    })
    afterEach(() => harness.dispose())

    it('knows nodes, stations and chargers by number and by name', () => {
      const registry = harness.open()
      expect([registry.nodeCount(), registry.chargerCount()]).toEqual([4, 3])
      expect(registry.node(1)).toEqual({ no: 1, kind: 'feeder', name: 'F12', parent: 0 })
      expect([...registry.nodes()].map(n => n.name)).toEqual(['North', 'F12', 'CP-2', 'CP-3'])
      expect([...registry.stations()]).toEqual([station(2, 'CP-2', 0, 1), station(3, 'CP-3', 2)])
      expect(registry.stationByIdentity('CP-3')?.no).toBe(3)
      expect(registry.charger(1)).toEqual({ station: station(2, 'CP-2', 0, 1), evse: { charger: 1, evseId: 2 }, externalId: '' })
      expect(registry.charger(2)?.externalId).toBe('GB*ABC*E3')
      expect(registry.chargerByExternalId('GB*ABC*E3')).toBe(2)
    })
    it('what is unknown is undefined', () => {
      const registry = harness.open()
      expect([registry.node(9), registry.station(1), registry.charger(3), registry.get('nothing')]).toEqual(Array(4).fill(undefined))
      expect([registry.stationByIdentity('cp-3'), registry.chargerByExternalId('gb*abc*e3')]).toEqual([undefined, undefined])
    })
    it.each([
      ['groupID', 'feeder-12', '{"kind":"node","node":1} {"kind":"charger","charger":2}'],
      ['groupID', 'Feeder-12', ''],
      ['venID', 'feeder-12', ''],
      ['externalId', 'GB*ABC*E1', '{"kind":"charger","charger":0}'],
      ['identity', 'CP-2', '{"kind":"node","node":2}'],
      ['node', 'North/F12', '{"kind":"node","node":1}'],
      ['node', 'North/F12/CP-3', '{"kind":"node","node":3}'],
      ['node', 'F12', ''],
      ['feeder', 'F12', '{"kind":"node","node":1}'],
      ['gsp', 'F12', ''],
    ])('resolves %s %s', (scheme, value, targets) => {
      const found = harness.open().resolve(scheme, value)
      expect((found ?? []).map(t => JSON.stringify(t)).join(' ')).toBe(targets)
      expect(found === undefined).toBe(targets === '')
    })
    it('a feeder whose name another feeder has too is named by its whole path only', async () => {
      const registry = harness.open()
      await registry.put({
        nodes: [
          { no: 4, kind: 'gsp', name: 'South', parent: -1 },
          { no: 5, kind: 'feeder', name: 'F12', parent: 4 },
        ],
      })
      for (const r of [registry, harness.open()]) {
        expect(r.resolve('feeder', 'F12')).toBeUndefined()
        expect(r.resolve('node', 'South/F12')).toEqual([{ kind: 'node', node: 5 }])
      }
    })
    it('a station that is renamed and moved leaves nothing under its old name', async () => {
      const registry = harness.open()
      await registry.put({ stations: [station(2, 'CP-2b', 0)], nodes: [{ no: 1, kind: 'feeder', name: 'F13', parent: 0 }] })
      await registry.put({ externalIds: [{ charger: 0, externalId: 'GB*NEW' }] })
      for (const r of [registry, harness.open()]) {
        expect(r.stationByIdentity('CP-2')).toBeUndefined()
        expect(r.stationByIdentity('CP-2b')?.no).toBe(2)
        expect(r.charger(1)).toBeUndefined()
        expect(r.chargerCount()).toBeGreaterThanOrEqual(3)
        expect(r.chargerByExternalId('GB*ABC*E1')).toBeUndefined()
        expect(r.chargerByExternalId('GB*NEW')).toBe(0)
        expect(r.resolve('node', 'North/F12')).toBeUndefined()
        expect(r.resolve('node', 'North/F13')).toEqual([{ kind: 'node', node: 1 }])
      }
    })
    it('forgets names, also after a restart; the numbers behind them stay taken', async () => {
      const registry = harness.open()
      await registry.put({
        externalIds: [{ charger: 0, externalId: 'gone' }],
        aliases: [{ scheme: 'mpan', value: '1200012345678', targets: [{ kind: 'charger', charger: 0 }] }],
      })
      expect([...registry.aliases()].some(a => a.value === '1200012345678')).toBe(true)
      const count = registry.chargerCount()
      await registry.forget({ externalIds: [0], aliases: [{ scheme: 'mpan', value: '1200012345678' }] })
      for (const now of [registry, harness.open()]) {
        expect(now.chargerByExternalId('gone')).toBeUndefined()
        expect(now.resolve('mpan', '1200012345678')).toBeUndefined()
        expect([...now.aliases()].some(a => a.value === '1200012345678')).toBe(false)
        expect([now.charger(0)?.externalId, now.chargerCount()]).toEqual(['', count])
      }
    })
    it('keeps values of adapters by key until they are set to null', async () => {
      const registry = harness.open()
      await registry.set('ocpp16.rung.Acme', '2')
      await registry.set('ocpp16.rung.Other', '1')
      await registry.set('openadr2b.registration', '{"id":"1"}')
      await registry.set('ocpp16.rung.Acme', '3')
      await registry.set('ocpp16.rung.Other', null)
      await registry.set('ocpp16.rung.Nobody', null)
      for (const r of [registry, harness.open()]) {
        expect([...r.keys('ocpp16.')]).toEqual(['ocpp16.rung.Acme'])
        expect([r.get('ocpp16.rung.Acme'), r.get('ocpp16.rung.Other')]).toEqual(['3', undefined])
      }
    })
  })
}
