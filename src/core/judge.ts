import { spentRule, unrested } from './calendar.ts'
import { UNDRAWN } from './edges.ts'
import { chargersOf, type Range, rangesOf } from './members.ts'
import { type Decision, type Decline, exclusions, type GridEvent, NEVER_S, type Programme, type Second, type Spread } from './model.ts'
import { drawnShare } from './pick.ts'
import { staggerRanks } from './stagger.ts'
import type { EventState, Fleet, State } from './state.ts'

/** Hard bound of a random delay (SI 2021/1467 reg. 11: capable of up to 1,800 s) and what it is by default. */
export const MAX_SPREAD_S = 1_800
export const DEFAULT_SPREAD_S = 600
const none: Spread = { startS: 0, endS: 0, startShiftS: 0, endShiftS: 0, endFollowsStart: false }

/**
 * Takes or declines an event, once per revision, under the programme version now in force, and says who may be used. Ranks are drawn with the
 * first acceptance and kept for the event's life (OpenADR 2.0b R30), unless the spread itself changes.
 */
export function judge(s: State, e: EventState, nowS: Second): Decision {
  const programme = s.programmes.get(e.event.programme)
  const why = reasonAgainst(e, programme, nowS)
  if (why || !programme) return { kind: 'declined', event: e.no, revision: e.event.revision, why: why ?? 'unknownProgramme' }
  const { excluded, why: codes, usable } = whoMayBeUsed(s, e, programme)
  if (usable === 0) return { kind: 'declined', event: e.no, revision: e.event.revision, why: 'nobody' }
  const spread = spreadOf(e.event, programme)
  const ranges = rangesOf(s.fleet, e.event.targets)
  const ranks = (label: string, spreadS: number, drawn: Uint16Array) =>
    spreadS === 0 ? new Uint16Array(0) : ranksFor(s.fleet, ranges, e.seed, label, drawn)
  return {
    kind: 'accepted',
    event: e.no,
    revision: e.event.revision,
    programmeVersion: programme.version,
    spread,
    excluded,
    why: codes,
    startRank: ranks('start', spread.startS, e.startRank),
    // whom a level cap holds is let go by rank even where the end itself is not spread
    endRank: ranks('end', spread.endFollowsStart ? 0 : programme.restore.policy === 'levelCapped' ? 1 : spread.endS, e.endRank),
  }
}

/** Whoever was drawn keeps its rank; a revision that widens the targets draws for the new ones only. Empty where nothing changes. */
function ranksFor(f: Fleet, ranges: readonly Range[], seed: Uint8Array, label: string, drawn: Uint16Array): Uint16Array {
  if (drawn.length === 0) return staggerRanks(f, ranges, seed, label)
  const isDrawn = (i: number) => i < drawn.length && drawn[i] !== UNDRAWN
  if (chargersOf(f, ranges).every(isDrawn)) return new Uint16Array(0)
  const out = staggerRanks(f, ranges, seed, label)
  for (let i = 0; i < drawn.length; i++) if (isDrawn(i)) out[i] = drawn[i]!
  return out
}

function reasonAgainst(e: EventState, programme: Programme | undefined, nowS: Second): Decline | null {
  if (!programme) return 'unknownProgramme'
  const { intervals } = e.event
  const first = intervals[0]
  const last = intervals.at(-1)
  if (!first || !last || last.toS <= nowS) return 'past'
  if (e.event.class === 'emergency') return null
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
function whoMayBeUsed(s: State, e: EventState, programme: Programme) {
  const members = chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets))
  const enrolment = s.enrolments.get(programme.id)
  const emergency = e.event.class === 'emergency'
  const legalBasis = emergency && e.event.basis !== null
  const spent = emergency ? undefined : spentRule(s, e, programme)
  const resting = emergency ? undefined : unrested(s, e, programme)
  const control = drawnShare(members.length, emergency ? 0 : programme.holdOut, e.seed, 'holdout')
  const excluded = new Uint32Array(members.length)
  const why = new Uint8Array(members.length)
  let count = 0
  for (let m = 0; m < members.length; m++) {
    const i = members[m]!
    const basis = enrolment && i < enrolment.length ? enrolment[i]! : 0
    const code =
      spent ?? exclusion(basis, legalBasis, emergency, programme) ?? (resting?.[i] === 1 ? 'rest' : control[m] === 1 ? 'heldOut' : null)
    if (code === null) continue
    excluded[count] = i
    why[count++] = exclusions.indexOf(code)
  }
  return { excluded: excluded.slice(0, count), why: why.slice(0, count), usable: members.length - count }
}
function exclusion(basis: number, legalBasis: boolean, emergency: boolean, p: Programme): (typeof exclusions)[number] | null {
  if (emergency && !p.emergencyAllowed) return 'emergencyNotAllowed'
  if (legalBasis || basis === 1) return null
  return basis === 2 ? 'noConsent' : 'notEnrolled'
}

/** The source's own spread, or the programme's; an emergency never waits at its start, and is restored like any other. */
export function spreadOf(event: GridEvent, programme: Programme): Spread {
  if (event.class === 'emergency') return { ...none, endS: restoreS(event, programme) }
  if (event.spread === 'programme') return { ...none, startS: bounded(programme.startSpreadS), endS: bounded(programme.endSpreadS) }
  if ('forbidden' in event.spread) return none
  return { ...event.spread, startS: bounded(event.spread.startS), endS: bounded(event.spread.endS) }
}
function restoreS(event: GridEvent, programme: Programme): number {
  if (typeof event.spread === 'object' && 'endS' in event.spread && !event.spread.endFollowsStart) return bounded(event.spread.endS)
  return bounded(programme.endSpreadS)
}
const bounded = (spreadS: number): number => Math.max(0, Math.min(MAX_SPREAD_S, Math.floor(spreadS)))
