import type { Chart } from '../../src/report/chart.ts'
import { type Html, html } from '../../src/report/escape.ts'
import { figure } from '../../src/report/sections.ts'
import { type ChartLibrary, pageOf } from '../../src/report/shell.ts'
import { facts, table } from '../../src/report/table.ts'
import { durationText, type Times } from '../../src/report/times.ts'
import { percent, wattHours, watts } from '../../src/report/words.ts'
import { indexOfMost, quantile } from '../scenario/statistics.ts'
import { chartOf, columnLine, isLong, key, tableOf, timesOf } from './charts.ts'
import { figureText } from './junit.ts'
import { meterSections } from './meters.ts'
import type { Run } from './run.ts'
import { stripFigure, stripScript, stripStyle } from './strip.ts'
import { viewChart, viewSection, viewsOf } from './views.ts'

/** Rows of the table of drivers; all of them are in sessions.parquet. */
const MOST_DRIVERS = 50

/** A run on one page that needs nothing else. Nothing of the machine or of the day on which it was made is in it: the same run is the same page. */
export function runPage(run: Run, library: ChartLibrary): string {
  const { manifest, played } = run
  const times = timesOf(played)
  const views = viewsOf(played)
  const charts = Object.fromEntries([
    ['all', loadChart(run)],
    ['held', heldChart(run)],
    ['told', toldChart(run)],
    ...views.map(view => [view.id, viewChart(run, view)]),
  ]) as Record<string, Chart>
  return pageOf({
    title: `Simulation: ${manifest.scenario}`,
    header: headline(run, times),
    sections: [
      stripStyle,
      loadSection(run, times),
      ...views.map(view => viewSection(run, view, times)),
      ...(played.events.length === 0 ? [] : [eventsSection(run, times)]),
      ...meterSections(run),
      chargersSection(run, times),
      commandsSection(run, times),
      driversSection(run, times),
      figuresSection(run),
    ],
    footer: html`Made by gridbridge ${manifest.version} in virtual time; nothing of it has happened. Power and energy are import positive. Times are ${played.built.zone}.`,
    charts,
    library,
    scripts: [stripScript],
  })
}

function headline({ manifest, figures: f, thresholds, played }: Run, times: Times): Html {
  const { scenario, built } = played
  const failed = thresholds.filter(t => !t.holds)
  const verdict =
    thresholds.length === 0
      ? html`<span class="soft">No thresholds.</span>`
      : failed.length === 0
        ? html`<span class="good">● Every threshold holds</span>`
        : html`<span class="bad">▲ ${failed.length} of ${thresholds.length} thresholds are broken: ${failed.map(t => t.text).join(', ')}</span>`
  return html`<header><p class="soft">Simulation</p>
<h1>${manifest.scenario}</h1>
${scenario.about === '' ? null : html`<p>${scenario.about}</p>`}
<p>${times.full(built.startS * 1000)} to ${times.full(built.endS * 1000)} ${built.zone}; seed ${manifest.seed}, scenario ${manifest.scenarioSha256.slice(0, 12)}, log ${manifest.journalRoot.slice(0, 12)}.</p>
<p>${verdict}</p>
${facts([
  ['Chargers', f['chargers']!, `${f['sessions']} cars`],
  ['Delivered', percent(orNull(f['delivered'])), 'of all that was asked, by the meters'],
  ['Energy', wattHours(f['energyWh']), `${wattHours(f['freeEnergyWh'])} without limits`],
  ['Peak', watts(f['peakW']), `${watts(f['freePeakW'])} without limits`],
  ['Unmet', wattHours(f['unmetWh']), `${f['unmetSessions']} cars left short by more than 100 Wh`],
  ['Commands', f['commands']!, `${f['accepted']} accepted`],
])}</header>`
}
const orNull = (x: number | undefined): number | null => (x === undefined || !Number.isFinite(x) ? null : x)

const at = (times: Times, { startS, stepS }: Run['played']['recorded'], k: number): Html => times.clock((startS + stepS * k) * 1000)
// without limits first: what was is drawn over what would have been
const loadChart = (run: Run): Chart =>
  chartOf(run, 'W', [
    columnLine('Without limits', 'baseline', run.played.freeW, { dash: [8, 5] }),
    columnLine('Load', 'actual', run.played.recorded.loadW),
  ])
function loadSection(run: Run, times: Times): Html {
  const { recorded, freeW } = run.played
  const [peak, freePeak] = [indexOfMost(recorded.loadW), indexOfMost(freeW)]
  const summary = html`Load of all chargers was highest at ${at(times, recorded, peak)} with ${watts(recorded.loadW[peak])}; the same cars limited by nobody would have drawn ${watts(freeW[freePeak])} at ${at(times, recorded, freePeak)}.`
  return html`<section><h2>Load</h2>
${figure(
  'all',
  summary,
  key([
    ['load', 'actual'],
    ['the same cars limited by nobody', 'baseline', 'dash'],
  ]),
  tableOf(run, times, 'Load', [
    ['Load', recorded.loadW, watts],
    ['Without limits', freeW, watts],
  ]),
)}</section>`
}

function eventsSection({ played, figures: f, reports }: Run, times: Times): Html {
  const seconds = (s: number | undefined | null): string => (s === undefined || s === null ? '–' : durationText(s))
  const of = (id: string, name: string): number | null => orNull(f[`${id}.${name}`])
  const delivery = played.events.map(e => [
    e.id,
    e.toS > e.fromS ? html`${times.full(e.fromS * 1000)}, ${durationText(e.toS - e.fromS)}` : 'cancelled',
    e.answer,
    e.verification?.verdict ?? 'not verified',
    ...['askedWh', 'meteredWh'].map(name => wattHours(of(e.id, name))),
    ...['meteredRatio', 'trueRatio'].map(name => percent(of(e.id, name))),
  ])
  const response = played.events.map((e, k) => {
    const { response: r, rebound } = reports[k] ?? {}
    return [
      e.id,
      seconds(r?.t50S),
      seconds(r?.t90S),
      watts(of(e.id, 'worstRampWPerMinute')),
      percent(of(e.id, 'reboundPeakRatio')),
      rebound ? wattHours(rebound.reboundWh) : '–',
      rebound ? percent(rebound.paybackRatio) : '–',
    ]
  })
  const numbers = (...titles: string[]) => titles.map(title => [title, 'n'] as const)
  return html`<section><h2>Response, ramp and rebound</h2>
${table('What was delivered', [['Event'], ['When'], ['Answer'], ['Verdict'], ...numbers('Asked', 'Metered', 'Ratio', 'True ratio')], delivery)}
${table('How load went and came back', [['Event'], ...numbers('50 % after', '90 % after', 'Worst ramp in 1 min', 'Peak after', 'Rebound', 'Payback')], response)}
<p class="soft">Metered: as the bridge verified it. True: against the same cars limited by nobody. 50 % and 90 % after: from the signal to the metered drop. Peak after: the most in the four hours after, against the most in the hour before. Rebound: energy above the baseline in the hour after load is back; payback is its share of what was delivered. All of the place where the event acts.</p></section>`
}

const heldChart = (run: Run): Chart =>
  chartOf(run, 'n', [
    columnLine('With a car', 'baseline', run.played.recorded.plugged, { dash: [8, 5] }),
    columnLine('Drawing', 'actual', run.played.recorded.drawing),
    columnLine('Holding a limit', 'warn', run.played.recorded.limited),
  ])
function chargersSection(run: Run, times: Times): Html {
  const { recorded, built } = run.played
  const most = indexOfMost(recorded.limited)
  const count = String
  return html`<section><h2>Chargers</h2>
${figure(
  'held',
  html`At most ${recorded.limited[most] ?? 0} chargers held a limit, at ${at(times, recorded, most)}; at most ${Math.max(0, ...recorded.plugged)} of ${built.setting.chargers.length} had a car.`,
  key([
    ['drawing', 'actual'],
    ['holding a limit', 'warn'],
    ['with a car', 'baseline', 'dash'],
  ]),
  tableOf(run, times, 'Chargers', [
    ['With a car', recorded.plugged, count],
    ['Drawing', recorded.drawing, count],
    ['Holding a limit', recorded.limited, count],
  ]),
)}
${stripFigure(recorded, atS => times.clock(atS * 1000), { chargers: built.setting.chargers.length, ticks: isLong(built) ? 2 : 4 })}</section>`
}

/** Commands sent, and answers that were heard or given up for, summed by minute. */
function commandCounts({ played }: Run): { sent: number[]; accepted: number[] } {
  const { startS, loadW } = played.recorded
  const [sent, accepted] = [new Array<number>(loadW.length).fill(0), new Array<number>(loadW.length).fill(0)]
  for (const { atMs, outcome } of played.world.model.commands) {
    const k = Math.min(loadW.length - 1, Math.max(0, Math.floor((atMs / 1000 - startS) / 60)))
    sent[k]!++
    if (outcome === 'accepted') accepted[k]!++
  }
  const summed = (counts: readonly number[]): number[] => {
    let sum = 0
    return counts.map(n => (sum += n))
  }
  return { sent: summed(sent), accepted: summed(accepted) }
}
function toldChart(run: Run): Chart {
  const { sent, accepted } = commandCounts(run)
  return chartOf(run, 'n', [columnLine('Sent', 'baseline', sent, { dash: [8, 5] }), columnLine('Of these accepted', 'actual', accepted)])
}
function commandsSection(run: Run, times: Times): Html {
  const { commands } = run.played.world.model
  const { sent, accepted } = commandCounts(run)
  const outcomes = new Map<string, number>()
  for (const { outcome = 'no answer' } of commands) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  const clock = (ms: number | undefined): Html | string => (ms === undefined ? 'none' : times.clock(ms))
  return html`<section><h2>Commands</h2>
${figure(
  'told',
  html`${commands.length} commands${[...outcomes].map(([kind, n]) => `, ${n} ${kind}`)}. A whole schedule goes to a charger ahead of time, and acts at the charger's own moment within the random delay.`,
  key([
    ['commands sent', 'baseline', 'dash'],
    ['accepted, by when they were sent', 'actual'],
  ]),
  tableOf(run, times, 'Commands, summed', [
    ['Sent', sent, String],
    ['Accepted', accepted, String],
  ]),
)}
${facts([
  ['First command', clock(commands[0]?.atMs)],
  ['Last command', clock(commands.at(-1)?.atMs)],
  ['Chargers told', new Set(commands.map(c => c.command.charger)).size],
])}</section>`
}

function driversSection({ played }: Run, times: Times): Html {
  const { cars } = played.built.setting
  const unmetWh = Array.from(played.takenWh, (wh, k) => Math.max(0, played.freeWh[k]! - wh))
  const sorted = [...unmetWh].sort((a, b) => a - b)
  const worst = [...unmetWh.keys()]
    .filter(k => unmetWh[k]! > 1)
    .sort((a, b) => unmetWh[b]! - unmetWh[a]! || a - b)
    .slice(0, MOST_DRIVERS)
  const short = unmetWh.filter(wh => wh > 100).length
  return html`<section><h2>What drivers lacked</h2>
<p>${short} of ${unmetWh.length} cars left with more than 100 Wh less than they would have had, had nobody limited anything.</p>
${facts([
  ['Half of the cars at most', wattHours(orNull(quantile(sorted, 0.5)))],
  ['95 % at most', wattHours(orNull(quantile(sorted, 0.95)))],
  ['99 % at most', wattHours(orNull(quantile(sorted, 0.99)))],
  ['Worst', wattHours(sorted.at(-1) ?? null)],
])}
${table(
  `Cars that lacked most${worst.length === MOST_DRIVERS ? ` (the first ${MOST_DRIVERS}; all are in sessions.parquet)` : ''}`,
  [['Charger', 'n'], ['Came'], ['Left'], ['Wanted', 'n'], ['Took', 'n'], ['Unmet', 'n']],
  worst.map(k => [
    cars.charger[k]!,
    times.clock(cars.arriveS[k]! * 1000),
    times.clock(cars.departS[k]! * 1000),
    wattHours(cars.needWh[k]!),
    wattHours(played.takenWh[k]!),
    wattHours(unmetWh[k]!),
  ]),
)}</section>`
}

function figuresSection({ figures, thresholds }: Run): Html {
  return html`<section class="long"><h2>Thresholds and figures</h2>
${table(
  'Thresholds',
  [['Threshold'], ['Value', 'n'], ['Result']],
  thresholds.map(t => [
    t.text,
    figureText(t.value),
    t.holds ? html`<span class="good">● holds</span>` : html`<span class="bad">▲ broken</span> ${t.remark}`,
  ]),
)}
<details><summary>All figures</summary>${table(
    'Figures, as in summary.json',
    [['Figure'], ['Value', 'n']],
    Object.entries(figures).map(([name, value]) => [name, figureText(value)]),
  )}</details></section>`
}
