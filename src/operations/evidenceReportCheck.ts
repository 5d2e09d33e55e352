import { type EventReport, plain } from '../report/model.ts'
import type { ChartLibrary } from '../report/page.ts'
import { type Table, tablesOf } from '../report/tables.ts'
import { names, textOf } from './evidenceFiles.ts'
import { type CheckLine, failed, notPossible, ok, okUnless, type Pack, type Story } from './evidencePack.ts'
import { overreaches, pageBytes, parseInput, type ReportInput, reportIn, tableBytes, tableFile, withoutWord } from './evidenceReport.ts'

/** What the one who checks renders with. Another version may lay a page out otherwise. */
export type Renderer = { readonly version: string; readonly library: ChartLibrary }

const PAGE = names.report('report.html')
const INPUT = names.report('input.json')

/** The report made again from the pack, and compared: figures with any version, the page to the byte with the version that rendered it. */
export function reportLines(pack: Pack, story: Story, by: Renderer | undefined): readonly CheckLine[] {
  const { files, manifest } = pack
  const present = Object.keys(files).filter(name => name.startsWith('report/'))
  if (present.length === 0) return [notPossible('report', 'none is included')]
  const bytes = files[INPUT]
  if (!bytes)
    return manifest.version === by?.version
      ? [failed('report', `${INPUT} is missing`)]
      : [notPossible('report', 'of an earlier release, which did not say what it was made from: compare its figures with verdict/')]
  const input = parseInput(bytes)
  const report = reportIn(pack, story, input)
  if (!report) return [failed('report', 'the entries do not bring the event that it is of')]
  const tables = tablesOf(report)
  const expected = new Set([INPUT, PAGE, ...tables.map(tableFile)])
  const wrong = [
    ...(overreaches(pack, story, input) ? [`${INPUT} says what the log says`] : []),
    ...present.flatMap(name => (expected.has(name) ? [] : [`${name} is no file of a report`])),
    ...tables.flatMap(table => tableDifference(files[tableFile(table)], table, manifest.version === by?.version) ?? []),
  ]
  const others = manifest.version === by?.version ? [] : tables.flatMap(table => columnsApart(files[tableFile(table)], table))
  const same = `${tables.length} tables, made again from the entries, have the same figures`
  const figures =
    wrong.length > 0 || others.length === 0
      ? okUnless('report', wrong, same)
      : notPossible(
          'report',
          `${same}, but for columns that only one of the two versions has, which nothing vouches for: ${others.join(', ')}`,
        )
  return [figures, pageLine(pack, report, by), wordLine(report, reportIn(pack, story, withoutWord(input)), input)]
}

function pageLine({ files, manifest }: Pack, report: EventReport, by: Renderer | undefined): CheckLine {
  const what = 'page of the report'
  const page = files[PAGE]
  if (!page) return failed(what, `${PAGE} is missing`)
  if (manifest.version !== by?.version)
    return notPossible(
      what,
      `rendered by version ${manifest.version}${by ? `, and this is ${by.version}` : ''}: figures compared, page not; read the tables beside it`,
    )
  const made = pageBytes(report, by.library)
  if (Buffer.compare(page, made) === 0) return ok(what, 'rendered again, the same to the byte')
  return failed(what, `${PAGE}: ${textDifference(textOf(page), textOf(made))}`)
}

/** The first cell that differs, by its row and the name of its column. A column that one of the two does not have is of another version. */
function tableDifference(file: Uint8Array | undefined, table: Table, isSameVersion: boolean): string | undefined {
  const name = tableFile(table)
  if (!file) return `${name} is missing`
  const made = tableBytes(table)
  if (Buffer.compare(file, made) === 0) return undefined
  const [[heads = [], ...rows], [ownHeads = [], ...ownRows]] = [cellsOf(textOf(file)), cellsOf(textOf(made))]
  const missing = isSameVersion ? ownHeads.find(head => !heads.includes(head)) : undefined
  if (missing) return `${name} has no column ${missing}`
  for (const [k, row] of ownRows.entries())
    for (const [c, value] of row.entries()) {
      const at = heads.indexOf(ownHeads[c]!)
      const found = rows[k]?.[at]
      if (at < 0 || found === value) continue
      if (found === undefined) return `${name} has ${rows.length} rows, the pack gives ${ownRows.length}`
      return `${name}, row ${k + 1} (${ownHeads[0]} ${row[0]}), ${ownHeads[c]}: it says ${found || 'nothing'}, the pack gives ${value || 'nothing'}`
    }
  if (rows.length !== ownRows.length) return `${name} has ${rows.length} rows, the pack gives ${ownRows.length}`
  const wide = rows.findIndex(row => row.length !== heads.length)
  if (wide >= 0) return `${name}, row ${wide + 1} has ${rows[wide]!.length} cells, and there are ${heads.length} columns`
  return isSameVersion ? `${name}: ${textDifference(textOf(file), textOf(made))}` : undefined
}

/** Columns of a file that were not compared, because this version does not make them, or makes them once; and those that it lacks. */
function columnsApart(file: Uint8Array | undefined, table: Table): string[] {
  const [[heads = []], [ownHeads = []]] = [cellsOf(textOf(file ?? new Uint8Array(0))), cellsOf(textOf(tableBytes(table)))]
  const more = heads.filter((head, c) => !ownHeads.includes(head) || heads.indexOf(head) !== c)
  const less = ownHeads.filter(head => !heads.includes(head)).map(head => `${head} (missing)`)
  return [...more, ...less].map(column => `${tableFile(table)} ${column}`)
}

/** Rows of CSV as `csvOf` writes it. */
function cellsOf(text: string): string[][] {
  const rows: string[][] = [[]]
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)!.push(quoted === undefined ? bare! : quoted.replaceAll('""', '"'))
    if (end === '\r\n') rows.push([])
    if (end === '') break
  }
  return rows.filter(row => row.length > 1 || (row[0] ?? '') !== '')
}

const AROUND = 40
/** Where two texts part, in the words of the reader: under which heading, and what stands there. */
function textDifference(found: string, made: string): string {
  let at = 0
  while (at < found.length && found[at] === made[at]) at++
  let [a, b] = [found.length, made.length]
  while (a > at && b > at && found[a - 1] === made[b - 1]) {
    a--
    b--
  }
  const from = wordStart(made, at)
  const heading = [...made.slice(0, at).matchAll(/<h[12]>(.*?)<\/h[12]>/g)].at(-1)?.[1]
  const label = [...made.slice(0, at).matchAll(/<(?:dt|th|td)[^>]*>([^<]+)<\/(?:dt|th|td)>/g)].at(-1)?.[1]
  const place = [heading && `under ${JSON.stringify(heading)}`, label && `after ${JSON.stringify(label)}`].filter(Boolean).join(', ')
  return `${place ? `${place}: ` : ''}it says ${quotedPart(found, from, a)}, the pack gives ${quotedPart(made, from, b)}`
}
const wordStart = (text: string, at: number): number => {
  let from = at
  while (from > 0 && at - from < AROUND && !/[\s>"]/.test(text[from - 1]!)) from--
  return from
}
function quotedPart(text: string, from: number, to: number): string {
  let end = to
  while (end < text.length && end - to < AROUND && !/[\s<"]/.test(text[end]!)) end++
  return JSON.stringify(text.slice(from, Math.min(end, from + 3 * AROUND)))
}

/** Which figures rest on the word of who made the pack alone: those that are others without it. */
function wordLine(report: EventReport, without: EventReport | undefined, { began }: ReportInput): CheckLine {
  const differing = new Map<string, { differ: number; of: number }>()
  compare(byTime(report), without && byTime(without), '', differing)
  const fields = [...differing].flatMap(([path, { differ, of }]) => (differ === 0 ? [] : of > 1 ? `${path} (${differ} of ${of})` : path))
  const all = [...fields, 'when it was made', ...(began ? ['the fleet that this log began with'] : [])]
  return notPossible('beyond the log', `no entry has these, so they are the word of who made the pack: ${all.join(', ')}`)
}
/** A step is the same step in both by its time, wherever what is shown begins. */
function byTime(report: EventReport): object {
  const { series, ...others } = plain(report)
  const { fromMs, stepMs, ...columns } = series
  const steps = Array.from(series.actualW as ArrayLike<number | null>, (_, k) => [
    String(fromMs + k * stepMs),
    // that nobody was told anything in a step is nothing that is said of it
    Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, isCount(name) && column[k] === 0 ? undefined : column[k]])),
  ])
  return { ...others, series: Object.fromEntries(steps) as object }
}
const isCount = (column: string): boolean => column === 'commanded' || column === 'answered'
/** Leaves of `a` that `b` has otherwise, by path; elements of a list, and steps, count together. */
function compare(a: unknown, b: unknown, path: string, out: Map<string, { differ: number; of: number }>): void {
  const isMember = (key: string): boolean => Array.isArray(a) || /^\d+$/.test(key)
  if (typeof a === 'object' && a !== null && b !== null && b !== undefined) {
    for (const [key, value] of Object.entries(a)) {
      const other = (b as Record<string, unknown>)[key]
      if (isMember(key)) compare(value, other ?? (typeof value === 'object' && value !== null ? {} : null), path, out)
      else compare(value, other, path === '' ? key : `${path}.${key}`, out)
    }
    return
  }
  const seen = out.get(path) ?? { differ: 0, of: 0 }
  out.set(path, { differ: seen.differ + (JSON.stringify(a) !== JSON.stringify(b) ? 1 : 0), of: seen.of + 1 })
}
