import type { Readings } from '../../src/core/model.ts'

/** Newest power per charger number, in columns that double when a higher number is seen. */
export function createLatest(chargers = 64): {
  see(readings: Readings): void
  seeOne(charger: number, powerW: number, atMs: number): void
  columns(): { readonly powerW: Float64Array; readonly atMs: Float64Array }
} {
  let powerW = new Float64Array(chargers)
  let atMs = new Float64Array(chargers)
  function grow(charger: number) {
    let size = powerW.length
    while (size <= charger) size *= 2
    const [power, at] = [new Float64Array(size), new Float64Array(size)]
    power.set(powerW)
    at.set(atMs)
    powerW = power
    atMs = at
  }
  function seeOne(charger: number, power: number, at: number) {
    if (Number.isNaN(power)) return // a register without a power says nothing of the load
    if (charger >= powerW.length) grow(charger)
    if (at < atMs[charger]!) return
    powerW[charger] = power
    atMs[charger] = at
  }
  return {
    seeOne,
    see({ charger, toMs, powerW: power }) {
      for (let i = 0; i < charger.length; i++) seeOne(charger[i]!, power[i]!, toMs[i]!)
    },
    columns: () => ({ powerW, atMs }),
  }
}
