import { type Html, html } from '../../src/report/escape.ts'
import { type Cell, type Head, table } from '../../src/report/table.ts'
import { number, type Table, text, ts } from '../../src/report/tables.ts'
import { wattHours } from '../../src/report/words.ts'
import type { PlayedEvent } from '../scenario/play.ts'
import type { Run } from './run.ts'

/** A row per interval of each meter that is no charger's, by meter; what it did not send too. */
export function metersTable({ played: { meters } }: Run): Table {
  const rows = meters.flatMap(meter => meter.intervals.map(interval => ({ meter, interval })))
  const of = (k: number) => rows[k]!.interval
  return {
    name: 'meters',
    rows: rows.length,
    fields: [
      ts('from_ts_utc', 'start of the interval, by the stamps of the meter', k => of(k).fromMs),
      ts('to_ts_utc', '', k => of(k).toMs),
      text('meter', 'its place', k => rows[k]!.meter.place),
      text('kind', 'site, feeder, substation', k => rows[k]!.meter.kind),
      number('sent_wh', 'what it sent, as it is told to be meant; empty where it sent nothing', k => sentWh(of(k))),
      ts('received_ts_utc', 'when that was due at the bridge; empty where it sent nothing', k =>
        of(k).kwh === null ? null : of(k).dueMs[0]!,
      ),
      number('register_wh', 'its register at the end', k => of(k).registerWh),
      number('chargers_wh', 'what the chargers under it really drew', k => of(k).chargersWh),
      number('other_wh', 'what everything else under it really drew, less what was generated', k => of(k).otherWh),
      text('faults', 'gap, late, reset, duplicate, whForKwh', k => of(k).faults.join(' ') || null),
    ],
  }
}
const sentWh = ({ kwh }: { readonly kwh: number | null }): number | null => (kwh === null ? null : kwh * 1000)

/** Meters that are shown of an event; all are in the table. */
const MOST_METERS = 40
/** Of each event what the meters of sites, feeders and substations say, beside the sum of the chargers under them. Nothing without such meters. */
export function meterSections({ played }: Run): Html[] {
  const seen = played.events.filter(e => e.witnessed.length > 0)
  if (seen.length === 0) return []
  return [
    html`<section class="long"><h2>Meters that are no charger’s</h2>
${seen.map(e => eventTable(played, e))}
<p class="soft">In the event: over the meter's whole intervals within it, as far as they had come in by the end; what chargers and other load really drew only a simulation knows. Drop: over the whole intervals within the settled window, against what the meter read just before, as the bridge reports it; chargers by their own meters. What chargers do not explain is all other load behind the meter, with what it did meanwhile, and what is wrong with the meter. Every interval is in meters.parquet.</p></section>`,
  ]
}
function eventTable({ meters, built }: Run['played'], e: PlayedEvent): Html {
  const heads: Head[] = [
    ['Meter'],
    ...(
      [
        'Chargers',
        'It read in the event',
        'Chargers drew',
        'Other load',
        'Its drop',
        'Commanded',
        'Not commanded',
        'Unexplained',
        'Explained',
      ] as const
    ).map((t): Head => [t, 'n']),
  ]
  const worst = (w: PlayedEvent['witnessed'][number]) => Math.abs(w.gap?.residualWh ?? Number.POSITIVE_INFINITY)
  const rank = new Map(meters.map(m => [m.place, m.kind === 'site' ? 1 : 0]))
  const shown = [...e.witnessed].sort((a, b) => rank.get(a.meter)! - rank.get(b.meter)! || worst(b) - worst(a) || 0).slice(0, MOST_METERS)
  const rows = shown.map(({ meter, chargers, commanded, gap, why }): Cell[] => {
    const inside = meters.find(m => m.place === meter)!.intervals.filter(x => x.fromMs >= e.fromS * 1000 && x.toMs <= e.toS * 1000)
    const sum = (of: (x: (typeof inside)[number]) => number | null) =>
      inside.length === 0 || inside.some(x => of(x) === null) ? null : inside.reduce((total, x) => total + of(x)!, 0)
    return [
      meter,
      `${commanded} of ${chargers}`,
      ...[sum(x => (x.dueMs[0]! > built.endS * 1000 ? null : sentWh(x))), sum(x => x.chargersWh), sum(x => x.otherWh)].map(wh =>
        wh === null ? 'no data' : wattHours(wh),
      ),
      ...(gap
        ? [gap.feederWh, gap.commandedWh, gap.notCommandedWh, gap.residualWh].map(wh => wattHours(wh))
        : [why === 'tooCoarse' ? 'too coarse' : 'no readings', null, null, null]),
    ]
  })
  const left = e.witnessed.length - rows.length
  return table(
    `${e.id}${left > 0 ? ` (feeders first, then the ${rows.length} that are explained worst; ${left} more are not shown)` : ''}`,
    heads,
    rows,
  )
}
