import { limitedSinceS } from '../core/effect.ts'
import { isHolding } from '../core/held.ts'
import { chargersOf, membersOf, rangesOf } from '../core/members.ts'
import { NEVER_S, type Second, type Target } from '../core/model.ts'
import { isOutage } from '../core/outage.ts'
import { figures } from '../core/response.ts'
import { limitAt } from '../core/rows.ts'
import { type EventState, firstS, isOptedOut, lastS, type State } from '../core/state.ts'
import type { EventView, FleetFigures, Meters } from '../ports.ts'

export function eventView(e: EventState, nowS: Second): EventView {
  const { event } = e
  return {
    no: e.no,
    id: event.id,
    upstreamRef: event.upstreamRef,
    adapter: event.source.adapter,
    peer: event.source.peer,
    class: event.class,
    programme: event.programme,
    revision: event.revision,
    fromS: event.intervals[0]?.fromS ?? 0,
    toS: event.intervals.at(-1)?.toS ?? 0,
    state: stateOf(e, nowS),
  }
}
function stateOf(e: EventState, nowS: Second): EventView['state'] {
  if (e.status === 'declined') return 'declined'
  const endS = Math.min(e.event.intervals.at(-1)?.toS ?? 0, e.cancelledS)
  if (nowS < Math.min(firstS(e), endS)) return 'scheduled'
  if (nowS < endS) return 'active'
  if (lastS(e) !== NEVER_S && nowS < lastS(e)) return 'restoring'
  if (e.verification) return 'verified'
  return e.cancelledS === NEVER_S ? 'ended' : 'cancelled'
}

export type Latest = ReturnType<Meters['latest']>
/** Newest power of a charger, W; null if nothing fresher than `freshMs` is known. */
export const powerOf =
  (latest: Latest, nowMs: number, freshMs: number) =>
  (charger: number): number | null =>
    charger < latest.atMs.length && latest.atMs[charger]! > 0 && nowMs - latest.atMs[charger]! <= freshMs ? latest.powerW[charger]! : null

export function fleetFigures(s: State, targets: readonly Target[], latest: Latest, nowMs: number, freshMs: number): FleetFigures {
  const power = powerOf(latest, nowMs, freshMs)
  const nowS = Math.floor(nowMs / 1000)
  const f = s.fleet
  const out = { chargers: 0, online: 0, metered: 0, unmetered: 0, powerW: 0, maxW: 0, minW: 0, optedOut: 0 }
  const limitedTo = { chargers: 0, limitW: 0 }
  for (const i of chargersOf(f, rangesOf(f, targets))) {
    out.chargers++
    out.maxW += f.maxW[i]!
    out.minW += f.minW[i]!
    if (s.up[f.station[i]!] === 1) out.online++
    if (isOptedOut(s, i, nowS, nowS + 1)) out.optedOut++
    const w = power(i)
    if (w === null) out.unmetered++
    else {
      out.metered++
      out.powerW += w
    }
    const limitW = limitAt(s.rows, s.holds[i]!, nowS)
    if (limitW >= 0) {
      limitedTo.chargers++
      limitedTo.limitW += limitW
    }
  }
  return { ...out, limitedTo }
}

/**
 * Power of a running event's members as columns, -1 where nothing fresh is known. A mean that reaches back before a limit took effect says nothing of
 * the limit: it counts as unknown. `seenMs` remembers which readings were looked at before.
 */
export function observe(s: State, e: EventState, latest: Latest, nowMs: number, freshMs: number, seenMs: Float64Array) {
  const nowS = Math.floor(nowMs / 1000)
  const { who, powerW } = observeMembers(membersOf(s, e), latest, nowMs, freshMs)
  const again = new Uint8Array(who.length)
  if (e.basisAtS === 0 || nowS < firstS(e)) return { who, powerW }
  for (let k = 0; k < who.length; k++) {
    const i = who[k]!
    if (powerW[k]! < 0) continue
    if (latest.fromMs[i]! < Math.max(limitedSinceS(s, e, i, nowS), loadSinceS(s, e, i)) * 1000) powerW[k] = -1
    else if (seenMs[i] === latest.atMs[i]!) again[k] = 1
    else seenMs[i] = latest.atMs[i]!
  }
  return { who, powerW, again }
}
/** Within a restore: since when a charger may draw what it draws: let in, with another car, or with its supply back. */
function loadSinceS(s: State, e: EventState, i: number): Second {
  if (!isHolding(e)) return 0
  return Math.max(e.restore.admittedS[i] ?? 0, s.sinceS[i]!, isOutage(e.event) ? firstS(e) : 0)
}
export function observeMembers(who: Uint32Array, latest: Latest, nowMs: number, freshMs: number) {
  const power = powerOf(latest, nowMs, freshMs)
  return { who, powerW: Int32Array.from(who, i => Math.round(power(i) ?? -1)) }
}

export const eventFigures = (s: State, e: EventState, latest: Latest, nowMs: number, freshMs: number) =>
  figures(s, e, powerOf(latest, nowMs, freshMs), Math.floor(nowMs / 1000))
