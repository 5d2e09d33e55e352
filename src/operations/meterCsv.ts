import { parse } from 'csv-parse/sync'
import { DAY_S, localDay, parseDay, slotS, type Zone } from '../core/verify/calendar.ts'
import { type EnergySeries, flaw } from '../core/verify/series.ts'

/** One row that was not used, and why. `code` is stable. */
export type MeterRowError = {
  readonly line: number
  readonly column: string
  readonly value: string
  readonly code: 'bad-time' | 'bad-value' | 'off-grid' | 'contradicts'
  readonly message: string
  readonly hint: string
}
export type MeterFile = {
  readonly meters: ReadonlyMap<string, EnergySeries>
  readonly rows: number
  /** Rows that said again what another had said. */
  readonly duplicates: number
  readonly errors: readonly MeterRowError[]
}
/** Thrown for what is no meter file at all; bad rows are not errors of the file. */
export class MeterFileError extends Error {
  readonly hint: string
  constructor(message: string, hint: string) {
    super(message)
    this.name = 'MeterFileError'
    this.hint = hint
  }
}
/** Energy units a column may be in, in Wh. */
export const energyUnits = { Wh: 1, kWh: 1_000, MWh: 1_000_000 } as const
export type EnergyUnit = keyof typeof energyUnits

const names = {
  time: ['start', 'time', 'timestamp', 'datetime', 'date', 'from', 'intervalstart', 'tstp', 'utc', 'starttime'],
  value: [
    'value',
    'kwh',
    'wh',
    'mwh',
    'energy',
    'energykwh',
    'energywh',
    'consumption',
    'consumptionkwh',
    'importkwh',
    'importwh',
    'usage',
    'kwhhh',
    'energykwhhh',
    'temperature',
    'temperaturec',
    'degc',
  ],
  meter: ['meter', 'meterid', 'mpan', 'mpancore', 'id', 'lclid', 'charger', 'chargerid', 'site'],
} as const
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')
type Columns = { readonly time: number; readonly value: number; readonly meter: number; readonly names: readonly string[] }

/**
 * Energy by interval from a CSV file: a column of interval starts, one of energy (kWh, unless its name or `unit` says otherwise), and one of the meter where there are
 * several. Comma, semicolon or tab. Times with an offset are what they say; without one they are of `zone` (of an hour that comes twice, the first). Every bad
 * row is named and left out, and nothing else with it. Two rows of one interval that agree are one; where they do not, the interval is unknown.
 * Intervals without a row are NaN (gaps).
 * @throws MeterFileError
 */
export function readMeterCsv(text: string, { zone = 'UTC', unit }: { readonly zone?: Zone; readonly unit?: EnergyUnit } = {}): MeterFile {
  const records = recordsOf(text)
  const head = records.shift()
  if (!head) throw new MeterFileError('the file is empty', 'begin with a line such as: start,kwh')
  const columns = columnsOf(head.record)
  const scale = energyUnits[unit ?? unitOf(columns.names[columns.value]!)]
  const errors: MeterRowError[] = []
  const meters = new Map<string, Reading[]>()
  for (const { record, line } of records) {
    const reading = readingOf(record, line, columns, zone, scale, errors)
    if (!reading) continue
    const id = columns.meter < 0 ? '' : (record[columns.meter] ?? '').trim()
    const known = meters.get(id)
    if (known) known.push(reading)
    else meters.set(id, [reading])
  }
  let duplicates = 0
  const series = new Map<string, EnergySeries>()
  for (const [id, readings] of meters) {
    const made = seriesOf(readings, columns, errors)
    duplicates += made.duplicates
    series.set(id, made.series)
  }
  return { meters: series, rows: records.length, duplicates, errors: errors.sort((a, b) => a.line - b.line) }
}

type Reading = { readonly atS: number; readonly wh: number; readonly line: number; readonly cells: readonly string[] }

function recordsOf(text: string): { record: string[]; line: number }[] {
  try {
    const options = {
      bom: true,
      delimiter: delimiterOf(text),
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    } as const
    const found = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[]
    return found.map(({ record, info }) => ({ record, line: info.lines }))
  } catch (error) {
    throw new MeterFileError((error as Error).message, 'a quoted field that is not closed swallows the rest of the file')
  }
}
function delimiterOf(text: string): string {
  const first = text.slice(0, 10_000).split(/[\r\n]/, 1)[0] ?? ''
  return [',', ';', '\t'].reduce((best, d) => (first.split(d).length > first.split(best).length ? d : best), ',')
}
function columnsOf(header: readonly string[]): Columns {
  const find = (kind: keyof typeof names): number => header.findIndex(h => (names[kind] as readonly string[]).includes(plain(h)))
  const [time, value, meter] = [find('time'), find('value'), find('meter')]
  if (time < 0 || value < 0) {
    const missing = time < 0 ? 'the interval start (start, time, timestamp ...)' : 'the energy (value, kwh, wh ...)'
    throw new MeterFileError(`there is no column for ${missing} in: ${header.join(', ')}`, 'begin with a line such as: start,kwh')
  }
  return { time, value, meter, names: header }
}
function unitOf(column: string): EnergyUnit {
  const name = plain(column)
  return /mwh/.test(name) ? 'MWh' : /kwh/.test(name) ? 'kWh' : /wh/.test(name) ? 'Wh' : 'kWh'
}

function readingOf(
  cells: readonly string[],
  line: number,
  columns: Columns,
  zone: Zone,
  scale: number,
  errors: MeterRowError[],
): Reading | undefined {
  const time = cells[columns.time] ?? ''
  const value = cells[columns.value] ?? ''
  const atS = instantOf(time, zone)
  if (atS === undefined) {
    const hint = 'write 2024-02-15 17:00, or with an offset: 2024-02-15T17:00:00Z'
    errors.push({ line, column: columns.names[columns.time]!, value: time, code: 'bad-time', message: 'is no time', hint })
    return undefined
  }
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value)) {
    const hint = 'a plain number; leave the row out where there is no reading'
    errors.push({ line, column: columns.names[columns.value]!, value, code: 'bad-value', message: 'is no number', hint })
    return undefined
  }
  return { atS, wh: Number(value) * scale, line, cells }
}
/** The instant of a written time; undefined for what is none. */
export function instantOf(text: string, zone: Zone): number | undefined {
  const [, date, h, m, s = '0', offset] =
    /^(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?\s*(Z|[+-]\d\d:?\d\d)?$/.exec(text.trim()) ?? []
  const day = date === undefined ? undefined : parseDay(date)
  if (day === undefined || Number(h) > 23 || Number(m) > 59 || Number(s) > 59) return undefined
  const clockS = Number(h) * 3600 + Number(m) * 60 + Number(s)
  if (offset === undefined) return slotS(zone, day, clockS, DAY_S)
  const [, sign, oh, om] = /^([+-])(\d\d):?(\d\d)$/.exec(offset) ?? []
  return day * DAY_S + clockS - (oh === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(oh) * 3600 + Number(om) * 60))
}

/** Puts readings on the grid of their own interval: the one that most neighbours are apart. */
function seriesOf(readings: readonly Reading[], columns: Columns, errors: MeterRowError[]): { series: EnergySeries; duplicates: number } {
  const sorted = readings.toSorted((a, b) => a.atS - b.atS || a.line - b.line)
  const stepS = stepOf(sorted)
  const fromS = Math.ceil((sorted[0]?.atS ?? 0) / stepS) * stepS
  const n = Math.max(0, Math.floor(((sorted.at(-1)?.atS ?? 0) - fromS) / stepS) + 1)
  const wh = new Float64Array(n).fill(Number.NaN)
  const flaws = new Uint16Array(n).fill(flaw.gap)
  const contradicted = new Set<number>()
  let duplicates = 0
  const reject = (r: Reading, column: number, code: MeterRowError['code'], message: string, hint: string) =>
    errors.push({ line: r.line, column: columns.names[column]!, value: r.cells[column]!, code, message, hint })
  for (const r of sorted) {
    const k = (r.atS - fromS) / stepS
    if (!Number.isInteger(k) || k < 0) {
      reject(r, columns.time, 'off-grid', `does not begin an interval of ${stepS / 60} min`, 'give starts of intervals')
    } else if (flaws[k] === flaw.gap) {
      wh[k] = r.wh
      flaws[k] = flaw.none
    } else if (wh[k] === r.wh) {
      flaws[k]! |= flaw.duplicate
      duplicates++
    } else {
      contradicted.add(k)
      reject(r, columns.value, 'contradicts', 'is not what another row says of the same interval', 'the interval counts as unknown')
    }
  }
  for (const k of contradicted) {
    wh[k] = Number.NaN
    flaws[k] = flaw.gap | flaw.duplicate
  }
  return { series: { fromS, stepS, wh, flaws }, duplicates }
}
/** Intervals that fill half hours or hours. */
const steps = [300, 600, 900, 1_800, 3_600]
/** Half hours where nothing says otherwise: rows that begin none are then named one by one. */
function stepOf(sorted: readonly Reading[]): number {
  const times = new Map(steps.map(step => [step, 0]))
  for (let i = 1; i < sorted.length; i++) {
    const apart = sorted[i]!.atS - sorted[i - 1]!.atS
    if (times.has(apart)) times.set(apart, times.get(apart)! + 1)
  }
  return [...times].reduce((best, x) => (x[1] > best[1] ? x : best), [1_800, 0])[0]
}

/** The local days that series have readings of: the first, and how many. */
export function daysOf(series: Iterable<EnergySeries>, zone: Zone): { readonly firstDay: number; readonly days: number } {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const s of series) {
    first = Math.min(first, localDay(zone, s.fromS))
    last = Math.max(last, localDay(zone, s.fromS + (s.wh.length - 1) * s.stepS))
  }
  return { firstDay: first, days: last - first + 1 }
}
