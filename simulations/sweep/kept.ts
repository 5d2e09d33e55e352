import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Result } from './result.ts'
import type { Kept } from './sweep.ts'

/** A file of results, one a line. A line that was cut off by an end in mid-write is taken away; its run is played again. */
export function keptIn(file: string): Kept {
  mkdirSync(dirname(file), { recursive: true })
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  if (whole.length < text.length) truncateSync(file, Buffer.byteLength(whole))
  return {
    known: whole.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line) as Result])),
    keep: result => appendFileSync(file, lineOf(result)),
  }
}
export const lineOf = (result: Result): string => `${JSON.stringify(result)}\n`
