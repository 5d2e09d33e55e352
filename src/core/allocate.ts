import { drawnOrder } from './draw.ts'
import { taking } from './members.ts'
import type { Ask, Interval, Programme } from './model.ts'
import type { EventState, Fleet, State } from './state.ts'

/** Shares of a cap go up in this many steps between a charger's least and greatest power: one refusal then moves a few chargers, not all. */
export const STEPS = 32
/** In `watts`: the charger is not limited by this interval. */
export const UNLIMITED = -1

export type Allocation = {
  /** Per member: the limit in W, or UNLIMITED. */
  readonly watts: Int32Array
  /** What the ask still lacks when everyone who may be used is used, W. */
  readonly missingW: number
}

/**
 * One interval's ask in watts per charger: exact, deterministic, and stable (a refusal changes as few others as it can).
 * Limits are rounded down, deliveries up; below a charger's least power (6 A, IEC 61851) a limit is a pause.
 */
export function allocate(s: State, e: EventState, interval: Interval, members: Uint32Array): Allocation {
  const takes = taking(s, e, members, interval.fromS, interval.toS)
  const p = s.programmes.get(e.event.programme)
  const { ask } = interval
  const allocation = byAsk(s, e, ask, members, takes, p)
  for (let m = 0; m < members.length && e.resort.length > 0; m++)
    if (takes[m] === 1 && (e.resort[members[m]!] ?? 0) > 0) allocation.watts[m] = 0
  return allocation
}

function byAsk(s: State, e: EventState, ask: Ask, members: Uint32Array, takes: Uint8Array, p: Programme | undefined): Allocation {
  const f = s.fleet
  switch (ask.kind) {
    case 'cap':
      return cap(s, e, ask.totalW, members, takes)
    case 'shed':
      return shed(f, e, ask.totalW + e.extraW, members, takes, p?.floorW ?? 0)
    case 'keep':
      return each(f, members, takes, i => withFloor(f, i, Math.floor(f.maxW[i]! * ask.fraction), p?.floorW ?? 0))
    case 'limitEach':
      return each(f, members, takes, i => ('limitW' in ask ? ask.limitW : Math.floor(ask.limitA * f.phases[i]! * f.voltageV[i]!)))
    case 'off':
      return each(f, members, takes, () => 0)
  }
}

function each(f: Fleet, members: Uint32Array, takes: Uint8Array, limitW: (charger: number) => number): Allocation {
  const watts = new Int32Array(members.length).fill(UNLIMITED)
  for (let m = 0; m < members.length; m++) if (takes[m] === 1) watts[m] = signalled(f, members[m]!, limitW(members[m]!))
  return { watts, missingW: 0 }
}

/** What can be signalled: 0, or at least the charger's least power; at its maximum it is no limit. */
function signalled(f: Fleet, i: number, w: number): number {
  if (w >= f.maxW[i]!) return UNLIMITED
  return w < f.minW[i]! ? 0 : w
}
const withFloor = (f: Fleet, i: number, w: number, floorW: number): number => (floorW === 0 ? w : Math.max(w, Math.max(floorW, f.minW[i]!)))

/**
 * A ceiling on the load of the targets. The load of those who are not commanded, or cannot be reached, comes off first: at metered power, or
 * else at their maximum. Then whole chargers pause in drawn order until the rest can have their least power; what is left is shared in whole
 * steps, the remainder one step each in drawn order.
 */
function cap(s: State, e: EventState, totalW: number, members: Uint32Array, takes: Uint8Array): Allocation {
  const f = s.fleet
  const watts = new Int32Array(members.length).fill(UNLIMITED)
  const outsideW = uncommandedW(s, e, members, takes)
  const availableW = totalW - e.extraW - outsideW
  const order = drawnOrder(members.length, e.seed, 'order')
  let leftW = Math.max(0, availableW)
  let roomW = 0
  for (const m of order) {
    if (takes[m] === 0) continue
    const i = members[m]!
    if (f.minW[i]! > leftW) {
      watts[m] = 0
      continue
    }
    leftW -= f.minW[i]!
    roomW += f.maxW[i]! - f.minW[i]!
    watts[m] = f.minW[i]!
  }
  const steps = roomW === 0 ? 0 : Math.floor(Math.min(1, leftW / roomW) * STEPS)
  for (let m = 0; m < members.length; m++) {
    if (watts[m]! <= 0) continue
    const shareW = Math.floor((steps * (f.maxW[members[m]!]! - f.minW[members[m]!]!)) / STEPS)
    watts[m]! += shareW
    leftW -= shareW
  }
  for (const m of order) {
    if (steps === STEPS || watts[m]! <= 0) continue
    const stepW = Math.floor((f.maxW[members[m]!]! - f.minW[members[m]!]!) / STEPS)
    if (stepW > leftW) break
    watts[m]! += stepW
    leftW -= stepW
  }
  for (let m = 0; m < members.length; m++) if (watts[m]! >= f.maxW[members[m]!]!) watts[m] = UNLIMITED
  return { watts, missingW: Math.max(0, -availableW) }
}

/** Load under the targets that no command of this event can limit, W. */
export function uncommandedW(s: State, e: EventState, members: Uint32Array, takes: Uint8Array): number {
  const f = s.fleet
  let sumW = 0
  for (let m = 0; m < members.length; m++) {
    const i = members[m]!
    if (takes[m] === 1 && isReachable(s, i) && !isUnmoved(e, i)) continue
    sumW += knownW(e, i) ?? f.maxW[i]!
  }
  return sumW
}
/** A charger that is offline and holds nothing of ours draws as it likes. */
const isReachable = (s: State, i: number): boolean => s.up[s.fleet.station[i]!] === 1
const isUnmoved = (e: EventState, i: number): boolean => i < e.unmoved.length && e.unmoved[i] === 1
const knownW = (e: EventState, i: number): number | undefined => (i < e.basisW.length && e.basisW[i]! >= 0 ? e.basisW[i] : undefined)

/**
 * A reduction below the baseline: chargers known to draw are taken in drawn order to the floor until what may be expected of them (reliability x
 * reduction) reaches the ask; the last is reduced by what is missing. Idle ones deliver nothing and are left alone.
 */
function shed(f: Fleet, e: EventState, neededW: number, members: Uint32Array, takes: Uint8Array, floorW: number): Allocation {
  const watts = new Int32Array(members.length).fill(UNLIMITED)
  let missingW = neededW
  for (const m of drawnOrder(members.length, e.seed, 'order')) {
    if (missingW <= 0) break
    const i = members[m]!
    const drawsW = knownW(e, i) ?? 0
    if (takes[m] === 0 || drawsW < f.minW[i]! / 2) continue
    const leastW = floorW === 0 ? 0 : Math.max(floorW, f.minW[i]!)
    if (leastW >= drawsW) continue
    const chance = isUnmoved(e, i) ? 0 : f.reliability[i]! / 1000
    const softW = chance === 0 ? 0 : Math.floor(drawsW - missingW / chance)
    watts[m] = softW > leastW && softW >= f.minW[i]! ? softW : leastW
    missingW -= chance * (drawsW - watts[m]!)
  }
  return { watts, missingW: Math.max(0, Math.ceil(missingW)) }
}
