import { spanFromS, spanToS } from './edges.ts'
import { chargersOf, rangesOf } from './members.ts'
import type { Second } from './model.ts'
import { isMentioned, rowEnd, rowStart } from './rows.ts'
import type { EventState, State, Told } from './state.ts'

/** In `limitW`: the charger is told nothing because of the event. */
const NOTHING = -1

/**
 * Shares of a cap or a shed hang on who was in reach, willing and metered when they were planned. Whether somebody kept to its share can therefore not be
 * worked out afterwards: what each was told is kept, with the second from which on it counts. The first `kept` intervals are as they were.
 */
export function startTold(s: State, e: EventState, nowS: Second, kept = 0): void {
  e.told = e.event.intervals.map(({ ask }, k) =>
    k < kept
      ? (e.told[k] ?? null)
      : ask.kind === 'cap' || ask.kind === 'shed'
        ? { limitW: new Int32Array(s.fleet.chargers).fill(NOTHING), sinceS: new Uint32Array(s.fleet.chargers) }
        : null,
  )
  // a revision may leave schedules as they are
  if (e.told.some(t => t !== null) && isMentioned(s.rows, e.no))
    for (const i of chargersOf(s.fleet, rangesOf(s.fleet, e.event.targets))) remember(s, e, i, nowS)
}

/** New schedules of these chargers are wanted. */
export function rememberTold(s: State, who: Uint32Array, nowS: Second): void {
  for (const e of s.events.values())
    if (e.status === 'accepted' && e.told.some(t => t !== null)) for (let k = 0; k < who.length; k++) remember(s, e, who[k]!, nowS)
}

function remember(s: State, e: EventState, i: number, nowS: Second): void {
  const { rows } = s
  const row = s.want[i]!
  for (let k = 0; k < e.told.length; k++) {
    const told = e.told[k]
    if (!told) continue
    if (i >= told.limitW.length) lengthen(told, s.fleet.chargers)
    let limitW = NOTHING
    let sinceS = nowS
    const end = rowEnd(rows, row)
    for (let r = rowStart(rows, row); r < end; r++) {
      if (rows.because[r] !== e.no || rows.toS[r]! <= nowS || !isOf(e, k, i, rows.fromS[r]!)) continue
      // the last one, where a bound per minute has it come by and by
      if (rows.limitW[r] === limitW) continue
      limitW = rows.limitW[r]!
      sinceS = Math.max(nowS, rows.fromS[r]!)
    }
    // what is over is no longer in the schedules, and stays as it was
    if (limitW === NOTHING && spanToS(e, k, i) <= nowS) continue
    if (told.limitW[i] === limitW) continue
    told.limitW[i] = limitW
    told.sinceS[i] = sinceS
  }
}
/** The fleet has grown. */
function lengthen(told: Told, n: number): void {
  const { limitW, sinceS } = told
  told.limitW = new Int32Array(n).fill(NOTHING)
  told.limitW.set(limitW)
  told.sinceS = new Uint32Array(n)
  told.sinceS.set(sinceS)
}
const isOf = (e: EventState, k: number, i: number, fromS: Second): boolean =>
  e.told.length === 1 || (spanFromS(e, k, i) <= fromS && fromS < spanToS(e, k, i))

/** What a charger was told last because of interval k, and from when on it counts; undefined where the ask is about each charger alone. */
export function toldIn(e: EventState, k: number, charger: number): { limitW: number; sinceS: Second } | undefined {
  const told: Told | null | undefined = e.told[k]
  if (!told) return undefined
  return charger < told.limitW.length ? { limitW: told.limitW[charger]!, sinceS: told.sinceS[charger]! } : { limitW: NOTHING, sinceS: 0 }
}
