import { offsetS } from './edges.ts'
import { ownEndS } from './held.ts'
import { type EventNo, NEVER_S, type Second } from './model.ts'
import { type Draft, draftSegment, FREE, type Rows, rowEnd, rowStart } from './rows.ts'
import { type EventState, mayHold, ownLastS, type State } from './state.ts'

/** An open-ended limit is held this long and renewed at half, so that it lapses by itself if we die. */
export const LEASE_S = 3_600
const NO_DEPTH = 0

/** The events whose restore can hold somebody: looked up once for a whole fleet. */
export type Held = ReadonlyMap<EventNo, EventState>
export const heldBy = (s: State): Held => new Map([...s.events].filter(([, e]) => mayHold(e)))

/**
 * What of a wanted schedule a charger should hold now. Small chargers hold the first periods that fit (a period is a limit, or a free stretch
 * before or between limits: the wire needs one for each); open-ended limits end with a lease, staggered like the event's end, so that a fleet whose
 * bridge has died comes back spread. Returns true where the whole row fits as it is; else the fitted segments are drafted (maybe none: free).
 */
export function fit(s: State, charger: number, row: number, nowS: Second, held: Held, draft: Draft): boolean {
  const { rows } = s
  if (row === FREE) return true
  const end = rowEnd(rows, row)
  let k = firstLeft(rows, row, nowS)
  if (k === end) return true
  const depth = s.fleet.depth[charger]!
  const leased = isLeased(s, charger, k, end, nowS, held)
  if (!leased && (depth === NO_DEPTH || periods(rows, k, end, nowS) <= depth)) return true
  let used = 0
  let atS = nowS
  for (; k < end; k++) {
    const fromS = Math.max(rows.fromS[k]!, nowS)
    used += fromS > atS ? 2 : 1
    if (depth !== NO_DEPTH && used > depth) break
    const toS = leasedToS(s, charger, k, nowS, held)
    atS = toS
    if (fromS < toS) draftSegment(draft, rows.fromS[k]!, toS, rows.limitW[k]!, rows.because[k]!)
  }
  return false
}

/** When what fits changes by itself: the next edge for a schedule cut short, the renewal for a lease; Infinity if the whole of it fits. */
export function refitS(s: State, charger: number, row: number, nowS: Second, held: Held): Second {
  const { rows } = s
  if (row === FREE) return Infinity
  const end = rowEnd(rows, row)
  const k = firstLeft(rows, row, nowS)
  if (k === end) return Infinity
  const depth = s.fleet.depth[charger]!
  let at = Infinity
  if (depth !== NO_DEPTH && periods(rows, k, end, nowS) > depth) at = rows.fromS[k]! > nowS ? rows.fromS[k]! : rows.toS[k]!
  if (isLeased(s, charger, k, end, nowS, held)) at = Math.min(at, nextRenewalS(charger, nowS))
  return at
}

/** Does anything of the segments [k, end) go further than may be told now? */
function isLeased(s: State, charger: number, k: number, end: number, nowS: Second, held: Held): boolean {
  for (; k < end; k++) if (s.rows.toS[k]! > leasedToS(s, charger, k, nowS, held)) return true
  return false
}
/**
 * How far a segment may be told: its end; a lease where it has none; and where it is the hold of a level-capped restore, the charger's own end by the
 * event or a lease, whichever is later. If we die, whoever is held comes back within a lease and its spread.
 */
function leasedToS(s: State, charger: number, k: number, nowS: Second, held: Held): Second {
  const toS = s.rows.toS[k]!
  if (toS === NEVER_S) return leaseEndS(s, charger, s.rows.because[k]!, nowS)
  if (held.size === 0) return toS
  const because = s.rows.because[k]!
  const e = held.get(because)
  if (!e) return toS
  const ownS = s.fleet.limitsAtStation[charger] === 1 ? ownLastS(e) : ownEndS(e, charger)
  return toS <= ownS ? toS : Math.max(ownS, Math.min(toS, leaseEndS(s, charger, because, nowS)))
}

const firstLeft = (rows: Rows, row: number, nowS: Second): number => {
  let k = rowStart(rows, row)
  while (k < rowEnd(rows, row) && rows.toS[k]! <= nowS) k++
  return k
}
function periods(rows: Rows, from: number, end: number, nowS: Second): number {
  let n = 0
  let atS = nowS
  for (let k = from; k < end; k++) {
    n += Math.max(rows.fromS[k]!, nowS) > atS ? 2 : 1
    atS = rows.toS[k]!
  }
  return n
}
const half = LEASE_S / 2
/** Each charger renews at its own second of the half lease, or a whole fleet would be told in one. Fibonacci hashing spreads neighbours far apart. */
function nextRenewalS(charger: number, nowS: Second): Second {
  const own = (Math.imul(charger, 2654435761) >>> 0) % half
  return (Math.floor((nowS - own) / half) + 1) * half + own
}
/** The same for every instant of a half lease, so that holding it is stable. */
function leaseEndS(s: State, charger: number, because: number, nowS: Second): Second {
  const e = s.events.get(because)
  const tailS = e ? Math.max(e.spread.endS, e.spread.startS) : 0
  const ranks = e && e.endRank.length > 0 ? e.endRank : (e?.startRank ?? new Uint16Array(0))
  return nextRenewalS(charger, nowS) + half + offsetS(ranks, charger, tailS)
}
