import { type Html, html } from '../../src/report/escape.ts'
import { type ChartLibrary, pageOf } from '../../src/report/shell.ts'
import { type Cell, facts, type Head, table } from '../../src/report/table.ts'
import { loadCharts, loadFigures } from '../sweep/loads.ts'
import { differenceCells } from '../sweep/page.ts'
import { type Compared, type Comparison, rowCells } from './compare.ts'

/** Settings that are open when the page is: the others open on a click. */
const OPEN = 4
const idOf = (k: number): string => (k === 0 ? '' : String(k))

/** Two runs, or two sweeps, on one page: for each setting that both have their loads over each other, the difference, and every figure of both. */
export function comparePage(c: Compared, library: ChartLibrary): string {
  const { a, b } = c
  const [first] = c.of
  const pairs = `${first!.pairs} pairs by seed`
  return pageOf({
    title: `Comparison: ${a.dir} and ${b.dir}`,
    header: html`<header><p class="soft">Comparison</p><h1>${a.dir} and ${b.dir}</h1>
${facts([
  ['A', a.dir, a.manifest.scenario],
  ['B', b.dir, b.manifest.scenario],
  ['Compared', a.kind === 'run' ? 'two runs' : c.of.length === 1 ? pairs : `${c.of.length} settings, ${pairs} each`],
])}
${c.remarks.map(r => html`<p><span class="warn">▲ ${r}</span></p>`)}</header>`,
    sections: c.of.length === 1 ? [loadSection(c), figuresSection(first!)] : c.of.map((one, k) => settingSection(c, one, k)),
    footer: html`B less A. ${a.kind === 'sweep' ? 'Differences are by seed, with the 95 % confidence interval of their mean (Student’s t).' : 'A single run of each: nothing tells a difference from chance; a sweep does.'} Times are ${c.zone}.`,
    charts: Object.assign({}, ...c.of.map(({ loads, asked }, k) => loadCharts(loads, c.zone, { shades: asked, id: idOf(k) }))),
    library,
  })
}
const loadSection = ({ of, zone }: Compared): Html => html`<section><h2>Load</h2>${loadFigures(of[0]!.loads, zone)}</section>`
const figuresSection = (c: Comparison): Html => html`<section class="long"><h2>Figures, ${c.setting}</h2>${figuresTable(c)}</section>`
const settingSection = ({ zone }: Compared, c: Comparison, k: number): Html =>
  html`<section class="long"><details${k < OPEN ? html` open` : null}><summary><b>${c.setting}</b></summary>
<h3>Load</h3>${loadFigures(c.loads, zone, idOf(k))}<h3>Figures</h3>${figuresTable(c)}</details></section>`
function figuresTable({ rows, pairs }: Comparison): Html {
  const isSweep = rows.some(r => r.spread !== null)
  const heads: Head[] = [
    ['Figure'],
    ...['A', 'B', 'B − A', 'Change'].map(h => [h, 'n'] as const),
    ...(isSweep ? ([['Mean by seed', 'n'], ['±', 'n'], ['Different']] as const) : []),
  ]
  const body = rows.map((r): Cell[] => [...rowCells(r), ...(isSweep ? differenceCells(r.spread ?? undefined) : [])])
  return table(isSweep ? `Means over ${pairs} seeds` : 'Figures', heads, body)
}
