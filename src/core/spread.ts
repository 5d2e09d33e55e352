import type { GridEvent, Interval, PhaseAmps, Programme, RestoreRule, Second, Spread } from './model.ts'

/** Hard bound of a random delay (SI 2021/1467 reg. 11: capable of up to 1,800 s) and what it is by default. */
export const MAX_SPREAD_S = 1_800
export const DEFAULT_SPREAD_S = 600
/** A limit on how fast load may come back is the network's, not a charger's random delay: it may take longer than that, up to this. */
export const MAX_RAMP_S = 6 * 3600
const none: Spread = { startS: 0, endS: 0, startShiftS: 0, endShiftS: 0, endFollowsStart: false }

/** Rated powers of those who may be used, W: what can come back at most, whatever each drew before. */
export type Rated = { readonly sumW: number; readonly mostW: number }

/**
 * The source's own spread, or the programme's; an emergency never waits at its start, and is restored like any other. `aheadS`: how long before the
 * event's start its first charger may move, because it was heard of by then: an early ramp that is cut short by that keeps its whole length and ends
 * as much later, since a shorter one would be steeper.
 */
export function spreadOf(event: GridEvent, programme: Programme, aheadS: number, rated: Rated): Spread {
  if (event.class === 'emergency') return { ...none, endS: emergencyEndS(event, programme, rated) }
  if (event.spread === 'programme') {
    const startS = bounded(programme.startSpreadS)
    return {
      ...none,
      startS,
      startShiftS: 0 - Math.min(leadS(event.intervals, programme, startS), aheadS),
      endS: restoreS(programme, rated),
    }
  }
  if ('forbidden' in event.spread) return none
  return { ...event.spread, startS: bounded(event.spread.startS), endS: bounded(event.spread.endS) }
}

/** How long before its start an event may begin to act: since it was received, or as long as a former revision of the same start already does. */
export function aheadS(event: GridEvent, receivedS: Second, former: { readonly event: GridEvent; readonly spread: Spread } | null): number {
  const fromS = event.intervals[0]?.fromS ?? 0
  const kept = former && former.event.intervals[0]?.fromS === fromS ? -former.spread.startShiftS : 0
  return Math.max(0, fromS - receivedS, kept)
}

/** An edge at which an event loosens would come early as well and leave the interval before it short, so such an event has its ramp after its start. */
function leadS(intervals: readonly Interval[], { ramp }: Programme, startS: number): number {
  if (ramp === 'post' || !intervals.every((x, k) => k === 0 || tightens(intervals[k - 1]!, x))) return 0
  return ramp === 'pre' ? startS : Math.floor(startS / 2)
}
function tightens({ ask: was, toS }: Interval, { ask, fromS }: Interval): boolean {
  if (toS < fromS) return false
  if (ask.kind === 'off') return true
  if (ask.kind === 'shed') return was.kind === 'shed' && ask.totalW >= was.totalW
  if (ask.kind === 'cap') return was.kind === 'cap' && ask.totalW <= was.totalW && tightensPhases(was.phaseA, ask.phaseA)
  if (ask.kind === 'keep') return was.kind === 'keep' && ask.fraction <= was.fraction
  if (was.kind !== 'limitEach') return false
  return 'limitW' in ask ? 'limitW' in was && ask.limitW <= was.limitW : 'limitA' in was && ask.limitA <= was.limitA
}

const tightensPhases = (was: PhaseAmps | undefined, is: PhaseAmps | undefined): boolean =>
  !was || (is?.every((a, k) => a <= was[k]!) ?? false)

/** A level cap lets load back by its own rule; its window is what is spread where that rule lets go. */
function restoreS({ restore, endSpreadS }: Programme, rated: Rated): number {
  if (restore.policy === 'step') return 0
  return restore.policy === 'rampLimited' ? Math.max(bounded(endSpreadS), rampS(restore, rated)) : bounded(endSpreadS)
}
/**
 * So long that no minute brings back more than `wPerMinute`: the worst minute of a stratified ramp of P0 over T is 60 P0 / T and one charger more. Of
 * a limit that is not two chargers wide nothing can be promised by that; it then takes as long as if half of it were there.
 */
const rampS = ({ wPerMinute }: Extract<RestoreRule, { policy: 'rampLimited' }>, { sumW, mostW }: Rated): number =>
  Math.min(MAX_RAMP_S, Math.ceil((60 * sumW) / Math.max(wPerMinute - mostW, wPerMinute / 2, 1)))

/** A feeder that was in trouble is not helped by its whole load in one step: where the programme restores in one, an emergency is spread all the same. */
function emergencyEndS({ spread }: GridEvent, programme: Programme, rated: Rated): number {
  if (typeof spread === 'object' && 'endS' in spread && !spread.endFollowsStart) return bounded(spread.endS)
  return programme.restore.policy === 'step' ? bounded(programme.endSpreadS) : restoreS(programme, rated)
}
const bounded = (spreadS: number): number => Math.max(0, Math.min(MAX_SPREAD_S, Math.floor(spreadS)))
