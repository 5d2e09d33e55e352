import { spentRule, unrested } from './calendar.ts'
import { ownDelays, UNDRAWN } from './edges.ts'
import { newRestore } from './held.ts'
import { type DrawnBoxes, drawnBoxes, heldOut, isByGroup } from './holdOut.ts'
import { ranksFor, spansOf } from './late.ts'
import { chargersOf, rangesOf } from './members.ts'
import {
  type Decision,
  type Decline,
  type Exemption,
  exclusions,
  type GridEvent,
  NEVER_S,
  type Programme,
  type Second,
  type Spread,
} from './model.ts'
import { withinBounds } from './ramp.ts'
import { aheadS, type Rated, spreadOf } from './spread.ts'
import { isStanding } from './standing.ts'
import { type EventState, exclusionOf, type Fleet, firstS, lastS, type State } from './state.ts'
import { pinnedFor } from './verify/pinned.ts'
import type { RulesetRef } from './verify/record.ts'

/**
 * Takes or declines an event, once per revision, under the programme version now in force, and says who may be used. Ranks are drawn with the
 * first acceptance and kept for the event's life (OpenADR 2.0b R30), unless the spread itself changes.
 */
export function judge(s: State, e: EventState, nowS: Second): Decision {
  const programme = s.programmes.get(e.event.programme)
  const why = reasonAgainst(e, programme, nowS)
  if (why || !programme) return { kind: 'declined', event: e.no, revision: e.event.revision, why: why ?? 'unknownProgramme' }
  const ruleset = pinnedFor(e, programme)
  const { excluded, why: codes, used } = whoMayBeUsed(s, e, programme, ruleset)
  if (used.length === 0) return { kind: 'declined', event: e.no, revision: e.event.revision, why: 'nobody' }
  const base = spreadOf(
    e.event,
    programme,
    aheadS(e.event, e.receivedS, e.former && { ...e.former, spread: e.spread }),
    rated(s.fleet, used),
  )
  // those who may not be used would leave holes in everybody else's ramp
  const ranges = spansOf(s.fleet, used)
  const isBounded = s.bounds.size > 0
  const ranks = (label: string, spreadS: number, drawn: Uint16Array) =>
    spreadS === 0 && !isBounded ? new Uint16Array(0) : ranksFor(s.fleet, ranges, e.seed, label, drawn)
  const startRank = ranks('start', base.startS, e.startRank)
  // whom a level cap holds is let go by rank even where the end itself is not spread
  const endRank = ranks('end', base.endFollowsStart ? 0 : programme.restore.policy === 'levelCapped' ? 1 : base.endS, e.endRank)
  const spread = isBounded ? boundedSpread(s, e, programme, { base, used, startRank, endRank }, nowS) : base
  if (!spread) return { kind: 'declined', event: e.no, revision: e.event.revision, why: 'ramp' }
  const exemption = exemptionOf(e.event, spread, programme)
  return {
    kind: 'accepted',
    event: e.no,
    revision: e.event.revision,
    programmeVersion: programme.version,
    spread,
    excluded,
    why: codes,
    startRank,
    endRank,
    ...(exemption ? { exemption } : {}),
    ...(ruleset ? { ruleset } : {}),
  }
}

/** The ground on which a start is not spread (SI 2021/1467 reg. 11 knows some): the source's own, or what the programme says. */
function exemptionOf({ spread: asked, exemption }: GridEvent, { startS }: Spread, { randomDelay }: Programme): Exemption | undefined {
  const own = exemption ?? (typeof asked === 'object' && 'forbidden' in asked ? asked.forbidden : undefined)
  if (startS > 0) return undefined
  if (own !== undefined) return { by: 'signal', basis: own }
  return randomDelay && { by: 'programme', basis: randomDelay.exemption }
}

type Drawn = { readonly base: Spread; readonly used: Uint32Array; readonly startRank: Uint16Array; readonly endRank: Uint16Array }
/** The spread that keeps to the bounds of the network; undefined where the start cannot. What has begun goes on as it began. */
function boundedSpread(
  s: State,
  e: EventState,
  programme: Programme,
  { base, used, startRank, endRank }: Drawn,
  nowS: Second,
): Spread | undefined {
  const excluded = new Uint8Array(s.fleet.chargers).fill(1)
  for (const i of used) excluded[i] = 0
  const trial: EventState = {
    ...e,
    excluded,
    startRank: startRank.length > 0 ? startRank : e.startRank,
    endRank: endRank.length > 0 ? endRank : e.endRank,
    restore: newRestore(programme.restore),
    ownDelayS: e.ownDelayS.length > 0 ? e.ownDelayS : ownDelays(s.fleet),
  }
  const hasBegun = e.former !== null && Math.max(firstS({ ...e, event: e.former.event }), e.event.intervals[0]?.fromS ?? 0) <= nowS
  if (hasBegun) return withinBounds(s, trial, { ...base, startS: e.spread.startS, startShiftS: e.spread.startShiftS }, 'begun', nowS)
  const ahead = aheadS(e.event, e.receivedS, e.former && { ...e.former, spread: e.spread })
  const widen = (startS: number) => ({
    ...base,
    ...startOf(spreadOf(e.event, { ...programme, startSpreadS: startS }, ahead, { sumW: 0, mostW: 0 })),
  })
  return withinBounds(s, trial, base, e.event.spread === 'programme' ? widen : undefined, nowS)
}
const startOf = ({ startS, startShiftS }: Spread) => ({ startS, startShiftS })

/**
 * Who came under the targets of a running event after it was accepted (`known`: how many chargers there were before): judged as the others were, and
 * given the widest gaps in their ramps. Undefined where nobody did.
 */
export function latecomers(s: State, e: EventState, known: number, nowS: Second): Extract<Decision, { kind: 'joined' }> | undefined {
  const programme = s.programmes.get(e.event.programme)
  if (e.status !== 'accepted' || !programme || lastS(e) <= nowS) return undefined
  const isUndrawn = (ranks: Uint16Array, i: number) => ranks.length > 0 && (i >= ranks.length || ranks[i] === UNDRAWN)
  const members = chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets))
  const late = members.filter(i => i >= known || (exclusionOf(e, i) === null && (isUndrawn(e.startRank, i) || isUndrawn(e.endRank, i))))
  if (late.length === 0) return undefined
  const emergency = e.event.class === 'emergency'
  const enrolment = s.enrolments.get(programme.id)
  // drawn as everybody was, by its own number where it is not stratified: it would have been in the control group from the beginning
  const holdOut = emergency || isStanding(e.event) ? 0 : (e.terms ?? programme).holdOut
  const drawn = heldOut(s.fleet, members, { holdOut }, e.seed, e.ruleset, drawnFor(s, e, e.event))
  const isControl = new Set(members.filter((_, m) => drawn[m] === 1))
  const why = Uint8Array.from(late, i => {
    const code =
      exclusion(enrolment?.[i] ?? 0, emergency && e.event.basis !== null, emergency, programme) ?? (isControl.has(i) ? 'heldOut' : null)
    return code === null ? 0 : 1 + exclusions.indexOf(code)
  })
  const isOut = new Set(late.filter((_, k) => why[k] !== 0))
  const ranges = spansOf(
    s.fleet,
    members.filter(i => exclusionOf(e, i) === null && !isOut.has(i)),
  )
  const ranks = (label: string, drawn: Uint16Array): Uint16Array => {
    if (drawn.length === 0) return drawn
    const all = ranksFor(s.fleet, ranges, e.seed, label, drawn)
    return Uint16Array.from(late, i => all[i] ?? UNDRAWN)
  }
  return { kind: 'joined', event: e.no, who: late, why, startRank: ranks('start', e.startRank), endRank: ranks('end', e.endRank) }
}

function rated(f: Fleet, who: Uint32Array): Rated {
  let [sumW, mostW] = [0, 0]
  for (const i of who) {
    sumW += f.maxW[i]!
    mostW = Math.max(mostW, f.maxW[i]!)
  }
  return { sumW, mostW }
}

function reasonAgainst(e: EventState, programme: Programme | undefined, nowS: Second): Decline | null {
  if (!programme) return 'unknownProgramme'
  const { intervals } = e.event
  const first = intervals[0]
  const last = intervals.at(-1)
  if (!first || !last || last.toS <= nowS) return 'past'
  if (e.event.class === 'emergency' || isStanding(e.event)) return null
  // notice is owed of a start: whoever was accepted for this start, or an earlier one, has had it
  const isNews = !e.former || first.fromS < (e.former.event.intervals[0]?.fromS ?? NEVER_S)
  // where none is owed, what began a moment before it got here is in time: a polled event is always late
  if (programme.minNoticeS > 0 && isNews && first.fromS - e.receivedS < programme.minNoticeS) return 'notice'
  if (last.toS === NEVER_S || last.toS - first.fromS > programme.maxDurationS) return 'duration'
  return null
}

/**
 * Consent and enrolment decide, the exception is a recorded emergency basis; days and years are those of UTC. An emergency is asked nothing of the
 * calendar.
 */
function whoMayBeUsed(s: State, e: EventState, programme: Programme, ruleset: RulesetRef | undefined) {
  const members = chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets))
  const enrolment = s.enrolments.get(programme.id)
  const emergency = e.event.class === 'emergency'
  const legalBasis = emergency && e.event.basis !== null
  const isRoutine = !emergency && !isStanding(e.event)
  const spent = isRoutine ? spentRule(s, e, programme) : undefined
  const resting = isRoutine ? unrested(s, e, programme) : undefined
  const control = heldOut(
    s.fleet,
    members,
    { holdOut: isRoutine ? programme.holdOut : 0 },
    e.seed,
    ruleset,
    e.former ? drawnFor(s, e, e.former.event) : undefined,
  )
  const excluded: number[] = []
  const why: number[] = []
  const used = new Uint32Array(members.length)
  let usable = 0
  for (let m = 0; m < members.length; m++) {
    const i = members[m]!
    const basis = enrolment && i < enrolment.length ? enrolment[i]! : 0
    const code =
      spent ?? exclusion(basis, legalBasis, emergency, programme) ?? (resting?.[i] === 1 ? 'rest' : control[m] === 1 ? 'heldOut' : null)
    if (code === null) used[usable++] = i
    else {
      excluded.push(i)
      why.push(exclusions.indexOf(code))
    }
  }
  return { excluded: Uint32Array.from(excluded), why: Uint8Array.from(why), used: used.subarray(0, usable) }
}
/** How boxes were drawn when the event was accepted as it was before, where that was verified by its control group too. */
function drawnFor(s: State, e: EventState, { targets }: GridEvent): DrawnBoxes | undefined {
  if (!isByGroup(e.ruleset)) return undefined
  const known = chargersOf(s.fleet, rangesOf(s.fleet, targets)).filter(i => i < e.excluded.length)
  return drawnBoxes(s.fleet, known, i => exclusionOf(e, i))
}
function exclusion(basis: number, legalBasis: boolean, emergency: boolean, p: Programme): (typeof exclusions)[number] | null {
  if (emergency && !p.emergencyAllowed) return 'emergencyNotAllowed'
  if (legalBasis || basis === 1) return null
  return basis === 2 ? 'noConsent' : 'notEnrolled'
}
