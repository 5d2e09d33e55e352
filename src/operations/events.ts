import { createHash } from 'node:crypto'
import type { Exemption, GridEvent, NonResponse, Verification } from '../core/model.ts'
import { chargerVerdicts, NEVER_S, nonResponses } from '../core/model.ts'
import { becauseAt } from '../core/rows.ts'
import { answerOf, type EventState, type State, tailS } from '../core/state.ts'
import { countedIn, countsWith } from '../core/verify/coverage.ts'
import { chargersUnder, type EventSummary, eventSummary, targetAt, windowOf } from '../core/views.ts'
import { readingsAround } from '../engine/edgeReadings.ts'
import type { Engine } from '../engine.ts'
import type { EventView } from '../ports.ts'
import { type History, type VerifiedFact, verifiedIn } from './history.ts'
import { nameOfCharger } from './names.ts'
import { type By, done, type Result, refuse, seconds } from './result.ts'
import { revealSeed, type Seed } from './seed.ts'
import { bucketed, bucketsOf } from './series.ts'

export type SeriesPoint = {
  readonly atMs: number
  readonly targetW: number | null
  readonly measuredW: number | null
  readonly coverage: number
}
export type EventDetail = {
  readonly view: EventView
  /** Null once the State has forgotten the event. */
  readonly event: GridEvent | null
  readonly spread: EventState['spread'] | null
  readonly exemption: Exemption | null
  readonly declined: string | null
  readonly summary: EventSummary | null
  readonly verification: Verification | null
  readonly series: { readonly stepMs: number; readonly points: readonly SeriesPoint[] } | null
}
export type ChargerResult = {
  readonly charger: string
  readonly no: number
  readonly verdict: (typeof chargerVerdicts)[number]
  readonly cause: NonResponse
}
export type ResultsPage = { readonly total: number; readonly results: readonly ChargerResult[] }
export type CancelRequest = {
  readonly reason: string
  /** Everybody is freed at once instead of over the restore window. */
  readonly atOnce?: boolean | undefined
  /** Only if the event is at this revision still. */
  readonly revision?: number | undefined
}

/** Time shown before the start and after the last end of an event. */
const LEAD_MS = 15 * 60_000

export const createEvents = (engine: Engine, history: History) => ({
  /** Newest first. `states`: only those in one of them. */
  list(states?: ReadonlySet<EventView['state']>): EventView[] {
    const views = new Map<number, EventView>()
    for (const { view } of history.all()) views.set(view.no, view)
    for (const view of engine.bridge.events()) views.set(view.no, view)
    return [...views.values()].filter(v => !states || states.has(v.state)).sort((a, b) => b.no - a.no)
  },

  /** Target and measured power are sums over the targets. @returns `event-not-found` */
  async show(id: string): Promise<Result<EventDetail>> {
    const view = viewOf(engine, history, id)
    if (!view) return notFound(id)
    const e = engine.state().events.get(view.no)
    const kept = history.get(view.no)
    // The State is read before the first await: afterwards it may have moved on.
    const summary = e ? (eventSummary(engine.state(), view.no, engine.now()) ?? null) : null
    const series = e ? seriesOf(engine, e, kept?.verified ?? undefined) : null
    return done({
      view,
      event: e?.event ?? null,
      spread: e?.spread ?? null,
      exemption: e?.exemption ?? null,
      declined: e?.declined ?? null,
      summary,
      verification: e?.verification ?? kept?.verification ?? null,
      series: await series,
    })
  },

  /** What the meters said of each charger, once verified: as remembered, else from the journal. */
  async results(id: string, from = 0, limit = 500): Promise<Result<ResultsPage>> {
    const found = await verifiedFactOf(engine, history, id)
    if (!found.ok) return found
    const { fact } = found.value
    return done({ total: fact.who.length, results: resultsOf(engine, fact, from, limit) })
  },

  async seed(id: string, by: By): Promise<Result<Seed>> {
    const view = viewOf(engine, history, id)
    return view ? revealSeed(engine, view, by) : notFound(id)
  },

  /** A higher revision without intervals, by the operator. The source of the event is told as of any cancel. */
  async cancel(id: string, request: CancelRequest, by: By): Promise<Result<EventView>> {
    const view = viewOf(engine, history, id)
    if (!view) return notFound(id)
    const e = engine.state().events.get(view.no)
    if (!e || over.has(view.state)) return refuse('conflict', 'event-over', `the event is ${view.state}`, 'there is nothing left to cancel')
    if (request.revision !== undefined && request.revision !== e.event.revision)
      return refuse(
        'preconditionFailed',
        'revision-mismatch',
        `the event is at revision ${e.event.revision}, not ${request.revision}`,
        'look at it again',
      )
    const about = { event: id, by: by.name, reason: request.reason, atOnce: request.atOnce ?? false, revision: e.event.revision + 1 }
    const raw = new TextEncoder().encode(JSON.stringify({ cancel: about }))
    const cancelled = {
      ...e.event,
      revision: about.revision,
      intervals: [],
      stopAtOnce: about.atOnce,
      rawHash: createHash('sha256').update(raw).digest('hex'),
    }
    const judging = engine.bridge.submit(cancelled, raw)
    const [judgement] = await Promise.all([
      judging,
      engine.bridge.note('eventCancelled', { event: view.no, by: by.name, atOnce: about.atOnce }, raw),
    ])
    if (judgement.kind === 'declined') return refuse('conflict', 'cancel-declined', `the cancel was declined: ${judgement.why}`)
    return done(viewOf(engine, history, id) ?? { ...view, state: 'cancelled' })
  },
})
export type Events = ReturnType<typeof createEvents>

const over: ReadonlySet<EventView['state']> = new Set<EventView['state']>(['ended', 'cancelled', 'declined', 'verified'])
const notFound = (id: string) => refuse('notFound', 'event-not-found', `no event ${JSON.stringify(id)}`, 'see GET /v1/events')

/** By its id, or by its number. */
function viewOf(engine: Engine, history: History, id: string): EventView | undefined {
  const known = engine.bridge.event(id) ?? history.find(id)?.view
  if (known || !/^\d{1,9}$/.test(id)) return known
  const no = Number(id)
  return engine.bridge.events().find(v => v.no === no) ?? history.get(no)?.view
}

/** The newest verdict of an event with all that it says of each charger: as remembered, else from the journal. @returns `event-not-found`, `no-results` */
export async function verifiedFactOf(
  engine: Engine,
  history: History,
  id: string,
): Promise<Result<{ readonly view: EventView; readonly fact: VerifiedFact }>> {
  const view = viewOf(engine, history, id)
  if (!view) return notFound(id)
  const fact = history.get(view.no)?.verified ?? (view.state === 'verified' ? await verifiedIn(engine.journal, view.no) : undefined)
  return fact
    ? done({ view, fact })
    : refuse('notFound', 'no-results', 'there are no results by charger of this event', 'they come with its verification')
}

async function seriesOf(engine: Engine, e: EventState, verified: VerifiedFact | undefined): Promise<NonNullable<EventDetail['series']>> {
  const state = engine.state()
  const nowMs = engine.now()
  const { fromS, toS } = windowOf(e)
  const endMs = toS >= NEVER_S ? nowMs + LEAD_MS : (toS + tailS(e)) * 1000 + LEAD_MS
  const buckets = bucketsOf(fromS * 1000 - LEAD_MS, Math.max(endMs, fromS * 1000 + LEAD_MS))
  const who = chargersUnder(state.fleet, e.event.targets)
  const counted = countedAmong(state, e, who, verified)
  const sums = new Map<number, number | null>()
  const targets = new Map<number, number | null>()
  for (let b = 0; b < buckets.count; b++) {
    const atMs = buckets.fromMs + b * buckets.stepMs
    targets.set(atMs, targetOnce(atMs))
  }
  const readings = await readingsAround(
    engine.meters,
    who.slice().sort(),
    buckets.fromMs,
    Math.min(nowMs, buckets.fromMs + buckets.count * buckets.stepMs),
  )
  const measured = bucketed(readings, buckets, counted)
  return {
    stepMs: buckets.stepMs,
    points: measured.map(p => ({ atMs: p.fromMs, targetW: targets.get(p.fromMs) ?? null, measuredW: p.measuredW, coverage: p.coverage })),
  }

  /** The target changes only from interval to interval: one sum for each. */
  function targetOnce(atMs: number): number | null {
    const atS = Math.max(seconds(atMs), 0)
    const k = e.event.intervals.findIndex(i => i.fromS <= atS && atS < i.toS)
    if (k < 0 || atS >= e.cancelledS) return null
    if (!sums.has(k)) sums.set(k, targetAt(state, e, who, atS))
    return sums.get(k) ?? null
  }
}

/** Who counts for coverage: of a verdict those that it counted, before it those that have drawn or are limited; while nobody is known to, all. */
function countedAmong(s: State, e: EventState, who: Uint32Array, verified: VerifiedFact | undefined): ReadonlySet<number> {
  if (verified) {
    const counts = countedIn(verified)
    return new Set(verified.who.filter((_, row) => counts(row)))
  }
  const nowS = seconds(s.nowMs)
  const isLimited = (i: number): boolean => answerOf(e, i) !== 'none' || becauseAt(s.rows, s.want[i]!, nowS) === e.no
  const counted = who.filter(i => countsWith(isLimited(i), e.basisW[i]))
  return new Set(counted.length === 0 ? who : counted)
}

function resultsOf(engine: Engine, fact: VerifiedFact, from: number, limit: number): ChargerResult[] {
  const out: ChargerResult[] = []
  for (let k = from; k < Math.min(fact.who.length, from + limit); k++) {
    const no = fact.who[k]!
    const [verdict, cause] = [chargerVerdicts[fact.verdict[k]!]!, nonResponses[fact.cause[k]!]!]
    out.push({ charger: nameOfCharger(engine.registry, no), no, verdict, cause })
  }
  return out
}
