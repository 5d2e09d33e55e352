import { type Html, html } from './escape.ts'

/** Instants in print: 24 h, in the zone of the page, machine-readable in UTC. */
export type Times = {
  readonly zone: string
  /** `22 Nov 2026, 17:00:00 GMT`, in UTC without a name of it, with UTC as its title. Dash where null. */
  full(ms: number | null): Html
  /** `17:00:00`; on a day whose clocks change with which time that is, because one hour is there twice. */
  clock(ms: number): Html
  /** As `full`, without mark-up. */
  text(ms: number): string
  /** Do the clocks change in it? */
  isChanging(fromMs: number, toMs: number): boolean
}
/** @throws RangeError for a zone that does not exist */
export const createTimes = (zone: string): Times => (zone === 'UTC' ? utcTimes : zonedTimes(zone))

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec']
/** By our own words: a page of an evidence pack is rendered again elsewhere, and must not hang on what another machine knows of languages. */
const utcTimes: Times = (() => {
  const clockOf = (d: Date): string =>
    [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()].map(n => String(n).padStart(2, '0')).join(':')
  const wholeOf = (d: Date): string => `${d.getUTCDate()} ${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}, ${clockOf(d)}`
  return {
    zone: 'UTC',
    full: ms => (ms === null || !isInstant(ms) ? html`–` : marked(ms, wholeOf(new Date(ms)))),
    clock: ms => (isInstant(ms) ? marked(ms, clockOf(new Date(ms))) : html`–`),
    text: ms => (isInstant(ms) ? wholeOf(new Date(ms)) : '–'),
    isChanging: () => false,
  }
})()
function marked(ms: number, text: string): Html {
  const iso = new Date(ms).toISOString()
  return html`<time datetime="${iso}" title="${iso}">${text}</time>`
}

function zonedTimes(zone: string): Times {
  const day = { day: 'numeric', month: 'short', year: 'numeric' } as const
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const named = { timeZoneName: 'short' } as const
  const whole = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...day, ...clock, ...named })
  const short = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...clock })
  const shortNamed = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...clock, ...named })
  const offset = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'longOffset' })
  const offsetOf = (ms: number): string | undefined => offset.formatToParts(ms).find(part => part.type === 'timeZoneName')?.value
  const isChanging = (fromMs: number, toMs: number): boolean => isInstant(fromMs) && isInstant(toMs) && offsetOf(fromMs) !== offsetOf(toMs)
  return {
    zone,
    full: ms => (ms === null || !isInstant(ms) ? html`–` : marked(ms, whole.format(ms))),
    clock: ms => (isInstant(ms) ? marked(ms, (isChanging(ms - DAY_MS, ms + DAY_MS) ? shortNamed : short).format(ms)) : html`–`),
    text: ms => (isInstant(ms) ? whole.format(ms) : '–'),
    isChanging,
  }
}
const DAY_MS = 86_400_000
const isInstant = (ms: number): boolean => Math.abs(ms) <= 8.64e15

/** `45 s`, `12 min`, `1 h 5 min`. */
export function durationText(seconds: number): string {
  const s = Math.round(seconds)
  if (s < 120) return `${s} s`
  const [h, min] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)]
  const rest = s % 60
  return [h > 0 ? `${h} h` : '', min > 0 ? `${min} min` : '', h === 0 && rest > 0 ? `${rest} s` : ''].filter(t => t !== '').join(' ')
}
