import { describe, expect, test } from 'vitest'
import { problem } from '../../src/cli/client.ts'
import { detailText } from '../../src/cli/event.ts'
import { parseAmps } from '../../src/cli/flags.ts'

describe('what a refusal of the bridge says', () => {
  test.each([
    ['a lone error that is the detail', 'no such charger', [{ pointer: '#/x', detail: 'no such charger' }], '#/x no such charger [a-code]'],
    ['a detail that has the place already', '#/x too small', [{ pointer: '#/x', detail: 'too small' }], '#/x too small [a-code]'],
    [
      'a detail of its own',
      '1 of 2 unknown',
      [{ pointer: '#/x', detail: 'no such charger' }],
      '1 of 2 unknown: #/x no such charger [a-code]',
    ],
    [
      'several',
      'bad',
      [
        { pointer: '#/x', detail: 'bad' },
        { pointer: '#/y', detail: 'worse' },
      ],
      'bad: #/x bad; #/y worse [a-code]',
    ],
    ['none', 'bad', undefined, 'bad [a-code]'],
  ])('%s is said once', (_, detail, errors, said) => {
    expect(problem(400, { detail, code: 'a-code', errors }, '/p').message).toBe(said)
  })
})

describe('event show', () => {
  const detail = {
    event: { id: 'a', state: 'active', class: 'contracted', programme: 'p', revision: 1, from: '2026-01-01T12:00:00.000Z', until: null },
    declined: null,
    spread: null,
    exemption: null,
    intervals: [],
    progress: null,
    verification: null,
  }
  const shown = (...points: [at: string, measuredW: number | null, coverage: number][]) =>
    detailText({
      ...detail,
      series: { stepS: 60, points: points.map(([at, measuredW, coverage]) => ({ at, targetW: 90_000, measuredW, coverage })) },
    } as unknown as Parameters<typeof detailText>[0])

  test('says on whose claim a start is not spread', () => {
    const text = detailText({ ...detail, exemption: { by: 'signal', basis: 'grid code 4.2' } } as unknown as Parameters<
      typeof detailText
    >[0])
    expect(text).toContain('no random delay at the start: grid code 4.2 (claimed by the signal)')
  })
  test('shows a whole minute, not the one that has only begun', () => {
    expect(shown(['12:00', 77_000, 0.9], ['12:01', 26_000, 0.004], ['12:02', null, 0])).toContain('measured 77 kW (target 90 kW) at 12:00')
    expect(shown(['12:00', 77_000, 0.9], ['12:01', 76_000, 0.9])).toContain('measured 76 kW (target 90 kW) at 12:01')
  })
  test('shows the first minute where there is no other, and nothing where nothing was metered', () => {
    expect(shown(['12:00', 26_000, 0.1], ['12:01', null, 0])).toContain('measured 26 kW')
    expect(shown(['12:00', null, 0])).not.toContain('measured')
  })
})

test.each([
  ['63', { L1: 63, L2: 63, L3: 63 }],
  ['L1=63,L2=50.5, l3=0', { L1: 63, L2: 50.5, L3: 0 }],
])('%s on each phase', (text, amps) => expect(parseAmps(text)).toEqual(amps))
test.each(['', 'L1=63', 'L1=63,L2=50,L4=1', 'L1=63,L2=x,L3=1', '-1'])('%j says nothing of three phases', text =>
  expect(() => parseAmps(text)).toThrow(/L1=63/),
)
