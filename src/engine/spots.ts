import { SETTLE_S } from '../core/effect.ts'
import { membersOf } from '../core/members.ts'
import { type ChargerNo, type EventNo, type Fact, type Instant, outcomeCode } from '../core/model.ts'
import { LEAD_S } from '../core/reconcile.ts'
import { becauseAt } from '../core/rows.ts'
import { type EventState, firstS, type State } from '../core/state.ts'
import type { ChargerLink, Meters, Runtime } from '../ports.ts'

/** Asked this long before the plan looks at the meters for the last time before an event: time for the fleet to answer. */
const ANSWER_S = 30
export const ASK_S = LEAD_S + 10 + ANSWER_S
/** An event that comes later than that is looked at once more, this long after it came. */
export const LOOK_AGAIN_MS = 10_000
/** After an emergency's answers: well within ten seconds, and when a car has had time to follow. */
const AFTER_ANSWER_MS = [2_000, (SETTLE_S + 5) * 1_000]

export type SpotWorld = {
  readonly runtime: Runtime
  readonly chargers: Pick<ChargerLink, 'measure'>
  readonly latest: () => ReturnType<Meters['latest']>
  readonly state: () => State
  readonly freshMs: number
}

/**
 * Readings that are asked for, where none would come by itself: a 1.6 box without a session says nothing of its own accord, and a plan has to count
 * what it does not know at its maximum. Before an event those without a fresh reading are asked; after an emergency's answer all who gave one. Nothing here is
 * recorded: the readings are, if they come.
 */
export function createSpots({ runtime, chargers, latest, state, freshMs }: SpotWorld) {
  const askAt = new Map<EventNo, Instant>()
  const lookAgain = new Map<EventNo, Instant>()

  /** Asks whoever is there and has no fresh reading; how many. */
  function askUnknown(e: EventState): number {
    const s = state()
    const { atMs } = latest()
    const nowMs = runtime.now()
    const isFresh = (i: ChargerNo) => i < atMs.length && atMs[i]! > 0 && nowMs - atMs[i]! <= freshMs
    const who = Array.from(membersOf(s, e)).filter(i => s.up[s.fleet.station[i]!] === 1 && !isFresh(i))
    if (who.length > 0) chargers.measure(who)
    return who.length
  }
  const isComing = (e: EventState | undefined, nowMs: Instant): e is EventState =>
    e?.status === 'accepted' && !e.event.test && Math.min(firstS(e), e.cancelledS) * 1000 > nowMs

  function beforeEvents(facts: readonly Fact[], nowMs: Instant): void {
    const s = state()
    for (const fact of facts) {
      // what comes back now is what counts, and a box may not say it by itself
      const back = fact.kind === 'outage' ? s.events.get(fact.event) : undefined
      if (back) askUnknown(back)
      const e = fact.kind === 'accepted' ? s.events.get(fact.event) : undefined
      if (e?.status !== 'accepted' || e.event.test) continue
      const asked = askUnknown(e)
      if (asked > 0 && isComing(e, nowMs + LOOK_AGAIN_MS) && firstS(e) * 1000 - nowMs < ASK_S * 1000)
        lookAgain.set(e.no, nowMs + LOOK_AGAIN_MS)
    }
    for (const e of s.events.values()) {
      const at = (firstS(e) - ASK_S) * 1000
      if (!isComing(e, nowMs) || at <= nowMs || askAt.get(e.no) === at) continue
      askAt.set(e.no, at)
      runtime.at(`engine.ask.${e.no}`, at, () => {
        askAt.delete(e.no)
        const now = state().events.get(e.no)
        if (isComing(now, runtime.now())) askUnknown(now)
      })
    }
  }
  function afterAnswers(facts: readonly Fact[], nowMs: Instant): void {
    const s = state()
    const who: ChargerNo[] = []
    for (const fact of facts) {
      if (fact.kind !== 'outcome') continue
      fact.who.forEach((i, k) => {
        if (fact.what[k] !== outcomeCode.accepted) return
        const because = becauseAt(s.rows, s.holds[i]!, Math.floor(nowMs / 1000))
        if (s.events.get(because)?.event.class === 'emergency') who.push(i)
      })
    }
    if (who.length > 0) for (const ms of AFTER_ANSWER_MS) runtime.at(`engine.spot.${s.turn}.${ms}`, nowMs + ms, () => chargers.measure(who))
  }

  return {
    afterTurn(facts: readonly Fact[], nowMs: Instant): void {
      beforeEvents(facts, nowMs)
      afterAnswers(facts, nowMs)
    },
    /** When an event that came late is to be looked at once more before it begins; Infinity if it need not be. */
    lookAgainAt: (e: EventState): Instant => lookAgain.get(e.no) ?? Infinity,
    looked: (e: EventState): void => void lookAgain.delete(e.no),
  }
}
