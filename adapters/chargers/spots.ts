/** Spot readings: at most one ask under way per station, so many a second over all, and none twice. What a fleet is asked must not delay what it is told. */
import type { Dialect } from './dialect.ts'
import type { Payload } from './ocppj/frames.ts'
import { type Answer, priority } from './ocppj/transport.ts'
import type { EvseLink, StationLink } from './station.ts'

export type SpotPorts = {
  nowMs(): number
  dialectOf(link: StationLink): Dialect
  call(link: StationLink, action: string, payload: Payload, priority: number, expiresMs: number): Promise<Answer>
}
export const spotsPerS = 2_000
const withinMs = 30_000

/** A box that knows no such call is not asked again on this connection. */
const cannot = (answer: Answer): boolean =>
  (answer.kind === 'error' && (answer.code === 'NotImplemented' || answer.code === 'NotSupported')) ||
  (answer.kind === 'result' && answer.payload['status'] === 'NotImplemented')

export const createSpots = ({ nowMs, dialectOf, call }: SpotPorts) => {
  const wanted = new Map<StationLink, Set<EvseLink>>()
  const ready: StationLink[] = []
  const deaf = new WeakMap<StationLink, number>()
  let budget = spotsPerS
  let refilledMs = 0

  const drain = (): void => {
    while (budget > 0) {
      const link = ready.shift()
      if (link === undefined) return
      const evses = wanted.get(link)
      const [evse] = evses ?? []
      if (evses === undefined || evse === undefined || !link.up || deaf.get(link) === link.openedMs) {
        wanted.delete(link)
        continue
      }
      evses.delete(evse)
      budget--
      void ask(link, evse)
    }
  }
  const ask = async (link: StationLink, evse: EvseLink): Promise<void> => {
    const { action, payload } = dialectOf(link).measure(evse)
    const answer = await call(link, action, payload, priority.poll, nowMs() + withinMs)
    if (cannot(answer)) deaf.set(link, link.openedMs)
    if ((wanted.get(link)?.size ?? 0) === 0) wanted.delete(link)
    else {
      ready.push(link)
      drain()
    }
  }

  return {
    want(link: StationLink, evse: EvseLink): void {
      const evses = wanted.get(link)
      if (evses !== undefined) evses.add(evse)
      else {
        wanted.set(link, new Set([evse]))
        ready.push(link)
      }
      drain()
    },
    tick(atMs: number): void {
      budget = Math.min(spotsPerS, budget + Math.max(0, ((atMs - refilledMs) * spotsPerS) / 1000))
      refilledMs = atMs
      drain()
    },
  }
}
