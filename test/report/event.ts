import { expect } from 'vitest'
import { type Bridge, gridEvent } from '../api/bridge.ts'

export const eventId = 'openadr2b:vtn:e1'
type Powers = Readonly<Record<string, number>>
/**
 * Half an hour at 2 kW each on BATH-11, from ten minutes on, verified: c0 to c3 drew 5 kW before and obey, all but c3; c4 draws nothing; for five minutes
 * afterwards they draw 6 kW. `odd` replaces what a meter says.
 */
export async function anEvent(b: Bridge, odd: (minute: number) => Powers = () => ({})): Promise<void> {
  const node = (b.engine.registry.resolve('node', 'BATH/BATH-11')![0] as { node: number }).node
  const { event, raw } = gridEvent(node, b.engine.now(), {}, 600)
  await b.engine.bridge.submit(event, raw)
  const [first] = event.intervals
  for (let minute = 0; minute < 60; minute++) {
    await b.seconds(60)
    const nowS = b.engine.now() / 1000
    const isDuring = nowS > first!.fromS && nowS <= first!.toS
    const isAfter = nowS > first!.toS && nowS <= first!.toS + 300
    const of = (name: string) => (name === 'c4' ? 0 : isDuring && name !== 'c3' ? 2000 : isAfter ? 6000 : 5000)
    b.meter({ ...Object.fromEntries(['c0', 'c1', 'c2', 'c3', 'c4'].map(name => [name, of(name)])), ...odd(minute) })
  }
  for (let minute = 0; minute < 120 && b.engine.bridge.event(eventId)?.state !== 'verified'; minute++) await b.seconds(60)
  expect(b.engine.bridge.event(eventId)?.state).toBe('verified')
}
