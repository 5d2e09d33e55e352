import { type Instant, NEVER_S, nodeKinds, type Second, type Target } from '../core/model.ts'
import { floored, floors } from '../core/verify/floors.ts'
import type { Load } from '../core/verify/load.ts'
import { performanceOf } from '../core/verify/performance.ts'
import { reboundOf } from '../core/verify/rebound.ts'
import type { Verified } from '../core/verify/record.ts'
import { responseTime, worstRamp } from '../core/verify/responseTime.ts'
import { loadOf } from '../core/verify/settlement.ts'
import { type EachAsk, limitOf } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import type { Journal, Meters, Registry } from '../ports.ts'
import { type Level, levelsOf } from '../report/levels.ts'
import {
  type ChargerRows,
  type CommandTimes,
  type EventReport,
  levelKinds,
  NOT_JUDGED,
  type PowerSeries,
  type ReportedEvent,
  type ReportedVerdict,
  type SettlementRow,
  type WitnessRow,
} from '../report/model.ts'
import { pathName } from './names.ts'
import { daysOf } from './reportDays.ts'
import { type EventFacts, factsOf } from './reportFacts.ts'
import { type Metered, metered } from './reportMeters.ts'
import { done, type Result, refuse } from './result.ts'
import type { WitnessGaps } from './witnessGaps.ts'

/** Where a report is made from: the parts of a running bridge, or the same read from its file. */
export type Recorded = {
  readonly journal: Pick<Journal, 'read' | 'blob' | 'size' | 'checkpoint'>
  readonly meters: Pick<Meters, 'range'>
  readonly registry: Registry
}
export type ReportOptions = {
  readonly nowMs: Instant
  readonly version: string
  /** How the log is verified: printed in the report. */
  readonly command: string
  /** External ids of chargers, and names of sites. Personal: only where asked for. */
  readonly withNames?: boolean | undefined
  /** What meters of the network operator say of it, where they were asked. */
  readonly witnesses?: readonly WitnessRow[] | null
}
type Span = { readonly fromS: Second; readonly toS: Second }

/** A report is made once for all who ask within this time: pages of one are of one piece, and a log is not read for each. */
const KEPT_MS = 60_000
/** How a log is verified where the bridge cannot say where its file is. */
const VERIFY = 'gridbridge audit verify gridbridge-data/gridbridge.db --key gridbridge-data/audit.pub'

export function createReports(engine: Engine, witnessGaps: WitnessGaps) {
  async function make(id: string, withNames: boolean, version: string): Promise<EventReport | undefined> {
    const gaps = await witnessGaps.of(id)
    return eventReport(engine, id, { nowMs: engine.now(), version, command: VERIFY, withNames, witnesses: gaps.ok ? gaps.value : null })
  }
  let kept: { readonly key: string; readonly atMs: Instant; readonly made: ReturnType<typeof eventReport> } | undefined
  return {
    /** @returns `event-not-found` */
    async of(id: string, withNames: boolean, version: string): Promise<Result<EventReport>> {
      const key = `${withNames} ${id}`
      const nowMs = engine.now()
      if (kept?.key !== key || nowMs - kept.atMs > KEPT_MS) {
        const own = { key, atMs: nowMs, made: make(id, withNames, version) }
        kept = own
        // what failed is not kept
        own.made.catch(() => {
          if (kept === own) kept = undefined
        })
      }
      const made = await kept.made
      return made ? done(made) : refuse('notFound', 'event-not-found', `no event ${JSON.stringify(id)}`, 'see GET /v1/events')
    },
  }
}
export type Reports = ReturnType<typeof createReports>

/** Before the event, and after its load is back, as far as is shown. */
const LEAD_S = 900
const REBOUND_S = 3_600
/** Longer events in coarser steps: no more than some thousand points. */
const STEPS_S: readonly (readonly [upToS: number, stepS: number])[] = [
  [900, 10],
  [86_400, 60],
  [7 * 86_400, 300],
  [Number.POSITIVE_INFINITY, 1_800],
]
/** Where a baseline is read when there is no verdict that says where. */
const BASELINE_S = 300

/**
 * Everything about one event, from the journal and the meters alone. It reads the whole journal: for a large one, from a copy of the file rather than from
 * within the bridge. @param id the event's id or number. @returns undefined for an event that the journal does not have
 */
export async function eventReport(from: Recorded, id: string, options: ReportOptions): Promise<EventReport | undefined> {
  const facts = await factsOf(from.journal, id)
  if (facts === undefined) return undefined
  const verdict = facts.verdicts.at(-1)?.fact
  const spans = spansOf(facts, verdict, options.nowMs)
  const meters = await metered(facts, from.meters, verdict, spans, options.nowMs)
  const rows = chargerRows(facts, verdict, meters, spans.window)
  const series = seriesOf(facts, verdict, meters, spans)
  return {
    format: 'gridbridge-report-1',
    version: options.version,
    madeAtMs: options.nowMs,
    event: reportedEvent(facts, from.registry, options.withNames ?? false),
    verdicts: facts.verdicts.map(
      ({ atMs, leaf, fact }): ReportedVerdict => ({
        atMs,
        leaf,
        verification: fact.verification,
        days: fact.days ? daysOf(fact.days) : null,
      }),
    ),
    series,
    response: responseOf(facts, verdict, meters, spans),
    rebound: reboundAfter(verdict, meters, spans),
    commands: commandsOf(facts),
    levels: levelsOf(rows, levelsIn(facts, from.registry, options.withNames ?? false)),
    flaws: flawsOf(verdict, meters),
    settlement: settlementOf(verdict),
    witnesses: options.witnesses ?? null,
    log: {
      size: from.journal.size(),
      checkpoint: from.journal.checkpoint(),
      command: options.command,
      signalLeaf: facts.signal.leaf,
    },
    chargers: rows,
    names: options.withNames ? { chargers: namesOf(facts, from.registry) } : null,
  }
}

type Spans = {
  readonly steps: Span & { stepS: number }
  readonly asked: Span
  readonly window: Span
  readonly before: Span
  readonly backS: Second
}
function spansOf({ event, cancelledS, accepted, programme }: EventFacts, verdict: Verified | undefined, nowMs: Instant): Spans {
  const nowS = Math.floor(nowMs / 1000)
  const fromS = event.intervals[0]?.fromS ?? nowS
  const endS = Math.min(cancelledS, event.intervals.at(-1)?.toS ?? fromS)
  const toS = Math.max(fromS + 1, endS >= NEVER_S ? nowS : endS)
  const asked = { fromS, toS }
  const w = verdict?.verification.window
  const window = w && w.toS > w.fromS ? { fromS: w.fromS, toS: w.toS } : asked
  const before = w ? { fromS: w.baselineFromS, toS: w.baselineToS } : { fromS: fromS - BASELINE_S, toS: fromS }
  const spread = accepted?.spread
  const tailS = spread ? Math.max(0, spread.endFollowsStart ? spread.startShiftS + spread.startS : spread.endShiftS + spread.endS) : 0
  const backS = toS + (programme?.restore.policy === 'levelCapped' ? programme.restore.maxS : tailS)
  const stepS = STEPS_S.find(([upToS]) => toS - fromS <= upToS)![1]
  const firstS = Math.min(fromS - LEAD_S, before.fromS)
  const lastS = Math.max(toS, Math.min(nowS, backS + REBOUND_S))
  // counted from the event's start: a step that is half in it would say nothing
  const whole = (s: number): number => Math.ceil(s / stepS) * stepS
  const steps = { fromS: fromS - whole(fromS - firstS), toS: fromS + whole(lastS - fromS), stepS }
  return { steps, asked, window, before, backS }
}

function reportedEvent({ event, ...facts }: EventFacts, registry: Recorded['registry'], withNames: boolean): ReportedEvent {
  return {
    ...{ no: facts.no, id: event.id, adapter: event.source.adapter, peer: event.source.peer, class: event.class },
    ...{ programme: event.programme, programmeVersion: facts.accepted?.programmeVersion ?? null, revision: event.revision },
    ...{ test: event.test, declined: facts.declined, receivedMs: facts.signal.atMs },
    cancelledS: facts.cancelledS >= NEVER_S ? null : facts.cancelledS,
    targets: event.targets.map(t => targetText(t, facts.fleet, registry, withNames)),
    intervals: event.intervals,
    spread: facts.accepted ? { startS: facts.accepted.spread.startS, endS: facts.accepted.spread.endS } : null,
    members: facts.members.length,
  }
}
/** From a site on downwards a name may be somebody's address. */
const PRIVATE_FROM = nodeKinds.indexOf('site')
function targetText(t: Target, fleet: EventFacts['fleet'], registry: Recorded['registry'], withNames: boolean): string {
  if (t.kind === 'charger') return `charger ${t.charger}`
  return nodeText(t.node, fleet, registry, withNames)
}
function nodeText(node: number, fleet: EventFacts['fleet'], registry: Recorded['registry'], withNames: boolean): string {
  const kind = fleet.nodeKind[node] ?? PRIVATE_FROM
  const isNamed = registry.node(node) !== undefined && (withNames || kind < PRIVATE_FROM)
  return isNamed ? pathName(registry, node) : `${nodeKinds[kind] ?? 'node'} ${node}`
}

/** The node of a kind above a charger; -1: none. */
function above({ fleet }: EventFacts, charger: number, kind: number): number {
  for (let node = fleet.station[charger]!; node >= 0; node = fleet.parent[node]!) if (fleet.nodeKind[node] === kind) return node
  return -1
}
function levelsIn(facts: EventFacts, registry: Recorded['registry'], withNames: boolean): Level[] {
  const { members, fleet, event } = facts
  const nodeLevel = (level: (typeof nodeKinds)[number]): Level => ({
    level: level as Level['level'],
    of: row => above(facts, members[row]!, nodeKinds.indexOf(level)),
    name: no => nodeText(no, fleet, registry, withNames),
  })
  return levelKinds.map(level => {
    if (level === 'event') return { level, of: () => 0, name: () => event.id }
    if (level === 'programme') return { level, of: () => 0, name: () => event.programme }
    if (level === 'group') return { level, of: row => fleet.group[members[row]!] || -1, name: no => `group ${no}` }
    return nodeLevel(level)
  })
}

function chargerRows(facts: EventFacts, verdict: Verified | undefined, meters: Metered, window: Span): ChargerRows {
  const { members, fleet, told } = facts
  const own = new Map<number, number>()
  verdict?.who.forEach((charger, row) => own.set(charger, row))
  const hours = (window.toS - window.fromS) / 3600
  const pick = <T>(of: (charger: number, m: number, row: number) => T): T[] => Array.from(members, (c, m) => of(c, m, own.get(c) ?? -1))
  const baselineWh = Float64Array.from(meters.baselineW, w => w * hours)
  const actualWh = Float64Array.from(pick((_, m, row) => energyOfRow(verdict, row) ?? meters.windowWh[m]!))
  return {
    charger: members,
    station: Uint32Array.from(pick(c => fleet.station[c]!)),
    site: Int32Array.from(pick(c => above(facts, c, nodeKinds.indexOf('site')))),
    feeder: Int32Array.from(pick(c => above(facts, c, nodeKinds.indexOf('feeder')))),
    group: Uint16Array.from(pick(c => fleet.group[c] ?? 0)),
    verdict: Uint8Array.from(pick((_, __, row) => verdict?.verdict[row] ?? NOT_JUDGED)),
    cause: Uint8Array.from(pick((_, __, row) => verdict?.cause[row] ?? NOT_JUDGED)),
    answer: Uint8Array.from(pick(c => told.answer[c]!)),
    limitW: Float64Array.from(pick(c => told.limitW[c]!)),
    commandedMs: Float64Array.from(pick(c => told.commandedMs[c]!)),
    answeredMs: Float64Array.from(pick(c => told.answeredMs[c]!)),
    baselineWh,
    actualWh,
    deliveredWh: baselineWh.map((wh, m) => wh - actualWh[m]!),
    coverage: meters.windowCoverage,
    flaws: meters.flaws,
  }
}
/** What the verdict itself has of a charger; undefined where it has no energies, or they have expired. */
function energyOfRow(verdict: Verified | undefined, row: number): number | undefined {
  const count = verdict?.periods?.startS.length ?? 0
  const energy = verdict?.energy
  if (row < 0 || count === 0 || !energy || energy.actualWh.length < (row + 1) * count) return undefined
  let wh = 0
  for (let t = 0; t < count; t++) wh += energy.actualWh[row * count + t]!
  return wh
}

function seriesOf(facts: EventFacts, verdict: Verified | undefined, meters: Metered, spans: Spans): PowerSeries {
  const { stepS } = meters.steps
  const hours = stepS / 3600
  const [firstK, lastK] = shownSteps(meters, spans)
  const fromS = meters.steps.fromS + firstK * stepS
  const part = (column: Float64Array): Float64Array => column.slice(firstK, lastK)
  const steps = Array.from({ length: lastK - firstK }, (_, k) => fromS + k * stepS)
  const baselineAt = baselineOver(verdict, meters)
  const baselineW = steps.map(atS => milli(baselineAt(atS)))
  const targets = targetsOf(facts, meters)
  const isAsked = (atS: Second): boolean => atS + stepS / 2 >= spans.asked.fromS && atS + stepS / 2 < spans.asked.toS
  const actualW = part(meters.actualWh).map(wh => milli(wh / hours))
  const errorW = part(meters.errorWh).map(wh => wh / hours)
  const told = (at: Float64Array): number[] => {
    const out = steps.map(() => 0)
    for (const charger of facts.members) {
      const k = Math.floor((at[charger]! / 1000 - fromS) / stepS)
      if (k >= 0 && k < out.length) out[k]!++
    }
    return out
  }
  return {
    ...{ fromMs: fromS * 1000, stepMs: stepS * 1000, baselineW, actualW, coverage: part(meters.coverage) },
    targetW: steps.map((atS, k) => (isAsked(atS) ? targets(atS + stepS / 2, baselineW[k]!) : Number.NaN)),
    lowW: actualW.map((w, k) => milli(w - errorW[k]!)),
    highW: actualW.map((w, k) => milli(w + errorW[k]!)),
    commanded: told(facts.told.commandedMs),
    answered: told(facts.told.answeredMs),
  }
}
/** As fine as readings are stored. */
const milli = (w: number): number => Math.round(w * 1000) / 1000
/** From what is first metered to what is last, and at least what was asked. */
function shownSteps({ steps, actualWh }: Metered, { asked }: Spans): [number, number] {
  const at = (s: Second): number => (s - steps.fromS) / steps.stepS
  const first = actualWh.findIndex(wh => !Number.isNaN(wh))
  const last = actualWh.findLastIndex(wh => !Number.isNaN(wh))
  const from = Math.floor(at(asked.fromS)) - 1
  return [Math.max(0, first < 0 ? from : Math.min(first, from)), Math.min(actualWh.length, Math.max(last, Math.ceil(at(asked.toS))) + 1)]
}
/** By settlement period where the verdict says it, before and after as in the first and the last; else the mean before the event. */
function baselineOver(verdict: Verified | undefined, { baselineSumW, baselineW }: Metered): (atS: Second) => number {
  const p = verdict?.periods
  const count = p?.startS.length ?? 0
  const isKnown = baselineW.some(w => !Number.isNaN(w))
  if (!p || count === 0) return () => (isKnown ? baselineSumW : Number.NaN)
  const powerW = (t: number): number => (p.baselineWh[t]! * 3600) / Math.max(1, p.endS[t]! - p.startS[t]!)
  return atS => {
    let t = 0
    while (t + 1 < count && p.startS[t + 1]! <= atS) t++
    return powerW(t)
  }
}
/** What the targets may draw, W. Asks about each charger: the sum of what each may draw of what it drew before. */
function targetsOf(facts: EventFacts, meters: Metered): (atS: Second, baselineW: number) => number {
  const { event, members, fleet, excluded, programme } = facts
  const sums = new Map<number, number>()
  const sumOf = (k: number, ask: EachAsk): number => {
    const before = sums.get(k)
    if (before !== undefined) return before
    let sumW = 0
    members.forEach((charger, m) => {
      const drawsW = Number.isNaN(meters.baselineW[m]!) ? fleet.maxW[charger]! : meters.baselineW[m]!
      sumW += Math.min(excluded[charger] ? Number.POSITIVE_INFINITY : limitOf(fleet, charger, ask, programme?.floorW ?? 0), drawsW)
    })
    sums.set(k, sumW)
    return sumW
  }
  return (atS, baselineW) => {
    const k = event.intervals.findIndex(i => i.fromS <= atS && atS < i.toS)
    const ask = event.intervals[k]?.ask
    if (ask === undefined) return Number.NaN
    if (ask.kind === 'cap') return ask.totalW
    return ask.kind === 'shed' ? Math.max(0, baselineW - ask.totalW) : sumOf(k, ask)
  }
}

function responseOf(facts: EventFacts, verdict: Verified | undefined, meters: Metered, { window }: Spans): EventReport['response'] {
  const hours = (window.toS - window.fromS) / 3600
  const askedWh = verdict?.verification.askedWh
  if (verdict === undefined || askedWh === undefined || hours <= 0) return null
  const { steps } = meters
  const actual = { fromS: steps.fromS, stepS: steps.stepS, wh: meters.actualWh, flaws: new Uint16Array(meters.actualWh.length) }
  const issuedS = Math.floor(facts.signal.atMs / 1000)
  const p = verdict.periods
  const grid = p && { fromS: p.startS[0] ?? 0, stepS: 1, periods: p.startS.length }
  return {
    issuedS,
    ...responseTime(actual, issuedS, meters.baselineSumW, askedWh / hours),
    ramp: worstRamp(actual),
    overWh: grid && p ? performanceOf(grid, p.deliveredWh, p.askedWh).overWh : null,
  }
}
function reboundAfter(verdict: Verified | undefined, meters: Metered, { asked, before }: Spans): EventReport['rebound'] {
  const { steps } = meters
  const at = (s: Second): number => Math.max(0, Math.min(meters.actualWh.length, Math.floor((s - steps.fromS) / steps.stepS)))
  const [fromK, toK] = [Math.ceil((asked.toS - steps.fromS) / steps.stepS), meters.actualWh.findLastIndex(wh => !Number.isNaN(wh)) + 1]
  if (verdict === undefined || meters.baselineSumW <= 0 || toK <= fromK) return null
  const baselineWh = (meters.baselineSumW * steps.stepS) / 3600
  const load = (a: number, z: number): Load => ({
    ...{ fromS: steps.fromS + a * steps.stepS, stepS: steps.stepS, periods: z - a, rows: 1 },
    ...{ actualWh: meters.actualWh.subarray(a, z), baselineWh: new Float64Array(z - a).fill(baselineWh) },
    ...{ flaws: new Uint16Array(z - a), known: new Float64Array(z - a), wanted: new Float64Array(z - a).fill(1) },
  })
  const rebound = reboundOf(load(at(before.fromS), at(before.toS)), load(fromK, toK), verdict.verification.deliveredWh)
  return { ...rebound, fromS: steps.fromS + fromK * steps.stepS, toS: steps.fromS + toK * steps.stepS }
}

function commandsOf({ told, members }: EventFacts): CommandTimes {
  const times: number[] = []
  const commanded: number[] = []
  for (const charger of members) {
    if (!Number.isNaN(told.commandedMs[charger]!)) commanded.push(told.commandedMs[charger]!)
    const ms = told.answeredMs[charger]! - told.commandedMs[charger]!
    if (!Number.isNaN(ms)) times.push(ms)
  }
  const sorted = Float64Array.from(times).sort()
  const first = Float64Array.from(commanded).sort()
  const share = (q: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!
  return {
    ...{ sent: told.commands, chargers: commanded.length, outcomes: told.outcomes },
    firstMs: first[0] ?? null,
    lastFirstMs: first.at(-1) ?? null,
    answerMs: sorted.length === 0 ? null : { p50: share(0.5), p90: share(0.9), max: sorted.at(-1)! },
  }
}

/** The verdict's own, where it has them. */
function flawsOf(verdict: Verified | undefined, meters: Metered): EventReport['flaws'] {
  const { findings, findingCounts } = verdict?.verification ?? {}
  if (!findings || !findingCounts) return meters.summary
  const seen = new Map(meters.summary.counts.map(c => [c.flaw, c.chargers]))
  const counts = Object.entries(findingCounts) as [(typeof findings)[number]['kind'], number][]
  const chargersOf = (flaw: (typeof findings)[number]['kind']) =>
    seen.get(flaw) ?? new Set(findings.filter(f => f.kind === flaw).map(f => f.charger)).size
  return { counts: counts.map(([flaw, count]) => ({ flaw, count, chargers: chargersOf(flaw) })), examples: findings }
}

function settlementOf(verdict: Verified | undefined): SettlementRow[] {
  const p = verdict?.periods
  const count = p?.startS.length ?? 0
  if (!verdict || !p || count === 0) return []
  const load = loadOf(verdict)
  const byFloor = load && floored(load, new Uint8Array(load.rows), 1)
  return Array.from({ length: count }, (_, t) => ({
    ...{ fromS: p.startS[t]!, toS: p.endS[t]!, askedWh: p.askedWh[t]!, ratio: orNull(p.ratio[t]!) },
    ...{ baselineWh: orNull(p.baselineWh[t]!), actualWh: orNull(p.actualWh[t]!) },
    delivered: Object.fromEntries(
      floors.map(f => [f, orNull(f === 'none' ? p.deliveredWh[t]! : (byFloor?.[f][t] ?? Number.NaN))]),
    ) as SettlementRow['delivered'],
  }))
}
const orNull = (x: number): number | null => (Number.isFinite(x) ? x : null)

function namesOf({ members }: EventFacts, registry: Recorded['registry']): Record<number, string> {
  const out: Record<number, string> = {}
  for (const charger of members) {
    const id = registry.charger(charger)?.externalId
    if (id) out[charger] = id
  }
  return out
}
