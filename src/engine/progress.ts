import { type EventNo, type Fact, type Instant, NEVER_S } from '../core/model.ts'
import { firstS, lastS, type State } from '../core/state.ts'
import type { Progress } from '../ports.ts'
import { eventFigures, eventView, type Latest } from './views.ts'

/** After a restart, steps that were due longer than this before the last turn are not told again. */
const TOLD_MS = 600_000

type Follower = { readonly adapter: string | undefined; readonly tell: (progress: Progress) => void }

/**
 * Tells those who follow events of each step, after its facts are recorded: each kind at least once per event; after a restart a step may be told
 * again. `measured`, `accepted` and `verified` come as often as there is news.
 */
export function createProgress(state: () => State, latest: () => Latest, freshMs: number) {
  const followers = new Set<Follower>()
  const told = new Map<EventNo, Set<Progress['kind']>>()

  function tell(no: EventNo, kind: Progress['kind'], nowMs: Instant, again = false): void {
    const e = state().events.get(no)
    if (!e) return
    const before = told.get(no) ?? new Set()
    told.set(no, before)
    if (before.has(kind) && !again) return
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
  }
  function measured(no: EventNo, nowMs: Instant): void {
    const e = state().events.get(no)
    if (e && nowMs >= firstS(e) * 1000 && nowMs < Math.min(lastS(e), e.cancelledS) * 1000) tell(no, 'measured', nowMs, true)
  }

  return {
    follow(follower: Follower): () => void {
      followers.add(follower)
      return () => followers.delete(follower)
    },
    /** To be called after each turn. */
    afterTurn(facts: readonly Fact[], nowMs: Instant): void {
      const s = state()
      for (const fact of facts) {
        if (fact.kind === 'accepted') tell(fact.event, 'accepted', nowMs, true)
        if (fact.kind === 'declined') tell(fact.event, 'declined', nowMs, true)
        if (fact.kind === 'signal' && fact.event.intervals.length === 0) tell(s.eventNoById.get(fact.event.id) ?? -1, 'cancelled', nowMs)
        if (fact.kind === 'verified') tell(fact.verification.event, 'verified', nowMs, true)
        if (fact.kind === 'observed') measured(fact.event, nowMs)
      }
      for (const e of s.events.values()) {
        if (e.status !== 'accepted' || e.cancelledS <= firstS(e)) continue
        if (nowMs >= firstS(e) * 1000) tell(e.no, 'started', nowMs)
        if (lastS(e) !== NEVER_S && nowMs >= lastS(e) * 1000) tell(e.no, 'completed', nowMs)
      }
      for (const no of told.keys()) if (!s.events.has(no)) told.delete(no)
    },
    /** After a restart: what was due to be told some time before the last turn has been told. */
    recovered(): void {
      const beforeMs = state().nowMs - TOLD_MS
      for (const e of state().events.values()) {
        const kinds = new Set<Progress['kind']>()
        if (firstS(e) * 1000 < beforeMs) kinds.add('started')
        if (lastS(e) * 1000 < beforeMs) kinds.add('completed')
        told.set(e.no, kinds)
      }
    },
  }
}
