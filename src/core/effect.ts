import type { Second } from './model.ts'
import { FREE, NONE, rowEnd, rowStart, UNKNOWN } from './rows.ts'
import { type EventState, isUp, type State, termsOf } from './state.ts'

/** A meter is trusted to this share (SI 2021/1467 reg. 9: within 10 %), and not below what a paused box itself draws: inside the band nobody is called unmoved. */
const METER_BAND = 0.1
const STANDBY_W = 60
/** Is a metered power above a limit beyond doubt? */
export const isAbove = (powerW: number, limitW: number, accuracy = METER_BAND): boolean =>
  powerW * (1 - accuracy) > Math.max(limitW, STANDBY_W)
/** A car takes some seconds to follow. */
export const SETTLE_S = 30

/** May the last resort of this emergency be used? Then a box that waits for a random delay of its own is not waited for: a stop acts at once. */
export const escalates = (s: State, e: EventState): boolean => e.event.class === 'emergency' && (termsOf(s, e)?.lastResort ?? false)
/** How long after its time a limit is to be seen on a charger's meter, S. */
export const showsAfterS = (s: State, e: EventState, i: number): number => SETTLE_S + (escalates(s, e) ? 0 : s.fleet.ownDelayS[i]!)

/** Does the meter show that the limit which a charger accepted acts? undefined: no limit is in force, or nothing can be said. */
export function showsEffect(s: State, e: EventState, i: number, powerW: number, nowS: Second): boolean | undefined {
  const row = s.holds[i]!
  if (powerW < 0 || s.pending[i] !== NONE || row === UNKNOWN || row === FREE || !isUp(s, i)) return undefined
  if (s.fleet.limitsAtStation[i] === 1) return undefined
  for (let k = rowStart(s.rows, row); k < rowEnd(s.rows, row); k++) {
    if (Math.max(s.rows.fromS[k]!, s.sentS[i]!) + showsAfterS(s, e, i) > nowS || s.rows.toS[k]! <= nowS) continue
    return !isAbove(powerW, s.rows.limitW[k]!)
  }
  return undefined
}

/** Since when the limit that a charger holds now is to be seen on its meter; -Infinity where none acts. */
export function limitedSinceS(s: State, e: EventState, i: number, nowS: Second): Second {
  const row = s.holds[i]!
  if (row === UNKNOWN) return -Infinity
  for (let k = rowStart(s.rows, row); k < rowEnd(s.rows, row); k++)
    if (s.rows.fromS[k]! <= nowS && nowS < s.rows.toS[k]!) return Math.max(s.rows.fromS[k]!, s.sentS[i]!) + showsAfterS(s, e, i)
  return -Infinity
}
