import type { Target } from '../core/model.ts'
import { type EventState, firstS, lastS } from '../core/state.ts'
import { chargersUnder, eventSummary, targetAt } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import type { View } from './screen.ts'

export type Moment = {
  readonly chargers: number
  readonly elapsedS: number
  readonly history: readonly (number | null)[]
  readonly event: { readonly id: string; readonly ask: string } | undefined
  readonly spreadS: number
  readonly verified: boolean
}

/** Reads off the running engine what the screen shows. */
export function viewOf(engine: Engine, m: Moment): View {
  const state = engine.state()
  const nowMs = engine.now()
  const figures = engine.bridge.figures(roots(engine))
  const no = m.event === undefined ? undefined : state.eventNoById.get(m.event.id)
  const e = no === undefined ? undefined : state.events.get(no)
  const summary = no === undefined ? undefined : eventSummary(state, no, nowMs)
  const measuredW = figures.metered === 0 ? null : figures.powerW
  return {
    phase: phaseOf(e, nowMs / 1000, m, figures.online),
    elapsedS: m.elapsedS,
    chargers: m.chargers,
    online: figures.online,
    event: e && m.event ? { ...spansOf(e, nowMs / 1000), id: e.event.upstreamRef, ask: m.event.ask } : null,
    measuredW,
    baselineW: e ? basisOf(e) : measuredW,
    targetW: e?.status === 'accepted' ? targetAt(state, e, chargersUnder(state.fleet, e.event.targets), windowFromS(e)) : null,
    unmetered: figures.unmetered,
    commanded: summary?.limited ?? 0,
    answered: summary?.answered ?? 0,
    silent: summary?.silent ?? 0,
    refused: summary?.refused ?? 0,
    inDelay: summary?.inDelay ?? 0,
    spreadS: m.spreadS,
    history: m.history,
  }
}

const roots = (engine: Engine): Target[] =>
  [...engine.registry.nodes()].filter(n => n.parent === -1).map(n => ({ kind: 'node', node: n.no }))
const windowFromS = (e: EventState): number => e.event.intervals[0]?.fromS ?? 0
const windowToS = (e: EventState): number => Math.min(e.event.intervals.at(-1)?.toS ?? 0, e.cancelledS)
function spansOf(e: EventState, nowS: number) {
  const [fromS, toS] = [windowFromS(e), windowToS(e)]
  return { toStartS: fromS - nowS, toEndS: toS - nowS, toFreeS: lastS(e) - nowS, durationS: toS - fromS }
}
/** Power that the plan stands on, frozen before the start. */
function basisOf(e: EventState): number | null {
  let sumW = 0
  let any = false
  for (const w of e.basisW)
    if (w >= 0) {
      sumW += w
      any = true
    }
  return any ? sumW : null
}
function phaseOf(e: EventState | undefined, nowS: number, m: Moment, online: number): View['phase'] {
  if (m.verified) return 'done'
  if (e === undefined) return m.event !== undefined || online >= 0.9 * m.chargers ? 'waiting' : 'starting'
  if (nowS < firstS(e)) return 'announced'
  if (nowS < windowFromS(e) + e.spread.startS) return 'reducing'
  if (nowS < windowToS(e)) return 'holding'
  return nowS < lastS(e) ? 'restoring' : 'verifying'
}
