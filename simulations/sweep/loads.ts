import { type Chart, ended, gapped, type Line } from '../../src/report/chart.ts'
import { type Html, html } from '../../src/report/escape.ts'
import { figure } from '../../src/report/sections.ts'
import { minus, table } from '../../src/report/table.ts'
import { watts } from '../../src/report/words.ts'
import { clocksChange, timesOver } from '../output/charts.ts'
import type { Result } from './result.ts'

/** Colours and strokes that can be told apart, also without colour. */
const strokes: readonly Partial<Line>[] = [{}, { dash: [8, 5] }, { dash: [2, 4] }, { dash: [12, 4, 2, 4] }]
const colors = ['actual', 'warn', 'good', 'target', 'baseline'] as const
/** More lines than these are not told apart. */
export const MOST_LINES = 8

/** When something begins and in what steps it goes on. */
export type Steps = { readonly fromS: number; readonly stepS: number }
/** Load in steps: of one run, or the mean of several. */
export type Load = Steps & { readonly name: string; readonly loadW: readonly number[] }
export function meanLoad(results: readonly Result[]): Omit<Load, 'name'> {
  const { fromS, stepS, loadW } = results[0]!.load
  return { fromS, stepS, loadW: loadW.map((_, k) => results.reduce((sum, r) => sum + (r.load.loadW[k] ?? 0), 0) / results.length) }
}
/** Where steps begin. */
export const beginsOf = ({ fromS, stepS }: Steps, count: number): number[] => Array.from({ length: count }, (_, k) => fromS + k * stepS)
/** What a series of other steps is at the times of these; NaN where it is not. */
export const readAt = (values: readonly number[], { fromS, stepS }: Steps, atS: readonly number[]): number[] =>
  atS.map(s => values[Math.floor((s - fromS) / stepS)] ?? Number.NaN)

/** @param id set behind the names of its charts, for pages that have several */
type Drawn = { readonly shades?: Chart['shades'] | undefined; readonly id?: string }
/** Loads over each other, and each less the first. Steps are those of the first load; others are read at theirs. */
export function loadCharts(loads: readonly Load[], zone: string, { shades = [], id = '' }: Drawn = {}): Readonly<Record<string, Chart>> {
  const first = loads[0]!
  const at = beginsOf(first, first.loadW.length)
  const columns = loads.map(l => readAt(l.loadW, l, at))
  const line = (values: readonly number[], k: number): Line => ({
    label: loads[k]!.name,
    color: colors[k % colors.length]!,
    ...strokes[k % strokes.length],
    values: ended(gapped(values)),
  })
  const atS = beginsOf(first, at.length + 1)
  const isChanging = clocksChange(zone, atS)
  const chart = (lines: readonly Line[]): Chart => ({ unit: 'W', atS, lines, band: null, shades, zone, isChanging })
  const less = columns.slice(1).map(c => c.map((w, m) => w - columns[0]![m]!))
  return {
    [`over${id}`]: chart(columns.map(line)),
    ...(less.length === 0 ? {} : { [`difference${id}`]: chart(less.map((c, k) => line(c, k + 1))) }),
  }
}
export const loadsSection = (loads: readonly Load[], zone: string, title: string): Html =>
  html`<section><h2>${title}</h2>
${loadFigures(loads, zone)}</section>`
/** What `loadCharts` draws, with the same in words and as tables. */
export function loadFigures(loads: readonly Load[], zone: string, id = ''): Html {
  const first = loads[0]!
  const charts = loadCharts(loads, zone, { id })
  const key = (lines: readonly Line[]): Html =>
    html`<ul class="key">${lines.map(l => html`<li><span${l.dash ? html` class="${l.dash.length > 2 ? 'dash' : l.dash[0]! < 4 ? 'dot' : 'dash'}"` : null} style="color:var(--${l.color})"></span>${l.label}</li>`)}</ul>`
  const peaks = loads.map(l => `${l.name} ${watts(Math.max(0, ...l.loadW.filter(Number.isFinite)))}`)
  const said = (chart: Chart) =>
    chart.lines.map(l => {
      const widest = l.values.reduce<number>((a, v) => (v !== null && Math.abs(v) > Math.abs(a) ? v : a), 0)
      return `${l.label} ${minus(watts(widest))}`
    })
  const shown = (name: string, says: (chart: Chart) => Html): Html => {
    const chart = charts[name]!
    return figure(name, says(chart), key(chart.lines), loadTable(chart))
  }
  return html`${shown(`over${id}`, () => html`Highest load: ${peaks.join(', ')}.`)}
${loads.length < 2 ? null : html`<h3>Less ${first.name}</h3>${shown(`difference${id}`, c => html`The widest difference to ${first.name}: ${said(c).join(', ')}.`)}`}`
}

/** Rows of a chart's table. */
const MOST_ROWS = 100
export function loadTable({ atS, lines, zone }: Chart): Html {
  const times = timesOver(zone, (atS.at(-1) ?? 0) - (atS[0] ?? 0))
  const steps = atS.length - 1
  const every = Math.max(1, Math.ceil(steps / MOST_ROWS))
  const rows = []
  for (let k = 0; k < steps; k += every)
    rows.push([times.clock(atS[k]! * 1000), ...lines.map(l => (l.values[k] == null ? 'no data' : watts(l.values[k])))])
  return table('Load', [['Time'], ...lines.map(l => [l.label, 'n'] as const)], rows)
}
