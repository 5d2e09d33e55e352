import { beforeAll, describe, expect, it } from 'vitest'
import { signerOf } from '../../src/audit/note.ts'
import { checkPack } from '../../src/operations/evidenceCheck.ts'
import { type Files, names, textOf } from '../../src/operations/evidenceFiles.ts'
import type { CheckLine } from '../../src/operations/evidencePack.ts'
import { unpacked } from '../../src/operations/evidenceZip.ts'
import { eventReport } from '../../src/operations/report.ts'
import { csvOf } from '../../src/report/csv.ts'
import { chartLibrary } from '../../src/report/library.ts'
import { tablesOf } from '../../src/report/tables.ts'
import { ana, type Bridge, startBridge } from '../api/bridge.ts'
import { anEvent, eventId } from '../report/event.ts'
import { resealed } from './forged.ts'

/** The report of a pack: no figure in it can be changed unseen, and it says itself what no entry of the log says. */
const trust = { keys: [signerOf('memory.gridbridge.invalid/log', new Uint8Array(32).fill(7)).verifier] }
const own = { version: '1', library: chartLibrary() }

let b: Bridge
let pack: Files
const packFrom = async (version = '1'): Promise<Files> => {
  const made = await b.operations.evidence.of(eventId, { name: 'ana' }, { version })
  return unpacked(made.ok ? made.value.zip : new Uint8Array(0)) as Files
}
beforeAll(async () => {
  b = await startBridge()
  await anEvent(b)
  pack = await packFrom()
}, 30_000)

const altered = (file: string, from: string | RegExp, to: string): Files => {
  const name = names.report(file)
  const text = textOf(pack[name]!)
  expect(text).toMatch(from)
  return resealed({ ...pack, [name]: Buffer.from(text.replace(from, to)) })
}
const linesOf = (files: Files, by = own): Record<string, CheckLine> =>
  Object.fromEntries(checkPack(files, trust, by).lines.map(l => [l.what, l]))
const failures = (files: Files): CheckLine[] => Object.values(linesOf(files)).filter(l => l.result === 'failed')

describe('the report of a pack', () => {
  it('is made again from the entries, and the page to the byte', () => {
    const lines = linesOf(pack)
    expect(lines['report']).toMatchObject({ result: 'ok', why: expect.stringMatching(/^7 tables/) })
    expect(lines['page of the report']).toMatchObject({ result: 'ok' })
    expect(failures(pack)).toEqual([])
  })
  it('says the same as the report of the bridge itself', async () => {
    const report = (await eventReport(b.engine, eventId, { nowMs: b.engine.now(), version: '1', command: '', witnesses: [] }))!
    for (const table of tablesOf(report))
      expect(textOf(pack[names.report(`${table.name}.csv`)]!), table.name).toBe([...csvOf(table)].join(''))
  })
  it('says which of its figures no entry has', () => {
    const line = linesOf(pack)['beyond the log']!
    expect(line.result).toBe('notPossible')
    expect(line.why).toMatch(/series\.actualW \(\d+ of \d+\)/)
    expect(line.why).toMatch(/rebound/)
    expect(line.why).not.toMatch(/chargers|settlement|verdicts|commanded|answered/)
  })
})

describe('one altered figure, and the manifest made right', () => {
  it.each([
    [
      'of a charger',
      () => altered('chargers.csv', /(\r\n3,[^\r]*Z,)(\d[\d.]*)/, '$1999'),
      /report\/chargers\.csv, row 4 \(charger_no 3\), baseline_wh: it says 999, the pack gives -?[\d.]+$/,
    ],
    [
      'of the settlement',
      () => altered('settlement.csv', /(Z,)\d+(?=[.,])/, '$17'),
      /report\/settlement\.csv, row 1 \(event openadr2b:vtn:e1\), asked_wh: it says 7/,
    ],
    [
      'of the load',
      () => altered('load.csv', /,10000,/, ',10001,'),
      /report\/load\.csv, row \d+ \(ts_utc 2023-11-14T\S+Z\), target_w: it says 10001, the pack gives 10000$/,
    ],
    ['a row less', () => altered('chargers.csv', /\r\n[^\r]*\r\n$/, '\r\n'), /report\/chargers\.csv has 5 rows, the pack gives 6/],
    [
      'of the page',
      () => altered('report.html', /(<dt>Delivered<\/dt><dd[^>]*>)[^<]+/, '$199 MWh'),
      /report\/report\.html: under "\S+", after "Delivered": it says "99 MWh/,
    ],
    [
      'the verdict, in words',
      () => altered('report.html', /Verdict: [^<]+/, 'Verdict: all is well'),
      /it says "all is well", the pack gives "/,
    ],
    ['a script in the page', () => altered('report.html', '</main>', '<script>alert(1)</script></main>'), /it says "<script>alert\(1\)/],
    ['a file more', () => resealed({ ...pack, [names.report('summary.html')]: Buffer.from('all is well') }), /no file of a report/],
    [
      'the file that it is made from',
      () => {
        const { [names.report('input.json')]: _, ...others } = pack
        return resealed(others)
      },
      /report\/input\.json is missing/,
    ],
    [
      'a part of the file that it is made from',
      () => resealed({ ...pack, [names.report('input.json')]: Buffer.from('{"format":"gridbridge-report-input-1","command":"x"}') }),
      /report\/input\.json: nodes is missing, or is something else/,
    ],
    [
      'a figure of that file that is no number',
      () => altered('input.json', /"coverage":\[/, '"coverage":["much",'),
      /report\/input\.json: metered is missing, or is something else/,
    ],
    [
      'a figure of the log, in the file that it is made from',
      () => altered('input.json', /"actualWh":\[([^\]]*),null,/, '"actualWh":[$1,1,'),
      /input\.json says what the log says/,
    ],
  ])('%s is refused, and named', (_, forged, why) => {
    const found = failures(forged())
    expect(found.map(l => l.why).join('\n')).toMatch(why)
  })
  it('a page that another version rendered is not compared, and that is said; its tables are', () => {
    const by = { ...own, version: '2' }
    expect(linesOf(pack, by)).toMatchObject({
      report: { result: 'ok' },
      'page of the report': {
        result: 'notPossible',
        why: 'rendered by version 1, and this is 2: figures compared, page not; read the tables beside it',
      },
    })
    expect(linesOf(altered('load.csv', /,10000,/, ',10001,'), by)['report']).toMatchObject({ result: 'failed' })
  })
})

it('over the API too', async () => {
  const answer = await b.get(`/v1/events/${encodeURIComponent(eventId)}/evidence`, ana)
  expect(answer.statusCode).toBe(200)
  const files = unpacked(answer.rawPayload) as Files
  const { version } = JSON.parse(textOf(files[names.manifest]!)) as { version: string }
  expect(linesOf(files, { ...own, version })['page of the report']).toMatchObject({ result: 'ok' })
})
