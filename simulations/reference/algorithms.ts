import type { Sessions } from './sessions.ts'

/**
 * Schedulers from the literature, to compare the product's policies with published results. Each period the cars that are there and want energy are
 * served in the algorithm's order, as much as they can take, until the aggregate cap is used up (Lee, Li, Low, "ACN-Data", e-Energy '19, and the
 * sorted algorithms of ACN-Sim with continuous currents). `uncontrolled` knows no cap.
 */
export const algorithms = ['uncontrolled', 'firstCome', 'earliestDeadline', 'leastLaxity'] as const
export type Algorithm = (typeof algorithms)[number]

export type Study = { readonly periodS: number; readonly capW: number }
export type Outcome = {
  /** By session. */
  readonly deliveredWh: Float64Array
  /** By period, from period 0 to the last departure. */
  readonly loadW: Float64Array
  readonly peakW: number
}

/**
 * Plays all sessions from period 0 to the last departure. Of equal rank the session given first goes first. O(periods x present x log present).
 */
export function play(sessions: Sessions, algorithm: Algorithm, { periodS, capW }: Study): Outcome {
  const hours = periodS / 3600
  const leftWh = sessions.energyWh.slice()
  const loadW = new Float64Array(sessions.departure.reduce((a, b) => Math.max(a, b), 0))
  const rank = ranks[algorithm]
  const key = new Float64Array(sessions.count)
  const present = new Set<number>()
  const coming = [...sessions.arrival.keys()].sort((a, b) => sessions.arrival[a]! - sessions.arrival[b]! || a - b)
  let next = 0
  for (let period = 0; period < loadW.length; period++) {
    for (; next < coming.length && sessions.arrival[coming[next]!]! <= period; next++) present.add(coming[next]!)
    for (const k of present) {
      if (sessions.departure[k]! <= period || leftWh[k]! <= 0) present.delete(k)
      else key[k] = rank(sessions, k, leftWh[k]!, period, hours)
    }
    const order = [...present].sort((a, b) => key[a]! - key[b]! || a - b)
    let roomW = algorithm === 'uncontrolled' ? Number.POSITIVE_INFINITY : capW
    for (const k of order) {
      const w = Math.min(sessions.maxW[k]!, leftWh[k]! / hours, roomW)
      if (w <= 0) break
      leftWh[k]! -= w * hours
      loadW[period]! += w
      roomW -= w
    }
  }
  return {
    deliveredWh: leftWh.map((wh, k) => sessions.energyWh[k]! - wh),
    loadW,
    peakW: loadW.reduce((a, b) => Math.max(a, b), 0),
  }
}

type Rank = (sessions: Sessions, k: number, leftWh: number, period: number, hours: number) => number
/** Lower goes first. Laxity: how many periods the car could still wait and be full when it leaves. */
const ranks: Record<Algorithm, Rank> = {
  uncontrolled: ({ arrival }, k) => arrival[k]!,
  firstCome: ({ arrival }, k) => arrival[k]!,
  earliestDeadline: ({ departure }, k) => departure[k]!,
  leastLaxity: ({ departure, maxW }, k, leftWh, period, hours) => departure[k]! - period - leftWh / (maxW[k]! * hours),
}

/** Share of sessions that got all but `toleranceWh` of what they wanted. */
export const demandsMet = ({ energyWh, count }: Sessions, { deliveredWh }: Outcome, toleranceWh = 100): number =>
  count === 0 ? 1 : deliveredWh.filter((wh, k) => energyWh[k]! - wh <= toleranceWh).length / count
export const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0)
