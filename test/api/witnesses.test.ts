import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMemoryWitnesses } from '../../adapters/stores/memory/witnesses.ts'
import { mostPlausibleW } from '../../src/operations/plausible.ts'
import { createWitnesses, witnessRows, witnessSeries, witnessWh } from '../../src/operations/witnesses.ts'
import type { WitnessMeter, WitnessPoint, WitnessSource } from '../../src/ports.ts'
import { type Bridge, startBridge } from './bridge.ts'

const meter: WitnessMeter = {
  no: 0,
  name: 'feeder',
  node: 1,
  kind: 'feeder',
  stepS: 1800,
  unit: 'kWh',
  sign: 'consumption',
  stamp: 'start',
}
const t = Date.parse('2026-11-22T17:00:00Z')

describe('what the wire of a meter says', () => {
  test.each<[Partial<WitnessMeter>, number, number]>([
    [{}, 7.5, 7_500],
    [{ unit: 'Wh' }, 7.5, 7.5],
    [{ unit: 'MWh' }, 0.002, 2_000],
    [{ unit: 'kW' }, 10, 5_000],
    [{ unit: 'W', stepS: 60 }, 600, 10],
    [{ unit: 'MW', stepS: 3600 }, -1, -1_000_000],
    [{ sign: 'generation' }, 7.5, -7_500],
    [{ sign: 'generation' }, 0, 0],
  ])('%j: %d is %d Wh', (over, value, wh) => {
    expect(witnessWh({ ...meter, ...over }, value)).toBe(wh)
  })
  test('a time names the end of its interval where that was declared', () => {
    const { rows } = witnessRows({ ...meter, stamp: 'end' }, [{ at: t, value: 1 }], t)
    expect([rows.fromMs[0], rows.toMs[0]]).toEqual([t - 1_800_000, t])
  })
  test('a series has gaps, and says what came more than a day late', () => {
    const { rows } = witnessRows(
      meter,
      [
        { at: t, value: 1 },
        { at: t + 3_600_000, value: 2 },
      ],
      t + 30 * 3_600_000,
    )
    const steps = { fromS: t / 1000, toS: t / 1000 + 5_400, stepS: 1_800 }
    expect([...witnessSeries(rows, steps).wh]).toEqual([1_000, Number.NaN, 2_000])
    expect([...witnessSeries(rows, steps).flaws].map(f => f & 16)).toEqual([16, 0, 16])
    // half of an interval is half of its energy, an hour the sum of what is whole
    expect([...witnessSeries(rows, { ...steps, stepS: 900 }).wh]).toEqual([500, 500, Number.NaN, Number.NaN, 1_000, 1_000])
  })
})

describe('a source of series', () => {
  let b: Bridge
  let give: (name: string, points: readonly WitnessPoint[]) => void
  let trouble: (why: string) => void
  const source: WitnessSource = {
    async start(take, tell) {
      give = take
      trouble = tell
    },
    async stop() {},
  }
  beforeEach(async () => {
    b = await startBridge()
  })
  afterEach(() => b.api.close())

  test('fills a configured meter; what it cannot use is on record, each kind of it once', async () => {
    const store = createMemoryWitnesses()
    const configured = [
      { ...meter, node: 'BATH-11' },
      { ...meter, name: 'nowhere', node: 'ATLANTIS' },
    ]
    const witnesses = createWitnesses(b.engine, store, configured)
    await witnesses.follow(source)
    const at = Math.floor(b.engine.now() / 1_800_000) * 1_800_000 - 1_800_000
    for (let twice = 0; twice < 2; twice++) {
      give('feeder', [
        { at, value: 3 },
        { at: 'noon', value: 3 },
      ])
      give('nowhere', [{ at, value: 3 }])
      give('nobody', [{ at, value: 3 }])
      trouble('broker: ECONNREFUSED')
    }
    await b.seconds(5)
    expect([...(await store.range(0, at, at + 1)).wh]).toEqual([3_000])
    expect(witnesses.list().map(m => m.name)).toEqual(['feeder'])
    const refused = b.notes.filter(n => n.what === 'meterRefused').map(n => n.about)
    expect(refused.map(r => r['meter']).sort()).toEqual(['', 'feeder', 'nobody', 'nowhere'])
  })

  /** Half hours that end now; the newest last. */
  async function energyOfHalfHours(values: readonly number[]) {
    const witnesses = createWitnesses(b.engine, createMemoryWitnesses(), [{ ...meter, node: 'BATH-11' }])
    const endMs = Math.floor(b.engine.now() / 1_800_000) * 1_800_000
    const taken = await witnesses.take(
      'feeder',
      values.map((value, k) => ({ at: endMs - (values.length - k) * 1_800_000, value })),
    )
    expect(taken).toMatchObject({ ok: true, value: { taken: values.length, errors: [] } })
    const [toS, fromS] = [endMs / 1000, endMs / 1000 - 1_800 * Math.min(3, values.length)]
    const energy = await witnesses.energy('feeder', { fromS, toS, stepS: 1_800 })
    return energy.ok ? energy.value.map(x => ({ wh: x.energyWh, isImplausible: x.flaws.includes('implausible') })) : energy
  }
  const day = Array<number>(48).fill(20)
  // six chargers of 7.36 kW under it: at most 20 times 44 kW
  test.each<[string, readonly number[], readonly (number | null)[]]>([
    ['a usual day', [...day, 20, 25, 30], [20_000, 25_000, 30_000]],
    ['a peak of ten times what is usual', [...day, 200, 200, 20], [200_000, 200_000, 20_000]],
    ['Wh where kWh are told', [...day, 20, 20_000, 20], [20_000, null, 20_000]],
    ['Wh where kWh are told, of what is generated', [...day, 20, -20_000, 20], [20_000, null, 20_000]],
    ['three in a row', [...day, 20_000, 25_000, 30_000], [null, null, null]],
    ['a factory beside a few chargers', Array<number>(51).fill(5_000), [5e6, 5e6, 5e6]],
    ['the first day of a meter', [20_000, 20_000, 20_000], [2e7, 2e7, 2e7]],
  ])('%s: what no place can have drawn is flagged and not counted, all else is as it came', async (_, values, wh) => {
    expect(await energyOfHalfHours(values)).toEqual(wh.map(x => ({ wh: x, isImplausible: x === null })))
  })
  test('where it is known what a node may carry, a unit that was wrong from the first day is flagged as well', () => {
    const { fleet } = b.engine.state()
    const { no } = [...b.engine.registry.nodes()].find(n => n.name === 'BATH-11')!
    const rated = { fleet: { ...fleet, nodeLimitW: fleet.nodeLimitW.map((w, node) => (node === fleet.parent[no] ? 150_000 : w)) } }
    const { rows } = witnessRows(
      meter,
      [0, 1, 2, 3].map(k => ({ at: t - k * 1_800_000, value: 20_000 })),
      t + 1_800_000,
    )
    expect(mostPlausibleW({ fleet }, no, rows)).toBe(20 * 40_000_000)
    expect(mostPlausibleW(rated, no, rows)).toBe(20 * 150_000)
  })
})
