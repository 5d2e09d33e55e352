import { withChanges } from './fleet.ts'
import { chargersOf, rangesOf } from './members.ts'
import { type EventNo, type Fact, type GridEvent, NEVER_S, outcomeCode, type Second, type Spread } from './model.ts'
import { appendRows, compact, FREE, grown, NONE, rowEnd, rowStart, sameRest, UNKNOWN } from './rows.ts'
import { type Answer, answers, deviceColumns, type EventState, isUp, lastS, type State } from './state.ts'

/** How long the record of an event that is over stays in State, for those who ask; its columns go at once. */
const REMEMBER_S = 30 * 86_400
/** An event that cannot be verified (no readings came) is closed this long after its end. */
export const ABANDON_S = 6 * 3_600
const noSpread: Spread = { startS: 0, endS: 0, startShiftS: 0, endShiftS: 0, endFollowsStart: false }

/**
 * The turn begins: what is past is forgotten. A function of the state and the turn's now alone, so folding a journal forgets the same.
 * Whoever calls this and `apply` owns the state: both write in place.
 */
export function beginTurn(s: State, turn: number, nowMs: number): void {
  s.turn = turn
  s.nowMs = nowMs
  const nowS = Math.floor(nowMs / 1000)
  for (const e of s.events.values()) {
    if (!isOver(e, nowS)) continue
    if (e.excluded.length > 0 || e.basisW.length > 0 || e.startRank.length > 0 || e.endRank.length > 0) dropColumns(e)
    if (endedS(e) + REMEMBER_S >= nowS) continue
    s.events.delete(e.no)
    s.eventNoById.delete(e.event.id)
  }
  for (const [i, list] of s.optOuts) {
    const left = list.filter(o => o.toS > nowS)
    if (left.length === 0) s.optOuts.delete(i)
    else if (left.length < list.length) s.optOuts.set(i, left)
  }
  for (const [i, r] of s.refusals) if (r.toS <= nowS) s.refusals.delete(i)
  if (s.rows.count > 4 * s.want.length + 1024) s.rows = compact(s.rows, [s.want, s.holds, s.pending])
}
const endedS = (e: EventState): Second => (e.status === 'declined' ? e.receivedS : Math.min(lastS(e), NEVER_S))
/** Nothing of it can act any more, and it is verified or never will be. */
const isOver = (e: EventState, nowS: Second): boolean => {
  if (e.status === 'declined') return true
  const lastSecond = lastS(e)
  return lastSecond + (e.verification || e.event.test ? 0 : ABANDON_S) < nowS && resorted(e) === 0
}
const resorted = (e: EventState): number => e.resort.reduce((n, step) => n + (step === 3 ? 1 : 0), 0)
function dropColumns(e: EventState): void {
  e.excluded = e.unmoved = e.strikes = e.answer = e.resort = new Uint8Array(0)
  e.startRank = e.endRank = new Uint16Array(0)
  e.basisW = new Int32Array(0)
}

/** The only writer of State. Total: it never refuses a fact, it only remembers. In place. */
export function apply(s: State, fact: Fact): void {
  const nowS = Math.floor(s.nowMs / 1000)
  switch (fact.kind) {
    case 'keyCommitted':
      s.seedKeyHash = fact.keyHash
      return
    case 'fleet':
      return applyFleet(s, fact)
    case 'programme':
      s.programmes.set(fact.programme.id, fact.programme)
      return
    case 'enrolled':
      return applyEnrolled(s, fact)
    case 'signal':
      return applySignal(s, fact.event, fact.seed, nowS)
    case 'optOut':
      for (const i of fact.who) s.optOuts.set(i, [...(s.optOuts.get(i) ?? []), { fromS: fact.fromS, toS: fact.toS, reason: fact.reason }])
      return
    case 'optIn':
      for (const i of fact.who) s.optOuts.delete(i)
      return
    case 'link':
      return applyLink(s, fact)
    case 'outcome':
      return applyOutcome(s, fact)
    case 'doubt':
      for (const i of fact.who) doubt(s, i, nowS)
      return
    case 'observed':
      return applyObserved(s, fact, nowS)
    case 'accepted':
      return applyAccepted(s, fact)
    case 'declined': {
      const e = s.events.get(fact.event)
      if (e) Object.assign(e, { status: 'declined', declined: fact.why })
      return
    }
    case 'refused':
      fact.who.forEach((i, k) => s.refusals.set(i, { toS: fact.toS[k]!, cause: fact.causes[fact.cause[k]!] ?? '' }))
      return
    case 'planned':
      appendRows(s.rows, fact.schedules, (i, row) => {
        s.want[i] = row
        s.dueS[i] = 0
      })
      s.generation = fact.generation
      return
    case 'sent':
      return applySent(s, fact, nowS)
    case 'shortfall':
      return applyShortfall(s, fact, nowS)
    case 'lastResort':
      return applyLastResort(s, fact)
    case 'verified': {
      const e = s.events.get(fact.verification.event)
      if (e) e.verification = fact.verification
      return
    }
    case 'metered':
    case 'noted':
    case 'snapshot':
      return
  }
}

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

function applyFleet(s: State, fact: Of<'fleet'>): void {
  s.fleet = withChanges(s.fleet, fact.nodes, fact.chargers)
  const n = s.fleet.chargers
  if (n > s.want.length) {
    const columns = deviceColumns(n)
    columns.want.set(s.want)
    columns.holds.set(s.holds)
    columns.pending.set(s.pending)
    columns.sentS.set(s.sentS)
    columns.seq.set(s.seq)
    columns.attempt.set(s.attempt)
    Object.assign(s, columns)
  }
  s.dueS.fill(0)
  s.up = grown(s.up, s.fleet.nodes)
}

function applyEnrolled(s: State, fact: Of<'enrolled'>): void {
  const column = grown(s.enrolments.get(fact.programme) ?? new Uint8Array(0), s.fleet.chargers)
  fact.who.forEach((i, k) => (column[i] = fact.basis[k]!))
  s.enrolments.set(fact.programme, column)
}

/** A higher revision replaces; an equal or lower one is news of nothing. No intervals: cancelled now, and what it had asked for is kept. */
function applySignal(s: State, event: GridEvent, seed: Uint8Array, nowS: Second): void {
  const known = s.eventNoById.get(event.id)
  const e = known === undefined ? undefined : s.events.get(known)
  if (!e) {
    const no = s.nextEventNo++
    s.eventNoById.set(event.id, no)
    s.events.set(no, newEvent(no, event, seed, nowS))
    return
  }
  if (event.revision <= e.event.revision) return
  if (event.intervals.length === 0) {
    e.event = { ...event, intervals: e.event.intervals, targets: e.event.targets }
    e.cancelledS = Math.min(e.cancelledS, nowS)
    return
  }
  const spreadIsNew = JSON.stringify(event.spread) !== JSON.stringify(e.event.spread)
  e.event = event
  e.receivedS = nowS
  e.cancelledS = NEVER_S
  e.status = 'received'
  e.verification = null
  if (spreadIsNew) e.startRank = e.endRank = new Uint16Array(0)
}
const newEvent = (no: EventNo, event: GridEvent, seed: Uint8Array, nowS: Second): EventState => ({
  no,
  event,
  seed,
  receivedS: nowS,
  status: 'received',
  declined: null,
  spread: noSpread,
  programmeVersion: 0,
  excluded: new Uint8Array(0),
  startRank: new Uint16Array(0),
  endRank: new Uint16Array(0),
  cancelledS: event.intervals.length === 0 ? nowS : NEVER_S,
  basisW: new Int32Array(0),
  basisAtS: 0,
  extraW: 0,
  strikes: new Uint8Array(0),
  answer: new Uint8Array(0),
  unmoved: new Uint8Array(0),
  resort: new Uint8Array(0),
  lastShortfallS: 0,
  verification: null,
})

function applyAccepted(s: State, fact: Of<'accepted'>): void {
  const e = s.events.get(fact.event)
  if (!e) return
  const excluded = new Uint8Array(fact.excluded.length === 0 ? 0 : s.fleet.chargers)
  fact.excluded.forEach((i, k) => (excluded[i] = fact.why[k]! + 1))
  e.status = 'accepted'
  e.spread = fact.spread
  e.programmeVersion = fact.programmeVersion
  e.excluded = excluded
  if (fact.startRank.length > 0) e.startRank = fact.startRank
  if (fact.endRank.length > 0) e.endRank = fact.endRank
}

/** A station that comes back: what it was sent without an answer is unknown, and is sent again at once. */
function applyLink(s: State, fact: Of<'link'>): void {
  const f = s.fleet
  fact.stations.forEach((station, k) => {
    const was = s.up[station]
    s.up[station] = fact.up[k]!
    for (let p = f.nodeFrom[station]!; p < f.nodeTo[station]!; p++) {
      const i = f.order[p]!
      if (f.station[i] !== station) continue
      s.dueS[i] = 0
      if (was === 1 || fact.up[k] === 0 || s.pending[i] === NONE) continue
      s.holds[i] = UNKNOWN
      s.pending[i] = NONE
      s.attempt[i] = 0
    }
  })
}

function applySent(s: State, fact: Of<'sent'>, nowS: Second): void {
  const fitted = new Map<number, number>()
  appendRows(s.rows, fact.fitted, (i, row) => fitted.set(i, row))
  fact.who.forEach((i, k) => {
    const row = fitted.size === 0 ? s.want[i]! : (fitted.get(i) ?? s.want[i]!)
    const again = s.pending[i] !== NONE && sameRest(s.rows, s.pending[i]!, row, nowS)
    s.attempt[i] = again ? Math.min(255, s.attempt[i]! + 1) : 0
    s.pending[i] = row
    s.sentS[i] = nowS
    s.seq[i] = fact.seq[k]!
    s.dueS[i] = 0
    answered(s, i, row, 'sent')
  })
}

function applyOutcome(s: State, fact: Of<'outcome'>): void {
  fact.who.forEach((i, k) => {
    const pending = s.pending[i]!
    if (s.seq[i] !== fact.seq[k] || pending === NONE) return
    s.dueS[i] = 0
    switch (fact.what[k]) {
      case outcomeCode.accepted:
        s.holds[i] = pending
        s.pending[i] = NONE
        s.attempt[i] = 0
        return answered(s, i, pending, 'accepted')
      case outcomeCode.rejected:
        answered(s, i, pending, 'rejected')
        // a refused release is tried again after a pause; a refused limit changes the plan
        if (pending === FREE) s.holds[i] = UNKNOWN
        else s.pending[i] = NONE
        return
      default:
        s.holds[i] = UNKNOWN
        return answered(s, i, pending, 'unknown')
    }
  })
}
function answered(s: State, i: number, row: number, answer: Answer): void {
  for (let k = rowStart(s.rows, row); k < rowEnd(s.rows, row); k++) {
    const e = s.events.get(s.rows.because[k]!)
    if (!e) continue
    if (e.answer.length <= i) e.answer = grown(e.answer, s.fleet.chargers)
    e.answer[i] = answers.indexOf(answer)
  }
}

/** A charger that was never limited has nothing to lose; any other must be told again. */
function doubt(s: State, i: number, nowS: Second): void {
  if (i >= s.want.length) return
  const free =
    s.pending[i] === NONE && s.holds[i] !== UNKNOWN && sameRest(s.rows, s.holds[i]!, FREE, nowS) && sameRest(s.rows, s.want[i]!, FREE, nowS)
  if (free) return
  s.holds[i] = UNKNOWN
  s.pending[i] = NONE
  s.attempt[i] = 0
  s.dueS[i] = 0
}

/** Before the event, or at its first sight, observed power is what the plan stands on; afterwards it is evidence of who moved. */
function applyObserved(s: State, fact: Of<'observed'>, nowS: Second): void {
  const e = s.events.get(fact.event)
  if (!e) return
  const first = e.event.intervals[0]?.fromS ?? 0
  if (e.basisAtS === 0 || nowS < first + Math.min(0, e.spread.startShiftS)) {
    const basis = new Int32Array(s.fleet.chargers).fill(-1)
    fact.who.forEach((i, k) => (basis[i] = fact.powerW[k]!))
    e.basisW = basis
    e.basisAtS = nowS
    return
  }
  if (e.strikes.length < s.fleet.chargers) e.strikes = grown(e.strikes, s.fleet.chargers)
  fact.who.forEach((i, k) => {
    const moved = showsEffect(s, i, fact.powerW[k]!, nowS)
    if (moved === undefined) return
    e.strikes[i] = moved ? 0 : Math.min(255, e.strikes[i]! + 1)
  })
}

/** A meter is trusted to this share (SI 2021/1467 reg. 9: within 10 %): inside the band nobody is called unmoved. */
const METER_BAND = 0.1
/** A car takes some seconds to follow. */
export const SETTLE_S = 30

/** Does the meter show that the limit which a charger accepted acts? undefined: no limit is in force, or nothing can be said. */
export function showsEffect(s: State, i: number, powerW: number, nowS: Second): boolean | undefined {
  const row = s.holds[i]!
  if (powerW < 0 || s.pending[i] !== NONE || row === UNKNOWN || row === FREE || !isUp(s, i)) return undefined
  if (s.fleet.limitsAtStation[i] === 1) return undefined
  for (let k = rowStart(s.rows, row); k < rowEnd(s.rows, row); k++) {
    if (Math.max(s.rows.fromS[k]!, s.sentS[i]!) + SETTLE_S > nowS || s.rows.toS[k]! <= nowS) continue
    return powerW * (1 - METER_BAND) <= s.rows.limitW[k]!
  }
  return undefined
}

function applyShortfall(s: State, fact: Of<'shortfall'>, nowS: Second): void {
  const e = s.events.get(fact.event)
  if (!e) return
  e.extraW += fact.missingW
  e.lastShortfallS = nowS
  if (e.unmoved.length < s.fleet.chargers) e.unmoved = grown(e.unmoved, s.fleet.chargers)
  for (const i of fact.unmoved) e.unmoved[i] = 1
}

const resortStep = { zero: 1, stop: 2, disable: 3, enable: 0 } as const
function applyLastResort(s: State, fact: Of<'lastResort'>): void {
  const e = s.events.get(fact.event)
  if (!e) return
  if (e.resort.length < s.fleet.chargers) e.resort = grown(e.resort, s.fleet.chargers)
  for (const i of fact.who) {
    e.resort[i] = resortStep[fact.step]
    if (i < e.strikes.length) e.strikes[i] = 0
  }
}

/** Chargers under an event's targets, in depth-first order. */
export const membersOf = (s: State, e: EventState): Uint32Array => chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets))
