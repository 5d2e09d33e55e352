import { SETTLE_S } from '../effect.ts'
import { membersOf } from '../members.ts'
import { type EventState, exclusionOf, firstS, lastS, type State } from '../state.ts'
import { controlGroup } from './baseline/controlGroup.ts'
import type { ControlGroup } from './baseline/ruleset.ts'
import type { Baselines } from './baselines.ts'
import type { Metering } from './metering.ts'
import type { Periods } from './periods.ts'
import { type ControlUsed, type Grouped, groups, type VerdictTerms } from './record.ts'
import { acted, isSteady, type Window } from './window.ts'

const [HELD_OUT, ASKED, NEITHER, DISTURBED] = groups.map((_, code) => code) as [number, number, number, number]
/** Of whom less is metered, before or within the event, is in no group. */
const MIN_METERED = 0.8

/** The stretch before an event that groups are compared in: the last before anybody began. */
export function beforeWindow(e: EventState, { beforeMinutes }: ControlGroup): Window {
  const toS = Math.max(0, Math.min(firstS(e), e.cancelledS))
  return { fromS: Math.max(0, toS - 60 * beforeMinutes), toS }
}

/**
 * Who was asked and who was held out, as they were drawn: whoever opted out or did not answer afterwards stays what it was, or the groups would not be alike any
 * more. Another event that acted on a charger in this one's time or just before takes it out, whichever group it was in.
 */
export function groupedFor(s: State, e: EventState, who: Uint32Array, rule: ControlGroup): Grouped {
  const span = { fromS: beforeWindow(e, rule).fromS, toS: lastS(e) }
  const isDisturbed = disturbedIn(s, e, span)
  const group = Uint8Array.from(who, i => {
    const why = exclusionOf(e, i)
    if (why !== null && why !== 'heldOut') return NEITHER
    if (isDisturbed.has(i)) return DISTURBED
    return why === null ? ASKED : HELD_OUT
  })
  return { group, cluster: Uint32Array.from(who, i => s.fleet.station[i]!) }
}
function disturbedIn(s: State, e: EventState, span: Window): ReadonlySet<number> {
  const out = new Set<number>()
  for (const x of s.events.values()) {
    if (x.no === e.no || !acted(x) || !touches(x, span)) continue
    for (const i of membersOf(s, x)) if (exclusionOf(x, i) === null) out.add(i)
  }
  return out
}
const touches = (x: EventState, { fromS, toS }: Window): boolean =>
  firstS(x) < toS && lastS(x) + SETTLE_S > fromS && !isSteady(x, fromS, toS)

export type ControlBaselines = Baselines & { readonly control: ControlUsed; readonly errorWh: number }

/**
 * Difference in differences as a baseline of each that was asked: what it drew before, changed as those held out changed. So the sum over the asked is their
 * number times the effect, and nobody else delivers anything: their baseline is what they drew.
 */
export function controlBaselines(rule: ControlGroup, terms: VerdictTerms, meters: Metering, periods: Periods): ControlBaselines {
  const rows = meters.before.length
  const count = periods.hours.length
  const group = groupsIn(terms, meters, periods)
  const beforeW = Float64Array.from(meters.before, b => (b.seconds > 0 ? (b.wh / b.seconds) * 3600 : Number.NaN))
  const isOf = (code: number) => (r: number) => group[r] === code
  const all = Array.from({ length: rows }, (_, r) => r)
  const wh = new Float64Array(rows * count).fill(Number.NaN)
  for (let t = 0; t < count; t++) {
    const changed = all.filter(isOf(HELD_OUT)).flatMap(r => {
      const cell = r * count + t
      return meters.seconds[cell]! > 0 ? [(meters.wh[cell]! / meters.seconds[cell]!) * 3600 - beforeW[r]!] : []
    })
    const changeW = changed.reduce((sum, w) => sum + w, 0) / changed.length
    for (const r of all.filter(isOf(ASKED))) wh[r * count + t] = (beforeW[r]! + changeW) * periods.hours[t]!
  }
  const wasAsked = (r: number) => terms.grouped?.group[r] === ASKED
  const control = controlUsed(rule, terms, meters, count, beforeW, group)
  const hours = periods.hours.reduce((sum, h) => sum + h, 0)
  return {
    wh,
    from: 'other',
    insufficient: Uint8Array.from(all, r => (wasAsked(r) && (group[r] !== ASKED || control.heldOut === 0) ? 1 : 0)),
    outTurn: Uint8Array.from(all, r => (wasAsked(r) ? 0 : 1)),
    isWhole: true,
    control,
    errorWh: control.effectW === null || control.highW === null ? Number.NaN : control.asked * (control.highW - control.effectW) * hours,
  }
}

/** The groups as drawn, without whom the meters say too little of. */
function groupsIn({ grouped, window }: VerdictTerms, meters: Metering, periods: Periods): Uint8Array {
  const count = periods.hours.length
  const isMetered = (r: number): boolean => {
    const within = meters.seconds.subarray(r * count, (r + 1) * count).reduce((sum, x) => sum + x, 0)
    return (
      meters.before[r]!.seconds >= MIN_METERED * (window.baselineToS - window.baselineFromS) &&
      within >= MIN_METERED * (window.toS - window.fromS)
    )
  }
  return Uint8Array.from(meters.before, (_, r) => {
    const drawn = grouped?.group[r] ?? NEITHER
    return drawn <= ASKED && !isMetered(r) ? NEITHER : drawn
  })
}

function controlUsed(
  rule: ControlGroup,
  { grouped }: VerdictTerms,
  meters: Metering,
  count: number,
  before: Float64Array,
  group: Uint8Array,
): ControlUsed {
  const during = Float64Array.from(group, (_, r) => {
    const [wh, seconds] = [meters.wh, meters.seconds].map(column =>
      column.subarray(r * count, (r + 1) * count).reduce((sum, x) => sum + x, 0),
    )
    return (wh! / seconds!) * 3600
  })
  const e = controlGroup(rule, { before, during, group, ...(grouped ? { cluster: grouped.cluster } : {}) })
  const counted = (code: number) => group.reduce((n, g) => n + (g === code ? 1 : 0), 0)
  return {
    asked: e.asked,
    heldOut: e.heldOut,
    neither: counted(NEITHER) + counted(DISTURBED),
    disturbed: counted(DISTURBED),
    effectW: orNull(e.effect),
    standardErrorW: orNull(e.standardError),
    lowW: orNull(e.low),
    highW: orNull(e.high),
    balanceT: orNull(e.balanceT),
    balanceSmd: orNull(e.balanceSmd),
    doubt: e.doubt ?? null,
  }
}
const orNull = (x: number): number | null => (Number.isFinite(x) ? x : null)
