import type { EventNo, Instant, Readings } from '../core/model.ts'
import type { State } from '../core/state.ts'
import { type Day, localDay, type Zone } from '../core/verify/calendar.ts'
import { EDGE_MS } from '../core/verify/energy.ts'
import { rulesetOf } from '../core/verify/eventDays.ts'
import { looksAfterS, looksBeforeS } from '../core/verify/historic.ts'
import { METER_BEFORE, type VerdictTerms } from '../core/verify/record.ts'
import { needsWeather, weatherWindow } from '../core/verify/weather.ts'
import { overlapS } from '../core/verify/window.ts'
import type { Registry, Runtime } from '../ports.ts'
import { daysLookedAt, eventDayIn } from './verifyingHistory.ts'

/** Whom a verdict is about, and by what. */
type About = { readonly who: Uint32Array; readonly terms: VerdictTerms }
/** Readings of what time, and of whom, bear on a verdict. */
type Watched = {
  readonly fromMs: Instant
  readonly toMs: Instant
  readonly zone: Zone
  /** Days before the event that its ruleset may look at. */
  readonly days: ReadonlySet<Day>
  readonly rowOf: ReadonlyMap<number, number>
  wasInEvent(row: number, day: Day): boolean
}

/** Events whose readings have changed since their verdict, and when they are looked at: outlives a restart. */
const LATE_KEY = 'engine.late'

/**
 * Notices readings that come after the verdict they bear on, of the event itself or of a day that its baseline may stand on, and says when each verdict is
 * to be looked at again: some time after the first of them, because boxes that were offline send theirs in bursts. A batch costs a look at the windows of the
 * verdicts that can still change, and nothing where it tells of the last minutes, as nearly all do.
 */
export function createLate(
  { runtime, registry }: { readonly runtime: Pick<Runtime, 'now'>; readonly registry: Registry },
  reviseAfterMs: number,
  state: () => State,
) {
  const due = new Map<EventNo, Instant>()
  /** Looked at now: comes back where that fails. */
  const taken = new Map<EventNo, Instant>()
  /** Gathered for their first verdict, and those of them for which something came meanwhile. */
  const first = new Map<EventNo, About>()
  const meanwhile = new Set<EventNo>()
  const watched = new WeakMap<Uint32Array, Watched>()
  let untilMs = 0

  function watchOf(about: About): Watched {
    const known = watched.get(about.who) ?? watchedOf(about)
    watched.set(about.who, known)
    return known
  }
  /** Of which a reading may come late: verdicts that can be revised, and those that are being made. */
  function* open(): Generator<readonly [EventNo, About]> {
    for (const e of state().events.values()) if (e.kept && !due.has(e.no) && e.kept.untilS * 1000 > runtime.now()) yield [e.no, e.kept]
    for (const [no, about] of first) if (!meanwhile.has(no)) yield [no, about]
  }
  function limit(): void {
    untilMs = 0
    for (const e of state().events.values()) if (e.kept) untilMs = Math.max(untilMs, watchOf(e.kept).toMs)
    for (const about of first.values()) untilMs = Math.max(untilMs, watchOf(about).toMs)
  }
  function mark(): void {
    const all = Object.fromEntries([...taken, ...due])
    registry.set(LATE_KEY, Object.keys(all).length === 0 ? null : JSON.stringify(all)).catch(() => undefined)
  }
  return {
    dueAt: (no: EventNo): Instant => due.get(no) ?? Infinity,
    /** To be called with all readings that come. Did a verdict become due to be looked at again? */
    see(readings: Readings): boolean {
      const old: number[] = []
      for (let k = 0; k < readings.fromMs.length; k++) if (readings.fromMs[k]! - reachMs(readings, k) < untilMs) old.push(k)
      if (old.length === 0) return false
      const before = due.size
      for (const [no, about] of open()) {
        const watch = watchOf(about)
        if (!old.some(k => bearsOn(watch, readings, k))) continue
        if (first.has(no)) meanwhile.add(no)
        else due.set(no, runtime.now() + reviseAfterMs)
      }
      if (due.size === before) return false
      mark()
      return true
    },
    /** The same for a series of temperatures. */
    seeWeather(name: string, fromS: number, toS: number): boolean {
      const before = due.size
      for (const [no, { terms }] of open()) {
        const ruleset = terms.rules.weather === name ? rulesetOf(terms.ruleset) : undefined
        if (!ruleset || !needsWeather(ruleset) || overlapS(weatherWindow(ruleset, terms.window), { fromS, toS }) === 0) continue
        if (first.has(no)) meanwhile.add(no)
        else due.set(no, runtime.now() + reviseAfterMs)
      }
      if (due.size === before) return false
      mark()
      return true
    },
    /** The readings for its first verdict are read from now on. */
    begin(no: EventNo, about: About): void {
      first.set(no, about)
      limit()
    },
    /** A verdict is looked at from now on. */
    take(no: EventNo): void {
      const at = due.get(no)
      if (at !== undefined) taken.set(no, at)
      due.delete(no)
    },
    /** It was looked at for nothing, or its next revision is recorded. */
    done(no: EventNo): void {
      if (taken.delete(no)) mark()
    },
    /** It could not be looked at. */
    putBack(no: EventNo): void {
      const at = taken.get(no)
      if (at !== undefined && !due.has(no)) due.set(no, at)
      for (const memory of [taken, first, meanwhile]) memory.delete(no)
    },
    /** A verdict is recorded: what came for it meanwhile is late. */
    verified(no: EventNo): void {
      first.delete(no)
      if (meanwhile.delete(no)) due.set(no, runtime.now() + reviseAfterMs)
      if (taken.delete(no) || due.has(no)) mark()
      limit()
    },
    recovered(): void {
      limit()
      try {
        for (const [no, at] of Object.entries(JSON.parse(registry.get(LATE_KEY) ?? '{}') as Record<string, number>)) due.set(Number(no), at)
      } catch {
        // what was to be looked at is found by the last look at each
      }
      for (const no of due.keys()) if (!state().events.get(no)?.kept) due.delete(no)
    },
  }
}

/** A register alone tells of the time up to the value before it, and from it on. */
const reachMs = ({ powerW }: Readings, k: number): number => (Number.isNaN(powerW[k]!) ? EDGE_MS : 0)

function watchedOf({ who, terms }: About): Watched {
  const { window: w, ruleset: ref, rules } = terms
  const ruleset = ref.id === METER_BEFORE.id ? undefined : rulesetOf(ref)
  const fromS = Math.min(w.fromS, w.baselineFromS)
  const own = ruleset ? { fromS: fromS - looksBeforeS(ruleset) - rules.periodS, toS: w.toS + looksAfterS(ruleset) } : { fromS, toS: w.toS }
  return {
    fromMs: own.fromS * 1000,
    toMs: own.toS * 1000,
    zone: ruleset?.zone ?? 'UTC',
    days: new Set(ruleset ? daysLookedAt(ruleset, w, rules.periodS) : []),
    rowOf: new Map(Array.from(who, (charger, row) => [charger, row])),
    wasInEvent: eventDayIn(terms),
  }
}
function bearsOn(watch: Watched, readings: Readings, k: number): boolean {
  const row = watch.rowOf.get(readings.charger[k]!)
  if (row === undefined) return false
  const reach = reachMs(readings, k)
  const [fromMs, toMs] = [readings.fromMs[k]! - reach, readings.toMs[k]! + reach]
  if (fromMs < watch.toMs && toMs > watch.fromMs) return true
  if (watch.days.size === 0) return false
  const dayOf = (ms: Instant): Day => localDay(watch.zone, Math.floor(ms / 1000))
  for (let day = dayOf(fromMs); day <= dayOf(Math.max(fromMs, toMs - 1)); day++)
    if (watch.days.has(day) && !watch.wasInEvent(row, day)) return true
  return false
}
