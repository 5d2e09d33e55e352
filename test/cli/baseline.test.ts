import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Fault } from '../../src/cli/exit.ts'
import { createProgram } from '../../src/cli/program.ts'
import { dayText, parseDay } from '../../src/core/verify/calendar.ts'
import { flaw } from '../../src/core/verify/series.ts'
import { MeterFileError, readMeterCsv } from '../../src/operations/meterCsv.ts'

/** Flat days of the hand example (VERIFICATION 1.8 a), as an engineer would export them: UTC, winter. */
const flat = { 14: 1.0, 13: 1.2, 12: 0.8, 9: 1.4, 8: 1.1, 7: 0.9, 6: 2.0, 5: 0.4, 2: 1.0, 1: 1.2 }
const two = (n: number) => String(n).padStart(2, '0')
const rowsOf = (date: string, kWh: (slot: number) => number): string[] =>
  Array.from({ length: 48 }, (_, k) => `${date} ${two(Math.floor(k / 2))}:${k % 2 ? '30' : '00'},${kWh(k)}`)
const hand = [
  'start,kwh',
  ...Object.entries(flat).flatMap(([d, kWh]) => rowsOf(`2024-02-${two(Number(d))}`, () => kWh)),
  ...rowsOf('2024-02-15', k => (k >= 26 && k < 32 ? 1.3 : k >= 34 && k < 36 ? 0.3 : 1)),
]

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'gridbridge-baseline-'))
  writeFileSync(join(dir, 'hand.csv'), hand.join('\n'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))
async function cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { code: -1, stdout: '', stderr: '' }
  const stream = (to: 'stdout' | 'stderr') => ({ write: (text: string) => (said[to] += text) })
  const program = createProgram(
    { stdout: stream('stdout'), stderr: stream('stderr'), env: {}, cwd: dir, exit: code => void (said.code = code) },
    '0.0.0',
  )
  try {
    await program.parseAsync(['node', 'gridbridge', 'baseline', ...args])
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    Object.assign(said, { code: error.exit, stderr: `${said.stderr}${error.code}: ${error.message} (${error.hint})` })
  }
  return said
}
const event = ['--meter', 'hand.csv', '--day', '2024-02-15', '--from', '17:00', '--to', '18:00']

describe('gridbridge baseline', () => {
  test('days alike in temperature, from a second file; a day of which too little is known is no candidate', async () => {
    const near: Readonly<Record<number, number>> = { 15: 10, 13: 10, 9: 11, 5: 10.5, 1: 9.5 }
    const days = [15, ...Object.keys(flat).map(Number)]
    const hours = (d: number) =>
      Array.from({ length: d === 12 ? 17 : 24 }, (_, h) => `2024-02-${two(d)} ${two(h)}:00,${(d === 12 ? 10 : (near[d] ?? 20)) - h / 10}`)
    writeFileSync(join(dir, 'weather.csv'), ['start,temperature', ...days.flatMap(hours)].join('\n'))
    const rule = ['--ruleset', 'caiso-weather-match', ...event, '--zone', 'UTC', '--json']
    const { stdout } = await cli(...rule, '--weather', 'weather.csv')
    expect(JSON.parse(stdout).meters[0].parts[0].selected).toEqual([13, 9, 5, 1].map(d => `2024-02-${two(d)}`))
    expect(await cli(...rule)).toMatchObject({ code: 2, stderr: expect.stringContaining('--weather is missing') })
  })
  test('the hand example, as JSON with every digit', async () => {
    const { code, stdout, stderr } = await cli('--ruleset', 'elexon-bl01', ...event, '--json')
    expect([code, stderr]).toEqual([0, ''])
    const { ruleset, meters, file } = JSON.parse(stdout)
    expect(ruleset).toMatchObject({ id: 'elexon-bl01', version: 1, zone: 'Europe/London' })
    expect(file).toEqual({ rows: 11 * 48, duplicates: 0, errors: [] })
    const [part] = meters[0].parts
    expect(part.selected).toEqual(
      Object.keys(flat)
        .map(Number)
        .sort((a, b) => b - a)
        .map(d => `2024-02-${two(d)}`),
    )
    expect(part.adjustment).toMatchObject({ kind: 'additive', value: expect.closeTo(0.2, 12), capHit: false })
    expect(part.slots).toMatchObject([
      {
        from: '17:00',
        at: '2024-02-15T17:00:00.000Z',
        utcOffsetMin: null,
        unadjustedKwh: 1.1,
        baselineKwh: expect.closeTo(1.3, 12),
        actualKwh: 0.3,
        deliveredKwh: expect.closeTo(1, 12),
      },
      {
        from: '17:30',
        at: '2024-02-15T17:30:00.000Z',
        unadjustedKwh: 1.1,
        baselineKwh: expect.closeTo(1.3, 12),
        actualKwh: 0.3,
        deliveredKwh: expect.closeTo(1, 12),
      },
    ])
    expect(part.deliveredKwh).toBeCloseTo(2, 12)
  })
  test('as a person reads it', async () => {
    const { stdout } = await cli('--ruleset', 'caiso-10-in-10', '--zone', 'Europe/London', ...event)
    expect(stdout).toContain('caiso-10-in-10@1, 2024-02-15 (working)')
    expect(stdout).toContain('adjusted  x 1.1818')
    expect(stdout).toMatch(/17:00 +1\.100 +1\.300 +0\.300 +1\.000/)
    expect(stdout).toContain('delivered 2.000 kWh')
  })
  test('an event day before, and days that are not there: too few, exit 3, and the out-turn stands', async () => {
    const { code, stdout } = await cli(...event, '--event-days', '2024-02-14,2024-02-13,2024-02-12,2024-02-09,2024-02-08,2024-02-07')
    expect(code).toBe(3)
    expect(stdout).toContain('▲ too few days: the out-turn stands, nothing is delivered')
    expect(stdout).toContain('2024-02-14 event day')
  })
  test('of the hour that comes twice each half hour counts, and says which it is; the hour left out is not there', async () => {
    const file = ['start,kwh', ...['2024-10-26', '2024-10-27'].flatMap(day => rowsOf(day, k => (k < 4 ? k + 1 : 9)))]
    writeFileSync(join(dir, 'october.csv'), file.join('\n'))
    const night = ['--meter', 'october.csv', '--day', '2024-10-27', '--from', '00:30', '--to', '02:30', '--ruleset', 'zero']
    const { stdout } = await cli(...night)
    // UTC: 23:30 of the day before, then midnight and on
    const actual = [9, 1, 2, 3, 4, 9]
    const clocks = ['00:30 UTC+1', '01:00 UTC+1', '01:30 UTC+1', '01:00 UTC', '01:30 UTC', '02:00 UTC']
    expect(
      stdout
        .split('\n')
        .filter(line => line.includes('UTC'))
        .map(line => line.trim().split(/ {2,}/)),
    ).toEqual(clocks.map((clock, k) => [clock, '0.000', '0.000', `${actual[k]}.000`, `-${actual[k]}.000`]))
    expect(stdout).toContain('delivered -28.000 kWh')
    const spring = ['start,kwh', ...['2024-03-30', '2024-03-31'].flatMap(day => rowsOf(day, k => k))]
    writeFileSync(join(dir, 'march.csv'), spring.join('\n'))
    const { meters } = JSON.parse((await cli(...night.with(1, 'march.csv').with(3, '2024-03-31'), '--json')).stdout)
    expect(meters[0].parts[0].slots.map((s: { from: string; at: string }) => [s.from, s.at])).toEqual([
      ['00:30', '2024-03-31T00:30:00.000Z'],
      ['02:00', '2024-03-31T01:00:00.000Z'],
    ])
    expect(meters[0].parts[0].deliveredKwh).toBe(-3)
  })
  test('past midnight there are two parts', async () => {
    const { stdout } = await cli(
      '--meter',
      'hand.csv',
      '--day',
      '2024-02-13',
      '--from',
      '23:00',
      '--to',
      '01:00',
      '--ruleset',
      'zero',
      '--json',
    )
    expect(JSON.parse(stdout).meters[0].parts.map((p: { day: string; slots: unknown[] }) => [p.day, p.slots.length])).toEqual([
      ['2024-02-13', 2],
      ['2024-02-14', 2],
    ])
  })
  test('the rulesets', async () => {
    const { code, stdout } = await cli('--list', '--json')
    expect(code).toBe(0)
    const list = JSON.parse(stdout) as { ruleset: string }[]
    expect(list.map(r => r.ruleset)).toEqual(expect.arrayContaining(['elexon-bl01@1', 'dfs-domestic@2', 'pjm-high-4-of-5-saa@1']))
  })
  test('which ruleset fits: each over days without an event, best first', async () => {
    const monday = parseDay('2024-01-08')!
    const days = Array.from({ length: 40 }, (_, k) => rowsOf(dayText(monday + k), slot => (k % 7 < 5 ? 1 : 2) + slot / 100))
    writeFileSync(join(dir, 'long.csv'), ['meter,start,kwh', ...['a', 'b'].flatMap(m => days.flat().map(r => `${m},${r}`))].join('\n'))
    const { code, stdout } = await cli('--compare', '--meter', 'long.csv', '--json', '--ruleset', 'zero,elexon-bl01-unadjusted')
    expect(code).toBe(0)
    const rows = JSON.parse(stdout)
    expect(rows.map((r: { size: number; ruleset: string }) => [r.size, r.ruleset])).toEqual([
      [1, 'elexon-bl01-unadjusted@1'],
      [1, 'zero@1'],
      [2, 'elexon-bl01-unadjusted@1'],
      [2, 'zero@1'],
    ])
    expect(rows[0]).toMatchObject({ mpe: expect.closeTo(0, 12), phantom: expect.closeTo(0, 9) })
    expect(rows[1]).toMatchObject({ mpe: -1, n: 40 * 2 * 2 })
  })

  test.each<[string, string[], RegExp]>([
    ['no file', ['--day', '2024-02-15'], /GB-1263: --meter is missing/],
    ['a file that is not there', ['--meter', 'none.csv', '--day', '2024-02-15'], /GB-1260: cannot read .*none\.csv \(ENOENT\)/],
    ['no day', ['--meter', 'hand.csv'], /GB-1263: --day is missing/],
    ['a day that is none', ['--meter', 'hand.csv', '--day', '2024-02-30'], /GB-1263: --day "2024-02-30" is no day/],
    ['a time between two half hours', ['--meter', 'hand.csv', '--day', '2024-02-15', '--from', '17:10'], /GB-1263: --from "17:10"/],
    ['a ruleset that nobody knows', [...event, '--ruleset', 'bl02'], /GB-1262: no ruleset is called bl02/],
    [
      'one that was not yet in force',
      [...event, '--ruleset', 'fixed-reference'],
      /GB-1262: .*not in force on 2024-02-15.*fixed-reference@1/,
    ],
    ['one that needs a submission', [...event, '--ruleset', 'nominated'], /GB-1263: nominated@1 needs more than a meter/],
    ['a zone that is not known', [...event, '--zone', 'London'], /GB-1263: --zone "London".*Europe\/London/],
    ['a meter that is not in it', [...event, '--id', 'x'], /GB-1263: --id "x" is no meter/],
  ])('%s: exit 2, nothing on stdout', async (_, args, said) => {
    const r = await cli(...args)
    expect([r.code, r.stdout]).toEqual([2, ''])
    expect(r.stderr).toMatch(said)
  })

  test('bad rows are each named with line, column and value, and take nothing else with them; exit 3', async () => {
    const bad = [...hand]
    bad.splice(5, 0, '2024-02-99 02:00,1', '2024-02-14 02:07,1', '2024-02-14 02:00,Null')
    writeFileSync(join(dir, 'bad.csv'), bad.join('\r\n'))
    const { code, stdout, stderr } = await cli('--ruleset', 'elexon-bl01', '--meter', 'bad.csv', ...event.slice(2), '--json')
    expect(code).toBe(3)
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^error GB-1261: line 6, column start: "2024-02-99 02:00" is no time \(hint: /),
      expect.stringMatching(/^error GB-1261: line 7, column start: "2024-02-14 02:07" does not begin an interval of 30 min/),
      expect.stringMatching(/^error GB-1261: line 8, column kwh: "Null" is no number/),
    ])
    expect(JSON.parse(stdout).meters[0].parts[0].deliveredKwh).toBeCloseTo(2, 12)
  })
})

describe('a meter file', () => {
  const wh = (text: string, options?: Parameters<typeof readMeterCsv>[1]) =>
    [...readMeterCsv(text, options).meters.values()].map(s => [...s.wh])
  test.each<[string, string, number[]]>([
    ['kWh by name', 'Start,Import kWh\n2024-01-01 00:00,1.5\n2024-01-01 00:30,2', [1500, 2000]],
    ['Wh by name, semicolons, a BOM', '\ufefftimestamp;energy_wh\n2024-01-01T00:00:00Z;1500\n2024-01-01T00:30:00Z;2000\n', [1500, 2000]],
    ['out of order', 'start,value\n2024-01-01 00:30,2\n2024-01-01 00:00,1\n', [1000, 2000]],
    ['a gap is no number', 'start,value\n2024-01-01 00:00,1\n2024-01-01 00:30,1\n2024-01-01 01:30,1\n', [1000, 1000, Number.NaN, 1000]],
    ['an offset is what it says', 'start,value\n2024-07-01 01:00:00+01:00,1\n2024-07-01T00:30Z,2\n', [1000, 2000]],
  ])('%s', (_, text, wanted) => expect(wh(text)).toEqual([wanted]))

  test('the same said twice is one; two that contradict each other leave the interval unknown', () => {
    const same = readMeterCsv('start,value\n2024-01-01 00:00,1\n2024-01-01 00:00,1\n2024-01-01 00:30,2')
    const one = same.meters.get('')!
    expect([[...one.wh], [...one.flaws], same.duplicates, same.errors]).toEqual([[1000, 2000], [flaw.duplicate, flaw.none], 1, []])
    const other = readMeterCsv('start,value\n2024-01-01 00:00,1\n2024-01-01 00:00,3\n2024-01-01 00:30,2')
    expect([...other.meters.get('')!.wh]).toEqual([Number.NaN, 2000])
    expect(other.errors).toMatchObject([{ line: 3, column: 'value', value: '3', code: 'contradicts' }])
  })
  test('rows that are no interval apart are named, each, and take no other meter with them', () => {
    const { meters, errors } = readMeterCsv(
      'id,start,kwh\nA,2024-01-01 00:00,1\nA,2024-01-01 00:07,1\nA,2024-01-01 00:14,1\nB,2024-01-01 00:00,1\n',
    )
    expect([...meters.values()].map(s => [...s.wh])).toEqual([[1000], [1000]])
    expect(errors.map(e => [e.line, e.code])).toEqual([
      [3, 'off-grid'],
      [4, 'off-grid'],
    ])
  })
  test('several meters; one with nothing but rubbish takes no other with it', () => {
    const { meters, errors } = readMeterCsv('mpan,start,kwh\nA,2024-01-01 00:00,1\nB,2024-01-01 00:00,x\nA,2024-01-01 00:30,1\n')
    expect([...meters.keys()]).toEqual(['A'])
    expect(errors).toMatchObject([{ line: 3, column: 'kwh', value: 'x', code: 'bad-value' }])
  })
  test('times without an offset are of the zone that is named', () => {
    const { meters } = readMeterCsv('start,kwh\n2024-07-01 00:00,1\n2024-07-01 00:30,1\n', { zone: 'Europe/London' })
    expect(meters.get('')!.fromS).toBe(Date.UTC(2024, 5, 30, 23) / 1000)
  })
  test.each(['', 'time,power\n', 'start,"kwh\n2024'])('%j is none', text => expect(() => readMeterCsv(text)).toThrow(MeterFileError))
})
