import type { Instant } from '../core/model.ts'
import { floored, floors } from '../core/verify/floors.ts'
import type { Verified } from '../core/verify/record.ts'
import { loadOf } from '../core/verify/settlement.ts'
import type { Engine } from '../engine.ts'
import type { Journal, Meters, Registry } from '../ports.ts'
import { levelsOf } from '../report/levels.ts'
import type { CommandTimes, EventReport, ReportedVerdict, SettlementRow, WitnessRow } from '../report/model.ts'
import { daysOf } from './reportDays.ts'
import { type EventFacts, factsOf } from './reportFacts.ts'
import { type Metered, metered } from './reportMeters.ts'
import { chargerRows, levelsIn, namesOf, reportedEvent } from './reportRows.ts'
import { reboundAfter, responseOf, seriesOf, spansOf } from './reportSeries.ts'
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

/** A report is made once for all who ask within this time: pages of one are of one piece, and a log is not read for each. */
const KEPT_MS = 60_000
/** How a log is verified where the bridge cannot say where its file is. */
export const VERIFY = 'gridbridge audit verify gridbridge-data/gridbridge.db --key gridbridge-data/audit.pub'

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

/**
 * Everything about one event, from the journal and the meters alone. It reads the whole journal: for a large one, from a copy of the file rather than from
 * within the bridge. @param id the event's id or number. @returns undefined for an event that the journal does not have
 */
export async function eventReport(from: Recorded, id: string, options: ReportOptions): Promise<EventReport | undefined> {
  const facts = await factsOf(from.journal, id)
  if (facts === undefined) return undefined
  const verdict = facts.verdicts.at(-1)?.fact
  const meters = await metered(facts, from.meters, verdict, spansOf(facts, verdict, options.nowMs), options.nowMs)
  return reportOf(facts, meters, from.registry, { size: from.journal.size(), checkpoint: from.journal.checkpoint() }, options)
}

/** The same of what is read already: a function of its arguments. */
export function reportOf(
  facts: EventFacts,
  meters: Metered,
  registry: Pick<Registry, 'node' | 'charger'>,
  log: { readonly size: number; readonly checkpoint: string },
  options: ReportOptions,
): EventReport {
  const verdict = facts.verdicts.at(-1)?.fact
  const spans = spansOf(facts, verdict, options.nowMs)
  const rows = chargerRows(facts, verdict, meters, spans.window)
  const series = seriesOf(facts, verdict, meters, spans)
  return {
    format: 'gridbridge-report-1',
    version: options.version,
    madeAtMs: options.nowMs,
    event: reportedEvent(facts, registry, options.withNames ?? false),
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
    levels: levelsOf(rows, levelsIn(facts, registry, options.withNames ?? false)),
    flaws: flawsOf(verdict, meters),
    settlement: settlementOf(verdict),
    witnesses: options.witnesses ?? null,
    log: { ...log, command: options.command, signalLeaf: facts.signal.leaf },
    chargers: rows,
    names: options.withNames ? { chargers: namesOf(facts, registry) } : null,
  }
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
  // the verdict names them without what was read; the readings, while they are there, say that too
  const valued = meters.summary.examples.length > 0 ? meters.summary.examples : findings
  const seen = new Map(meters.summary.counts.map(c => [c.flaw, c.chargers]))
  const counts = Object.entries(findingCounts) as [(typeof findings)[number]['kind'], number][]
  const chargersOf = (flaw: (typeof findings)[number]['kind']) =>
    seen.get(flaw) ?? new Set(findings.filter(f => f.kind === flaw).map(f => f.charger)).size
  return { counts: counts.map(([flaw, count]) => ({ flaw, count, chargers: chargersOf(flaw) })), examples: valued }
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
