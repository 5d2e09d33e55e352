import { describe, expect, test } from 'vitest'
import { dayText, parseDay } from '../../../src/core/verify/calendar.ts'
import { createHistoryReader } from '../../../src/engine/verifyingHistory.ts'
import type { Meters } from '../../../src/ports.ts'

/** Days that are read for a baseline, of meters that know all of them. */
const meters: Pick<Meters, 'history'> = {
  async history(who, { fromS, toS, stepS }) {
    const count = (toS - fromS) / stepS
    const cells = who.length * count
    return { who, fromS, stepS, count, wh: new Float64Array(cells).fill(250), flaws: new Uint16Array(cells) }
  },
}
async function daysFor(day: string, hours: readonly [from: number, to: number], wasEventDay: readonly string[] = []) {
  const at = (hour: number): number => parseDay(day)! * 86_400 + hour * 3_600
  const history = await createHistoryReader(meters as Meters)({
    who: Uint32Array.of(3),
    window: { fromS: at(hours[0]), toS: at(hours[1]) },
    ruleset: { id: 'elexon-bl01-unadjusted', version: 1 },
    periodS: 1_800,
    isEventDay: (_, d) => wasEventDay.includes(dayText(d)),
  })
  return Array.from(history!.day, dayText).reverse()
}
const working = ['2024-02-15', '2024-02-14', '2024-02-13', '2024-02-12', '2024-02-09', '2024-02-08', '2024-02-07', '2024-02-06']
const weekends = ['2024-02-11', '2024-02-10', '2024-02-04', '2024-02-03']

describe('the days that BL01 reads', () => {
  test('are ten working days before a working day, and one more for each on which the charger was in an event', async () => {
    expect(await daysFor('2024-02-16', [17, 18])).toEqual([...working, '2024-02-05', '2024-02-02'])
    expect(await daysFor('2024-02-16', [17, 18], ['2024-02-13'])).toEqual([...working, '2024-02-05', '2024-02-02', '2024-02-01'])
  })
  test('are no more than four weekend days, and the day before, for a day of a weekend', async () => {
    expect(await daysFor('2024-02-17', [17, 18])).toEqual(['2024-02-16', ...weekends])
  })
  test('are those of both kinds of day where a Friday event goes on past midnight', async () => {
    const days = await daysFor('2024-02-16', [23, 25])
    expect(days).toEqual(expect.arrayContaining([...working, ...weekends]))
    expect(days).not.toContain('2024-02-17')
  })
})
