import type { EventClass, GridEvent, Instant, NodeKind, Second, Verification } from '../core/model.ts'
import type { Finding } from '../core/verify/findings.ts'
import type { Floor } from '../core/verify/floors.ts'
import type { Rebound } from '../core/verify/rebound.ts'
import type { ResponseTime, WorstRamp } from '../core/verify/responseTime.ts'
import type { Flaw } from '../core/verify/series.ts'
import type { WitnessGap } from '../core/verify/witness.ts'

/**
 * All that is told of one event, as plain data: what makes a page, CSV and Parquet of it needs nothing else. Numbers that are not known are null (in
 * columns: null or NaN), never a guess. Power W, energy Wh, import positive. Chargers are numbers; `names` is there only where it was asked for.
 */
export type EventReport = {
  readonly format: 'gridbridge-report-1'
  readonly version: string
  readonly madeAtMs: Instant
  readonly event: ReportedEvent
  /** Oldest first; empty while it is not verified. The last one counts. */
  readonly verdicts: readonly ReportedVerdict[]
  readonly series: PowerSeries
  readonly response: (ResponseTime & { readonly issuedS: Second; readonly ramp: WorstRamp; readonly overWh: number | null }) | null
  readonly rebound: (Rebound & { readonly fromS: Second; readonly toS: Second }) | null
  readonly commands: CommandTimes
  readonly levels: readonly LevelRow[]
  readonly flaws: FlawSummary
  readonly settlement: readonly SettlementRow[]
  /** Meters of the network operator beside the chargers under them; null where they were not asked (a report from a file). */
  readonly witnesses: readonly WitnessRow[] | null
  readonly log: LogProof
  readonly chargers: ChargerRows
  readonly names: Names | null
}
export type ReportedEvent = {
  readonly no: number
  readonly id: string
  readonly adapter: string
  readonly peer: string
  readonly class: EventClass
  readonly programme: string
  readonly programmeVersion: number | null
  readonly revision: number
  readonly test: boolean
  readonly declined: string | null
  readonly receivedMs: Instant
  readonly cancelledS: Second | null
  readonly targets: readonly string[]
  readonly intervals: GridEvent['intervals']
  readonly spread: { readonly startS: number; readonly endS: number } | null
  readonly members: number
}
/** `leaf`: index of the log entry that has it. */
export type ReportedVerdict = {
  readonly atMs: Instant
  readonly leaf: number
  readonly verification: Verification
  readonly days: Days | null
}
/** Days of history that the baseline was made of, and those that were not and why. `chargers`: whose. */
export type Days = {
  readonly selected: readonly { readonly day: string; readonly chargers: number }[]
  readonly excluded: readonly { readonly day: string; readonly why: string; readonly chargers: number }[]
}

/** Columns over equal steps. `lowW` and `highW` are where the actual load may have been, by the accuracy of its meters. */
export type PowerSeries = {
  readonly fromMs: Instant
  readonly stepMs: number
  readonly targetW: Column
  readonly baselineW: Column
  readonly actualW: Column
  readonly lowW: Column
  readonly highW: Column
  /** Share of charger-time with readings. */
  readonly coverage: Column
  /** Chargers that were first commanded, and that first answered, within the step. */
  readonly commanded: Column
  readonly answered: Column
}
export type Column = ArrayLike<number | null>

/** Times are those of the bridge's turns, at most one a second. Answer times: from the command to the charger's answer, of each charger's first. */
export type CommandTimes = {
  readonly sent: number
  readonly chargers: number
  readonly firstMs: Instant | null
  readonly lastFirstMs: Instant | null
  readonly outcomes: Readonly<Record<string, number>>
  readonly answerMs: { readonly p50: number; readonly p90: number; readonly max: number } | null
}
export const levelKinds = ['event', 'programme', 'group', 'licenceArea', 'gsp', 'primary', 'feeder', 'site'] as const satisfies readonly (
  | NodeKind
  | 'event'
  | 'programme'
  | 'group'
)[]
export type LevelKind = (typeof levelKinds)[number]
/** `no`: of the node, or of what fails together (`group`); null for the event. Sums of the chargers' rows. */
export type LevelRow = {
  readonly level: LevelKind
  readonly no: number | null
  readonly name: string
  readonly chargers: number
  readonly compliant: number
  readonly notCompliant: number
  readonly noData: number
  readonly notCommanded: number
  readonly baselineWh: number
  readonly actualWh: number
  readonly deliveredWh: number
  /** See `coverage.ts`; null where none of its chargers counts. */
  readonly coverage: number | null
}
/** `count` findings at so many chargers, by flaw, in the settled window; `examples` are the first of them. */
export type FlawSummary = {
  readonly counts: readonly { readonly flaw: Flaw; readonly count: number; readonly chargers: number }[]
  readonly examples: readonly Finding[]
}
/** A settlement period; the first and the last may be cut by the window. `delivered`: under each floor; null where nothing is known. */
export type SettlementRow = {
  readonly fromS: Second
  readonly toS: Second
  readonly askedWh: number
  readonly baselineWh: number | null
  readonly actualWh: number | null
  readonly ratio: number | null
  readonly delivered: Readonly<Record<Floor, number | null>>
}

/** `gap` is null where the two cannot be compared, and `why` says so. */
export type WitnessRow = {
  readonly meter: string
  readonly node: string
  readonly stepS: number
  readonly chargers: number
  readonly commanded: number
  readonly gap: WitnessGap | null
  readonly why: string | null
  /** Readings of it that are more than its place can have drawn; absent where there is none. */
  readonly implausible?: number
}
export type LogProof = { readonly size: number; readonly checkpoint: string; readonly command: string; readonly signalLeaf: number | null }
export type Names = { readonly chargers: Readonly<Record<number, string>> }

/** A row per charger of the targets, by number, as columns. Codes index `chargerVerdicts`, `nonResponses`, `answers` (255: not verified). */
export type ChargerRows = {
  readonly charger: ArrayLike<number>
  readonly station: ArrayLike<number>
  /** -1: none above it. */
  readonly site: ArrayLike<number>
  readonly feeder: ArrayLike<number>
  /** 0: not known. */
  readonly group: ArrayLike<number>
  readonly verdict: ArrayLike<number>
  readonly cause: ArrayLike<number>
  readonly answer: ArrayLike<number>
  readonly limitW: Column
  readonly commandedMs: Column
  readonly answeredMs: Column
  readonly baselineWh: Column
  readonly actualWh: Column
  readonly deliveredWh: Column
  /** Metered share of the settled window. */
  readonly coverage: Column
  /** 1: it counts for the coverage of what it is part of. */
  readonly counted: ArrayLike<number>
  /** Or-ed `flaw`s. */
  readonly flaws: ArrayLike<number>
}
export const noChargers: ChargerRows = {
  ...{
    charger: [],
    station: [],
    site: [],
    feeder: [],
    group: [],
    verdict: [],
    cause: [],
    answer: [],
    limitW: [],
    commandedMs: [],
    answeredMs: [],
  },
  ...{ baselineWh: [], actualWh: [], deliveredWh: [], coverage: [], counted: [], flaws: [] },
}
export const NOT_JUDGED = 255
export const answers = ['none', 'sent', 'accepted', 'rejected', 'unknown', 'superseded'] as const

/** A cell of a column: null where it is missing or no finite number. One bad reading must not break a page. */
export const known = (value: number | null | undefined): number | null =>
  value === null || value === undefined || !Number.isFinite(value) ? null : value
export const newest = (r: EventReport): ReportedVerdict | undefined => r.verdicts.at(-1)

/** As JSON has it: columns are arrays, and what is no number is null. */
export function plain<T extends object>(value: T): T {
  const of = (x: unknown): unknown => {
    if (ArrayBuffer.isView(x)) return Array.from(x as Float64Array, known)
    if (Array.isArray(x)) return x.map(of)
    if (typeof x === 'number') return known(x)
    return typeof x === 'object' && x !== null ? Object.fromEntries(Object.entries(x).map(([k, v]) => [k, of(v)])) : x
  }
  return of(value) as T
}
