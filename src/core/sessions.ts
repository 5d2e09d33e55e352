import { type ChargerNo, type Input, NEVER_S, type NodeNo, type Second, type Session, type SessionPhase, sessionPhases } from './model.ts'
import type { State } from './state.ts'

/*
 * The car at a charger, as far as anybody has said. Chargers tell of it as often as they like; only changes are recorded. A box that was never heard
 * of in this respect is `null`: nothing is known, which is not the same as nobody being there.
 */

type Sessions = Extract<Input, { kind: 'session' }>
type Columns = { readonly phase: number; readonly departS: Second; readonly needWh: number }

/** Stays in the record of one whose departure nobody knows: half a day from when it came (Electric Nation: plugged in for 12 h and more on average). */
export const STAY_S = 12 * 3600
/** Nobody of unknown departure is thought to leave within this, however long it has stayed. */
const STAY_AT_LEAST_S = 3600
/** What a car of unknown need is thought to take still, Wh: about a day's driving and a half. */
export const NEED_WH = 10_000

/** In the column of phases: said to have no car. */
export const NO_CAR = 1

export const phaseOf = (s: State, charger: ChargerNo): SessionPhase | null => {
  const code = charger < s.phase.length ? s.phase[charger]! : 0
  return code === 0 ? null : sessionPhases[code - 1]!
}

/**
 * How long a car can still wait, S: time to its departure less the time that its need takes at the charger's full power. Negative: it will leave
 * short. Unknown departure: `STAY_S` after it came, an hour from now at the least, so that who has waited longer goes first. Unknown need: `NEED_WH`.
 */
export function laxityS(s: State, charger: ChargerNo, nowS: Second): number {
  const said = s.departS[charger]!
  const departS = said > 0 ? said : Math.max(s.sinceS[charger]! + STAY_S, nowS + STAY_AT_LEAST_S)
  const needWh = s.needWh[charger]! >= 0 ? s.needWh[charger]! : NEED_WH
  return departS - nowS - (needWh * 3600) / Math.max(1, s.fleet.maxW[charger]!)
}

/**
 * What a report changes in the columns; undefined where it is no news. A report that is silent on departure or need takes nothing back of the same car.
 * `links`: stations whose links have moved since the last turn, see `forgetVacant`.
 */
export function newsOf(
  s: State,
  charger: ChargerNo,
  { phase, departS, needWh }: Session,
  before?: Columns,
  links?: ReadonlyMap<NodeNo, boolean>,
): Columns | undefined {
  if (!Number.isInteger(charger) || charger < 0 || charger >= s.phase.length) return undefined
  const isForgotten = s.phase[charger] === NO_CAR && links?.has(s.fleet.station[charger]!) && mayYield(s)
  const known = before ?? { phase: isForgotten ? 0 : s.phase[charger]!, departS: s.departS[charger]!, needWh: s.needWh[charger]! }
  const isSameCar = phase !== 'none' && known.phase > codeOf('none')
  const next = {
    phase: codeOf(phase),
    departS: phase === 'none' ? 0 : (within(departS, NEVER_S) ?? (isSameCar ? known.departS : 0)),
    needWh: phase === 'none' ? -1 : (within(needWh, MOST_WH) ?? (isSameCar ? known.needWh : -1)),
  }
  return next.phase === known.phase && next.departS === known.departS && next.needWh === known.needWh ? before : next
}
/** As the columns hold it, so that the same words are no news; what no car can mean is as good as unsaid. */
const within = (value: number | undefined, most: number): number | undefined =>
  value !== undefined && value >= 0 && value < most ? Math.floor(value) : undefined
const MOST_WH = 10_000_000
const codeOf = (phase: SessionPhase): number => 1 + sessionPhases.indexOf(phase)

/** What came in within a turn as one fact. */
export function sessionFact(news: ReadonlyMap<ChargerNo, Columns>): Sessions {
  const all = [...news.values()]
  return {
    kind: 'session',
    who: Uint32Array.from(news.keys()),
    phase: Uint8Array.from(all, x => x.phase - 1),
    departS: Uint32Array.from(all, x => x.departS),
    needWh: Int32Array.from(all, x => x.needWh),
  }
}
export type SessionNews = Map<ChargerNo, Columns>

/** Does it matter to any ceiling whether a car is there? */
const mayYield = (s: State): boolean =>
  [...s.programmes.values()].some(p => p.vacant === 'yields') || [...s.events.values()].some(e => e.terms?.vacant === 'yields')
/** A car may have come while nobody could say so: that there is none must be said anew on each link. Only where rules hang on it. */
export function forgetVacant(s: State, stations: Uint32Array): void {
  if (!mayYield(s)) return
  const f = s.fleet
  for (const station of stations)
    for (let p = f.nodeFrom[station]!; p < f.nodeTo[station]!; p++) {
      const i = f.order[p]!
      if (f.station[i] === station && s.phase[i] === NO_CAR) s.phase[i] = 0
    }
}

export function applySession(s: State, fact: Sessions, nowS: Second): void {
  fact.who.forEach((i, k) => {
    if (i >= s.phase.length) return
    const wasThere = s.phase[i]! > codeOf('none')
    const phase = fact.phase[k]! + 1
    const isThere = phase > codeOf('none')
    s.phase[i] = phase
    s.departS[i] = isThere ? fact.departS[k]! : 0
    s.needWh[i] = isThere ? fact.needWh[k]! : -1
    if (isThere !== wasThere || s.sinceS[i] === 0) s.sinceS[i] = nowS
  })
}
