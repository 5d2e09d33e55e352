import { expect } from 'vitest'
import { quality } from '../../src/core/model.ts'
import { type Bridge, gridEvent } from '../api/bridge.ts'

export const eventId = 'openadr2b:vtn:e1'
/** A reading as a box sends it: what it drew in the last minute, and its register then. */
export type Row = { readonly name: string; powerW: number; registerWh: number; fromMs: number; toMs: number; quality: number }
/** What becomes of the readings of a minute before they arrive: the tenth is the first of the event. */
export type Odd = (rows: Row[], minute: number) => Row[]
const names = ['c0', 'c1', 'c2', 'c3', 'c4']

/**
 * Half an hour at 2 kW each on BATH-11, from ten minutes on, verified: c0 to c3 drew 5 kW before and obey, all but c3; c4 draws nothing; for five minutes
 * afterwards they draw 6 kW. `odd` is what is wrong with their readings.
 */
export async function anEvent(b: Bridge, odd: Odd = rows => rows): Promise<void> {
  const node = (b.engine.registry.resolve('node', 'BATH/BATH-11')![0] as { node: number }).node
  const { event, raw } = gridEvent(node, b.engine.now(), {}, 600)
  await b.engine.bridge.submit(event, raw)
  const [first] = event.intervals
  const registers = new Map(names.map(name => [name, 1_000_000]))
  for (let minute = 0; minute < 60; minute++) {
    await b.seconds(60)
    const nowMs = b.engine.now()
    const nowS = nowMs / 1000
    const isDuring = nowS > first!.fromS && nowS <= first!.toS
    const isAfter = nowS > first!.toS && nowS <= first!.toS + 300
    const rows = names.map((name): Row => {
      const powerW = name === 'c4' ? 0 : isDuring && name !== 'c3' ? 2000 : isAfter ? 6000 : 5000
      registers.set(name, registers.get(name)! + powerW / 60)
      return { name, powerW, registerWh: registers.get(name)!, fromMs: nowMs - 60_000, toMs: nowMs, quality: quality.good }
    })
    send(b, odd(rows, minute))
  }
  for (let minute = 0; minute < 120 && b.engine.bridge.event(eventId)?.state !== 'verified'; minute++) await b.seconds(60)
  expect(b.engine.bridge.event(eventId)?.state).toBe('verified')
}
export function send(b: Bridge, rows: readonly Row[]): void {
  const of = (value: (r: Row) => number) => Float64Array.from(rows, value)
  b.engine.sink.readings({
    charger: Uint32Array.from(rows, r => b.engine.registry.chargerByExternalId(r.name)!),
    ...{ fromMs: of(r => r.fromMs), toMs: of(r => r.toMs), powerW: of(r => r.powerW), registerWh: of(r => r.registerWh) },
    quality: Uint8Array.from(rows, r => r.quality),
  })
}
/** The readings of one charger changed. */
export const only =
  (name: string, change: (row: Row, minute: number) => Row[]): Odd =>
  (rows, minute) =>
    rows.flatMap(row => (row.name === name ? change(row, minute) : [row]))
