import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type EventSlots,
  type History,
  historyOf,
  pinnedRuleset,
  pinOf,
  type Ruleset,
  rulesetAt,
  rulesets,
} from '../core/verify/baseline/index.ts'
import { DAY_S, type Day, isZone, parseDay, type Zone, zoneNames } from '../core/verify/calendar.ts'
import type { EnergySeries } from '../core/verify/series.ts'
import { maximaOf } from '../core/verify/weather.ts'
import { type EnergyUnit, type MeterFile, MeterFileError, readMeterCsv } from '../operations/meterCsv.ts'
import type { Context } from './context.ts'
import { Fault, faultLine } from './exit.ts'

export type BaselineOptions = {
  readonly list?: boolean
  readonly compare?: boolean
  readonly ruleset?: string
  readonly meter?: string
  readonly id?: string
  readonly day?: string
  readonly from?: string
  readonly to?: string
  readonly eventDays?: string
  readonly weather?: string
  readonly unit?: EnergyUnit
  readonly zone?: string
  readonly stamps: string
  readonly sizes: string
}
export const usage = (message: string, hint: string) => new Fault(2, 'GB-1263', message, hint)
/** Rows of a bad file that are named one by one. */
const NAMED_ROWS = 100

/** The highest temperature of each local day; undefined where no file of temperatures was named. */
export function maximaIn(context: Context<BaselineOptions>, zone: Zone, firstDay: Day, days: number): Float64Array | undefined {
  const { options } = context
  if (options.weather === undefined) return undefined
  const [series] = readFile({ ...context, options: { ...options, unit: 'Wh' } }, options.weather).meters.values()
  const rows = Array.from(series?.wh ?? [], (_, k) => k).filter(k => !Number.isNaN(series!.wh[k]!))
  const startS = Uint32Array.from(rows, k => series!.fromS + k * series!.stepS)
  const milliC = Int32Array.from(rows, k => Math.round(series!.wh[k]! * 1000))
  const weather = { name: options.weather, startS, endS: startS.map(s => s + series!.stepS), milliC, late: new Uint8Array(rows.length) }
  return maximaOf(weather, zone, firstDay, days)
}
export function readFile({ cwd, options }: Context<BaselineOptions>, name: string): MeterFile {
  const path = resolve(cwd, name)
  try {
    const zone = zoneOption('--stamps', options.stamps)
    return readMeterCsv(readFileSync(path, 'utf8'), { zone, ...(options.unit === undefined ? {} : { unit: options.unit }) })
  } catch (error) {
    if (error instanceof MeterFileError) throw new Fault(2, 'GB-1260', `${name}: ${error.message}`, error.hint)
    const code = (error as NodeJS.ErrnoException).code
    if (error instanceof Fault || code === undefined) throw error
    throw new Fault(2, 'GB-1260', `cannot read ${path} (${code})`, 'name a CSV file')
  }
}
export function sayBadRows({ out }: Context<BaselineOptions>, { errors }: MeterFile): void {
  for (const e of errors.slice(0, NAMED_ROWS))
    out.raw(`${faultLine('GB-1261', `line ${e.line}, column ${e.column}: "${e.value.replace(/\p{Cc}/gu, '?')}" ${e.message}`, e.hint)}\n`)
  if (errors.length > NAMED_ROWS) out.raw(`${errors.length - NAMED_ROWS} more rows were left out; --json lists them all\n`)
}
export function chosen(file: MeterFile, id: string | undefined): [string, EnergySeries][] {
  const meters = [...file.meters]
  const found = id === undefined ? meters : meters.filter(([m]) => m === id)
  if (found.length > 0) return found
  if (id === undefined) throw new Fault(2, 'GB-1260', 'the file has no reading that can be used', 'see the rows named above')
  const some = meters.slice(0, 5).map(([m]) => m)
  throw usage(`--id "${id}" is no meter of this file`, `it has ${some.join(', ') || 'none'}`)
}
export function rulesetOption(name: string, day: string): Ruleset {
  const found = name.includes('@') ? pinnedRuleset(name) : rulesetAt(name, day)
  if (found) return found
  const same = rulesets.filter(r => r.id === name).map(pinOf)
  throw new Fault(
    2,
    'GB-1262',
    same.length > 0 ? `${name} was not in force on ${day}` : `no ruleset is called ${name}`,
    same.length > 0 ? `name a version to use it anyhow: ${same.join(', ')}` : 'gridbridge baseline --list',
  )
}
export function zoneOption(flag: string, text: string): Zone {
  if (!isZone(text)) throw usage(`${flag} "${text}" is no zone that is known`, zoneNames.join(', '))
  return text
}
export function dayOption(flag: string, text: string): Day {
  const day = parseDay(text)
  if (day === undefined) throw usage(`${flag} "${text}" is no day`, 'write 2024-02-15')
  return day
}
/** From and to as clock times; `to` at or before `from` is on the next day. Without either: the whole day. */
export function eventSlots(day: Day, from: string | undefined, to: string | undefined, slotsPerDay: number): EventSlots {
  const [start, end] = [slotOption('--from', from ?? '00:00', slotsPerDay), slotOption('--to', to ?? '24:00', slotsPerDay)]
  return { day, startSlot: start % slotsPerDay, slots: end > start ? end - start : end + slotsPerDay - start }
}
function slotOption(flag: string, text: string, slotsPerDay: number): number {
  const [, h, m] = /^(\d\d):(\d\d)$/.exec(text) ?? []
  const slot = ((Number(h) * 60 + Number(m)) * slotsPerDay) / 1_440
  if (!Number.isInteger(slot) || slot > slotsPerDay || Number(m) > 59)
    throw usage(`${flag} "${text}" does not begin an interval of ${1_440 / slotsPerDay} min`, 'as in --from 17:00 --to 18:30')
  return slot
}
/** Half hours, or what is coarser in the file. */
export function layOut(
  series: readonly EnergySeries[],
  at: { readonly zone: Zone; readonly firstDay: Day; readonly days: number },
  eventDays: string | undefined,
): History {
  const stepS = series.reduce((most, s) => Math.max(most, s.stepS), 1_800)
  const h = historyOf(series, { ...at, slotsPerDay: DAY_S / stepS })
  const isEventDay = new Uint8Array(h.meters * h.days)
  for (const text of eventDays?.split(',') ?? []) {
    const r = dayOption('--event-days', text.trim()) - h.firstDay
    if (r >= 0 && r < h.days) for (let m = 0; m < h.meters; m++) isEventDay[m * h.days + r] = 1
  }
  return { ...h, isEventDay }
}
