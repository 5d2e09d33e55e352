import { csvOf } from '../../src/report/csv.ts'
import { html } from '../../src/report/escape.ts'
import { parquetOf } from '../../src/report/parquet.ts'
import { type ChartLibrary, pageOf } from '../../src/report/shell.ts'
import { type Cell, facts, type Head, minus, table } from '../../src/report/table.ts'
import { int, number, type Table, text, ts } from '../../src/report/tables.ts'
import { durationText } from '../../src/report/times.ts'
import { watts } from '../../src/report/words.ts'
import { jsonText, manifestText, type OutputFiles } from '../output/files.ts'
import { figureText } from '../output/junit.ts'
import { loadCharts, loadsSection } from '../sweep/loads.ts'
import { loadOf, type WhatIf } from './whatIf.ts'
import type { Replayed } from './world.ts'

/** How the load of a curtailed car is found that nobody measured. */
export const MODEL =
  'A car goes on at the power that it had before its limit until it has taken the energy that it later took, or leaves; one that still drew or was still limited then would have drawn on.'

/** A figure in the record, with the recorded parameters played again, and with the others; `difference`: the last less the one before. */
export type FigureRow = {
  readonly figure: string
  readonly recorded: number | null
  readonly asItWas: number | null
  readonly whatIf: number | null
  readonly difference: number | null
}
export function figureRows({ figures: { recorded, asItWas, whatIf } }: WhatIf): FigureRow[] {
  const value = (x: number | undefined) => (x !== undefined && Number.isFinite(x) ? x : null)
  return Object.keys(asItWas).map(figure => {
    const [a, b] = [value(asItWas[figure]), value(whatIf[figure])]
    return { figure, recorded: value(recorded[figure]), asItWas: a, whatIf: b, difference: a === null || b === null ? null : lessOf(a, b) }
  })
}
/** What rounding leaves of two that are the same is nothing. */
const lessOf = (a: number, b: number): number => (Math.abs(b - a) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)) ? 0 : b - a)
/** Which columns of `load` are the record and which are the model. */
const sources = {
  recorded_w: 'recorded',
  as_it_was_recorded_w: 'recorded',
  as_it_was_modelled_w: 'modelled',
  what_if_recorded_w: 'recorded',
  what_if_modelled_w: 'modelled',
  free_recorded_and_modelled_w: 'modelled',
} as const

export function summaryOf(w: WhatIf, version: string) {
  const verdict = (of: Replayed | undefined) => of?.verification?.verdict ?? null
  return {
    format: 'gridbridge-sim-replay-1',
    version,
    event: { id: w.event.facts.event.id, no: w.event.facts.no, fromS: w.fromS, toS: w.toS, chargers: w.who.length },
    changes: w.changes,
    figures: figureRows(w),
    verdicts: {
      recorded: w.event.facts.verdicts.at(-1)?.fact.verification.verdict ?? null,
      asItWas: verdict(w.asItWas),
      whatIf: verdict(w.whatIf),
    },
    model: { means: MODEL, fromS: w.modelFromS, stepS: w.grid.stepS, placebo: w.placebo, againstTheRecord: w.fit },
    series: sources,
  }
}

/** By name; `manifest.json` comes last, with the SHA-256 of each of the others. */
export function filesOf(w: WhatIf, { library, version, csv }: { library: ChartLibrary; version: string; csv: boolean }): OutputFiles {
  const files = new Map<string, string | Uint8Array>()
  files.set('summary.json', jsonText(summaryOf(w, version)))
  for (const of of [loadTable(w), chargersTable(w)]) {
    files.set(`${of.name}.parquet`, parquetOf(of))
    if (csv) files.set(`${of.name}.csv`, [...csvOf(of)].join(''))
  }
  files.set('report.html', page(w, library))
  files.set(
    'manifest.json',
    manifestText({ format: 'gridbridge-sim-replay-1', version, event: w.event.facts.event.id, changes: w.changes }, files),
  )
  return files
}

/** A little before, for the eye. */
const SHOWN_BEFORE_S = 1_800
function shown({ grid, modelFromS, endS, recordedW }: WhatIf): { readonly from: number; readonly count: number } {
  const first = recordedW.findIndex(x => !Number.isNaN(x))
  const from = Math.max(0, first, Math.floor((modelFromS - SHOWN_BEFORE_S - grid.fromS) / grid.stepS))
  return { from, count: Math.min(grid.count, Math.ceil((endS - grid.fromS) / grid.stepS)) - from }
}
function loadTable(w: WhatIf): Table {
  const { from, count } = shown(w)
  const of = (column: Float64Array) => (row: number) => (Number.isFinite(column[from + row]!) ? column[from + row]! : null)
  const { asItWas, whatIf } = w
  return {
    name: 'load',
    rows: count,
    fields: [
      ts('ts_utc', 'start of the step', row => (w.grid.fromS + (from + row) * w.grid.stepS) * 1000),
      number('recorded_w', 'recorded: what the chargers of the event drew', of(w.recordedW)),
      number('as_it_was_recorded_w', 'recorded: the part of the replay that nothing had limited yet', of(asItWas.recordedPartW)),
      number('as_it_was_modelled_w', 'modelled: the other part', of(asItWas.modelledPartW)),
      number('what_if_recorded_w', 'recorded: the part of the what-if that nothing had limited yet', of(whatIf.recordedPartW)),
      number('what_if_modelled_w', 'modelled: the other part', of(whatIf.modelledPartW)),
      number(
        'free_recorded_and_modelled_w',
        'nobody limited: recorded up to the recorded limit of each, modelled from there',
        of(asItWas.freeW),
      ),
    ],
  }
}
function chargersTable({ who, event, asItWas, whatIf }: WhatIf): Table {
  const at = (column: Float64Array, k: number) => (Number.isNaN(column[k]!) ? null : column[k]! * 1000)
  const says = (run: Replayed) => {
    const last = new Map(run.commands.map(c => [c.command.charger, c.outcome ?? null]))
    return (row: number) => last.get(who[row]!) ?? null
  }
  return {
    name: 'chargers',
    rows: who.length,
    fields: [
      int('charger_no', '', row => who[row]!),
      ts('recorded_limited_ts_utc', 'recorded: first second of its limit', row => at(event.limitedFromS, who[row]!)),
      ts('as_it_was_limited_ts_utc', 'in the replay', row => at(asItWas.limitedFromS, row)),
      ts('what_if_limited_ts_utc', 'in the what-if', row => at(whatIf.limitedFromS, row)),
      text('as_it_was_outcome', 'its answer to its last command', says(asItWas)),
      text('what_if_outcome', 'its answer to its last command', says(whatIf)),
      int('ignores', '1: it accepted in the record, and its meter showed no effect', row => event.ignores[who[row]!]!),
      number('as_it_was_taken_wh', 'modelled: energy from the first possible limit on', row => asItWas.takenWh[row]!),
      number('what_if_taken_wh', 'modelled: the same', row => whatIf.takenWh[row]!),
      number('free_wh', 'modelled: the same, nobody limited', row => whatIf.freeWh[row]!),
    ],
  }
}

const heads: readonly Head[] = [['Figure'], ...['Recorded', 'As it was', 'What if', 'Difference'].map(h => [h, 'n'] as const)]
const cell = (x: number | null): Cell => (x === null ? '–' : figureText(x))
function page(w: WhatIf, library: ChartLibrary): string {
  const { from, count } = shown(w)
  const { grid, placebo } = w
  const { id } = w.event.facts.event
  const load = (name: string, of: Float64Array) => ({
    name,
    fromS: grid.fromS + from * grid.stepS,
    stepS: grid.stepS,
    loadW: [...of.subarray(from, from + count)],
  })
  const loads = [
    load('As it was, played again (recorded and modelled)', loadOf(w.asItWas)),
    load('What if (recorded and modelled)', loadOf(w.whatIf)),
    load('Recorded', w.recordedW),
    load('Nobody limited (modelled)', w.asItWas.freeW),
  ]
  const changed = w.changes.map(c => `${c.path} = ${JSON.stringify(c.value)}`).join(', ') || 'nothing'
  return pageOf({
    title: `What if: ${id}`,
    header: html`<header><p class="soft">A recorded event with other parameters</p><h1>${id}</h1>
${facts([
  ['Otherwise than recorded', changed],
  ['Chargers', String(w.who.length)],
  [
    'Verdict',
    `${w.event.facts.verdicts.at(-1)?.fact.verification.verdict ?? 'none'} recorded, ${w.asItWas.verification?.verdict ?? 'none'} played again, ${w.whatIf.verification?.verdict ?? 'none'} what if`,
  ],
])}
<p>${MODEL}</p><p>${minus(placeboText(placebo))}</p><p>${minus(fitText(w))}</p></header>`,
    sections: [
      loadsSection(loads, 'UTC', 'Load'),
      html`<section class="long"><h2>Figures</h2>${table(
        'Figures',
        heads,
        figureRows(w).map(r => [r.figure, cell(r.recorded), cell(r.asItWas), cell(r.whatIf), cell(r.difference)]),
      )}</section>`,
    ],
    footer: html`Difference: what if less as it was. What each column of the tables is stands in summary.json. Times are UTC.`,
    charts: loadCharts(loads, 'UTC', { shades: [[w.fromS, w.toS]] }),
    library,
  })
}
export const placeboText = (p: WhatIf['placebo']): string =>
  p === null
    ? 'Error of the model: not known; the day before has no time in which nobody was limited and readings are there.'
    : `Error of the model over ${p.windows === 1 ? 'one time' : `${p.windows} times`} of ${durationText(p.lengthS)} in which nobody was limited: sum ${watts(p.sumMaeW)} of ${watts(p.meanLoadW)} (bias ${watts(p.sumBiasW)}), each of ${p.chargers} chargers ${watts(p.chargerMaeW)} (bias ${watts(p.chargerBiasW)}).`
export const fitText = ({ fit }: WhatIf): string =>
  `Played again with its own parameters it is off its record by ${watts(fit.maeW)} of ${watts(fit.meanLoadW)} (bias ${watts(fit.biasW)}).`
