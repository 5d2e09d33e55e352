import { createHash } from 'node:crypto'
import type { NodeNo, Second } from '../core/model.ts'
import {
  type Day,
  dayText,
  localDay,
  midnightS,
  offsetS,
  parseDay,
  periodsOf,
  slotOfPeriod,
  slotS,
  type Zone,
} from '../core/verify/calendar.ts'
import { type Cadence, cadences, daysOf, deadlineS, firstDayOf, type SubmissionState, submissionState } from '../core/verify/deadline.ts'
import { available, type DayLoads, errorOfForecast, likeWeekday } from '../core/verify/forecast.ts'
import { isWhole } from '../core/verify/series.ts'
import { chargersUnder } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { csvText } from './csv.ts'
import { findNode, pathName } from './names.ts'
import { nominatedFact } from './nominations.ts'
import { type By, done, invalid, isoS, type Result, refuse, seconds } from './result.ts'

export const submissionKinds = ['baseline', 'availability'] as const
export type SubmissionKind = (typeof submissionKinds)[number]
export type DraftRequest = {
  readonly node: string
  readonly kind: SubmissionKind
  readonly cadence: Cadence
  /** `2026-11-23`, a day of it; without one the next that can be submitted in time. */
  readonly day?: string | undefined
  /** RFC 3339, where the buyer's deadline is another than ours; see `deadlineS`. */
  readonly deadline?: string | undefined
}
export type Submission = {
  readonly id: string
  readonly kind: SubmissionKind
  readonly cadence: Cadence
  readonly node: { readonly no: NodeNo; readonly path: string }
  readonly zone: Zone
  readonly firstDay: string
  readonly days: number
  readonly byS: Second
  /** Grows with each draft; what was sent is one of them. */
  readonly revision: number
  readonly draftedS: Second
  readonly sentS: Second | null
  /** Mean power of each half hour, W; null where nothing is known to say it from. */
  readonly slots: readonly { readonly fromS: Second; readonly w: number | null }[]
  /** What the forecast was wrong by in the last two weeks, made as this one was. */
  readonly error: { readonly days: number; readonly mpe: number | null; readonly maeW: number | null; readonly cvrmse: number | null }
  readonly chargers: number
  /** Share of charger-time of the past that was metered, by whole half hours: chargers without a meter are in no forecast. */
  readonly coverage: number
}
export type SubmissionView = Submission & { readonly state: SubmissionState }

const PREFIX = 'submission.'
const HALF_HOUR_S = 1800
const SLOTS = 48
/** The terms are those of GB. */
const ZONE: Zone = 'Europe/London'
const [WEEKS, TEST_DAYS] = [4, 14]
const CHUNK = 500

/**
 * Baselines and availability as buyers want them before an event: drafted from the meters, with the forecast's own error, sent by a person who uploads the
 * file (no buyer's interface is assumed). Kept in the registry, so a restart loses none; each draft and each sending is in the log.
 */
export function createSubmissions(engine: Engine) {
  const keep = (x: Submission): Promise<void> => engine.registry.set(PREFIX + x.id, JSON.stringify(x))
  const read = (id: string): Submission | undefined => {
    const kept = engine.registry.get(PREFIX + id)
    return kept === undefined ? undefined : (JSON.parse(kept) as Submission)
  }
  const view = (x: Submission): SubmissionView => ({ ...x, state: submissionState(x.cadence, x.byS, x.sentS, seconds(engine.now())) })
  const missing = (id: string) =>
    refuse('notFound', 'submission-not-found', `no submission ${JSON.stringify(id)}`, 'see GET /v1/submissions')

  return {
    /** By deadline. */
    list: (): SubmissionView[] =>
      [...engine.registry.keys(PREFIX)]
        .map(key => view(read(key.slice(PREFIX.length))!))
        .sort((a, b) => a.byS - b.byS || (a.id < b.id ? -1 : 1)),

    show(id: string): Result<SubmissionView> {
      const kept = read(id)
      return kept ? done(view(kept)) : missing(id)
    },

    /** Again: the next revision, to be sent again. @returns `node-not-found`, `bad-day`, `bad-deadline`, `day-over` */
    async draft(request: DraftRequest, by: By): Promise<Result<SubmissionView>> {
      const node = findNode(engine.registry, request.node)
      if (!node.ok) return node
      const nowS = seconds(engine.now())
      const first = firstDay(request, nowS)
      if (!first.ok) return first
      const byS = request.deadline === undefined ? deadlineS(request.cadence, first.value, ZONE) : seconds(Date.parse(request.deadline))
      if (Number.isNaN(byS))
        return invalid('bad-deadline', '#/deadline', request.deadline, 'the deadline is no instant', 'as in 2026-11-22T12:00:00Z')
      const id = `${request.kind}-${request.cadence}-${node.value}-${dayText(first.value)}`
      const drafted: Submission = {
        id,
        kind: request.kind,
        cadence: request.cadence,
        node: { no: node.value, path: pathName(engine.registry, node.value) },
        zone: ZONE,
        firstDay: dayText(first.value),
        days: daysOf[request.cadence],
        byS,
        revision: (read(id)?.revision ?? 0) + 1,
        draftedS: nowS,
        sentS: null,
        ...(await forecastOf(engine, node.value, request.kind, first.value, daysOf[request.cadence], nowS)),
      }
      await keep(drafted)
      await engine.bridge.note('submissionDrafted', aboutOf(drafted, by))
      return done(view(drafted))
    },

    /**
     * Says that this revision was handed to the buyer. Later than the deadline is on record as late. @returns `submission-not-found`,
     * `revision-mismatch`, `already-sent`
     */
    async sent(id: string, revision: number, by: By): Promise<Result<SubmissionView>> {
      const kept = read(id)
      if (!kept) return missing(id)
      if (kept.revision !== revision)
        return refuse('preconditionFailed', 'revision-mismatch', `it is at revision ${kept.revision}, not ${revision}`, 'look at it again')
      if (kept.sentS !== null)
        return refuse('conflict', 'already-sent', `it was sent at ${isoS(kept.sentS)}`, 'draft it again to send another')
      const sent = { ...kept, sentS: seconds(engine.now()) }
      const raw = new TextEncoder().encode(submissionCsv(sent))
      const about = { ...aboutOf(sent, by), state: view(sent).state, sha256: createHash('sha256').update(raw).digest('hex') }
      // what was sent as a baseline is the nomination that events are verified by, where their ruleset asks for one
      const nominated = kept.kind === 'baseline' ? nominatedFact(kept.node.no, kept.slots, `${id} revision ${revision}`) : undefined
      if (nominated) await engine.handle(nominated)
      await engine.bridge.note('submissionSent', about, raw)
      // last: what could not be recorded is not said to be sent, and may be sent again
      await keep(sent)
      return done(view(sent))
    },
  }
}
export type Submissions = ReturnType<typeof createSubmissions>

const aboutOf = (x: Submission, by: By) => ({
  ...{ submission: x.id, revision: x.revision, kind: x.kind, cadence: x.cadence, node: x.node.no, by: by.name },
  ...{ deadline: isoS(x.byS), mpe: x.error.mpe, cvrmse: x.error.cvrmse },
})

/** Without a day: the next whose deadline has not passed. */
function firstDay({ cadence, day: text }: DraftRequest, nowS: Second): Result<Day> {
  const today = localDay(ZONE, nowS)
  if (text === undefined) {
    let day = firstDayOf(cadence, today + daysOf[cadence])
    while (deadlineS(cadence, day, ZONE) < nowS) day += daysOf[cadence]
    return done(day)
  }
  const day = parseDay(text)
  if (day === undefined) return invalid('bad-day', '#/day', text, 'there is no such day', 'as in 2026-11-23')
  const first = firstDayOf(cadence, day)
  return first <= today
    ? refuse('conflict', 'day-over', `${dayText(first)} has begun: its load is metered, not forecast`)
    : first > today + 60
      ? invalid('bad-day', '#/day', text, 'more than 60 days ahead there is nothing to say')
      : done(first)
}

async function forecastOf(engine: Engine, node: NodeNo, kind: SubmissionKind, first: Day, days: number, nowS: Second) {
  const who = chargersUnder(engine.state().fleet, [{ kind: 'node', node }])
  const newest = localDay(ZONE, nowS) - 1
  const { loads, coverage } = await loadsOf(engine, who, newest + 1 - 7 * (WEEKS + 2) - TEST_DAYS, newest)
  // the last day of a week is the hardest to know, and stands for all of it
  const error = errorOfForecast(loads, first + days - 1 - newest, WEEKS, TEST_DAYS)
  const slots = Array.from({ length: days }, (_, d) => {
    const wh = likeWeekday(loads, first + d - newest, WEEKS)
    return slotsOfDay(first + d, kind === 'baseline' ? wh : available(wh, error))
  }).flat()
  const toW = (wh: number | null): number | null => (wh === null ? null : wh * 2)
  return {
    ...{ slots, coverage, chargers: who.length },
    error: { days: TEST_DAYS, mpe: error.mpe, maeW: toW(error.maeWh), cvrmse: error.cvrmse },
  }
}
/** 46, 48 or 50 half hours: each has the value of its clock time. */
const slotsOfDay = (day: Day, wh: Float64Array): Submission['slots'] =>
  Array.from({ length: periodsOf(ZONE, day) }, (_, period) => {
    const own = wh[slotOfPeriod(ZONE, day, period)]!
    return { fromS: midnightS(ZONE, day) + period * HALF_HOUR_S, w: Number.isNaN(own) ? null : Math.round(own * 2) }
  })

/** Below this share of whole half hours, of all in which somebody was heard, nothing is known of a half hour. */
const MIN_WHOLE = 0.5
/**
 * Sum of the chargers' metered energy by day and clock half hour. Of a half hour that a charger was metered for in part its energy is not known: the mean of those
 * that were metered for all of it stands in its place. A charger that was not heard at all counts for nothing. A few hundred chargers at a time, so that
 * memory does not hang on the fleet.
 */
async function loadsOf(engine: Engine, who: Uint32Array, fromDay: Day, toDay: Day): Promise<{ loads: DayLoads; coverage: number }> {
  const days = toDay - fromDay + 1
  const [sums, whole, heard] = [new Float64Array(days * SLOTS), new Float64Array(days * SLOTS), new Float64Array(days * SLOTS)]
  const span = { fromS: midnightS(ZONE, fromDay), toS: midnightS(ZONE, toDay + 1), stepS: HALF_HOUR_S as 1800 }
  const steps = Array.from(sums, (_, cell) => (slotS(ZONE, fromDay + Math.floor(cell / SLOTS), cell % SLOTS) - span.fromS) / HALF_HOUR_S)
  const sorted = who.slice().sort()
  for (let from = 0; from < sorted.length; from += CHUNK) {
    const { wh, flaws, count, who: own } = await engine.meters.history(sorted.subarray(from, from + CHUNK), span)
    for (let row = 0; row < own.length; row++)
      for (let cell = 0; cell < sums.length; cell++) {
        const at = row * count + steps[cell]!
        if (Number.isNaN(wh[at]!)) continue
        heard[cell]!++
        if (!isWhole(flaws[at]!)) continue
        sums[cell]! += wh[at]!
        whole[cell]!++
      }
  }
  const total = whole.reduce((sum, n) => sum + n, 0)
  const known = (wh: number, cell: number): number =>
    whole[cell] === 0 || whole[cell]! < heard[cell]! * MIN_WHOLE ? Number.NaN : (wh * heard[cell]!) / whole[cell]!
  return {
    loads: { days, slots: SLOTS, wh: sums.map(known) },
    coverage: who.length === 0 ? 0 : total / (who.length * sums.length),
  }
}

/**
 * The file that is uploaded: a line per half hour, in UTC and by the clock, with how far that is ahead of UTC (one hour comes twice in October), mean power in
 * kW; empty where nothing is known.
 */
export const submissionCsv = ({ slots, zone }: Pick<Submission, 'slots' | 'zone'>): string =>
  csvText(
    ['from_utc', 'to_utc', 'local_date', 'local_time', 'kw', 'utc_offset_min'],
    slots.map(({ fromS, w }) => {
      const local = isoS(fromS + offsetS(zone, fromS))
      return {
        from_utc: isoS(fromS),
        to_utc: isoS(fromS + HALF_HOUR_S),
        local_date: local.slice(0, 10),
        local_time: local.slice(11, 16),
        kw: w === null ? null : (w / 1000).toFixed(3),
        utc_offset_min: offsetS(zone, fromS) / 60,
      }
    }),
  )
export { cadences }
