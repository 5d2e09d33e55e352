import { outcomeKinds } from '../../src/core/model.ts'
import { known } from '../../src/report/model.ts'
import { int, number, type Table, text, ts } from '../../src/report/tables.ts'
import { metersTable } from './meters.ts'
import type { Run } from './run.ts'
import { eventSteps } from './series.ts'

/** What is written as Parquet, and as CSV on request. As in the report of an event: names end in their unit, a column is never renamed or moved. */
export const tablesOf = (run: Run): readonly Table[] => [
  ...[loadTable(run), commandsTable(run), sessionsTable(run)],
  ...(run.played.meters.length > 0 ? [metersTable(run)] : []),
]

/** A row per minute and place, by place. */
function loadTable(run: Run): Table {
  const { recorded, freeW, freeNodeW } = run.played
  const { startS, stepS, nodes } = recorded
  const minutes = recorded.loadW.length
  const all = { name: 'all chargers', loadW: recorded.loadW, freeW, backgroundW: null }
  const places = [all, ...nodes.map((n, k) => ({ name: n.name, loadW: n.loadW, freeW: freeNodeW[k]!, backgroundW: n.backgroundW }))]
  const steps = nodes.map(n => eventSteps(run, n.name))
  const place = (row: number) => places[Math.floor(row / minutes)]!
  const counted = (of: readonly number[]) => (row: number) => (row < minutes ? of[row]! : null)
  const asked = (what: 'targetW' | 'baselineW') => (row: number) => known(steps[Math.floor(row / minutes) - 1]?.[what][row % minutes])
  return {
    name: 'load',
    rows: minutes * places.length,
    fields: [
      ts('ts_utc', 'start of the minute', row => (startS + stepS * (row % minutes)) * 1000),
      text('place', 'all chargers, or a place of the network as the scenario names it', row => place(row).name),
      number('load_w', 'mean power of its chargers over the minute, as it was', row => place(row).loadW[row % minutes]!),
      number('free_w', 'the same cars limited by nobody', row => place(row).freeW[row % minutes]!),
      number('background_w', 'other load there', row => place(row).backgroundW?.[row % minutes] ?? null),
      number('target_w', 'the most that an event leaves it; empty where there is none', asked('targetW')),
      number('baseline_w', 'what it would have drawn by the ruleset of that event', asked('baselineW')),
      int('drawing_count', 'chargers that drew; of all chargers alone', counted(recorded.drawing)),
      int('limited_count', 'chargers that held a limit', counted(recorded.limited)),
      int('plugged_count', 'chargers with a car', counted(recorded.plugged)),
    ],
  }
}

/** A row per command, in the order in which they were sent. */
function commandsTable({ played }: Run): Table {
  const { commands } = played.world.model
  const row = (k: number) => commands[k]!
  return {
    name: 'commands',
    rows: commands.length,
    fields: [
      ts('sent_ts_utc', 'when it was sent', k => row(k).atMs),
      int('charger_no', 'to whom', k => row(k).command.charger),
      int('station_no', 'node of its station', k => row(k).command.station),
      int('seq_no', 'pairs it with its answer in the record', k => row(k).command.seq),
      int('segments_count', 'of the schedule that it carries; 0 lets the charger go', k => row(k).command.schedule.length),
      ts('from_ts_utc', 'when its limit begins', k => msOf(row(k).command.schedule[0]?.fromS)),
      ts('to_ts_utc', 'when the last of it ends', k => msOf(row(k).command.schedule.at(-1)?.toS)),
      number('limit_w', 'its first limit', k => row(k).command.schedule[0]?.limitW ?? null),
      int('urgent', '1: the start of an emergency', k => Number(row(k).command.urgent)),
      text('outcome', `${outcomeKinds.join(', ')}; empty where no answer was waited for to the end`, k => row(k).outcome ?? null),
    ],
  }
}
const msOf = (s: number | undefined): number | null => (s === undefined ? null : s * 1000)

/** A row per car, by charger and arrival. */
function sessionsTable({ played }: Run): Table {
  const { cars } = played.built.setting
  const { takenWh, freeWh } = played
  return {
    name: 'sessions',
    rows: cars.count,
    fields: [
      int('charger_no', 'where it charged', k => cars.charger[k]!),
      ts('arrive_ts_utc', '', k => cars.arriveS[k]! * 1000),
      ts('depart_ts_utc', '', k => cars.departS[k]! * 1000),
      number('max_w', 'what its own charger takes', k => cars.maxW[k]!),
      number('need_wh', 'what it takes at most while it is there', k => cars.needWh[k]!),
      number('taken_wh', 'what it took', k => takenWh[k]!),
      number('free_wh', 'what it would have taken limited by nobody', k => freeWh[k]!),
      number('unmet_wh', 'free - taken, where that is more than nothing', k => Math.max(0, freeWh[k]! - takenWh[k]!)),
    ],
  }
}
