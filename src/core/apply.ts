import { createHash } from 'node:crypto'
import { applyLink, applyOutcome, applySent, doubt } from './answers.ts'
import { turnYear } from './budget.ts'
import { rememberRest, rememberRun } from './calendar.ts'
import { canonicalJson } from './codec.ts'
import { ownDelays } from './edges.ts'
import { showsEffect } from './effect.ts'
import { withChanges } from './fleet.ts'
import { applyAdmitted, applyRestored, applyRestoring, carsChanged, newRestore, observeHeld } from './held.ts'
import { applyJoined } from './late.ts'
import { chargerVerdicts, type EventNo, type Fact, type GridEvent, type HashHex, NEVER_S, type Second, type Spread } from './model.ts'
import { applyBooted, forgetBoots, isOutage, outageEvent, outageSeed, stoppedByOutage } from './outage.ts'
import { withDefaults } from './programme.ts'
import { applyPaced, applyPassed, WINDOW_S } from './ramp.ts'
import { register } from './register.ts'
import { afterFleet, learn, scored } from './reliability.ts'
import { applyResumed, rememberPaused, stayers } from './resume.ts'
import { appendRows, compact, grown } from './rows.ts'
import { applySession, forgetVacant, laxityS, phaseOf } from './sessions.ts'
import { applyHeardAgain, applySilent } from './silence.ts'
import { fromBytes } from './snapshot.ts'
import { isStanding, observeStanding } from './standing.ts'
import { deviceColumns, type EventState, firstS, lastS, type OptOut, type State } from './state.ts'
import { rememberTold, startTold } from './told.ts'
import { rememberEventDays } from './verify/eventDays.ts'
import { applyNominated } from './verify/nominated.ts'
import { forgetKept, keptOf, withDeltas } from './verify/revision.ts'
import { applyEased } from './waits.ts'

/** How long the record of an event that is over stays in State, for those who ask; its columns go at once. */
const REMEMBER_S = 30 * 86_400
/** An event that awaits its verification is given up this long after its end: a bridge that was down that long has lost it. */
export const ABANDON_S = 7 * 86_400
const noSpread: Spread = { startS: 0, endS: 0, startShiftS: 0, endShiftS: 0, endFollowsStart: false }

/**
 * The turn begins: what is past is forgotten. A function of the state and the turn's now alone, so folding a journal forgets the same.
 * Whoever calls this and `apply` owns the state: both write in place.
 */
export function beginTurn(s: State, turn: number, nowMs: number): void {
  s.turn = turn
  s.nowMs = nowMs
  const nowS = Math.floor(nowMs / 1000)
  turnYear(s, nowS)
  forgetBoots(s, nowS)
  forgetKept(s, nowS)
  for (const e of s.events.values()) {
    if (!isOver(e, nowS)) continue
    if (hasColumns(e)) {
      rememberRest(s, e)
      dropColumns(e)
    }
    if (endedS(e) + REMEMBER_S >= nowS) continue
    rememberRun(s, e)
    s.events.delete(e.no)
    s.eventNoById.delete(e.event.id)
  }
  // whom an opt-out or a refusal freed from an interval stays free of it, and the verification must know why
  const neededS = s.optOuts.size + s.refusals.size > 0 ? neededSince(s, nowS) : nowS
  for (const [i, list] of s.optOuts) {
    const left = list.filter(o => o.toS > neededS)
    if (left.length === 0) s.optOuts.delete(i)
    else if (left.length < list.length) s.optOuts.set(i, left)
  }
  for (const [i, r] of s.refusals) if (r.toS <= neededS) s.refusals.delete(i)
  if (s.rows.count > 4 * s.want.length + 1024) s.rows = compact(s.rows, [s.want, s.holds, s.pending])
}
const endedS = (e: EventState): Second => (e.status === 'declined' ? e.receivedS : Math.min(lastS(e), NEVER_S))
function neededSince(s: State, nowS: Second): Second {
  let since = nowS
  for (const e of s.events.values())
    if (e.status === 'accepted' && !isOver(e, nowS) && !isStanding(e.event)) since = Math.min(since, firstS(e))
  return since
}
/** Nothing of it can act any more, it is verified or never will be, and what it let go last is out of every minute that is bound. */
function isOver(e: EventState, nowS: Second): boolean {
  if (e.resort.includes(DISABLED)) return false
  if (e.status === 'declined') return true
  return lastS(e) + (awaitsVerification(e) ? ABANDON_S : WINDOW_S) < nowS
}
/** Is it to be verified once it is over? Not if it never began, has no end, was a test, or what it stood on was never known or is dropped. */
export const awaitsVerification = (e: EventState): boolean =>
  e.status === 'accepted' &&
  !e.event.test &&
  !isStanding(e.event) &&
  !isOutage(e.event) &&
  !e.verification &&
  e.cancelledS > firstS(e) &&
  lastS(e) !== NEVER_S &&
  e.basisW.length > 0
const hasColumns = (e: EventState): boolean =>
  e.excluded.length + e.basisW.length + e.startRank.length + e.endRank.length + e.answer.length > 0 || e.restore !== null
function dropColumns(e: EventState): void {
  e.excluded = e.unmoved = e.strikes = e.answer = e.resort = new Uint8Array(0)
  e.startRank = e.endRank = new Uint16Array(0)
  e.basisW = new Int32Array(0)
  e.stays = new Uint8Array(0)
  e.told = []
  e.turnS = new Float64Array(0)
  e.restore = null
  e.waits = new Map()
}

/** The only writer of State. Total: it never refuses a fact, it only remembers. In place. */
export function apply(s: State, fact: Fact): void {
  const nowS = Math.floor(s.nowMs / 1000)
  remember(s, fact, nowS)
  register(s, fact, nowS)
}
function remember(s: State, fact: Fact, nowS: Second): void {
  switch (fact.kind) {
    case 'keyCommitted':
      s.seedKeyHash = fact.keyHash
      s.seedKeysTo = (fact.from ?? 0) + (fact.count ?? (fact.hashes?.length ?? 0) / 32)
      return
    case 'fleet':
      return applyFleet(s, fact)
    case 'programme':
      s.programmes.set(fact.programme.id, withDefaults(fact.programme))
      return
    case 'bounds':
      s.bounds = new Map(fact.bounds.map(({ node, wPerMinute }) => [node, { wPerMinute, saidS: s.bounds.get(node)?.saidS ?? 0 }]))
      return
    case 'enrolled':
      return applyEnrolled(s, fact)
    case 'signal':
      return applySignal(s, fact, nowS)
    case 'optOut':
      return applyOptOut(s, fact)
    case 'optIn':
      for (const i of fact.who) s.optOuts.delete(i)
      return
    case 'link':
      applyLink(s, fact)
      return forgetVacant(s, fact.stations)
    case 'outcome':
      return applyOutcome(s, fact)
    case 'doubt':
      for (const i of fact.who) doubt(s, i, nowS)
      return
    case 'observed':
      return applyObserved(s, fact, nowS)
    case 'silent':
      return applySilent(s, fact, nowS)
    case 'heardAgain':
      return applyHeardAgain(s, fact, nowS)
    case 'forced':
      if (fact.step === 'enable') for (const i of fact.who) s.enabling.delete(i)
      return
    case 'accepted':
      return applyAccepted(s, fact)
    case 'paced':
      return applyPaced(s, fact)
    case 'eased':
      return applyEased(s, fact, nowS)
    case 'joined':
      return applyJoined(s, fact)
    case 'declined': {
      const e = s.events.get(fact.event)
      if (e) applyDeclined(e, fact.why, nowS)
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
      rememberTold(s, fact.schedules.who, nowS)
      s.generation = fact.generation
      for (const e of s.events.values()) e.missingW = 0
      for (const { event, missingW } of fact.unreachable) {
        const e = s.events.get(event)
        if (e) e.missingW = missingW
      }
      return
    case 'sent':
      return applySent(s, fact, nowS)
    case 'forecast': {
      const e = s.events.get(fact.event)
      if (e?.event.revision === fact.revision) e.forecast = fact.forecast
      return
    }
    case 'shortfall':
      return applyShortfall(s, fact, nowS)
    case 'lastResort':
      return applyLastResort(s, fact, nowS)
    case 'verified':
      return applyVerified(s, fact)
    case 'metered': {
      const e = s.events.get(fact.event)
      if (e && fact.salt) e.salt = fact.salt
      return
    }
    case 'resumed':
      return applyResumed(s, fact)
    case 'nominated':
      return applyNominated(s, fact, nowS)
    case 'session':
      applySession(s, fact, nowS)
      return carsChanged(s, fact.who)
    case 'booted':
      return applyBooted(s, fact, nowS)
    case 'outage':
      return applyOutage(s, fact, nowS)
    case 'restoring':
      return applyRestoring(s, fact)
    case 'admitted':
      return applyAdmitted(s, fact, nowS)
    case 'restored':
      return applyRestored(s, fact, nowS)
    case 'noted':
    case 'erased':
    case 'expired':
    case 'snapshot':
      return
    case 'opened':
      return applyOpened(s, fact)
    case 'alarm':
      return applyPassed(s, fact, nowS)
  }
}

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** A log that follows another begins with the state that the other ended with. */
function applyOpened(s: State, { state }: Of<'opened'>): void {
  const { turn, nowMs } = s
  Object.assign(s, fromBytes(state))
  beginTurn(s, turn, nowMs)
}

function applyFleet(s: State, fact: Of<'fleet'>): void {
  s.fleet = withChanges(s.fleet, fact.nodes, fact.chargers)
  afterFleet(s.learned, s.fleet, fact.chargers.no)
  const n = s.fleet.chargers
  if (n > s.want.length) {
    const columns = deviceColumns(n)
    columns.want.set(s.want)
    columns.holds.set(s.holds)
    columns.pending.set(s.pending)
    columns.sentS.set(s.sentS)
    columns.seq.set(s.seq)
    columns.attempt.set(s.attempt)
    columns.phase.set(s.phase)
    columns.departS.set(s.departS)
    columns.needWh.set(s.needWh)
    columns.sinceS.set(s.sinceS)
    columns.gaveS.set(s.gaveS)
    Object.assign(s, columns)
  }
  s.dueS.fill(0)
  s.up = grown(s.up, s.fleet.nodes)
}

/** Those who have no other share one list: lists are never changed, and a hundred thousand small ones make every collection of garbage longer. */
function applyOptOut(s: State, { who, fromS, toS, reason }: Of<'optOut'>): void {
  const alone: OptOut[] = [{ fromS, toS, reason }]
  for (const i of who) {
    const others = s.optOuts.get(i)
    s.optOuts.set(i, others ? [...others, ...alone] : alone)
  }
}

function applyEnrolled(s: State, fact: Of<'enrolled'>): void {
  const column = grown(s.enrolments.get(fact.programme) ?? new Uint8Array(0), s.fleet.chargers)
  fact.who.forEach((i, k) => (column[i] = fact.basis[k]!))
  s.enrolments.set(fact.programme, column)
}

/**
 * What an event asks for, without how it came in: two signals of one revision with the same digest are the same signal sent twice. Contracts of the
 * source (liveness, duties) may have been configured anew between the two.
 */
export function contentDigest(event: GridEvent): HashHex {
  const { programme, targets, intervals, spread, priority, stopAtOnce, test, basis } = event
  return createHash('sha256')
    .update(canonicalJson({ class: event.class, programme, targets, intervals, spread, priority, stopAtOnce, test, basis }))
    .digest('hex')
}

/**
 * Is this signal, of the revision that is in force, what was taken? The same bytes are, also read at another time: a letter without a start means the moment at
 * which it came, and its answer may have been lost with the bridge. Of what an old journal holds nothing is known.
 */
export const saysTheSame = (e: EventState, event: GridEvent): boolean =>
  e.asked === '' || e.event.rawHash === event.rawHash || e.asked === contentDigest(event)

/** A higher revision replaces; an equal or lower one is news of nothing. No intervals: cancelled now, and what it had asked for is kept. */
function applySignal(s: State, { event, seed, sinceS = Math.floor(s.nowMs / 1000) }: Of<'signal'>, nowS: Second): void {
  const known = s.eventNoById.get(event.id)
  const e = known === undefined ? undefined : s.events.get(known)
  if (!e) {
    const no = s.nextEventNo++
    s.eventNoById.set(event.id, no)
    s.events.set(no, newEvent(no, event, seed, nowS))
    return
  }
  if (event.revision <= e.event.revision) return
  e.asked = contentDigest(event)
  if (event.intervals.length === 0) {
    const { revision, source, stopAtOnce, rawHash } = event
    e.event = { ...e.event, revision, source, stopAtOnce, rawHash }
    e.cancelledS = Math.min(e.cancelledS, sinceS)
    // it was over when it began: what is left to call off is its restore
    if (isOutage(e.event) && e.restore) e.restore.restoredS = Math.min(e.restore.restoredS, sinceS)
    return
  }
  if (e.status === 'accepted') e.former = { event: e.event, announced: e.announced, cancelledS: e.cancelledS, verification: e.verification }
  e.event = event
  e.announced = null
  e.receivedS = nowS
  e.cancelledS = NEVER_S
  e.status = 'received'
  e.declined = null
  e.verification = null
  e.kept = null
  e.forecast = null
  // what the former ask lacked says nothing of this one
  e.extraW = 0
  if (e.basisW.length === 0) e.basisAtS = 0
}
/**
 * Declined: nothing of it acts. Declining a revision takes the former revision with it (the modified event has replaced it, OpenADR 2.0b 8.1), but
 * whoever was limited by that is let go as after a cancellation: spread over the restore window.
 */
function applyDeclined(e: EventState, why: string, nowS: Second): void {
  e.declined = why
  if (!e.former) {
    e.status = 'declined'
    return
  }
  const { event, announced, cancelledS, verification } = e.former
  e.event = { ...event, revision: e.event.revision, rawHash: e.event.rawHash }
  Object.assign(e, { status: 'accepted', announced, cancelledS, verification, former: null })
  if (lastS(e) > nowS) e.cancelledS = Math.min(cancelledS, nowS)
}
const newEvent = (no: EventNo, event: GridEvent, seed: Uint8Array, nowS: Second): EventState => ({
  no,
  event,
  seed,
  asked: contentDigest(event),
  receivedS: nowS,
  status: 'received',
  declined: null,
  spread: noSpread,
  programmeVersion: 0,
  exemption: null,
  terms: null,
  excluded: new Uint8Array(0),
  startRank: new Uint16Array(0),
  endRank: new Uint16Array(0),
  ownDelayS: new Uint16Array(0),
  cancelledS: event.intervals.length === 0 ? nowS : NEVER_S,
  basisW: new Int32Array(0),
  basisAtS: 0,
  extraW: 0,
  strikes: new Uint8Array(0),
  answer: new Uint8Array(0),
  turnS: new Float64Array(0),
  told: [],
  waits: new Map(),
  stays: new Uint8Array(0),
  unmoved: new Uint8Array(0),
  resort: new Uint8Array(0),
  lastShortfallS: 0,
  missingW: 0,
  announced: null,
  former: null,
  restore: null,
  verification: null,
  ruleset: null,
  salt: new Uint8Array(0),
  kept: null,
  forecast: null,
})

function applyOutage(s: State, fact: Of<'outage'>, nowS: Second): void {
  const event = outageEvent(fact)
  s.nextEventNo = Math.max(s.nextEventNo, fact.event + 1)
  s.eventNoById.set(event.id, fact.event)
  s.events.set(fact.event, stoppedByOutage(s, newEvent(fact.event, event, outageSeed(fact), nowS), fact))
}

function applyAccepted(s: State, fact: Of<'accepted'>): void {
  const e = s.events.get(fact.event)
  if (!e) return
  const excluded = new Uint8Array(fact.excluded.length === 0 ? 0 : s.fleet.chargers)
  fact.excluded.forEach((i, k) => (excluded[i] = fact.why[k]! + 1))
  e.status = 'accepted'
  e.former = null
  e.terms = s.programmes.get(e.event.programme) ?? null
  e.restore = newRestore(e.terms?.restore)
  e.spread = fact.spread
  e.programmeVersion = fact.programmeVersion
  e.exemption = fact.exemption ?? null
  e.ruleset = fact.ruleset ?? null
  e.excluded = excluded
  if (fact.startRank.length > 0) e.startRank = fact.startRank
  if (fact.endRank.length > 0) e.endRank = fact.endRank
  if (e.ownDelayS.length === 0) e.ownDelayS = ownDelays(s.fleet)
  if (e.event.class === 'emergency') e.stays = new Uint8Array(0)
  else if (e.stays.length === 0) e.stays = stayers(s)
  if (e.turnS.length === 0) e.turnS = turnsOf(s, e)
  startTold(s, e, Math.floor(s.nowMs / 1000))
}

/** What the programme's policy goes by, as it stands now. */
function turnsOf(s: State, e: EventState): Float64Array {
  const policy = e.terms?.allocation
  if (policy === 'rotation') return Float64Array.from(s.gaveS)
  if (policy !== 'leastDisturbance') return new Float64Array(0)
  return Float64Array.from(s.gaveS, (_, i) => (phaseOf(s, i) === null ? Number.NaN : laxityS(s, i, Math.floor(s.nowMs / 1000))))
}

/** Before the event, or at its first sight, observed power is what the plan stands on; afterwards it is evidence of who moved. */
function applyObserved(s: State, fact: Of<'observed'>, nowS: Second): void {
  const e = s.events.get(fact.event)
  if (!e) return
  const first = e.event.intervals[0]?.fromS ?? 0
  if (e.basisAtS === 0 || nowS < first + Math.min(0, e.spread.startShiftS)) {
    const basis = new Int32Array(s.fleet.chargers).fill(-1)
    fact.who.forEach((i, k) => (basis[i] = fact.powerW[k] ?? -1))
    e.basisW = basis
    e.basisAtS = nowS
    return
  }
  observeStanding(s, e, fact, nowS)
  observeHeld(e, fact)
  if (e.strikes.length < s.fleet.chargers) e.strikes = grown(e.strikes, s.fleet.chargers)
  fact.who.forEach((i, k) => {
    // power whose blob has expired says nothing; a reading seen before is no second proof
    const moved = fact.again?.[k] === 1 ? undefined : showsEffect(s, e, i, fact.powerW[k] ?? -1, nowS)
    if (moved === undefined) return
    e.strikes[i] = moved ? 0 : Math.min(255, e.strikes[i]! + 1)
  })
}

function applyShortfall(s: State, fact: Of<'shortfall'>, nowS: Second): void {
  const e = s.events.get(fact.event)
  if (!e) return
  e.extraW += fact.missingW
  e.lastShortfallS = nowS
  if (e.unmoved.length < s.fleet.chargers) e.unmoved = grown(e.unmoved, s.fleet.chargers)
  for (const i of fact.unmoved) e.unmoved[i] = 1
}

function applyVerified(s: State, fact: Of<'verified'>): void {
  const e = s.events.get(fact.verification.event)
  if (e) {
    e.verification = withDeltas(fact, e.kept)
    e.kept = keptOf(fact, e.salt)
  }
  // a later revision of the verdict is no second event: what was learned and counted from the first stands
  if ((fact.verification.verdictRevision ?? 1) > 1) return
  if (e && e.event.class !== 'emergency') applyGiven(s, fact)
  if (e) rememberPaused(s, e, fact)
  rememberEventDays(s, fact)
  learn(s.learned, s.fleet, fact)
  if (fact.verification.forecast) scored(s.learned, fact.verification.forecast.inside)
}

const COMPLIANT = chargerVerdicts.indexOf('compliant')
function applyGiven(s: State, { verification, who, verdict }: Of<'verified'>): void {
  const { fromS, toS } = verification.window
  who.forEach((i, k) => {
    if (verdict[k] === COMPLIANT && i < s.gaveS.length) s.gaveS[i]! += toS - fromS
  })
}

const DISABLED = 3
const resortStep = { zero: 1, stop: 2, disable: DISABLED, enable: 0 } as const
function applyLastResort(s: State, fact: Of<'lastResort'>, nowS: Second): void {
  const e = s.events.get(fact.event)
  if (!e) return
  if (e.resort.length < s.fleet.chargers) e.resort = grown(e.resort, s.fleet.chargers)
  for (const i of fact.who) {
    e.resort[i] = resortStep[fact.step]
    if (fact.step === 'enable') s.enabling.set(i, nowS)
    else if (fact.step === 'disable') s.enabling.delete(i)
    if (i < e.strikes.length) e.strikes[i] = 0
  }
}
