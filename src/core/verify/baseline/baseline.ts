import type { Day } from '../calendar.ts'
import { type Given, type History, valueAt } from './history.ts'
import { likeDays, type Status, statuses, type Work, workFor } from './likeDays.ts'
import { type EventSlots, type Exclusion, exclusions, type Prepared, partsOf, prepare } from './prepare.ts'
import type { Method, Ruleset } from './ruleset.ts'
import { pinOf } from './rulesets.ts'

/** Why there is no baseline of the ruleset's own; `insufficient` then says what stands in `baseline`. */
export type Shortage = Exclude<(typeof statuses)[number], 'ok'>
/** Energy by slot of the event in the history's unit, at full precision, never clipped; NaN where nothing can be said. */
export type Baseline = {
  /** `elexon-bl01@1`. */
  readonly ruleset: string
  readonly event: EventSlots
  readonly kindOfDay: string
  /** Most recent first; `weights` in the same order, where they are not all the same. */
  readonly selected: readonly Day[]
  readonly weights?: readonly number[]
  /** Like days as far back as was looked that do not count, most recent first. */
  readonly excluded: readonly { readonly day: Day; readonly reason: Exclusion }[]
  readonly unadjusted: Float64Array
  readonly baseline: Float64Array
  readonly adjustment: {
    readonly kind: 'none' | 'additive' | 'ratio'
    /** Energy per slot that was added, or the factor. */
    readonly value: number
    /** Before its cap; NaN where a reading of the window is missing, so that nothing was adjusted. */
    readonly uncapped: number
    readonly capHit: boolean
  }
  /** Undefined: the ruleset had what it needs. */
  readonly shortage: Shortage | undefined
  /** With a shortage: what was measured stands for the baseline, so nothing is delivered. */
  readonly isOutTurn: boolean
}

/** The baseline of one meter for an event within one day, with everything that an outsider needs to recompute it. */
export function baselineOf(p: Prepared, h: History, meter = 0, given: Given = {}, work: Work = workFor(p)): Baseline {
  compute(p, h, meter, given, work)
  const m = p.ruleset.method
  const ok = work.status === 0
  const kind = m.kind === 'likeDays' ? m.adjustment.kind : 'none'
  const neutral = kind === 'ratio' ? 1 : 0
  const value = ok ? work.adjustment : neutral
  const uncapped = ok ? work.rawAdjustment : neutral
  return {
    ruleset: pinOf(p.ruleset),
    event: p.event,
    kindOfDay: p.kindOfDay,
    ...selectedDays(p, work),
    excluded: excludedDays(p, work),
    unadjusted: ok ? work.unadjusted.slice(0, p.event.slots) : new Float64Array(p.event.slots).fill(Number.NaN),
    baseline: work.baseline.slice(),
    adjustment: { kind, value, uncapped, capHit: Number.isFinite(uncapped) && value !== uncapped },
    shortage: ok ? undefined : (statuses[work.status] as Shortage),
    isOutTurn: !ok && standsIn(m) === 'outTurn',
  }
}
function selectedDays(p: Prepared, w: Work): Pick<Baseline, 'selected' | 'weights'> {
  if (w.status !== 0) return { selected: [] }
  const days = Array.from(w.kept.subarray(0, w.keeps), (i, k) => ({ day: p.candidates[w.pool[i]!]!, weight: w.weights[k]! }))
  days.sort((a, b) => b.day - a.day)
  const keep = p.pool?.keep
  const selected = days.map(x => x.day)
  return keep?.by === 'highest' && keep.weights ? { selected, weights: days.map(x => x.weight) } : { selected }
}
function excludedDays(p: Prepared, w: Work): Baseline['excluded'] {
  const looked = [...p.candidates.subarray(0, w.looked)].map((day, c) => ({ day, reason: exclusions[w.reasons[c]!]! }))
  const until = looked.at(-1)?.day ?? Number.POSITIVE_INFINITY
  const byCalendar = p.skipped.filter(x => x.day > until || w.looked === p.candidates.length)
  return [...looked.filter((x): x is { day: Day; reason: Exclusion } => x.reason !== ''), ...byCalendar].sort((a, b) => b.day - a.day)
}

/**
 * The same for all meters of a history, without the explanation: `baseline[meter * slots + k]`, and by meter 0 or the place in `statuses` of what was missing.
 */
export function baselinesOf(
  p: Prepared,
  h: History,
  baseline: Float64Array,
  status: Uint8Array,
  given: Given = {},
  work = workFor(p),
): void {
  const { slots } = p.event
  for (let meter = 0; meter < h.meters; meter++) {
    compute(p, h, meter, given, work)
    status[meter] = work.status
    for (let k = 0; k < slots; k++) baseline[meter * slots + k] = work.baseline[k]!
  }
}

/** What of an event that may run past midnight does not depend on a meter: make it once, for all meters. */
export type PreparedParts = readonly { readonly prepared: Prepared; readonly work: Work }[]
export function preparedParts(ruleset: Ruleset, event: EventSlots, slotsPerDay = 48): PreparedParts {
  return partsOf(event, slotsPerDay).map((part, i) => {
    const prepared = prepare(i === 0 ? ruleset : laterRuleset(ruleset, part.day - event.day), part, slotsPerDay)
    return { prepared, work: workFor(prepared) }
  })
}
/** The adjustment is that of the event's start, and the days of the event itself are no history of its later ones. */
function laterRuleset(ruleset: Ruleset, daysBefore: number): Ruleset {
  const m = ruleset.method
  if (m.kind !== 'likeDays') return ruleset
  return { ...ruleset, method: { ...m, fromDaysBack: m.fromDaysBack + daysBefore, adjustment: { kind: 'none' } } }
}

/**
 * An event that may run past midnight: one part a day, each with its own like days (the days of the event itself are event days and never among them). The
 * adjustment is read once, before the event's start, and holds for all of it.
 */
export function baselineParts(
  ruleset: Ruleset,
  event: EventSlots,
  h: History,
  meter = 0,
  given: Given = {},
  parts: PreparedParts = preparedParts(ruleset, event, h.slotsPerDay),
): Baseline[] {
  const out: Baseline[] = []
  let from = 0
  for (const { prepared, work } of parts) {
    const { slots } = prepared.event
    const own = given.nominated ? { ...given, nominated: Array.from(given.nominated).slice(from, from + slots) } : given
    const [head] = out
    const one =
      ruleset.method.kind === 'meterBefore' && head ? sameAsHead(prepared.event, head, h, meter) : baselineOf(prepared, h, meter, own, work)
    out.push(head && one.shortage === undefined && head.shortage === undefined ? adjustedAs(head, one) : one)
    from += slots
  }
  return out
}
function adjustedAs({ adjustment }: Baseline, part: Baseline): Baseline {
  const { kind, value } = adjustment
  if (kind === 'none') return part
  return { ...part, adjustment, baseline: part.unadjusted.map(u => (kind === 'ratio' ? u * value : u + value)) }
}
function sameAsHead(part: EventSlots, head: Baseline, h: History, meter: number): Baseline {
  const baseline = Float64Array.from({ length: part.slots }, (_, k) =>
    head.isOutTurn ? valueAt(h, meter, part.day, part.startSlot + k) : head.baseline[0]!,
  )
  return { ...head, event: part, baseline, unadjusted: new Float64Array(part.slots).fill(head.unadjusted[0]!) }
}
/** Baseline of one meter into `w.baseline`. */
function compute(p: Prepared, h: History, meter: number, given: Given, w: Work): void {
  const m = p.ruleset.method
  if (m.kind === 'likeDays') likeDays(p, m, h, meter, w)
  else w.status = asGiven(p, m, h, meter, given, w)
  if (w.status !== 0) standIn(p, h, meter, w)
}
function asGiven(p: Prepared, m: Exclude<Method, { kind: 'likeDays' }>, h: History, meter: number, given: Given, w: Work): Status {
  const { slots, startSlot } = p.event
  const fill = (value: (k: number) => number): Status => {
    for (let k = 0; k < slots; k++) w.unadjusted[k] = w.baseline[k] = value(k)
    return w.baseline.some(Number.isNaN) ? 3 : 0
  }
  switch (m.kind) {
    case 'constant':
      return fill(() => m.value)
    // groups of chargers, not a baseline of one
    case 'controlGroup':
      return 3
    case 'nominated':
      return fill(k => given.nominated?.[k] ?? Number.NaN)
    case 'profile':
      return fill(k => (given.profile?.[startSlot + k] ?? Number.NaN) * (given.devices ?? 1))
    case 'meterBefore': {
      if ((p.event.slotsInAll ?? slots) * (1_440 / p.slotsPerDay) > m.maxMinutes) return 2
      const n = p.windowSlots.length
      const mean = p.windowSlots.reduce((total, s) => total + valueAt(h, meter, p.event.day, s), 0) / n
      return fill(() => mean) === 0 ? 0 : 4
    }
  }
}
const standsIn = (m: Method): 'outTurn' | 'none' => (m.kind === 'likeDays' || m.kind === 'meterBefore' ? m.insufficient : 'none')
function standIn(p: Prepared, h: History, meter: number, w: Work): void {
  const outTurn = standsIn(p.ruleset.method) === 'outTurn'
  const { day, startSlot, slots } = p.event
  for (let k = 0; k < slots; k++) w.baseline[k] = outTurn ? valueAt(h, meter, day, startSlot + k) : Number.NaN
}
