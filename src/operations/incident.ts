import { FREE_TEXT } from '../core/codec.ts'
import type { Fact, Instant } from '../core/model.ts'
import { sourceKey } from '../core/silence.ts'
import type { State } from '../core/state.ts'
import { entries } from '../engine/recover.ts'
import type { Engine } from '../engine.ts'
import { type By, done, invalid, type Result } from './result.ts'
import type { Breathe } from './subject.ts'

/** From this aggregate load on a load controller provides an essential service (Cyber Security and Resilience Bill, as introduced): 300 MW. */
export const ESSENTIAL_SERVICE_W = 300_000_000

/** Rated power of what is enrolled, consented to or not: what the bridge could move if somebody else had it. */
export type Controllable = {
  readonly chargers: number
  readonly controllableW: number
  readonly thresholdW: number
  readonly share: number
}
export function controllable({ enrolments, fleet }: Pick<State, 'enrolments' | 'fleet'>): Controllable {
  let [chargers, controllableW] = [0, 0]
  for (let i = 0; i < fleet.chargers; i++) {
    if (![...enrolments.values()].some(basis => (basis[i] ?? 0) !== 0)) continue
    chargers++
    controllableW += fleet.maxW[i]!
  }
  return { chargers, controllableW, thresholdW: ESSENTIAL_SERVICE_W, share: controllableW / ESSENTIAL_SERVICE_W }
}

export type IncidentEntry = {
  readonly entry: number
  readonly at: string
  readonly what: string
  readonly about: Readonly<Record<string, unknown>>
}
export type Incident = {
  readonly from: string
  readonly to: string
  readonly exportedAt: string
  readonly exportedBy: string
  /** The early warning is due so long after the operator became aware, the full notice so long (the same Bill). */
  readonly deadlines: { readonly earlyWarningH: 24; readonly fullNoticeH: 72 }
  readonly log: { readonly size: number; readonly checkpoint: string }
  readonly controllable: Controllable
  readonly impact: {
    readonly events: number
    readonly emergencies: number
    readonly commands: number
    readonly chargersCommanded: number
    readonly refusedRequests: number
  }
  readonly counts: Readonly<Record<string, number>>
  /** What security and service turn on, oldest first, with the number of its entry so that each can be proven. No name of a charger or a person. */
  readonly timeline: readonly IncidentEntry[]
  readonly timelineCut: number
}

/** Notes that say how the bridge ran and who had their hands on it. Others are the day's work, and only counted. */
const telling = new Set(
  (
    'refusedRequest signedIn configChanged keyRotated logClosed logOpened journalUnwritable freedUnrecorded stopped erasureAsked subjectExported tokenErased ' +
    'emergencySelected emergencyOperated emergencyPutBack emergencyReviewed eventCancelled limitSet limitCleared fleetImported releaseAsked forceFailed ' +
    'securityEvent signalConflict webhook.unauthenticated webhook.refused webhook.internal openadr2b.unreachable openadr2b.reachable openadr2b.notRegistered'
  ).split(' '),
)
const MOST = 5_000

/**
 * What a 24 h early warning and a 72 h notice of an incident are written from: scale, impact, and a timeline whose every line is an entry of the log.
 * Facts of the engine alone: what happened and why is for people to say. Reads the log from its beginning.
 */
export async function exportIncident(
  engine: Engine,
  { fromMs, toMs }: { fromMs: Instant; toMs: Instant },
  by: By,
  breathe: Breathe,
): Promise<Result<Incident>> {
  if (!(fromMs < toMs)) return invalid('bad-period', '#/querystring/to', toMs, 'the end must be after the beginning')
  const [size, checkpoint] = [engine.journal.size(), engine.journal.checkpoint()]
  const counts: Record<string, number> = {}
  const commanded = new Set<number>()
  const timeline: IncidentEntry[] = []
  let [entry, cut, commands, refusedRequests, emergencies] = [-1, 0, 0, 0, 0]
  for await (const { at, fact } of entries(engine.journal, 0)) {
    entry++
    if (entry % 1000 === 0) await breathe()
    if (at < fromMs || at >= toMs || entry >= size) continue
    const name = fact.kind === 'noted' ? fact.what : fact.kind
    counts[name] = (counts[name] ?? 0) + 1
    if (fact.kind === 'sent') for (const charger of fact.who) commanded.add(charger)
    if (fact.kind === 'sent') commands += fact.who.length
    if (fact.kind === 'signal' && fact.event.class === 'emergency') emergencies++
    if (name === 'refusedRequest' && fact.kind === 'noted') refusedRequests += 1 + Number(fact.about['suppressed'] ?? 0)
    const about = aboutOf(fact)
    if (about === undefined) continue
    if (timeline.length < MOST) timeline.push({ entry, at: new Date(at).toISOString(), what: name, about })
    else cut++
  }
  await engine.bridge.note('incidentExported', { by: by.name, fromMs, toMs })
  return done({
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    exportedAt: new Date(engine.now()).toISOString(),
    exportedBy: by.name,
    deadlines: { earlyWarningH: 24, fullNoticeH: 72 },
    log: { size, checkpoint },
    controllable: controllable(engine.state()),
    impact: { events: counts['signal'] ?? 0, emergencies, commands, chargersCommanded: commanded.size, refusedRequests },
    counts,
    timeline,
    timelineCut: cut,
  })
}

/** Undefined for what does not belong in a timeline. Free text stays out: it may name somebody. */
function aboutOf(fact: Fact): Readonly<Record<string, unknown>> | undefined {
  switch (fact.kind) {
    case 'signal':
      return {
        id: fact.event.id,
        class: fact.event.class,
        revision: fact.event.revision,
        source: sourceKey(fact.event.source.adapter, fact.event.source.peer),
      }
    case 'accepted':
    case 'declined':
      return { event: fact.event, ...(fact.kind === 'declined' ? { why: fact.why } : {}) }
    case 'silent':
    case 'heardAgain':
      return { source: sourceKey(fact.adapter, fact.peer) }
    case 'alarm':
      return { event: fact.event, what: fact.what, rules: fact.rules }
    case 'lastResort':
      return { event: fact.event, step: fact.step, chargers: fact.who.length }
    case 'erased':
    case 'expired':
      return { blobs: fact.blobs.length }
    case 'noted':
      return telling.has(fact.what) ? withoutText(fact.about) : undefined
    default:
      return undefined
  }
}
const withoutText = (about: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(about).filter(([key]) => !FREE_TEXT.has(key) && key !== 'statement'))
