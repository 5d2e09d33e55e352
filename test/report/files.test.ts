import { readFileSync } from 'node:fs'
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet'
import { describe, expect, test } from 'vitest'
import { csvOf } from '../../src/report/csv.ts'
import { parquetOf } from '../../src/report/parquet.ts'
import { parquetTables, type Table, tablesOf } from '../../src/report/tables.ts'
import { reportOf } from './sample.ts'

const tableOf = (name: string, change = {}): Table => tablesOf(reportOf(change)).find(t => t.name === name)!
const csv = (table: Table): string[] => [...csvOf(table)].join('').trimEnd().split('\r\n')
const buffer = (bytes: Uint8Array): ArrayBuffer => bytes.slice().buffer as ArrayBuffer

describe('the CSV files', () => {
  test('units end the names, instants are UTC, what is not known is empty', () => {
    expect(csv(tableOf('load')).slice(0, 4)).toEqual([
      'ts_utc,step_s,target_w,baseline_w,actual_w,actual_low_w,actual_high_w,coverage_share,commanded_count,answered_count',
      '2026-11-22T17:00:00.000Z,60,8000,20000,20000,19000,21000,1,2,0',
      '2026-11-22T17:01:00.000Z,60,8000,20000,9000,8500,9500,1,1,2',
      '2026-11-22T17:02:00.000Z,60,8000,20000,,,,0,0,0',
    ])
  })
  test('chargers are numbers; a negative number stays one', () => {
    expect(csv(tableOf('chargers'))[2]).toBe(
      '1,11,4,2,7,notCompliant,acceptedButUnmoved,accepted,1380,2026-11-22T16:55:01.000Z,2026-11-22T16:55:03.000Z,5000,5001,-1,1,reset,1',
    )
    expect(csv(tableOf('chargers'))[3]).toBe('2,12,,2,7,noData,noData,unknown,,,,,,,0,gap,1')
  })
  test('a name that a spreadsheet would run is text', () => {
    const names = { chargers: { 0: '=HYPERLINK("x")', 1: 'a,b' } }
    const lines = csv(tableOf('chargers', { names }))
    expect(lines[0]).toMatch(/,external_id$/)
    expect(lines[1]).toMatch(/,"'=HYPERLINK\(""x""\)"$/)
    expect(lines[2]).toMatch(/,"a,b"$/)
  })
  test('settlement periods have what each floor makes of them', () => {
    expect(csv(tableOf('settlement'))[1]).toBe(
      'openadr2b:vtn:e1,1,bl01@1,yes,2026-11-22T17:01:00.000Z,2026-11-22T17:30:00.000Z,6000,10000,5500,4500,4500,4501,0.75',
    )
  })
})

describe('the Parquet files', () => {
  test.each([...parquetTables])('%s has the columns of its CSV, in order, all of one type', async name => {
    const table = tableOf(name)
    const file = buffer(parquetOf(table))
    const { children } = parquetSchema(parquetMetadata(file))
    expect(children.map(c => c.element.name)).toEqual(table.fields.map(f => f.name))
    const types = { ts: 'INT64', int: 'INT32', number: 'DOUBLE', text: 'BYTE_ARRAY' }
    expect(children.map(c => c.element.type)).toEqual(table.fields.map(f => types[f.type]))
    expect(parquetMetadata(file).key_value_metadata).toContainEqual({ key: 'gridbridge.schema', value: `${name}-1` })
  })
  test('what is read back is what was written, gaps as null', async () => {
    const rows = await parquetReadObjects({ file: buffer(parquetOf(tableOf('load'))) })
    expect(rows).toHaveLength(6)
    expect(rows[1]).toMatchObject({ ts_utc: new Date('2026-11-22T17:01:00.000Z'), step_s: 60, actual_w: 9000, actual_low_w: 8500 })
    expect(rows[2]).toMatchObject({ actual_w: null, actual_low_w: null, baseline_w: 20_000 })
    expect(rows[5]).toMatchObject({ actual_w: null })
  })
  test('chargers too, those of which nothing is known among them', async () => {
    const rows = await parquetReadObjects({ file: buffer(parquetOf(tableOf('chargers'))) })
    expect(rows[1]).toMatchObject({ charger_no: 1, verdict: 'notCompliant', cause: 'acceptedButUnmoved', limit_w: 1380, delivered_wh: -1 })
    expect(rows[2]).toMatchObject({ site_no: null, limit_w: null, commanded_ts_utc: null, baseline_wh: null, flaws: 'gap' })
  })
  test('an event that nothing is known of yet is a file without rows', async () => {
    const r = reportOf()
    const empty = { ...tableOf('load'), rows: 0 }
    expect(await parquetReadObjects({ file: buffer(parquetOf(empty)) })).toEqual([])
    expect(r.series.actualW).toHaveLength(6)
  })
})

test('every column of every file is in the guide', () => {
  const guide = readFileSync(new URL('../../docs/guides/reports.md', import.meta.url), 'utf8')
  const missing = tablesOf(reportOf({ names: { chargers: {} } })).flatMap(t =>
    t.fields.map(f => f.name).filter(name => !guide.includes(`\`${name}\``)),
  )
  expect(missing).toEqual([])
})
