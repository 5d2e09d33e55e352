import type { Chart, Line } from '../../src/report/chart.ts'
import { type Html, html } from '../../src/report/escape.ts'
import { figure } from '../../src/report/sections.ts'
import type { Times } from '../../src/report/times.ts'
import { watts } from '../../src/report/words.ts'
import { nodeIndex, placeOf } from '../scenario/places.ts'
import { chartOf, columnLine, isLong, key, shadesOf, tableOf } from './charts.ts'
import type { Run } from './run.ts'
import { eventSteps } from './series.ts'

/** What is looked at closely: each place where something is asked, in a run of days each event by itself. Minutes [from, to) of the run. */
export type View = {
  readonly id: string
  readonly place: string
  readonly events: Run['played']['events']
  readonly from: number
  readonly to: number
}
const MOST_VIEWS = 8
/** Before and after an event, minutes. */
const [BEFORE, AFTER] = [120, 240]
export function viewsOf(played: Run['played']): View[] {
  const { recorded, built } = played
  const minutes = recorded.loadW.length
  const seen = played.events.filter(e => e.toS > e.fromS && nodeIndex(played, placeOf(played, e.id)) >= 0)
  const of = (k: number, events: typeof seen, from: number, to: number): View => ({
    ...{ id: `place${k}`, place: placeOf(played, events[0]!.id), events },
    ...{ from: Math.max(0, from), to: Math.min(minutes, to) },
  })
  const minute = (s: number) => Math.floor((s - recorded.startS) / recorded.stepS)
  if (isLong(built)) return seen.slice(0, MOST_VIEWS).map((e, k) => of(k, [e], minute(e.fromS) - BEFORE, minute(e.toS) + AFTER))
  const places = [...new Set(seen.map(e => placeOf(played, e.id)))].slice(0, MOST_VIEWS)
  return places.map((place, k) =>
    of(
      k,
      seen.filter(e => placeOf(played, e.id) === place),
      0,
      minutes,
    ),
  )
}

/** The first two lines are the ends of the band in which the meters see the load. */
export function viewChart(run: Run, { place, events, from, to }: View): Chart {
  const { played } = run
  const k = nodeIndex(played, place)
  const { targetW, baselineW, lowW, highW } = eventSteps(run, place)
  const ratingW = played.scenario.overloads.find(o => o.place === place)?.ratingW
  const node = played.recorded.nodes[k]!
  const line = (label: string, color: string, values: readonly number[] | Float64Array, more: Partial<Line> = {}): Line =>
    columnLine(label, color, values.slice(from, to), more)
  const chart = chartOf(run, 'W', [
    line('Upper end of the error', 'none', highW, { width: 0 }),
    line('Lower end of the error', 'none', lowW, { width: 0 }),
    line('Without limits', 'soft', played.freeNodeW[k]!, { dash: [2, 3], width: 1 }),
    line('Baseline', 'baseline', baselineW, { dash: [8, 5] }),
    line('Target', 'target', targetW, { dash: [2, 4] }),
    ...(ratingW === undefined
      ? []
      : [
          line(
            'Rating, less other load',
            'bad',
            node.backgroundW.map(w => ratingW - w),
            { width: 1 },
          ),
        ]),
    line('Load', 'actual', node.loadW),
  ])
  return { ...chart, atS: chart.atS.slice(from, to + 1), shades: shadesOf(events), band: [0, 1] }
}
export function viewSection(run: Run, { id, place, events, from, to }: View, times: Times): Html {
  const { played } = run
  const k = nodeIndex(played, place)
  const { targetW, baselineW } = eventSteps(run, place)
  const { loadW } = played.recorded.nodes[k]!
  const names = events.map(e => e.id).join(', ')
  const summary = html`${place === 'all' ? 'All chargers' : `The chargers of ${place}`} in ${names}. The baseline is that of the verdict's ruleset, by the meters; what would have been without limits only a simulation knows. The band is where the meters see the load, within their accuracy.`
  return html`<section><h2>${names}: load against target and baseline</h2>
${figure(
  id,
  summary,
  key([
    ['load', 'actual'],
    ['where the meters see it', 'band', 'area'],
    ['target', 'target', 'dot'],
    ['baseline', 'baseline', 'dash'],
    ['the same cars limited by nobody', 'soft', 'dot'],
  ]),
  tableOf(
    run,
    times,
    `Load of ${place}`,
    [
      ['Load', loadW, watts],
      ['Target', targetW, watts],
      ['Baseline', baselineW, watts],
      ['Without limits', played.freeNodeW[k]!, watts],
    ],
    { from, to },
  ),
  { isBanded: true },
)}</section>`
}
