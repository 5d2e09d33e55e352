import { chmodSync, writeFileSync } from 'node:fs'
import pc from 'picocolors'
import type { Colors } from 'picocolors/types.js'

export { percent, wattHours, watts } from '../report/words.ts'

/** A file that only its owner may read, also where it was there already. */
export function writePrivate(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content, { mode: 0o600 })
  chmodSync(path, 0o600)
}

/** How a command speaks: data on stdout, everything else on stderr. */
export type Output = {
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: number
  /** May stderr be drawn over? */
  readonly live: boolean
  readonly columns: number
  readonly color: Colors
  /** The result: as one JSON document with `--json`, else the text. */
  result(value: unknown, text: string): void
  /** One item of a stream: NDJSON with `--json`, else the text. */
  item(value: unknown, text: string): void
  /** A list: JSON array, ids alone with `-q`, else a table. */
  list(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly Column[], id: string): void
  /** Progress and remarks, silenced by `-q`. */
  note(text: string): void
  /** Shown only with `-v`. */
  detail(text: string): void
  /** As it is, to stderr: screens and errors. */
  raw(text: string): void
}
export type Column = { readonly key: string; readonly title: string; readonly right?: boolean }
export type Streams = {
  readonly stdout: { write(text: string): unknown; isTTY?: boolean }
  readonly stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number }
  readonly env: Readonly<Record<string, string | undefined>>
}
export type GlobalOptions = { readonly json?: boolean; readonly quiet?: boolean; readonly verbose?: number; readonly color?: boolean }

export function createOutput(options: GlobalOptions, { stdout, stderr, env }: Streams): Output {
  const json = options.json ?? false
  const quiet = options.quiet ?? false
  const verbose = options.verbose ?? 0
  const live = Boolean(stderr.isTTY) && env['TERM'] !== 'dumb' && !json
  const colors = options.color !== false && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && Boolean(stderr.isTTY)
  const line = (text: string) => stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return {
    json,
    quiet,
    verbose,
    live,
    columns: stderr.columns ?? 80,
    color: pc.createColors(colors),
    result: (value, text) => line(json ? JSON.stringify(value, null, 2) : text),
    item: (value, text) => line(json ? JSON.stringify(value) : text),
    list(rows, columns, id) {
      if (json) line(JSON.stringify(rows, null, 2))
      else if (quiet) for (const row of rows) line(String(row[id]))
      else line(table(rows, columns))
    },
    note: text => void (quiet || stderr.write(`${text}\n`)),
    detail: text => void (verbose > 0 && stderr.write(`${text}\n`)),
    raw: text => void stderr.write(text),
  }
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly Column[]): string {
  const cells = [columns.map(c => c.title), ...rows.map(row => columns.map(c => text(row[c.key])))]
  const width = columns.map((_, i) => Math.max(...cells.map(row => row[i]!.length)))
  return cells
    .map(row =>
      row
        .map((cell, i) => (columns[i]!.right ? cell.padStart(width[i]!) : cell.padEnd(width[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
const text = (value: unknown): string =>
  value === null || value === undefined ? '-' : typeof value === 'object' ? JSON.stringify(value) : String(value).replace(/\p{Cc}/gu, '?')

/** `1:05`, `1:02:03`. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.ceil(seconds))
  const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`
}
type Overlap = {
  readonly id: string
  readonly programme: string
  readonly chargers: number
  readonly from: string
  readonly until: string
  readonly refused?: true | undefined
}
/** Another event on the same chargers at the same time. */
export const overlapText = ({ id, programme, chargers, from, until, refused }: Overlap): string =>
  `▲ at the same time ${id} of programme ${programme}: ${chargers} charger${chargers === 1 ? '' : 's'} in common, ${from} to ${until}${refused ? ', not settled here' : ''}`
