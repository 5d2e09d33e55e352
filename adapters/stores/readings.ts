import type { Readings } from '../../src/core/model.ts'
import type { WitnessRows } from '../../src/ports.ts'

export type Reading = {
  readonly charger: number
  readonly fromMs: number
  readonly toMs: number
  readonly powerW: number
  readonly registerWh: number
  readonly quality: number
}

/** Does the interval touch [fromMs, toMs)? An instant (from = to) does when it lies inside. */
export const touches = (reading: { fromMs: number; toMs: number }, fromMs: number, toMs: number): boolean =>
  reading.fromMs < toMs && (reading.toMs > fromMs || reading.fromMs >= fromMs)

export const inOrder = (a: Reading, b: Reading): number => a.charger - b.charger || a.fromMs - b.fromMs || a.toMs - b.toMs

export function rowOf(readings: Readings, i: number): Reading {
  return {
    charger: readings.charger[i]!,
    fromMs: readings.fromMs[i]!,
    toMs: readings.toMs[i]!,
    powerW: readings.powerW[i]!,
    registerWh: readings.registerWh[i]!,
    quality: readings.quality[i]!,
  }
}
export function columnsOf(rows: readonly Reading[]): Readings {
  const f64 = () => new Float64Array(rows.length)
  const out = {
    ...{ charger: new Uint32Array(rows.length), fromMs: f64(), toMs: f64(), powerW: f64(), registerWh: f64() },
    quality: new Uint8Array(rows.length),
  }
  rows.forEach((r, k) => {
    for (const column of readingColumns) out[column][k] = r[column]
  })
  return out
}
const readingColumns = ['charger', 'fromMs', 'toMs', 'powerW', 'registerWh', 'quality'] as const

/** An interval of a meter that is not ours. */
export type WitnessRow = { readonly fromMs: number; readonly toMs: number; readonly wh: number; readonly receivedMs: number }
export const witnessRowOf = (rows: WitnessRows, i: number): WitnessRow => ({
  fromMs: rows.fromMs[i]!,
  toMs: rows.toMs[i]!,
  wh: rows.wh[i]!,
  receivedMs: rows.receivedMs[i]!,
})
export const witnessColumns = (rows: readonly WitnessRow[]): WitnessRows => ({
  fromMs: Float64Array.from(rows, r => r.fromMs),
  toMs: Float64Array.from(rows, r => r.toMs),
  wh: Float64Array.from(rows, r => r.wh),
  receivedMs: Float64Array.from(rows, r => r.receivedMs),
})
