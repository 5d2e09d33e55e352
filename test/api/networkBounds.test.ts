import { describe, expect, test } from 'vitest'
import { createNetworkBounds } from '../../src/operations/networkBounds.ts'
import { fleetCsv, gridEvent, startBridge } from './bridge.ts'

describe('bounds per minute by configuration', () => {
  test('are on record once, by node; the tighter of two for one node counts', async () => {
    const b = await startBridge()
    const configured = [{ wPerMinute: 100_000 }, { node: 'BATH/BATH-11', wPerMinute: 20_000 }, { node: 'BATH-11', wPerMinute: 15_000 }]
    const before = b.journal.size()
    await createNetworkBounds(b.engine, configured).start()
    const feeder = b.engine.registry.resolve('node', 'BATH/BATH-11')![0] as { node: number }
    expect([...b.engine.state().bounds].map(([node, x]) => [node, x.wPerMinute])).toEqual([
      [-1, 100_000],
      [feeder.node, 15_000],
    ])
    expect(b.journal.size()).toBe(before + 1)
    await createNetworkBounds(b.engine, configured).start()
    expect(b.journal.size()).toBe(before + 1)
    const { event, raw } = gridEvent(feeder.node, b.engine.now(), {}, 60)
    await b.engine.bridge.submit({ ...event, intervals: event.intervals.map(x => ({ ...x, ask: { kind: 'off' } as const })) }, raw)
    // six chargers of 7.36 kW, two a minute
    expect(b.engine.state().events.get(0)!.spread.startS).toBeGreaterThanOrEqual(120)
  })
  test('of a node that is not there yet is noted, and acts once the fleet has it', async () => {
    const b = await startBridge({ fleet: false })
    const bounds = createNetworkBounds(b.engine, [{ node: 'BATH/BATH-12', wPerMinute: 7_360 }])
    await bounds.start()
    expect(b.notes).toEqual([{ what: 'boundWithoutNode', about: { node: 'BATH/BATH-12' } }])
    expect(b.engine.state().bounds.size).toBe(0)
    await b.operations.fleetImport.run(fleetCsv, { apply: true }, { name: 'test' })
    await b.seconds(1)
    expect([...b.engine.state().bounds.values()]).toMatchObject([{ wPerMinute: 7_360 }])
    bounds.stop()
  })
})
