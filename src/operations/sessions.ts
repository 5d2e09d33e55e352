import { type Second, type SessionPhase, sessionPhases } from '../core/model.ts'
import { phaseOf } from '../core/sessions.ts'
import type { Engine } from '../engine.ts'
import { findCharger, nameOfCharger } from './names.ts'
import { type By, done, invalid, isoS, type Result, refuse, seconds } from './result.ts'

export type NeedRequest = { readonly departS?: Second | undefined; readonly needWh?: number | undefined }
export type SessionView = {
  readonly charger: string
  readonly no: number
  /** `unknown`: the box never said whether a car is there. */
  readonly car: SessionPhase | 'unknown'
  readonly departAt: string | null
  readonly needKwh: number | null
}
const MOST_WH = 500_000

/** What a driver's app knows of a car that its charger does not say: when it leaves, and what it needs until then. Policies go by it, see `laxityS`. */
export const createSessions = (engine: Engine) => {
  const viewOf = (no: number): SessionView => {
    const s = engine.state()
    const needWh = s.needWh[no] ?? -1
    return {
      charger: nameOfCharger(engine.registry, no),
      no,
      car: phaseOf(s, no) ?? 'unknown',
      departAt: s.departS[no] ? isoS(s.departS[no]!) : null,
      needKwh: needWh < 0 ? null : needWh / 1000,
    }
  }
  return {
    find(charger: string): Result<SessionView> {
      const found = findCharger(engine.registry, charger)
      return found.ok ? done(viewOf(found.value)) : found
    },
    /** What is left out stays as it was told before of the same car. A car that comes later knows nothing of it. */
    async tell(charger: string, { departS, needWh }: NeedRequest, by: By): Promise<Result<SessionView>> {
      const found = findCharger(engine.registry, charger)
      if (!found.ok) return found
      const no = found.value
      const s = engine.state()
      if (departS !== undefined && departS <= seconds(engine.now()))
        return invalid('bad-departure', '#/departAt', isoS(departS), 'the departure must lie in the future')
      if (needWh !== undefined && (needWh < 0 || needWh > MOST_WH))
        return invalid('bad-need', '#/needKwh', needWh / 1000, `the need must be from 0 to ${MOST_WH / 1000} kWh`)
      const phase = phaseOf(s, no)
      if (phase === 'none' || no >= s.phase.length)
        return refuse('conflict', 'no-car', 'no car is plugged in there', 'tell it again once the car is')
      await engine.handle(
        {
          kind: 'session',
          who: Uint32Array.of(no),
          phase: Uint8Array.of(sessionPhases.indexOf(phase ?? 'plugged')),
          departS: Uint32Array.of(departS ?? s.departS[no]!),
          needWh: Int32Array.of(needWh === undefined ? s.needWh[no]! : Math.round(needWh)),
        },
        { kind: 'noted', what: 'needTold', about: { by: by.name, charger: no } },
      )
      return done(viewOf(no))
    },
  }
}
export type Sessions = ReturnType<typeof createSessions>
