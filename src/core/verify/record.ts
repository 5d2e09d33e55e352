import type { EventNo, Forecast, HashHex, NonResponse, Readings, Second, Verdict } from '../model.ts'
import type { Pass } from './accuracy.ts'
import type { Finding } from './findings.ts'
import type { Flaw } from './series.ts'

/**
 * What a verdict says and what it stands on. A verdict is never edited: data that come late or are corrected make the next `verdictRevision`. Every
 * member that came later than the first `verified` facts is optional; absent means what it says there.
 */

/** Fields of a ruleset that a programme sets for itself, by dotted path: see `withValues` in baseline/rulesets.ts. */
export type RulesetValues = Readonly<Record<string, number | string>>
/** A ruleset of the baseline, as pinned when the event was accepted. `values`: what the programme had set of it then. */
export type RulesetRef = { readonly id: string; readonly version: number; readonly values?: RulesetValues }
/** What an event without a pinned ruleset was verified by. */
export const METER_BEFORE: RulesetRef = { id: 'meterBefore', version: 1 }
/** `meterBefore-1`; others as `pinOf` in baseline/rulesets.ts, with what the programme has set: `control-group@1 (method.minGroup 20)`. */
export function nameOf({ id, version, values }: RulesetRef): string {
  const own = Object.entries(values ?? {}).map(([path, value]) => `${path} ${value}`)
  return `${id}${id === METER_BEFORE.id ? '-' : '@'}${version}${own.length === 0 ? '' : ` (${own.sort().join(', ')})`}`
}

/** How a programme's events are verified; an event keeps those that it was accepted under. Defaults: `verificationDefaults`. */
export type VerificationRules = {
  /** Which ruleset; without `version` the one in force on the day of the event. */
  readonly ruleset: string
  readonly version: number | null
  /** Largest error of a meter, as a share of its reading, that results are settled on; null: any meter. */
  readonly meterErrorAtMost: number | null
  /** The part of the meters' errors that they share, as a share of what they deliver together: it does not average out. */
  readonly commonError: number
  /** Settlement period, S. */
  readonly periodS: number
  /** For how long after the event late or corrected readings make a new revision of its verdict, S. */
  readonly correctionS: number
  /** What a delivered MWh is worth, GBP; null: results are not in pounds. */
  readonly gbpPerMWh: number | null
  /** For a ruleset with a reference profile: what one charger draws in each period of a local day, Wh; null: none is given. */
  readonly profileWh: readonly number[] | null
  /** What is set of the ruleset; absent: nothing, it is as published. */
  readonly values?: RulesetValues | undefined
  /** For a ruleset that looks for days alike in temperature: the name of the series. */
  readonly weather?: string | undefined
  /** May chargers be settled on that serve an event which came before, at the same time? Absent: `allowed`. */
  readonly stacking?: Stacking | undefined
}
export const stackings = ['allowed', 'refused'] as const
export type Stacking = (typeof stackings)[number]
export const verificationDefaults: VerificationRules = {
  ruleset: METER_BEFORE.id,
  version: null,
  meterErrorAtMost: null,
  commonError: 0,
  periodS: 1_800,
  correctionS: 14 * 86_400,
  gbpPerMWh: null,
  profileWh: null,
}

/** Why nobody should be paid by this verdict. */
export const unsettleables = ['noWindow', 'coverage', 'meterClass', 'baseline', 'groupTooSmall', 'unbalanced', 'stacked'] as const
export type Unsettleable = (typeof unsettleables)[number]

/** Where the delivery lies within what the meters can tell, against the ask. */
export type Measured = {
  readonly lowWh: number
  readonly highWh: number
  /** Null where nothing was asked in energy, or it is unverifiable. */
  readonly result: Pass | null
}
/** The readings that a verdict stands on. `root`: see `readingsRoot.ts`. */
export type ReadingsUsed = {
  readonly root: HashHex
  readonly count: number
  readonly estimated: number
  /** With any other flaw, those that are not used included. */
  readonly flawed: number
  /** Who has any. */
  readonly chargers: number
}
/** By charger: how its baseline came about. */
export type BaselineCounts = { readonly insufficient: number; readonly adjusted: number; readonly capped: number }

/** The nominated baselines that count. `units`: nodes; `ignored`: nominations that came after the deadline of the ruleset. */
export type NominationUsed = { readonly units: number; readonly chargers: number; readonly ignored: number }
/** The temperatures that days were compared by. `root`: see `weather.ts`; `days` have a maximum, `missing` of those looked at have none. */
export type WeatherUsed = {
  readonly name: string
  readonly root: HashHex
  readonly count: number
  readonly late: number
  readonly days: number
  readonly missing: number
}
/**
 * Difference in differences of the asked against those held out by draw. Powers are per charger; null where it cannot be said. `neither`: chargers that are in
 * no group (they may not be used, or too little of them is metered), `disturbed` of them because another event acted on them.
 */
export type ControlUsed = {
  readonly asked: number
  readonly heldOut: number
  readonly neither: number
  readonly disturbed: number
  readonly effectW: number | null
  readonly standardErrorW: number | null
  readonly lowW: number | null
  readonly highW: number | null
  /** Of what both drew before the event: Welch's t, and the standardised mean difference. */
  readonly balanceT: number | null
  readonly balanceSmd: number | null
  readonly doubt: 'groupTooSmall' | 'unbalanced' | null
}

/**
 * Another event that acted within the window on chargers of this one, [fromS, toS): `chargers` that are targets of both and were limited by either. Each verdict measures
 * for itself, so the same drop may stand in both.
 */
export type Overlap = {
  readonly event: EventNo
  readonly id: string
  readonly programme: string
  readonly fromS: Second
  readonly toS: Second
  readonly chargers: number
  /** It came before, and the programme takes no chargers that already serve another: nothing of them is settled while it lasts. */
  readonly refused?: true
}
/** `both`, by row: 1 where it is one of those. */
export type Overlapping = Omit<Overlap, 'chargers' | 'refused'> & { readonly both: Uint8Array }

/** What a revision has that the one before had not. */
export type Changed = {
  readonly deliveredWh: number
  readonly actualWh: number
  readonly baselineWh: number
  /** At the price that the event was accepted under; absent where there is none. */
  readonly gbp?: number
  /** The temperatures are others. Absent: they are not. */
  readonly weather?: true
  readonly chargers: number
  /**
   * Those with the largest change, at most `MOST_NAMED`; the others are in `chargers`. By how much is what a single home drew: the record has that in
   * `energy` alone, the state has it here.
   */
  readonly named: readonly { readonly charger: number; readonly what: 'late' | 'corrected'; readonly deliveredWh?: number }[]
}
export type FormerVerdict = {
  readonly verdictRevision: number
  readonly verdict: Verdict
  readonly askedWh: number
  readonly deliveredWh: number
  readonly ratio: number | null
  readonly root: HashHex
}
/** So many findings, changes and former verdicts are named; the rest is counted. */
export const MOST_NAMED = 25

export type Verification = {
  readonly event: EventNo
  readonly revision: number
  readonly verdict: Verdict
  /** Over the event's metered window. */
  readonly askedWh: number
  readonly baselineWh: number
  readonly actualWh: number
  readonly deliveredWh: number
  /** delivered / asked; null where nothing was asked in energy (a cap already met) or it is unverifiable. */
  readonly ratio: number | null
  /** Share of charger-time in the window that is metered; see `coverage.ts`. */
  readonly coverage: number
  /** Id and version of the ruleset: `meterBefore-1`. */
  readonly baselineRule: string
  readonly window: { readonly fromS: Second; readonly toS: Second; readonly baselineFromS: Second; readonly baselineToS: Second }
  readonly counts: { readonly compliant: number; readonly notCompliant: number; readonly noData: number; readonly notCommanded: number }
  readonly causes: Readonly<Partial<Record<NonResponse, number>>>
  /** Where something was expected of the plan: that, and what the meters say of it; null where they say nothing. */
  readonly forecast?: (Forecast & { readonly deliveredW: number; readonly inside: boolean }) | null
  /** Of the verdict, not of the event: 1 for its first. Absent: 1. */
  readonly verdictRevision?: number
  readonly measured?: Measured
  readonly readings?: ReadingsUsed
  readonly baseline?: BaselineCounts
  /** What is wrong with the readings, in the order of `who`, without what was read; at most `MOST_NAMED`, all in `findingCounts`. */
  readonly findings?: readonly Finding[]
  readonly findingCounts?: Readonly<Partial<Record<Flaw, number>>>
  readonly nomination?: NominationUsed
  readonly weather?: WeatherUsed
  readonly control?: ControlUsed
  /** Absent: no other event acted on its chargers, or a log of before does not say. */
  readonly overlaps?: readonly Overlap[]
  /** Absent: it may be settled on. */
  readonly unsettleable?: Unsettleable
  /** Delivered energy at the programme's price, GBP, before any pay factor. */
  readonly gbp?: number
  readonly changed?: Changed
  /** Verdicts before this one, oldest first, at most `MOST_NAMED`. */
  readonly former?: readonly FormerVerdict[]
}

/** What the record said of a commanded charger when the event was verified, or why it was not commanded. Index in a column. */
export const standings = ['none', 'refused', 'optedOut', 'down', 'accepted'] as const

/** What was asked, by interval: of each charger for itself, or as a ceiling on or a reduction of all together, W. */
export const askKinds = ['each', 'cap', 'shed'] as const
export type AskColumns = {
  readonly startS: Uint32Array
  readonly endS: Uint32Array
  /** Index in `askKinds`. */
  readonly kind: Uint8Array
  /** 0 where it is about each. */
  readonly totalW: Float64Array
}

/**
 * What a verdict takes from the record beside readings. Whoever has these and the readings makes the verdict again, to the last digit; whoever
 * has the log makes these again by folding it. Columns are by row of `who` of the `verified` fact; sums are made in that order.
 */
export type VerdictTerms = {
  readonly ruleset: RulesetRef
  readonly rules: Omit<VerificationRules, 'profileWh' | 'values'>
  readonly profileWh?: Float64Array
  readonly asks: AskColumns
  readonly forecast: Forecast | null
  readonly window: Verification['window']
  readonly minW: Int32Array
  readonly maxW: Int32Array
  /** Index in `standings`. */
  readonly standing: Uint8Array
  /** 1: it does as it likes without the link. */
  readonly resumes: Uint8Array
  /** Limits that it had to keep: those of row r are `[r === 0 ? 0 : limitEnds[r - 1], limitEnds[r])`. Seconds and W; from when they are to be seen. */
  readonly limitEnds: Uint32Array
  readonly limitFromS: Uint32Array
  readonly limitToS: Uint32Array
  readonly limitW: Int32Array
  /** Largest error of its meter, in 1/10,000 of a reading. */
  readonly errorBp: Uint16Array
  /** For a ruleset with history: days before on which a member was in an event, and 1 at `r * eventDays.length + k` where row r was. */
  readonly eventDays?: Int32Array
  readonly inEvent?: Uint8Array
  /** For a ruleset of nominated baselines, or of a control group. */
  readonly nominated?: Nominated
  readonly grouped?: Grouped
  /** Absent: there is none. */
  readonly overlaps?: readonly Overlapping[]
}

/**
 * Energy of each charger in each settlement period, Wh: row r, period t at `r * periods + t`; NaN where it is not known. Personal: always outside
 * the leaf, and expires with the readings.
 */
export type ChargerEnergy = {
  readonly baselineWh: Float64Array
  readonly actualWh: Float64Array
  /** By row: metered time of the window, S; see `coverage.ts`. Absent: a log of before. */
  readonly meteredS?: Float64Array
}
/** By row: how many readings a charger had, and the first four bytes of its leaf in the tree over them, to tell whose readings have changed since. */
export type ReadingMarks = { readonly readings: Uint32Array; readonly mark: Uint32Array }
/** The event by settlement period; the first and the last may be cut by the window. `ratio` is NaN where there is none. */
export type PeriodColumns = {
  readonly startS: Uint32Array
  readonly endS: Uint32Array
  readonly askedWh: Float64Array
  readonly baselineWh: Float64Array
  readonly actualWh: Float64Array
  readonly deliveredWh: Float64Array
  readonly ratio: Float64Array
}

/** Largest errors of meters whose class is known, in 1/10,000 of a reading; whoever is not in it is trusted to `UNKNOWN_ACCURACY`. */
export type MeterErrors = { readonly who: Uint32Array; readonly errorBp: Uint16Array }
/**
 * Days of chargers that a ruleset with history needs, ordered by charger, then day: row k is charger `who[k]` on local day `day[k]` of the ruleset's zone,
 * its energy by slot of the clock at `k * slots + slot`, in 1/1000 Wh; `MISSING` where it is not known, or not all of it.
 */
export type History = { readonly who: Uint32Array; readonly day: Int32Array; readonly slots: number; readonly milliWh: Int32Array }
export const MISSING = -0x80000000
/**
 * Temperatures of a place, row k over [startS[k], endS[k]), by time, in 1/1000 degree Celsius. `late` 1: it came long after its time.
 */
export type Weather = {
  readonly name: string
  readonly startS: Uint32Array
  readonly endS: Uint32Array
  readonly milliC: Int32Array
  readonly late: Uint8Array
}
/**
 * The nominated baselines of an event: unit u is what stands below `node[u]`, W in period t at `u * periods + t`. `unitOf` by row of `who`; -1: none.
 * `sentS` is when the newest that counts of a unit was recorded; `ignored` has the node of each nomination that came too late.
 */
export type Nominated = {
  readonly node: Uint32Array
  readonly sentS: Uint32Array
  readonly meanW: Float64Array
  readonly unitOf: Int32Array
  readonly ignored: Uint32Array
}
/**
 * Who was asked and who was held out, by row of `who`: index in `groups`. Rows of one `cluster` were drawn together and are not independent of each
 * other: those of a station.
 */
export type Grouped = { readonly group: Uint8Array; readonly cluster: Uint32Array }
export const groups = ['heldOut', 'asked', 'neither', 'disturbed'] as const

/**
 * The days that a baseline was made of, and those that were not and why. Chargers with the same days share a pattern: pattern p says of `day[k]` what
 * stands at `p * day.length + k`: 0 not looked at, 1 selected, else 2 + index in `dayReasons`.
 */
export type SelectedDays = {
  readonly day: Int32Array
  readonly patterns: Uint8Array
  /** By row of `who`. */
  readonly patternOf: Uint32Array
  /** By row: what was added to each period, Wh, or the factor; NaN where there is no adjustment, or too few days. */
  readonly adjustment: Float64Array
  /** By row: 1 the adjustment was capped, 2 too few days or none. */
  readonly flags: Uint8Array
}

/**
 * Input: readings for the verification of an event, or for the next revision of its verdict. `salt`: 16 secret bytes that keep the root over the
 * readings from being guessed; the same for all revisions.
 */
export type Metered = {
  readonly kind: 'metered'
  readonly event: EventNo
  /** The readings and days of history as they are packed (see `packed.ts`), some chargers in each piece. Logs of before have their columns instead. */
  readonly pieces?: readonly Uint8Array[]
  readonly readings?: Readings
  readonly meters?: MeterErrors
  readonly history?: History
  readonly weather?: Weather
  readonly salt?: Uint8Array
}
/** Decision. `verdict` and `cause` per charger number in `who`: indexes in `chargerVerdicts` and `nonResponses`. Logs of before know no more than these. */
export type Verified = {
  readonly kind: 'verified'
  readonly verification: Verification
  readonly who: Uint32Array
  readonly verdict: Uint8Array
  readonly cause: Uint8Array
  readonly terms?: VerdictTerms
  readonly energy?: ChargerEnergy
  readonly periods?: PeriodColumns
  readonly days?: SelectedDays
  readonly marks?: ReadingMarks
}
