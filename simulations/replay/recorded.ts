import { apply, beginTurn } from '../../src/core/apply.ts'
import {
  type Fact,
  type Input,
  type Instant,
  nonResponses,
  type OutcomeKind,
  outcomeKinds,
  type Second,
  sessionPhases,
} from '../../src/core/model.ts'
import { toBytes } from '../../src/core/snapshot.ts'
import { emptyState, type State } from '../../src/core/state.ts'
import { type EventFacts, factsOf } from '../../src/operations/reportFacts.ts'
import type { Journal } from '../../src/ports.ts'
import { type RecordedTurn, turnsOf } from './turns.ts'

/** What came from outside in one turn, of that which a world does not make by itself. */
export type FedTurn = { readonly nowMs: Instant; readonly inputs: readonly Input[] }
/** What a charger said to a command, and after how long. */
export type Answer = { readonly kind: OutcomeKind; readonly cause: string; readonly afterMs: number }
export type CarNews = { readonly atS: Second; readonly isThere: boolean }
/** Time in which somebody was limited, by whatever event. */
export type Limited = { readonly fromS: Second; readonly toS: Second }

/** What the journal says of an event, and of the world in which it was: from the turn of its signal on. Columns are by charger number. */
export type RecordedEvent = {
  readonly facts: EventFacts
  /** The state before the turn of the signal, as a snapshot. */
  readonly before: Uint8Array
  readonly startMs: Instant
  readonly turns: { readonly from: number; readonly to: number }
  readonly fed: readonly FedTurn[]
  readonly answers: ReadonlyMap<number, readonly Answer[]>
  readonly cars: ReadonlyMap<number, readonly CarNews[]>
  /** First and last second of what each was told from the signal on, if it took it and did not ignore it; NaN: nothing. */
  readonly limitedFromS: Float64Array
  readonly limitedToS: Float64Array
  /** It accepted, and its meter showed no effect. */
  readonly ignores: Uint8Array
  /** Of the days before as well. */
  readonly limited: readonly Limited[]
  /** Between looks at the meters while the event ran; NaN where there were fewer than two. */
  readonly observeEveryMs: number
}

const fedKinds: ReadonlySet<Fact['kind']> = new Set<Input['kind']>([
  ...([
    'fleet',
    'programme',
    'bounds',
    'enrolled',
    'signal',
    'optOut',
    'optIn',
    'session',
    'link',
    'booted',
    'silent',
    'heardAgain',
  ] as const),
  'doubt',
  'nominated',
])
/** Doubts that followed from commands follow from the commands of the other world there. */
const ofCommands = /late answer|unmoved|refused in part|not written/
const isFed = (fact: Fact): fact is Input => fedKinds.has(fact.kind) && !(fact.kind === 'doubt' && ofCommands.test(fact.why))

/** @param wanted id or number of the event. Undefined where the journal has none. Reads the journal twice. */
export async function recordedEvent(journal: Pick<Journal, 'read' | 'blob'>, wanted: string): Promise<RecordedEvent | undefined> {
  const facts = await factsOf(journal, wanted)
  if (facts === undefined) return undefined
  const s = emptyState()
  const n = facts.fleet.chargers
  let before: Uint8Array | undefined
  const turns = { from: 0, to: 0 }
  const fed: FedTurn[] = []
  const watch = createWatch(n, facts.no)
  for await (const turn of turnsOf(journal)) {
    if (before === undefined && isFirstOf(turn, facts)) {
      before = toBytes(s)
      turns.from = turn.turn
    }
    beginTurn(s, turn.turn, turn.nowMs)
    for (const { fact } of turn.facts) {
      apply(s, fact)
      watch.take(s, fact, turn.nowMs, before !== undefined)
      if (before !== undefined && concerns(fact, facts.no)) turns.to = turn.turn
    }
    const inputs = before === undefined ? [] : turn.facts.map(f => f.fact).filter(isFed)
    if (inputs.length > 0) fed.push({ nowMs: turn.nowMs, inputs })
  }
  const verdict = facts.verdicts.at(-1)?.fact
  const ignores = new Uint8Array(n)
  verdict?.who.forEach((i, k) => (ignores[i] = verdict.cause[k] === IGNORED ? 1 : 0))
  const seen = watch.result()
  // a limit that had no effect limited nobody
  const limitedFromS = seen.limitedFromS.map((s, i) => (ignores[i] === 1 ? Number.NaN : s))
  return { facts, before: before!, startMs: facts.signal.atMs, turns, fed, ...seen, limitedFromS, ignores }
}
const IGNORED = nonResponses.indexOf('acceptedButUnmoved')
const isFirstOf = ({ facts, nowMs }: RecordedTurn, { event, signal, no }: EventFacts): boolean =>
  nowMs === signal.atMs &&
  facts.some(({ fact }) => (fact.kind === 'signal' && fact.event.id === event.id) || (fact.kind === 'outage' && fact.event === no))
function concerns(fact: Fact, no: number): boolean {
  if (fact.kind === 'verified') return fact.verification.event === no
  return 'event' in fact && fact.event === no
}

/** What is told to chargers, and what they say. */
function createWatch(n: number, no: number) {
  const out = new Map<number, { seq: number; atMs: Instant; fromS: Second; toS: Second }>()
  const answers = new Map<number, Answer[]>()
  const cars = new Map<number, CarNews[]>()
  const limitedFromS = new Float64Array(n).fill(Number.NaN)
  const limitedToS = new Float64Array(n).fill(Number.NaN)
  const wantedS = new Map<number, Limited>()
  const limited: Limited[] = []
  const looks: Instant[] = []
  const tookIt = (i: number, { fromS, toS }: Limited) => {
    if (i >= n || toS <= fromS) return
    limitedFromS[i] = Math.min(fromS, Number.isNaN(limitedFromS[i]!) ? fromS : limitedFromS[i]!)
    limitedToS[i] = Math.max(toS, Number.isNaN(limitedToS[i]!) ? toS : limitedToS[i]!)
  }
  return {
    take(s: State, fact: Fact, atMs: Instant, isInside: boolean): void {
      const atS = Math.floor(atMs / 1000)
      if (fact.kind === 'planned') {
        const { who, ends, fromS, toS } = fact.schedules
        const all = { fromS: Infinity, toS: 0 }
        who.forEach((i, k) => {
          const from = k === 0 ? 0 : ends[k - 1]!
          if (from === ends[k]) return void wantedS.delete(i)
          const span = { fromS: Math.max(atS, fromS[from]!), toS: toS[ends[k]! - 1]! }
          wantedS.set(i, span)
          all.fromS = Math.min(all.fromS, span.fromS)
          all.toS = Math.max(all.toS, span.toS)
        })
        if (all.toS > 0) limited.push(all)
      } else if (fact.kind === 'session')
        fact.who.forEach((i, k) => {
          const news = { atS, isThere: sessionPhases[fact.phase[k]!] !== 'none' }
          cars.set(i, isInside ? [...(cars.get(i) ?? []), news] : [news])
        })
      else if (!isInside) return
      else if (fact.kind === 'sent')
        fact.who.forEach((i, k) => out.set(i, { seq: fact.seq[k]!, atMs, ...(wantedS.get(i) ?? { fromS: 0, toS: 0 }) }))
      else if (fact.kind === 'outcome')
        fact.who.forEach((i, k) => {
          const command = out.get(i)
          if (command === undefined || command.seq !== fact.seq[k]) return
          const kind = outcomeKinds[fact.what[k]!]!
          const one = { kind, cause: fact.causes[fact.cause[k]!] ?? '', afterMs: atMs - command.atMs }
          answers.set(i, [...(answers.get(i) ?? []), one])
          if (kind === 'accepted') tookIt(i, command)
        })
      else if (fact.kind === 'observed' && fact.event === no && atS >= (s.events.get(no)?.event.intervals[0]?.fromS ?? Infinity))
        looks.push(atMs)
    },
    result() {
      const gaps = looks.slice(1).map((ms, k) => ms - looks[k]!)
      const observeEveryMs = gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? Number.NaN
      return { answers, cars, limitedFromS, limitedToS, limited: joined(limited), observeEveryMs }
    },
  }
}
/** As few spans as say the same. */
function joined(spans: readonly Limited[]): Limited[] {
  const out: Limited[] = []
  for (const { fromS, toS } of [...spans].sort((a, b) => a.fromS - b.fromS)) {
    const last = out.at(-1)
    if (last && fromS <= last.toS) out[out.length - 1] = { fromS: last.fromS, toS: Math.max(last.toS, toS) }
    else out.push({ fromS, toS })
  }
  return out
}
