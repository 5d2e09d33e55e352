import type { Instant } from '../../src/core/model.ts'
import { type Curve, curveOf, EDGE_MS, stepped } from '../../src/core/verify/energy.ts'
import { flaw } from '../../src/core/verify/series.ts'
import type { RollupStep } from '../../src/ports.ts'
import { columnsOf, type Reading } from './readings.ts'

/*
 * Energy made of readings once and kept: 1, 5 and 30 minutes. A row has so many chargers, and an hour of the two finer steps or a day of the coarse one, so
 * that 60 days of 10,000 chargers are some ten thousand rows.
 */
export const BLOCK = 16
export const HOUR_MS = 3_600_000
export const HOUR_S = 3_600
/** Seconds in one row. */
export const spanS: Readonly<Record<RollupStep, number>> = { 60: HOUR_S, 300: HOUR_S, 1800: 86_400 }
/** Readings this far beyond an hour are used for it: a register's value before its begin, and after its end. */
export const MARGIN_MS = EDGE_MS

export const blockOf = (charger: number): number => Math.floor(charger / BLOCK)
const cells = (step: RollupStep): number => (spanS[step] / step) * BLOCK

/** Energy in mWh, `NONE` where there is none, then flaws; charger by charger. Little-endian, as all machines are that this runs on. */
export type Body = { readonly mwh: Int32Array; readonly flaws: Uint16Array }
const NONE = -2_147_483_648
export const emptyBody = (step: RollupStep): Body => ({
  mwh: new Int32Array(cells(step)).fill(NONE),
  flaws: new Uint16Array(cells(step)).fill(flaw.gap),
})
export function toBytes({ mwh, flaws }: Body): Uint8Array {
  const bytes = new Uint8Array(mwh.byteLength + flaws.byteLength)
  bytes.set(new Uint8Array(mwh.buffer, mwh.byteOffset, mwh.byteLength))
  bytes.set(new Uint8Array(flaws.buffer, flaws.byteOffset, flaws.byteLength), mwh.byteLength)
  return bytes
}
export function fromBytes(step: RollupStep, bytes: Uint8Array): Body {
  const own = bytes.slice().buffer
  return { mwh: new Int32Array(own, 0, cells(step)), flaws: new Uint16Array(own, cells(step) * 4, cells(step)) }
}
export const isEmpty = (body: Body): boolean => body.mwh.every(x => x === NONE)
export const whOf = (mwh: number): number => (mwh === NONE ? Number.NaN : mwh / 1000)

/** One hour of a charger into its rows; without readings its cells are a gap again. `hour` counts from the epoch. */
export function writeHour(step: RollupStep, body: Body, charger: number, hour: number, curve: Curve | undefined): void {
  const perCharger = spanS[step] / step
  const count = HOUR_S / step
  const at = (charger % BLOCK) * perCharger + ((hour * HOUR_S) % spanS[step]) / step
  if (curve === undefined) {
    body.mwh.fill(NONE, at, at + count)
    body.flaws.fill(flaw.gap, at, at + count)
    return
  }
  const { wh, flaws } = stepped(curve, { fromS: hour * HOUR_S, toS: (hour + 1) * HOUR_S, stepS: step }).series
  for (let k = 0; k < count; k++) {
    body.mwh[at + k] = Number.isNaN(wh[k]!) ? NONE : Math.round(wh[k]! * 1000)
    body.flaws[at + k] = flaws[k]!
  }
}
export function curvesOf(rows: readonly Reading[], maxWOf: (charger: number) => number): Map<number, Curve> {
  const own = new Map<number, Reading[]>()
  for (const row of rows) {
    const list = own.get(row.charger)
    if (list) list.push(row)
    else own.set(row.charger, [row])
  }
  return new Map([...own].map(([charger, list]) => [charger, curveOf(columnsOf(list), { maxW: maxWOf(charger) })]))
}

/** Which hours of which blocks have had readings since they were rolled up. Marking is done for every reading, so it is kept cheap. */
export function createMarks() {
  type Hour = { readonly hour: number; marks: Uint8Array; count: number }
  const hours = new Map<number, Hour>()
  let fresh: number[] = []
  let hot: Hour | undefined
  function hourOf(hour: number, block: number): Hour {
    const own = hours.get(hour) ?? { hour, marks: new Uint8Array(64), count: 0 }
    if (block >= own.marks.length) {
      const longer = new Uint8Array(2 ** Math.ceil(Math.log2(block + 1)))
      longer.set(own.marks)
      own.marks = longer
    }
    hours.set(hour, own)
    return own
  }
  /** Was it news? */
  function markHour(hour: number, block: number): boolean {
    if (hot?.hour !== hour || block >= hot.marks.length) hot = hourOf(hour, block)
    if (hot.marks[block] === 1) return false
    hot.marks[block] = 1
    hot.count++
    return true
  }
  return {
    mark(charger: number, fromMs: Instant, toMs: Instant): void {
      const block = blockOf(charger)
      const last = Math.floor((toMs + MARGIN_MS) / HOUR_MS)
      for (let hour = Math.floor((fromMs - MARGIN_MS) / HOUR_MS); hour <= last; hour++) if (markHour(hour, block)) fresh.push(hour, block)
    },
    /** As it was stored. */
    recall: (hour: number, block: number): void => void markHour(hour, block),
    /** Marks that are not stored yet, as hour, block, hour, block. */
    fresh: (): readonly number[] => fresh,
    stored(): void {
      fresh = []
    },
    clear(hour: number, block: number): void {
      const own = hours.get(hour)
      if (own?.marks[block] !== 1) return
      own.marks[block] = 0
      if (--own.count > 0) return
      hours.delete(hour)
      hot = undefined
    },
    isAny: (): boolean => hours.size > 0,
    /** Those of hours before `untilHour`, the oldest first. */
    *before(untilHour: number): Iterable<readonly [number, number]> {
      for (const hour of [...hours.keys()].filter(h => h < untilHour).sort((a, b) => a - b)) {
        const own = hours.get(hour)!
        for (let block = 0; block < own.marks.length && own.count > 0; block++) if (own.marks[block] === 1) yield [hour, block]
      }
    },
  }
}
