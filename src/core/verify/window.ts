import { SETTLE_S } from '../effect.ts'
import { type Range, rangesOf } from '../members.ts'
import type { Second } from '../model.ts'
import { askedUntilS } from '../silence.ts'
import { type EventState, firstEndS, firstS, lastS, type State } from '../state.ts'
import { METER_BEFORE } from './record.ts'

/** The baseline is each charger's mean power in this stretch before the event (meter before / meter after: ERCOT MBMA, GB flexibility "meter-before"). */
export const BASELINE_S = 300
/** How far back an undisturbed stretch is looked for. */
const LOOK_BACK_S = 7_200

export type Window = { readonly fromS: Second; readonly toS: Second }
export const overlapS = (a: Window, b: Window): number => Math.max(0, Math.min(a.toS, b.toS) - Math.max(a.fromS, b.fromS))

/** The settled part of an event: after its start has been spread, until its end begins, or its source fell silent and its failsafe took over. */
export function settledWindow(e: EventState): Window {
  const first = e.event.intervals[0]
  const last = e.event.intervals.at(-1)
  const fromS = (first?.fromS ?? 0) + e.spread.startShiftS + e.spread.startS
  const toS = Math.min(firstEndS(e, last?.toS ?? 0), e.cancelledS, askedUntilS(e))
  return { fromS, toS: Math.max(fromS, toS) }
}
/**
 * Where the baseline is read: the last five minutes before the event in which no other event acted on its targets, restore included. An
 * event that limits through the whole of it and beyond this one's end does not count: what it cuts would be cut without this one too, and is not
 * credited twice. Meter-before stands for now, so it is looked for no more than two hours back; an empty window then makes the event unverifiable,
 * which is the truth.
 */
export function baselineWindow(s: State, e: EventState): Window {
  const untilS = Math.max(Math.min(firstS(e), e.cancelledS), 0)
  const mine = rangesOf(s.fleet, e.event.targets)
  const others = [...s.events.values()].filter(x => x.no !== e.no && acted(x) && overlaps(mine, rangesOf(s.fleet, x.event.targets)))
  let toS = untilS
  const endS = lastS(e)
  for (let other = disturbing(others, toS, endS); other; other = disturbing(others, toS, endS)) {
    toS = firstS(other)
    if (untilS - toS > LOOK_BACK_S) return { fromS: untilS, toS: untilS }
  }
  return { fromS: toS - BASELINE_S, toS }
}
/** Did an event act on anybody? */
export const acted = (x: EventState): boolean => x.status === 'accepted' && !x.event.test && x.cancelledS > firstS(x)
const disturbing = (others: readonly EventState[], toS: Second, endS: Second): EventState | undefined =>
  others.find(x => firstS(x) < toS && lastS(x) + SETTLE_S > toS - BASELINE_S && !isSteady(x, toS - BASELINE_S, endS))
/** Does it limit all through a stretch? What it cuts is cut before and within. */
export const isSteady = (x: EventState, fromS: Second, endS: Second): boolean =>
  firstS(x) + x.spread.startS + SETTLE_S <= fromS && Math.min(firstEndS(x, x.event.intervals.at(-1)?.toS ?? 0), x.cancelledS) >= endS
const overlaps = (a: readonly Range[], b: readonly Range[]): boolean => a.some(x => b.some(y => x.from < y.to && y.from < x.to))

/** What was asked, ramps included, as far as it came to that. */
export function askedWindow(e: EventState): Window {
  const fromS = e.event.intervals[0]?.fromS ?? 0
  const toS = Math.min(e.event.intervals.at(-1)?.toS ?? 0, e.cancelledS, askedUntilS(e))
  return { fromS, toS: Math.max(fromS, toS) }
}
/** What a verdict is about. */
export const verifiedWindow = (e: EventState): Window =>
  e.ruleset === null || e.ruleset.id === METER_BEFORE.id ? settledWindow(e) : askedWindow(e)
