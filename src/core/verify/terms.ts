import { membersOf } from '../members.ts'
import type { Ask, Interval } from '../model.ts'
import { answerOf, type EventState, exclusionOf, firstS, isOptedOut, isUp, linkLossOf, ownLastS, type State, termsOf } from '../state.ts'
import { UNKNOWN_ACCURACY } from './accuracy.ts'
import { beforeWindow, groupedFor } from './control.ts'
import { eventDaysOf, rulesetOf } from './eventDays.ts'
import { limitsOf } from './limited.ts'
import { nominatedFor } from './nominated.ts'
import { overlapsOf } from './overlaps.ts'
import {
  type AskColumns,
  askKinds,
  METER_BEFORE,
  type MeterErrors,
  type standings,
  type VerdictTerms,
  type VerificationRules,
  verificationDefaults,
} from './record.ts'
import { baselineWindow, verifiedWindow, type Window } from './window.ts'

/** The rules that an event is verified under: those of the programme version that it was accepted under, filled up. */
export const rulesOf = (s: State, e: EventState): VerificationRules => ({ ...verificationDefaults, ...termsOf(s, e)?.verification })

/** What the verdict of an event takes from the record, with its members in the order in which sums are made. */
export function verdictTerms(s: State, e: EventState, meters?: MeterErrors): { who: Uint32Array; terms: VerdictTerms } {
  const who = membersOf(s, e)
  const ruleset = e.ruleset ?? METER_BEFORE
  const { window, before } = windowsOf(s, e)
  const limits = limitsOf(s, e, who, window)
  const overlaps = overlapsOf(s, e, who, window)
  const { fleet: f } = s
  const { profileWh, values: _, ...rules } = rulesOf(s, e)
  return {
    who,
    terms: {
      ruleset,
      rules,
      ...(profileWh ? { profileWh: Float64Array.from(profileWh) } : {}),
      asks: asksOf(e.event.intervals),
      forecast: e.forecast,
      window: { ...window, baselineFromS: before.fromS, baselineToS: before.toS },
      minW: Int32Array.from(who, i => f.minW[i]!),
      maxW: Int32Array.from(who, i => f.maxW[i]!),
      standing: Uint8Array.from(who, (i, m) => standingOf(s, e, i, limits.ends[m]! > (m === 0 ? 0 : limits.ends[m - 1]!))),
      resumes: Uint8Array.from(who, i => (linkLossOf(f, i) === 'holds' ? 0 : 1)),
      limitEnds: limits.ends,
      limitFromS: Uint32Array.from(limits.fromS),
      limitToS: Uint32Array.from(limits.toS),
      limitW: Int32Array.from(limits.limitW),
      errorBp: errorsOf(who, meters),
      ...(ruleset.id === METER_BEFORE.id ? {} : eventDaysOf(s, who, window.fromS, ruleset)),
      ...givenTo(s, e, who, window, rules.periodS),
      ...(overlaps ? { overlaps } : {}),
    },
  }
}

/**
 * What is settled, and the stretch before it: what was drawn just before is compared with what was drawn once everybody had begun; a settlement period is settled as
 * a whole, and groups are compared before anybody began.
 */
export function windowsOf(s: State, e: EventState): { readonly window: Window; readonly before: Window } {
  const ruleset = e.ruleset && rulesetOf(e.ruleset)
  const before = ruleset?.method.kind === 'controlGroup' ? beforeWindow(e, ruleset.method) : baselineWindow(s, e)
  return { window: verifiedWindow(e), before }
}
/** What the record has for a ruleset that asks for more than readings. */
function givenTo(s: State, e: EventState, who: Uint32Array, window: Window, periodS: number): Pick<VerdictTerms, 'nominated' | 'grouped'> {
  const ruleset = e.ruleset && rulesetOf(e.ruleset)
  if (ruleset?.method.kind === 'nominated') return { nominated: nominatedFor(s, e.event.targets, who, window, ruleset, periodS) }
  return ruleset?.method.kind === 'controlGroup' ? { grouped: groupedFor(s, e, who, ruleset.method) } : {}
}

function asksOf(intervals: readonly Interval[]): AskColumns {
  const kindOf = ({ kind }: Ask): (typeof askKinds)[number] => (kind === 'cap' || kind === 'shed' ? kind : 'each')
  return {
    startS: Uint32Array.from(intervals, x => x.fromS),
    endS: Uint32Array.from(intervals, x => x.toS),
    kind: Uint8Array.from(intervals, x => askKinds.indexOf(kindOf(x.ask))),
    totalW: Float64Array.from(intervals, ({ ask }) => ('totalW' in ask ? ask.totalW : 0)),
  }
}
function errorsOf(who: Uint32Array, meters: MeterErrors | undefined): Uint16Array {
  const known = new Map(meters ? Array.from(meters.who, (i, k) => [i, meters.errorBp[k]!]) : [])
  return Uint16Array.from(who, i => known.get(i) ?? UNKNOWN_ACCURACY * 10_000)
}

const codes: Record<(typeof standings)[number], number> = { none: 0, refused: 1, optedOut: 2, down: 3, accepted: 4 }
function standingOf(s: State, e: EventState, i: number, isCommanded: boolean): number {
  const answer = answerOf(e, i)
  if (!isCommanded) return refusedHere(s, e, i) ? codes.refused : optedOutHere(s, e, i) || isExcluded(e, i) ? codes.optedOut : codes.none
  if (answer === 'rejected') return codes.refused
  if (!isUp(s, i)) return codes.down
  return answer === 'accepted' ? codes.accepted : codes.none
}
/** The control group has not opted out of anything. */
const isExcluded = (e: EventState, i: number): boolean => {
  const why = exclusionOf(e, i)
  return why !== null && why !== 'heldOut'
}
/** Refusals and opt-outs of other days stand in the state as well. */
const refusedHere = (s: State, e: EventState, i: number): boolean =>
  answerOf(e, i) === 'rejected' || (s.refusals.get(i)?.toS ?? 0) > firstS(e)
const optedOutHere = (s: State, e: EventState, i: number): boolean => isOptedOut(s, i, firstS(e), ownLastS(e))
