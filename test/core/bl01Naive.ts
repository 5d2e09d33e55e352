/**
 * Elexon BL01 once more, written from the words of the rule (VERIFICATION.md 1.1) and from nothing else: dates are text, days are Maps from clock time to
 * kWh, and every step is a filter over all days. Slow on purpose. It exists to disagree with the product.
 *
 * Where the rule is silent, both were given the same answer before they were compared: days of equal energy (to the milliwatt-hour) rank most recent first; a window that begins
 * before midnight takes its readings from the evening before and its unadjusted baseline from the same clock times of the chosen days; a window that lacks a
 * reading gives no adjustment.
 */
export type Reading = ReadonlyMap<string, number>
export type NaiveMeter = ReadonlyMap<string, Reading>
export type NaiveAnswer = {
  readonly enough: boolean
  readonly days: readonly string[]
  readonly adjustment: number
  readonly baseline: ReadonlyMap<string, number>
}

const clockTimes = Array.from({ length: 48 }, (_, k) => `${String(Math.floor(k / 2)).padStart(2, '0')}:${k % 2 === 0 ? '00' : '30'}`)
const shifted = (date: string, days: number): string => {
  const d = new Date(`${date}T12:00:00Z`)
  d.setUTCDate(d.getUTCDate() + days)
  return d.toISOString().slice(0, 10)
}
const weekday = (date: string): number => new Date(`${date}T12:00:00Z`).getUTCDay()
const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length
/** In whole milliwatt-hours: 10.8 kWh and 10.799999999999997 kWh are the same day's energy. */
const whole = (day: Reading): number => Math.round(clockTimes.reduce((sum, t) => sum + day.get(t)!, 0) * 1e6)

/** The last Sunday of March and of October. */
function clocksChange(date: string): boolean {
  const month = date.slice(5, 7)
  return (month === '03' || month === '10') && weekday(date) === 0 && shifted(date, 7).slice(5, 7) !== month
}

export function bl01Naive(
  meter: NaiveMeter,
  rule: { readonly bankHolidays: ReadonlySet<string>; readonly eventDays: ReadonlySet<string>; readonly inDay: boolean },
  event: { readonly date: string; readonly from: string; readonly periods: number },
): NaiveAnswer {
  const working = (date: string) => weekday(date) >= 1 && weekday(date) <= 5 && !rule.bankHolidays.has(date)
  const eligible = Array.from({ length: 60 }, (_, k) => shifted(event.date, -1 - k))
    .filter(d => working(d) === working(event.date))
    .filter(d => clockTimes.every(t => meter.get(d)?.has(t)))
    .filter(d => !rule.eventDays.has(d))
    .filter(d => !clocksChange(d))
  const today = meter.get(event.date) ?? new Map<string, number>()
  const first = clockTimes.indexOf(event.from)
  const asked = clockTimes.slice(first, first + event.periods)
  if (eligible.length < (working(event.date) ? 5 : 4))
    return { enough: false, days: [], adjustment: 0, baseline: new Map(asked.map(t => [t, today.get(t) ?? Number.NaN])) }

  const days = working(event.date) ? eligible.slice(0, 10) : middleTwo(eligible.slice(0, 4), meter)
  const usual = (t: string) => mean(days.map(d => meter.get(d)!.get(t)!))

  let adjustment = 0
  if (rule.inDay) {
    const yesterday = meter.get(shifted(event.date, -1)) ?? new Map<string, number>()
    const window = [8, 7, 6, 5, 4, 3].map(back => first - back)
    const differences = window.map(k =>
      k >= 0
        ? (today.get(clockTimes[k]!) ?? Number.NaN) - usual(clockTimes[k]!)
        : (yesterday.get(clockTimes[48 + k]!) ?? Number.NaN) - usual(clockTimes[48 + k]!),
    )
    if (!differences.some(Number.isNaN)) adjustment = mean(differences)
  }
  return { enough: true, days, adjustment, baseline: new Map(asked.map(t => [t, usual(t) + adjustment])) }
}

/** Of four days the two that are neither the largest nor the smallest; given and returned most recent first. */
function middleTwo(days: readonly string[], meter: NaiveMeter): string[] {
  const ranked = [...days].sort((a, b) => whole(meter.get(b)!) - whole(meter.get(a)!) || (a < b ? 1 : -1))
  const kept = new Set(ranked.slice(1, 3))
  return days.filter(d => kept.has(d))
}
