import type { Field, Table } from './tables.ts'

/**
 * A cell of CSV (RFC 4180). A text that a spreadsheet would take for a formula is written as text (OWASP: CSV injection); a number stays one, also below
 * zero. Null and undefined are empty, a list is joined by `; `.
 */
export function csvCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = Array.isArray(value) ? value.join('; ') : String(value)
  const isFormula = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text)
  const safe = isFormula ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** Rows that are made at a time: a million chargers are never one string. */
const CHUNK = 5_000
/** A table with a head line. Instants as ISO 8601 in UTC; what is not known is an empty cell. */
export function* csvOf({ fields, rows }: Table): Generator<string> {
  yield `${fields.map(f => f.name).join(',')}\r\n`
  for (let from = 0; from < rows; from += CHUNK) {
    let text = ''
    for (let k = from; k < Math.min(rows, from + CHUNK); k++) text += `${fields.map(f => cellOf(f, k)).join(',')}\r\n`
    yield text
  }
}
function cellOf(field: Field, k: number): string {
  const value = field.at(k)
  return field.type === 'ts' && typeof value === 'number' ? new Date(value).toISOString() : csvCell(value)
}
