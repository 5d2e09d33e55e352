import type { Fact, GridEvent, ScheduleColumns } from '../core/model.ts'
import { readingsOf } from '../core/verify/worked.ts'

/** The numbers behind which a person stands: the chargers of one box, and the nodes that are the box's alone. */
export type Numbers = { readonly chargers: ReadonlySet<number>; readonly nodes: ReadonlySet<number> }
type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array
type Row = Readonly<Record<string, unknown>>

/** Columns of numbers that say whom the other columns are about. */
const chargerColumns = ['who', 'excluded', 'unmoved', 'charger'] as const
const nodeColumns = ['stations', 'nodes'] as const

/**
 * What a fact says of some numbers alone, as rows of its columns; undefined where it says nothing of them. Facts about many are cut down to these, so
 * that an answer to one person tells nothing of another.
 */
export function saidOf(fact: Fact, of: Numbers): Row | undefined {
  switch (fact.kind) {
    case 'noted':
      return isAbout(fact.about, of) ? { what: fact.what, ...fact.about } : undefined
    case 'signal':
      return signalOf(fact.event, of)
    case 'planned':
      return rowsOr(scheduleRows(fact.schedules, of), { generation: fact.generation })
    case 'sent':
      return rowsOr([...columnRows(fact, of), ...scheduleRows(fact.fitted, of)], {})
    case 'fleet':
      return rowsOr([...columnRows({ ...fact.chargers, charger: fact.chargers.no }, of)], {})
    case 'metered':
      return rowsOr(columnRows(readingsOf(fact).readings, of), { event: fact.event })
    default:
      return rowsOr(columnRows(fact as unknown as Row, of), scalarsOf(fact as unknown as Row))
  }
}
/** Without whom else it is for. */
function signalOf(event: GridEvent, { chargers, nodes }: Numbers): Row | undefined {
  const targets = event.targets.filter(t => (t.kind === 'charger' ? chargers.has(t.charger) : nodes.has(t.node)))
  return targets.length === 0 ? undefined : { event: { ...event, targets }, otherTargets: event.targets.length - targets.length }
}
export const isAbout = (about: Row, { chargers, nodes }: Numbers): boolean =>
  chargers.has(about['charger'] as number) || nodes.has(about['station'] as number)

/** Is a fact about nobody else? Then its power is this person's alone, and can be erased with it. */
export function saysOnlyOf(fact: Fact, { chargers }: Numbers): boolean {
  const who = fact.kind === 'metered' ? readingsOf(fact).readings.charger : 'who' in fact ? fact.who : undefined
  return who !== undefined && who.length > 0 && who.every(c => chargers.has(c))
}

const rowsOr = (rows: readonly Row[], more: Row): Row | undefined => (rows.length === 0 ? undefined : { ...more, rows })
const isColumn = (value: unknown): value is Column => ArrayBuffer.isView(value)
const scalarsOf = (fact: Row): Row =>
  Object.fromEntries(Object.entries(fact).filter(([k, v]) => k !== 'kind' && ['number', 'string', 'boolean'].includes(typeof v)))

function columnRows(columns: Row, { chargers, nodes }: Numbers): Row[] {
  const index = [...chargerColumns, ...nodeColumns].find(key => isColumn(columns[key]))
  if (index === undefined) return []
  const numbers = columns[index] as Column
  const ours = (chargerColumns as readonly string[]).includes(index) ? chargers : nodes
  const others = Object.entries(columns).filter((c): c is [string, Column] => isColumn(c[1]) && c[1].length === numbers.length)
  const rows: Row[] = []
  numbers.forEach((no, k) => {
    if (ours.has(no)) rows.push(Object.fromEntries(others.map(([key, column]) => [key === index ? 'no' : key, column[k]])))
  })
  return rows
}

function scheduleRows(s: ScheduleColumns, { chargers }: Numbers): Row[] {
  const rows: Row[] = []
  s.who.forEach((no, k) => {
    if (!chargers.has(no)) return
    const segments: Row[] = []
    for (let i = k === 0 ? 0 : s.ends[k - 1]!; i < s.ends[k]!; i++)
      segments.push({ fromS: s.fromS[i], toS: s.toS[i], limitW: s.limitW[i], because: s.because[i] })
    rows.push({ no, schedule: segments })
  })
  return rows
}
