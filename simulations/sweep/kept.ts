import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Result } from './result.ts'
import type { Kept } from './sweep.ts'

/**
 * A file of results, one a line. A line that was cut off by an end in mid-write is taken away, and what is no result is passed over (`unreadable`): those runs are
 * played again.
 */
export function keptIn(file: string): Kept & { readonly unreadable: number } {
  mkdirSync(dirname(file), { recursive: true })
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole))
  const lines = whole.split('\n').slice(0, -1)
  const known = lines.flatMap(line => resultIn(line) ?? [])
  return { known, unreadable: lines.length - known.length, keep: result => appendFileSync(file, lineOf(result)) }
}
export const lineOf = (result: Result): string => `${JSON.stringify(result)}\n`
/** Undefined: it is none. */
export function resultIn(line: string): Result | undefined {
  try {
    const value = JSON.parse(line) as Partial<Result> | null
    const isWhole = typeof value?.of === 'string' && Number.isInteger(value.seed) && Array.isArray(value.load?.loadW)
    return isWhole && typeof value.figures === 'object' ? (value as Result) : undefined
  } catch {
    return undefined
  }
}
