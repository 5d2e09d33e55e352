import { type Html, html } from '../../src/report/escape.ts'
import { type ChartLibrary, pageOf } from '../../src/report/shell.ts'
import { type Cell, facts, type Head, table } from '../../src/report/table.ts'
import { figureText } from '../output/junit.ts'
import type { Spread } from '../scenario/statistics.ts'
import { bandCharts, bandsSection, type LoadBand } from './bands.ts'
import type { SettingSummary } from './compared.ts'
import type { SweepManifest } from './files.ts'
import { loadCharts, loadsSection, MOST_LINES } from './loads.ts'
import type { Result } from './result.ts'

/** A sweep on one page: what each setting comes to, and how it differs from the first under the same seeds. */
export function sweepPage(
  {
    manifest,
    settings,
    results,
    bands,
  }: { manifest: SweepManifest; settings: readonly SettingSummary[]; results: readonly Result[]; bands: readonly LoadBand[] },
  library: ChartLibrary,
): string {
  const { zone } = manifest
  const loads = bands.slice(0, MOST_LINES).map(({ name, fromS, stepS, meanW }) => ({ name, fromS, stepS, loadW: meanW }))
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
      bandsSection(bands, zone),
      loadsSection(
        loads,
        zone,
        `Mean load by setting${settings.length > loads.length ? `, the first ${loads.length} of ${settings.length}` : ''}`,
      ),
      ...mainFigures(settings).map(name => figureSection(name, settings)),
      thresholdsSection(settings),
      html`<section class="long"><h2>All figures</h2>${settings.map(
        s => html`<details><summary>${s.setting}</summary>${spreadTable(`Figures of ${s.setting}`, s.figures)}</details>`,
      )}</section>`,
    ],
    footer: html`Made by gridbridge ${manifest.version} in virtual time; nothing of it has happened. Times are ${manifest.zone}. Intervals are 95 % confidence intervals of a mean (Student’s t).`,
    charts: { ...bandCharts(bands, zone), ...loadCharts(loads, zone, { shades: bands[0]!.asked }) },
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
  return html`<section><h2>${name}</h2>${table(`Over the seeds; differences are by seed`, heads, rows)}</section>`
}
const cells = (s: Spread | undefined, names: readonly (keyof Spread)[]): Cell[] => names.map(n => (s ? figureText(s[n]) : null))
/** The difference, its interval, and whether that leaves out nought. */
export const differenceCells = (d: Spread | undefined): Cell[] => [...cells(d, ['mean', 'ci95']), d ? differs(d) : null]
export const differs = ({ n, mean, ci95 }: Spread): string =>
  n < 2
    ? 'too few runs'
    : mean === 0 && ci95 === 0
      ? 'the same'
      : Math.abs(mean) > ci95
        ? mean > 0
          ? '▲ higher'
          : '▼ lower'
        : 'not told apart'

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
