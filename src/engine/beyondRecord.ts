import type { ChargerNo, Command, Fact, Input, Instant, Schedule, Second } from '../core/model.ts'
import { NONE, scheduleOf, UNKNOWN } from '../core/rows.ts'
import { remaining } from '../core/schedule.ts'
import type { State } from '../core/state.ts'
import type { ChargerLink } from '../ports.ts'
import type { Inbox } from './inbox.ts'

/** The store says that it has not written and cannot: the disk is full, or read-only. */
export const isUnwritable = (error: unknown): boolean => (error as { code?: string }).code === 'journal-failed'

/** What takes a charger out, and asks nothing of anybody. */
export const givesBack = (input: Input): boolean =>
  input.kind === 'optOut' ||
  (input.kind === 'enrolled' && input.basis.every(basis => basis === 0)) ||
  (input.kind === 'signal' && input.event.intervals.length === 0)

/**
 * The turn that is not recorded gave a number that the next recorded command of this charger has as well: what goes out without a record is numbered far
 * from it, so that its answer is taken for nobody else's.
 */
const SEQS = 65_536
const FAR = SEQS / 2

/** What is owed to the record of inputs that it could not take; all others are refused, and whoever wants them asks again. */
export const owedOf = (inputs: readonly Input[], nowMs: Instant): Input[] =>
  inputs.filter(givesBack).map(input => (input.kind === 'signal' ? { ...input, sinceS: input.sinceS ?? Math.floor(nowMs / 1000) } : input))

/**
 * The one exception from "nothing happened until it is recorded": while nothing can be recorded, chargers are let go. A cancellation, an opt-out or the end of
 * a restore still goes out over the wire, with the very schedules that the turn decided, so spread as ever, and only where they are looser than what the
 * charger holds, and tighter at no instant: what the record wants of it and has not sent yet stays unsent too. It is owed to the record, tried again each second, and what these chargers hold counts as unknown from then on. Nothing new
 * is ever asked. See docs/decisions/0026.
 */
export function createBeyondRecord(chargers: Pick<ChargerLink, 'send'>, tell: (line: string) => void) {
  /** What each was sent last without a record: it may be let go further, but the same is not said twice. */
  const freed = new Map<ChargerNo, Schedule>()
  let isFailing = false
  let rounds = 0
  return {
    /** Nothing can be recorded: said once, and owed to the record, which is so tried each second until it is there again. */
    begun(error: unknown): Input[] {
      if (isFailing || !isUnwritable(error)) return []
      isFailing = true
      tell(`nothing can be recorded (${String((error as Error).message)}): new events are refused, chargers are still let go`)
      return [{ kind: 'noted', what: 'journalUnwritable', about: { code: String((error as { code?: string }).code) } }]
    },
    /**
     * A start goes on without a record, so that chargers can be let go. That nobody is connected is owed; keys of seeds are committed with the first
     * event that can be taken. @throws whatever else is wrong
     */
    owed(error: unknown, inbox: Inbox, inputs: readonly Input[]): void {
      if (!isUnwritable(error)) throw error
      for (const input of inputs)
        if (input.kind === 'link')
          input.stations.forEach((station, k) => inbox.links.set(station, inbox.links.get(station) ?? input.up[k] === 1))
    },
    /** Sends what loosens; `recorded` is the state of the record. Returns who. */
    act(commands: readonly Command[], recorded: State): ChargerNo[] {
      const out = commands.filter(c => isLooser(c.schedule, freed.get(c.charger) ?? presentOf(recorded, c.charger), c.atS))
      if (out.length === 0) return []
      for (const { charger, schedule } of out) freed.set(charger, schedule)
      tell(`let go without a record: chargers ${out.map(c => c.charger).join(' ')}`)
      rounds++
      chargers.send(out.map(c => ({ ...c, seq: (c.seq + FAR + rounds) % SEQS })))
      return out.map(c => c.charger)
    },
    /** The record can be written again: what happened meanwhile, for it. */
    over(): Input[] {
      if (isFailing) tell(`everything is recorded again; ${freed.size} chargers were let go meanwhile`)
      const late: Input[] = freed.size > 0 ? [{ kind: 'noted', what: 'freedUnrecorded', about: { chargers: freed.size } }] : []
      freed.clear()
      isFailing = false
      return late
    },
  }
}

/** What a charger holds; what the record wants of it, where that is not known. */
function presentOf(s: State, charger: ChargerNo): Schedule {
  const isKnown = (s.pending[charger] ?? NONE) === NONE && (s.holds[charger] ?? UNKNOWN) !== UNKNOWN
  return scheduleOf(s.rows, (isKnown ? s.holds[charger] : s.want[charger]) ?? 0)
}
const isLooser = (next: Schedule, present: Schedule, nowS: Second): boolean =>
  isNowhereTighter(next, present, nowS) && !isNowhereTighter(present, next, nowS)
export const sentIn = (facts: readonly Fact[]): Uint32Array => Uint32Array.from(facts.flatMap(f => (f.kind === 'sent' ? [...f.who] : [])))

/** Is `next` from now on free, or limited no lower than `present`, at every instant? */
export function isNowhereTighter(next: Schedule, present: Schedule, nowS: Second): boolean {
  return remaining(next, nowS).every(x => {
    let at = Math.max(x.fromS, nowS)
    for (const p of remaining(present, nowS)) if (p.fromS <= at && at < p.toS && p.limitW <= x.limitW) at = p.toS
    return at >= x.toS
  })
}
