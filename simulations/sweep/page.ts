import { type Chart, ended, gapped, type Line } from '../../src/report/chart.ts'
import { type Html, html } from '../../src/report/escape.ts'
import { figure } from '../../src/report/sections.ts'
import { type ChartLibrary, pageOf } from '../../src/report/shell.ts'
import { type Cell, facts, type Head, table } from '../../src/report/table.ts'
import { createTimes } from '../../src/report/times.ts'
import { watts } from '../../src/report/words.ts'
import { figureText } from '../output/junit.ts'
import type { Spread } from '../scenario/statistics.ts'
import type { SettingSummary } from './compared.ts'
import type { SweepManifest } from './files.ts'
import type { Result } from './result.ts'

/** Colours and strokes that can be told apart, also without colour. */
const strokes: readonly Partial<Line>[] = [{}, { dash: [8, 5] }, { dash: [2, 4] }, { dash: [12, 4, 2, 4] }]
const colors = ['actual', 'warn', 'good', 'target', 'baseline'] as const
/** More lines than these are not told apart. */
const MOST_LINES = 8

/** A sweep on one page: what each setting comes to, and how it differs from the first under the same seeds. */
export function sweepPage(
  { manifest, settings, results }: { manifest: SweepManifest; settings: readonly SettingSummary[]; results: readonly Result[] },
  library: ChartLibrary,
): string {
  const loads = settings.slice(0, MOST_LINES).map(s => ({ name: s.setting, ...meanLoad(results.filter(r => r.setting === s.setting)) }))
  const broken = settings.flatMap(s => s.thresholds.filter(t => !t.holds))
  return pageOf({
    title: `Sweep: ${manifest.scenario}`,
    header: html`<header><p class="soft">Sweep</p><h1>${manifest.scenario}</h1>
<p>${settings.length} settings, ${manifest.seeds.length} seeds each; scenario ${manifest.scenarioSha256.slice(0, 12)}.</p>
<p>${settings.every(s => s.thresholds.length === 0) ? html`<span class="soft">No thresholds.</span>` : broken.length === 0 ? html`<span class="good">● No threshold is broken</span>` : html`<span class="bad">▲ Thresholds are broken</span>`}</p>
${facts([
  ['Settings', settings.length],
  ['Runs', results.length],
  ['Seeds', seedsText(manifest.seeds)],
])}</header>`,
    sections: [
      loadsSection(loads, manifest.zone, 'Mean load by setting'),
      ...mainFigures(settings).map(name => figureSection(name, settings)),
      thresholdsSection(settings),
      html`<section class="long"><h2>All figures</h2>${settings.map(
        s => html`<details><summary>${s.setting}</summary>${spreadTable(`Figures of ${s.setting}`, s.figures)}</details>`,
      )}</section>`,
    ],
    footer: html`Made by gridbridge ${manifest.version} in virtual time; nothing of it has happened. Times are ${manifest.zone}. Intervals are 95 % confidence intervals of a mean (Student’s t).`,
    charts: loadCharts(loads, manifest.zone),
    library,
  })
}
const seedsText = (seeds: readonly number[]): string =>
  seeds.length > 2 && seeds.at(-1)! - seeds[0]! === seeds.length - 1 ? `${seeds[0]} to ${seeds.at(-1)}` : seeds.join(', ')

/** What one looks at first: of each event what was delivered and how it came back, and of all what drivers lacked. */
const mainFigure =
  /\.(meteredRatio|trueRatio|reboundPeakRatio|worstRampWPerMinute)$|^(delivered|peakW|unmetWh|unmetSessions|worstUnmetWh|commands)$/
function mainFigures(settings: readonly SettingSummary[]): string[] {
  const names = [...new Set(settings.flatMap(s => Object.keys(s.figures)))]
  return names.filter(name => mainFigure.test(name) && settings.some(s => s.figures[name]!.n > 0)).slice(0, 40)
}
function figureSection(name: string, settings: readonly SettingSummary[]): Html {
  const first = settings[0]!
  const heads: Head[] = [
    ['Setting'],
    ...['Runs', 'Mean', '±', 'p05', 'p50', 'p95', `Against ${first.setting}`, '±'].map(h => [h, 'n'] as const),
    ['Different'],
  ]
  const rows = settings.map((s, k) => {
    const [f, d] = [s.figures[name], s.paired[name]]
    return [s.setting, ...cells(f, ['n', 'mean', 'ci95', 'p05', 'p50', 'p95']), ...(k === 0 ? ['–', '–', '–'] : differenceCells(d))]
  })
  return html`<section><h2>${name}</h2>${table(name, heads, rows)}</section>`
}
const cells = (s: Spread | undefined, names: readonly (keyof Spread)[]): Cell[] => names.map(n => (s ? figureText(s[n]) : null))
/** The difference, its interval, and whether that leaves out nought. */
export const differenceCells = (d: Spread | undefined): Cell[] => [...cells(d, ['mean', 'ci95']), d ? differs(d) : null]
export const differs = ({ n, mean, ci95 }: Spread): string =>
  n < 2 ? 'too few runs' : Math.abs(mean) > ci95 ? (mean > 0 ? '▲ higher' : '▼ lower') : 'not told apart'

const spreadTable = (caption: string, figures: Readonly<Record<string, Spread>>): Html =>
  table(
    caption,
    [['Figure'], ...['Runs', 'Mean', '±', 'p05', 'p50', 'p95'].map(h => [h, 'n'] as const)],
    Object.entries(figures).map(([name, f]) => [name, ...cells(f, ['n', 'mean', 'ci95', 'p05', 'p50', 'p95'])]),
  )
function thresholdsSection(settings: readonly SettingSummary[]): Html {
  const rows = settings.flatMap(s =>
    s.thresholds.map(t => [
      s.setting,
      t.text,
      figureText(t.value),
      t.holds ? html`<span class="good">● holds</span>` : html`<span class="bad">▲ broken</span> ${t.remark}`,
    ]),
  )
  return html`<section><h2>Thresholds</h2>${table('Thresholds', [['Setting'], ['Threshold'], ['Value', 'n'], ['Result']], rows)}
<p class="soft">A threshold on a figure must hold in each run, and its value is the worst of them; one on its p05, p50, p95 or mean holds over all runs of a setting.</p></section>`
}

/** Load in steps, the mean of several runs. */
export type Load = { readonly name: string; readonly fromS: number; readonly stepS: number; readonly loadW: readonly number[] }
export function meanLoad(results: readonly Result[]): Omit<Load, 'name'> {
  const { fromS, stepS, loadW } = results[0]!.load
  return { fromS, stepS, loadW: loadW.map((_, k) => results.reduce((sum, r) => sum + (r.load.loadW[k] ?? 0), 0) / results.length) }
}

/** Loads over each other, and each less the first. Steps are those of the first load; others are read at theirs. */
export function loadCharts(loads: readonly Load[], zone: string, shades: Chart['shades'] = []): Readonly<Record<string, Chart>> {
  const first = loads[0]!
  const at = first.loadW.map((_, k) => first.fromS + k * first.stepS)
  const read = (of: Load, atS: number): number => of.loadW[Math.floor((atS - of.fromS) / of.stepS)] ?? Number.NaN
  const columns = loads.map(l => at.map(s => read(l, s)))
  const line = (values: readonly number[], k: number): Line => ({
    label: loads[k]!.name,
    color: colors[k % colors.length]!,
    ...strokes[k % strokes.length],
    values: ended(gapped(values)),
  })
  const chart = (lines: readonly Line[]): Chart => ({
    ...{ unit: 'W', atS: [...at, (at.at(-1) ?? first.fromS) + first.stepS], lines, band: null, shades, zone },
  })
  return {
    over: chart(columns.map(line)),
    difference: chart(
      columns.slice(1).map((c, k) =>
        line(
          c.map((w, m) => w - columns[0]![m]!),
          k + 1,
        ),
      ),
    ),
  }
}
export function loadsSection(loads: readonly Load[], zone: string, title: string): Html {
  const times = createTimes(zone)
  const first = loads[0]!
  const charts = loadCharts(loads, zone)
  const every = Math.max(1, Math.ceil(first.loadW.length / 100))
  const rowsOf = (chart: Chart) =>
    chart.atS
      .slice(0, -1)
      .flatMap((s, k) =>
        k % every ? [] : [[times.clock(s * 1000), ...chart.lines.map(l => (l.values[k] == null ? 'no data' : watts(l.values[k])))]],
      )
  const tableOf = (chart: Chart): Html => table('Load', [['Time'], ...chart.lines.map(l => [l.label, 'n'] as const)], rowsOf(chart))
  const key = (lines: readonly Line[]): Html =>
    html`<ul class="key">${lines.map(l => html`<li><span${l.dash ? html` class="${l.dash.length > 2 ? 'dash' : l.dash[0]! < 4 ? 'dot' : 'dash'}"` : null} style="color:var(--${l.color})"></span>${l.label}</li>`)}</ul>`
  const peaks = loads.map(l => `${l.name} ${watts(Math.max(0, ...l.loadW.filter(Number.isFinite)))}`)
  const said = (chart: Chart) =>
    chart.lines.map(l => {
      const widest = l.values.reduce<number>((a, v) => (v !== null && Math.abs(v) > Math.abs(a) ? v : a), 0)
      return `${l.label} ${watts(widest)}`
    })
  return html`<section><h2>${title}</h2>
${figure('over', html`Highest load: ${peaks.join(', ')}.`, key(charts['over']!.lines), tableOf(charts['over']!))}
${loads.length < 2 ? null : html`<h3>Less ${first.name}</h3>${figure('difference', html`The widest difference to ${first.name}: ${said(charts['difference']!).join(', ')}.`, key(charts['difference']!.lines), tableOf(charts['difference']!))}`}</section>`
}
