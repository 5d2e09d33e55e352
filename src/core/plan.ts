import { allocate, UNLIMITED } from './allocate.ts'
import { spanFromS, spanToS } from './edges.ts'
import { heldToS, isHolding } from './held.ts'
import { chargersOf, type Range, rangesOf } from './members.ts'
import { type Decision, type EventNo, type Interval, NEVER_S, type Second } from './model.ts'
import { boundsOf, innermostFirst } from './nested.ts'
import { closeSchedule, type Draft, draftSegment, finished, newDraft, type Rows, rowEnd, rowStart } from './rows.ts'
import { newPad, type Pad, pushSegment, summed, tightest } from './schedule.ts'
import { askEndS, type EventState, type Fleet, firstEndS, lastS, mayHold, type State } from './state.ts'
import { keepsToS } from './waits.ts'

/** Recorded with every plan: replay recomputes a plan only under the algorithm that made it. */
export const ALGORITHM = 'plan-2'

export type Planned = Extract<Decision, { kind: 'planned' }>

/** Events that may limit somebody from `nowS` on. */
export const planningEvents = (s: State, nowS: Second): EventState[] =>
  [...s.events.values()].filter(e => e.status === 'accepted' && !e.event.test && e.event.intervals.length > 0 && lastS(e) > nowS)

type Part = {
  readonly e: EventState
  readonly from: number
  readonly to: number
  readonly base: number
  /** Per interval; undefined where it is over. */
  readonly watts: readonly (Int32Array | undefined)[]
  /** Limits of a restore that has begun, instead of all intervals. */
  readonly held: Int32Array | undefined
}

/**
 * What every charger should do from `nowS` until the last event ends, as the schedules that differ from what is wanted now (maybe none).
 * Depends on nothing but the state: cancel, change, opt-out, refusal and overlap are other states, not other code.
 */
export function plan(s: State, nowS: Second): Planned {
  const unreachable: { event: EventNo; missingW: number }[] = []
  const parts = partsInOrder(s, nowS, unreachable)
  // room for everyone under an event, or growing would copy a million rows twenty times
  const covered = parts.reduce((n, p) => n + p.to - p.from, 0)
  const draft = newDraft(Math.max(64, Math.min(s.fleet.chargers, covered)), Math.max(64, covered))
  const pads = newPads(parts)
  for (const stretch of stretches(s.fleet, parts)) {
    if (stretch.parts.length === 0) freeAll(s, stretch, nowS, draft)
    else planStretch(s, stretch, nowS, draft, pads)
  }
  return { kind: 'planned', generation: s.generation + 1, algorithm: ALGORITHM, schedules: finished(draft), unreachable }
}

const urgency = (e: EventState): number => (e.event.class === 'emergency' ? 0 : 1)

type Unreachable = { event: EventNo; missingW: number }[]

/** Allocated from the inside out, so that an outer ceiling knows what others withhold; given in the order of events. */
function partsInOrder(s: State, nowS: Second, unreachable: Unreachable): Part[] {
  const events = planningEvents(s, nowS)
  const size = (e: EventState) => rangesOf(s.fleet, e.event.targets).reduce((n, r) => n + r.to - r.from, 0)
  const done: Part[] = []
  for (const e of events.length > 1 ? innermostFirst(events, size) : events) done.push(...partsOf(s, e, nowS, unreachable, done))
  // of equal limits the first is said to be the one: an emergency's, where one of them is
  return done.sort((a, b) => urgency(a.e) - urgency(b.e) || a.e.no - b.e.no || a.from - b.from)
}

function partsOf(s: State, e: EventState, nowS: Second, unreachable: Unreachable, others: readonly Part[]): Part[] {
  const ranges = rangesOf(s.fleet, e.event.targets)
  const members = chargersOf(s.fleet, ranges)
  let missingW = 0
  const held = isHolding(e) ? e.restore.heldW : undefined
  const watts = e.event.intervals.map(interval => {
    if (held || isOver(e, interval, nowS)) return undefined
    const bounds = interval.ask.kind === 'cap' ? boundsOf(e, interval, members, nowS, s.fleet.position, others, UNLIMITED) : undefined
    const allocation = allocate(s, e, interval, members, bounds)
    // what could not be reached in an interval that is being left says nothing of the next
    if (firstEndS(e, interval.toS) > nowS) missingW = Math.max(missingW, allocation.missingW)
    return allocation.watts
  })
  if (missingW > 0) unreachable.push({ event: e.no, missingW })
  let base = 0
  return ranges.map(r => {
    const part = { e, from: r.from, to: r.to, base, watts, held }
    base += r.to - r.from
    return part
  })
}

/** Has the last charger left this interval, whatever its offset, and may no restore hold it there? */
const isOver = (e: EventState, { toS }: Interval, nowS: Second): boolean =>
  toS !== NEVER_S &&
  !mayHold(e) &&
  toS + Math.max(0, e.spread.startShiftS, e.spread.endShiftS) + Math.max(e.spread.startS, e.spread.endS) < nowS

type Stretch = Range & { readonly parts: readonly Part[] }
/** The depth-first order cut where the set of events changes. */
function stretches(f: Fleet, parts: readonly Part[]): Stretch[] {
  const cuts = new Set([0, f.chargers])
  for (const p of parts) cuts.add(p.from).add(outOfStation(f, p.from)).add(outOfStation(f, p.to))
  for (const p of parts) if (outOfStation(f, p.from) !== p.from) cuts.delete(p.from)
  const sorted = [...cuts].sort((a, b) => a - b)
  const out: Stretch[] = []
  for (let k = 0; k + 1 < sorted.length; k++) {
    const from = sorted[k]!
    const to = sorted[k + 1]!
    out.push({ from, to, parts: parts.filter(p => p.from < to && from < p.to) })
  }
  return out
}

/** The position itself, or the end of the station whose single limit it would cut in two. */
function outOfStation(f: Fleet, at: number): number {
  let p = at
  while (p > 0 && p < f.chargers && f.limitsAtStation[f.order[p]!] === 1 && f.station[f.order[p]!] === f.station[f.order[p - 1]!]) p++
  return p
}

function freeAll(s: State, { from, to }: Range, nowS: Second, draft: Draft): void {
  for (let p = from; p < to; p++) {
    const i = s.fleet.order[p]!
    if (s.want[i] !== 0 && !restIsFree(s.rows, s.want[i]!, nowS)) closeSchedule(draft, i)
  }
}

type Pads = { readonly raw: Pad; readonly best: Pad }
function newPads(parts: readonly Part[]): Pads {
  const capacity = 2 * parts.reduce((n, p) => n + p.watts.length, 0) + 2
  return { raw: newPad(capacity), best: newPad(2 * capacity) }
}

function planStretch(s: State, stretch: Stretch, nowS: Second, draft: Draft, pads: Pads): void {
  const f = s.fleet
  for (let p = stretch.from; p < stretch.to; p++) {
    const i = f.order[p]!
    const shares = f.limitsAtStation[i] === 1 ? sharing(f, p, stretch.to) : 1
    if (shares > 1) {
      planStation(s, stretch, p, shares, nowS, draft, pads)
      p += shares - 1
      continue
    }
    segmentsOf(s, stretch.parts, i, p, nowS, pads)
    draftIfNew(s, i, pads.best, nowS, draft)
  }
}

/** How many chargers from position p on share one station limit. */
function sharing(f: Fleet, p: number, to: number): number {
  const station = f.station[f.order[p]!]!
  let n = 1
  while (p + n < to && f.station[f.order[p + n]!] === station) n++
  return n
}

/** The station's first charger carries the sum of all; the others carry nothing of their own. */
function planStation(s: State, stretch: Stretch, p: number, shares: number, nowS: Second, draft: Draft, pads: Pads): void {
  const f = s.fleet
  const evses = Array.from({ length: shares }, (_, k) => f.order[p + k]!)
  const schedules = evses.map((i, k) => {
    segmentsOf(s, stretch.parts, i, p + k, nowS, pads)
    return copyOf(pads.best)
  })
  const sum = newPad(2 * schedules.reduce((n, x) => n + x.count, 0))
  summed(
    schedules,
    evses.map(i => f.maxW[i]!),
    sum,
  )
  draftIfNew(s, evses[0]!, sum, nowS, draft)
  pads.best.count = 0
  for (const i of evses.slice(1)) draftIfNew(s, i, pads.best, nowS, draft)
}
function copyOf(pad: Pad): Pad {
  const out = newPad(pad.count)
  for (let k = 0; k < pad.count; k++) pushSegment(out, pad.fromS[k]!, pad.toS[k]!, pad.limitW[k]!, pad.because[k]!)
  return out
}

/** Fills `pads.best` with what is left of charger i's schedule from `nowS` on. */
function segmentsOf(s: State, parts: readonly Part[], i: number, p: number, nowS: Second, { raw, best }: Pads): void {
  raw.count = 0
  for (const part of parts) {
    if (p < part.from || p >= part.to) continue
    if (part.held) {
      const limitW = part.held[i] ?? UNLIMITED
      const fromS = askEndS(part.e) - 1
      const toS = limitW === UNLIMITED ? 0 : heldToS(s, part.e, i)
      if (fromS < toS && toS > nowS) pushSegment(raw, fromS, toS, limitW, part.e.no)
      continue
    }
    const m = part.base + p - part.from
    const wait = part.e.waits.size === 0 ? undefined : part.e.waits.get(i)
    const keptToS = wait ? keepsToS(s, part.e, i, wait, nowS) : 0
    if (wait && wait.atS < keptToS) pushSegment(raw, wait.atS, keptToS, wait.wasW, part.e.no)
    for (let k = 0; k < part.watts.length; k++) {
      const limitW = part.watts[k]?.[m] ?? UNLIMITED
      if (limitW === UNLIMITED) continue
      const spanS = spanFromS(part.e, k, i)
      const fromS = wait && !part.e.event.intervals[k]!.failsafe ? Math.max(spanS, wait.untilS) : spanS
      const toS = k === part.watts.length - 1 ? lastToS(s, part.e, k, i) : spanToS(part.e, k, i)
      if (fromS < toS && toS > nowS) pushSegment(raw, fromS, toS, limitW, part.e.no)
    }
  }
  if (raw.count === 0) best.count = 0
  else tightest(raw, best)
}

/** The end of a charger's last span; where its restore has a level cap, of what may follow on it. */
function lastToS(s: State, e: EventState, k: number, i: number): Second {
  const toS = spanToS(e, k, i)
  return e.cancelledS === NEVER_S && mayHold(e) ? Math.max(toS, heldToS(s, e, i)) : toS
}

function draftIfNew(s: State, i: number, pad: Pad, nowS: Second, draft: Draft): void {
  if (sameAsRow(s.rows, s.want[i]!, pad, nowS)) return
  for (let k = 0; k < pad.count; k++) draftSegment(draft, pad.fromS[k]!, pad.toS[k]!, pad.limitW[k]!, pad.because[k]!)
  closeSchedule(draft, i)
}

/** Is the pad, which holds nothing of the past, what is left of the row? */
function sameAsRow(rows: Rows, row: number, pad: Pad, nowS: Second): boolean {
  let r = rowStart(rows, row)
  const end = rowEnd(rows, row)
  while (r < end && rows.toS[r]! <= nowS) r++
  if (end - r !== pad.count) return false
  for (let k = 0; k < pad.count; k++, r++) {
    if (rows.toS[r] !== pad.toS[k] || rows.limitW[r] !== pad.limitW[k]) return false
    // another event's equal limit is another reason: the first may be cancelled, and a driver is told who limits
    if (rows.because[r] !== pad.because[k]) return false
    if (rows.fromS[r] !== pad.fromS[k] && (rows.fromS[r]! > nowS || pad.fromS[k]! > nowS)) return false
  }
  return true
}
const restIsFree = (rows: Rows, row: number, nowS: Second): boolean => {
  const end = rowEnd(rows, row)
  return end === rowStart(rows, row) || rows.toS[end - 1]! <= nowS
}
