import { type Html, html } from './escape.ts'

/** Instants in print: 24 h, in the zone of the page, machine-readable in UTC. */
export type Times = {
  readonly zone: string
  /** `22 Nov 2026, 17:00:00`, with UTC as its title. Dash where null. */
  full(ms: number | null): Html
  clock(ms: number): Html
  /** Without mark-up. */
  text(ms: number): string
}
/** @throws RangeError for a zone that does not exist */
export function createTimes(zone: string): Times {
  const day = { day: 'numeric', month: 'short', year: 'numeric' } as const
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const whole = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...day, ...clock })
  const short = new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...clock })
  const time = (ms: number, text: string): Html => {
    const iso = new Date(ms).toISOString()
    return html`<time datetime="${iso}" title="${iso}">${text}</time>`
  }
  return {
    zone,
    full: ms => (ms === null || !isInstant(ms) ? html`–` : time(ms, whole.format(ms))),
    clock: ms => (isInstant(ms) ? time(ms, short.format(ms)) : html`–`),
    text: ms => (isInstant(ms) ? whole.format(ms) : '–'),
  }
}
const isInstant = (ms: number): boolean => Math.abs(ms) <= 8.64e15

/** `45 s`, `12 min`, `1 h 5 min`. */
export function durationText(seconds: number): string {
  const s = Math.round(seconds)
  if (s < 120) return `${s} s`
  const [h, min] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)]
  const rest = s % 60
  return [h > 0 ? `${h} h` : '', min > 0 ? `${min} min` : '', h === 0 && rest > 0 ? `${rest} s` : ''].filter(t => t !== '').join(' ')
}
