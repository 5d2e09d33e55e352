import type { Fact, Input, Instant, Readings } from '../core/model.ts'
import { nextPausedS, pausedBy, resumedOf } from '../core/resume.ts'
import type { State } from '../core/state.ts'
import type { Meters, Runtime } from '../ports.ts'

/** Looks at the meters of those who were let go of a pause, some minutes after each: does its car charge again? Each is looked at once. */
export function createResumes(runtime: Runtime, meters: Pick<Meters, 'range'>, state: () => State, breathe: () => Promise<void>) {
  let lookAtS = Infinity
  /** Read, and waiting for its turn. */
  let seen: readonly Seen[] = []
  return {
    dueAt: (): Instant => lookAtS * 1000,
    isReady: (): boolean => seen.length > 0,
    async look(): Promise<void> {
      const s = state()
      const nowS = Math.floor(runtime.now() / 1000)
      if (nowS < lookAtS) return
      const who = pausedBy(s, nowS)
      // whose meter says nothing is looked at again while there is time, not at every turn
      lookAtS = Math.max(nowS + LOOK_EVERY_S, nextPausedS(s, nowS))
      if (who.length === 0) return
      const fromMs = 1000 * who.reduce((least, i) => Math.min(least, s.pausedS[i]!), nowS)
      const found: Seen[] = []
      for (let k = 0; k < who.length; k += AT_ONCE) {
        const some = who.slice(k, k + AT_ONCE)
        found.push({ who: new Set(some), readings: await meters.range(some, fromMs, nowS * 1000) })
        await breathe()
      }
      seen = found
    },
    /** What was read, for the turn that is being taken. */
    inputs(nowMs: Instant): Input[] {
      const nowS = Math.floor(nowMs / 1000)
      // who has been paused again since is looked at after that
      const still = seen.length > 0 ? pausedBy(state(), nowS) : new Uint32Array(0)
      const all = seen.flatMap(x => {
        const own = still.filter(i => x.who.has(i))
        return resumedOf(state(), own, x.readings, nowS) ?? []
      })
      if (all.length === 0) return []
      return [{ kind: 'resumed', who: Uint32Array.from(all.flatMap(r => [...r.who])), did: Uint8Array.from(all.flatMap(r => [...r.did])) }]
    },
    /** To be called after each turn; `isRead`: it had what was read. */
    afterTurn(facts: readonly Fact[], isRead: boolean): void {
      if (isRead) seen = []
      if (facts.some(fact => fact.kind === 'verified')) lookAtS = nextPausedS(state(), Math.floor(runtime.now() / 1000))
    },
    recovered(): void {
      lookAtS = nextPausedS(state(), Math.floor(runtime.now() / 1000))
    },
  }
}
type Seen = { readonly who: ReadonlySet<number>; readonly readings: Readings }
const LOOK_EVERY_S = 300
/** So many chargers' readings are read in one go. */
const AT_ONCE = 500
