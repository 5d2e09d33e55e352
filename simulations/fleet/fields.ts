import type { Fields } from './link.ts'

/** A call that does not say what it must: `missing`, of a wrong `type`, or of a `value` that is not allowed. */
export class BadField extends Error {
  readonly kind: 'missing' | 'type' | 'value'
  constructor(kind: 'missing' | 'type' | 'value', path: string) {
    super(`${path}: ${kind}`)
    this.kind = kind
  }
}

const given = (fields: Fields, key: string): unknown => {
  const value = fields[key]
  if (value === undefined) throw new BadField('missing', key)
  return value
}

/** A required whole number. */
export const int = (fields: Fields, key: string): number => {
  const value = given(fields, key)
  if (!Number.isInteger(value)) throw new BadField('type', key)
  return value as number
}

/** A required number. */
export const real = (fields: Fields, key: string): number => {
  const value = given(fields, key)
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new BadField('type', key)
  return value
}

/** A required text. */
export const text = (fields: Fields, key: string, maxLength = 255): string => {
  const value = given(fields, key)
  if (typeof value !== 'string') throw new BadField('type', key)
  if (value.length > maxLength) throw new BadField('value', key)
  return value
}

/** A required text that is one of `allowed`. */
export const oneOf = <T extends string>(fields: Fields, key: string, allowed: readonly T[]): T => {
  const value = text(fields, key)
  if (!allowed.includes(value as T)) throw new BadField('value', key)
  return value as T
}

/** A required RFC 3339 date-time with an offset, as ms since the epoch. */
export const timeMs = (fields: Fields, key: string): number => {
  const value = text(fields, key)
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(ms)) throw new BadField('value', key)
  return ms
}

/** A required object. */
export const part = (fields: Fields, key: string): Fields => {
  const value = given(fields, key)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadField('type', key)
  return value as Fields
}

/** A required list of objects, not empty. */
export const parts = (fields: Fields, key: string): readonly Fields[] => {
  const value = given(fields, key)
  if (!Array.isArray(value) || value.some(v => typeof v !== 'object' || v === null)) throw new BadField('type', key)
  if (value.length === 0) throw new BadField('missing', key)
  return value as Fields[]
}

/** The field where it is given, read by `read`; undefined where it is not. */
export const maybe = <T>(fields: Fields, key: string, read: (fields: Fields, key: string) => T): T | undefined =>
  fields[key] === undefined ? undefined : read(fields, key)

/** The object without the members that are undefined: OCPP omits, it never sends null. */
export const compact = (fields: Record<string, unknown>): Fields => {
  const out: Record<string, unknown> = {}
  for (const key in fields) if (fields[key] !== undefined) out[key] = fields[key]
  return out
}
