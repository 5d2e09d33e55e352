import { describe, expect, test } from 'vitest'
import { chartLibrary } from '../../src/report/library.ts'
import type { EventReport } from '../../src/report/model.ts'
import { reportPage } from '../../src/report/page.ts'
import { changesOf } from '../../src/report/revisions.ts'
import { createTimes } from '../../src/report/times.ts'
import { wattHours, watts } from '../../src/report/words.ts'
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

type Drawn = {
  readonly data: readonly (readonly (number | null)[])[]
  readonly labels: readonly string[]
  readonly steps: unknown
  legend(label: string, k: number): string
}
/** What the page's own script gives the library to draw of its first chart. */
function drawnBy(text: string): Drawn {
  const script = [...text.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(m => m[1]!).find(s => s.includes('uPlot.paths'))!
  type Series = { label: string; value(u: unknown, v: number | null, s: number, k: number): string }
  const made: { series: Series[]; data: (number | null)[][] }[] = []
  let steps: unknown
  class Plot {
    constructor({ series }: { series: Series[] }, data: (number | null)[][]) {
      made.push({ series, data })
    }
  }
  const uPlot = Object.assign(Plot, { paths: { stepped: (options: unknown) => (steps = options) } })
  const box = { dataset: { chart: 'power' }, clientWidth: 800, textContent: '' }
  const globals = {
    uPlot,
    document: {
      getElementById: () => ({ textContent: JSON.stringify(chartsIn(text)) }),
      querySelectorAll: () => [box],
      documentElement: {},
    },
    getComputedStyle: () => ({ getPropertyValue: () => '' }),
    ResizeObserver: class {
      observe() {}
    },
    matchMedia: () => ({ addEventListener: () => {} }),
  }
  new Function(...Object.keys(globals), script)(...Object.values(globals))
  const { series, data } = made[0]!
  const lines = series.slice(1)
  const labels = lines.map(l => l.label)
  return {
    ...{ data, labels, steps },
    legend(label, k) {
      const at = labels.indexOf(label)
      return lines[at]!.value(null, data[at + 1]![k]!, at + 1, k)
    },
  }
}

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
  test('times in UTC are written by our own words, as Intl writes them', () => {
    const { text } = createTimes('UTC')
    const [day, clock] = [{ day: 'numeric', month: 'short', year: 'numeric' }, { timeStyle: 'medium' }] as const
    for (let month = 0; month < 12; month++) {
      const ms = Date.UTC(2026, month, month + 1, month, 5, 9)
      const of = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options }).format(ms)
      expect(text(ms)).toBe(`${of(day)}, ${of(clock)}`)
    }
    expect(text(Number.NaN)).toBe('–')
  })
  test('times are those of the zone that is asked for, UTC beside them', () => {
    const r = reportOf()
    const text = page(r, { zone: 'Europe/Berlin' })
    expect(text).toContain('<time datetime="2026-11-22T17:00:00.000Z" title="2026-11-22T17:00:00.000Z">22 Nov 2026, 18:00:00 CET</time>')
    expect(chartsIn(text).power.zone).toBe('Europe/Berlin')
  })
  test('on the day on which an hour comes twice, every time says which of the two it is', () => {
    const r = reportOf()
    const onS = (iso: string) => Date.parse(iso) / 1000
    const periods = ['2026-10-25T00:00:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:00:00Z', '2026-10-25T01:30:00Z'].map(iso => ({
      ...r.settlement[0]!,
      fromS: onS(iso),
      toS: onS(iso) + 1800,
    }))
    const night = { ...r, settlement: periods, series: { ...r.series, fromMs: periods[0]!.fromS * 1000, stepMs: 1_800_000 } }
    const text = shown(page(night, { zone: 'Europe/London' }))
    for (const said of ['25 Oct 2026, 01:00:00 BST', '25 Oct 2026, 01:30:00 BST', '25 Oct 2026, 01:00:00 GMT', '25 Oct 2026, 01:30:00 GMT'])
      expect(text).toContain(said)
    // by step as well, where the day is known from the page
    expect(text.match(/ 01:00:00 (BST|GMT) /g)!.length).toBeGreaterThanOrEqual(4)
    expect(chartsIn(page(night, { zone: 'Europe/London' })).power.isChanging).toBe(true)
    expect(chartsIn(page(r, { zone: 'Europe/London' })).power.isChanging).toBe(false)
    expect(shown(page(r, { zone: 'Europe/London' }))).toMatch(/ 17:00:00 (?!GMT)/)
  })
  test('a line ends where its last step ends, also where nothing is known after it', () => {
    const r = reportOf()
    const target = [8000, 8000, 8000, null, null, null]
    const drawn = drawnBy(page({ ...r, series: { ...r.series, targetW: target } }))
    const [atS, ...lines] = drawn.data
    const line = lines[drawn.labels.indexOf('Target')]!
    const [begins, last] = [line.findIndex(v => v !== null), line.findLastIndex(v => v !== null)]
    expect(atS![last]! - atS![begins]!).toBe(3 * 60)
    expect(drawn.legend('Target', 3)).toContain('–')
    expect(drawn.legend('Target', 2)).toContain('8')
    // within a line, a gap begins where it is null
    expect(drawn.steps).toMatchObject({ align: 1, alignGaps: 1 })
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
  test('where its baseline was read is said of the rule that reads it there, and of no other', () => {
    const r = reportOf()
    const by = (baselineRule: string) =>
      shown(page({ ...r, verdicts: [{ ...r.verdicts[0]!, verification: verification({ baselineRule }) }] }))
    expect(by('meterBefore-1')).toContain('It was read from 22 Nov 2026, 16:55:00 to 17:00:00')
    expect(by('elexon-bl01@1')).not.toContain('was read from')
  })
  test('less than half a watt-hour is nothing, and has no sign', () => {
    expect([wattHours(-0.3), watts(-0.4), wattHours(-0.6), wattHours(0)]).toEqual(['0 Wh', '0 W', '-1 Wh', '0 Wh'])
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
