import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type * as schemas from '../api/schemas.ts'
import { askText } from '../report/words.ts'
import { pages } from './client.ts'
import type { Context } from './context.ts'
import { overlapText, percent, wattHours, watts } from './output.ts'

type Event = z.output<typeof schemas.event>
type Detail = z.output<typeof schemas.eventDetail>
const path = (id: string): string => `/v1/events/${encodeURIComponent(id)}`

export async function list(context: Context<{ state?: string }>): Promise<undefined> {
  const { out, options } = context
  const query = options.state === undefined ? '' : `?state=${encodeURIComponent(options.state)}`
  const events = await pages<Event>(await context.client(), `/v1/events${query}`)
  out.list(
    events,
    [
      { key: 'no', title: 'NO', right: true },
      { key: 'state', title: 'STATE' },
      { key: 'class', title: 'CLASS' },
      { key: 'from', title: 'FROM' },
      { key: 'until', title: 'UNTIL' },
      { key: 'programme', title: 'PROGRAMME' },
      { key: 'id', title: 'ID' },
    ],
    'id',
  )
}

export async function show(context: Context, id: string): Promise<undefined> {
  const client = await context.client()
  const { body } = await client(path(id))
  context.out.result(body, detailText(body as Detail))
}

/** What its random delays were drawn from. Refused (exit 5) before the event is over. */
export async function seed(context: Context, id: string): Promise<undefined> {
  const client = await context.client()
  const { body } = await client(`${path(id)}/seed`)
  const s = body as z.output<typeof schemas.seed>
  context.out.result(
    s,
    [
      `${s.event}: seed ${s.seed}`,
      `  SHA-256 of salt ${s.salt} and seed is ${s.hash}, in leaf ${s.leaf} of the log`,
      `  made of signal ${s.signalHash} with key ${s.key}, which is made with the key whose SHA-256 is ${s.keyHash}`,
      s.committed
        ? `  it is key ${s.committed.slot} of the ${s.committed.count} that entry ${s.committed.leaf} of the log committed to, before any other, with root ${s.committed.root}`
        : '  SHA-256 of that key was committed to in the log before; whether no other was, a pack says (audit export)',
    ].join('\n'),
  )
}

/** An event as a person reads it. Pure. */
export function detailText(d: Detail): string {
  const { event: e, progress: p, verification: v } = d
  const last = newest(d.series?.points ?? [])
  return [
    `${e.id}: ${e.state}${d.declined === null ? '' : ` (${d.declined})`}, ${e.class}, programme ${e.programme}, revision ${e.revision}`,
    `  from ${e.from} until ${e.until ?? 'cancelled'}${d.spread === null ? '' : `, starts spread over ${d.spread.startS} s, ends over ${d.spread.endS} s`}`,
    ...(d.exemption === null ? [] : [`  no random delay at the start: ${exemptionText(d.exemption)}`]),
    ...d.intervals.map(
      i => `  ask ${i.from} to ${i.until ?? 'open'}: ${askText(i.ask)}${i.failsafe ? ' (failsafe: the source is silent)' : ''}`,
    ),
    ...(last === undefined
      ? []
      : [`  measured ${watts(last.measuredW)} (target ${watts(last.targetW)}) at ${last.at}, coverage ${percent(last.coverage)}`]),
    ...(p === null
      ? []
      : [
          `  chargers ${p.targeted} targeted, ${p.usable} usable, ${p.limited} limited: ${p.answered} answered, ${p.silent} silent, ${p.inDelay} in random delay, ${p.offline} offline`,
          `  besides ${p.refused} refused, ${p.optedOut} opted out; asked ${watts(p.missingW)} more for shortfall`,
        ]),
    ...(v === null
      ? ['  not verified yet']
      : [
          `  verdict ${v.verdict}: asked ${wattHours(v.askedWh)}, baseline ${wattHours(v.baselineWh)}, delivered ${wattHours(v.deliveredWh)}, ratio ${percent(v.ratio)}, coverage ${percent(v.coverage)}`,
          `  ${v.counts.compliant} compliant, ${v.counts.notCompliant} not, ${v.counts.noData} without data; causes ${JSON.stringify(v.causes)}`,
          ...verdictLines(v),
        ]),
  ].join('\n')
}
/** Whose claim it is stands with it: it is theirs, not a conclusion of ours. */
export const exemptionText = ({ by, basis }: NonNullable<Detail['exemption']>): string => `${basis} (claimed by the ${by})`
/** What besides the figures a reader of a verdict must know. */
function verdictLines(v: NonNullable<Detail['verification']>): string[] {
  const { measured: m, changed: c, findingCounts = {}, former = [] } = v
  const results = {
    pass: 'reaches the ask',
    fail: 'does not reach the ask',
    withinMeasurementError: 'reaches the ask or not: within measurement error',
  }
  return [
    ...(m?.result ? [`  meters allow ${wattHours(m.lowWh)} to ${wattHours(m.highWh)}: ${results[m.result]}`] : []),
    `  baseline by ${v.baselineRule}${v.unsettleable === undefined ? '' : `; not to be settled on (${v.unsettleable})`}`,
    ...(v.overlaps ?? []).map(o => `  ${overlapText(o)}`),
    ...inputLines(v),
    ...(Object.keys(findingCounts).length === 0
      ? []
      : [
          `  wrong with the readings: ${Object.entries(findingCounts)
            .map(([kind, n]) => `${kind} ${n}`)
            .join(', ')}`,
        ]),
    ...(c
      ? [
          `  revision ${v.verdictRevision} of the verdict: readings of ${c.chargers} charger${c.chargers === 1 ? '' : 's'} came late or were corrected, delivered ${wattHours(c.deliveredWh)}${c.gbp === undefined ? '' : ` (GBP ${c.gbp.toFixed(2)})`} more`,
        ]
      : []),
    ...former.map(f => `  revision ${f.verdictRevision} was ${f.verdict}: delivered ${wattHours(f.deliveredWh)}`),
  ]
}
/** What the baseline was made of beside readings. */
function inputLines({ nomination: n, weather: w, control: c }: NonNullable<Detail['verification']>): string[] {
  return [
    ...(n
      ? [
          `  nominated by ${n.units} unit${n.units === 1 ? '' : 's'} (${n.chargers} chargers)${n.ignored > 0 ? `; ▲ ${n.ignored} nominations came too late to count` : ''}`,
        ]
      : []),
    ...(w ? [`  temperatures of ${w.name}: ${w.days} days known${w.missing > 0 ? `, ▲ ${w.missing} missing` : ''}`] : []),
    ...(c
      ? [
          `  ${c.asked} asked beside ${c.heldOut} held out by draw: ${watts(c.effectW)} less each (${watts(c.lowW)} to ${watts(c.highW)}), balance t ${c.balanceT?.toFixed(2) ?? 'unknown'}`,
        ]
      : []),
  ]
}
/** The newest figure; not that of a step that has only begun: only the few chargers that were read since are in its sum. */
function newest(points: NonNullable<Detail['series']>['points']) {
  const [before, last] = points.filter(p => p.measuredW !== null).slice(-2)
  return before && last && last.coverage < before.coverage ? before : (last ?? before)
}
/** Cancels the revision that was looked at: if it changes in between, the bridge refuses (exit 5). */
export async function cancel(context: Context<{ atOnce?: boolean; reason: string }>, id: string): Promise<undefined> {
  const client = await context.client()
  const seen = await client(path(id))
  const etag = seen.headers.get('etag')
  const { body } = await client(`${path(id)}/cancel`, {
    body: { reason: context.options.reason, atOnce: context.options.atOnce ?? false },
    headers: { 'idempotency-key': randomUUID(), ...(etag === null ? {} : { 'if-match': etag }) },
  })
  context.out.result(body, `${(body as Event).id}: ${(body as Event).state}`)
}
