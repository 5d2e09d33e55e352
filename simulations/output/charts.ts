import { type Chart, ended, gapped, type Line } from '../../src/report/chart.ts'
import { type Html, html } from '../../src/report/escape.ts'
import { table } from '../../src/report/table.ts'
import { createTimes, type Times } from '../../src/report/times.ts'
import type { Run } from './run.ts'

const DAY_S = 86_400

/** Rows of a chart's table. */
const TABLE_STEP = 15

/** With the date where a run has more than one. */
export function timesOf({ built }: Run['played']): Times {
  return timesOver(built.zone, built.endS - built.startS)
}
export function timesOver(zone: string, spanS: number): Times {
  const times = createTimes(zone)
  return spanS > DAY_S ? { ...times, clock: times.full } : times
}
/** Do the clocks change in these steps? */
export const clocksChange = (zone: string, atS: readonly number[]): boolean =>
  createTimes(zone).isChanging((atS[0] ?? 0) * 1000, (atS.at(-1) ?? 0) * 1000)
export const isLong = ({ startS, endS }: Run['played']['built']): boolean => endS - startS > DAY_S

export const columnLine = (label: string, color: string, values: ArrayLike<number>, more: Partial<Line> = {}): Line => ({
  label,
  color,
  values: ended(gapped(values)),
  ...more,
})
export function chartOf({ played }: Run, unit: Chart['unit'], lines: readonly Line[]): Chart {
  const { startS, stepS, loadW } = played.recorded
  const { zone } = played.built
  const atS = Array.from({ length: loadW.length + 1 }, (_, k) => startS + k * stepS)
  return { unit, atS, lines, band: null, shades: shadesOf(played.events), zone, isChanging: clocksChange(zone, atS) }
}
export const shadesOf = (events: Run['played']['events']): Chart['shades'] =>
  events.filter(e => e.toS > e.fromS).map(e => [e.fromS, e.toS] as const)

export const key = (entries: readonly (readonly [text: string, color: string, kind?: 'dash' | 'dot' | 'area'])[]): Html =>
  html`<ul class="key">${entries.map(([text, color, kind]) => html`<li><span${kind ? html` class="${kind === 'area' ? 'band' : kind}"` : null} style="${kind === 'area' ? 'background' : 'color'}:var(--${color})"></span>${text}</li>`)}<li><span class="band" style="background:var(--shade)"></span>an event</li></ul>`
type Shown = readonly [title: string, values: ArrayLike<number>, said: (x: number) => string]
/** @param span minutes of the run */
export function tableOf(
  { played }: Run,
  times: Times,
  caption: string,
  columns: readonly Shown[],
  span?: { readonly from: number; readonly to: number },
): Html {
  const { startS, stepS, loadW } = played.recorded
  const { from, to } = span ?? { from: 0, to: loadW.length }
  const every = TABLE_STEP * Math.ceil((to - from) / (TABLE_STEP * 200))
  const rows = []
  for (let k = from; k < to; k += every)
    rows.push([
      times.clock((startS + stepS * k) * 1000),
      ...columns.map(([, values, said]) => (Number.isFinite(values[k]) ? said(values[k]!) : '–')),
    ])
  return table(`${caption}, a minute of every ${every}`, [['Time'], ...columns.map(([title]) => [title, 'n'] as const)], rows)
}
