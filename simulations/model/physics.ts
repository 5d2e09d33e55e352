import type { ChargerNo, Schedule, Second } from '../../src/core/model.ts'
import type { Cars } from './cars.ts'

/** Above this state of charge a battery takes less and less; its power is looked at again every `TAPER_STEP_S`. */
const TAPER_FROM = 0.8
const TAPER_STEP_S = 60
const NEVER = Number.POSITIVE_INFINITY
const NOBODY = -1

export type Box = {
  /** Least power that a limit can leave it charging at (6 A), and rated power, W. */
  readonly minW: number
  readonly maxW: number
  readonly onLinkLoss: 'holds' | 'resumes' | 'dropsProfile'
  /** Answers as if it obeyed, and goes on as before. */
  readonly ignores: boolean
  /** The same for a while. */
  readonly ignored?: readonly Span[]
}
/** [fromS, toS); for good where `toS` is infinite. */
export type Span = { readonly fromS: Second; readonly toS: number }
export const isIn = ({ fromS, toS }: Span, atS: number): boolean => fromS <= atS && atS < toS

/** What a car and its charger did; `news` of plugging in and out since they were last taken. */
export type News = { readonly charger: ChargerNo; readonly session: number; readonly what: 'came' | 'full' | 'left'; readonly atS: Second }

/**
 * Cars at chargers, exactly: power is constant between edges (a car comes, is full, tapers, wakes, goes; a limit begins or ends; supply fails), and energy is
 * power times time. Nothing is stepped that has no edge, so a fleet of 10,000 costs a day of real time a tenth of a second. The state of a charger is a
 * function of its own cars, limits and supply alone.
 */
export function createPhysics(boxes: readonly Box[], cars: Cars, startS: Second) {
  const n = boxes.length
  const minW = Float64Array.from(boxes, b => b.minW)
  const maxW = Float64Array.from(boxes, b => b.maxW)
  /** The session that is there, or is next. */
  const next = cars.first.slice(0, n)
  const isThere = new Uint8Array(n)
  const powerW = new Float64Array(n)
  const untilS = new Float64Array(n).fill(startS)
  const doneS = new Float64Array(n).fill(startS)
  const registerWh = new Float64Array(n)
  const takenWh = new Float64Array(cars.count)
  /** A car that was paused sleeps on for a while, or for good. */
  const isPaused = new Uint8Array(n)
  const asleepUntilS = new Float64Array(n)
  const darkUntilS = new Float64Array(n)
  const isOffline = new Uint8Array(n)
  const isDisabled = new Uint8Array(n)
  const holds: (Schedule | null)[] = Array(n).fill(null)
  let news: News[] = []

  /** What is offered at an instant, W, and until when that stays so. */
  const offered = { w: 0, untilS: 0 }
  function offer(i: ChargerNo, atS: number): void {
    offered.w = maxW[i]!
    offered.untilS = NEVER
    const box = boxes[i]!
    if (isDisabled[i] === 1) {
      offered.w = 0
      return
    }
    if (atS < darkUntilS[i]!) {
      offered.w = 0
      offered.untilS = darkUntilS[i]!
      return
    }
    if (box.ignored) {
      const now = box.ignored.find(x => isIn(x, atS))
      offered.untilS = now ? now.toS : Math.min(...box.ignored.map(x => (x.fromS > atS ? x.fromS : NEVER)))
      if (now) return
    }
    if (holds[i] === null || box.ignores || (isOffline[i] === 1 && box.onLinkLoss === 'resumes')) return
    for (const x of holds[i]!) {
      if (x.toS <= atS) continue
      if (x.fromS > atS) {
        offered.untilS = Math.min(offered.untilS, x.fromS)
        return
      }
      offered.w = x.limitW < minW[i]! ? 0 : Math.min(offered.w, x.limitW)
      offered.untilS = Math.min(offered.untilS, x.toS)
      return
    }
  }
  /** Cars that are gone go, one that is due comes; then its power from `atS` on, and the next edge. */
  function turn(i: ChargerNo, atS: number): void {
    const last = cars.first[i + 1]!
    while (next[i]! < last && cars.departS[next[i]!]! <= atS) {
      if (isThere[i] === 1) news.push({ charger: i, session: next[i]!, what: 'left', atS: cars.departS[next[i]!]! })
      isThere[i] = 0
      next[i]!++
    }
    const k = next[i]!
    if (k === last || cars.arriveS[k]! > atS) {
      powerW[i] = 0
      untilS[i] = k === last ? NEVER : cars.arriveS[k]!
      return
    }
    if (isThere[i] === 0) {
      isThere[i] = 1
      isPaused[i] = 0
      asleepUntilS[i] = 0
      news.push({ charger: i, session: k, what: 'came', atS: cars.arriveS[k]! })
    }
    charge(i, k, atS)
  }
  function charge(i: ChargerNo, k: number, atS: number): void {
    offer(i, atS)
    const leftWh = cars.needWh[k]! - takenWh[k]!
    let edgeS = Math.min(cars.departS[k]!, offered.untilS)
    if (leftWh <= 1e-9) {
      powerW[i] = 0
      untilS[i] = edgeS
      return
    }
    if (offered.w <= 0) {
      isPaused[i] = 1
      powerW[i] = 0
      untilS[i] = edgeS
      return
    }
    if (isPaused[i] === 1) {
      isPaused[i] = 0
      asleepUntilS[i] = cars.wakes[k] === 1 ? atS + cars.wakeS[k]! : NEVER
    }
    if (atS < asleepUntilS[i]!) {
      powerW[i] = 0
      untilS[i] = Math.min(edgeS, asleepUntilS[i]!)
      return
    }
    const storedWh = cars.startWh[k]! + takenWh[k]!
    const taperWh = TAPER_FROM * cars.batteryWh[k]!
    const carW = Math.min(cars.maxW[k]!, maxW[i]!)
    const isTapering = storedWh >= taperWh
    const wantsW = isTapering
      ? Math.max(Math.min(minW[i]!, carW), (carW * (cars.batteryWh[k]! - storedWh)) / (cars.batteryWh[k]! - taperWh))
      : carW
    const w = Math.min(wantsW, offered.w)
    edgeS = Math.min(edgeS, atS + (leftWh / w) * 3600)
    edgeS = Math.min(edgeS, isTapering ? atS + TAPER_STEP_S : atS + ((taperWh - storedWh) / w) * 3600)
    powerW[i] = w
    untilS[i] = Math.max(edgeS, atS + 1e-6)
  }
  /** Brings a charger up to `toS`. */
  function integrate(i: ChargerNo, toS: number): void {
    while (doneS[i]! < toS) {
      if (untilS[i]! <= doneS[i]!) turn(i, doneS[i]!)
      const stopS = Math.min(toS, untilS[i]!)
      const wh = (powerW[i]! * (stopS - doneS[i]!)) / 3600
      doneS[i] = stopS
      if (wh === 0) continue
      const k = next[i]!
      const before = takenWh[k]!
      takenWh[k] = Math.min(cars.needWh[k]!, before + wh)
      registerWh[i]! += takenWh[k]! - before
      if (cars.needWh[k]! - takenWh[k]! <= 1e-9) {
        takenWh[k] = cars.needWh[k]!
        news.push({ charger: i, session: k, what: 'full', atS: stopS })
        untilS[i] = stopS
      }
    }
  }
  /** Something about a charger changes now: what it did until now stays as it was. */
  function change(i: ChargerNo, atS: number, how: () => void): void {
    integrate(i, atS)
    how()
    untilS[i] = Math.min(untilS[i]!, atS)
  }
  return {
    chargers: n,
    cars,
    registerWh,
    /** By session: what it has taken, Wh. */
    takenWh,
    powerW(i: ChargerNo): number {
      if (untilS[i]! <= doneS[i]!) turn(i, doneS[i]!)
      return powerW[i]!
    },
    isPlugged: (i: ChargerNo): boolean => isThere[i] === 1,
    session: (i: ChargerNo): number => (isThere[i] === 1 ? next[i]! : NOBODY),
    holds: (i: ChargerNo): Schedule => holds[i] ?? [],
    isLimited: (i: ChargerNo, atS: number): boolean => holds[i]?.some(x => x.fromS <= atS && atS < x.toS) ?? false,
    integrate,
    /** Brings everybody up to `toS`. */
    advance(toS: number): void {
      for (let i = 0; i < n; i++) integrate(i, toS)
    },
    hold: (i: ChargerNo, schedule: Schedule, atS: number): void =>
      change(i, atS, () => (holds[i] = schedule.length === 0 ? null : schedule)),
    /** Without its link a box does as it is built. */
    link: (i: ChargerNo, isUp: boolean, atS: number): void =>
      change(i, atS, () => {
        isOffline[i] = isUp ? 0 : 1
        if (!isUp && boxes[i]!.onLinkLoss === 'dropsProfile') holds[i] = null
      }),
    /** No supply until then; what it held is lost. */
    dark: (i: ChargerNo, fromS: number, toS: number): void =>
      change(i, fromS, () => {
        darkUntilS[i] = toS
        holds[i] = null
      }),
    /** Taken out of service, or put back. */
    disable: (i: ChargerNo, isOut: boolean, atS: number): void => change(i, atS, () => (isDisabled[i] = isOut ? 1 : 0)),
    /** What happened to cars since this was last asked. */
    takeNews(): readonly News[] {
      const taken = news
      news = []
      return taken
    },
  }
}
export type Physics = ReturnType<typeof createPhysics>
