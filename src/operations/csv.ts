/**
 * CSV (RFC 4180). A text that a spreadsheet would take for a formula is written as text (OWASP: CSV injection); a number stays one, also below zero.
 * Null and undefined are empty, a list is joined by `; `.
 */
export const csvText = (columns: readonly string[], rows: readonly object[]): string =>
  [columns, ...rows.map(row => columns.map(c => (row as Record<string, unknown>)[c]))].map(r => `${r.map(cell).join(',')}\r\n`).join('')

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = Array.isArray(value) ? value.join('; ') : String(value)
  const isFormula = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text)
  const safe = isFormula ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
