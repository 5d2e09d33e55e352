import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type Baseline,
  baselineParts,
  type Compared,
  compare,
  type EventSlots,
  type History,
  historyOf,
  pinnedRuleset,
  pinOf,
  type Ruleset,
  rulesetAt,
  rulesets,
} from '../core/verify/baseline/index.ts'
import { type Day, dayText, isZone, parseDay, type Zone, zoneNames } from '../core/verify/calendar.ts'
import type { EnergySeries } from '../core/verify/series.ts'
import { daysOf, type EnergyUnit, type MeterFile, MeterFileError, readMeterCsv } from '../operations/meterCsv.ts'
import type { Context } from './context.ts'
import { type ExitCode, Fault, faultLine } from './exit.ts'
import { percent, table } from './output.ts'

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
  readonly unit?: EnergyUnit
  readonly zone?: string
  readonly stamps: string
  readonly sizes: string
}
const usage = (message: string, hint: string) => new Fault(2, 'GB-1263', message, hint)
/** Rows of a bad file that are named one by one. */
const NAMED_ROWS = 100

/**
 * Baselines from a plain CSV file, without a fleet or a running bridge. Exit 3 where a row was left out or a ruleset lacked what it needs, so that a script notices; the
 * result is printed all the same.
 */
export async function baseline(context: Context<BaselineOptions>): Promise<ExitCode> {
  const { options } = context
  if (options.list) return listed(context)
  if (options.meter === undefined) throw usage('--meter is missing', 'name a CSV file, or --list the rulesets')
  const file = readFile(context, options.meter)
  sayBadRows(context, file)
  const complete = options.compare ? compared(context, file) : calculated(context, file)
  return complete && file.errors.length === 0 ? 0 : 3
}

function listed({ out }: Context<BaselineOptions>): ExitCode {
  const rows = rulesets.map(r => ({
    ruleset: pinOf(r),
    from: r.effectiveFrom,
    to: r.effectiveTo ?? null,
    zone: r.zone,
    title: r.title,
    source: r.source,
    bands: r.bands,
  }))
  const columns = [
    { key: 'ruleset', title: 'RULESET' },
    { key: 'from', title: 'FROM' },
    { key: 'to', title: 'TO' },
    { key: 'zone', title: 'ZONE' },
    { key: 'title', title: 'WHAT' },
  ]
  out.list(rows, columns, 'ruleset')
  return 0
}

// ---- one event --------------------------------------------------------------------------------------------------------

function calculated({ out, options }: Context<BaselineOptions>, file: MeterFile): boolean {
  if (options.day === undefined) throw usage('--day is missing', 'as in --day 2024-02-15')
  const day = dayOption('--day', options.day)
  const ruleset = rulesetOption(options.ruleset ?? 'elexon-bl01', options.day)
  if (['nominated', 'profile', 'controlGroup'].includes(ruleset.method.kind))
    throw usage(
      `${pinOf(ruleset)} needs more than a meter's readings`,
      'the bridge has it from its own submissions; choose another: --list',
    )
  const zone = zoneOption('--zone', options.zone ?? ruleset.zone)
  const lookBack = ruleset.method.kind === 'likeDays' ? ruleset.method.lookBackDays : 1
  const meters = chosen(file, options.id).map(([id, series]) => {
    const h = layOut([series], { zone, firstDay: day - lookBack - 1, days: lookBack + 4 }, options.eventDays)
    const event = eventSlots(day, options.from, options.to, h.slotsPerDay)
    return { meter: id, parts: baselineParts(ruleset, event, h).map(b => described(b, h)) }
  })
  const about = { id: ruleset.id, version: ruleset.version, title: ruleset.title, bands: ruleset.bands, zone }
  const { rows, duplicates, errors } = file
  out.result({ ruleset: about, unit: 'kWh', meters, file: { rows, duplicates, errors } }, meters.map(m => textOf(m, ruleset)).join('\n\n'))
  return meters.every(m => m.parts.every(p => p.shortage === null))
}

type Described = ReturnType<typeof described>
function described(b: Baseline, h: History) {
  const { day, startSlot } = b.event
  const row = (day - h.firstDay) * h.slotsPerDay + startSlot
  const slots = Array.from(b.baseline, (baseline, k) => {
    const actual = h.values[row + k]!
    return {
      from: clockOf(startSlot + k, h.slotsPerDay),
      unadjustedKwh: kWh(b.unadjusted[k]!),
      baselineKwh: kWh(baseline),
      actualKwh: kWh(actual),
      deliveredKwh: kWh(baseline - actual),
    }
  })
  const perSlot = b.adjustment.kind === 'additive'
  return {
    day: dayText(day),
    kindOfDay: b.kindOfDay,
    selected: b.selected.map(dayText),
    weights: b.weights ?? null,
    excluded: b.excluded.map(x => ({ day: dayText(x.day), reason: x.reason })),
    adjustment: {
      ...b.adjustment,
      value: perSlot ? kWh(b.adjustment.value) : b.adjustment.value,
      uncapped: perSlot ? kWh(b.adjustment.uncapped) : known(b.adjustment.uncapped),
    },
    shortage: b.shortage ?? null,
    isOutTurn: b.isOutTurn,
    slots,
    deliveredKwh: slots.reduce<number | null>((sum, s) => (sum === null || s.deliveredKwh === null ? null : sum + s.deliveredKwh), 0),
  }
}
const known = (x: number): number | null => (Number.isFinite(x) ? x : null)
const kWh = (wh: number): number | null => known(wh / 1_000)
const clockOf = (slot: number, slotsPerDay: number): string => {
  const min = (slot * 1_440) / slotsPerDay
  return `${String(Math.floor(min / 60)).padStart(2, '0')}:${String(min % 60).padStart(2, '0')}`
}

/** Pure. Rounded to the watt-hour; `--json` has every digit. */
function textOf(m: { meter: string; parts: readonly Described[] }, r: Ruleset): string {
  const round = (x: number | null) => (x === null ? null : x.toFixed(3))
  return m.parts
    .map(p =>
      [
        `${m.meter === '' ? '' : `${m.meter}: `}${pinOf(r)}, ${p.day}${p.kindOfDay === '' ? '' : ` (${p.kindOfDay})`}`,
        ...(p.shortage === null ? [] : [`  ▲ ${shortages[p.shortage]}${p.isOutTurn ? ': the out-turn stands, nothing is delivered' : ''}`]),
        ...(p.selected.length === 0 ? [] : [`  days      ${p.selected.join(' ')}`]),
        ...(p.excluded.length === 0 ? [] : [`  left out  ${p.excluded.map(x => `${x.day} ${reasons[x.reason]}`).join(', ')}`]),
        ...adjustmentText(p),
        table(
          p.slots.map(s => ({ ...s, u: round(s.unadjustedKwh), b: round(s.baselineKwh), a: round(s.actualKwh), d: round(s.deliveredKwh) })),
          [
            { key: 'from', title: '  FROM ' },
            { key: 'u', title: 'UNADJUSTED', right: true },
            { key: 'b', title: 'BASELINE', right: true },
            { key: 'a', title: 'ACTUAL', right: true },
            { key: 'd', title: 'DELIVERED KWH', right: true },
          ],
        ).replaceAll(/^(?=\d)/gm, '  '),
        `  delivered ${p.deliveredKwh === null ? 'unknown' : `${p.deliveredKwh.toFixed(3)} kWh`}`,
      ].join('\n'),
    )
    .join('\n')
}
function adjustmentText({ adjustment: a }: Described): string[] {
  if (a.kind === 'none') return []
  if (a.uncapped === null) return ['  adjusted  not: a reading of its window is missing']
  const cap = a.capHit ? ` (capped; ${a.uncapped.toFixed(4)} without)` : ''
  return [
    `  adjusted  ${a.kind === 'ratio' ? `x ${a.value!.toFixed(4)}` : `${a.value! < 0 ? '' : '+'}${a.value!.toFixed(4)} kWh a slot`}${cap}`,
  ]
}
const shortages: Readonly<Record<string, string>> = {
  tooFewDays: 'too few days',
  tooLong: 'the event is too long for this ruleset',
  notGiven: 'what the ruleset needs was not given',
  noReadings: 'no reading just before the event',
}
const reasons: Readonly<Record<string, string>> = {
  eventDay: 'event day',
  incomplete: 'incomplete',
  lowUsage: 'low usage',
  noData: 'no data',
  rank: 'by rank',
  holiday: 'holiday',
  clockChange: 'clock change',
}

// ---- which ruleset fits -------------------------------------------------------------------------------------------------

function compared({ out, options }: Context<BaselineOptions>, file: MeterFile): boolean {
  const zone = zoneOption('--zone', options.zone ?? 'Europe/London')
  const meters = chosen(file, options.id)
  const span = daysOf(
    meters.map(([, s]) => s),
    zone,
  )
  const h = layOut(
    meters.map(([, s]) => s),
    span,
    options.eventDays,
    zone,
  )
  const event = eventSlots(span.firstDay, options.from ?? '17:00', options.to ?? '18:00', h.slotsPerDay)
  if (event.startSlot + event.slots > h.slotsPerDay) throw usage('--compare takes a window within one day', 'as in --from 17:00 --to 18:00')
  const last = dayText(span.firstDay + span.days - 1)
  const wanted = options.ruleset?.split(',').map(id => rulesetOption(id, last)) ?? metered(zone, last)
  const days = Array.from({ length: span.days }, (_, k) => span.firstDay + k)
  const rows = compare(wanted, h, { ...event, days }, sizesOption(options.sizes, meters.length))
  rows.sort((a, b) => a.size - b.size || a.cvrmse - b.cvrmse)
  out.list(
    rows.map(r => ({ ...r, phantom: r.phantom / 1_000, mae: r.mae / 1_000, ...(out.json ? {} : shown(r)) })),
    [
      { key: 'size', title: 'METERS', right: true },
      { key: 'ruleset', title: 'RULESET' },
      { key: 'days', title: 'DAYS', right: true },
      { key: 'mpe', title: 'BIAS', right: true },
      { key: 'mae', title: 'MAE KWH', right: true },
      { key: 'cvrmse', title: 'CVRMSE', right: true },
      { key: 'rrmse', title: 'RRMSE', right: true },
      { key: 'phantomShare', title: 'PHANTOM', right: true },
    ],
    'ruleset',
  )
  out.note(
    'days without an event, one supposed on each; bias above 0 credits what nobody delivered; phantom: what a floor at zero would pay for',
  )
  return rows.some(r => r.n > 0)
}
const shown = (r: Compared) => ({
  mpe: percent(r.mpe),
  mae: (r.mae / 1_000).toFixed(3),
  cvrmse: percent(r.cvrmse),
  rrmse: percent(r.rrmse),
  phantomShare: percent(r.phantomShare),
})
/** Rulesets of a zone that need a meter and no more, in the version of a day. */
function metered(zone: Zone, day: string): Ruleset[] {
  const ids = new Set(
    rulesets.filter(r => r.zone === zone && ['likeDays', 'meterBefore', 'constant'].includes(r.method.kind)).map(r => r.id),
  )
  return [...ids].flatMap(id => rulesetAt(id, day) ?? rulesets.findLast(r => r.id === id) ?? [])
}
function sizesOption(text: string, meters: number): number[] {
  const sizes = text.split(',').map(Number)
  if (sizes.some(n => !Number.isInteger(n) || n < 1)) throw usage(`--sizes "${text}": wanted whole numbers`, 'as in --sizes 1,10,100')
  return [...new Set([...sizes.filter(n => n <= meters), meters])].sort((a, b) => a - b)
}

// ---- what was given -----------------------------------------------------------------------------------------------------

function readFile({ cwd, options }: Context<BaselineOptions>, name: string): MeterFile {
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
function sayBadRows({ out }: Context<BaselineOptions>, { errors }: MeterFile): void {
  for (const e of errors.slice(0, NAMED_ROWS))
    out.raw(`${faultLine('GB-1261', `line ${e.line}, column ${e.column}: "${e.value.replace(/\p{Cc}/gu, '?')}" ${e.message}`, e.hint)}\n`)
  if (errors.length > NAMED_ROWS) out.raw(`${errors.length - NAMED_ROWS} more rows were left out; --json lists them all\n`)
}
function chosen(file: MeterFile, id: string | undefined): [string, EnergySeries][] {
  const meters = [...file.meters]
  const found = id === undefined ? meters : meters.filter(([m]) => m === id)
  if (found.length === 0)
    throw id === undefined
      ? new Fault(2, 'GB-1260', 'the file has no reading that can be used', 'see the rows named above')
      : usage(
          `--id "${id}" is no meter of this file`,
          `it has ${
            meters
              .slice(0, 5)
              .map(([m]) => m)
              .join(', ') || 'none'
          }`,
        )
  return found
}
function rulesetOption(name: string, day: string): Ruleset {
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
function zoneOption(flag: string, text: string): Zone {
  if (!isZone(text)) throw usage(`${flag} "${text}" is no zone that is known`, zoneNames.join(', '))
  return text
}
function dayOption(flag: string, text: string): Day {
  const day = parseDay(text)
  if (day === undefined) throw usage(`${flag} "${text}" is no day`, 'write 2024-02-15')
  return day
}
/** From and to as clock times; `to` at or before `from` is on the next day. Without either: the whole day. */
function eventSlots(day: Day, from: string | undefined, to: string | undefined, slotsPerDay: number): EventSlots {
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
function layOut(
  series: readonly EnergySeries[],
  at: { firstDay: Day; days: number; zone?: Zone },
  eventDays: string | undefined,
  zone: Zone = at.zone ?? 'UTC',
): History {
  const stepS = series.reduce((most, s) => Math.max(most, s.stepS), 1_800)
  try {
    const h = historyOf(series, { ...at, zone, slotsPerDay: 86_400 / stepS })
    const isEventDay = new Uint8Array(h.meters * h.days)
    for (const text of eventDays?.split(',') ?? []) {
      const r = dayOption('--event-days', text.trim()) - h.firstDay
      if (r >= 0 && r < h.days) for (let m = 0; m < h.meters; m++) isEventDay[m * h.days + r] = 1
    }
    return { ...h, isEventDay }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new Fault(2, 'GB-1260', error.message, 'intervals of 5, 10, 15, 30 or 60 min are known')
  }
}
