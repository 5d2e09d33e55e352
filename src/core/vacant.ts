import { spanFromS, spanToS } from './edges.ts'
import { isBox, isToldOf, TOLD, toldShare } from './keep.ts'
import { type Range, rangesOf } from './members.ts'
import type { Input, Interval, Programme, Second } from './model.ts'
import { pauseW } from './resume.ts'
import { NO_CAR } from './sessions.ts'
import { STEPS } from './share.ts'
import { type EventState, type State, termsOf } from './state.ts'

/*
 * Chargers without a car under a ceiling, where the programme says that they yield: each is told its pause, and its room is shared among those that have one.
 * What is told is counted as ever, so that a ceiling holds whatever is believed of cars. Only what a box has said itself since its link came up counts as no
 * car, see `forgetVacant`; one that takes limits only in a session holds no pause, so it keeps its share.
 */

/** Not in an emergency: a bridge that dies then leaves nobody paused for a car that was not there. */
export const yields = (e: EventState, p: Programme | undefined): boolean => p?.vacant === 'yields' && e.event.class !== 'emergency'

/** By member: 1 where it is told now, has no car, and yields. Undefined where the programme lets nobody yield. */
export function vacantAmong(
  s: State,
  e: EventState,
  p: Programme | undefined,
  members: Uint32Array,
  isTold: (m: number) => boolean,
): Uint8Array | undefined {
  if (!yields(e, p)) return undefined
  return Uint8Array.from(members, (i, m) => (s.phase[i] === NO_CAR && isTold(m) && !s.noSession.has(i) ? 1 : 0))
}

/** Does this news change who yields under a ceiling that is to come or running? Asked before it is applied. */
export function comesOrGoes(s: State, news: Extract<Input, { kind: 'session' }>, nowS: Second): boolean {
  const ranges = [...s.events.values()]
    .filter(e => hasCeiling(e, nowS) && yields(e, termsOf(s, e)))
    .flatMap(e => rangesOf(s.fleet, e.event.targets))
  if (ranges.length === 0) return false
  return news.who.some(
    (i, k) => i < s.phase.length && (s.phase[i] === NO_CAR) !== (news.phase[k]! + 1 === NO_CAR) && isIn(ranges, s.fleet.position[i]!),
  )
}
const isIn = (ranges: readonly Range[], at: number): boolean => ranges.some(r => r.from <= at && at < r.to)
const hasCeiling = ({ status, event, cancelledS }: EventState, nowS: Second): boolean =>
  status === 'accepted' && !event.test && event.intervals.some(x => x.ask.kind === 'cap' && nowS < Math.min(x.toS, cancelledS))

/**
 * Shares as they are to be told where cars come and go: what was told moves towards `fresh` by as little as it must. Nobody with a car whom `fresh` serves stays
 * paused; where that takes more than there is, those who have more than in `fresh` are brought down to it, whoever is served last first; what is left over goes
 * to those who have less, in the order, once it is a step of anyone. Arguments as of `keep`; `order`: lower is served first.
 */
export function keepServing(
  s: State,
  e: EventState,
  interval: Interval,
  members: Uint32Array,
  part: Uint8Array,
  fresh: Int32Array,
  budgetW: number,
  mostW: Int32Array,
  order: Uint32Array,
  isVacant: Uint8Array,
): Int32Array {
  if (!members.some(i => isToldOf(s.rows, s.want[i]!, e.no))) return fresh
  const f = s.fleet
  const k = e.event.intervals.indexOf(interval)
  const nowS = Math.floor(s.nowMs / 1000)
  const isLettingGo = nowS >= Math.min(interval.toS, e.cancelledS)
  const out = fresh.slice()
  const above: number[] = []
  const below: number[] = []
  const gapW = (m: number) => allowedW(out[m]!, mostW[m]!) - allowedW(fresh[m]!, mostW[m]!)
  let idleW = budgetW
  let stepW = 0
  for (let m = 0; m < members.length; m++) {
    if (part[m] !== TOLD) continue
    const i = members[m]!
    const fromS = Math.max(spanFromS(e, k, i), nowS)
    const toS = spanToS(e, k, i)
    if (fromS >= toS) continue
    const leastW = pauseW(f, e, i)
    const told = toldShare(s, e, i, fromS, toS, leastW, mostW[m]!)
    const isFree = told < 0 && !isBox(f, i) && !isToldOf(s.rows, s.want[i]!, e.no)
    const mayRun = told === leastW && allowedW(fresh[m]!, mostW[m]!) > told
    if (isLettingGo && isFree) out[m] = -1
    else if (told >= 0 && (isLettingGo || (isVacant[m] === 0 && !mayRun))) out[m] = told
    idleW -= allowedW(out[m]!, mostW[m]!)
    stepW = Math.max(stepW, Math.floor((f.maxW[i]! - f.minW[i]!) / STEPS))
    if (gapW(m) !== 0) (gapW(m) > 0 ? above : below).push(m)
  }
  // nothing is shared out any more, only let go
  if (isLettingGo) return out
  const take = (m: number) => {
    idleW += gapW(m)
    out[m] = fresh[m]!
  }
  const inOrder = (a: number, b: number) => order[a]! - order[b]! || a - b
  for (const m of above.sort(inOrder).reverse()) if (idleW < 0) take(m)
  if (idleW < 0) return fresh
  if (idleW >= stepW) for (const m of below.sort(inOrder)) if (-gapW(m) <= idleW) take(m)
  return out
}
const allowedW = (w: number, mostW: number): number => (w < 0 ? mostW : w)
