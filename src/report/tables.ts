import { chargerVerdicts, nonResponses } from '../core/model.ts'
import { answers, type Column, type EventReport, known, NOT_JUDGED } from './model.ts'
import { flawNames } from './people.ts'
import { changesOf } from './revisions.ts'
import { overlapText } from './words.ts'

/** `ts`: ms since the epoch, UTC. `int`: within 32 bits. */
export type Field = {
  readonly name: string
  readonly type: 'ts' | 'int' | 'number' | 'text'
  /** For the documentation; a schema is kept. */
  readonly means: string
  at(row: number): number | string | null
}
/** Rows by number, made when they are asked for. */
export type Table = { readonly name: string; readonly rows: number; readonly fields: readonly Field[] }

/**
 * The same tables for CSV and Parquet. Names of columns end in their unit. A column is never renamed, moved or given another meaning; new ones are
 * added at the end.
 */
export function tablesOf(r: EventReport): readonly Table[] {
  return [loadTable(r), chargersTable(r), levelsTable(r), settlementTable(r), flawsTable(r), verdictsTable(r), witnessesTable(r)]
}
/** Those that are written as Parquet too: the long ones. */
export const parquetTables: ReadonlySet<string> = new Set(['load', 'chargers'])

export const ts = (name: string, means: string, at: Field['at']): Field => ({ name, type: 'ts', means, at })
export const int = (name: string, means: string, at: Field['at']): Field => ({ name, type: 'int', means, at })
export const number = (name: string, means: string, at: Field['at']): Field => ({ name, type: 'number', means, at })
export const text = (name: string, means: string, at: Field['at']): Field => ({ name, type: 'text', means, at })
const of = (column: Column) => (k: number) => known(column[k])
/** -1 and 0 stand for none in columns of numbers. */
const noOf = (column: ArrayLike<number>, none: number) => (k: number) => (column[k] === none ? null : column[k]!)

export function loadTable({ series: s }: EventReport): Table {
  return {
    name: 'load',
    rows: s.actualW.length,
    fields: [
      ts('ts_utc', 'start of the step', k => s.fromMs + k * s.stepMs),
      int('step_s', 'length of the step', () => s.stepMs / 1000),
      number('target_w', 'the most that the ask leaves the targets', of(s.targetW)),
      number('baseline_w', 'what they would have drawn', of(s.baselineW)),
      number('actual_w', 'mean power by meters; who is not metered counts at its baseline', of(s.actualW)),
      number('actual_low_w', 'the least that it may have been, by the accuracy of the meters', of(s.lowW)),
      number('actual_high_w', 'the most', of(s.highW)),
      number('coverage_share', 'coverage of the step', of(s.coverage)),
      int('commanded_count', 'chargers first commanded within the step', of(s.commanded)),
      int('answered_count', 'chargers that first answered within the step', of(s.answered)),
    ],
  }
}

export function chargersTable({ chargers: c, names }: EventReport): Table {
  const nameOf = names?.chargers
  return {
    name: 'chargers',
    rows: c.charger.length,
    fields: [
      int('charger_no', 'number of the charger; the registry knows who it is', k => c.charger[k]!),
      int('station_no', 'node of its station', k => c.station[k]!),
      int('site_no', 'node of its site', noOf(c.site, -1)),
      int('feeder_no', 'node of its feeder', noOf(c.feeder, -1)),
      int('group_no', 'maker or backend: what fails together', noOf(c.group, 0)),
      text('verdict', `by meters: ${chargerVerdicts.join(', ')}`, k =>
        c.verdict[k] === NOT_JUDGED ? null : (chargerVerdicts[c.verdict[k]!] ?? null),
      ),
      text('cause', `why it is not counted: ${nonResponses.slice(1).join(', ')}`, k => causeOf(c.cause[k]!)),
      text('last_answer', `to the event's last command: ${answers.join(', ')}`, k => answers[c.answer[k]!] ?? null),
      number('limit_w', 'the lowest limit that it was told because of the event', of(c.limitW)),
      ts('commanded_ts_utc', 'first command', of(c.commandedMs)),
      ts('answered_ts_utc', 'first answer', of(c.answeredMs)),
      number('baseline_wh', 'over the settled window', of(c.baselineWh)),
      number('actual_wh', 'over the settled window', of(c.actualWh)),
      number('delivered_wh', 'baseline - actual', of(c.deliveredWh)),
      number('coverage_share', 'share of the settled window that is metered', of(c.coverage)),
      text(
        'flaws',
        'what is wrong with its readings in the settled window, separated by a blank',
        k => flawNames(c.flaws[k]!).join(' ') || null,
      ),
      int('coverage_counted', '1: it counts for the coverage of what it is part of', k => c.counted[k] ?? null),
      ...(nameOf ? [text('external_id', 'personal: only with --with-names', k => nameOf[c.charger[k]!] ?? null)] : []),
    ],
  }
}
const causeOf = (code: number): string | null => (code === NOT_JUDGED || code === 0 ? null : (nonResponses[code] ?? null))

function levelsTable({ levels }: EventReport): Table {
  const row = (k: number) => levels[k]!
  return {
    name: 'levels',
    rows: levels.length,
    fields: [
      text('level', 'event, programme, group, or a kind of node', k => row(k).level),
      int('no', 'of the node or group', k => row(k).no),
      text('name', 'path of the node; from the site on downwards only with --with-names', k => row(k).name),
      int('chargers_count', '', k => row(k).chargers),
      int('compliant_count', '', k => row(k).compliant),
      int('not_compliant_count', '', k => row(k).notCompliant),
      int('no_data_count', '', k => row(k).noData),
      int('not_commanded_count', '', k => row(k).notCommanded),
      number('baseline_wh', 'of those with both energies known', k => known(row(k).baselineWh)),
      number('actual_wh', 'the same', k => known(row(k).actualWh)),
      number('delivered_wh', 'baseline - actual', k => known(row(k).deliveredWh)),
      number('coverage_share', 'coverage of those that count', k => known(row(k).coverage)),
    ],
  }
}
/** What is settled on, by settlement period: the verdict's own figures. */
export function settlementTable({ settlement, event, verdicts }: EventReport): Table {
  const row = (k: number) => settlement[k]!
  const v = verdicts.at(-1)?.verification
  return {
    name: 'settlement',
    rows: settlement.length,
    fields: [
      text('event', 'id of the event', () => event.id),
      int('verdict_revision', '', () => v?.verdictRevision ?? 1),
      text('ruleset', 'of the baseline, with its version', () => v?.baselineRule ?? null),
      text('settleable', 'yes, or why not', () => v?.unsettleable ?? 'yes'),
      ts('period_from_ts_utc', 'start of the settlement period, within the window', k => row(k).fromS * 1000),
      ts('period_to_ts_utc', 'its end', k => row(k).toS * 1000),
      number('asked_wh', '', k => known(row(k).askedWh)),
      number('baseline_wh', '', k => known(row(k).baselineWh)),
      number('actual_wh', '', k => known(row(k).actualWh)),
      number('delivered_wh', 'without a floor', k => known(row(k).delivered.none)),
      number('delivered_floor_unit_wh', 'negative delivery of the unit in a period taken for none', k => known(row(k).delivered.perUnitSP)),
      number('delivered_floor_meter_wh', 'the same for each meter', k => known(row(k).delivered.perMeterSP)),
      number('delivered_share', 'delivered / asked', k => known(row(k).ratio)),
    ],
  }
}
function flawsTable({ flaws: { examples } }: EventReport): Table {
  const row = (k: number) => examples[k]!
  return {
    name: 'flaws',
    rows: examples.length,
    fields: [
      int('charger_no', '', k => row(k).charger),
      text('flaw', 'what is wrong', k => row(k).kind),
      ts('from_ts_utc', '', k => row(k).fromMs),
      ts('to_ts_utc', '', k => row(k).toMs),
      number('value', 'as received, in `unit`', k => known(row(k).value)),
      text('unit', 'W, Wh or ratio', k => row(k).unit),
      int('readings_count', 'that it stands for', k => row(k).count),
    ],
  }
}
function verdictsTable({ verdicts }: EventReport): Table {
  const of = (k: number) => verdicts[k]!.verification
  return {
    name: 'verdicts',
    rows: verdicts.length,
    fields: [
      int('verdict_revision', '', k => of(k).verdictRevision ?? k + 1),
      ts('recorded_ts_utc', '', k => verdicts[k]!.atMs),
      int('log_entry', 'index of the entry in the log', k => verdicts[k]!.leaf),
      text('verdict', '', k => of(k).verdict),
      text('ruleset', '', k => of(k).baselineRule),
      number('asked_wh', '', k => known(of(k).askedWh)),
      number('baseline_wh', '', k => known(of(k).baselineWh)),
      number('actual_wh', '', k => known(of(k).actualWh)),
      number('delivered_wh', '', k => known(of(k).deliveredWh)),
      number('delivered_low_wh', 'by the accuracy of the meters', k => known(of(k).measured?.lowWh)),
      number('delivered_high_wh', '', k => known(of(k).measured?.highWh)),
      number('delivered_share', 'delivered / asked', k => known(of(k).ratio)),
      number('coverage_share', '', k => known(of(k).coverage)),
      text('changed', 'against the verdict before', k => changesOf(verdicts[k - 1]?.verification, of(k)).join('; ') || null),
      text('readings_root', 'Merkle root over the readings used', k => of(k).readings?.root ?? null),
      text('overlaps', 'other events on its chargers at the same time', k => (of(k).overlaps ?? []).map(overlapText).join('; ') || null),
    ],
  }
}
function witnessesTable({ witnesses }: EventReport): Table {
  const row = (k: number) => witnesses![k]!
  const wh = (of: 'feederWh' | 'commandedWh' | 'notCommandedWh' | 'residualWh' | 'gapWh') => (k: number) => known(row(k).gap?.[of])
  return {
    name: 'witnesses',
    rows: witnesses?.length ?? 0,
    fields: [
      text('meter', '', k => row(k).meter),
      text('node', '', k => row(k).node),
      int('step_s', 'of the meter', k => row(k).stepS),
      int('chargers_count', 'of the event under it', k => row(k).chargers),
      int('commanded_count', '', k => row(k).commanded),
      number('feeder_drop_wh', '', wh('feederWh')),
      number('commanded_drop_wh', '', wh('commandedWh')),
      number('not_commanded_drop_wh', '', wh('notCommandedWh')),
      number('residual_wh', '', wh('residualWh')),
      number('gap_wh', '', wh('gapWh')),
      number('explained_share', '', k => known(row(k).gap?.share)),
      int('implausible_count', 'readings of the meter that are more than its place can have drawn', k => row(k).implausible ?? 0),
      text('why_not', 'tooCoarse, noReadings', k => row(k).why),
    ],
  }
}
