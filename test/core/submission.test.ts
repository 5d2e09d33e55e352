import { describe, expect, test } from 'vitest'
import { dayOf, dayText, slotS } from '../../src/core/verify/calendar.ts'
import { type Cadence, deadlineS, firstDayOf, submissionState } from '../../src/core/verify/deadline.ts'
import { available, type DayLoads, errorOfForecast, likeWeekday } from '../../src/core/verify/forecast.ts'

/** One slot a day. */
const loads = (...wh: number[]): DayLoads => ({ days: wh.length, slots: 1, wh: Float64Array.from(wh) })
const weeks = (...perWeek: number[]): DayLoads => loads(...perWeek.flatMap(wh => Array(7).fill(wh)))
const gap = Number.NaN

describe('a forecast is the mean of the same weekday of the last weeks', () => {
  test.each([
    ['the day after the last', weeks(10, 20, 30, 40), 1, 25],
    ['a week ahead it is the same weekday as today', loads(...[10, 20, 30, 40].flatMap(x => [0, 0, 0, 0, 0, 0, x])), 7, 25],
    ['eight days ahead, what is still to come is not used', weeks(10, 20, 30, 40), 8, 25],
    ['only four of many', weeks(999, 10, 20, 30, 40), 1, 25],
    ['a day that is not known is left out', loads(...[10, 20, gap, 40].flatMap(x => Array(7).fill(x))), 1, 70 / 3],
    ['less than a week of data', loads(1, 2, 3), 1, gap],
    ['nothing', loads(), 1, gap],
  ])('%s', (_, known, ahead, wh) => {
    expect(likeWeekday(known, ahead)[0]).toEqual(Number.isNaN(wh) ? wh : expect.closeTo(wh, 9))
  })
})

describe('the error of the forecast is shown', () => {
  test('of steady load it is none', () => {
    expect(errorOfForecast(weeks(10, 10, 10, 10, 10), 1)).toMatchObject({ mpe: 0, maeWh: 0, rmseWh: 0, cvrmse: 0, slots: 14 })
  })
  test('of load that has just doubled it is half, too low', () => {
    expect(errorOfForecast(weeks(10, 10, 10, 10, 20), 1, 4, 7)).toMatchObject({ mpe: -0.5, maeWh: 10, rmseWh: 10, cvrmse: 0.5, slots: 7 })
  })
  test('without readings there is none to show, and nothing is promised', () => {
    const error = errorOfForecast(loads(gap, gap), 1)
    expect(error).toMatchObject({ mpe: null, maeWh: null, rmseWh: null, cvrmse: null, slots: 0 })
    expect([...available(Float64Array.of(100), error)]).toEqual([0])
  })
  test('what is promised is there nine times of ten, and is never below nothing', () => {
    const error = { ...errorOfForecast(loads(), 1), bySlotWh: Float64Array.of(10, 100, 10) }
    expect([...available(Float64Array.of(100, 100, gap), error)]).toEqual([expect.closeTo(87.184, 6), 0, 0])
  })
})

describe('by when', () => {
  const monday = dayOf(2026, 11, 23)
  test.each<[string, Cadence, number, string]>([
    ['a day, by noon of the day before', 'dayAhead', monday, '2026-11-22T12:00:00.000Z'],
    ['in summer noon is by the clock', 'dayAhead', dayOf(2026, 7, 2), '2026-07-01T11:00:00.000Z'],
    ['a week, by noon of the Wednesday before it', 'weekly', monday, '2026-11-18T12:00:00.000Z'],
  ])('%s', (_, cadence, first, at) => {
    expect(new Date(deadlineS(cadence, first, 'Europe/London') * 1000).toISOString()).toBe(at)
  })
  test('a week begins on its Monday', () => {
    expect(dayText(firstDayOf('weekly', dayOf(2026, 11, 29)))).toBe('2026-11-23')
    expect(dayText(firstDayOf('dayAhead', dayOf(2026, 11, 29)))).toBe('2026-11-29')
  })
  const byS = slotS('Europe/London', monday, 24)
  test.each<[string, Cadence, number | null, number, string]>([
    ['long before', 'dayAhead', null, byS - 7 * 3600, 'draft'],
    ['six hours before', 'dayAhead', null, byS - 6 * 3600, 'due'],
    ['a week is due a day before', 'weekly', null, byS - 86_400, 'due'],
    ['at the deadline', 'dayAhead', null, byS, 'due'],
    ['a second after', 'dayAhead', null, byS + 1, 'late'],
    ['sent at the deadline', 'dayAhead', byS, byS + 9e5, 'sent'],
    ['sent a second after', 'dayAhead', byS + 1, byS + 9e5, 'late'],
  ])('%s', (_, cadence, sentS, nowS, state) => {
    expect(submissionState(cadence, byS, sentS, nowS)).toBe(state)
  })
})
