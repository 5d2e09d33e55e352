import { type Html, html } from '../../src/report/escape.ts'
import { type ChartLibrary, pageOf } from '../../src/report/shell.ts'
import { type Cell, facts, type Head, table } from '../../src/report/table.ts'
import { differenceCells, loadCharts, loadsSection } from '../sweep/page.ts'
import { type Compared, type Comparison, rowCells } from './compare.ts'

/** Two runs, or two sweeps, on one page: their loads over each other, the difference, and every figure of both. */
export function comparePage(c: Compared, library: ChartLibrary): string {
  const { a, b } = c
  // charts of the first setting that both have; the tables have all
  const first = c.of[0]!
  return pageOf({
    title: `Comparison: ${a.dir} and ${b.dir}`,
    header: html`<header><p class="soft">Comparison</p><h1>${a.dir} and ${b.dir}</h1>
${facts([
  ['A', a.dir, a.manifest.scenario],
  ['B', b.dir, b.manifest.scenario],
  ['Compared', a.kind === 'run' ? 'two runs' : `${first.pairs} pairs by seed`],
])}
${c.remarks.map(r => html`<p><span class="warn">▲ ${r}</span></p>`)}</header>`,
    sections: [loadsSection(first.loads, c.zone, c.of.length > 1 ? `Load, ${first.setting}` : 'Load'), ...c.of.map(figuresSection)],
    footer: html`B less A. ${a.kind === 'sweep' ? 'Differences are by seed, with the 95 % confidence interval of their mean (Student’s t).' : 'A single run of each: nothing tells a difference from chance; a sweep does.'} Times are ${c.zone}.`,
    charts: loadCharts(first.loads, c.zone, c.events),
    library,
  })
}
function figuresSection({ setting, rows, pairs }: Comparison): Html {
  const isSweep = rows.some(r => r.spread !== null)
  const heads: Head[] = [
    ['Figure'],
    ...['A', 'B', 'B − A', 'Change'].map(h => [h, 'n'] as const),
    ...(isSweep ? ([['Mean by seed', 'n'], ['±', 'n'], ['Different']] as const) : []),
  ]
  const body = rows.map((r): Cell[] => [...rowCells(r), ...(isSweep ? differenceCells(r.spread ?? undefined) : [])])
  return html`<section class="long"><h2>Figures, ${setting}</h2>${table(isSweep ? `Means over ${pairs} seeds` : 'Figures', heads, body)}</section>`
}
