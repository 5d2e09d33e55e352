// Scalars of the wire: durations, instants, numbers, booleans. Every refusal is a WireError with the element's path.
import { child, type El, need, type Prefix, WireError } from './xml.ts'

const DURATION = /^([+-])?P(?:(\d+)W|(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?)$/

/**
 * Seconds of an ISO 8601 duration, negative if signed so. The profile's pattern allows years and months, which have no fixed
 * length, and is silent on what they last: we take 365 and 30 days. `PT`, `P` alone and fractions of seconds are tolerated.
 */
export const parseDurationS = (value: string): number | undefined => {
  const m = DURATION.exec(value.trim())
  if (!m) return undefined
  const [weeks, years, months, days, hours, minutes, seconds] = m.slice(2).map(n => Number(n ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const total = (weeks * 7 + years * 365 + months * 30 + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds
  return m[1] === '-' && total !== 0 ? -total : total
}

/** The schema knows whole seconds only, so fractions are rounded away from zero. */
export const formatDuration = (seconds: number): string => {
  const whole = Math.ceil(Math.abs(seconds) - 1e-9)
  const sign = seconds < 0 && whole > 0 ? '-' : ''
  const [d, h, m, s] = [Math.floor(whole / 86_400), Math.floor(whole / 3_600) % 24, Math.floor(whole / 60) % 60, whole % 60]
  const time = `${h ? `${h}H` : ''}${m ? `${m}M` : ''}${s ? `${s}S` : ''}`
  if (whole === 0) return 'PT0S'
  return `${sign}P${d ? `${d}D` : ''}${time ? `T${time}` : ''}`
}

const INSTANT = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d*))?(Z|[+-]\d{2}:?\d{2})?$/

/** Milliseconds since the epoch. Offsets are honoured; a time without a zone is UTC, as all of 2.0b is. Below 1 ms is cut off. */
export const parseInstant = (value: string): number | undefined => {
  const m = INSTANT.exec(value.trim())
  if (!m) return undefined
  const zone = m[4] ?? 'Z'
  const ms = Date.parse(
    `${m[1]}T${m[2]}.${(m[3] ?? '').padEnd(3, '0').slice(0, 3)}${zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone}`,
  )
  return Number.isNaN(ms) ? undefined : ms
}

export const formatInstant = (ms: number): string => new Date(ms).toISOString()

const checked = <T>(el: El, value: T | undefined): T => {
  if (value === undefined) throw new WireError(el.text === '' ? 'missing' : 'badValue', el.path, el.text)
  return value
}

export const instantOf = (el: El): number => checked(el, parseInstant(el.text))
/** A duration that some stacks put straight into the element and others (as the schema says) into a nested xcal:duration. */
export const durationOf = (el: El): number => {
  const inner = child(el, 'xcal', 'duration') ?? el
  return checked(inner, parseDurationS(inner.text))
}
export const numberOf = (el: El): number =>
  checked(el, /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(el.text) ? finite(Number(el.text)) : undefined)
/** 1e999 is written like a number and is none: in the record it would become null. */
const finite = (n: number): number | undefined => (Number.isFinite(n) ? n : undefined)
export const countOf = (el: El): number =>
  checked(el, /^\+?\d{1,10}$/.test(el.text) && Number(el.text) <= 0xffff_ffff ? Number(el.text) : undefined)
export const booleanOf = (el: El): boolean => checked(el, { true: true, '1': true, false: false, '0': false }[el.text])
export const oneOf = <T extends string>(el: El, allowed: readonly T[]): T =>
  checked(
    el,
    allowed.find(a => a === el.text),
  )

/** Read a child with one of the readers above, or undefined when it is absent. */
export const optional = <T>(el: El | undefined, prefix: Prefix, name: string, read: (el: El) => T): T | undefined => {
  const found = child(el, prefix, name)
  return found && read(found)
}
export const required = <T>(el: El, prefix: Prefix, name: string, read: (el: El) => T): T => read(need(el, prefix, name))
