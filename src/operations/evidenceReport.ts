import { checkpointIn } from '../audit/log.ts'
import { canonicalJson, decode } from '../core/codec.ts'
import { withChanges } from '../core/fleet.ts'
import { type ChargerColumns, type Instant, type NodeColumns, noReadings, type Programme, type Readings } from '../core/model.ts'
import { emptyState, type Fleet, type State } from '../core/state.ts'
import type { Verified } from '../core/verify/record.ts'
import { readingsOf } from '../core/verify/worked.ts'
import type { Meters, NodeRecord, Registry } from '../ports.ts'
import { csvOf } from '../report/csv.ts'
import { chartLibrary } from '../report/library.ts'
import { type EventReport, known, type WitnessRow } from '../report/model.ts'
import { type ChartLibrary, reportPage } from '../report/page.ts'
import { type Table, tablesOf } from '../report/tables.ts'
import { bytesOf, type Files, names, textOf } from './evidenceFiles.ts'
import { only, type Pack, type Story, storyOf } from './evidencePack.ts'
import { reportOf } from './report.ts'
import { type EventFacts, factsIn } from './reportFacts.ts'
import { createMetered, type Metered, metered } from './reportMeters.ts'
import { namedNodes } from './reportRows.ts'
import { spansOf } from './reportSeries.ts'

/**
 * The report of a pack is a function of the pack: of its entries, and of what stands in `report/input.json` because no entry has it. Whoever makes
 * a pack and whoever checks one make the report by the same two steps, `reportIn` and `reportFiles`.
 */

/** Where what no entry has comes from. */
export type ReportSource = {
  readonly meters: Pick<Meters, 'range'>
  readonly registry: Pick<Registry, 'node'>
  readonly witnesses: readonly WitnessRow[] | null
  /** How the log is verified: printed in the report. */
  readonly command: string
}
/** What a report says that no entry of the log says. It is the word of who made the pack, and the check of a pack says so. */
export type ReportInput = {
  readonly format: typeof INPUT
  readonly command: string
  /** Names of nodes, from the top of the network to the feeder. */
  readonly nodes: readonly NodeRecord[]
  readonly witnesses: readonly WitnessRow[] | null
  /** Null where the log began with an empty state: then its entries say it. */
  readonly began: Began | null
  readonly metered: Beyond
}
/** The fleet and the programme as a log that follows another found them. */
type Began = { readonly nodes: NodeColumns; readonly chargers: ChargerColumns; readonly programme: Programme | null }
/**
 * What meters say beyond the readings that a verdict stands on: sums of steps outside its time, null within. The figures of each charger, and what is
 * wrong with its readings, only where there is no verdict.
 */
type Beyond = {
  readonly [K in (typeof sums)[number]]: readonly (number | null)[]
} & {
  readonly each: { readonly [K in (typeof eachOf)[number]]: readonly (number | null)[] } | null
  readonly summary: Metered['summary'] | null
}
const INPUT = 'gridbridge-report-input-1'
const sums = ['actualWh', 'errorWh', 'coverage'] as const
const eachOf = ['baselineW', 'windowWh', 'windowCoverage', 'flaws'] as const

const inputBytes = (input: ReportInput): Uint8Array => bytesOf(`${canonicalJson(input)}\n`)
/** @throws where it is no such file, naming what of it is not what it should be */
export function parseInput(bytes: Uint8Array): ReportInput {
  const input = decode(bytes, () => undefined) as unknown as ReportInput | null
  if (input?.format !== INPUT) throw new Error(`${names.report('input.json')} has the format ${JSON.stringify(input?.format)}`)
  const wrong = Object.entries(shape).find(([, isRight]) => !isRight(input))
  if (wrong) throw new Error(`${names.report('input.json')}: ${wrong[0]} is missing, or is something else`)
  return input
}
const isObject = (x: unknown): boolean => typeof x === 'object' && x !== null && !Array.isArray(x)
const isFigures = (x: unknown): boolean => Array.isArray(x) && x.every(value => value === null || typeof value === 'number')
const shape: Readonly<Record<string, (input: ReportInput) => boolean>> = {
  command: x => typeof x.command === 'string',
  nodes: x => Array.isArray(x.nodes) && x.nodes.every(isObject),
  witnesses: x => x.witnesses === null || (Array.isArray(x.witnesses) && x.witnesses.every(isObject)),
  began: x => x.began === null || (isObject(x.began) && isObject(x.began.nodes) && isObject(x.began.chargers)),
  metered: x => isObject(x.metered) && sums.every(name => isFigures(x.metered[name])),
  'metered.each': ({ metered: { each } }) => each === null || (isObject(each) && eachOf.every(name => isFigures(each[name]))),
  'metered.summary': ({ metered: { summary } }) => summary === null || isObject(summary),
}

/** The report of a pack, and what it is made from, as files by their names. `began`: the state that its log began with, where that follows another. */
export async function reportOfPack(pack: Pack, from: ReportSource, began: State | undefined): Promise<Files> {
  const story = storyOf(pack)
  const input = story && (await inputFor(pack, story, from, began))
  const report = input && reportIn(pack, story, input)
  return report ? { [names.report('input.json')]: inputBytes(input), ...reportFiles(report, chartLibrary()) } : {}
}

/** What the entries of a pack lack for its report. */
async function inputFor(pack: Pack, story: Story, from: ReportSource, began: State | undefined): Promise<ReportInput> {
  const input: ReportInput = {
    format: INPUT,
    command: from.command,
    nodes: [],
    witnesses: from.witnesses,
    began: began ? beganOf(began, story) : null,
    metered: nothing,
  }
  const facts = factsOfPack(pack, story, input)
  if (!facts) return input
  const { verdict, logged } = loggedIn(pack, facts)
  const { madeAtMs } = pack.manifest
  const all = await metered(facts, from.meters, verdict, spansOf(facts, verdict, madeAtMs), madeAtMs)
  return { ...input, nodes: namedNodes(facts, from.registry), metered: beyond(all, logged) }
}
const nothing: Beyond = { actualWh: [], errorWh: [], coverage: [], each: null, summary: null }
/** The same input without what is only the maker's word: what then differs in the report rests on that word. */
export const withoutWord = (input: ReportInput): ReportInput => ({ ...input, command: '', nodes: [], witnesses: null, metered: nothing })

function beganOf({ fleet, programmes }: State, { event }: Story): Began {
  const { chargers: _, nodes: __, parent, nodeKind, nodeLimitW, ...f } = fleet
  return {
    nodes: { no: upTo(fleet.nodes), parent, kind: nodeKind, limitW: nodeLimitW },
    chargers: { ...f, no: upTo(fleet.chargers) },
    programme: programmes.get(event.programme) ?? null,
  }
}
const upTo = (count: number): Uint32Array => Uint32Array.from({ length: count }, (_, no) => no)
const fleetOf = ({ nodes, chargers }: Began): Fleet => withChanges(emptyState().fleet, nodes, chargers)

const factsOfPack = (pack: Pack, { no, id }: Story, { began }: ReportInput): EventFacts | undefined =>
  factsIn(pack.entries, { no, id, fleet: began ? fleetOf(began) : undefined, programme: began?.programme ?? undefined })

type Logged = { readonly readings: Readings; readonly fromMs: Instant; readonly toMs: Instant }
/** The verdict that counts, and the readings that it stands on; no readings where there is no verdict. */
function loggedIn(pack: Pack, facts: EventFacts): { verdict: Verified | undefined; logged: Logged | undefined } {
  const verdict = facts.verdicts.at(-1)
  const turn = verdict && pack.turns.get(verdict.leaf)
  const entry = verdict && only(pack, 'metered').find(m => m.fact.event === facts.no && m.turn === turn)
  if (!verdict || !entry) return { verdict: verdict?.fact, logged: undefined }
  const { fromS, toS, baselineFromS } = verdict.fact.verification.window
  const fromMs = Math.min(fromS, baselineFromS) * 1000
  return { verdict: verdict.fact, logged: { readings: readingsOf(entry.fact).readings, fromMs, toMs: Math.max(toS * 1000, fromMs) } }
}
/** Does step k lie within what the log has readings of? */
const isLogged = ({ steps }: Pick<Metered, 'steps'>, k: number, logged: Logged | undefined): boolean => {
  const fromMs = (steps.fromS + k * steps.stepS) * 1000
  return logged !== undefined && fromMs >= logged.fromMs && fromMs + steps.stepS * 1000 <= logged.toMs
}

function beyond(all: Metered, logged: Logged | undefined): Beyond {
  const outside = (column: Float64Array) => Array.from(column, (value, k) => (isLogged(all, k, logged) ? null : known(value)))
  const cells = (column: ArrayLike<number>) => Array.from(column, known)
  const { baselineW, windowWh, windowCoverage, flaws, summary } = all
  const each = { baselineW: cells(baselineW), windowWh: cells(windowWh), windowCoverage: cells(windowCoverage), flaws: cells(flaws) }
  return {
    ...{ actualWh: outside(all.actualWh), errorWh: outside(all.errorWh), coverage: outside(all.coverage) },
    ...(logged ? { each: null, summary: null } : { each, summary }),
  }
}
/** The log's own figures, and around them those that it has not. */
function completed(own: Metered, more: Beyond, logged: Logged | undefined): Metered {
  const over = (column: Float64Array, values: readonly (number | null)[] | undefined): Float64Array =>
    column.map((value, k) => (isLogged(own, k, logged) ? value : (values?.[k] ?? Number.NaN)))
  const out = {
    ...own,
    ...{
      actualWh: over(own.actualWh, more.actualWh),
      errorWh: over(own.errorWh, more.errorWh),
      coverage: over(own.coverage, more.coverage),
    },
  }
  if (logged) return out
  const each = (key: (typeof eachOf)[number]) => own.baselineW.map((_, m) => more.each?.[key][m] ?? Number.NaN)
  const baselineW = each('baselineW')
  return {
    ...{ ...out, baselineW, windowWh: each('windowWh'), windowCoverage: each('windowCoverage'), flaws: Uint16Array.from(each('flaws')) },
    baselineSumW: baselineW.reduce((sum, w) => sum + (Number.isNaN(w) ? 0 : w), 0),
    summary: more.summary ?? own.summary,
  }
}

/** Does `input` claim what is the log's to say? */
export function overreaches(pack: Pack, story: Story, input: ReportInput): boolean {
  const facts = factsOfPack(pack, story, input)
  const { verdict, logged } = facts ? loggedIn(pack, facts) : {}
  if (!facts || !logged) return input.began !== null && only(pack, 'opened').length === 0
  const { steps } = spansOf(facts, verdict, pack.manifest.madeAtMs)
  const { metered: more, began } = input
  const isClaimed = sums.some(key => more[key].some((value, k) => value !== null && isLogged({ steps }, k, logged)))
  return isClaimed || more.each !== null || more.summary !== null || (began !== null && only(pack, 'opened').length === 0)
}

/** The report by the entries of a pack and `input`. Undefined where they do not bring the event. */
export function reportIn(pack: Pack, story: Story, input: ReportInput): EventReport | undefined {
  const facts = factsOfPack(pack, story, input)
  if (!facts) return undefined
  const { verdict, logged } = loggedIn(pack, facts)
  const { madeAtMs, version } = pack.manifest
  const own = createMetered(facts, verdict, spansOf(facts, verdict, madeAtMs))
  own.add(facts.members, logged?.readings ?? noReadings)
  const nodes = new Map(input.nodes.map(node => [node.no, node]))
  const checkpoint = textOf(pack.files[names.checkpoint] ?? new Uint8Array(0))
  return reportOf(
    facts,
    completed(own.result(), input.metered, logged),
    { node: no => nodes.get(no), charger: () => undefined },
    { size: checkpointIn(checkpoint)?.size ?? 0, checkpoint },
    { nowMs: madeAtMs, version, command: input.command, witnesses: input.witnesses },
  )
}

export const tableFile = ({ name }: Table): string => names.report(`${name}.csv`)
export const tableBytes = (table: Table): Uint8Array => Buffer.concat([...csvOf(table)].map(piece => Buffer.from(piece)))
export const pageBytes = (report: EventReport, library: ChartLibrary): Uint8Array =>
  bytesOf(reportPage(report, { library, files: tablesOf(report).map(t => `${t.name}.csv`) }))
/** The files of a report, by their names in a pack. */
const reportFiles = (report: EventReport, library: ChartLibrary): Files => ({
  [names.report('report.html')]: pageBytes(report, library),
  ...Object.fromEntries(tablesOf(report).map(table => [tableFile(table), tableBytes(table)])),
})
