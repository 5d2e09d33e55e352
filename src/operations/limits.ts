import type { ChargerNo, Instant } from '../core/model.ts'
import { NEVER_S } from '../core/model.ts'
import { isOutage } from '../core/outage.ts'
import { OPERATOR } from '../core/standing.ts'
import { type Holding, type LimitCause, type LimitSpan, limits } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { type ReasonCode, reasonTexts } from './emergency.ts'
import { findCharger, nameOfCharger } from './names.ts'
import { done, isoOrNull, isoS, type Result, refuse } from './result.ts'

/** How a driver gets the charger back, or why not. */
export type Override = { readonly allowed: boolean; readonly how: string }
export type LimitReport = {
  readonly limitW: number
  readonly since: string
  readonly until: string | null
  readonly event: string | null
  readonly who: { readonly adapter: string; readonly peer: string } | null
  readonly class: string | null
  readonly emergency: boolean
  readonly programme: string | null
  readonly why: string
}
export type ChargerLimits = {
  readonly charger: string
  readonly no: ChargerNo
  readonly limited: LimitReport | null
  readonly next: readonly LimitReport[]
  readonly held: Holding
  readonly online: boolean
  readonly override: Override
  readonly optOuts: readonly { readonly from: string; readonly until: string | null; readonly reason: string }[]
  readonly refusedUntil: string | null
}
export type ReasonOf = (eventId: string) => ReasonCode | undefined

/** Who limits a charger, why, until when, what comes next, and how to override it. */
export const createLimits = (engine: Engine, reasonOf: ReasonOf) => ({
  of(name: string): Result<ChargerLimits> {
    const charger = findCharger(engine.registry, name)
    if (!charger.ok) return charger
    const report = limitsOf(engine, charger.value, engine.now(), reasonOf)
    return report ? done(report) : refuse('notFound', 'charger-not-found', 'the charger is not in the fleet yet')
  },
})

/** Undefined for a charger that the fleet does not have. */
export function limitsOf(engine: Engine, charger: ChargerNo, nowMs: Instant, reasonOf: ReasonOf): ChargerLimits | undefined {
  const view = limits(engine.state(), charger, nowMs)
  if (!view) return undefined
  const name = nameOfCharger(engine.registry, charger)
  return {
    charger: name,
    no: charger,
    limited: view.now && reportOf(view.now, reasonOf),
    next: view.next.map(span => reportOf(span, reasonOf)),
    held: view.held,
    online: view.online,
    override: overrideOf(name, view.now?.by ?? view.next[0]?.by ?? null),
    optOuts: view.optOuts.map(o => ({ from: isoS(o.fromS), until: isoOrNull(o.toS, NEVER_S), reason: o.reason })),
    refusedUntil: view.refused && isoOrNull(view.refused.toS, NEVER_S),
  }
}

const reportOf = (span: LimitSpan, reasonOf: ReasonOf): LimitReport => ({
  limitW: span.limitW,
  since: isoS(span.fromS),
  until: isoOrNull(span.toS, NEVER_S),
  event: span.by?.id ?? null,
  who: span.by && { adapter: span.by.adapter, peer: span.by.peer },
  class: span.by?.class ?? null,
  emergency: span.by?.class === 'emergency',
  programme: span.by?.programme ?? null,
  why: whyOf(span.by, reasonOf),
})

/** In a driver's words. */
export function whyOf(by: LimitCause | null, reasonOf: ReasonOf): string {
  if (!by) return 'a grid event that is over'
  const reason = reasonOf(by.id)
  if (reason) return reasonTexts[reason]
  if (isOutage(by)) return 'the supply is back after an outage, and cars are let in one after another'
  if (by.class === 'emergency') return `the grid operator ${by.peer} declared an emergency`
  if (by.adapter === OPERATOR && by.class === 'obligation') return 'a limit stands on the network that it hangs on'
  return `the grid operator ${by.peer} asked for less load (${by.class}, programme ${by.programme})`
}

export function overrideOf(name: string, by: LimitCause | null): Override {
  if (by && !by.overrideAllowed)
    return {
      allowed: false,
      how: `programme ${by.programme} does not allow overriding an emergency; an opt-out given now holds once it is over`,
    }
  return { allowed: true, how: `POST /v1/opt-outs {"chargers": [${JSON.stringify(name)}], "reason": "driver"}` }
}
