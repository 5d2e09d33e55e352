import { fit, type Held, heldBy, refitS } from './fit.ts'
import { nextFreedS } from './members.ts'
import type { Decision, Second } from './model.ts'
import {
  closeSchedule,
  type Draft,
  FREE,
  finished,
  grown,
  NONE,
  newDraft,
  nextLimit,
  type Rows,
  reserveSegments,
  rowEnd,
  rowStart,
  sameRest,
  UNKNOWN,
} from './rows.ts'
import type { State } from './state.ts'

/** A change is sent this long before it begins: time for a refusal, another rung and a retry. */
export const LEAD_S = 300
/** Nothing to do for this charger until something happens. */
export const IDLE_S = 0xffffffff
const RETRY_S = 15
const MANY = 4_096
const RETRY_MAX_S = 300

export type Sent = Extract<Decision, { kind: 'sent' }>

/**
 * The commands to send now, so that what chargers hold becomes what fits of the plan. One pass over one column: no timers, no queue, nothing to
 * lose. Also refreshes `dueS`.
 */
export function reconcile(s: State, nowS: Second): Sent | undefined {
  const scratch = newDraft()
  const fitted = newDraft()
  let who = new Uint32Array(64)
  let count = 0
  const { dueS } = s
  const held = heldBy(s)
  for (let i = 0; i < dueS.length; i++) {
    if (dueS[i]! > nowS) continue
    scratch.count = 0
    scratch.segments = 0
    const whole = fit(s, i, s.want[i]!, nowS, held, scratch)
    const at = dueAt(s, i, whole ? undefined : scratch, nowS, held)
    dueS[i] = Math.min(at, IDLE_S)
    if (at > nowS) continue
    // as long as it can get, once it is long: no more copies of a million
    if (count === who.length) who = grown(who, count < MANY ? 2 * count : count + dueS.length - i)
    who[count++] = i
    if (!whole) copySchedule(scratch, fitted, i)
  }
  if (count === 0) return undefined
  const seq = new Uint16Array(count)
  for (let k = 0; k < count; k++) seq[k] = s.seq[who[k]!]! + 1
  return { kind: 'sent', who: who.subarray(0, count), seq, fitted: finished(fitted) }
}

/** When this charger next needs a command. `fitted` is what fits of what is wanted, undefined if all of it does. */
function dueAt(s: State, i: number, fitted: Draft | undefined, nowS: Second, held: Held): Second {
  if (s.up[s.fleet.station[i]!] !== 1) return IDLE_S
  const pending = s.pending[i]!
  // from the moment a command is out until its outcome is in, what the charger holds is unknown, whatever was known before
  const holds = pending === NONE ? s.holds[i]! : UNKNOWN
  if (holds !== UNKNOWN && isHeld(s, i, holds, fitted, nowS)) return refitS(s, i, s.want[i]!, nowS, held)
  // what fits may change while the answer is out
  if (pending !== NONE && isHeld(s, i, pending, fitted, nowS))
    return Math.min(s.sentS[i]! + retryAfterS(s.attempt[i]!), refitS(s, i, s.want[i]!, nowS, held))
  const firstS = Math.min(firstLimitS(s, i, fitted, nowS), holds === UNKNOWN ? nowS : nextLimit(s.rows, holds, nowS))
  return Math.max(nowS, firstS - LEAD_S)
}
export const retryAfterS = (attempt: number): number => Math.min(RETRY_MAX_S, RETRY_S * 2 ** Math.min(attempt, 8))

const isHeld = (s: State, i: number, row: number, fitted: Draft | undefined, nowS: Second): boolean =>
  fitted ? rowIsDraft(s.rows, row, fitted, nowS) : sameRest(s.rows, row, s.want[i]!, nowS)
const firstLimitS = (s: State, i: number, fitted: Draft | undefined, nowS: Second): Second =>
  fitted ? (fitted.segments > 0 ? Math.max(nowS, fitted.fromS[0]!) : Infinity) : nextLimit(s.rows, s.want[i]!, nowS)

function rowIsDraft(rows: Rows, row: number, d: Draft, nowS: Second): boolean {
  if (row === FREE) return d.segments === 0
  let r = rowStart(rows, row)
  const end = rowEnd(rows, row)
  while (r < end && rows.toS[r]! <= nowS) r++
  if (end - r !== d.segments) return false
  for (let k = 0; k < d.segments; k++, r++) {
    if (Math.max(rows.fromS[r]!, nowS) !== Math.max(d.fromS[k]!, nowS)) return false
    if (rows.toS[r] !== d.toS[k] || rows.limitW[r] !== d.limitW[k]) return false
  }
  return true
}

function copySchedule(from: Draft, to: Draft, who: number): void {
  reserveSegments(to, from.segments)
  to.fromS.set(from.fromS.subarray(0, from.segments), to.segments)
  to.toS.set(from.toS.subarray(0, from.segments), to.segments)
  to.limitW.set(from.limitW.subarray(0, from.segments), to.segments)
  to.because.set(from.because.subarray(0, from.segments), to.segments)
  to.segments += from.segments
  closeSchedule(to, who)
}

/** The earliest instant at which any charger needs looking at, or the plan does. */
export function nextDueS(s: State): Second {
  let least = Math.min(IDLE_S, nextFreedS(s, Math.floor(s.nowMs / 1000)))
  for (let i = 0; i < s.dueS.length; i++) if (s.dueS[i]! < least) least = s.dueS[i]!
  return least
}
