import { type Instant, noReadings, type Readings } from '../core/model.ts'
import { EDGE_MS } from '../core/verify/energy.ts'
import { inOrder } from '../core/verify/readingsRoot.ts'
import type { Meters } from '../ports.ts'

/**
 * Readings of these chargers that touch [fromMs, toMs), by charger and time; and of each meter that shows its register alone there, the value before and the value
 * after, up to `EDGE_MS` away: its energy lies between two values, and without them what flowed at both ends would not be known. Of a meter that gives
 * powers nothing more is read.
 */
export async function readingsAround(meters: Pick<Meters, 'range'>, who: Uint32Array, fromMs: Instant, toMs: Instant): Promise<Readings> {
  const own = await meters.range(who, fromMs, toMs)
  const { before, after } = openEnds(own, toMs)
  if (before.length === 0 && after.length === 0) return own
  const earlier = await valuesIn(meters, before, fromMs - EDGE_MS, fromMs, (r, k) => r.toMs[k]! <= fromMs && r.fromMs[k]! < fromMs)
  const later = await valuesIn(meters, after, toMs, toMs + EDGE_MS, (r, k) => r.fromMs[k]! >= toMs)
  return inOrder(joined([lastOfEach(earlier), own, firstOfEach(later)]))
}

/** Chargers whose first reading of a stretch is a register alone, and those whose last is one that was read before the end. */
function openEnds({ charger, toMs: ends, powerW, registerWh }: Readings, toMs: Instant): { before: Uint32Array; after: Uint32Array } {
  const before: number[] = []
  const after: number[] = []
  const isRegisterAlone = (k: number): boolean => Number.isNaN(powerW[k]!) && !Number.isNaN(registerWh[k]!)
  for (let k = 0; k < charger.length; k++) {
    if (!isRegisterAlone(k)) continue
    if (charger[k - 1] !== charger[k]) before.push(charger[k]!)
    if (charger[k + 1] !== charger[k] && ends[k]! < toMs) after.push(charger[k]!)
  }
  return { before: Uint32Array.from(before), after: Uint32Array.from(after) }
}
async function valuesIn(
  meters: Pick<Meters, 'range'>,
  who: Uint32Array,
  fromMs: Instant,
  toMs: Instant,
  isBeyond: (r: Readings, k: number) => boolean,
): Promise<Readings> {
  if (who.length === 0) return noReadings
  const all = await meters.range(who, fromMs, toMs)
  return chosen(all, k => !Number.isNaN(all.registerWh[k]!) && isBeyond(all, k))
}
/** By charger and time: of each the last, the first. */
const lastOfEach = (r: Readings): Readings => chosen(r, k => r.charger[k + 1] !== r.charger[k])
const firstOfEach = (r: Readings): Readings => chosen(r, k => r.charger[k - 1] !== r.charger[k])
const chosen = (r: Readings, is: (k: number) => boolean): Readings => {
  const isChosen = (_: number, k: number): boolean => is(k)
  return {
    charger: r.charger.filter(isChosen),
    fromMs: r.fromMs.filter(isChosen),
    toMs: r.toMs.filter(isChosen),
    powerW: r.powerW.filter(isChosen),
    registerWh: r.registerWh.filter(isChosen),
    quality: r.quality.filter(isChosen),
  }
}
function joined(parts: readonly Readings[]): Readings {
  const rows = parts.reduce((sum, p) => sum + p.charger.length, 0)
  const column = <T extends { set(values: T, at: number): void; readonly length: number }>(into: T, of: (p: Readings) => T): T => {
    let at = 0
    for (const part of parts) {
      into.set(of(part), at)
      at += of(part).length
    }
    return into
  }
  return {
    charger: column(new Uint32Array(rows), p => p.charger),
    fromMs: column(new Float64Array(rows), p => p.fromMs),
    toMs: column(new Float64Array(rows), p => p.toMs),
    powerW: column(new Float64Array(rows), p => p.powerW),
    registerWh: column(new Float64Array(rows), p => p.registerWh),
    quality: column(new Uint8Array(rows), p => p.quality),
  }
}
