import type { Verdict, Verification } from '../core/model.ts'
import { METER_BEFORE } from '../core/verify/record.ts'
import { type Chart, ended, gapped, type Line } from './chart.ts'
import { type Html, html } from './escape.ts'
import { known, newest, type PowerSeries } from './model.ts'
import type { PageContext } from './page.ts'
import { changesOf } from './revisions.ts'
import { facts, minus, table } from './table.ts'
import { durationText } from './times.ts'
import { askText, classTexts, measuredTexts, percent, unsettleableTexts, verdictTexts, wattHours, watts } from './words.ts'

const verdictClass: Record<Verdict, string> = { delivered: 'good', partial: 'warn', missed: 'bad', unverifiable: 'warn' }

export function headline({ r, times }: PageContext): Html {
  const e = r.event
  const v = newest(r)?.verification
  const first = e.intervals[0]
  const last = e.intervals.at(-1)
  const status = e.declined === null ? (e.cancelledS === null ? 'not verified yet' : 'cancelled, not verified') : `declined: ${e.declined}`
  return html`<header>
<p class="soft">Event report${e.test ? ' · test event' : ''}</p>
<h1>${e.id}</h1>
<p>${classTexts[e.class]}, programme ${e.programme}${e.programmeVersion === null ? '' : ` (version ${e.programmeVersion})`}, from ${e.adapter} ${e.peer}, revision ${e.revision}.
${first && last ? html`${times.full(first.fromS * 1000)} to ${times.full(Math.min(last.toS, e.cancelledS ?? last.toS) * 1000)}${times.zone === 'UTC' ? ' UTC' : ''}.` : null} Targets: ${e.targets.join(', ')}; ${e.members} chargers.</p>
<p>${v ? html`<span class="${verdictClass[v.verdict]}">Verdict: ${verdictTexts[v.verdict]}</span>` : html`<span class="warn">▲ ${status}</span>`}${v?.unsettleable ? html` <span class="warn">▲ not settleable: ${unsettleableTexts[v.unsettleable]}</span>` : null}</p>
${
  v
    ? facts([
        ['Asked', wattHours(v.askedWh)],
        [
          'Delivered',
          wattHours(v.deliveredWh),
          v.measured ? `${wattHours(v.measured.lowWh)} to ${wattHours(v.measured.highWh)} by the meters’ accuracy` : null,
        ],
        ['Ratio', percent(v.ratio), v.measured?.result ? measuredTexts[v.measured.result] : null],
        ['Baseline', wattHours(v.baselineWh), `ruleset ${v.baselineRule}`],
        ['Actual', wattHours(v.actualWh)],
        ['Coverage', percent(v.coverage), 'of the time of those that count is metered'],
        [
          'Settled window',
          durationText(v.window.toS - v.window.fromS),
          html`${times.clock(v.window.fromS * 1000)} to ${times.clock(v.window.toS * 1000)}`,
        ],
        ...(v.gbp === undefined ? [] : ([['Worth', `£${v.gbp.toFixed(2)}`, 'before any pay factor']] as const)),
      ])
    : null
}
${(v?.overlaps ?? []).map(o => html`<p class="warn">▲ At the same time ${o.chargers} of its chargers were in event <b>${o.id}</b> of programme ${o.programme}, ${times.clock(o.fromS * 1000)} to ${times.clock(o.toS * 1000)}. ${o.refused ? 'That event came before: nothing of them is settled here while it lasts.' : 'Each verdict measures for itself: the same drop may stand in both.'}</p>`)}
</header>`
}

export function chartsOf({ r, times }: PageContext): Readonly<Record<string, Chart>> {
  const { series, event } = r
  const atS = [...atOf(series), (series.fromMs + series.actualW.length * series.stepMs) / 1000]
  const shades = event.intervals.map(i => [i.fromS, Math.min(i.toS, event.cancelledS ?? i.toS)] as const)
  const line = (label: string, color: string, column: PowerSeries['actualW'], more: Partial<Line> = {}): Line => ({
    label,
    color,
    values: ended(gapped(column)),
    ...more,
  })
  const power: Line[] = [
    line('Upper end of the error', 'none', series.highW, { width: 0 }),
    line('Lower end of the error', 'none', series.lowW, { width: 0 }),
    line('Baseline', 'baseline', series.baselineW, { dash: [8, 5] }),
    line('Target', 'target', series.targetW, { dash: [2, 4] }),
    line('Actual', 'actual', series.actualW),
  ]
  const told: Line[] = [
    line('Commanded', 'baseline', summed(series.commanded), { dash: [8, 5] }),
    line('Answered', 'actual', summed(series.answered)),
  ]
  const isChanging = times.isChanging(series.fromMs, atS.at(-1)! * 1000)
  const common = { atS, shades, zone: times.zone, isChanging }
  return { power: { ...common, unit: 'W', lines: power, band: [0, 1] }, told: { ...common, unit: 'n', lines: told, band: null } }
}
const atOf = (s: PowerSeries): number[] => Array.from({ length: s.actualW.length }, (_, k) => (s.fromMs + k * s.stepMs) / 1000)
function summed(column: PowerSeries['commanded']): number[] {
  let sum = 0
  return Array.from(column as ArrayLike<number | null>, n => (sum += n ?? 0))
}

/** A chart with what it says in words, and the same as a table. `isBanded`: its first two lines are the ends of a band, and not in the legend. */
export const figure = (
  id: string,
  summary: Html,
  key: Html,
  asTable: Html,
  { isBanded = id === 'power' } = {},
): Html => html`<figure aria-labelledby="${id}-says">
<figcaption id="${id}-says">${summary}</figcaption>${key}
<div class="plot${isBanded ? ' banded' : ''}" data-chart="${id}" role="img" aria-labelledby="${id}-says"></div>
<details class="plotted"><summary>Show as table</summary>${asTable}</details>
</figure>`

export function powerSection(context: PageContext): Html {
  const { r, times } = context
  const { series, rebound, response } = r
  const rows = atOf(series).map((atS, k) => [
    times.clock(atS * 1000),
    ...[series.targetW, series.baselineW, series.actualW, series.lowW, series.highW].map(c => cell(known(c[k]))),
    percent(known(series.coverage[k])),
  ])
  const heads = [['Time'], ['Target', 'n'], ['Baseline', 'n'], ['Actual', 'n'], ['Low', 'n'], ['High', 'n'], ['Coverage', 'n']] as const
  const key = html`<ul class="key"><li><span style="color:var(--actual)"></span>actual</li><li><span class="band"></span>within the meters’ accuracy</li><li><span class="dash" style="color:var(--baseline)"></span>baseline</li><li><span class="dot" style="color:var(--target)"></span>target</li><li><span class="band" style="background:var(--shade)"></span>asked</li></ul>`
  const step = durationText(series.stepMs / 1000)
  return html`<section><h2>Power</h2>
${figure('power', powerSummary(context), key, table(`Power by ${step}`, heads, rows))}
<p class="soft">Means over ${step}. A charger that is not metered in a step counts at its baseline: what is not seen is no delivery. Where less than half of the chargers are metered, there is a gap.</p>
<h3>Response and rebound</h3>
${
  response
    ? facts([
        ['50 % of the ask', after(response.t50S), 'from the signal, by meters'],
        ['90 % of the ask', after(response.t90S), `resolution ${durationText(response.resolutionS)}`],
        ['Worst fall in 60 s', response.ramp ? watts(response.ramp.fallW) : 'not resolved', 'by meters'],
        ['Worst rise in 60 s', response.ramp ? watts(response.ramp.riseW) : 'not resolved', 'by meters'],
        ['Over-delivery', response.overWh === null ? 'unknown' : wattHours(response.overWh), 'beyond the ask of a period'],
      ])
    : html`<p class="soft">No response to measure: the event is not verified.</p>`
}
${
  rebound
    ? facts([
        ['Rebound', wattHours(rebound.reboundWh), `above the baseline in the ${durationText(rebound.toS - rebound.fromS)} after`],
        ['Payback', percent(rebound.paybackRatio), 'of what was delivered'],
        ['Peak after', watts(rebound.peakW), `${percent(rebound.peakRatio)} of the highest baseline before`],
        ['Settled within 5 %', rebound.settledAfterS === null ? 'not seen' : durationText(rebound.settledAfterS), 'after the end'],
      ])
    : html`<p class="soft">Nothing was metered after the event yet.</p>`
}</section>`
}
const after = (s: number | null): string => (s === null ? 'never' : durationText(s))
const cell = (w: number | null): string => (w === null ? 'no data' : minus(watts(w)))

function powerSummary({ r, times }: PageContext): Html {
  const { series } = r
  const v = newest(r)?.verification
  const values = gapped(series.actualW).filter(x => x !== null)
  if (values.length === 0) return html`No power was metered.`
  const gaps = series.actualW.length - values.length
  const window = v && v.window.toS > v.window.fromS ? v.window : undefined
  const hours = window ? (window.toS - window.fromS) / 3600 : 0
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  return html`${
    window && v
      ? `In the settled window load was ${watts(v.actualWh / hours)} on average, against a baseline of ${watts(v.baselineWh / hours)}: ${watts(v.deliveredWh / hours)} less, of ${watts(v.askedWh / hours)} asked. `
      : ''
  }From ${times.text(series.fromMs)} on, metered load lay between ${watts(low)} and ${watts(high)}${gaps === 0 ? '' : `; ${gaps} of ${series.actualW.length} steps are gaps`}.`
}

export function commandsSection({ r, times }: PageContext): Html {
  const { commands, series } = r
  const answers = Object.entries(commands.outcomes).map(([kind, n]) => `${n} ${kind}`)
  const [told, answered] = [summed(series.commanded), summed(series.answered)]
  const rows = atOf(series).flatMap((atS, k) =>
    (series.commanded[k] ?? 0) + (series.answered[k] ?? 0) === 0 ? [] : [[times.clock(atS * 1000), told[k] ?? null, answered[k] ?? null]],
  )
  const key = html`<ul class="key"><li><span class="dash" style="color:var(--baseline)"></span>chargers commanded</li><li><span style="color:var(--actual)"></span>chargers that answered</li></ul>`
  const summary = html`${commands.sent} commands to ${commands.chargers} of ${r.event.members} chargers${answers.length === 0 ? '' : `: ${answers.join(', ')}`}. An answer is not a response: only meters verify.`
  return html`<section><h2>Commands and answers</h2>
${figure('told', summary, key, table('Chargers commanded and answered, summed', [['Time'], ['Commanded', 'n'], ['Answered', 'n']], rows))}
${facts([
  ['Signal received', times.clock(r.event.receivedMs)],
  ['First command', commands.firstMs === null ? 'none' : times.clock(commands.firstMs)],
  ['Last first command', commands.lastFirstMs === null ? 'none' : times.clock(commands.lastFirstMs)],
  ['Half had answered', commands.answerMs ? seconds(commands.answerMs.p50) : 'unknown', 'after their command'],
  ['90 % had answered', commands.answerMs ? seconds(commands.answerMs.p90) : 'unknown'],
  ['Slowest answer', commands.answerMs ? seconds(commands.answerMs.max) : 'unknown'],
])}
<p class="soft">Of those that answered, from the first command to the first answer. The record's clock ticks with its turns, about once a second. Limits are sent ahead and begin to act at each charger's own time within the random delay${r.event.spread ? ` (start over ${durationText(r.event.spread.startS)}, end over ${durationText(r.event.spread.endS)})` : ''}.</p>
<h3>What was asked</h3>
${table(
  'Intervals',
  [['From'], ['To'], ['Ask']],
  r.event.intervals.map(i => [
    times.full(i.fromS * 1000),
    i.toS >= 0xffffffff ? 'open' : times.full(i.toS * 1000),
    askText(i.ask) + (i.failsafe ? ' (failsafe: the source was silent)' : ''),
  ]),
)}</section>`
}
const seconds = (ms: number): string => (ms < 1000 ? 'under 1 s' : durationText(ms / 1000))

export function daysSection({ r, times }: PageContext): Html {
  const verdict = newest(r)
  if (!verdict) return html`<section><h2>Baseline</h2><p class="soft">Not verified: no baseline was made.</p></section>`
  const { verification: v, days } = verdict
  const b = v.baseline
  return html`<section><h2>Baseline</h2>
<p>Ruleset <b>${v.baselineRule}</b>, pinned when the event was accepted.${v.baselineRule.startsWith(METER_BEFORE.id) ? html` It was read from ${times.full(v.window.baselineFromS * 1000)} to ${times.clock(v.window.baselineToS * 1000)}.` : null}</p>
${givenLines(v)}
${b ? html`<p>${b.adjusted} chargers adjusted by the event day, ${b.capped} of them up to the cap; ${b.insufficient} with too few days.</p>` : null}
${
  days
    ? [
        table(
          'Days selected',
          [['Day'], ['Chargers', 'n']],
          days.selected.slice(0, 100).map(d => [d.day, d.chargers]),
        ),
        table(
          'Days looked at and left out',
          [['Day'], ['Why'], ['Chargers', 'n']],
          days.excluded.slice(0, 200).map(d => [d.day, d.why, d.chargers]),
        ),
      ]
    : html`<p class="soft">This rule uses no days of history.</p>`
}</section>`
}

/** What a baseline was made of beside the meters. */
function givenLines({ nomination: n, weather: w, control: c }: Verification): Html[] {
  return [
    ...(n
      ? [
          html`<p>Nominated before the deadline of the rule, by units: ${n.units}, with ${n.chargers} chargers${n.ignored > 0 ? `; nominations that came after it and do not count: ${n.ignored}` : ''}. A charger has the share of its unit that its rated power has.</p>`,
        ]
      : []),
    ...(w
      ? [
          html`<p>Days alike in the highest temperature of <b>${w.name}</b>: ${w.days} days known, ${w.missing} missing, ${w.late} of ${w.count} values late; SHA-256 <code>${w.root}</code>.</p>`,
        ]
      : []),
    ...(c
      ? [
          html`<p>${c.asked} chargers asked, ${c.heldOut} held out by draw, ${c.neither} in neither group (${c.disturbed} because of another event). Difference in differences per charger: <b>${watts(c.effectW)}</b>, ${watts(c.lowW)} to ${watts(c.highW)} (standard error ${watts(c.standardErrorW)}). Before the event both groups differed by t ${twoPlaces(c.balanceT)}, standardised mean difference ${twoPlaces(c.balanceSmd)}${c.doubt === null ? '' : `: ${unsettleableTexts[c.doubt]}`}.</p>`,
        ]
      : []),
  ]
}
const twoPlaces = (x: number | null): string => (x === null ? 'unknown' : x.toFixed(2))

export function revisionsSection({ r, times }: PageContext): Html {
  if (r.verdicts.length === 0) return html``
  const rows = r.verdicts.map(({ atMs, leaf, verification: v }, k) => [
    v.verdictRevision ?? k + 1,
    times.full(atMs),
    v.verdict,
    wattHours(v.deliveredWh),
    percent(v.ratio),
    changesOf(r.verdicts[k - 1]?.verification, v).join('; ') || (k === 0 ? 'first verdict' : 'nothing'),
    leaf,
  ])
  return html`<section><h2>Verdicts</h2>
<p>A verdict is never edited: late or corrected data make the next one. The last one counts.</p>
${table('Revisions', [['Verdict', 'n'], ['Recorded'], ['Result'], ['Delivered', 'n'], ['Ratio', 'n'], ['What changed'], ['Log entry', 'n']], rows)}</section>`
}

export function proofSection({ r }: PageContext): Html {
  const { log } = r
  const readings = newest(r)?.verification.readings
  return html`<section><h2>Proof</h2>
<p>This report was made from a log of ${log.size} entries that nobody can change unseen. The signal is entry ${log.signalLeaf ?? 'unknown'}. Keep this checkpoint: a later log must extend it.</p>
<pre>${log.checkpoint.trimEnd() || 'none yet'}</pre>
${readings ? html`<p>The last verdict stands on ${readings.count} readings of ${readings.chargers} chargers (${readings.estimated} estimated, ${readings.flawed} otherwise flawed), whose Merkle root is <code>${readings.root}</code>.</p>` : null}
<p>Verify the log without us:</p>
<pre>${log.command}</pre></section>`
}
