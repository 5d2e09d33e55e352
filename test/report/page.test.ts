import { describe, expect, test } from 'vitest'
import { chartLibrary } from '../../src/report/library.ts'
import type { EventReport } from '../../src/report/model.ts'
import { reportPage } from '../../src/report/page.ts'
import { changesOf } from '../../src/report/revisions.ts'
import { chargers, reportOf, verification } from './sample.ts'

const library = { script: 'var uPlot = 0', style: '.u-wrap{}' }
const page = (r: EventReport, more = {}) => reportPage(r, { library, ...more })
const chartsIn = (text: string) => JSON.parse(/<script type="application\/json" id="charts">([^<]*)<\/script>/.exec(text)![1]!)
/** What a reader sees, without scripts and styles. */
const shown = (text: string) =>
  text
    .replaceAll(/<(script|style)[\s\S]*?<\/\1>/g, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')

describe('the page of an event', () => {
  test('says what was asked, what came of it, by which rule, and how to check it', () => {
    const text = shown(page(reportOf()))
    for (const said of [
      'target missed: delivered in part',
      'Asked 6.0 kWh',
      'Delivered 4.5 kWh',
      'ruleset bl01@1',
      'accepted, but the meter did not move',
      '90 % of the ask never',
      'Worst fall in 60 s 11 kW',
      'Rebound 900 Wh',
      'the register went back (meter changed or reset)',
      '22 Nov 2026, 17:00:00',
      'gridbridge audit verify db --key key',
      'gridbridge.test/log 50',
    ])
      expect(text).toContain(said)
  })
  test('needs no network: nothing is fetched, and its policy forbids it', () => {
    const text = page(reportOf(), { library: chartLibrary() })
    expect(text).toContain(`content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"`)
    expect(text).not.toMatch(/<(link|img|iframe|object)\b|<script[^>]*\bsrc=|@import|url\(/i)
    expect(text).toContain('uPlot')
  })
  test.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'; </script><script>alert(1)//",
    '</style><svg onload=alert(1)>',
    'a\u202egnp.exe\u0000<b>',
    '<!-- -->]]>',
  ])('a name such as %j stays a name', hostile => {
    const r = reportOf()
    const text = page({
      ...r,
      event: { ...r.event, id: hostile, peer: hostile, programme: hostile, targets: [hostile], declined: hostile },
      levels: r.levels.map(l => ({ ...l, name: hostile })),
      names: { chargers: { 0: hostile, 1: hostile, 2: hostile } },
      log: { ...r.log, checkpoint: hostile, command: hostile },
    })
    const safe = page(reportOf({ names: { chargers: { 0: 'a', 1: 'b', 2: 'c' } } }))
    const tags = (s: string) => [...s.matchAll(/<\/?[a-z!][^>]*>/gi)].map(([tag]) => tag.split(/[\s>]/)[0])
    expect(tags(text)).toEqual(tags(safe))
    for (const unseen of ['\u202e', '\u0000']) expect(text).not.toContain(unseen)
  })
  test('a reading that is no number is a gap: of the chart, and of the table', () => {
    const text = page(reportOf())
    const { power } = chartsIn(text)
    const actual = power.lines.find((l: { label: string }) => l.label === 'Actual')
    expect(actual.values).toEqual([20_000, 9000, null, 9100, 21_000, null, null])
    expect(text).not.toMatch(/\bNaN\b|Infinity(?! )/)
    expect(shown(text)).toContain('2 of 6 steps are gaps')
    expect(shown(text)).toContain('no data')
  })
  test('every chart is a figure with its summary in words and the same as a table', () => {
    const text = page(reportOf())
    const figures = text.match(/<figure[\s\S]*?<\/figure>/g)!
    expect(figures).toHaveLength(2)
    for (const figure of figures)
      expect(figure).toMatch(/aria-labelledby="(\w+-says)"[\s\S]*<figcaption id="\1">[\s\S]*<details[\s\S]*<table>/)
  })
  test('of a large fleet the worst stand on it, and the rest in a file', () => {
    const text = page(reportOf({ chargers: chargers(5000) }), { files: ['chargers.csv'] })
    expect(shown(text)).toContain('The 200 worst of 5000 chargers')
    expect(text).toContain('The other 4800 are in <a href="chargers.csv">chargers.csv</a>')
    expect(page(reportOf({ chargers: chargers(5000) }))).toContain('written with <code>--format csv</code>')
    expect(text.length).toBeLessThan(400_000)
    const rows = /The 200 worst[\s\S]*?<tbody>([\s\S]*?)<\/tbody>/.exec(text)![1]!
    expect(rows.match(/<tr>/g)).toHaveLength(200)
    expect(rows).not.toContain('● compliant')
  })
  test('names nobody unless it is asked to', () => {
    expect(shown(page(reportOf({ names: { chargers: { 1: 'CP-17-2' } } })))).toContain('1 (CP-17-2)')
    expect(page(reportOf())).not.toContain('CP-17-2')
  })
  test('times are those of the zone that is asked for, UTC beside them', () => {
    const r = reportOf()
    const text = page(r, { zone: 'Europe/Berlin' })
    expect(text).toContain('<time datetime="2026-11-22T17:00:00.000Z" title="2026-11-22T17:00:00.000Z">22 Nov 2026, 18:00:00</time>')
    expect(chartsIn(text).power.zone).toBe('Europe/Berlin')
  })
  test('an event without a verdict, or that was declined, says so and has no figures that it cannot have', () => {
    const r = reportOf({ verdicts: [], response: null, rebound: null, settlement: [], levels: [], flaws: { counts: [], examples: [] } })
    expect(shown(page(r))).toContain('▲ not verified yet')
    expect(shown(page({ ...r, event: { ...r.event, declined: 'notice' } }))).toContain('▲ declined: notice')
    expect(shown(page(r))).not.toContain('Delivered 4.5')
  })
  test('a feeder’s own meter stands beside the chargers, and the rest is said to be unexplained', () => {
    const gap = { feederWh: 4000, commandedWh: 3000, notCommandedWh: -200, residualWh: 1200, gapWh: 1000, share: 0.75, periods: 1 }
    const of = { meter: 'BATH-11', node: 'BATH/BATH-11', stepS: 1800, chargers: 5, commanded: 4 }
    const witnesses = [
      { ...of, gap, why: null },
      { ...of, meter: 'GSP', gap: null, why: 'tooCoarse' },
    ]
    const text = shown(page(reportOf({ witnesses })))
    expect(text).toContain('BATH-11 BATH/BATH-11 4 of 5 4.0 kWh 3.0 kWh −200 Wh 1.2 kWh 75.0 %')
    expect(text).toContain('GSP BATH/BATH-11 4 of 5 too coarse')
    expect(shown(page(reportOf()))).not.toContain('own meters')
  })
  test('what must not be settled on is marked', () => {
    const r = reportOf()
    const text = page({ ...r, verdicts: [{ ...r.verdicts[0]!, verification: verification({ unsettleable: 'meterClass' }) }] })
    expect(shown(text)).toContain('▲ not settleable: its meters are below the class')
  })
})

describe('what a later verdict changed', () => {
  const first = verification()
  test.each([
    ['nothing', first, []],
    [
      'late readings',
      verification({ deliveredWh: 5600, actualWh: 4400, verdict: 'delivered' }),
      ['partial → delivered', 'delivered +1.1 kWh', 'actual −1.1 kWh'],
    ],
    [
      'pounds and chargers',
      verification({
        changed: {
          deliveredWh: -200,
          actualWh: 200,
          baselineWh: 0,
          gbp: -0.06,
          chargers: 1,
          named: [{ charger: 2, what: 'corrected', deliveredWh: -200 }],
        },
      }),
      ['−£0.06', '1 chargers with new readings', 'charger 2 corrected (−200 Wh)'],
    ],
  ])('%s', (_, now, said) => {
    expect(changesOf(first, now)).toEqual(said)
  })
  test('each revision has its row, oldest first, with its entry in the log', () => {
    const r = reportOf()
    const later = { ...r.verdicts[0]!, leaf: 60, verification: verification({ verdictRevision: 2, deliveredWh: 5600 }) }
    const text = shown(page({ ...r, verdicts: [...r.verdicts, later] }))
    expect(text).toMatch(
      /1 22 Nov 2026, 18:00:00 partial 4\.5 kWh 75\.0 % first verdict 41 .*2 22 Nov 2026, 18:00:00 partial 5\.6 kWh 75\.0 % delivered \+1\.1 kWh 60/,
    )
  })
})
