import { parse } from 'csv-parse/sync'
import { ScenarioError } from '../scenario/read.ts'

/**
 * Charging sessions as columns, in whole periods of a study. A session may charge in [arrival, departure). `departure` is what a scheduler is told; `energyWh` is what
 * the car takes at most.
 */
export type Sessions = {
  readonly count: number
  readonly arrival: Int32Array
  readonly departure: Int32Array
  readonly energyWh: Float64Array
  readonly maxW: Float64Array
}

/** From rows `{arrival, departure, energyWh, maxW}`. Rows that can never charge are kept: they are demands that are not met. */
export function sessionsOf(
  rows: readonly { readonly arrival: number; readonly departure: number; readonly energyWh: number; readonly maxW: number }[],
): Sessions {
  return {
    count: rows.length,
    arrival: Int32Array.from(rows, r => r.arrival),
    departure: Int32Array.from(rows, r => r.departure),
    energyWh: Float64Array.from(rows, r => r.energyWh),
    maxW: Float64Array.from(rows, r => r.maxW),
  }
}

/**
 * Sessions in the layout of ACN-Sim's exports: `station_id, arrival_period, departure_period, requested_kwh, max_power_kw`; other columns are not needed.
 * @throws ScenarioError naming row, column and value for a cell that is no number
 */
export function acnSessions(
  csv: string,
  name = 'sessions of ACN-Sim',
): { readonly sessions: Sessions; readonly station: readonly string[] } {
  const rows = rowsIn(csv, name)
  const sessions = sessionsOf(
    rows.map((row, k) => ({
      arrival: number(row, 'arrival_period', k, name),
      departure: number(row, 'departure_period', k, name),
      energyWh: 1000 * number(row, 'requested_kwh', k, name),
      maxW: 1000 * number(row, 'max_power_kw', k, name),
    })),
  )
  return { sessions, station: rows.map(row => row.station_id ?? '') }
}
function rowsIn(csv: string, name: string): Record<string, string>[] {
  try {
    return parse(csv, { columns: true, skip_empty_lines: true })
  } catch (error) {
    throw new ScenarioError([`${name}: ${(error as Error).message}`])
  }
}
function number(row: Record<string, string>, column: string, k: number, name: string): number {
  const value = row[column]
  if (value === undefined || value.trim() === '' || !Number.isFinite(Number(value)))
    throw new ScenarioError([`${name}: row ${k + 2}, column ${column}: "${value ?? ''}" is not a number`])
  return Number(value)
}
