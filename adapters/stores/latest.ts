import type { Readings } from '../../src/core/model.ts'
import type { Meters } from '../../src/ports.ts'

/** Newest power per charger number, in columns that double when a higher number is seen. */
export function createLatest(chargers = 64): {
  see(readings: Readings): void
  seeOne(charger: number, powerW: number, atMs: number, fromMs?: number): void
  forget(charger: number): void
  columns(): ReturnType<Meters['latest']>
} {
  let powerW = new Float64Array(chargers)
  let atMs = new Float64Array(chargers)
  let fromMs = new Float64Array(chargers)
  function grow(charger: number) {
    let size = powerW.length
    while (size <= charger) size *= 2
    const longer = (column: Float64Array) => {
      const out = new Float64Array(size)
      out.set(column)
      return out
    }
    powerW = longer(powerW)
    atMs = longer(atMs)
    fromMs = longer(fromMs)
  }
  function seeOne(charger: number, power: number, at: number, from = at) {
    if (Number.isNaN(power)) return // a register without a power says nothing of the load
    if (charger >= powerW.length) grow(charger)
    if (at < atMs[charger]!) return
    powerW[charger] = power
    atMs[charger] = at
    fromMs[charger] = from
  }
  return {
    seeOne,
    see({ charger, fromMs: from, toMs, powerW: power }) {
      for (let i = 0; i < charger.length; i++) seeOne(charger[i]!, power[i]!, toMs[i]!, from[i]!)
    },
    forget(charger) {
      if (charger < powerW.length) powerW[charger] = atMs[charger] = fromMs[charger] = 0
    },
    columns: () => ({ powerW, atMs, fromMs }),
  }
}
