import type { Instant, Second } from '../../src/core/model.ts'
import { between, normal, stream } from '../fleet/chance.ts'

export const meterFaults = ['gap', 'late', 'reset', 'duplicate', 'whForKwh'] as const
export type MeterFault = (typeof meterFaults)[number]
export type BoundarySetting = {
  readonly stepS: number
  /** It is wrong by a share of its own, at most this. */
  readonly accuracy: number
  /** Standard deviation of an interval besides. */
  readonly noise: number
  /** Least energy that it counts; 0: no least. */
  readonly resolutionWh: number
  /** Its clock is wrong by a time of its own, at most this. */
  readonly clockS: number
  readonly delayS: number
  /** Chance of each per interval. */
  readonly faults: Readonly<Record<MeterFault, number>>
}
/** A fault of the intervals that touch [fromS, toS). */
export type Strike = { readonly what: MeterFault; readonly fromS: Second; readonly toS: Second }
/** One interval of a meter. What really flowed between the two moments at which its own clock began and ended it, and what it made of that. */
export type BoundaryInterval = {
  readonly fromMs: Instant
  readonly toMs: Instant
  readonly chargersWh: number
  readonly otherWh: number
  /** By its register, as steps of its resolution. */
  readonly countedWh: number
  readonly registerWh: number
  /** The number that it sends, in what is told to be kWh; null: it sends nothing. */
  readonly kwh: number | null
  /** When that comes in: once, or twice. */
  readonly dueMs: readonly Instant[]
  readonly faults: readonly MeterFault[]
}

/** A day later than due, and later than a day's data may be. */
const LATE_S = 27 * 3_600

/**
 * A meter at the boundary of a place, read by intervals as those of suppliers and network operators are: it is told each minute what has flowed so far, and gives each
 * interval when it has ended by its own clock. Its stamps are on the grid whatever its clock says. A reset loses what it had counted of its interval. Everything by
 * chance is drawn from streams of the meter's own, and of each fault's own.
 */
export function createBoundaryMeter(
  setting: BoundarySetting,
  seed: string,
  label: string,
  startS: Second,
  strikes: readonly Strike[] = [],
) {
  const { stepS, accuracy, resolutionWh } = setting
  const own = stream(seed, `boundary ${label}`)
  const gain = 1 + between(own, -accuracy, accuracy)
  const offS = between(own, -setting.clockS, setting.clockS)
  const noise = stream(seed, `boundary noise ${label}`)
  const chances = Object.fromEntries(meterFaults.map(f => [f, stream(seed, `boundary ${f} ${label}`)])) as Record<MeterFault, () => number>
  const shown = (wh: number) => (resolutionWh === 0 ? wh : Math.floor(wh / resolutionWh + 1e-9) * resolutionWh)
  type Flowed = { readonly chargersWh: number; readonly otherWh: number }
  let before: Flowed & { readonly atS: Second } = { atS: startS, chargersWh: 0, otherWh: 0 }
  /** The next end of an interval, by the meter's clock, and what had flowed at its beginning; the first one is not whole. */
  let endS = Math.ceil((startS + offS) / stepS) * stepS
  let began: Flowed | undefined
  let registerWh = 0

  function closed(flowed: Flowed): BoundaryInterval | undefined {
    const from = began
    began = flowed
    if (!from) return undefined
    const [chargersWh, otherWh] = [flowed.chargersWh - from.chargersWh, flowed.otherWh - from.otherWh]
    const faults = meterFaults.filter(f => {
      const isDrawn = chances[f]() < setting.faults[f]
      return isDrawn || strikes.some(s => s.what === f && s.fromS < endS && s.toS > endS - stepS)
    })
    const part = chances.reset()
    const wh = (chargersWh + otherWh) * gain * (1 + setting.noise * normal(noise))
    const firstWh = faults.includes('reset') ? 0 : registerWh
    registerWh = firstWh + (faults.includes('reset') ? wh * (1 - part) : wh)
    const countedWh = shown(registerWh) - shown(firstWh)
    const dueMs = (endS + setting.delayS + (faults.includes('late') ? LATE_S : 0)) * 1000
    return {
      ...{ fromMs: (endS - stepS) * 1000, toMs: endS * 1000, chargersWh, otherWh, countedWh, registerWh: shown(registerWh), faults },
      kwh: faults.includes('gap') ? null : (countedWh / 1000) * (faults.includes('whForKwh') ? 1000 : 1),
      dueMs: faults.includes('duplicate') ? [dueMs, dueMs + 60_000] : [dueMs],
    }
  }
  return {
    /** At `atS`, a minute or less after the last time, so much had flowed. Straight between the two. */
    see(atS: Second, chargersWh: number, otherWh: number): BoundaryInterval[] {
      const out: BoundaryInterval[] = []
      for (; endS - offS <= atS; endS += stepS) {
        const share = (endS - offS - before.atS) / (atS - before.atS)
        const between = (a: number, b: number) => a + share * (b - a)
        const interval = closed({ chargersWh: between(before.chargersWh, chargersWh), otherWh: between(before.otherWh, otherWh) })
        if (interval) out.push(interval)
      }
      before = { atS, chargersWh, otherWh }
      return out
    },
  }
}
