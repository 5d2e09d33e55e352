import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { clock, createOutput, type GlobalOptions, percent, table, wattHours, watts, writePrivate } from '../../src/cli/output.ts'
import { durationS, limit, share } from '../../src/cli/program.ts'

function spoken(
  options: GlobalOptions,
  say: (out: ReturnType<typeof createOutput>) => void,
  tty = false,
  env: Record<string, string> = {},
) {
  const said = { stdout: '', stderr: '' }
  const stream = (to: 'stdout' | 'stderr') => ({ isTTY: tty, columns: 80, write: (text: string) => (said[to] += text) })
  say(createOutput(options, { stdout: stream('stdout'), stderr: stream('stderr'), env }))
  return said
}
const rows = [
  { id: 'a', w: 5 },
  { id: 'bc', w: 1000 },
]
const columns = [
  { key: 'id', title: 'ID' },
  { key: 'w', title: 'W', right: true },
]

test("a file with what is kept of a person is its owner's alone, also where there was one before", () => {
  const dir = mkdtempSync(join(tmpdir(), 'gridbridge-'))
  const path = join(dir, 'person.json')
  writeFileSync(path, '', { mode: 0o644 })
  writePrivate(path, '{}')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  rmSync(dir, { recursive: true })
})

describe('data on stdout, everything else on stderr', () => {
  test.each<[string, GlobalOptions, string]>([
    ['a table', {}, 'ID     W\na      5\nbc  1000\n'],
    ['JSON', { json: true }, `${JSON.stringify(rows, null, 2)}\n`],
    ['ids alone', { quiet: true }, 'a\nbc\n'],
  ])('a list as %s', (_, options, stdout) => {
    expect(spoken(options, o => o.list(rows, columns, 'id'))).toEqual({ stdout, stderr: '' })
  })
  test('a stream is one JSON document a line', () => {
    const { stdout } = spoken({ json: true }, o => [1, 2].forEach(n => o.item({ n }, `n ${n}`)))
    expect(stdout).toBe('{"n":1}\n{"n":2}\n')
  })
  test('notes go to stderr, and nowhere with -q', () => {
    expect(spoken({}, o => o.note('hm'))).toEqual({ stdout: '', stderr: 'hm\n' })
    expect(spoken({ quiet: true }, o => o.note('hm'))).toEqual({ stdout: '', stderr: '' })
  })
  test('what a peer wrote cannot move the cursor', () => {
    expect(table([{ id: 'a\u001b[2J', w: null }], columns)).toBe('ID     W\na?[2J  -')
  })
})

describe('colour and redrawing only where they belong', () => {
  test.each<[string, GlobalOptions, boolean, Record<string, string>, boolean, boolean]>([
    ['a terminal', {}, true, {}, true, true],
    ['a pipe', {}, false, {}, false, false],
    ['--no-color', { color: false }, true, {}, false, true],
    ['NO_COLOR', {}, true, { NO_COLOR: '1' }, false, true],
    ['TERM=dumb', {}, true, { TERM: 'dumb' }, false, false],
    ['--json', { json: true }, true, {}, true, false],
  ])('%s', (_, options, tty, env, colour, live) => {
    spoken(options, o => expect([o.color.isColorSupported, o.live]).toEqual([colour, live]), tty, env)
  })
})

test.each([
  [watts(950), '950 W'],
  [watts(4200), '4.2 kW'],
  [watts(812_400), '812 kW'],
  [watts(4_200_000), '4.20 MW'],
  [watts(null), 'unknown'],
  [wattHours(14_049), '14.0 kWh'],
  [percent(null), 'unknown'],
  [percent(0.863), '86.3 %'],
  [clock(64.2), '1:05'],
  [clock(3723), '1:02:03'],
])('%s', (got, wanted) => expect(got).toBe(wanted))

describe('amounts as people write them', () => {
  test.each([
    ['6A', { amps: 6 }],
    ['4.2kW', { watts: 4200 }],
    ['50%', { percent: 50 }],
    ['0', { to: 'off' }],
    ['0A', { to: 'off' }],
    ['total 500kW', { totalWatts: 500_000 }],
  ])('limit %s', (text, wanted) => expect(limit(text)).toEqual(wanted))
  test.each(['6', '-1A', '120%', 'x', ''])('limit %s is refused', text => expect(() => limit(text)).toThrow(/write 6A/))
  test.each([
    ['90s', 90],
    ['30m', 1800],
    ['1.5h', 5400],
    ['7d', 604_800],
  ])('duration %s', (text, wanted) => expect(durationS(text)).toBe(wanted))
  test.each(['30', '0s', 'm', '-5m'])('duration %s is refused', text => expect(() => durationS(text)).toThrow(/unit/))
  test.each([
    ['30%', 0.3],
    ['0.3', 0.3],
  ])('share %s', (text, wanted) => expect(share(text)).toBe(wanted))
  test.each(['130%', '', 'x'])('share %s is refused', text => expect(() => share(text)).toThrow(/share/))
})
