import { draws, isBelow, reach } from './draw.ts'
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
  const n = members.length
  const availableW = totalW - e.extraW - uncommandedW(s, e, members, takes)
  const u = draws(n, e.seed, 'order')
  const leastW = new Int32Array(n)
  for (let m = 0; m < n; m++) if (takes[m] === 1) leastW[m] = f.minW[members[m]!]!
  const runs = grant(u, leastW, Math.max(0, availableW))
  let roomW = 0
  for (let m = 0; m < n; m++) if (runs.granted[m] === 1) roomW += f.maxW[members[m]!]! - leastW[m]!
  const steps = roomW === 0 ? 0 : Math.floor(Math.min(1, runs.left / roomW) * STEPS)
  const watts = new Int32Array(n).fill(UNLIMITED)
  const stepW = new Int32Array(n)
  let leftW = runs.left
  for (let m = 0; m < n; m++) {
    if (takes[m] === 0) continue
    watts[m] = 0
    if (runs.granted[m] === 0) continue
    const room = f.maxW[members[m]!]! - leastW[m]!
    watts[m] = leastW[m]! + Math.floor((steps * room) / STEPS)
    leftW -= watts[m]! - leastW[m]!
    if (steps < STEPS) stepW[m] = Math.floor(room / STEPS)
  }
  const more = grant(u, stepW, leftW)
  for (let m = 0; m < n; m++) {
    if (more.granted[m] === 1) watts[m]! += stepW[m]!
    if (watts[m]! >= f.maxW[members[m]!]!) watts[m] = UNLIMITED
  }
  return { watts, missingW: Math.max(0, -availableW) }
}

/** Grants each its amount in drawn order while the budget lasts; who needs nothing gets nothing. */
function grant(u: Uint32Array, amounts: Int32Array, budget: number): { granted: Uint8Array; left: number } {
  const granted = new Uint8Array(u.length)
  const far = reach(u, amounts, budget)
  for (let m = 0; m < u.length; m++) if (amounts[m]! > 0 && isBelow(u[m]!, far)) granted[m] = 1
  let { left } = far
  for (const m of far.inBin) {
    if (amounts[m]! > left) continue
    granted[m] = 1
    left -= amounts[m]!
  }
  return { granted, left }
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
  const n = members.length
  const u = draws(n, e.seed, 'order')
  const expectedW = new Float64Array(n)
  for (let m = 0; m < n; m++) {
    const i = members[m]!
    const drawsW = knownW(e, i) ?? 0
    if (takes[m] === 1 && drawsW >= f.minW[i]! / 2) expectedW[m] = chance(f, e, i) * Math.max(0, drawsW - leastOf(f, i, floorW))
  }
  const far = reach(u, expectedW, Math.max(0, neededW))
  const watts = new Int32Array(n).fill(UNLIMITED)
  const unlikely = (m: number) => expectedW[m] === 0 && takes[m] === 1 && isUnmoved(e, members[m]!)
  for (let m = 0; m < n; m++) if (isBelow(u[m]!, far) && (expectedW[m]! > 0 || unlikely(m))) watts[m] = leastOf(f, members[m]!, floorW)
  let missingW = far.left
  for (const m of far.inBin) {
    if (missingW <= 0) break
    const i = members[m]!
    const softW = Math.floor(knownW(e, i)! - missingW / chance(f, e, i))
    watts[m] = softW > leastOf(f, i, floorW) && softW >= f.minW[i]! ? softW : leastOf(f, i, floorW)
    missingW -= chance(f, e, i) * (knownW(e, i)! - watts[m]!)
  }
  return { watts, missingW: Math.max(0, Math.ceil(missingW)) }
}
const leastOf = (f: Fleet, i: number, floorW: number): number => (floorW === 0 ? 0 : Math.max(floorW, f.minW[i]!))
const chance = (f: Fleet, e: EventState, i: number): number => (isUnmoved(e, i) ? 0 : f.reliability[i]! / 1000)
