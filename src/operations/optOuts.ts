import type { ChargerNo, Second } from '../core/model.ts'
import { NEVER_S } from '../core/model.ts'
import { limits } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { overrideOf } from './limits.ts'
import { findCharger, nameOfCharger } from './names.ts'
import { type By, done, invalid, isoOrNull, isoS, type Refusal, type Result, refuse, seconds } from './result.ts'

export const optOutReasons = ['driver', 'operator', 'consentWithdrawn'] as const
export type OptOutReason = (typeof optOutReasons)[number]
export type OptOutRequest = {
  readonly chargers: readonly string[]
  readonly reason: OptOutReason
  /** Default: now. */
  readonly fromS?: Second | undefined
  /** Default: without end. */
  readonly toS?: Second | undefined
}
export type OptOutView = {
  readonly charger: string
  readonly no: ChargerNo
  readonly from: string
  readonly until: string | null
  readonly reason: string
}
export type OptedOut = OptOutView & { readonly effective: 'now' | 'later' | 'afterEmergency'; readonly note: string }

/** Opt-outs: a driver's or an operator's right, effective with the next turn; a firmware's no is something else. */
export const createOptOuts = (engine: Engine) => ({
  /** Opt-outs that are not over, by charger number. `charger`: only of this one. */
  list(charger?: string): Result<OptOutView[]> {
    const nowS = seconds(engine.now())
    const all = engine.state().optOuts
    if (charger !== undefined) {
      const found = findCharger(engine.registry, charger)
      if (!found.ok) return found
      return done(viewsOf(engine, found.value, nowS))
    }
    return done([...all.keys()].sort((a, b) => a - b).flatMap(no => viewsOf(engine, no, nowS)))
  },

  async add(request: OptOutRequest, by: By): Promise<Result<OptedOut[]>> {
    const nowS = seconds(engine.now())
    const [fromS, toS] = [request.fromS ?? nowS, request.toS ?? NEVER_S]
    if (toS <= fromS || toS <= nowS)
      return invalid('bad-period', '#/until', isoS(toS), 'the opt-out must end after it begins, in the future')
    const found = findAll(engine, request.chargers)
    if (!found.ok) return found
    const who = Uint32Array.from(found.value)
    const answers = found.value.map(no => answerOf(engine, no, { fromS, toS, reason: request.reason }, nowS))
    await engine.handle(
      { kind: 'optOut', who, fromS, toS, reason: request.reason },
      { kind: 'noted', what: 'optOutAsked', about: { by: by.name, chargers: who.length, first: who[0]!, reason: request.reason } },
    )
    return done(answers)
  },

  /** Ends every opt-out of a charger. */
  async end(charger: string, by: By): Promise<Result<{ charger: string; no: ChargerNo }>> {
    const found = findCharger(engine.registry, charger)
    if (!found.ok) return found
    const no = found.value
    if (viewsOf(engine, no, seconds(engine.now())).length === 0)
      return refuse('notFound', 'not-opted-out', `charger ${nameOfCharger(engine.registry, no)} is not opted out`)
    await engine.handle(
      { kind: 'optIn', who: Uint32Array.of(no) },
      { kind: 'noted', what: 'optInAsked', about: { by: by.name, charger: no } },
    )
    return done({ charger: nameOfCharger(engine.registry, no), no })
  },
})
export type OptOuts = ReturnType<typeof createOptOuts>

function viewsOf(engine: Engine, no: ChargerNo, nowS: Second): OptOutView[] {
  const charger = nameOfCharger(engine.registry, no)
  return (engine.state().optOuts.get(no) ?? [])
    .filter(o => o.toS > nowS)
    .map(o => ({ charger, no, from: isoS(o.fromS), until: isoOrNull(o.toS, NEVER_S), reason: o.reason }))
}

/** All or none: a list with one wrong name changes nobody. */
function findAll(engine: Engine, names: readonly string[]): Result<ChargerNo[]> {
  const out = new Set<ChargerNo>()
  const errors: NonNullable<Refusal['errors']>[number][] = []
  names.forEach((name, k) => {
    const found = findCharger(engine.registry, name)
    if (found.ok && found.value < engine.state().fleet.chargers) out.add(found.value)
    else errors.push({ pointer: `#/chargers/${k}`, detail: 'no such charger', value: name })
  })
  if (errors.length > 0)
    return refuse(
      'notFound',
      'unknown-chargers',
      `${errors.length} of ${names.length} chargers are not known`,
      'nothing was changed',
      errors,
    )
  return done([...out])
}

function answerOf(engine: Engine, no: ChargerNo, o: { fromS: Second; toS: Second; reason: string }, nowS: Second): OptedOut {
  const now = limits(engine.state(), no, nowS * 1000)?.now
  const charger = nameOfCharger(engine.registry, no)
  const held = now?.by && !now.by.overrideAllowed
  const effective = held ? 'afterEmergency' : o.fromS > nowS ? 'later' : 'now'
  const note = held
    ? overrideOf(charger, now.by).how
    : now && effective === 'now'
      ? 'the limit is lifted with the next turn'
      : 'no limit is in force'
  return { charger, no, from: isoS(o.fromS), until: isoOrNull(o.toS, NEVER_S), reason: o.reason, effective, note }
}
