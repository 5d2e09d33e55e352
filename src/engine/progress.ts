import { type EventNo, type Fact, type Instant, NEVER_S } from '../core/model.ts'
import { firstS, lastS, ownLastS, type State } from '../core/state.ts'
import type { Progress } from '../ports.ts'
import { eventFigures, eventView, type Latest } from './views.ts'

/** Without a mark, steps that were due longer than this before the last turn are taken as told. */
const TOLD_MS = 600_000

type Follower = { readonly adapter: string | undefined; readonly tell: (progress: Progress) => void }
/** Up to where everything has been told: leaves of the journal, and the now of their last turn. */
export type Mark = { readonly size: number; readonly atMs: Instant }
export type Told = { readonly facts: readonly Fact[]; readonly atMs: Instant }

/**
 * Tells those who follow events of each step, after its facts are recorded: each kind at least once per event. `measured`, `accepted` and `verified`
 * come as often as there is news. After a start nothing is told until `release`, when everybody listens: then first what a crash left untold.
 */
export function createProgress(state: () => State, latest: () => Latest, freshMs: number) {
  const followers = new Set<Follower>()
  const told = new Map<EventNo, Set<Progress['kind']>>()
  let held: Told[] | null = []

  /** Was it told now? */
  function tell(no: EventNo, kind: Progress['kind'], nowMs: Instant, again = false): boolean {
    const e = state().events.get(no)
    if (!e) return false
    const before = told.get(no) ?? new Set()
    told.set(no, before)
    if (before.has(kind) && !again) return false
    before.add(kind)
    const f = eventFigures(state(), e, latest(), nowMs, freshMs)
    const progress: Progress = {
      kind,
      at: nowMs,
      event: eventView(e, Math.floor(nowMs / 1000)),
      measuredW: f.measuredW,
      baselineW: f.baselineW,
      askedW: f.targetW,
      verification: e.verification,
    }
    for (const { adapter, tell } of followers) if (adapter === undefined || adapter === progress.event.adapter) tell(progress)
    return true
  }
  function isRunning(no: EventNo, nowMs: Instant): boolean {
    const e = state().events.get(no)
    return e !== undefined && nowMs >= firstS(e) * 1000 && nowMs < Math.min(lastS(e), e.cancelledS) * 1000
  }
  function tellFacts({ facts, atMs }: Told): boolean {
    const s = state()
    let anything = false
    const step = (no: EventNo, kind: Progress['kind'], again = false) => {
      if (tell(no, kind, atMs, again)) anything = true
    }
    for (const fact of facts) {
      if (fact.kind === 'accepted') step(fact.event, 'accepted', true)
      if (fact.kind === 'declined') step(fact.event, 'declined', true)
      if (fact.kind === 'signal' && fact.event.intervals.length === 0) step(s.eventNoById.get(fact.event.id) ?? -1, 'cancelled')
      if (fact.kind === 'verified') {
        // after a long time down all three come in one turn
        step(fact.verification.event, 'started')
        step(fact.verification.event, 'completed')
        step(fact.verification.event, 'verified', true)
      }
    }
    // last: nothing is measured of what was not said to be accepted and to have begun
    for (const fact of facts) {
      if (fact.kind !== 'observed' || !isRunning(fact.event, atMs)) continue
      step(fact.event, 'started')
      tell(fact.event, 'measured', atMs, true)
    }
    return anything
  }
  /** What time alone brings. */
  function tellDue(nowMs: Instant): boolean {
    const s = state()
    let anything = false
    for (const e of s.events.values()) {
      if (e.status !== 'accepted' || e.cancelledS <= firstS(e)) continue
      if (nowMs >= firstS(e) * 1000 && tell(e.no, 'started', nowMs)) anything = true
      if (ownLastS(e) !== NEVER_S && nowMs >= ownLastS(e) * 1000 && tell(e.no, 'completed', nowMs)) anything = true
    }
    for (const no of told.keys()) if (!s.events.has(no)) told.delete(no)
    return anything
  }

  return {
    follow(follower: Follower): () => void {
      followers.add(follower)
      return () => followers.delete(follower)
    },
    /** To be called after each turn. True where a step was told that must not be lost: telemetry may. */
    afterTurn(facts: readonly Fact[], nowMs: Instant): boolean {
      if (held) {
        held.push({ facts, atMs: nowMs })
        return false
      }
      const byFacts = tellFacts({ facts, atMs: nowMs })
      return tellDue(nowMs) || byFacts
    },
    /** After a restart: what was due at the mark has been told; without a mark, what was due some time before the last turn. */
    recovered(mark: Mark | undefined): void {
      held = []
      const untilMs = mark?.atMs ?? state().nowMs - TOLD_MS
      for (const e of state().events.values()) {
        const kinds = new Set<Progress['kind']>()
        if (firstS(e) * 1000 <= untilMs) kinds.add('started')
        if (ownLastS(e) * 1000 <= untilMs) kinds.add('completed')
        told.set(e.no, kinds)
      }
    },
    isHeld: (): boolean => held !== null,
    /** Everybody follows: what is in the journal after the mark, and what came since the start, is told, in order and with its own time. */
    release(lost: readonly Told[], nowMs: Instant): void {
      const waiting = [...lost, ...(held ?? [])]
      held = null
      // whose acceptance was not told has not been told that it began
      for (const { facts } of lost) for (const fact of facts) if (fact.kind === 'accepted') told.delete(fact.event)
      for (const turn of waiting) tellFacts(turn)
      tellDue(nowMs)
    },
  }
}

/** Facts that a source must be told of; telemetry may be lost. */
export const isStep = ({ kind }: Fact): boolean => kind === 'signal' || kind === 'accepted' || kind === 'declined' || kind === 'verified'

/** A mark as kept in the registry; undefined where there is none that fits this journal. */
export function markOf(text: string | undefined, size: number): Mark | undefined {
  try {
    const mark = JSON.parse(text ?? 'null') as Partial<Mark> | null
    return mark && typeof mark.size === 'number' && typeof mark.atMs === 'number' && mark.size <= size ? (mark as Mark) : undefined
  } catch {
    return undefined
  }
}
