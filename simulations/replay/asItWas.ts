import { apply, beginTurn } from '../../src/core/apply.ts'
import { decide, UnlawfulPlan } from '../../src/core/decide.ts'
import type { EventNo, Fact, Input, Instant } from '../../src/core/model.ts'
import { ALGORITHM } from '../../src/core/plan.ts'
import { fromBytes, toBytes } from '../../src/core/snapshot.ts'
import { emptyState, type State } from '../../src/core/state.ts'
import type { Journal } from '../../src/ports.ts'
import { compared, type Difference } from './differences.ts'
import { type RecordedFact, type RecordedTurn, turnsOf } from './turns.ts'

export type TurnDifference = Difference & { readonly turn: number; readonly atMs: Instant }
/**
 * What came of deciding every turn again. Each recorded fact is in exactly one count: `inputs` from outside and `snapshots` are what the journal says;
 * of what was decided `identical` is the same bytes, `differing` is not, `notRechecked` followed from a plan of another algorithm (by its name), and
 * of `expired` the inputs are not kept any more.
 */
export type AsItWas = {
  readonly turns: number
  readonly facts: number
  readonly inputs: number
  readonly snapshots: number
  readonly identical: number
  readonly differing: number
  readonly notRechecked: Readonly<Record<string, number>>
  readonly expired: number
  /** Facts that the record does not have, but that are decided now. */
  readonly extra: number
  readonly expiredTurns: number
  /** The first of them, in order. */
  readonly differences: readonly TurnDifference[]
}
export type AsItWasOptions = {
  /** Only the turns from this event's signal to its last word are decided again; the others are folded. */
  readonly turns?: { readonly from: number; readonly to: number }
  readonly mostDifferences?: number
}

const inputKinds: Readonly<Record<Input['kind'], true>> = {
  keyCommitted: true,
  fleet: true,
  programme: true,
  bounds: true,
  enrolled: true,
  signal: true,
  optOut: true,
  optIn: true,
  session: true,
  link: true,
  outcome: true,
  booted: true,
  doubt: true,
  observed: true,
  metered: true,
  resumed: true,
  nominated: true,
  silent: true,
  heardAgain: true,
  forced: true,
  erased: true,
  expired: true,
  noted: true,
}
export const isInput = (fact: Fact): fact is Input => fact.kind in inputKinds

/**
 * Decides every turn of a journal again from its recorded inputs, and compares with what was decided then. The state is folded from the record, never
 * from what is decided now: a difference in one turn does not make others.
 * @throws MissingBlob where something is absent that no state can be made without
 */
export async function asItWas(journal: Pick<Journal, 'read' | 'blob'>, options: AsItWasOptions = {}): Promise<AsItWas> {
  const { turns = { from: 0, to: Infinity }, mostDifferences = 100 } = options
  const count = { turns: 0, facts: 0, inputs: 0, snapshots: 0, identical: 0, differing: 0, expired: 0, extra: 0, expiredTurns: 0 }
  const notRechecked: Record<string, number> = {}
  const differences: TurnDifference[] = []
  const kept = createKeptState()
  const doubt = createDoubt()
  let algorithm = ALGORITHM
  for await (const turn of turnsOf(journal)) {
    algorithm = plannedBy(turn) ?? algorithm
    const isDoubtful = doubt.take(turn, kept.state())
    const isOpening = turn.facts.some(f => f.fact.kind === 'opened')
    if (isOpening || turn.turn < turns.from || turn.turn > turns.to) {
      kept.fold(turn)
      continue
    }
    const facts = turn.facts.map(f => f.fact)
    const decided = facts.filter(f => !isInput(f) && f.kind !== 'snapshot')
    count.turns++
    count.facts += facts.length
    count.inputs += facts.filter(isInput).length
    count.snapshots += facts.filter(f => f.kind === 'snapshot').length
    if (isDoubtful) {
      count.expiredTurns++
      count.expired += decided.length
      kept.fold(turn)
      continue
    }
    const { again, refusal } = decidedAgain(kept.state(), facts.filter(isInput), turn.nowMs)
    const whole = facts.filter(f => f.kind !== 'snapshot')
    const upTo = algorithm === ALGORITHM ? Infinity : firstPlan(whole, again)
    const { same, differences: found } = refusal ?? compared(whole.slice(0, upTo), again.slice(0, upTo))
    const rest = whole.slice(upTo).filter(f => !isInput(f)).length
    const inputs = facts.filter(isInput).length - whole.slice(upTo).filter(isInput).length
    if (rest > 0) notRechecked[algorithm] = (notRechecked[algorithm] ?? 0) + rest
    count.identical += same - inputs
    count.differing += decided.length - rest - (same - inputs)
    count.extra += found.filter(d => d.recorded === undefined && d.path === '').length
    differences.push(...found.map(d => ({ turn: turn.turn, atMs: turn.nowMs, ...d })))
    if (found.length > 0 || upTo !== Infinity) kept.foldInstead(turn)
    else kept.decided(turn)
  }
  return { ...count, notRechecked, differences: differences.slice(0, mostDifferences) }
}
/** Writes `s` as the engine would. A plan that its own check refuses is a difference: nothing of the turn is the same then. */
function decidedAgain(
  s: State,
  inputs: readonly Input[],
  nowMs: Instant,
): { again: readonly Fact[]; refusal?: ReturnType<typeof compared> } {
  try {
    return { again: decide(s, inputs, nowMs) }
  } catch (error) {
    if (!(error instanceof UnlawfulPlan)) throw error
    const refused: Difference = { kind: 'planned', path: 'check', recorded: 'recorded', again: error.message }
    return { again: [], refusal: { same: inputs.length, differences: [refused] } }
  }
}
const plannedBy = ({ facts }: RecordedTurn): string | undefined => facts.map(f => f.fact).findLast(f => f.kind === 'planned')?.algorithm
/** What is decided before the first plan of a turn does not depend on it. */
function firstPlan(recorded: readonly Fact[], again: readonly Fact[]): number {
  const at = [recorded, again].map(facts => facts.findIndex(f => f.kind === 'planned')).filter(k => k >= 0)
  return at.length === 0 ? Infinity : Math.min(...at)
}

const KEEP_EVERY = 256
/** The state of the record. `decide` writes it in place, as in the engine; where that came out otherwise it is made anew from the last that was kept. */
function createKeptState() {
  let s = emptyState()
  let since: RecordedTurn[] = []
  let kept = toBytes(s)
  const foldInto = (turn: RecordedTurn) => {
    beginTurn(s, turn.turn, turn.nowMs)
    for (const { fact } of turn.facts) apply(s, fact)
  }
  const took = (turn: RecordedTurn) => {
    since.push(turn)
    if (since.length < KEEP_EVERY) return
    kept = toBytes(s)
    since = []
  }
  return {
    state: () => s,
    fold(turn: RecordedTurn): void {
      foldInto(turn)
      took(turn)
    },
    decided: took,
    foldInstead(turn: RecordedTurn): void {
      s = fromBytes(kept)
      for (const before of since) foldInto(before)
      foldInto(turn)
      took(turn)
    },
  }
}

/**
 * What stands on evidence that is gone. Once the power that an event was planned on has expired, nothing of that event can be decided again until the
 * state has let go of it; the same of boxes that have just started.
 */
function createDoubt() {
  const events = new Set<EventNo>()
  let areBootsGone = false
  return {
    /** Is there, with this turn and before it, anything that it may stand on and that is gone? */
    take({ facts }: RecordedTurn, s: State): boolean {
      for (const no of events) if (!isRemembered(s, no)) events.delete(no)
      areBootsGone &&= s.boots.size > 0
      let isGone = false
      for (const { fact, gone } of facts) {
        if (gone.length === 0) continue
        isGone = true
        const no = eventOf({ fact, gone })
        if (no !== undefined) events.add(no)
        areBootsGone ||= fact.kind === 'booted'
      }
      return isGone || events.size > 0 || areBootsGone
    },
  }
}
function isRemembered(s: State, no: EventNo): boolean {
  const e = s.events.get(no)
  return e !== undefined && (e.basisW.length > 0 || e.kept !== null || e.restore !== null)
}
function eventOf({ fact }: RecordedFact): EventNo | undefined {
  switch (fact.kind) {
    case 'observed':
    case 'metered':
    case 'outage':
      return fact.event
    case 'verified':
      return fact.verification.event
    default:
      return undefined
  }
}
