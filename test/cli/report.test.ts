import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createVirtualRuntime } from '../../adapters/runtime/memory.ts'
import { openStore } from '../../adapters/stores/sqlite/open.ts'
import type { Client } from '../../src/cli/client.ts'
import { createProgram } from '../../src/cli/program.ts'
import { report, reportFormats } from '../../src/cli/report.ts'
import { type Bridge, startBridge, startMs } from '../api/bridge.ts'
import { anEvent, eventId } from '../report/event.ts'

let dir: string
let b: Bridge
let store: ReturnType<typeof openStore>
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'report-'))
  const runtime = createVirtualRuntime(startMs)
  store = openStore({ dir, origin: 'gridbridge.test/log', runtime })
  b = await startBridge({ programme: { endSpreadS: 0 }, store: { ...store, runtime } })
  await anEvent(b)
  // a bridge writes its last readings within a second
  await b.seconds(2)
})
afterAll(async () => {
  await b.engine.stop()
  await store.close()
  rmSync(dir, { recursive: true })
})

/** The running bridge's own API, without a socket. */
const client: Client = async path => {
  const answer = await b.get(path)
  expect(answer.statusCode, answer.body).toBe(200)
  return { status: 200, body: answer.json(), headers: new Headers() }
}
async function run(id: string, options: object) {
  const said: { value: unknown; text: string }[] = []
  const out = {
    ...{ json: false, quiet: false, verbose: 0, live: false, columns: 80, color: {} as never },
    ...{ result: (value: unknown, text: string) => void said.push({ value, text }) },
    ...{ note() {}, item() {}, list() {}, detail() {}, raw() {} },
  }
  const all = { format: reportFormats, timeZone: 'UTC', ...options }
  await report({ out, options: all as never, env: {}, cwd: dir, client: async () => client }, id)
  return said[0]!
}
const read = (folder: string, name: string) => readFileSync(join(dir, folder, name), 'utf8')
const all = [
  'chargers.csv',
  'chargers.parquet',
  'flaws.csv',
  'levels.csv',
  'load.csv',
  'load.parquet',
  'report.html',
  'settlement.csv',
  'verdicts.csv',
  'witnesses.csv',
]

describe('gridbridge report', () => {
  test('writes the page, CSV and Parquet from the file of a bridge that is running', async () => {
    const { value, text } = await run(eventId, { db: 'gridbridge.db', out: 'from-file' })
    expect(text.split('\n')[0]).toMatch(/^openadr2b:vtn:e1: partial, 4\.5 kWh of \d\.\d kWh delivered$/)
    expect(value).toMatchObject({ event: eventId, no: 0, verdict: 'partial', dir: join(dir, 'from-file') })
    expect(readdirSync(join(dir, 'from-file')).sort()).toEqual(all)
    expect(read('from-file', 'report.html')).toContain(`audit verify ${join(dir, 'gridbridge.db')} --key ${join(dir, 'audit.pub')}`)
    const bytes = readFileSync(join(dir, 'from-file', 'chargers.parquet'))
    const rows = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer })
    expect(rows.map(r => [r['charger_no'], r['verdict'], r['cause']])).toContainEqual([3, 'notCompliant', 'acceptedButUnmoved'])
  })
  test('from the bridge it says the same', async () => {
    await run('0', { db: 'gridbridge.db', out: 'a', format: ['csv'] })
    await run('0', { out: 'b', format: ['csv'] })
    for (const name of all.filter(f => f.endsWith('.csv'))) expect(read('b', name)).toBe(read('a', name))
  })
  test('only what was asked for, and into a folder that is named for the event', async () => {
    await run(eventId, { db: 'gridbridge.db', format: ['html'] })
    expect(readdirSync(join(dir, 'report-0'))).toEqual(['report.html'])
  })
  test('changes nothing in the file', async () => {
    const before = store.journal.checkpoint()
    copyFileSync(join(dir, 'gridbridge.db'), join(dir, 'copy.db'))
    await run(eventId, { db: 'gridbridge.db', out: 'again', format: ['csv'] })
    expect(readFileSync(join(dir, 'gridbridge.db')).equals(readFileSync(join(dir, 'copy.db')))).toBe(true)
    expect(store.journal.checkpoint()).toBe(before)
  })
  test('names are written only where they are asked for', async () => {
    await run(eventId, { db: 'gridbridge.db', out: 'no-names' })
    for (const name of all.filter(f => !f.endsWith('.parquet'))) expect(read('no-names', name)).not.toMatch(/\bc[0-5]\b/)
    await run(eventId, { db: 'gridbridge.db', out: 'names', withNames: true })
    expect(read('names', 'chargers.csv').split('\r\n')[1]).toMatch(/,c0$/)
    expect(read('names', 'report.html')).toContain('3 (c3)')
  })
  test.each([
    ['an event that is not in it', 'openadr2b:vtn:none', 'gridbridge.db', { exit: 5, code: 'GB-1303' }],
    ['a file that is not there', eventId, 'none.db', { code: 'db-missing' }],
    ['a file that is something else', eventId, 'audit.pub', { code: 'db-corrupt' }],
  ])('%s: says so, and leaves no folder behind', async (_, id, db, error) => {
    await expect(run(id, { db, out: 'nothing' })).rejects.toMatchObject(error)
    expect(existsSync(join(dir, 'nothing'))).toBe(false)
  })
  test.each([
    [['--format', 'pdf'], /wanted some of html,csv,parquet/],
    [['--time-zone', 'Mars/Olympus'], /wanted a time zone/],
  ])('%j is refused before anything is read', async (flags, why) => {
    const proc = { stdout: { write() {} }, stderr: { write() {} }, env: {}, cwd: dir, exit() {} }
    await expect(createProgram(proc, '0').parseAsync(['report', 'e1', ...flags], { from: 'user' })).rejects.toThrow(why)
  })
})
