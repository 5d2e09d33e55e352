import { allocate, UNLIMITED } from './allocate.ts'
import { eachSpanS, type Span, spanOf } from './edges.ts'
import { heldToS, isHolding } from './held.ts'
import { chargersOf, type Range, rangesOf } from './members.ts'
import { type Decision, type EventNo, type Interval, NEVER_S, type Second } from './model.ts'
import { boundsOf, innermostFirst } from './nested.ts'
import { closeSchedule, type Draft, finished, newDraft, type Rows, reserveSegments, rowEnd, rowStart } from './rows.ts'
import { newPad, type Pad, pushSegment, summed, tightest } from './schedule.ts'
import { askEndS, type EventState, type Fleet, firstEndS, lastS, mayHold, type State } from './state.ts'
import { keepsToS } from './waits.ts'

/** Recorded with every plan: replay recomputes a plan only under the algorithm that made it. */
export const ALGORITHM = 'plan-3'

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
  readonly spans: readonly Span[]
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
  const pads = newPads(parts, s.fleet.chargers)
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
  const spans = e.event.intervals.map((_, k) => spanOf(e, k))
  let base = 0
  return ranges.map(r => {
    const part = { e, from: r.from, to: r.to, base, watts, spans, held }
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

/** Positions that are worked on together: what is looked up once for them all is worth it, and all of it stays in the processor's cache. */
const BLOCK = 1024
type Pads = { raw: Block; readonly best: Pad }
function newPads(parts: readonly Part[], chargers: number): Pads {
  const width = parts.reduce((n, p) => n + p.watts.length + 1, 0)
  return { raw: newBlock(width, Math.min(chargers, BLOCK)), best: newPad(2 * width) }
}
/** What is asked of the charger at position `from + j`, by whichever event: `count[j]` segments from `j * width` on. */
type Block = {
  readonly width: number
  readonly count: Uint16Array
  readonly pad: Pad
  from: number
  /** Of the interval in hand: when each charger's own span of it begins and ends. */
  readonly beginS: Float64Array
  readonly endS: Float64Array
}
const newBlock = (width: number, size: number): Block => ({
  width,
  count: new Uint16Array(size),
  pad: newPad(size * width),
  from: 0,
  beginS: new Float64Array(size),
  endS: new Float64Array(size),
})
function put({ width, count, pad, from }: Block, p: number, fromS: Second, toS: Second, limitW: number, because: EventNo): void {
  const j = p - from
  const k = j * width + count[j]!++
  pad.fromS[k] = fromS
  pad.toS[k] = toS
  pad.limitW[k] = limitW
  pad.because[k] = because
}

function planStretch(s: State, stretch: Stretch, nowS: Second, draft: Draft, pads: Pads): void {
  const f = s.fleet
  for (let from = stretch.from; from < stretch.to; ) {
    const to = blockEnd(f, from, stretch.to)
    gather(s, stretch.parts, from, to, nowS, pads)
    for (let p = from; p < to; p++) {
      const i = f.order[p]!
      const shares = f.limitsAtStation[i] === 1 ? sharing(f, p, to) : 1
      if (shares > 1) planStation(s, p, shares, nowS, draft, pads)
      else {
        tightestAt(pads, p)
        draftIfNew(s, i, pads.best, nowS, draft)
      }
      p += shares - 1
    }
    from = to
  }
}
/** Chargers of one station stay together: they may share a limit. */
function blockEnd(f: Fleet, from: number, last: number): number {
  let to = Math.min(from + BLOCK, last)
  while (to < last && f.station[f.order[to]!] === f.station[f.order[to - 1]!]) to++
  return to
}
function tightestAt({ raw, best }: Pads, p: number): void {
  const j = p - raw.from
  tightest(raw.pad, best, j * raw.width, raw.count[j]!)
}

/** How many chargers from position p on share one station limit. */
function sharing(f: Fleet, p: number, to: number): number {
  const station = f.station[f.order[p]!]!
  let n = 1
  while (p + n < to && f.station[f.order[p + n]!] === station) n++
  return n
}

/** The station's first charger carries the sum of all; the others carry nothing of their own. */
function planStation(s: State, p: number, shares: number, nowS: Second, draft: Draft, pads: Pads): void {
  const f = s.fleet
  const evses = Array.from({ length: shares }, (_, k) => f.order[p + k]!)
  const schedules = evses.map((_, k) => {
    tightestAt(pads, p + k)
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

/** Fills `pads.raw` with what is left from `nowS` on of what is asked of those at positions [from, to). */
function gather(s: State, parts: readonly Part[], from: number, to: number, nowS: Second, pads: Pads): void {
  if (to - from > pads.raw.count.length) pads.raw = newBlock(pads.raw.width, to - from)
  const { raw } = pads
  raw.from = from
  raw.count.fill(0, 0, to - from)
  for (const part of parts) {
    const within = { from: Math.max(from, part.from), to: Math.min(to, part.to) }
    if (part.held) putHeld(s, part.e, part.held, within, nowS, raw)
    else {
      if (part.e.waits.size > 0) putKept(s, part.e, within, nowS, raw)
      for (let k = 0; k < part.watts.length; k++) putAsked(s, part, k, within, nowS, raw)
    }
  }
}
function putHeld(s: State, e: EventState, heldW: Int32Array, { from, to }: Range, nowS: Second, raw: Block): void {
  const fromS = askEndS(e) - 1
  for (let p = from; p < to; p++) {
    const i = s.fleet.order[p]!
    const limitW = heldW[i] ?? UNLIMITED
    const toS = limitW === UNLIMITED ? 0 : heldToS(s, e, i)
    if (fromS < toS && toS > nowS) put(raw, p, fromS, toS, limitW, e.no)
  }
}
/** Limits that an event no longer asks for, of those who wait to be let go. */
function putKept(s: State, e: EventState, { from, to }: Range, nowS: Second, raw: Block): void {
  for (let p = from; p < to; p++) {
    const i = s.fleet.order[p]!
    const wait = e.waits.get(i)
    const keptToS = wait ? keepsToS(s, e, i, wait, nowS) : 0
    if (wait && wait.atS < keptToS) put(raw, p, wait.atS, keptToS, wait.wasW, e.no)
  }
}
/** What interval k asks; after the last one, what a restore with a level cap may hold. */
function putAsked(s: State, part: Part, k: number, { from, to }: Range, nowS: Second, raw: Block): void {
  const { e } = part
  const limitsW = part.watts[k]
  if (!limitsW) return
  const { beginS, endS } = raw
  eachSpanS(part.spans[k]!, s.fleet.order, from, to, beginS, endS)
  const mayWait = e.waits.size > 0 && !e.event.intervals[k]!.failsafe
  const mayBeHeld = k === part.watts.length - 1 && e.cancelledS === NEVER_S && mayHold(e)
  for (let p = from; p < to; p++) {
    const limitW = limitsW[part.base + p - part.from]!
    if (limitW === UNLIMITED) continue
    let fromS = beginS[p - from]!
    let toS = endS[p - from]!
    if (mayWait) fromS = Math.max(fromS, e.waits.get(s.fleet.order[p]!)?.untilS ?? 0)
    if (mayBeHeld) toS = Math.max(toS, heldToS(s, e, s.fleet.order[p]!))
    if (fromS < toS && toS > nowS) put(raw, p, fromS, toS, limitW, e.no)
  }
}

function draftIfNew(s: State, i: number, pad: Pad, nowS: Second, draft: Draft): void {
  if (sameAsRow(s.rows, s.want[i]!, pad, nowS)) return
  reserveSegments(draft, pad.count)
  const { fromS, toS, limitW, because, segments } = draft
  for (let k = 0; k < pad.count; k++) {
    fromS[segments + k] = pad.fromS[k]!
    toS[segments + k] = pad.toS[k]!
    limitW[segments + k] = pad.limitW[k]!
    because[segments + k] = pad.because[k]!
  }
  draft.segments += pad.count
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
