import { describe, expect, test } from 'vitest'
import {
  DAY_S,
  dayText,
  isClockChange,
  isZone,
  localDay,
  midnightS,
  offsetS,
  parseDay,
  periodsOf,
  slotOfPeriod,
  slotS,
  weekdayOf,
  type Zone,
  zoneNames,
} from '../../src/core/verify/calendar.ts'
import { holidaysOf, isHoliday } from '../../src/core/verify/calendarHolidays.ts'

const day = (text: string) => parseDay(text)!

describe('days', () => {
  test.each(['1970-01-01', '2000-02-29', '2024-12-31'])('%s', text => expect(dayText(day(text))).toBe(text))
  test.each(['2023-02-29', '2024-13-01', '24-01-01', '2024-1-1', ''])('%j is no day', text => expect(parseDay(text)).toBeUndefined())
  test('2 January 2023 was a Monday, the day before a Sunday', () => {
    expect([weekdayOf(day('2023-01-02')), weekdayOf(day('2023-01-01')), weekdayOf(day('1969-12-31'))]).toEqual([0, 6, 2])
  })
})

describe('settlement periods of a day in Great Britain', () => {
  test.each<[string, number]>([
    ['2024-03-30', 48],
    ['2024-03-31', 46],
    ['2024-10-27', 50],
    ['2024-10-28', 48],
    ['2013-03-31', 46],
  ])('%s has %i', (text, periods) => {
    expect(periodsOf('Europe/London', day(text))).toBe(periods)
    expect(isClockChange('Europe/London', day(text))).toBe(periods !== 48)
  })
  test('on the short day period 3 begins at 02:00, because there is no 01:00', () => {
    expect([0, 1, 2, 3, 45].map(p => slotOfPeriod('Europe/London', day('2024-03-31'), p))).toEqual([0, 1, 4, 5, 47])
  })
  test('on the long day 01:00 comes twice', () => {
    expect([1, 2, 3, 4, 5, 6, 49].map(p => slotOfPeriod('Europe/London', day('2024-10-27'), p))).toEqual([1, 2, 3, 2, 3, 4, 47])
  })
  test('in summer the day begins at 23:00 UTC of the day before, and 17:00 is 16:00 UTC', () => {
    const d = day('2024-07-01')
    expect(midnightS('Europe/London', d)).toBe(d * DAY_S - 3600)
    expect(slotS('Europe/London', d, 34)).toBe(d * DAY_S + 16 * 3600)
    expect(localDay('Europe/London', d * DAY_S - 1)).toBe(d)
  })
  test('17:00 is 17:00 on the days of the change, too', () => {
    expect(slotS('Europe/London', day('2024-03-31'), 34) - day('2024-03-31') * DAY_S).toBe(16 * 3600)
    expect(slotS('Europe/London', day('2024-10-27'), 34) - day('2024-10-27') * DAY_S).toBe(17 * 3600)
    expect(slotS('Europe/London', day('2024-10-27'), 2) - day('2024-10-27') * DAY_S).toBe(0)
  })
})

test.each<[Zone, string]>([
  ['Europe/London', '2024-03-31'],
  ['Europe/London', '2024-10-27'],
  ['Europe/Paris', '2024-10-27'],
  ['America/New_York', '2024-03-10'],
  ['America/Los_Angeles', '2024-11-03'],
  ['Australia/Brisbane', '2024-03-31'],
])('%s on %s: each clock time is the first period that has it', (zone, text) => {
  const d = day(text)
  const first = new Map<number, number>()
  for (let p = periodsOf(zone, d) - 1; p >= 0; p--) first.set(slotOfPeriod(zone, d, p), midnightS(zone, d) + p * 1_800)
  for (const [slot, atS] of first) expect([slot, slotS(zone, d, slot)]).toEqual([slot, atS])
})

describe('the table of zones says what the tz database says, 2007 to 2035', () => {
  test.each(zoneNames)('%s', zone => {
    const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', dateStyle: 'short', timeStyle: 'medium' })
    const byIntl = (atS: number) => {
      const [, d, m, y, hh, mm] = /^(\d\d)\/(\d\d)\/(\d{4}), (\d\d):(\d\d)/.exec(format.format(atS * 1000))!
      return Date.UTC(Number(y), Number(m) - 1, Number(d), Number(hh), Number(mm)) / 1000 - atS
    }
    // both sides of each change, and one instant a month
    const instants = Array.from({ length: 29 * 12 }, (_, k) => Date.UTC(2007, k, 15) / 1000)
    for (let d = day('2007-01-02'); d < day('2036-01-01'); d++)
      if (isClockChange(zone, d))
        for (const h of [-1, 0, 1, 2, 3, 4]) instants.push(midnightS(zone, d) + h * 3600, midnightS(zone, d) + h * 3600 - 60)
    expect(instants.filter(atS => offsetS(zone, atS) !== byIntl(atS))).toEqual([])
  })
  test('a zone that is not in the table is none', () => {
    expect([isZone('Europe/London'), isZone('Mars/Base'), isZone('toString')]).toEqual([true, false, false])
  })
  test.each<[Zone, string, number]>([
    ['America/New_York', '2024-03-10', 46],
    ['America/Los_Angeles', '2024-11-03', 50],
    ['America/Phoenix', '2024-03-10', 48],
    ['Australia/Brisbane', '2024-10-06', 48],
  ])('%s on %s has %i half hours', (zone, text, periods) => expect(periodsOf(zone, day(text))).toBe(periods))
})

describe('bank holidays', () => {
  test.each(['englandAndWales', 'scotland'] as const)('%s, 2011 to 2030, as another project lists them', set => {
    for (const [year, dates] of Object.entries(listed[set])) {
      const mine = [...holidaysOf(set, Number(year))].map(d => dayText(d).slice(5)).sort()
      expect([year, mine.join(' ')]).toEqual([year, dates])
    }
  })
  test.each<[string, boolean, boolean]>([
    ['2013-03-29', true, true], // Good Friday
    ['2024-04-01', true, false], // Easter Monday
    ['2024-12-25', true, true],
    ['2024-01-02', false, true],
    ['2022-01-04', false, true], // for Sunday 2 January
    ['2021-12-27', true, true], // for Saturday, Christmas Day
    ['2021-12-28', true, true],
    ['2024-08-26', true, false],
    ['2024-08-05', false, true],
    ['2024-12-02', false, true], // for Saturday 30 November
    ['2022-09-19', true, true],
    ['2020-05-04', false, false],
    ['2020-05-08', true, true],
    ['2026-06-15', false, true],
  ])('%s: England and Wales %s, Scotland %s', (text, england, scotland) => {
    expect([isHoliday('englandAndWales', day(text)), isHoliday('scotland', day(text))]).toEqual([england, scotland])
    expect(isHoliday('none', day(text))).toBe(false)
  })
  test('NERC: six a year, a Sunday moves to Monday and a Saturday stays', () => {
    expect([...holidaysOf('nerc', 2027)].map(dayText).sort()).toEqual([
      '2027-01-01',
      '2027-05-31',
      '2027-07-05',
      '2027-09-06',
      '2027-11-25',
      '2027-12-25',
    ])
  })
})

/** Weekday bank holidays (with substitutes) from the `holidays` package for Python, 0.108. */
const listed: Record<'englandAndWales' | 'scotland', Record<number, string>> = {
  englandAndWales: {
    2011: '01-03 04-22 04-25 04-29 05-02 05-30 08-29 12-26 12-27',
    2012: '01-02 04-06 04-09 05-07 06-04 06-05 08-27 12-25 12-26',
    2013: '01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26',
    2014: '01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26',
    2015: '01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28',
    2016: '01-01 03-25 03-28 05-02 05-30 08-29 12-26 12-27',
    2017: '01-02 04-14 04-17 05-01 05-29 08-28 12-25 12-26',
    2018: '01-01 03-30 04-02 05-07 05-28 08-27 12-25 12-26',
    2019: '01-01 04-19 04-22 05-06 05-27 08-26 12-25 12-26',
    2020: '01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28',
    2021: '01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28',
    2022: '01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27',
    2023: '01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26',
    2024: '01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26',
    2025: '01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26',
    2026: '01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28',
    2027: '01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28',
    2028: '01-03 04-14 04-17 05-01 05-29 08-28 12-25 12-26',
    2029: '01-01 03-30 04-02 05-07 05-28 08-27 12-25 12-26',
    2030: '01-01 04-19 04-22 05-06 05-27 08-26 12-25 12-26',
  },
  scotland: {
    2011: '01-03 01-04 04-22 04-29 05-02 05-30 08-01 11-30 12-26 12-27',
    2012: '01-02 01-03 04-06 05-07 06-04 06-05 08-06 11-30 12-25 12-26',
    2013: '01-01 01-02 03-29 05-06 05-27 08-05 12-02 12-25 12-26',
    2014: '01-01 01-02 04-18 05-05 05-26 08-04 12-01 12-25 12-26',
    2015: '01-01 01-02 04-03 05-04 05-25 08-03 11-30 12-25 12-28',
    2016: '01-01 01-04 03-25 05-02 05-30 08-01 11-30 12-26 12-27',
    2017: '01-02 01-03 04-14 05-01 05-29 08-07 11-30 12-25 12-26',
    2018: '01-01 01-02 03-30 05-07 05-28 08-06 11-30 12-25 12-26',
    2019: '01-01 01-02 04-19 05-06 05-27 08-05 12-02 12-25 12-26',
    2020: '01-01 01-02 04-10 05-08 05-25 08-03 11-30 12-25 12-28',
    2021: '01-01 01-04 04-02 05-03 05-31 08-02 11-30 12-27 12-28',
    2022: '01-03 01-04 04-15 05-02 06-02 06-03 08-01 09-19 11-30 12-26 12-27',
    2023: '01-02 01-03 04-07 05-01 05-08 05-29 08-07 11-30 12-25 12-26',
    2024: '01-01 01-02 03-29 05-06 05-27 08-05 12-02 12-25 12-26',
    2025: '01-01 01-02 04-18 05-05 05-26 08-04 12-01 12-25 12-26',
    2026: '01-01 01-02 04-03 05-04 05-25 06-15 08-03 11-30 12-25 12-28',
    2027: '01-01 01-04 03-26 05-03 05-31 08-02 11-30 12-27 12-28',
    2028: '01-03 01-04 04-14 05-01 05-29 08-07 11-30 12-25 12-26',
    2029: '01-01 01-02 03-30 05-07 05-28 08-06 11-30 12-25 12-26',
    2030: '01-01 01-02 04-19 05-06 05-27 08-05 12-02 12-25 12-26',
  },
}
