import type { ChargerNo, Second } from '../../src/core/model.ts'

/** One car at one charger. Energies in Wh, powers in W, instants in seconds UTC. */
export type CarSession = {
  readonly charger: ChargerNo
  readonly arriveS: Second
  readonly departS: Second
  /** What the car takes at most while it is there. */
  readonly needWh: number
  /** The on-board charger's power; the charger's own maximum bounds it too. */
  readonly maxW: number
  /** Absent: so large that it never tapers. */
  readonly batteryWh?: number
  /** What is in the battery on arrival; absent: what is left of it when `needWh` will have filled it. */
  readonly startWh?: number
  /** False: once paused it never charges again until it is plugged in anew. */
  readonly wakes?: boolean
  /** How long it takes to charge again after a pause, s. */
  readonly wakeS?: number
  /** Does the car or its driver say when it leaves, and what it needs? */
  readonly tells?: boolean
}

/** Sessions as columns, by charger and arrival: those of charger i are [first[i], first[i + 1]). */
export type Cars = {
  readonly count: number
  readonly first: Uint32Array
  readonly charger: Uint32Array
  readonly arriveS: Float64Array
  readonly departS: Float64Array
  readonly needWh: Float64Array
  readonly maxW: Float64Array
  readonly batteryWh: Float64Array
  readonly startWh: Float64Array
  readonly wakes: Uint8Array
  readonly wakeS: Float64Array
  readonly tells: Uint8Array
}

/**
 * Columns of sessions. A car cannot come to an occupied charger: such a session, and one that ends before it begins, or at no charger, is left out
 * and given back in `dropped`, the one that came first stays.
 */
export function carsOf(
  chargers: number,
  sessions: readonly CarSession[],
): { readonly cars: Cars; readonly dropped: readonly CarSession[] } {
  const sorted = [...sessions].sort((a, b) => a.charger - b.charger || a.arriveS - b.arriveS || a.departS - b.departS)
  const kept: CarSession[] = []
  const dropped: CarSession[] = []
  for (const x of sorted) {
    const last = kept.at(-1)
    const isFree = last?.charger !== x.charger || last.departS <= x.arriveS
    if (isFree && x.charger < chargers && x.departS > x.arriveS && x.needWh >= 0) kept.push(x)
    else dropped.push(x)
  }
  const first = new Uint32Array(chargers + 1)
  for (const x of kept) first[x.charger + 1]!++
  for (let i = 0; i < chargers; i++) first[i + 1]! += first[i]!
  const batteryWh = Float64Array.from(kept, x => x.batteryWh ?? Number.POSITIVE_INFINITY)
  const startWh = Float64Array.from(
    kept,
    (x, k) => x.startWh ?? (Number.isFinite(batteryWh[k]!) ? Math.max(0, batteryWh[k]! - x.needWh) : 0),
  )
  const cars: Cars = {
    count: kept.length,
    first,
    charger: Uint32Array.from(kept, x => x.charger),
    arriveS: Float64Array.from(kept, x => x.arriveS),
    departS: Float64Array.from(kept, x => x.departS),
    // no more than fits
    needWh: Float64Array.from(kept, (x, k) => Math.min(x.needWh, batteryWh[k]! - startWh[k]!)),
    maxW: Float64Array.from(kept, x => x.maxW),
    batteryWh,
    startWh,
    wakes: Uint8Array.from(kept, x => (x.wakes === false ? 0 : 1)),
    wakeS: Float64Array.from(kept, x => x.wakeS ?? 0),
    tells: Uint8Array.from(kept, x => (x.tells ? 1 : 0)),
  }
  return { cars, dropped }
}
