import { awaitsVerification } from '../core/apply.ts'
import { membersOf } from '../core/members.ts'
import type { EventNo, Fact, Input, Instant, Readings } from '../core/model.ts'
import { type EventState, ownLastS, type State } from '../core/state.ts'
import { accuracyOf, UNKNOWN_ACCURACY } from '../core/verify/accuracy.ts'
import { EDGE_MS } from '../core/verify/energy.ts'
import { isInEvent, rulesetOf } from '../core/verify/eventDays.ts'
import { looksAfterS, looksBeforeS } from '../core/verify/historic.ts'
import { readingsTree } from '../core/verify/readingsRoot.ts'
import { METER_BEFORE, type MeterErrors, type VerdictTerms } from '../core/verify/record.ts'
import { rulesOf } from '../core/verify/terms.ts'
import { askedWindow, baselineWindow, settledWindow, type Window } from '../core/verify/window.ts'
import type { Meters, Registry, Runtime } from '../ports.ts'
import { readingsAround } from './edgeReadings.ts'
import { createResumes } from './resumes.ts'
import { createHistoryReader, eventDayIn } from './verifyingHistory.ts'

export type VerifyingOptions = {
  /** How long after an event's end late readings are waited for before it is verified. */
  readonly graceMs: number
  /** How long readings that come later still are gathered before they make the next revision of a verdict. */
  readonly reviseAfterMs: number
}
type World = { readonly runtime: Runtime; readonly meters: Meters; readonly registry: Registry }

/** Events whose readings have changed since their verdict, and when they are looked at: outlives a restart. */
const LATE_KEY = 'engine.late'

/**
 * Brings readings to events: once some time after each has ended, and again when readings of its time come late or are corrected, for as long as its
 * rules allow that. Whether anything did change is told by the root over the readings; each verdict is compared once more when its correction
 * period ends, so that what was overlooked (in a crash between two writes) is found at last.
 */
export function createVerifying({ runtime, meters, registry }: World, options: VerifyingOptions, state: () => State, soon: () => void) {
  const late = new Map<EventNo, Instant>()
  /** Looked at in the turn that is being taken: comes back if that fails. */
  const taken = new Map<EventNo, Instant>()
  const lookedLast = new Set<EventNo>()
  const historyOf = createHistoryReader(meters)
  const resumes = createResumes(runtime, meters, state)
  let untilMs = 0
  const whoOf = new WeakMap<Uint32Array, ReadonlySet<number>>()
  const isOf = (who: Uint32Array, charger: number): boolean => {
    const known = whoOf.get(who) ?? new Set(who)
    whoOf.set(who, known)
    return known.has(charger)
  }

  function dueAt(e: EventState): Instant {
    if (awaitsVerification(e)) return (ownLastS(e) + afterS(e)) * 1000 + options.graceMs
    if (!e.kept || e.status !== 'accepted') return Infinity
    return Math.min(late.get(e.no) ?? Infinity, lookedLast.has(e.no) ? Infinity : e.kept.untilS * 1000)
  }

  /** What its ruleset looks at after the event must be over as well. */
  function afterS({ ruleset }: EventState): number {
    const known = ruleset && rulesetOf(ruleset)
    return known ? looksAfterS(known) : 0
  }
  /** Marks the verified events that these readings belong to. Nearly always there is none: readings tell of the last minutes. */
  function see({ charger, fromMs, toMs, powerW }: Readings): void {
    let isLate = false
    // a register alone tells of the time up to the value before it, and from it on
    const reachMs = (k: number): number => (Number.isNaN(powerW[k]!) ? EDGE_MS : 0)
    for (let k = 0; k < fromMs.length; k++) if (fromMs[k]! - reachMs(k) < untilMs) isLate = true
    if (!isLate) return
    const before = late.size
    for (const e of state().events.values()) {
      if (!e.kept || late.has(e.no) || e.kept.untilS * 1000 <= runtime.now()) continue
      const { fromS, toS } = looksAt(e.kept.terms)
      const [a, z] = [fromS * 1000, toS * 1000]
      for (let k = 0; k < charger.length && !late.has(e.no); k++)
        if (fromMs[k]! - reachMs(k) < z && toMs[k]! + reachMs(k) > a && isOf(e.kept.who, charger[k]!))
          late.set(e.no, runtime.now() + options.reviseAfterMs)
    }
    if (late.size === before) return
    mark()
    soon()
  }
  function mark(): void {
    const all = Object.fromEntries([...taken, ...late])
    registry.set(LATE_KEY, Object.keys(all).length === 0 ? null : JSON.stringify(all)).catch(() => undefined)
  }
  function limit(): void {
    untilMs = 0
    for (const e of state().events.values()) if (e.kept) untilMs = Math.max(untilMs, looksAt(e.kept.terms).toS * 1000)
  }

  async function inputs(nowMs: Instant): Promise<Input[]> {
    for (const [no, at] of taken) if (!late.has(no)) late.set(no, at)
    taken.clear()
    const out: Input[] = []
    for (const e of state().events.values()) {
      if (dueAt(e) > nowMs) continue
      const input = e.kept && e.verification ? await corrected(e, nowMs) : await first(e)
      if (input) out.push(input)
    }
    return [...out, ...(await resumes.inputs(nowMs))]
  }
  async function first(e: EventState): Promise<Input> {
    const s = state()
    const who = membersOf(s, e)
    const window = (e.ruleset ?? METER_BEFORE).id === METER_BEFORE.id ? settledWindow(e) : askedWindow(e)
    const { fromS } = baselineWindow(s, e)
    const { ruleset } = e
    const isEventDay = (row: number, day: number): boolean => isInEvent(s, who[row]!, day)
    const readings = await readingsAround(meters, who, Math.min(fromS, window.fromS) * 1000, window.toS * 1000)
    const history = ruleset && (await historyOf({ who, window, ruleset, periodS: rulesOf(s, e).periodS, isEventDay }))
    return {
      kind: 'metered',
      event: e.no,
      readings,
      salt: runtime.random(16),
      ...withSome(errorsOf(who)),
      ...(history ? { history } : {}),
    }
  }
  /** Undefined where the readings are what they were. */
  async function corrected(e: EventState, nowMs: Instant): Promise<Input | undefined> {
    const { who, terms, salt, marks, untilS } = e.kept!
    if (untilS * 1000 <= nowMs) lookedLast.add(e.no)
    if (late.has(e.no)) taken.set(e.no, late.get(e.no)!)
    late.delete(e.no)
    const { fromS, toS, baselineFromS } = terms.window
    const readings = await readingsAround(meters, who, Math.min(fromS, baselineFromS) * 1000, toS * 1000)
    const history = await historyFor(who, terms)
    const tree = readingsTree(who, readings, salt, history)
    if (tree.root === e.verification!.readings?.root || isRemoved(who, marks.readings, readings)) {
      if (taken.delete(e.no)) mark()
      return undefined
    }
    return { kind: 'metered', event: e.no, readings, salt, ...(history ? { history } : {}) }
  }
  const historyFor = async (who: Uint32Array, terms: VerdictTerms) => {
    const { ruleset, window, rules } = terms
    if (ruleset.id === METER_BEFORE.id) return undefined
    return historyOf({ who, window, ruleset, periodS: rules.periodS, isEventDay: eventDayIn(terms) })
  }

  function errorsOf(who: Uint32Array): MeterErrors {
    const known = new Map<string, number>()
    const out: { who: number[]; errorBp: number[] } = { who: [], errorBp: [] }
    for (const i of who) {
      const meterClass = registry.charger(i)?.station.capabilities.meterClass
      if (meterClass === undefined) continue
      const error = known.get(meterClass) ?? accuracyOf(meterClass)
      known.set(meterClass, error)
      if (error === UNKNOWN_ACCURACY) continue
      out.who.push(i)
      out.errorBp.push(Math.round(error * 10_000))
    }
    return { who: Uint32Array.from(out.who), errorBp: Uint16Array.from(out.errorBp) }
  }

  return {
    /** The same store, watched for readings that come late. */
    meters: {
      ...meters,
      put(readings: Readings): void {
        see(readings)
        meters.put(readings)
      },
    } satisfies Meters,
    dueAt: (e: EventState): Instant => Math.min(dueAt(e), resumes.dueAt()),
    /** What is to be verified, or verified anew, now. */
    inputs,
    /** To be called after each turn and after a start. */
    afterTurn(facts: readonly Fact[]): void {
      if (taken.size > 0) {
        taken.clear()
        mark()
      }
      if (facts.some(fact => fact.kind === 'verified')) limit()
      resumes.afterTurn(facts)
    },
    recovered(): void {
      limit()
      resumes.recovered()
      try {
        for (const [no, at] of Object.entries(JSON.parse(registry.get(LATE_KEY) ?? '{}') as Record<string, number>))
          late.set(Number(no), at)
      } catch {
        // what was to be looked at is found by the last look at each
      }
      for (const no of late.keys()) if (!state().events.get(no)?.kept) late.delete(no)
    },
  }
}
/** Readings of this time bear on a verdict: the event's own, and what moves its baseline on its day. Of the days before it the last look tells. */
function looksAt({ window: w, ruleset: ref, rules }: VerdictTerms): Window {
  const ruleset = ref.id === METER_BEFORE.id ? undefined : rulesetOf(ref)
  const fromS = Math.min(w.fromS, w.baselineFromS)
  return ruleset ? { fromS: fromS - looksBeforeS(ruleset) - rules.periodS, toS: w.toS + looksAfterS(ruleset) } : { fromS, toS: w.toS }
}
const withSome = (meters: MeterErrors): { meters?: MeterErrors } => (meters.who.length > 0 ? { meters } : {})

/** Readings were erased or have expired: what is left of them is no correction. */
function isRemoved(who: Uint32Array, before: Uint32Array, { charger }: Readings): boolean {
  const now = new Map<number, number>()
  for (const i of charger) now.set(i, (now.get(i) ?? 0) + 1)
  return who.some((i, r) => (now.get(i) ?? 0) < before[r]!)
}
