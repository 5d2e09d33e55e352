import { spanFromS, spanToS } from './edges.ts'
import type { EventNo, Interval, Second } from './model.ts'
import { pauseW } from './resume.ts'
import { isMentioned, type Rows, rowEnd, rowStart } from './rows.ts'
import { STEPS } from './share.ts'
import type { EventState, Fleet, State } from './state.ts'
import { setOf } from './steps.ts'

/** How a member takes part in a ceiling: not at all, or its load is its own; it is told its share now; out of reach with the share that it was sent. */
export const [APART, TOLD, HELD] = [0, 1, 2]

/**
 * Shares of a ceiling as they are to be told: those told already stay where they can, because somebody else's link that falls or comes back is no reason
 * to tell another share to a charger that took one. `fresh` is what would be shared out now, by member (negative: no limit), and what is told where
 * nothing is yet. All of it is taken where what is told no longer fits `budgetW`, or leaves so much idle that somebody could use it: one who was free has
 * come into reach, or less is asked. `mostW` is what each may have at most, other events considered.
 */
export function keep(
  s: State,
  e: EventState,
  interval: Interval,
  members: Uint32Array,
  part: Uint8Array,
  fresh: Int32Array,
  budgetW: number,
  mostW: Int32Array,
) {
  if (!isMentioned(s.rows, e.no) || !members.some(i => isToldOf(s.rows, s.want[i]!, e.no))) return fresh
  const f = s.fleet
  const k = e.event.intervals.indexOf(interval)
  const nowS = Math.floor(s.nowMs / 1000)
  const out = fresh.slice()
  const spare: Spare = { stepW: 0, stepsW: 0, pausedW: 0 }
  let idleW = budgetW
  let isOther = false
  for (let m = 0; m < members.length; m++) {
    if (part[m] === APART) continue
    const i = members[m]!
    const maxW = Math.min(f.maxW[i]!, part[m] === TOLD ? mostW[m]! : Infinity)
    const fromS = Math.max(spanFromS(e, k, i), nowS)
    const toS = spanToS(e, k, i)
    // back already: there is nothing left to tell it
    if (fromS >= toS) continue
    if (part[m] === TOLD) {
      const told = toldShare(s, e, i, fromS, toS, pauseW(f, e, i), mostW[m]!)
      if (told >= 0) out[m] = told
      isOther ||= out[m] !== fresh[m]
      idleW -= out[m]! < 0 ? maxW : out[m]!
    }
    addSpare(spare, out[m]! < 0 ? maxW : out[m]!, f.minW[i]!, maxW)
  }
  // nothing is shared out any more, only let go
  if (nowS >= Math.min(interval.toS, e.cancelledS))
    return out.map((w, m) => (part[m] !== TOLD || isToldOf(s.rows, s.want[members[m]!]!, e.no) || isBox(f, members[m]!) ? w : -1))
  if (!isOther) return fresh
  return idleW >= 0 && idleW < usefulW(spare) ? out : fresh
}

/** What a charger was told for [fromS, toS), where that is `leastW` or what it could be told today, up to `mostW`; -1 otherwise. W. */
export function toldShare(s: State, e: EventState, i: number, fromS: Second, toS: Second, leastW: number, mostW: number): number {
  const f = s.fleet
  // what a box that takes one limit was told is the sum of its chargers
  if (isBox(f, i) || fromS >= toS) return -1
  const told = shareIn(s.rows, s.want[i]!, e.no, fromS, toS)
  if (told > mostW) return -1
  const isRunning = told >= Math.max(leastW, f.minW[i]!) && told < Math.min(f.maxW[i]!, mostW) && isOneOf(f, i, told)
  return told === leastW || isRunning ? told : -1
}

/** A box that takes one limit carries that of all its chargers at the first of them. */
export const isBox = (f: Fleet, i: number): boolean => f.limitsAtStation[i] === 1
/** Of a charger whose maker has a set of steps, which may be known only since it was told. */
const isOneOf = (f: Fleet, i: number, w: number): boolean => setOf(f, i)?.includes(w) ?? true

export function isToldOf(rows: Rows, row: number, because: EventNo): boolean {
  for (let r = rowStart(rows, row); r < rowEnd(rows, row); r++) if (rows.because[r] === because) return true
  return false
}

/** The one limit that the row sets because of this event throughout [fromS, toS); -1 if there is no such. */
function shareIn(rows: Rows, row: number, because: EventNo, fromS: Second, toS: Second): number {
  let atS = fromS
  let shareW = -1
  for (let r = rowStart(rows, row); r < rowEnd(rows, row) && atS < toS; r++) {
    if (rows.toS[r]! <= atS) continue
    if (rows.fromS[r]! > atS || rows.because[r] !== because || (shareW >= 0 && rows.limitW[r] !== shareW)) return -1
    shareW = rows.limitW[r]!
    atS = rows.toS[r]!
  }
  return atS < toS ? -1 : shareW
}

/** The widest step of any, a step of each who runs, the most that one who is paused needs to run. W. */
type Spare = { stepW: number; stepsW: number; pausedW: number }
function addSpare(spare: Spare, shareW: number, minW: number, maxW: number): void {
  const stepW = Math.floor((maxW - minW) / STEPS)
  spare.stepW = Math.max(spare.stepW, stepW)
  if (shareW < minW) spare.pausedW = Math.max(spare.pausedW, minW)
  else if (shareW < maxW) spare.stepsW += stepW
}
/** Less than this is left over when a budget is shared out anew, too. */
const usefulW = ({ stepW, stepsW, pausedW }: Spare): number => (pausedW > 0 ? Math.max(pausedW, stepW) : Math.max(stepsW, stepW))
