import { parse } from 'csv-parse'

/** Columns of a fleet file. The first is required; a node column is the name of a level of the network tree. */
export const columns = [
  'external_id',
  'identity',
  'evse_id',
  'licence_area',
  'gsp',
  'primary',
  'feeder',
  'site',
  'limit_kw',
  'limit_a',
  'security_profile',
  'password',
  'current',
  'max_power_w',
  'min_power_w',
  'phases',
  'phase',
  'voltage_v',
  'min_current_a',
  'max_current_a',
  'step_a',
  'steps_a',
  'takes_zero',
  'limits_at',
  'backend',
  'meter_class',
  'link_loss',
  'own_random_delay_s',
  'programme',
  'consent',
  'consent_date',
  'consent_text',
  'tags',
  'mpan',
  'resource_id',
  'group_id',
] as const
export type Column = (typeof columns)[number]

/** What other systems call them. Compared in lower case with everything but letters and digits left out. */
const otherNames: Partial<Record<Column, readonly string[]>> = {
  external_id: ['id', 'charger', 'chargerid', 'assetid', 'ref', 'reference'],
  identity: ['chargepointid', 'chargepoint', 'cpid', 'chargeboxid', 'stationid', 'station', 'ocppid', 'ocppidentity'],
  evse_id: ['evse', 'connector', 'connectorid'],
  licence_area: ['licencearea', 'licensearea', 'dno', 'dnoarea'],
  gsp: ['gridsupplypoint', 'gspgroup'],
  primary: ['primarysubstation', 'substation'],
  feeder: ['feederid', 'circuit'],
  site: ['sitename', 'location', 'depot'],
  limit_kw: ['nodelimitkw', 'capacitykw'],
  limit_a: ['nodelimita', 'limitamps'],
  security_profile: ['ocppsecurityprofile', 'profile'],
  password: ['ocpppassword', 'authorizationkey', 'basicauthpassword'],
  current: ['acdc', 'currenttype', 'supply'],
  max_power_w: ['maxpower', 'maxw', 'ratedw', 'ratedpowerw'],
  min_power_w: ['minpower', 'minw'],
  phases: ['numberofphases'],
  phase: ['gridphase', 'gridphases', 'phaserotation', 'rotation'],
  voltage_v: ['voltage', 'volts', 'v'],
  min_current_a: ['mincurrent', 'mina', 'minamps'],
  max_current_a: ['maxcurrent', 'maxa', 'maxamps', 'rateda', 'ratedcurrenta', 'amps'],
  step_a: ['stepcurrenta', 'limitstep', 'stepamps'],
  steps_a: ['steps', 'stepset', 'limitsteps'],
  takes_zero: ['takeszero', 'pauses', 'zeroamps'],
  backend: ['failswith', 'csms', 'cloud'],
  limits_at: ['limitat', 'limitlevel'],
  meter_class: ['meterclass', 'accuracyclass'],
  link_loss: ['onlinkloss', 'offlinebehaviour', 'offlinebehavior'],
  own_random_delay_s: ['ownrandomdelay', 'randomdelays', 'randomdelay', 'randomiseddelay', 'randomizeddelay'],
  programme: ['program', 'programmeid', 'programid', 'scheme'],
  consent: ['consented', 'consentgiven', 'optin'],
  consent_date: ['consentat', 'consentgivenat', 'dateofconsent'],
  consent_text: ['consentversion', 'consenttextversion', 'textversion'],
  tags: ['tag', 'labels'],
  mpan: ['mpancore', 'meterpoint', 'ean'],
  resource_id: ['resource', 'venresource'],
  group_id: ['group'],
}
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')
const byName: ReadonlyMap<string, Column> = new Map(
  columns.flatMap(c => [[plain(c), c] as const, ...(otherNames[c] ?? []).map(n => [n, c] as const)]),
)
export const columnOf = (header: string): Column | undefined => byName.get(plain(header))

/** A row as it stands in the file. `line` is the line it begins on, the header being line 1. */
export type RawRow = {
  readonly line: number
  readonly fields: readonly string[]
  readonly cells: Readonly<Partial<Record<Column, string>>>
}
export type Header = {
  readonly names: readonly string[]
  readonly columns: readonly (Column | undefined)[]
  readonly delimiter: string
}
/** Thrown for a file that is no fleet file at all; bad rows are not errors. */
export class FleetFileError extends Error {
  readonly code: 'no-header' | 'missing-column' | 'double-column' | 'not-csv' | 'too-large'
  readonly hint: string
  readonly line: number
  constructor(code: FleetFileError['code'], message: string, hint: string, line = 1) {
    super(message)
    this.name = 'FleetFileError'
    this.code = code
    this.hint = hint
    this.line = line
  }
}
export type Source = string | AsyncIterable<Uint8Array | string>

/**
 * Reads a fleet file as a stream: UTF-8 with or without a BOM, any line ends, comma, semicolon or tab. `onHeader` comes before the first row.
 * A leading quote sign before `= + - @`, as the guard of an export puts it, is taken off again.
 * @throws FleetFileError
 */
export async function* fleetRows(
  source: Source,
  onHeader: (header: Header) => void,
  maxBytes = Number.POSITIVE_INFINITY,
): AsyncGenerator<RawRow> {
  const text = decoded(source, maxBytes)
  const head = await firstLine(text)
  const delimiter = [',', ';', '\t'].reduce((best, d) => (head.text.split(d).length > head.text.split(best).length ? d : best), ',')
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    trim: true,
  })
  feed(parser, head, text)
  let header: Header | undefined
  let doubled = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      if (header === undefined) {
        header = headerOf(record, delimiter)
        onHeader(header)
        continue
      }
      // `lines` is the line on which the record ends, but the parser counts a CR LF within quotes as two.
      const inner = count(record, /\r\n|\r|\n/g)
      doubled += count(record, /\r\n/g)
      yield { line: info.lines - doubled - inner, fields: record, cells: cellsOf(record, header) }
    }
  } catch (error) {
    if (error instanceof FleetFileError || !(error as { code?: string }).code?.startsWith('CSV_')) throw error
    const line = (error as { lines?: number }).lines ?? 1
    throw new FleetFileError('not-csv', (error as Error).message, 'a quoted field that is not closed swallows the rest of the file', line)
  }
  if (header === undefined)
    throw new FleetFileError('no-header', 'the file is empty', `begin with a line such as: ${columns.slice(0, 8).join(',')}`)
}

const count = (fields: readonly string[], pattern: RegExp): number => fields.reduce((n, f) => n + (f.match(pattern)?.length ?? 0), 0)

async function* decoded(source: Source, maxBytes: number): AsyncGenerator<string> {
  if (typeof source === 'string') {
    yield source
    return
  }
  const decoder = new TextDecoder('utf-8')
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new FleetFileError('too-large', `the file has more than ${maxBytes} bytes`, 'import it in parts')
    yield typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
  }
  yield decoder.decode()
}
/** Reads on until the first line is whole, to see what separates its fields. */
async function firstLine(text: AsyncGenerator<string>): Promise<{ text: string; read: string }> {
  let read = ''
  while (!/[\r\n]/.test(read)) {
    const { value, done } = await text.next()
    if (done) break
    read += value
    if (read.length > 1_000_000)
      throw new FleetFileError('not-csv', 'the first line is longer than a million characters', 'is this a CSV file?')
  }
  return { text: read.split(/[\r\n]/, 1)[0] ?? '', read }
}
type Parser = ReturnType<typeof parse>
/** Writes at the parser's own speed; an error of the source becomes one of the parser, so that its reader sees it. */
function feed(parser: Parser, head: { read: string }, rest: AsyncGenerator<string>): void {
  const write = async () => {
    const put = async (chunk: string) => {
      if (!parser.write(chunk)) await new Promise<void>(resolve => parser.once('drain', resolve).once('close', resolve))
    }
    await put(head.read)
    for await (const chunk of rest) {
      if (parser.destroyed) return
      await put(chunk)
    }
    parser.end()
  }
  write().catch(error => parser.destroy(error))
}

function headerOf(names: readonly string[], delimiter: string): Header {
  const found = names.map(columnOf)
  if (!found.includes('external_id')) {
    const hint = `name one column external_id; known columns: ${columns.join(', ')}`
    throw new FleetFileError('missing-column', 'there is no column external_id', hint)
  }
  const twice = found.find((c, k) => c !== undefined && found.indexOf(c) !== k)
  if (twice) throw new FleetFileError('double-column', `two columns mean ${twice}`, 'leave one of them out')
  return { names, columns: found, delimiter }
}
function cellsOf(record: readonly string[], header: Header): RawRow['cells'] {
  const cells: Partial<Record<Column, string>> = {}
  header.columns.forEach((column, k) => {
    if (column !== undefined) cells[column] = (record[k] ?? '').replace(/^'(?=[=+\-@\t\r])/, '')
  })
  return cells
}

/** A cell that a spreadsheet would run as a formula gets a quote sign before it (OWASP: CSV injection). */
export const guarded = (cell: string): string => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell)
const quoted = (cell: string, delimiter: string): string =>
  cell.includes(delimiter) || /["\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
export const csvLine = (cells: readonly string[], delimiter: string): string =>
  `${cells.map(c => quoted(guarded(c), delimiter)).join(delimiter)}\r\n`
