import { parse } from 'csv-parse/sync'
import type { Second } from '../../src/core/model.ts'
import { DAY_S, type Day, dayOf, dayText, slotS } from '../../src/core/verify/calendar.ts'

/** What NESO publishes of its Demand Flexibility Service: half hours by the clock of London, mean MW over each. */
export type DfsVolume = 'required' | 'procured' | 'settled'
export type DfsWanted = {
  readonly volume: DfsVolume
  readonly participant?: string | undefined
  readonly unit?: string | undefined
  readonly type?: 'Test' | 'Live' | undefined
}
/** `day` and `fromClockS`: as the file has them. */
export type DfsHalfHour = { readonly day: Day; readonly fromClockS: number; readonly mw: number }
/** `line` counts from 1, the header included. */
export type DfsFault = { readonly line: number; readonly column: string; readonly value: string; readonly why: string }
export type DfsFile = { readonly halfHours: readonly DfsHalfHour[]; readonly faults: readonly DfsFault[] }

/** Published names: summaries of winter 2022/23 and of 2023/24, requirements, utilisation by unit. Some end in a space. */
const titles = {
  date: ['date', 'delivery date'],
  from: ['from', 'from_local'],
  to: ['to', 'to_local'],
  required: ['dfs required', 'dfs required mw'],
  procured: ['dfs procured', 'dfs procured mw', 'dfs volume mw'],
  settled: ['settled volume', 'settled volume mw'],
  type: ['service requirement type'],
  participant: ['registered dfs participant'],
  unit: ['dfs unit id'],
  status: ['status'],
  direction: ['event type'],
} as const
type Title = keyof typeof titles
const HALF_HOUR_S = 1_800

/**
 * Half hours of one published file, in order of time. Rows of units are summed; without a column of units a half hour is there once. A row of another participant,
 * unit or type, one that was not accepted, and one that asks for more load are not asked for and left out; every row that cannot be read is a fault.
 */
export function readDfs(text: string, wanted: DfsWanted): DfsFile {
  const faults: DfsFault[] = []
  const table = tableOf(text, faults)
  if (!table) return { halfHours: [], faults }
  const needed: Title[] = ['date', 'from', 'to', wanted.volume, ...named(wanted)]
  for (const title of needed)
    if (table.column(title) < 0)
      faults.push({ line: 1, column: '', value: table.head.join(','), why: `has no column called ${titles[title].join(' or ')}` })
  if (faults.length > 0) return { halfHours: [], faults }
  const byTime = new Map<number, DfsHalfHour & { readonly line: number }>()
  for (const { cells, line } of table.rows) {
    const cell = (title: Title) => cells[table.column(title)] ?? ''
    if (!isWanted(wanted, title => (table.column(title) < 0 ? undefined : cell(title)))) continue
    const fault = (title: Title, why: string) =>
      void faults.push({ line, column: table.head[table.column(title)]!, value: cell(title), why })
    const day = dayIn(cell('date'))
    const [fromClockS, toClockS] = [clockIn(cell('from')), clockIn(cell('to'))]
    const mw = cell(wanted.volume)
    if (day === undefined) fault('date', 'is no day: write dd/mm/yyyy')
    else if (fromClockS === undefined) fault('from', 'is no time: write hh:mm')
    else if (toClockS === undefined || (toClockS - fromClockS + DAY_S) % DAY_S !== HALF_HOUR_S) fault('to', 'does not end a half hour')
    else if (!/^\d+(\.\d*)?$/.test(mw)) fault(wanted.volume, 'is no number of MW')
    else {
      const key = day * DAY_S + fromClockS
      const same = byTime.get(key)
      if (same && table.column('unit') < 0) fault('from', `is a half hour that line ${same.line} has already`)
      else byTime.set(key, { day, fromClockS, mw: (same?.mw ?? 0) + Number(mw), line })
    }
  }
  const halfHours = [...byTime].sort(([a], [b]) => a - b).map(([, { day, fromClockS, mw }]) => ({ day, fromClockS, mw }))
  return { halfHours, faults }
}
const named = ({ participant, unit, type }: DfsWanted): Title[] => [
  ...(participant === undefined ? [] : (['participant'] as const)),
  ...(unit === undefined ? [] : (['unit'] as const)),
  ...(type === undefined ? [] : (['type'] as const)),
]
function isWanted({ participant, unit, type }: DfsWanted, cell: (title: Title) => string | undefined): boolean {
  const is = (title: Title, one: string | undefined) => one === undefined || cell(title)?.toLowerCase() === one.toLowerCase()
  return (
    is('participant', participant) &&
    is('unit', unit) &&
    is('type', type) &&
    !/reject/i.test(cell('status') ?? '') &&
    !/^up/i.test(cell('direction') ?? '')
  )
}

function tableOf(text: string, faults: DfsFault[]) {
  try {
    const ends = ['\r\n', '\n', '\r']
    const options = { bom: true, info: true, record_delimiter: ends, relax_column_count: true, skip_empty_lines: true, trim: true }
    const [first, ...rows] = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[]
    const head = first?.record ?? []
    const at = Object.fromEntries(
      Object.entries(titles).map(([title, names]) => [title, head.findIndex(h => (names as readonly string[]).includes(h.toLowerCase()))]),
    ) as Record<Title, number>
    return { head, column: (title: Title) => at[title], rows: rows.map(({ record, info }) => ({ cells: record, line: info.lines })) }
  } catch (error) {
    faults.push({ line: (error as { lines?: number }).lines ?? 1, column: '', value: '', why: `is no CSV: ${(error as Error).message}` })
    return undefined
  }
}
/** `23/01/2023`, or `2023-01-23` with or without a time that is midnight. */
function dayIn(text: string): Day | undefined {
  const [, d, m, y] = /^(\d\d?)\/(\d\d?)\/(\d{4})$/.exec(text) ?? []
  const [, y2, m2, d2] = /^(\d{4})-(\d\d)-(\d\d)(?:[T ]00:00(?::00)?)?$/.exec(text) ?? []
  const [year, month, date] = [Number(y ?? y2), Number(m ?? m2), Number(d ?? d2)]
  const day = dayOf(year, month, date)
  const two = (n: number) => String(n).padStart(2, '0')
  return Number.isFinite(day) && dayText(day) === `${year}-${two(month)}-${two(date)}` ? day : undefined
}
function clockIn(text: string): number | undefined {
  const [, h, m] = /^(\d\d?):(\d\d)(?::00)?$/.exec(text) ?? []
  const s = Number(h) * 3_600 + Number(m) * 60
  return s >= 0 && s <= DAY_S && Number(m) < 60 ? s % DAY_S : undefined
}

/** Half hours that follow each other, as instants. */
export type DfsEvent = { readonly halfHours: readonly { readonly fromS: Second; readonly toS: Second; readonly mw: number }[] }
/** `byClockS`: moved by so much on the clock of London, so that an evening stays an evening when clocks change in between. */
export function dfsEvents(halfHours: readonly DfsHalfHour[], byClockS = 0): DfsEvent[] {
  const out: { fromS: Second; toS: Second; mw: number }[][] = []
  for (const { day, fromClockS, mw } of halfHours) {
    const clockS = day * DAY_S + fromClockS + byClockS
    const fromS = slotS('Europe/London', Math.floor(clockS / DAY_S), clockS % DAY_S, DAY_S)
    const one = { fromS, toS: fromS + HALF_HOUR_S, mw }
    if (out.at(-1)?.at(-1)?.toS === fromS) out.at(-1)!.push(one)
    else out.push([one])
  }
  return out.map(one => ({ halfHours: one }))
}
