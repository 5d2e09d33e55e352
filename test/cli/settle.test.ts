import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Asked, Client } from '../../src/cli/client.ts'
import { performance, performanceText } from '../../src/cli/performance.ts'
import { createProgram } from '../../src/cli/program.ts'
import { participants, schemeIds } from '../../src/cli/programSettlement.ts'
import { settle, settledText } from '../../src/cli/settle.ts'
import { draftText, send } from '../../src/cli/submission.ts'
import { schemes } from '../../src/core/verify/schemes.ts'
import { participantKinds } from '../../src/operations/participants.ts'
import type { ProgrammeFigures } from '../../src/operations/programmePerformance.ts'

const settled = {
  event: 'openadr2b:vtn:e1',
  verdict: 'partial',
  verdictRevision: 2,
  baselineRule: 'meterBefore-1',
  scheme: 'ssen',
  exact: false,
  per: 'SP' as const,
  split: 'delivered' as const,
  by: 'site' as const,
  gbpPerMWh: 300,
  askedWh: 6000,
  deliveredWh: 4500,
  ratio: 0.75,
  floors: { none: 4500, perMeterSP: 4800, perUnitSP: 4600 },
  coverage: 1,
  availability: 0.9,
  freeRiders: { count: 2, shareWh: 0.01 },
  gbp: 1.35,
  overlaps: [],
  periods: [
    {
      from: '2026-05-12T17:00:00.000Z',
      until: '2026-05-12T17:30:00.000Z',
      askedWh: 6000,
      deliveredWh: 4500,
      ratio: 0.75,
      factor: 0.75,
      gbp: 1.35,
    },
  ],
  statements: [
    {
      participant: 'BATH/site-1',
      chargers: 2,
      baselineWh: 5000,
      actualWh: 2000,
      deliveredWh: 3000,
      coverage: 1,
      overlapping: 0,
      weight: 3000,
      gbp: 0.9,
    },
    {
      participant: 'BATH/site-2',
      chargers: 1,
      baselineWh: 2500,
      actualWh: 1000,
      deliveredWh: 1500,
      coverage: 1,
      overlapping: 1,
      weight: 1500,
      gbp: 0.45,
    },
  ],
}
const file = 'participant,gbp\r\nBATH/site-1,0.90\r\n'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'settle-'))
})
afterEach(() => rmSync(dir, { recursive: true }))

type Asking = { path: string; asked: Asked }
/** A bridge that answers with what it is told to; remembers what it was asked. */
function contextOf(options: object, answers: (asking: Asking) => unknown) {
  const asked: Asking[] = []
  const said: string[] = []
  const client: Client = async (path, what = {}) => {
    asked.push({ path, asked: what })
    return { status: 200, body: answers({ path, asked: what }), headers: new Headers() }
  }
  const out = {
    ...{ json: false, quiet: false, verbose: 0, live: false, columns: 80, color: {} as never },
    ...{ result: (_: unknown, text: string) => void said.push(text), note: (text: string) => void said.push(text) },
    ...{ item() {}, list() {}, detail() {}, raw() {} },
  }
  return { context: { out, options: options as never, env: {}, cwd: dir, client: async () => client }, asked, said }
}
const options = { split: 'delivered', by: 'site', scheme: 'ssen', price: '300' }

describe('gridbridge settle', () => {
  test('reads: the sum, what it is made of, and who gets what', () => {
    expect(settledText(settled)).toBe(
      [
        'openadr2b:vtn:e1: GBP 1.35 among 2, by delivered',
        '  verdict partial (revision 2), baseline meterBefore-1, coverage 100.0 %, 90.0 % available',
        '  asked 6.0 kWh, delivered 4.5 kWh, ratio 75.0 %',
        '  floors: none 4.5 kWh, per unit 4.6 kWh, per meter 4.8 kWh',
        '  free riders: 2 chargers that drew nothing before, 1.0 % of what is credited',
        '  scheme ssen at GBP 300/MWh by settlement period ▲ a band, not a contract: an estimate',
        '    2026-05-12T17:00:00.000Z to 2026-05-12T17:30:00.000Z: asked 6.0 kWh, delivered 4.5 kWh, factor 0.750, GBP 1.35',
        '',
        'PARTICIPANT  CHARGERS  DELIVERED  COVERAGE   GBP',
        'BATH/site-1         2    3.0 kWh   100.0 %  0.90',
        'BATH/site-2         1    1.5 kWh   100.0 %  0.45',
      ].join('\n'),
    )
  })
  test('another event on the same chargers is said, and whether they are settled all the same', () => {
    const other = {
      event: 7,
      id: 'webhook:dso:x',
      programme: 'dso',
      chargers: 1,
      from: '2026-05-12T17:00:00.000Z',
      until: '2026-05-12T17:10:00.000Z',
    }
    const overlaps = [other, { ...other, id: 'webhook:dso:y', chargers: 2, refused: true as const }]
    const text = settledText({ ...settled, overlaps })
    const span = '2026-05-12T17:00:00.000Z to 2026-05-12T17:10:00.000Z'
    expect(text).toContain(`\n  ▲ at the same time webhook:dso:x of programme dso: 1 charger in common, ${span}\n`)
    expect(text).toContain(`\n  ▲ at the same time webhook:dso:y of programme dso: 2 chargers in common, ${span}, not settled here\n`)
    expect(text).toMatch(/PARTICIPANT.*IN OTHERS/)
    expect(settledText(settled)).not.toMatch(/IN OTHERS|same time/)
  })
  test('asks the bridge for what was said', async () => {
    const { context, asked, said } = contextOf(options, () => settled)
    await settle(context, 'openadr2b:vtn:e1')
    expect(asked[0]!.path).toBe('/v1/events/openadr2b%3Avtn%3Ae1/settlement?split=delivered&by=site&scheme=ssen&price=300')
    expect(said[0]).toBe(settledText(settled))
  })
  test.each([
    ['--csv', { csv: true }],
    ['--out in .csv', { out: 'may.csv' }],
  ])('%s gives the settlement file', async (_, more) => {
    const { context, asked, said } = contextOf({ ...options, ...more }, () => file)
    await settle(context, 'e1')
    expect(asked[0]!.asked.headers).toMatchObject({ accept: expect.stringContaining('text/csv') })
    expect('out' in more ? readFileSync(join(dir, 'may.csv'), 'utf8') : said[0]).toBe(file)
  })
  test.each([
    [['--price', '1.234'], /wanted pounds/],
    [['--price', '1', '--amount', '2'], /cannot be used with/],
    [['--split', 'fair'], /Allowed choices/],
  ])('%j is refused before anybody is asked', async (flags, why) => {
    const proc = { stdout: { write() {} }, stderr: { write() {} }, env: {}, cwd: dir, exit() {} }
    await expect(createProgram(proc, '0').parseAsync(['settle', 'e1', ...flags], { from: 'user' })).rejects.toThrow(why)
  })
})

describe('gridbridge submission', () => {
  const drafted = {
    ...{ id: 's1', state: 'draft', kind: 'baseline', cadence: 'dayAhead', node: 'BATH', firstDay: '2026-11-23', days: 1, revision: 3 },
    ...{ deadline: '2026-11-22T12:00:00.000Z', sent: null, chargers: 6, coverage: 0.5 },
    error: { days: 14, mpe: -0.02, maeW: 1200, cvrmse: 0.15 },
    slots: [
      { from: '2026-11-23T00:00:00.000Z', w: 4000 },
      { from: '2026-11-23T00:30:00.000Z', w: null },
    ],
  }
  test('a draft shows the error of its forecast', () => {
    expect(draftText(drafted)).toMatch(/1 of 2 half hours known, at most 4.0 kW[\s\S]*bias -2.0 %, mean error 1.2 kW, CV\(RMSE\) 15.0 %/)
    expect(draftText({ ...drafted, slots: [] })).toMatch(/nothing is known/)
  })
  test('what is sent is a file first, and only then on record', async () => {
    const { context, asked, said } = contextOf({ out: 'b.csv' }, ({ path, asked: { headers } }) =>
      path.endsWith('/sent') ? { ...drafted, state: 'sent' } : headers ? file : drafted,
    )
    await send(context, 's1')
    expect(readFileSync(join(dir, 'b.csv'), 'utf8')).toBe(file)
    expect(asked.at(-1)).toMatchObject({ path: '/v1/submissions/s1/sent', asked: { body: { revision: 3 } } })
    expect(said.at(-1)).toBe('s1: revision 3 sent')
  })
  test('the file cannot be written: nothing is said to be sent', async () => {
    const { context, asked } = contextOf({ out: 'no/such/folder/b.csv' }, () => drafted)
    await expect(send(context, 's1')).rejects.toThrow(/ENOENT/)
    expect(asked.some(a => a.path.endsWith('/sent'))).toBe(false)
  })
})

describe('gridbridge performance', () => {
  const figures: Omit<ProgrammeFigures, 'energies'> = {
    programme: 'evenings',
    scheme: 'dfs',
    ...{ askedWh: 12_000, deliveredWh: 9000, ratio: 0.75, persistence: -0.05, optOutRate: 0.01 },
    deregistration: { inARow: 5, inThreeMonths: 6, isDue: true },
    events: [
      {
        ...{ event: 'e1', from: '2026-05-12T17:00:00.000Z', verdict: 'partial', verdictRevision: 1, isSettleable: false },
        ...{ askedWh: 6000, deliveredWh: 4500, ratio: 0.75, overWh: null, coverage: 0.9, optedOut: 1, chargers: 100 },
      },
    ],
  }
  test('says whether the response tires, and what a buyer may do', () => {
    expect(performanceText(figures).split('\n').slice(0, 3)).toEqual([
      'evenings: asked 12.0 kWh, delivered 9.0 kWh, ratio 75.0 %, over 1 events',
      '  persistence -5.0 points an event; opted out 1.0 %',
      '  ▲ a buyer may take it off the register: factor of dfs below 0.5 5 times in a row, 6 times in three months',
    ])
    expect(performanceText(figures)).toContain('partial (not settleable)')
  })
  test('asks the bridge', async () => {
    const { context, asked } = contextOf({ scheme: 'dfs' }, () => figures)
    await performance(context, 'evenings')
    expect(asked[0]!.path).toBe('/v1/programmes/evenings/performance?scheme=dfs')
  })
  test('by settlement period, with every floor, of a month: as a text and as the file', async () => {
    const half = { participant: 'evenings', from: '2026-05-12T17:00:00.000Z', until: '2026-05-12T17:30:00.000Z' }
    const energies = [
      { ...half, baselineWh: 9000, actualWh: null, deliveredWh: 4500, floors: { none: 4500, perUnitSP: 4600, perMeterSP: null } },
    ]
    const options = { scheme: 'dfs', per: 'SP', from: '2026-05-01T00:00:00Z', until: '2026-06-01T00:00:00Z' }
    const text = contextOf(options, () => ({ ...figures, coverage: 0.9, energies, withoutEnergies: ['e0'] }))
    await performance(text.context, 'evenings')
    expect(new URL(text.asked[0]!.path, 'http://x').searchParams.toString()).toBe(new URLSearchParams(options).toString())
    expect(
      text.said[0]!.split('\n')
        .slice(-3)
        .map(line => line.trim().split(/ {2,}/)),
    ).toEqual([
      ['coverage 90.0 %; not known any more: e0'],
      ['FROM', 'UNTIL', 'BASELINE', 'ACTUAL', 'DELIVERED', 'FLOOR UNIT', 'FLOOR METER'],
      [half.from, half.until, '9.0 kWh', '-', '4.5 kWh', '4.6 kWh', '-'],
    ])
    const csv = contextOf({ scheme: 'dfs', out: 'may.csv' }, () => file)
    await performance(csv.context, 'evenings')
    expect(csv.asked[0]).toMatchObject({
      path: expect.stringContaining('per=SP'),
      asked: { headers: { accept: expect.stringContaining('csv') } },
    })
    expect(readFileSync(join(dir, 'may.csv'), 'utf8')).toBe(file)
  })
})
test('the command line knows every scheme, and everybody who may get a statement', () => {
  expect(participants.toSorted()).toEqual(participantKinds.toSorted())
  expect(schemeIds.toSorted()).toEqual(Object.keys(schemes).toSorted())
})
