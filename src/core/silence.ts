import type { Interval, Second } from './model.ts'
import { NEVER_S } from './model.ts'
import { type EventState, lastS, type State } from './state.ts'
import { startTold } from './told.ts'

/*
 * The lost-grid-link rule. While a source is silent, what it announced goes on as known, unless its contract has a failsafe: then that is the limit of
 * each charger from now on, inside the announced intervals and never beyond their end, until the source is heard again or the contract's time for it
 * is over; then everybody is free, and the event waits for its source until its announced end. The change is written into the event's intervals, so plan, check, meters and those who look need know nothing of it.
 */

export const sourceKey = (adapter: string, peer: string): string => `${adapter}:${peer}`

export function applySilent(s: State, source: { readonly adapter: string; readonly peer: string }, nowS: Second): void {
  const key = sourceKey(source.adapter, source.peer)
  if (s.silences.has(key)) return
  s.silences.set(key, nowS)
  for (const e of eventsOf(s, key)) fallSilent(s, e, nowS)
}

/** Back to what the event says, as far as it is not over: whoever's columns may be gone must not be limited again. */
export function applyHeardAgain(s: State, source: { readonly adapter: string; readonly peer: string }, nowS: Second): void {
  const key = sourceKey(source.adapter, source.peer)
  s.silences.delete(key)
  for (const e of eventsOf(s, key)) {
    const { announced } = e
    if (!announced) continue
    e.announced = null
    if (e.cancelledS === NEVER_S && lastS(e) > nowS) goOnWith(s, e, nowS, since(announced, nowS))
  }
}

/** The failsafe instead of what was announced, from now on. Nothing for an event without one, cancelled or over. */
function fallSilent(s: State, e: EventState, nowS: Second): void {
  const { liveness, intervals } = e.event
  if (liveness?.failsafeW == null || e.announced || e.status === 'declined' || e.cancelledS !== NEVER_S || lastS(e) <= nowS) return
  const untilS = liveness.failsafeS === undefined ? NEVER_S : nowS + liveness.failsafeS
  const rest = since(intervals, nowS)
  const limited = joined(before(rest, untilS), { kind: 'limitEach', limitW: liveness.failsafeW })
  e.announced = intervals
  goOnWith(s, e, nowS, [...limited, ...joined(since(rest, untilS), free)])
}

/** What was is kept, with what each charger was told in it: the verification looks at that part. */
function goOnWith(s: State, e: EventState, nowS: Second, rest: readonly Interval[]): void {
  const past = before(e.event.intervals, nowS)
  e.event = { ...e.event, intervals: [...past, ...rest] }
  // undecided, its columns come with the acceptance
  if (e.status === 'accepted') startTold(s, e, nowS, past.length)
}

/** The announced part of a cap or shed ends where its source fell silent: from then on meters show what the failsafe did. */
export const askedUntilS = (e: EventState): Second => e.event.intervals.find(x => x.failsafe)?.fromS ?? NEVER_S

/** No limit at all, where the contract's time is over. */
const free = { kind: 'keep', fraction: 1 } as const

const eventsOf = (s: State, key: string): EventState[] =>
  [...s.events.values()].filter(({ event: { source } }) => sourceKey(source.adapter, source.peer) === key)

const before = (intervals: readonly Interval[], atS: Second): Interval[] =>
  intervals.filter(x => x.fromS < atS).map(x => (x.toS > atS ? { ...x, toS: atS } : x))
const since = (intervals: readonly Interval[], atS: Second): Interval[] =>
  intervals.filter(x => x.toS > atS).map(x => (x.fromS < atS ? { ...x, fromS: atS } : x))
/** One interval of the failsafe for each stretch without a gap. */
function joined(intervals: readonly Interval[], ask: Interval['ask']): Interval[] {
  const out: Interval[] = []
  for (const { fromS, toS } of intervals) {
    const last = out.at(-1)
    if (last?.toS === fromS) out[out.length - 1] = { ...last, toS }
    else out.push({ fromS, toS, ask, failsafe: true })
  }
  return out
}
