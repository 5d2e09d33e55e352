import type { EventNo, Schedule, ScheduleColumns, Second, Segment } from './model.ts'

/**
 * Interned schedules. A schedule is a row number; a row never changes, so an equal number means an equal schedule. Row numbers are private to
 * one State: facts carry schedules as columns. Segments of row r are `[start(r), end[r])`.
 */
export type Rows = {
  count: number
  segments: number
  /** `end[r]`: one past the last segment of row r; row 0 is free and has none. */
  end: Uint32Array
  fromS: Uint32Array
  toS: Uint32Array
  limitW: Int32Array
  because: Uint32Array
}

/** The row of a charger that may do as it likes. */
export const FREE = 0
/** In `holds`: what the charger holds is not known. */
export const UNKNOWN = 0xfffffffe
/** In `pending`: no command is out. */
export const NONE = 0xffffffff

export const newRows = (): Rows => ({
  count: 1,
  segments: 0,
  end: new Uint32Array(256),
  fromS: new Uint32Array(256),
  toS: new Uint32Array(256),
  limitW: new Int32Array(256),
  because: new Uint32Array(256),
})

type Column = Uint32Array | Int32Array | Uint16Array | Uint8Array
/** The column itself, or a copy at least `need` long. Doubles, so that appending one by one stays linear. */
export function grown<T extends Column>(column: T, need: number): T {
  if (need <= column.length) return column
  const longer = new (column.constructor as new (n: number) => T)(Math.max(need, column.length * 2))
  longer.set(column as never)
  return longer
}

export function reserve(rows: Rows, moreRows: number, moreSegments: number): void {
  rows.end = grown(rows.end, rows.count + moreRows)
  const need = rows.segments + moreSegments
  rows.fromS = grown(rows.fromS, need)
  rows.toS = grown(rows.toS, need)
  rows.limitW = grown(rows.limitW, need)
  rows.because = grown(rows.because, need)
}

export const rowStart = (rows: Rows, row: number): number => (row === 0 ? 0 : rows.end[row - 1]!)
export const rowEnd = (rows: Rows, row: number): number => (row === 0 ? 0 : rows.end[row]!)

/**
 * Appends every schedule of `columns` and calls `each(who, row)` for it; an empty schedule is FREE. All segments are copied in one block.
 */
export function appendRows(rows: Rows, columns: ScheduleColumns, each: (who: number, row: number) => void): void {
  const n = columns.who.length
  reserve(rows, n, columns.fromS.length)
  const base = rows.segments
  rows.fromS.set(columns.fromS, base)
  rows.toS.set(columns.toS, base)
  rows.limitW.set(columns.limitW, base)
  rows.because.set(columns.because, base)
  rows.segments += columns.fromS.length
  let previous = 0
  for (let k = 0; k < n; k++) {
    const end = columns.ends[k]!
    if (end === previous) {
      each(columns.who[k]!, FREE)
      continue
    }
    rows.end[rows.count] = base + end
    each(columns.who[k]!, rows.count++)
    previous = end
  }
}

/** The schedule of a row as objects: for the rim only. */
export function scheduleOf(rows: Rows, row: number): Schedule {
  if (row === NONE || row === UNKNOWN) return []
  const out: Segment[] = []
  for (let k = rowStart(rows, row); k < rowEnd(rows, row); k++)
    out.push({ fromS: rows.fromS[k]!, toS: rows.toS[k]!, limitW: rows.limitW[k]!, because: rows.because[k]! })
  return out
}

/** Do two rows ask the same of a charger from `nowS` on? What is past does not count. */
export function sameRest(rows: Rows, x: number, y: number, nowS: Second): boolean {
  if (x === y) return true
  let a = rowStart(rows, x)
  let b = rowStart(rows, y)
  const aEnd = rowEnd(rows, x)
  const bEnd = rowEnd(rows, y)
  while (a < aEnd && rows.toS[a]! <= nowS) a++
  while (b < bEnd && rows.toS[b]! <= nowS) b++
  if (aEnd - a !== bEnd - b) return false
  for (; a < aEnd; a++, b++) {
    if (Math.max(rows.fromS[a]!, nowS) !== Math.max(rows.fromS[b]!, nowS)) return false
    if (rows.toS[a] !== rows.toS[b] || rows.limitW[a] !== rows.limitW[b]) return false
  }
  return true
}

/** The next instant, not before `nowS`, at which the row limits something; Infinity if never again. */
export function nextLimit(rows: Rows, row: number, nowS: Second): Second {
  for (let k = rowStart(rows, row); k < rowEnd(rows, row); k++) if (rows.toS[k]! > nowS) return Math.max(nowS, rows.fromS[k]!)
  return Infinity
}

/** The limit of a row at an instant, -1 where it is free. */
export function limitAt(rows: Rows, row: number, atS: Second): number {
  if (row === NONE || row === UNKNOWN) return -1
  for (let k = rowStart(rows, row); k < rowEnd(rows, row); k++) if (rows.fromS[k]! <= atS && atS < rows.toS[k]!) return rows.limitW[k]!
  return -1
}

/** The greatest limit of a row in [fromS, toS), -1 where it does not limit throughout. */
export function limitThrough(rows: Rows, row: number, fromS: Second, toS: Second): number {
  let atS = fromS
  let greatestW = -1
  for (let k = rowStart(rows, row); k < rowEnd(rows, row) && atS < toS; k++) {
    if (rows.toS[k]! <= atS) continue
    if (rows.fromS[k]! > atS) return -1
    greatestW = Math.max(greatestW, rows.limitW[k]!)
    atS = rows.toS[k]!
  }
  return atS < toS ? -1 : greatestW
}

/** Which event limits at an instant, -1 where none does. */
export function becauseAt(rows: Rows, row: number, atS: Second): EventNo {
  if (row === NONE || row === UNKNOWN) return -1
  for (let k = rowStart(rows, row); k < rowEnd(rows, row); k++) if (rows.fromS[k]! <= atS && atS < rows.toS[k]!) return rows.because[k]!
  return -1
}

/** Does any row, wanted by somebody or not, limit because of this event? One look at a column, before a million chargers are looked at. */
export const isMentioned = ({ because, segments }: Rows, event: EventNo): boolean => because.subarray(0, segments).includes(event)

/** A schedule-columns builder that grows; for plans and fitted sends. */
export type Draft = { -readonly [K in keyof ScheduleColumns]: ScheduleColumns[K] } & { count: number; segments: number }
export const newDraft = (capacity = 64, segments = capacity): Draft => ({
  count: 0,
  segments: 0,
  who: new Uint32Array(capacity),
  ends: new Uint32Array(capacity),
  fromS: new Uint32Array(segments),
  toS: new Uint32Array(segments),
  limitW: new Int32Array(segments),
  because: new Uint32Array(segments),
})
/** Makes room for so many more segments. */
export function reserveSegments(d: Draft, more: number): void {
  const need = d.segments + more
  if (need <= d.fromS.length) return
  d.fromS = grown(d.fromS, need)
  d.toS = grown(d.toS, need)
  d.limitW = grown(d.limitW, need)
  d.because = grown(d.because, need)
}
export function draftSegment(d: Draft, fromS: Second, toS: Second, limitW: number, because: EventNo): void {
  const k = d.segments
  reserveSegments(d, 1)
  d.fromS[k] = fromS
  d.toS[k] = toS
  d.limitW[k] = limitW
  d.because[k] = because
  d.segments = k + 1
}
/** Closes the schedule of `who`: the segments drafted since the last close are its own. */
export function closeSchedule(d: Draft, who: number): void {
  if (d.count === d.who.length) {
    d.who = grown(d.who, d.count + 1)
    d.ends = grown(d.ends, d.count + 1)
  }
  d.who[d.count] = who
  d.ends[d.count++] = d.segments
}
export const finished = (d: Draft): ScheduleColumns => ({
  who: d.who.subarray(0, d.count),
  ends: d.ends.subarray(0, d.count),
  fromS: d.fromS.subarray(0, d.segments),
  toS: d.toS.subarray(0, d.segments),
  limitW: d.limitW.subarray(0, d.segments),
  because: d.because.subarray(0, d.segments),
})

/** Drops rows that none of `columns` refers to and renumbers the rest. Row numbers are private to a State, so nobody can tell. */
export function compact(rows: Rows, columns: readonly Uint32Array[]): Rows {
  const to = new Uint32Array(rows.count)
  const out = newRows()
  for (const column of columns)
    for (let i = 0; i < column.length; i++) {
      const row = column[i]!
      if (row === FREE || row >= UNKNOWN) continue
      if (to[row] === 0) to[row] = copyRow(rows, row, out)
      column[i] = to[row]!
    }
  return out
}
function copyRow(from: Rows, row: number, out: Rows): number {
  const a = rowStart(from, row)
  const b = rowEnd(from, row)
  reserve(out, 1, b - a)
  for (let k = a; k < b; k++, out.segments++) {
    out.fromS[out.segments] = from.fromS[k]!
    out.toS[out.segments] = from.toS[k]!
    out.limitW[out.segments] = from.limitW[k]!
    out.because[out.segments] = from.because[k]!
  }
  out.end[out.count] = out.segments
  return out.count++
}
