import type { Input, Instant } from '../core/model.ts'
import { sourceKey } from '../core/silence.ts'
import type { State } from '../core/state.ts'
import type { Runtime } from '../ports.ts'

export type SourceHealth = { readonly adapter: string; readonly peer: string; readonly heardAt: Instant; readonly stale: boolean }
type Heard = { readonly adapter: string; readonly peer: string; readonly at: Instant; readonly staleMs: number; told: boolean }

/** Which sources of signals were last heard when. One that is silent for longer than its own time is told once, as is its being heard again. */
export function createSources(runtime: Runtime, now: () => Instant, tell: (news: Input) => void) {
  const heard = new Map<string, Heard>()
  const isStale = ({ at, staleMs }: Heard, nowMs: Instant): boolean => nowMs - at > staleMs

  function tellStale(nowMs: Instant): void {
    for (const h of heard.values()) {
      if (!isStale(h, nowMs) || h.told) continue
      h.told = true
      tell({ kind: 'silent', adapter: h.adapter, peer: h.peer, silentMs: nowMs - h.at })
    }
  }
  function listenFor(adapter: string, peer: string, at: Instant, staleMs: number): void {
    const key = sourceKey(adapter, peer)
    heard.set(key, { adapter, peer, at, staleMs, told: false })
    runtime.at(`engine.stale.${key}`, at + staleMs + 1, () => tellStale(now()))
  }
  return {
    tellStale,
    heard(adapter: string, peer: string, at: Instant, staleMs: number): void {
      if (heard.get(sourceKey(adapter, peer))?.told) tell({ kind: 'heardAgain', adapter, peer })
      listenFor(adapter, peer, at, staleMs)
    },
    /** Nobody was listening while we were down: a source that an event depends on has its time from now on, and one that was silent still is. */
    listenAfterStart(state: State): void {
      const nowMs = now()
      for (const { status, event } of state.events.values()) {
        const { adapter, peer } = event.source
        const known = heard.has(sourceKey(adapter, peer))
        if (status === 'accepted' && event.liveness && !known) listenFor(adapter, peer, nowMs, event.liveness.heartbeatS * 2_000)
      }
      for (const [key, sinceS] of state.silences) {
        const [adapter = '', ...peer] = key.split(':')
        heard.set(key, { adapter, peer: peer.join(':'), at: sinceS * 1000, staleMs: 0, told: true })
      }
    },
    health: (): readonly SourceHealth[] =>
      [...heard.values()].map(h => ({ adapter: h.adapter, peer: h.peer, heardAt: h.at, stale: isStale(h, now()) })),
  }
}
