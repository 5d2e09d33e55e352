import { membersOf } from '../members.ts'
import type { EventNo, Second } from '../model.ts'
import type { EventState, State } from '../state.ts'
import { isCommanded } from './judged.ts'
import { limitsOf } from './limited.ts'
import type { Load } from './load.ts'
import type { Overlap, Overlapping, PeriodColumns, VerdictTerms, Verified } from './record.ts'
import { acted, overlapS, verifiedWindow, type Window } from './window.ts'

/**
 * Other events that acted on the chargers of this one within its window, by number; undefined where there is none. Each verdict measures against its own baseline,
 * so both may credit the same drop of a charger. Buyers' terms are silent on it, or speak of it in a contract: here it is said, and a programme may refuse it.
 */
export function overlapsOf(s: State, e: EventState, who: Uint32Array, window: Window): readonly Overlapping[] | undefined {
  const found: Overlapping[] = []
  for (const other of s.events.values()) {
    const theirs = verifiedWindow(other)
    if (other.no === e.no || !acted(other) || overlapS(window, theirs) === 0) continue
    const span = { fromS: Math.max(window.fromS, theirs.fromS), toS: Math.min(window.toS, theirs.toS) }
    const members = membersOf(s, other)
    const inBoth = new Set(members)
    const limited = new Set([...limitedIn(s, e, who, span), ...limitedIn(s, other, members, span)])
    const both = Uint8Array.from(who, i => (inBoth.has(i) && limited.has(i) ? 1 : 0))
    if (both.includes(1)) found.push({ event: other.no, id: other.event.id, programme: other.event.programme, ...span, both })
  }
  return found.length === 0 ? undefined : found.sort((a, b) => a.event - b.event)
}
/** Who had a limit to keep because of an event, of its members. What was told is forgotten when an event is over; what it was verified by is kept. */
function limitedIn(s: State, e: EventState, members: Uint32Array, span: Window): Set<number> {
  const { who, limits } = e.kept
    ? { who: e.kept.who, limits: asJudged(e.kept.terms) }
    : { who: members, limits: limitsOf(s, e, members, span) }
  const limited = new Set<number>()
  for (let r = 0; r < who.length; r++)
    for (let k = r === 0 ? 0 : limits.ends[r - 1]!; k < limits.ends[r]!; k++)
      if (overlapS({ fromS: limits.fromS[k]!, toS: limits.toS[k]! }, span) > 0) limited.add(who[r]!)
  return limited
}
const asJudged = ({ limitEnds: ends, limitFromS: fromS, limitToS: toS }: VerdictTerms) => ({ ends, fromS, toS })

/** Of events that were there first, under a programme that takes no chargers which already serve another: events are numbered as they come. */
const refusedIn = (terms: VerdictTerms | undefined, event: EventNo): readonly Overlapping[] =>
  terms?.rules.stacking === 'refused' ? (terms.overlaps ?? []).filter(o => o.event < event) : []
/** As a verdict says it. */
export function overlapsIn(terms: VerdictTerms, event: EventNo): readonly Overlap[] | undefined {
  const refused = new Set(refusedIn(terms, event))
  return terms.overlaps?.map(o => {
    const { both, ...overlap } = o
    return { ...overlap, chargers: both.reduce((n, x) => n + x, 0), ...(refused.has(o) ? { refused: true as const } : {}) }
  })
}
/** Is there nothing of an event to settle, because another had all who were commanded before it, all the time? */
export function isStacked(terms: VerdictTerms, event: EventNo): boolean {
  const { fromS, toS } = terms.window
  const whole = refusedIn(terms, event).filter(o => o.fromS <= fromS && o.toS >= toS)
  return whole.length > 0 && terms.standing.every((_, r) => !isCommanded(terms, r) || whole.some(o => o.both[r] === 1))
}

/** By row: is it in another event at the same time? */
export function overlappingRows({ terms, who }: Pick<Verified, 'terms' | 'who'>): Uint8Array {
  return Uint8Array.from(who, (_, r) => (terms?.overlaps?.some(o => o.both[r] === 1) ? 1 : 0))
}
/**
 * What may be settled of an event: where its programme refuses chargers that already serve another event, they deliver nothing in each step that the other touches.
 * `periods` where the steps are those of the verdict, of which the first may be cut.
 */
export function withoutRefused(
  load: Load,
  { terms, verification }: Pick<Verified, 'terms' | 'verification'>,
  periods?: PeriodColumns,
): Load {
  const refused = refusedIn(terms, verification.event)
  if (refused.length === 0) return load
  const [baselineWh, actualWh, known] = [load.baselineWh.slice(), load.actualWh.slice(), load.known.slice()]
  const spanOf = (t: number): Window => {
    const fromS: Second = load.fromS + t * load.stepS
    return periods ? { fromS: periods.startS[t]!, toS: periods.endS[t]! } : { fromS, toS: fromS + load.stepS }
  }
  for (const overlap of refused)
    for (let t = 0; t < load.periods; t++) {
      if (overlapS(spanOf(t), overlap) === 0) continue
      for (let r = 0; r < load.rows; r++) {
        if (overlap.both[r] !== 1) continue
        const cell = r * load.periods + t
        baselineWh[cell] = actualWh[cell] = Number.NaN
        known[cell] = 0
      }
    }
  return { ...load, baselineWh, actualWh, known }
}
