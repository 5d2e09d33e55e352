import { chargerVerdicts, type NonResponse, nonResponses } from '../core/model.ts'
import { type Flaw, flaw } from '../core/verify/series.ts'
import { type Html, html } from './escape.ts'
import { worstFirst } from './levels.ts'
import { answers, known, type LevelRow, levelKinds, NOT_JUDGED, newest } from './model.ts'
import type { PageContext } from './page.ts'
import { type Cell, facts, type Head, table } from './table.ts'
import { durationText } from './times.ts'
import { causeTexts, chargerText, flawTexts, judgedTexts, levelTexts, percent, wattHours, watts } from './words.ts'

/** Rows of a level on the page; all are in the CSV file. */
const MOST_OF_A_LEVEL = 50

export function nonResponders({ r }: PageContext): Html {
  const v = newest(r)?.verification
  if (!v) return html``
  const causes = (Object.entries(v.causes) as [NonResponse, number][])
    .filter(([cause, n]) => cause !== 'none' && n > 0)
    .sort((a, b) => b[1] - a[1])
  const of = causesOfRows(r.chargers.cause, r.chargers.charger)
  const rows = causes.map(([cause, n]) => [
    causeTexts[cause],
    n,
    (of.get(cause) ?? []).map(c => chargerText(c, r.names?.chargers)).join(', '),
  ])
  return html`<section><h2>Who did not respond, and why</h2>
${facts([
  ['● Compliant', v.counts.compliant],
  ['■ Not compliant', v.counts.notCompliant],
  ['▲ No data', v.counts.noData],
  ['Not commanded', v.counts.notCommanded],
])}
${table('By cause', [['Cause'], ['Chargers', 'n'], ['First of them, by number']], rows)}</section>`
}
/** The first ten chargers of each cause. */
function causesOfRows(cause: ArrayLike<number>, charger: ArrayLike<number>): Map<NonResponse, number[]> {
  const out = new Map<NonResponse, number[]>()
  for (let k = 0; k < cause.length; k++) {
    const name = nonResponses[cause[k]!]
    if (name === undefined || name === 'none') continue
    const list = out.get(name) ?? []
    if (list.length < 10) list.push(charger[k]!)
    out.set(name, list)
  }
  return out
}

export function levelsSection(context: PageContext): Html {
  const { r } = context
  const heads: Head[] = [
    ['Level'],
    ['Name'],
    ...(['Chargers', 'Compliant', 'Not', 'No data', 'Not commanded', 'Baseline', 'Actual', 'Delivered', 'Coverage'] as const).map(
      (t): Head => [t, 'n'],
    ),
  ]
  const shown = levelKinds.flatMap(level => r.levels.filter(l => l.level === level).slice(0, MOST_OF_A_LEVEL))
  const left = r.levels.length - shown.length
  return html`<section class="long"><h2>By level</h2>
${table('Largest baseline first', heads, shown.map(levelCells))}
${left > 0 ? html`<p class="soft">${left} more ${fileNote(context, 'levels.csv')}.</p>` : null}
<p class="soft">Sums of the chargers whose baseline and actual energy in the settled window are known. The verdict may count those without readings otherwise, as its ruleset says. A charger that is not used and not plugged in often reports nothing.</p></section>`
}
const levelCells = (l: LevelRow): Cell[] => [
  levelTexts[l.level],
  l.name,
  ...[l.chargers, l.compliant, l.notCompliant, l.noData, l.notCommanded],
  ...[wattHours(l.baselineWh), wattHours(l.actualWh), wattHours(l.deliveredWh), l.coverage === null ? null : percent(l.coverage)],
]
const fileNote = ({ files }: PageContext, name: string): Html =>
  files.includes(name) ? html`in <a href="${name}">${name}</a>` : html`in <code>${name}</code> (written with <code>--format csv</code>)`

export function chargersSection(context: PageContext): Html {
  const { r, times, mostChargers } = context
  const c = r.chargers
  const heads: Head[] = [
    ['Charger'],
    ['Result'],
    ['Cause'],
    ['Last answer'],
    ...(['Limit', 'Baseline', 'Actual', 'Delivered', 'Coverage'] as const).map((t): Head => [t, 'n']),
    ['Commanded'],
    ['Readings'],
  ]
  const rows = worstFirst(c, mostChargers).map((k): Cell[] => [
    chargerText(c.charger[k]!, r.names?.chargers),
    c.verdict[k] === NOT_JUDGED ? 'not verified' : judgedTexts[chargerVerdicts[c.verdict[k]!]!],
    c.cause[k] === NOT_JUDGED || c.cause[k] === 0 ? null : causeTexts[nonResponses[c.cause[k]!]!],
    answers[c.answer[k]!] ?? null,
    ...[c.limitW].map(x => (known(x[k]) === null ? null : watts(known(x[k])))),
    ...[c.baselineWh, c.actualWh, c.deliveredWh].map(x => (known(x[k]) === null ? 'no data' : wattHours(known(x[k])))),
    percent(known(c.coverage[k])),
    known(c.commandedMs[k]) === null ? null : times.clock(known(c.commandedMs[k])!),
    flawNames(c.flaws[k]!).join(', ') || 'good',
  ])
  const left = c.charger.length - rows.length
  return html`<section class="long"><h2>By charger</h2>
<p class="soft">Chargers are numbers; who a number is stands in the registry, outside the log. Worst first.${left > 0 ? html` The other ${left} are ${fileNote(context, 'chargers.csv')}.` : null}</p>
${table(left > 0 ? `The ${rows.length} worst of ${c.charger.length} chargers` : `${rows.length} chargers`, heads, rows)}</section>`
}
export const flawNames = (bits: number): Flaw[] =>
  (Object.entries(flaw) as [Flaw | 'none', number][])
    .filter(([name, bit]) => name !== 'none' && (bits & bit) !== 0)
    .map(([name]) => name as Flaw)

export function settlementSection({ r, times }: PageContext): Html {
  if (r.settlement.length === 0)
    return html`<section><h2>Settlement periods</h2><p class="soft">The verdict has no energies by settlement period.</p></section>`
  const wh = (x: number | null): string => (x === null ? 'no data' : wattHours(x))
  const rows = r.settlement.map((s): Cell[] => [
    html`${times.full(s.fromS * 1000)}`,
    durationText(s.toS - s.fromS),
    ...[
      wh(s.askedWh),
      wh(s.baselineWh),
      wh(s.actualWh),
      wh(s.delivered.none),
      wh(s.delivered.perUnitSP),
      wh(s.delivered.perMeterSP),
      percent(s.ratio),
    ],
  ])
  const heads: Head[] = [
    ['From'],
    ['Length'],
    ...(['Asked', 'Baseline', 'Actual', 'Delivered', 'Floor per unit', 'Floor per meter', 'Ratio'] as const).map((t): Head => [t, 'n']),
  ]
  return html`<section><h2>Settlement periods</h2>
${table('By settlement period', heads, rows)}
<p class="soft">Delivered without a floor; with negative delivery taken for none per unit, and per meter. What a floor adds is not delivery: it is shown so that it is seen.</p></section>`
}

export function witnessSection({ r }: PageContext): Html {
  if (r.witnesses === null || r.witnesses.length === 0) return html``
  const heads: Head[] = [
    ['Meter'],
    ['Node'],
    ...(['Chargers', 'Its drop', 'Commanded', 'Not commanded', 'Unexplained', 'Explained'] as const).map((t): Head => [t, 'n']),
  ]
  const rows = r.witnesses.map(({ gap, ...w }): Cell[] => [
    w.implausible ? `${w.meter} (${w.implausible} readings left out: more than can be)` : w.meter,
    w.node,
    `${w.commanded} of ${w.chargers}`,
    ...(gap
      ? [wattHours(gap.feederWh), wattHours(gap.commandedWh), wattHours(gap.notCommandedWh), wattHours(gap.residualWh), percent(gap.share)]
      : [w.why === 'tooCoarse' ? 'too coarse' : 'no readings', null, null, null, null]),
  ])
  return html`<section><h2>The network operator’s own meters</h2>
${table('Drop of a feeder or substation beside the sum of the chargers under it', heads, rows)}
<p class="soft">Over the meter's whole intervals within the settled window, against what it read just before. What chargers do not explain is unmetered chargers, all other load behind the meter, and losses.</p></section>`
}

export function flawsSection({ r, times }: PageContext): Html {
  const { counts, examples } = r.flaws
  const most = 50
  const rows = examples
    .slice(0, most)
    .map((f): Cell[] => [
      chargerText(f.charger, r.names?.chargers),
      flawTexts[f.kind],
      times.full(f.fromMs),
      durationText((f.toMs - f.fromMs) / 1000),
      f.value === null || !Number.isFinite(f.value)
        ? null
        : f.unit === 'W'
          ? watts(f.value)
          : f.unit === 'Wh'
            ? wattHours(f.value)
            : `${f.value.toFixed(2)} times`,
      f.count,
    ])
  return html`<section class="long"><h2>What is wrong with the readings</h2>
${
  counts.length === 0
    ? html`<p>Nothing was found.</p>`
    : table(
        'Findings by kind',
        [['Kind'], ['Findings', 'n'], ['Chargers', 'n']],
        counts.map(c => [flawTexts[c.flaw], c.count, c.chargers]),
      )
}
${rows.length === 0 ? null : table(examples.length > most ? `The first ${most} findings` : 'Findings', [['Charger'], ['What'], ['From'], ['For'], ['Value', 'n'], ['Readings', 'n']], rows)}
<p class="soft">Readings are flagged, never filled in. What is wrong with one charger changes no other's result.</p></section>`
}
