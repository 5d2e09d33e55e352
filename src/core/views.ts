import { chargersOf, honoursOptOut, rangesOf } from './members.ts'
import type { ChargerNo, EventClass, EventNo, Instant, NodeNo, Second, Target } from './model.ts'
import { type RestoreSummary, restoreSummary } from './restore.ts'
import { becauseAt, limitAt, NONE, rowEnd, rowStart, sameRest, UNKNOWN } from './rows.ts'
import { type EventState, exclusionOf, type Fleet, isOptedOut, isRefused, isUp, type State, termsOf } from './state.ts'

/** Read-only answers to what people ask of a State: what can be cut here, who limits me, how far is this event. Nothing here changes it. */

/** Newest known power by charger number, as `Meters.latest` gives it; `atMs` 0 is none. */
export type Latest = { readonly powerW: Float64Array; readonly atMs: Float64Array }
/** A reading older than this is not the present. */
export const FRESH_MS = 180_000

const isCharger = (f: Fleet, n: number): boolean => Number.isInteger(n) && n >= 0 && n < f.chargers
const isNode = (f: Fleet, n: number): boolean => Number.isInteger(n) && n >= 0 && n < f.nodes

/** Positions [from, to) in `fleet.order` of the chargers below a node; empty for a node that the fleet does not have. */
export function nodeRange(f: Fleet, node: NodeNo): { readonly from: number; readonly to: number } {
  return isNode(f, node) ? { from: f.nodeFrom[node]!, to: f.nodeTo[node]! } : { from: 0, to: 0 }
}

/** The chargers under targets, each once, in depth-first order. Numbers that the fleet does not have are left out. */
export const chargersUnder = (f: Fleet, targets: readonly Target[]): Uint32Array => chargersOf(f, rangesOf(f, targets))

/** Is `other` the node itself, above it or below it? */
export const isOnOnePath = (f: Fleet, node: NodeNo, other: NodeNo): boolean => isAbove(f, node, other) || isAbove(f, other, node)
/** Is `upper` the node itself or one of its ancestors? */
export function isAbove(f: Fleet, upper: NodeNo, node: NodeNo): boolean {
  for (let n = node; n >= 0 && n < f.nodes; n = f.parent[n]!) if (n === upper) return true
  return false
}

/**
 * What a charger can give now, each charger exactly one: the first that applies, in this order. `unknown` has no fresh reading, so nothing can
 * be said of what it draws; `idle` draws less than 1 W.
 */
export const standings = ['notEnrolled', 'unconsented', 'optedOut', 'refused', 'offline', 'unknown', 'idle', 'drawing'] as const
export type Standing = (typeof standings)[number]
export const DRAWING_FROM_W = 1

/** `basis` is the enrolment's: 0 not enrolled, 1 consented, 2 without consent; `powerW` -1 is unknown. */
export function standingAt(s: State, charger: ChargerNo, basis: number, powerW: number, nowS: Second): Standing {
  if (basis === 0) return 'notEnrolled'
  if (basis === 2) return 'unconsented'
  if (isOptedOut(s, charger, nowS, nowS + 1)) return 'optedOut'
  if (isRefused(s, charger, nowS)) return 'refused'
  if (!isUp(s, charger)) return 'offline'
  if (powerW < 0) return 'unknown'
  return powerW < DRAWING_FROM_W ? 'idle' : 'drawing'
}
/** Power by a fresh reading, -1 if there is none. */
export function freshPowerW(latest: Latest, charger: ChargerNo, nowMs: Instant, freshMs: number): number {
  const atMs = latest.atMs[charger] ?? 0
  return atMs > 0 && nowMs - atMs <= freshMs ? Math.max(0, latest.powerW[charger]!) : -1
}

export type Counts = { readonly [K in Standing]: number }
export type ProgrammeCapacity = Counts & {
  readonly programme: string
  readonly chargers: number
  /** What consented, reachable chargers draw now. */
  readonly drawingW: number
  /** What of it can be cut: down to 0 W, or to the programme's floor. */
  readonly curtailableW: number
}
export type DataAge = { readonly medianMs: number; readonly oldestMs: number }
export type Capacity = {
  readonly chargers: number
  readonly online: number
  readonly metered: number
  /** Load of everything under the targets that has a fresh reading, usable or not. */
  readonly loadW: number
  /** The most that can be cut now under any one programme per charger: where a charger is in several, the lowest floor counts. */
  readonly drawingW: number
  readonly curtailableW: number
  /** Standing of each charger in its best programme. */
  readonly standing: Counts
  readonly programmes: readonly ProgrammeCapacity[]
  /** Age of the newest reading of the online chargers that ever gave one; null if none did. */
  readonly dataAge: DataAge | null
}

type Tally = { counts: Record<Standing, number>; drawingW: number; curtailableW: number }
const newTally = (): Tally => ({
  counts: Object.fromEntries(standings.map(k => [k, 0])) as Record<Standing, number>,
  drawingW: 0,
  curtailableW: 0,
})
function add(t: Tally, standing: Standing, powerW: number, lowestW: number): void {
  t.counts[standing]++
  if (standing !== 'drawing') return
  t.drawingW += powerW
  t.curtailableW += Math.max(0, powerW - lowestW)
}

/** How many kW can be cut at these targets now, and why the rest cannot. `freshMs`: readings older than this are `unknown`. */
export function capacity(s: State, targets: readonly Target[], latest: Latest, nowMs: Instant, freshMs: number = FRESH_MS): Capacity {
  const who = chargersUnder(s.fleet, targets)
  const nowS = Math.floor(nowMs / 1000)
  const programmes = [...s.enrolments].map(([id, basis]) => ({ id, basis, floorW: s.programmes.get(id)?.floorW ?? 0, tally: newTally() }))
  const total = newTally()
  let [online, metered, loadW] = [0, 0, 0]
  for (const charger of who) {
    const powerW = freshPowerW(latest, charger, nowMs, freshMs)
    if (isUp(s, charger)) online++
    if (powerW >= 0) {
      metered++
      loadW += powerW
    }
    let best = 0
    let floorW = Infinity
    for (const p of programmes) {
      const standing = standingAt(s, charger, p.basis[charger] ?? 0, powerW, nowS)
      if (standing !== 'notEnrolled') add(p.tally, standing, powerW, leastW(s.fleet, charger, p.floorW))
      const rank = standings.indexOf(standing)
      if (rank >= best) floorW = rank > best ? p.floorW : Math.min(floorW, p.floorW)
      best = Math.max(best, rank)
    }
    add(total, standings[best]!, powerW, leastW(s.fleet, charger, floorW))
  }
  return {
    chargers: who.length,
    online,
    metered,
    loadW,
    drawingW: total.drawingW,
    curtailableW: total.curtailableW,
    standing: total.counts,
    programmes: programmes.map(p => ({ ...summed(p.tally), programme: p.id })),
    dataAge: dataAge(s, who, latest, nowMs),
  }
}
function summed(t: Tally): Omit<ProgrammeCapacity, 'programme'> {
  const chargers = standings.reduce((n, k) => n + t.counts[k], 0)
  return { ...t.counts, chargers, drawingW: t.drawingW, curtailableW: t.curtailableW }
}

/** Ages of the newest readings of those online; for more than `sample` of them every k-th is taken. */
export function dataAge(s: State, who: Uint32Array, latest: Latest, nowMs: Instant, sample = 100_000): DataAge | null {
  const step = Math.max(1, Math.ceil(who.length / sample))
  const ages = new Float64Array(Math.ceil(who.length / step))
  let n = 0
  for (let i = 0; i < who.length; i += step) {
    const atMs = latest.atMs[who[i]!] ?? 0
    if (atMs > 0 && isUp(s, who[i]!)) ages[n++] = Math.max(0, nowMs - atMs)
  }
  if (n === 0) return null
  const sorted = ages.subarray(0, n).sort()
  return { medianMs: sorted[n >> 1]!, oldestMs: sorted[n - 1]! }
}

/** Is what the plan wants known to be what the charger holds? `sent`: a command is out; `unknown`: it may hold anything; `no`: not yet sent. */
export type Holding = 'yes' | 'sent' | 'unknown' | 'no'
export function holdingOf(s: State, charger: ChargerNo, nowS: Second): Holding {
  if (s.pending[charger] !== NONE) return 'sent'
  const holds = s.holds[charger]!
  if (holds === UNKNOWN) return 'unknown'
  if (sameRest(s.rows, holds, s.want[charger]!, nowS)) return 'yes'
  // A small box holds the first part of its schedule: right now is what counts.
  return limitAt(s.rows, holds, nowS) === limitAt(s.rows, s.want[charger]!, nowS) && holds !== 0 ? 'yes' : 'no'
}

export type LimitCause = {
  readonly event: EventNo
  readonly id: string
  readonly adapter: string
  readonly peer: string
  readonly upstreamRef: string
  readonly class: EventClass
  readonly programme: string
  readonly overrideAllowed: boolean
}
export type LimitSpan = { readonly fromS: Second; readonly toS: Second; readonly limitW: number; readonly by: LimitCause | null }
export type Limits = {
  readonly charger: ChargerNo
  /** The limit in force now, null where the charger is free. `since`/`until` run over all adjoining segments of the same limit. */
  readonly now: LimitSpan | null
  readonly next: readonly LimitSpan[]
  readonly held: Holding
  readonly online: boolean
  readonly optOuts: readonly { readonly fromS: Second; readonly toS: Second; readonly reason: string }[]
  readonly refused: { readonly toS: Second; readonly cause: string } | null
}

/** Who limits a charger, how, until when and what follows. Undefined for a charger that the fleet does not have. */
export function limits(s: State, charger: ChargerNo, nowMs: Instant): Limits | undefined {
  if (!isCharger(s.fleet, charger)) return undefined
  const nowS = Math.floor(nowMs / 1000)
  const spans = spansOf(s, s.want[charger]!).filter(x => x.toS > nowS)
  const refusal = s.refusals.get(charger)
  return {
    charger,
    now: spans.find(x => x.fromS <= nowS) ?? null,
    next: spans.filter(x => x.fromS > nowS),
    held: holdingOf(s, charger, nowS),
    online: isUp(s, charger),
    optOuts: (s.optOuts.get(charger) ?? []).filter(o => o.toS > nowS).map(o => ({ fromS: o.fromS, toS: o.toS, reason: o.reason })),
    refused: refusal && refusal.toS > nowS ? { toS: refusal.toS, cause: refusal.cause } : null,
  }
}
/** Segments of a row, adjoining ones of one limit and one event as one. */
function spansOf(s: State, row: number): LimitSpan[] {
  if (row === NONE || row === UNKNOWN) return []
  const { fromS, toS, limitW, because } = s.rows
  const out: { fromS: Second; toS: Second; limitW: number; event: EventNo }[] = []
  for (let k = rowStart(s.rows, row); k < rowEnd(s.rows, row); k++) {
    const last = out.at(-1)
    if (last && last.toS === fromS[k] && last.limitW === limitW[k] && last.event === because[k]) last.toS = toS[k]!
    else out.push({ fromS: fromS[k]!, toS: toS[k]!, limitW: limitW[k]!, event: because[k]! })
  }
  return out.map(({ event, ...span }) => ({ ...span, by: causeOf(s, event) }))
}
/** Null for an event that the state has forgotten. */
export function causeOf(s: State, event: EventNo): LimitCause | null {
  const e = s.events.get(event)
  if (!e) return null
  const { id, source, upstreamRef, programme } = e.event
  return {
    event,
    id,
    adapter: source.adapter,
    peer: source.peer,
    upstreamRef,
    class: e.event.class,
    programme,
    overrideAllowed: honoursOptOut(s, e),
  }
}
export type EventSummary = {
  /** Chargers under the targets, and those that may be used. */
  readonly targeted: number
  readonly usable: number
  /** Usable chargers that the event limits now or later. */
  readonly limited: number
  /** Limited ones, each in exactly one: known to hold it; asked and not answered, or not known; not yet due by their random delay; offline. */
  readonly answered: number
  readonly silent: number
  readonly inDelay: number
  readonly offline: number
  /** Usable ones that are not planned: the firmware refused, the driver opted out since. */
  readonly refused: number
  readonly optedOut: number
  readonly excluded: Readonly<Record<string, number>>
  /** Sum of the limits in force because of this event, and the ask of the interval now; null outside an interval. */
  readonly limitedToW: number
  readonly limitedNow: number
  readonly askNow: EventState['event']['intervals'][number]['ask'] | null
  readonly extraW: number
  /** How load comes back while a level-capped restore goes on, and what is to be expected; null otherwise. */
  readonly restore: RestoreSummary | null
}

/** How far an event is. Undefined for an event that the state does not have or has forgotten. */
export function eventSummary(s: State, event: EventNo, nowMs: Instant): EventSummary | undefined {
  const e = s.events.get(event)
  if (!e) return undefined
  const nowS = Math.floor(nowMs / 1000)
  const who = chargersUnder(s.fleet, e.event.targets)
  const n = { usable: 0, limited: 0, answered: 0, silent: 0, inDelay: 0, offline: 0, refused: 0, optedOut: 0, limitedNow: 0, limitedToW: 0 }
  const excluded: Record<string, number> = {}
  for (const charger of who) {
    const why = exclusionOf(e, charger)
    if (why) {
      excluded[why] = (excluded[why] ?? 0) + 1
      continue
    }
    n.usable++
    if (becauseAt(s.rows, s.want[charger]!, nowS) === event) {
      n.limitedNow++
      n.limitedToW += limitAt(s.rows, s.want[charger]!, nowS)
    }
    const step = stepOf(s, charger, e, nowS)
    if (step === null) continue
    n[step]++
    if (step !== 'refused' && step !== 'optedOut') n.limited++
  }
  return { targeted: who.length, ...n, excluded, askNow: askAt(e, nowS), extraW: e.extraW, restore: restoreSummary(s, e, nowS) }
}
type Step = 'answered' | 'silent' | 'inDelay' | 'offline' | 'refused' | 'optedOut'
function stepOf(s: State, charger: ChargerNo, e: EventState, nowS: Second): Step | null {
  const fromS = firstBecause(s, charger, e.no, nowS)
  if (fromS === Infinity) {
    if (isOptedOut(s, charger, nowS, nowS + 1)) return 'optedOut'
    return isRefused(s, charger, nowS) ? 'refused' : null
  }
  if (!isUp(s, charger)) return 'offline'
  // past the start's window nobody waits for a draw: another event holds it as low or lower until then
  const begunS = (e.event.intervals[0]?.fromS ?? 0) + e.spread.startShiftS + e.spread.startS
  if (fromS > nowS && (nowS < begunS || limitAt(s.rows, s.want[charger]!, nowS) < 0)) return 'inDelay'
  return holdingOf(s, charger, nowS) === 'yes' ? 'answered' : 'silent'
}
function firstBecause(s: State, charger: ChargerNo, event: EventNo, nowS: Second): Second {
  const row = s.want[charger]!
  if (row === NONE || row === UNKNOWN) return Infinity
  for (let k = rowStart(s.rows, row); k < rowEnd(s.rows, row); k++)
    if (s.rows.because[k] === event && s.rows.toS[k]! > nowS) return s.rows.fromS[k]!
  return Infinity
}
/** What is asked at an instant, null between and outside the intervals and after a cancel. */
export function askAt(e: EventState, atS: Second): EventState['event']['intervals'][number]['ask'] | null {
  if (atS >= e.cancelledS) return null
  return e.event.intervals.find(i => i.fromS <= atS && atS < i.toS)?.ask ?? null
}

/**
 * The most that the ask lets the targets draw at an instant, W; null where nothing is asked or where it takes a power that is not known. A
 * charger that may not be used counts with the power that the plan reckons with. Null too when the event is over and its columns are dropped.
 */
export function targetAt(s: State, e: EventState, who: Uint32Array, atS: Second): number | null {
  const ask = askAt(e, atS)
  if (ask === null) return null
  if (ask.kind === 'cap') return ask.totalW
  const known = (c: number) => (e.basisW.length > c ? e.basisW[c]! : -1)
  if (ask.kind === 'shed') {
    let sumW = 0
    let any = false
    for (const c of who)
      if (known(c) >= 0) {
        any = true
        sumW += known(c)
      }
    return any ? Math.max(0, sumW - ask.totalW) : null
  }
  if (e.basisAtS !== 0 && e.basisW.length === 0) return null
  const floorW = termsOf(s, e)?.floorW ?? 0
  let sumW = 0
  for (const c of who) {
    const capW = exclusionOf(e, c) ? Infinity : limitOf(s.fleet, c, ask, floorW)
    const drawsW = known(c) >= 0 ? known(c) : s.fleet.maxW[c]!
    sumW += Math.min(capW, drawsW)
  }
  return sumW
}
export type EachAsk = Exclude<EventState['event']['intervals'][number]['ask'], { kind: 'cap' | 'shed' }>
/**
 * The limit that a per-charger ask means for one charger, W, as it can be signalled: nothing lies between 0 and the least that a charger takes. A
 * programme's floor is kept by `keep` alone: who names a limit means it.
 */
export function limitOf(f: Fleet, charger: ChargerNo, ask: EachAsk, floorW: number): number {
  const maxW = f.maxW[charger]!
  const wantedW = ask.kind === 'keep' ? Math.max(Math.floor(maxW * ask.fraction), leastW(f, charger, floorW)) : namedW(f, charger, ask)
  if (wantedW >= maxW) return maxW
  return wantedW >= f.minW[charger]! ? wantedW : 0
}
function namedW(f: Fleet, charger: ChargerNo, ask: Exclude<EachAsk, { kind: 'keep' }>): number {
  if (ask.kind === 'off') return 0
  return 'limitW' in ask ? ask.limitW : Math.floor(ask.limitA * f.phases[charger]! * f.voltageV[charger]!)
}
/** Down to what a programme lets a charger be brought: 0, or its floor as far as that can be signalled. */
export const leastW = (f: Fleet, charger: ChargerNo, floorW: number): number => (floorW === 0 ? 0 : Math.max(floorW, f.minW[charger]!))

/** First and last second of an event's window as asked; `toS` is NEVER_S while open-ended. */
export const windowOf = (e: EventState): { readonly fromS: Second; readonly toS: Second } => ({
  fromS: e.event.intervals[0]?.fromS ?? e.receivedS,
  toS: Math.min(e.event.intervals.at(-1)?.toS ?? e.receivedS, e.cancelledS),
})
