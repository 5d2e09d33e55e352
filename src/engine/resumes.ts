import type { Fact, Input, Instant } from '../core/model.ts'
import { nextPausedS, pausedBy, resumedOf } from '../core/resume.ts'
import type { State } from '../core/state.ts'
import type { Meters, Runtime } from '../ports.ts'

/** Looks at the meters of those who were let go of a pause, some minutes after each: does its car charge again? Each is looked at once. */
export function createResumes(runtime: Runtime, meters: Pick<Meters, 'range'>, state: () => State) {
  let lookAtS = Infinity
  return {
    dueAt: (): Instant => lookAtS * 1000,
    async inputs(nowMs: Instant): Promise<Input[]> {
      const nowS = Math.floor(nowMs / 1000)
      if (nowS < lookAtS) return []
      const s = state()
      const who = pausedBy(s, nowS)
      // whose meter says nothing is looked at again while there is time, not at every turn
      lookAtS = Math.max(nowS + LOOK_EVERY_S, nextPausedS(s, nowS))
      if (who.length === 0) return []
      const fromS = who.reduce((least, i) => Math.min(least, s.pausedS[i]!), nowS)
      const resumed = resumedOf(s, who, await meters.range(who, fromS * 1000, nowMs), nowS)
      return resumed ? [resumed] : []
    },
    /** To be called after each turn. */
    afterTurn(facts: readonly Fact[]): void {
      if (facts.some(fact => fact.kind === 'verified')) lookAtS = nextPausedS(state(), Math.floor(runtime.now() / 1000))
    },
    recovered(): void {
      lookAtS = nextPausedS(state(), Math.floor(runtime.now() / 1000))
    },
  }
}
const LOOK_EVERY_S = 300
