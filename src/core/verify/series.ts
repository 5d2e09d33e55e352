import type { Second } from '../model.ts'

/**
 * Energy of one meter in equal intervals, as columns: interval k is [fromS + k * stepS, fromS + (k + 1) * stepS). Import positive. What the readings
 * do not say is NaN, never filled in; `flaws` says for each interval what to think of it (0: good).
 */
export type EnergySeries = {
  readonly fromS: Second
  readonly stepS: number
  readonly wh: Float64Array
  readonly flaws: Uint16Array
}

/**
 * Flaws of an interval, or-ed. The lower eight are those of the readings it was made from (`quality` in model.ts), so a reading's flags carry over by
 * `|`; the others are found when energy is made of readings.
 */
export const flaw = {
  none: 0,
  estimated: 1,
  clockSkewed: 2,
  reset: 4,
  duplicate: 8,
  late: 16,
  fromRegister: 32,
  partialPhases: 64,
  /** Part of the interval has no reading: its energy is that of the part that has. */
  partial: 256,
  /** No reading at all: `wh` is NaN. */
  gap: 512,
  /** A reading came after a later one. */
  outOfOrder: 1024,
  /** More than the charger can draw, or in the wrong unit: kWh sent as Wh, or the like. That value is left out; `wh` is NaN where nothing else tells. */
  implausible: 2048,
  /** Register and power of the same time contradict each other by more than 10 %. */
  contradicting: 4096,
} as const
/** Of an interval that lacks a part, what is there is not the energy of the interval. */
export const isWhole = (flaws: number): boolean => (flaws & (flaw.partial | flaw.gap)) === 0
export type Flaw = Exclude<keyof typeof flaw, 'none'>
