import { taking } from './members.ts'
import { type Fact, type GridEvent, NEVER_S, type Second } from './model.ts'
import { type EventState, isUp, type State } from './state.ts'

/** Adapter of events by the people who run the bridge. */
export const OPERATOR = 'operator'

/**
 * A limit that an operator keeps on a node until it is taken back. It belongs to the network, not to the calendar of a programme: it needs no notice,
 * has no longest duration, counts as no event of a day or season, gives nobody a rest, leaves nobody aside as a control group, and is not verified.
 */
export const isStanding = ({ class: ofClass, source, intervals }: Pick<GridEvent, 'class' | 'source' | 'intervals'>): boolean =>
  ofClass === 'obligation' && source.adapter === OPERATOR && intervals.at(-1)?.toS === NEVER_S

/** A standing limit outlives what was metered when it began: so often the power of those whom it does not limit is taken anew. */
const ANEW_S = 900
export function observeStanding(s: State, e: EventState, fact: Extract<Fact, { kind: 'observed' }>, nowS: Second): void {
  const interval = e.event.intervals.at(-1)
  if (!interval || !isStanding(e.event) || nowS < e.basisAtS + ANEW_S) return
  const takes = taking(s, e, fact.who, interval)
  const basis = new Int32Array(s.fleet.chargers).fill(-1)
  basis.set(e.basisW)
  fact.who.forEach((i, k) => {
    if (takes[k] === 0 || !isUp(s, i)) basis[i] = fact.powerW[k] ?? -1
  })
  e.basisW = basis
  e.basisAtS = nowS
  // what meters lacked before is in the new figures
  e.extraW = 0
}
