import { type History, rowAt, valueAt } from './history.ts'
import { exclusionCode, type Prepared, slotsOf } from './prepare.ts'
import type { Adjustment, Keep, LikeDays, Pool, Window } from './ruleset.ts'

/**
 * The one engine of all rulesets that take the mean of like days. It runs a meter at a time over columns and writes into a `Work` that is used again for the
 * next meter, so that a million meters make no garbage.
 */
export type Work = {
  /** Of each candidate of `Prepared`: an `exclusionCode`; only the first `looked` were looked at. */
  readonly reasons: Uint8Array
  looked: number
  /** The pool: candidates, the rows of their readings, what they rank by. */
  readonly pool: Int32Array
  readonly rows: Int32Array
  readonly keys: Float64Array
  pooled: number
  /** Places in the pool that are kept, most recent first, and their weights where they are not all the same. */
  readonly kept: Int32Array
  readonly weights: Float64Array
  keeps: number
  /** Unadjusted by `slotsOfDay`; the baseline by slot of the event. */
  readonly unadjusted: Float64Array
  readonly baseline: Float64Array
  adjustment: number
  /** What the adjustment would be without its cap. */
  rawAdjustment: number
  status: Status
}
export const statuses = ['ok', 'tooFewDays', 'tooLong', 'notGiven', 'noReadings'] as const
export type Status = 0 | 1 | 2 | 3 | 4

export function workFor(p: Prepared): Work {
  const n = p.candidates.length
  return {
    reasons: new Uint8Array(n),
    looked: 0,
    pool: new Int32Array(n),
    rows: new Int32Array(n),
    keys: new Float64Array(n),
    pooled: 0,
    kept: new Int32Array(n),
    weights: new Float64Array(n),
    keeps: 0,
    unadjusted: new Float64Array(p.slotsOfDay.length),
    baseline: new Float64Array(p.event.slots),
    adjustment: 0,
    rawAdjustment: 0,
    status: 0,
  }
}

/** Days, U, adjustment and B of one meter, into `w`. `w.status` 1: too few days, and nothing else of it means anything. */
export function likeDays(p: Prepared, m: LikeDays, h: History, meter: number, w: Work): void {
  w.looked = w.pooled = w.keeps = 0
  w.status = 0
  const pool = p.pool
  if (!pool || !fillPool(p, m, pool, h, meter, w) || !keepDays(p, m, pool.keep, h, meter, w)) {
    w.status = 1
    return
  }
  unadjusted(p, m, pool.keep, h, w)
  adjust(p, m.adjustment, h, meter, w)
}

/** The most recent eligible days, up to the pool's target. False: fewer than its minimum. */
function fillPool(p: Prepared, m: LikeDays, pool: Pool, h: History, meter: number, w: Work): boolean {
  const { candidates } = p
  for (;;) {
    while (w.pooled < pool.target && w.looked < candidates.length) takeNext(p, m, h, meter, w)
    if (!m.lowUsage || !dropLowest(w, m.lowUsage.share)) return w.pooled >= pool.minimum
  }
}
function takeNext(p: Prepared, m: LikeDays, h: History, meter: number, w: Work): void {
  const c = w.looked++
  const row = rowAt(h, meter, p.candidates[c]!)
  if (row < 0) {
    w.reasons[c] = exclusionCode.noData
    return
  }
  if (h.isEventDay && h.isEventDay[row / h.slotsPerDay] !== 0) {
    w.reasons[c] = exclusionCode.eventDay
    return
  }
  if (!isComplete(h.values, row, h.slotsPerDay)) {
    w.reasons[c] = exclusionCode.incomplete
    return
  }
  w.reasons[c] = exclusionCode.kept
  w.pool[w.pooled] = c
  w.rows[w.pooled] = row
  if (p.isRanked)
    w.keys[w.pooled] = m.rank === 'wholeDay' ? sum(h.values, row, h.slotsPerDay) : sum(h.values, row + p.event.startSlot, p.event.slots)
  w.pooled++
}
/** One reading that is missing makes the sum of its day no number. Four sums at a time, because each addition waits for the one before. */
function isComplete(values: Float64Array | Float32Array, at: number, n: number): boolean {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let k = at
  for (; k + 3 < at + n; k += 4) {
    a += values[k]!
    b += values[k + 1]!
    c += values[k + 2]!
    d += values[k + 3]!
  }
  for (; k < at + n; k++) a += values[k]!
  return Number.isFinite(a + b + c + d)
}
function sum(values: Float64Array | Float32Array, at: number, n: number): number {
  let total = 0
  for (let k = 0; k < n; k++) total += values[at + k]!
  return total
}
/** Takes the lowest day out of the pool where it is below the share of the pool's mean; false where it is not. */
function dropLowest(w: Work, share: number): boolean {
  const mean = sum(w.keys, 0, w.pooled) / w.pooled
  let lowest = 0
  for (let i = 1; i < w.pooled; i++) if (w.keys[i]! < w.keys[lowest]!) lowest = i
  if (!(w.keys[lowest]! < share * mean)) return false
  w.reasons[w.pool[lowest]!] = exclusionCode.lowUsage
  for (const column of [w.pool, w.rows, w.keys]) column.copyWithin(lowest, lowest + 1, w.pooled)
  w.pooled--
  return true
}

function keepDays(p: Prepared, m: LikeDays, keep: Keep, h: History, meter: number, w: Work): boolean {
  const n = w.pooled
  if (keep.by === 'all') {
    for (let i = 0; i < n; i++) w.kept[i] = i
    w.keeps = n
    return n > 0
  }
  const near = keep.by === 'nearest' ? measureDistance(p, keep.window, h, meter, w) : n
  if (keep.by === 'nearest' && (near === 0 || near < Math.min(keep.count, p.pool?.minimum ?? 0))) return false
  const ranked = rankByKey(w)
  const [from, to] = keep.by === 'drop' ? [keep.high, n - keep.low] : [0, Math.min(keep.count, near)]
  for (let i = 0; i < n; i++) if (i < from || i >= to) w.reasons[w.pool[ranked[i]!]!] = exclusionCode.rank
  w.keeps = Math.max(0, to - from)
  for (let i = 0; i < w.keeps; i++) w.kept[i] = ranked[from + i]!
  if (keep.by !== 'highest' || !keep.weights) w.kept.subarray(0, w.keeps).sort()
  else for (let i = 0; i < w.keeps; i++) w.weights[i] = keep.weights[i] ?? 0
  return w.keeps > 0 && (!m.rolling || w.keeps >= m.rolling.seedDays)
}
/** Places in the pool, most first; of equals the most recent first. By insertion: a pool has a few days. */
function rankByKey(w: Work): Int32Array {
  const ranked = w.kept
  for (let i = 0; i < w.pooled; i++) {
    let at = i
    for (; at > 0 && isLess(w.keys[ranked[at - 1]!]!, w.keys[i]!); at--) ranked[at] = ranked[at - 1]!
    ranked[at] = i
  }
  return ranked.slice(0, w.pooled)
}
/**
 * Sums of the same decimals differ in their last digits by unit and order: 10.8 kWh is 10.799999999999997 on another day. A meter's resolution is far coarser than
 * one part in 10^9, so what is nearer than that is equal.
 */
const isLess = (a: number, b: number): boolean => a < b && !(b - a <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)))
/** Days are then ranked by how near they are to the event day: the key is minus the distance. Of a day that lacks a reading in the window there is no telling. How many have a distance. */
function measureDistance(p: Prepared, window: Window | undefined, h: History, meter: number, w: Work): number {
  const { day } = p.event
  const slots = window ? slotsOf(window, p.event, p.slotsPerDay) : []
  const key = (d: number) => h.dayKey?.[d - h.firstDay] ?? Number.NaN
  let found = 0
  for (let i = 0; i < w.pooled; i++) {
    const other = p.candidates[w.pool[i]!]!
    let distance = window ? 0 : Math.abs(key(other) - key(day))
    for (const s of slots) distance += (valueAt(h, meter, other, s) - valueAt(h, meter, day, s)) ** 2
    // not minus infinity, which is as near to everything as it is to itself
    w.keys[i] = Number.isFinite(distance) ? -distance : -Number.MAX_VALUE
    if (Number.isFinite(distance)) found++
  }
  return found
}

/** U at the clock times of the event and of the window. Sums run from the most recent day back (by rank where days are weighted), so that a recomputation gives the same last digit. */
function unadjusted(p: Prepared, m: LikeDays, keep: Keep, h: History, w: Work): void {
  const weighted = keep.by === 'highest' && keep.weights !== undefined
  const { slotsOfDay } = p
  for (let k = 0; k < slotsOfDay.length; k++) {
    const slot = slotsOfDay[k]!
    let total = 0
    let weights = 0
    if (m.rolling) total = rolled(h.values, slot, w, m.rolling)
    else if (weighted)
      for (let i = 0; i < w.keeps; i++) {
        total += w.weights[i]! * h.values[w.rows[w.kept[i]!]! + slot]!
        weights += w.weights[i]!
      }
    else for (let i = 0; i < w.keeps; i++) total += h.values[w.rows[w.kept[i]!]! + slot]!
    // a weighted pool that is short of a day shares its weight among the others
    w.unadjusted[k] = m.rolling ? total : total / (weighted ? weights : w.keeps)
  }
}
function rolled(
  values: Float64Array | Float32Array,
  slot: number,
  w: Work,
  { keep, seedDays }: { keep: number; seedDays: number },
): number {
  let u = 0
  for (let i = w.keeps - 1; i >= w.keeps - seedDays; i--) u += values[w.rows[w.kept[i]!]! + slot]! / seedDays
  for (let i = w.keeps - seedDays - 1; i >= 0; i--) u = keep * u + (1 - keep) * values[w.rows[w.kept[i]!]! + slot]!
  return u
}

function adjust(p: Prepared, a: Adjustment, h: History, meter: number, w: Work): void {
  const { slots, day } = p.event
  const n = p.windowSlots.length
  w.rawAdjustment = w.adjustment = a.kind === 'ratio' ? 1 : 0
  let measured = 0
  let usual = 0
  for (let k = 0; k < n; k++) {
    measured += valueAt(h, meter, day, p.windowSlots[k]!)
    usual += w.unadjusted[slots + k]!
  }
  if (n > 0 && Number.isFinite(measured)) {
    if (a.kind === 'additive') {
      const most = a.capShare === undefined ? Number.POSITIVE_INFINITY : (a.capShare * Math.abs(usual)) / n
      w.rawAdjustment = (measured - usual) / n
      w.adjustment = Math.min(most, Math.max(-most, w.rawAdjustment))
    } else if (a.kind === 'ratio' && usual !== 0) {
      w.rawAdjustment = measured / usual
      w.adjustment = Math.min(1 + a.cap, Math.max(1 - a.cap, w.rawAdjustment))
    }
  } else if (n > 0) w.rawAdjustment = Number.NaN
  for (let k = 0; k < slots; k++) w.baseline[k] = a.kind === 'ratio' ? w.adjustment * w.unadjusted[k]! : w.unadjusted[k]! + w.adjustment
}
