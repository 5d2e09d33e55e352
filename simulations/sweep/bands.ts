import { type Chart, ended, gapped, type Line } from '../../src/report/chart.ts'
import { type Html, html } from '../../src/report/escape.ts'
import { figure } from '../../src/report/sections.ts'
import { watts } from '../../src/report/words.ts'
import { clocksChange, timesOver } from '../output/charts.ts'
import { indexOfMost, quantile } from '../scenario/statistics.ts'
import { beginsOf, loadTable, meanLoad, readAt, type Steps } from './loads.ts'
import { type AskedSpan, askedOf, type Result } from './result.ts'

/** Load of one setting by step over its seeds, W: one run in twenty is below `p05W`, half are below `p50W`, one in twenty is above `p95W`. */
export type LoadBand = Steps & {
  readonly name: string
  readonly runs: number
  readonly asked: readonly AskedSpan[]
  readonly meanW: readonly number[]
  readonly p05W: readonly number[]
  readonly p50W: readonly number[]
  readonly p95W: readonly number[]
}
/** Each step by itself: no run need go along an edge of the band. */
export function loadBand(name: string, results: readonly Result[]): LoadBand {
  const { fromS, stepS, loadW } = results[0]!.load
  const steps = loadW.map((_, k) => results.map(r => r.load.loadW[k]!).sort((a, b) => a - b))
  const of = (p: number): number[] => steps.map(sorted => quantile(sorted, p))
  return {
    name,
    runs: results.length,
    asked: askedOf(results),
    fromS,
    stepS,
    meanW: meanLoad(results).loadW,
    p05W: of(0.05),
    p50W: of(0.5),
    p95W: of(0.95),
  }
}

/** Settings whose chart is open when the page is: those of the others open on a click. */
const OPEN = 8
const chartId = (k: number): string => `band${k}`

/** A chart per setting: its band and its median, over the median of the first. */
export const bandCharts = (bands: readonly LoadBand[], zone: string): Readonly<Record<string, Chart>> =>
  Object.fromEntries(bands.map((b, k) => [chartId(k), bandChart(b, k === 0 ? undefined : bands[0], zone)]))
function bandChart(b: LoadBand, first: LoadBand | undefined, zone: string): Chart {
  const at = beginsOf(b, b.p50W.length)
  const line = (label: string, color: string, values: readonly number[], more: Partial<Line> = {}): Line => ({
    ...{ label, color, values: ended(gapped(values)) },
    ...more,
  })
  const reference = first && line(`Median of ${first.name}`, 'baseline', readAt(first.p50W, first, at), { dash: [8, 5], width: 1 })
  const atS = beginsOf(b, at.length + 1)
  return {
    unit: 'W',
    atS,
    lines: [
      line('p95', 'none', b.p95W, { width: 0 }),
      line('p05', 'none', b.p05W, { width: 0 }),
      ...(reference ? [reference] : []),
      line('Median', 'actual', b.p50W),
    ],
    ...{ band: [0, 1], shades: b.asked, zone, isChanging: clocksChange(zone, atS) },
  }
}

export function bandsSection(bands: readonly LoadBand[], zone: string): Html {
  const charts = bandCharts(bands, zone)
  const [first] = bands
  return html`<section class="long"><h2>Load over the seeds, by setting</h2>
<p class="soft">The band is from p05 to p95 of the runs, each step by itself; a step is a mean over ${first!.stepS / 60} min.${first!.runs < 20 ? ` Of ${first!.runs} runs its edges lie between the outermost ones.` : null}</p>
${bands.map((b, k) => html`<details${k < OPEN ? html` open` : null}><summary>${b.name}</summary>${bandFigure(b, charts[chartId(k)]!, k, zone, first!)}</details>`)}</section>`
}
function bandFigure(b: LoadBand, chart: Chart, k: number, zone: string, first: LoadBand): Html {
  const key = html`<ul class="key"><li><span style="color:var(--actual)"></span>median</li><li><span class="band"></span>p05 to p95 of ${b.runs} runs</li>${k === 0 ? null : html`<li><span class="dash" style="color:var(--baseline)"></span>median of ${first.name}</li>`}<li><span class="band" style="background:var(--shade)"></span>an event</li></ul>`
  return figure(chartId(k), bandSummary(b, zone), key, loadTable(chart))
}
function bandSummary(b: LoadBand, zone: string): Html {
  if (b.runs < 2) return html`One run: there is no band.`
  const times = timesOver(zone, b.stepS * b.p50W.length)
  const clock = (k: number): Html => html`${times.clock((b.fromS + k * b.stepS) * 1000)}`
  const most = indexOfMost(b.p50W)
  const widest = indexOfMost(b.p95W.map((w, k) => w - b.p05W[k]!))
  const span = (k: number): string => `${watts(b.p05W[k])} to ${watts(b.p95W[k])}`
  return html`The median is highest at ${clock(most)} with ${watts(b.p50W[most])} (p05 to p95: ${span(most)}). The band is widest at ${clock(widest)}: ${span(widest)}.`
}
