import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type Baseline, baselineOf, type History, historyOf, pinnedRuleset, prepare } from '../../src/core/verify/baseline/index.ts'
import { dayText, parseDay } from '../../src/core/verify/calendar.ts'
import { holidaysOf } from '../../src/core/verify/calendarHolidays.ts'
import { daysOf, readMeterCsv } from '../../src/operations/meterCsv.ts'
import { bl01Naive, type NaiveMeter } from './bl01Naive.ts'

/** BL01 over real half-hourly meters of London homes (UTC all year, a stamp is the start of its half hour), beside a second implementation. */
const folder = fileURLToPath(new URL('../../../shared/data/uk-hh-meters/', import.meta.url))
const file = (n: number) => `${folder}uk-electricity-hdd-only-hourly-sample-${n}.csv.gz`
const csv = (n: number): string => gunzipSync(readFileSync(file(n))).toString('utf8')
const isThere = existsSync(file(1)) && existsSync(file(2))
const bankHolidays = new Set([2012, 2013, 2014].flatMap(y => [...holidaysOf('englandAndWales', y)].map(dayText)))

type Meter = { readonly h: History; readonly naive: NaiveMeter }
const meters = new Map<number, Meter>()
function meter(n: number): Meter {
  const known = meters.get(n)
  if (known) return known
  const text = csv(n)
  const series = [...readMeterCsv(text).meters.values()]
  const h = historyOf(series, { zone: 'Europe/London', ...daysOf(series, 'Europe/London') })
  const made = { h, naive: naiveMeter(text) }
  meters.set(n, made)
  return made
}
/** Local dates and clock times by Intl, not by the product's table. The hour that comes twice has the mean of the two. */
function naiveMeter(text: string): NaiveMeter {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', hourCycle: 'h23', dateStyle: 'short', timeStyle: 'short' })
  const byStamp = new Map(
    text
      .trim()
      .split('\n')
      .slice(1)
      .map(line => line.split(',') as [string, string]),
  )
  const days = new Map<string, Map<string, number>>()
  for (const [stamp, kWh] of byStamp) {
    const [, d, m, y, clock] = /^(\d\d)\/(\d\d)\/(\d{4}), (\d\d:\d\d)$/.exec(format.format(Date.parse(`${stamp.replace(' ', 'T')}Z`)))!
    const date = `${y}-${m}-${d}`
    const day = days.get(date) ?? new Map<string, number>()
    const before = day.get(clock!)
    day.set(clock!, before === undefined ? Number(kWh) : (before + Number(kWh)) / 2)
    days.set(date, day)
  }
  return days
}

type Case = { n: number; date: string; start: number; inDay: boolean; eventDays: ReadonlySet<string> }
function both({ n, date, start, inDay, eventDays }: Case) {
  const { h, naive } = meter(n)
  const isEventDay = new Uint8Array(h.days)
  for (const d of eventDays) if (h.firstDay <= parseDay(d)! && parseDay(d)! < h.firstDay + h.days) isEventDay[parseDay(d)! - h.firstDay] = 1
  const ruleset = pinnedRuleset(inDay ? 'elexon-bl01@1' : 'elexon-bl01-unadjusted@1')!
  const ours = baselineOf(prepare(ruleset, { day: parseDay(date)!, startSlot: start, slots: 2 }), { ...h, isEventDay })
  const from = `${String(Math.floor(start / 2)).padStart(2, '0')}:${start % 2 ? '30' : '00'}`
  return { ours, theirs: bl01Naive(naive, { bankHolidays, eventDays, inDay }, { date, from, periods: 2 }) }
}
const kWh = (xs: ArrayLike<number>): number[] => Array.from(xs, x => x / 1_000)
const words = (b: Baseline) => ({
  days: b.selected
    .map(dayText)
    .map(d => d.slice(5))
    .join(' '),
  out: b.excluded.map(x => `${dayText(x.day).slice(5)} ${x.reason}`).join(', '),
})

// the data lie beside the checkout, not in it
describe.skipIf(!isThere)('BL01 over real meters (../shared/data/uk-hh-meters)', () => {
  test('hundreds of events: the same days, the same adjustment, the same baseline as a second implementation', () => {
    const differ: string[] = []
    let cases = 0
    let short = 0
    for (const n of [1, 2]) {
      const { h } = meter(n)
      for (let r = 0; r < h.days; r += 2) {
        const date = dayText(h.firstDay + r)
        const eventDays = new Set([2, 3, 9, 17].map(back => dayText(h.firstDay + r - back - (r % 5))))
        const one = { n, date, start: (r * 7) % 47, inDay: r % 3 !== 0, eventDays }
        const { ours, theirs } = both(one)
        cases++
        if (!theirs.enough) short++
        if (!agree(ours, theirs)) differ.push(`${date} ${one.start} ${JSON.stringify(words(ours))} ${theirs.days.join(' ')}`)
      }
    }
    expect(differ).toEqual([])
    expect(cases).toBeGreaterThan(700)
    // both kinds of answer were seen
    expect(short).toBeGreaterThan(50)
    expect(short).toBeLessThan(cases / 2)
  })
  const agree = (ours: Baseline, theirs: ReturnType<typeof bl01Naive>): boolean =>
    ours.isOutTurn === !theirs.enough &&
    ours.selected.map(dayText).join() === theirs.days.join() &&
    Math.abs(ours.adjustment.value / 1_000 - theirs.adjustment) < 1e-12 &&
    [...theirs.baseline.values()].every((b, k) =>
      Object.is(b, Number.NaN) ? Number.isNaN(ours.baseline[k]!) : Math.abs(ours.baseline[k]! / 1_000 - b) < 1e-12,
    )

  test.each<[string, number, string, number, readonly string[], object, number[], number[]]>([
    [
      'Thursday after the holidays: Christmas, Boxing Day and New Year are no working days',
      2,
      '2013-01-10',
      34,
      [],
      { days: '01-09 01-08 01-07 01-04 01-03 01-02 12-31 12-28 12-27 12-24', out: '01-01 holiday, 12-26 holiday, 12-25 holiday' },
      [0.2523, 0.2437],
      [0.2523 - 0.0908833333333, 0.2437 - 0.0908833333333],
    ],
    [
      'Good Friday is non-working: the middle two of four weekend days',
      2,
      '2013-03-29',
      34,
      [],
      { days: '03-24 03-17', out: '03-23 rank, 03-16 rank' },
      [0.0525, 0.063],
      [0.118666666667, 0.129166666667],
    ],
    [
      'Easter Monday: the day of the clock change is passed over, Good Friday is a candidate',
      2,
      '2013-04-01',
      34,
      [],
      { days: '03-30 03-24', out: '03-31 clockChange, 03-29 rank, 03-23 rank' },
      [0.1335, 0.1475],
      [0.327333333333, 0.341333333333],
    ],
    [
      'days with a gap are passed over',
      1,
      '2012-11-12',
      34,
      [],
      { days: '11-07 11-06 11-05 11-01 10-31 10-30 10-29 10-26 10-25 10-24', out: '11-09 incomplete, 11-08 incomplete, 11-02 incomplete' },
      [0.1767, 0.2936],
      [0.513633333333, 0.630533333333],
    ],
    [
      'in summer the day begins at 23:00 UTC; event days are passed over',
      2,
      '2012-07-10',
      34,
      ['2012-07-09', '2012-07-05'],
      {
        days: '07-06 07-04 06-29 06-28 06-27 06-26 06-25 06-22 06-21 06-20',
        out: '07-09 eventDay, 07-05 eventDay, 07-03 incomplete, 07-02 incomplete',
      },
      [0.1471, 0.1517],
      [0.233433333333, 0.238033333333],
    ],
    [
      'a start at 01:30 on the Diamond Jubilee: the window begins the evening before',
      2,
      '2012-06-05',
      3,
      [],
      { days: '05-27 05-20', out: '06-04 rank, 06-03 incomplete, 06-02 incomplete, 05-26 rank' },
      [1.54350005, 1.523],
      [1.736166716667, 1.715666666667],
    ],
    [
      'an event on the day of the clock change',
      2,
      '2013-10-27',
      34,
      [],
      { days: '10-20 10-19', out: '10-26 rank, 10-13 rank' },
      [0.0675, 0.1625],
      [0.143583333333, 0.238583333333],
    ],
    [
      'two days of 10.8 kWh: the more recent ranks higher, so the older is the smallest',
      1,
      '2013-01-06',
      38,
      [],
      { days: '01-01 12-30', out: '01-05 rank, 12-29 rank' },
      [0.4965, 0.224],
      [0.440166666667, 0.167666666667],
    ],
  ])('%s', (_, n, date, start, eventDays, wanted, unadjusted, baseline) => {
    const { ours, theirs } = both({ n, date, start, inDay: true, eventDays: new Set(eventDays) })
    expect(words(ours)).toEqual(wanted)
    kWh(ours.unadjusted).forEach((x, k) => expect(x).toBeCloseTo(unadjusted[k]!, 10))
    kWh(ours.baseline).forEach((x, k) => expect(x).toBeCloseTo(baseline[k]!, 10))
    expect(ours.shortage).toBeUndefined()
    expect(theirs.days.map(d => d.slice(5)).join(' ')).toBe((wanted as { days: string }).days)
  })
  test('Thursday 18 October 2012, the meter is four whole working days old: the out-turn stands', () => {
    const { ours, theirs } = both({ n: 1, date: '2012-10-18', start: 34, inDay: true, eventDays: new Set() })
    expect([ours.shortage, ours.isOutTurn, theirs.enough]).toEqual(['tooFewDays', true, false])
    expect(kWh(ours.baseline)).toEqual([...theirs.baseline.values()])
    expect(words(ours).out).toMatch(/^10-12 incomplete, 10-11 noData/)
  })
})
