import { ownEndS } from './held.ts'
import { honoursOptOut } from './members.ts'
import type { ChargerNo, Fact, Second } from './model.ts'
import { type EventState, exclusionOf, isRefused, type State } from './state.ts'

/*
 * What a running event changes at once, and a bound per minute lets come only by and by: from `atS` until `untilS` a charger keeps the limit that it had
 * of the event, -1 for none. Who waits for how long is decided in ease.ts.
 */
export type Wait = { readonly wasW: number; readonly atS: Second; readonly untilS: Second }

/** What moved within this of now is remembered: it counts in the minute that is running. */
const REMEMBER_S = 60

/** Takes the place of whoever waits now. */
export function applyEased(s: State, { event, who, wasW, untilS }: Extract<Fact, { kind: 'eased' }>, nowS: Second): void {
  const e = s.events.get(event)
  if (!e) return
  e.waits = recentWaits(e, nowS)
  who.forEach((i, k) => e.waits.set(i, { wasW: wasW[k]!, atS: nowS, untilS: untilS[k]! }))
}
/** Without those that are still to come. */
export const recentWaits = (e: EventState, nowS: Second): Map<ChargerNo, Wait> =>
  new Map([...e.waits].filter(([, w]) => nowS - REMEMBER_S < w.untilS && w.untilS <= nowS))

export const isWaiting = (e: EventState, nowS: Second): boolean => waitsToS(e) > nowS
/** When the last of them has what is wanted of it; 0 where nobody waits. */
export function waitsToS(e: EventState): Second {
  let toS = 0
  for (const { untilS } of e.waits.values()) toS = Math.max(toS, untilS)
  return toS
}

/** Until when a charger keeps a limit that its event no longer asks for; 0 where it keeps none. A driver or the firmware who says no is let go at once. */
export function keepsToS(s: State, e: EventState, i: ChargerNo, { wasW, untilS }: Wait, nowS: Second): Second {
  if (wasW < 0 || untilS <= nowS || !mayKeep(s, e, i, nowS)) return 0
  return Math.min(untilS, ownEndS(e, i))
}
export const mayKeep = (s: State, e: EventState, i: ChargerNo, nowS: Second): boolean =>
  exclusionOf(e, i) === null && !isRefused(s, i, nowS) && !(s.optOuts.has(i) && honoursOptOut(s, e))
