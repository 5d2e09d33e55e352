import { type Fact, NO_TRANSACTION, outcomeCode, type Second } from './model.ts'
import { commanding } from './register.ts'
import { appendRows, FREE, grown, NONE, rowEnd, rowStart, sameRest, UNKNOWN } from './rows.ts'
import { answers, type EventState, isUp, type State } from './state.ts'

type Of<K extends Fact['kind']> = Extract<Fact, { kind: K }>

/** A station that comes back: what it was sent without an answer is unknown, and is sent again at once. */
export function applyLink(s: State, fact: Of<'link'>): void {
  const f = s.fleet
  fact.stations.forEach((station, k) => {
    const was = s.up[station]
    s.up[station] = fact.up[k]!
    for (let p = f.nodeFrom[station]!; p < f.nodeTo[station]!; p++) {
      const i = f.order[p]!
      if (f.station[i] !== station) continue
      s.dueS[i] = 0
      if (was === 1 || fact.up[k] === 0 || s.pending[i] === NONE) continue
      s.holds[i] = UNKNOWN
      s.pending[i] = NONE
      s.attempt[i] = 0
    }
  })
}

export function applySent(s: State, fact: Of<'sent'>, nowS: Second): void {
  const fitted = new Map<number, number>()
  appendRows(s.rows, fact.fitted, (i, row) => fitted.set(i, row))
  const answered = answering(s, nowS)
  const { rows, want, pending, attempt, sentS, seq, dueS } = s
  const isFitted = fitted.size > 0
  for (let k = 0; k < fact.who.length; k++) {
    const i = fact.who[k]!
    const row = isFitted ? (fitted.get(i) ?? want[i]!) : want[i]!
    const again = pending[i] !== NONE && sameRest(rows, pending[i]!, row, nowS)
    attempt[i] = again ? Math.min(255, attempt[i]! + 1) : 0
    pending[i] = row
    sentS[i] = nowS
    seq[i] = fact.seq[k]!
    dueS[i] = 0
    answered(i, row, SENT)
  }
}

/** Attempts after which the next is as late as it gets: who has no car is asked again only in case the news of one was lost. */
const AT_LEISURE = 8
export function applyOutcome(s: State, fact: Of<'outcome'>): void {
  const nowS = Math.floor(s.nowMs / 1000)
  const answered = answering(s, nowS)
  fact.who.forEach((i, k) => {
    const pending = s.pending[i]!
    if (s.seq[i] !== fact.seq[k] || pending === NONE) return
    s.dueS[i] = 0
    switch (fact.what[k]) {
      case outcomeCode.accepted:
        s.holds[i] = pending
        s.pending[i] = NONE
        s.attempt[i] = 0
        s.noSession.delete(i)
        return answered(i, pending, ACCEPTED)
      case outcomeCode.rejected:
        answered(i, pending, REJECTED)
        // a refused release is tried again after a pause; a refused limit changes the plan
        if (pending === FREE) s.holds[i] = UNKNOWN
        else s.pending[i] = NONE
        return
      default:
        s.holds[i] = UNKNOWN
        if (fact.causes[fact.cause[k]!] === NO_TRANSACTION) {
          s.attempt[i] = Math.max(s.attempt[i]!, AT_LEISURE)
          s.noSession.set(i, nowS)
        }
        return answered(i, pending, UNANSWERED)
    }
  })
}
const SENT = answers.indexOf('sent')
const ACCEPTED = answers.indexOf('accepted')
const REJECTED = answers.indexOf('rejected')
const UNANSWERED = answers.indexOf('unknown')
/**
 * Notes, charger by charger, what became of a command with the schedule `row`, at each event that it carries. What hangs on an event alone is looked up
 * once: a command to a million chargers carries a handful of events.
 */
function answering(s: State, nowS: Second): (i: number, row: number, answer: number) => void {
  const carried: ({ readonly e: EventState; readonly isCommanded: ((charger: number) => void) | undefined } | null | undefined)[] = []
  const { rows } = s
  return (i, row, answer) => {
    const end = rowEnd(rows, row)
    for (let k = rowStart(rows, row); k < end; k++) {
      const no = rows.because[k]!
      let event = carried[no]
      if (event === undefined) {
        const e = s.events.get(no)
        event = carried[no] = e ? { e, isCommanded: commanding(s, e, nowS) } : null
      }
      if (!event) continue
      const { e } = event
      if (e.answer.length <= i) e.answer = grown(e.answer, s.fleet.chargers)
      if (e.answer[i] === 0) event.isCommanded?.(i)
      e.answer[i] = answer
    }
  }
}

/** A charger that was never limited has nothing to lose; any other must be told again. */
export function doubt(s: State, i: number, nowS: Second): void {
  if (i >= s.want.length) return
  const free =
    s.pending[i] === NONE && s.holds[i] !== UNKNOWN && sameRest(s.rows, s.holds[i]!, FREE, nowS) && sameRest(s.rows, s.want[i]!, FREE, nowS)
  if (free) return
  // out of reach it counts by what it was sent last, as without an answer, until it can be told again
  if (isUp(s, i)) s.pending[i] = NONE
  else if (s.pending[i] === NONE && s.holds[i] !== UNKNOWN) s.pending[i] = s.holds[i]!
  s.holds[i] = UNKNOWN
  s.attempt[i] = 0
  s.dueS[i] = 0
}
