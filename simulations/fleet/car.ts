/** IEC 61851-1: a pilot signal cannot offer less than 6 A; below it there is only the pause. */
export const MIN_CURRENT_A = 6

/** Above this state of charge a battery takes less and less. */
const TAPER_FROM_SOC = 0.8

export type CarSpec = {
  /** Phases the on-board charger uses; it never uses more than the charging point has. */
  phases: 1 | 3
  /** Most current per phase that the on-board charger takes. */
  maxA: number
  batteryWh: number
  /** State of charge when plugged in, 0 to 1. */
  soc: number
  /** Whether the car draws again when current is offered after a pause. Some never do until they are plugged in anew. */
  wakesAfterPause?: boolean
  /** How long it takes to draw again after a pause. */
  wakeS?: number
}

export type Car = {
  readonly spec: CarSpec
  storedWh: number
  /** Seconds until it draws again after a pause; Infinity when it never will; 0 when awake. */
  sleepS: number
}

/** A car as it arrives. */
export const arrive = (spec: CarSpec): Car => ({ spec, storedWh: spec.batteryWh * spec.soc, sleepS: 0 })

/** Current per phase the battery would take now, were it offered: full below 80 % charge, then falling in a line to the 6 A floor, 0 when full. */
export const appetiteA = (car: Car): number => {
  const soc = car.storedWh / car.spec.batteryWh
  if (soc >= 1) return 0
  if (soc <= TAPER_FROM_SOC) return car.spec.maxA
  const left = (1 - soc) / (1 - TAPER_FROM_SOC)
  return Math.max(MIN_CURRENT_A, car.spec.maxA * left)
}

/**
 * Lets `dtS` seconds pass with `offeredA` per phase on the pilot. Returns the current per phase that the car draws over that time, and
 * fills its battery by it. Less than 6 A offered is a pause; a car that has been paused draws again after its `wakeS`, or never.
 */
export const step = (car: Car, dtS: number, offeredA: number, phases: number, voltageV: number): number => {
  if (offeredA < MIN_CURRENT_A) {
    car.sleepS = car.spec.wakesAfterPause === false ? Infinity : (car.spec.wakeS ?? 0)
    return 0
  }
  if (car.sleepS > 0) {
    car.sleepS = Math.max(0, car.sleepS - dtS)
    if (car.sleepS > 0) return 0
  }
  const drawnA = Math.min(offeredA, appetiteA(car))
  car.storedWh = Math.min(car.spec.batteryWh, car.storedWh + (drawnA * phases * voltageV * dtS) / 3600)
  return drawnA
}
