import {
  type Baseline,
  baselineParts,
  type Compared,
  compare,
  type History,
  pinOf,
  type Ruleset,
  rulesetAt,
  rulesets,
} from '../core/verify/baseline/index.ts'
import { DAY_S, dayText, isClockChange, midnightS, offsetS, periodsOf, slotOfPeriod, type Zone } from '../core/verify/calendar.ts'
import type { EnergySeries } from '../core/verify/series.ts'
import { needsWeather } from '../core/verify/weather.ts'
import { daysOf, type MeterFile } from '../operations/meterCsv.ts'
import {
  type BaselineOptions,
  chosen,
  dayOption,
  eventSlots,
  layOut,
  maximaIn,
  readFile,
  rulesetOption,
  sayBadRows,
  usage,
  zoneOption,
} from './baselineInput.ts'
import type { Context } from './context.ts'
import type { ExitCode } from './exit.ts'
import { percent, table } from './output.ts'

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

function calculated(context: Context<BaselineOptions>, file: MeterFile): boolean {
  const { out, options } = context
  if (options.day === undefined) throw usage('--day is missing', 'as in --day 2024-02-15')
  const day = dayOption('--day', options.day)
  const ruleset = rulesetOption(options.ruleset ?? 'elexon-bl01', options.day)
  if (['nominated', 'profile', 'controlGroup'].includes(ruleset.method.kind))
    throw usage(
      `${pinOf(ruleset)} needs more than a meter's readings`,
      'the bridge has it from its own submissions; choose another: --list',
    )
  const zone = zoneOption('--zone', options.zone ?? ruleset.zone)
  if (needsWeather(ruleset) && options.weather === undefined)
    throw usage(
      '--weather is missing',
      `${pinOf(ruleset)} looks for days alike in temperature: a CSV file with the columns start,temperature`,
    )
  const lookBack = ruleset.method.kind === 'likeDays' ? ruleset.method.lookBackDays : 1
  const span = { zone, firstDay: day - lookBack - 1, days: lookBack + 4 }
  const dayKey = maximaIn(context, zone, span.firstDay, span.days)
  const meters = chosen(file, options.id).map(([id, series]) => {
    const h = { ...layOut([series], span, options.eventDays), ...(dayKey ? { dayKey } : {}) }
    const event = eventSlots(day, options.from, options.to, h.slotsPerDay)
    return { meter: id, parts: baselineParts(ruleset, event, h).map(b => described(b, h, periodsOfSlots(b.event, series, zone, h))) }
  })
  const about = { id: ruleset.id, version: ruleset.version, title: ruleset.title, bands: ruleset.bands, zone }
  const { rows, duplicates, errors } = file
  out.result({ ruleset: about, unit: 'kWh', meters, file: { rows, duplicates, errors } }, meters.map(m => textOf(m, ruleset)).join('\n\n'))
  return meters.every(m => m.parts.every(p => p.shortage === null))
}

type Described = ReturnType<typeof described>
/** A settlement period of an event: `k` is its slot within it. On a day whose clocks change, `utc` is how far its clock is ahead of UTC, min. */
type EventPeriod = { readonly k: number; readonly fromS: number; readonly actual: number; readonly utc: number | null }
/**
 * A slot is there once, on the day on which the clocks go back twice, and on the one on which they go forward perhaps not at all. What it was drawn against is the
 * slot's, what was drawn each period's own.
 */
function periodsOfSlots({ day, startSlot, slots }: Baseline['event'], series: EnergySeries, zone: Zone, h: History): EventPeriod[] {
  const stepS = DAY_S / h.slotsPerDay
  const fine = stepS / series.stepS
  const isChanging = isClockChange(zone, day)
  return Array.from({ length: periodsOf(zone, day, h.slotsPerDay) }, (_, p) => p).flatMap(p => {
    const k = slotOfPeriod(zone, day, p, h.slotsPerDay) - startSlot
    if (k < 0 || k >= slots) return []
    const fromS = midnightS(zone, day) + p * stepS
    const first = (fromS - series.fromS) / series.stepS
    const parts = Array.from({ length: fine }, (__, n) => series.wh[first + n] ?? Number.NaN)
    return [{ k, fromS, actual: parts.reduce((sum, wh) => sum + wh, 0), utc: isChanging ? offsetS(zone, fromS) / 60 : null }]
  })
}
function described(b: Baseline, h: History, periods: readonly EventPeriod[]) {
  const { day, startSlot } = b.event
  const slots = periods.map(({ k, fromS, actual, utc }) => {
    const baseline = b.isOutTurn ? actual : b.baseline[k]!
    return {
      from: clockOf(startSlot + k, h.slotsPerDay),
      at: new Date(fromS * 1000).toISOString(),
      utcOffsetMin: utc,
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
          p.slots.map(s => ({
            ...s,
            from: `${s.from}${offsetOf(s.utcOffsetMin)}`,
            u: round(s.unadjustedKwh),
            b: round(s.baselineKwh),
            a: round(s.actualKwh),
            d: round(s.deliveredKwh),
          })),
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
/** On a day whose clocks change: ` UTC+1`. */
const offsetOf = (min: number | null): string =>
  min === null ? '' : ` UTC${min === 0 ? '' : `${min < 0 ? '-' : '+'}${Math.abs(min) / 60}`}`
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
  const meters = chosen(file, options.id).map(([, series]) => series)
  const span = daysOf(meters, zone)
  const h = layOut(meters, { zone, ...span }, options.eventDays)
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
/** Where no day could be compared there is nothing to show. */
const shown = (r: Compared) => {
  const share = (x: number): string | null => (Number.isFinite(x) ? percent(x) : null)
  return {
    mpe: share(r.mpe),
    mae: Number.isFinite(r.mae) ? (r.mae / 1_000).toFixed(3) : null,
    cvrmse: share(r.cvrmse),
    rrmse: share(r.rrmse),
    phantomShare: share(r.phantomShare),
  }
}
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
