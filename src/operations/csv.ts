import { csvCell } from '../report/csv.ts'

/** CSV with a head line; cells as `csvCell` has them. */
export const csvText = (columns: readonly string[], rows: readonly object[]): string =>
  [columns, ...rows.map(row => columns.map(c => (row as Record<string, unknown>)[c]))].map(r => `${r.map(csvCell).join(',')}\r\n`).join('')
