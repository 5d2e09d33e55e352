import { apply, beginTurn } from './apply.ts'
import { budgetAlarms } from './budget.ts'
import { eventForecast } from './capacity.ts'
import { check, passedAlarm } from './check.ts'
import { easings, unwaited } from './ease.ts'
import { isHolding } from './held.ts'
import { judge, latecomers } from './judge.ts'
import { nextFreedS } from './members.ts'
import { type Decision, type Fact, type Input, outcomeCode, type Second } from './model.ts'
import { chargersAt } from './outage.ts'
import { pickUps } from './pickUp.ts'
import { type Planned, plan, planningEvents } from './plan.ts'
import { pacedCancel } from './ramp.ts'
import { reconcile } from './reconcile.ts'
import { beyondRoutine } from './register.ts'
import { lastResorts, type Observed, shortfall } from './response.ts'
import { restore } from './restore.ts'
import { FREE, NONE, rowEnd, rowStart } from './rows.ts'
import type { EventState, State } from './state.ts'
import { comesOrGoes } from './vacant.ts'
import { verify } from './verify/verify.ts'

/** The plan broke a rule that `check` holds: a bug. The process must stop; restart is safe. */
export class UnlawfulPlan extends Error {}

/**
 * Everything that becomes true now because of `inputs` or because time has passed: (state, inputs, now) -> facts. The one entry to the core. Pure:
 * the same state, inputs and now give the same facts and the same state; no clock, no I/O. It writes `s` in place, fact by fact; whoever cannot
 * make the facts durable must throw the state away and fold the journal again.
 */
export function decide(s: State, inputs: readonly Input[], nowMs: number): Fact[] {
  const nowS = Math.floor(nowMs / 1000)
  const isFreedOtherwise = nextFreedS(s, Math.floor(s.nowMs / 1000)) <= nowS
  beginTurn(s, s.turn + 1, nowMs)
  const facts: Fact[] = []
  const put = (fact: Fact) => {
    facts.push(fact)
    apply(s, fact)
  }
  let replan = isFreedOtherwise
  const known = s.fleet.chargers
  for (const input of inputs) {
    const refused = input.kind === 'outcome' ? refusals(s, input) : undefined
    const moves = input.kind === 'session' && comesOrGoes(s, input, nowS)
    put(input)
    if (refused) put(refused)
    replan ||= refused !== undefined || moves || changesPlan(s, input)
  }
  for (const e of s.events.values()) {
    if (e.status !== 'received') continue
    put(judge(s, e, nowS))
    const beyond = beyondRoutine(s, e)
    if (beyond) put(beyond)
    replan = true
  }
  for (const e of s.events.values()) {
    const paced = pacedCancel(s, e, nowS)
    if (paced) put(paced)
  }
  if (inputs.some(input => input.kind === 'fleet'))
    for (const e of s.events.values()) {
      const joined = latecomers(s, e, known, nowS)
      if (joined) put(joined)
    }
  for (const input of inputs)
    if (input.kind === 'booted')
      for (const decision of pickUps(s, input, nowS)) {
        put(decision)
        replan = true
      }
  for (const decision of reactions(s, inputs, nowS)) {
    put(decision)
    replan ||= decision.kind === 'verified' ? isShedding(s, nowS) : decision.kind !== 'alarm'
  }
  // after what the meters showed in this very turn: its time is short
  for (const e of s.events.values())
    for (const step of lastResorts(s, e, nowS)) {
      put(step)
      replan = true
    }
  for (const e of s.events.values())
    for (let next = restore(s, e, nowS); next; next = next.kind === 'restoring' ? restore(s, e, nowS) : undefined) {
      put(next)
      replan = true
    }
  if (replan) {
    for (const eased of easings(s, nowS, isFreedOtherwise || inputs.some(input => input.kind === 'optIn'))) put(eased)
    planAndCheck(s, nowS, put)
  }
  for (const e of s.events.values()) {
    const expected = eventForecast(s, e, nowS)
    if (expected) put(expected)
  }
  let sent = reconcile(s, nowS)
  if (sent && !replan && unlawful(s, nowS)) {
    // what was lawful when it was planned is not any more: nothing is sent on it
    planAndCheck(s, nowS, put)
    sent = reconcile(s, nowS)
  }
  if (sent) put(sent)
  // a turn in which nothing became true leaves no entry, so it has no number
  if (facts.length === 0) s.turn--
  return facts
}

function planAndCheck(s: State, nowS: Second, put: (fact: Fact) => void): void {
  putPlan(s, nowS, put)
  let wrong = unlawful(s, nowS)
  // a bound per minute is the least of the rules: where waiting for it breaks another one, nobody waits
  const waiting = wrong ? unwaited(s, nowS) : []
  if (waiting.length > 0) {
    for (const eased of waiting) put(eased)
    putPlan(s, nowS, put)
    wrong = unlawful(s, nowS)
  }
  if (wrong) throw new UnlawfulPlan(wrong)
  const passed = passedAlarm(s, nowS)
  if (passed) put(passed)
}

function putPlan(s: State, nowS: Second, put: (fact: Fact) => void): void {
  const planned = plan(s, nowS)
  if (planned.schedules.who.length > 0 || isOtherwiseUnreachable(s, planned)) put(planned)
}

/** What is wrong with what is wanted, but for what the last plan said is out of reach. */
const unlawful = (s: State, nowS: Second): string | undefined =>
  check(s, nowS, new Map([...s.events.values()].map(e => [e.no, e.missingW])))

/** Is a reduction running whose expectation hangs on what meters teach of chargers? */
const isShedding = (s: State, nowS: Second): boolean =>
  planningEvents(s, nowS).some(e => e.event.intervals.some(x => x.ask.kind === 'shed'))

/** Is more or less out of reach than at the last plan? */
function isOtherwiseUnreachable(s: State, { unreachable }: Planned): boolean {
  const now = new Map(unreachable.map(u => [u.event, u.missingW]))
  return [...s.events.values()].some(e => e.missingW !== (now.get(e.no) ?? 0))
}

/** Can this input change what anyone should do? */
function changesPlan(s: State, input: Input): boolean {
  switch (input.kind) {
    case 'fleet':
    case 'programme':
    case 'bounds':
    case 'enrolled':
    case 'signal':
    case 'optOut':
    case 'optIn':
    case 'silent':
    case 'heardAgain':
      return true
    case 'observed':
      return s.events.get(input.event)?.basisAtS === Math.floor(s.nowMs / 1000)
    case 'link':
      // who is offline counts against a cap
      return planningEvents(s, Math.floor(s.nowMs / 1000)).some(e => e.event.intervals.some(x => x.ask.kind === 'cap'))
    case 'session':
      // a car that leaves takes its admission with it
      return [...s.events.values()].some(isHolding)
    case 'keyCommitted':
    case 'outcome':
    case 'doubt':
    // what it means is decided apart
    case 'booted':
    case 'metered':
    case 'resumed':
    case 'nominated':
    case 'forced':
    case 'noted':
    case 'erased':
    case 'expired':
      return false
  }
}

function reactions(s: State, inputs: readonly Input[], nowS: Second): Decision[] {
  const out: Decision[] = []
  for (const input of inputs) {
    if (input.kind !== 'observed' && input.kind !== 'metered') continue
    const e = s.events.get(input.event)
    if (e?.status !== 'accepted') continue
    if (input.kind === 'metered') out.push(...verify(s, e, input))
    else out.push(...fromMeters(s, e, input, nowS), ...budgetAlarms(s, e, input))
  }
  return out
}
const fromMeters = (s: State, e: EventState, seen: Observed, nowS: Second): Decision[] => {
  const missing = shortfall(s, e, seen, nowS)
  return missing ? [missing] : []
}

/** The firmware's no to a limit keeps the charger out of the plan until that limit would have ended. Its no to a release is not an answer: it is asked again. */
function refusals(s: State, input: Extract<Input, { kind: 'outcome' }>): Extract<Decision, { kind: 'refused' }> | undefined {
  const who: number[] = []
  const toS: number[] = []
  const cause: number[] = []
  input.who.forEach((i, k) => {
    const row = s.pending[i]
    if (input.what[k] !== outcomeCode.rejected || s.seq[i] !== input.seq[k] || row === undefined || row === NONE || row === FREE) return
    const last = rowEnd(s.rows, row) - 1
    if (last < rowStart(s.rows, row)) return
    // a box that takes one limit for all its chargers refuses for all of them
    for (const each of s.fleet.limitsAtStation[i] === 1 ? chargersAt(s.fleet, s.fleet.station[i]!) : [i]) {
      who.push(each)
      toS.push(s.rows.toS[last]!)
      cause.push(input.cause[k]!)
    }
  })
  if (who.length === 0) return undefined
  return { kind: 'refused', who: Uint32Array.from(who), toS: Uint32Array.from(toS), causes: input.causes, cause: Uint8Array.from(cause) }
}
