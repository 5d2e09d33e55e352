import { type Ask, type Exemption, NEVER_S, type NodeNo } from '../core/model.ts'
import { beginsS, type EmergencyUse, needsReview, REVIEWED, type RoutineRule, useEndsS } from '../core/register.ts'
import type { State } from '../core/state.ts'
import { chargersUnder } from '../core/views.ts'
import type { Engine } from '../engine.ts'
import { csvText } from './csv.ts'
import { reasonCodes, reasonTexts } from './emergency.ts'
import { nameOfCharger, pathName } from './names.ts'
import { type By, done, invalid, isoOrNull, isoS, type Result, refuse, seconds } from './result.ts'

export const useStates = ['declined', 'scheduled', 'running', 'cancelled', 'over'] as const
export type UseState = (typeof useStates)[number]

/** One emergency, for those who answer for it. W, Wh, S; power of those metered before and after alone. */
export type RegisterEntry = {
  readonly no: number
  readonly event: string
  readonly state: UseState
  readonly test: boolean
  readonly adapter: string
  readonly peer: string
  readonly credential: string
  readonly by: string | null
  readonly reason: string | null
  readonly why: string
  readonly basis: string | null
  readonly exemption: Exemption | null
  readonly programme: string
  readonly targets: readonly string[]
  readonly intervals: readonly { readonly from: string; readonly until: string | null; readonly ask: Ask }[]
  readonly received: string
  readonly from: string
  readonly until: string | null
  readonly durationS: number | null
  readonly usable: number
  readonly excluded: number
  readonly commanded: number
  readonly firstCommandAfterS: number | null
  readonly drawing: number
  readonly drawnW: number
  readonly metered: { readonly at: string; readonly chargers: number; readonly beforeW: number; readonly nowW: number } | null
  readonly verified: {
    readonly verdict: string
    readonly baselineWh: number
    readonly actualWh: number
    readonly deliveredWh: number
    readonly coverage: number
  } | null
  readonly steps: readonly {
    readonly step: string
    readonly at: string
    readonly afterS: number
    readonly chargers: readonly string[]
    readonly carriedOut: number
  }[]
  readonly overrides: readonly { readonly at: string; readonly chargers: number; readonly reason: string; readonly honoured: boolean }[]
  readonly beyond: readonly RoutineRule[]
  readonly budget: { readonly near: number; readonly passed: number }
  readonly needsReview: boolean
  readonly review: { readonly by: string; readonly note: string; readonly at: string } | null
}

/** The same without anybody who could be known by it: areas, times, counts and kW. */
export type PublicEntry = {
  readonly no: number
  readonly source: string
  readonly why: string
  readonly basis: string | null
  readonly exemption: string | null
  readonly test: boolean
  readonly areas: readonly string[]
  readonly from: string
  readonly until: string | null
  readonly durationS: number | null
  readonly chargers: number
  readonly drawnkW: number
  readonly reducedkW: number | null
  readonly deliveredkWh: number | null
  readonly setToZero: number
  readonly stopped: number
  readonly disabled: number
  readonly overrides: number
  readonly reviewed: boolean
}
/** An area of the public export has at least so many chargers, or the one above it is named. */
export const LEAST_IN_AREA = 10
/** `feeder` and what is above it: sites and stations are somebody's. */
const LOWEST_AREA_KIND = 3

export type ReviewRequest = { readonly by: string; readonly note: string }

/** The register of emergencies as people read it. What it says is folded from the log; a review is a note in the log. */
export function createRegister(engine: Engine) {
  const uses = (): EmergencyUse[] => [...engine.state().register.values()].reverse()
  const find = (name: string): EmergencyUse | undefined => uses().find(u => u.id === name || String(u.event) === name)
  const missing = (name: string) => refuse('notFound', 'use-not-found', `the register has no emergency ${JSON.stringify(name)}`)

  return {
    /** Newest first. */
    list: (): RegisterEntry[] => uses().map(u => entryOf(engine, u)),
    show(name: string): Result<RegisterEntry> {
      const use = find(name)
      return use ? done(entryOf(engine, use)) : missing(name)
    },
    /** Oldest first, without the identity of any charger, site or operator; those that were declined are no uses. */
    anonymous: (): PublicEntry[] =>
      uses()
        .reverse()
        .filter(u => u.state === 'accepted')
        .map(u => publicEntryOf(engine, u)),
    async review(name: string, { by, note }: ReviewRequest, asked: By): Promise<Result<RegisterEntry>> {
      const use = find(name)
      if (!use) return missing(name)
      if (by.trim() === '') return invalid('who-reviewed', '#/by', by, 'say who reviewed it')
      if (note.trim() === '') return invalid('what-was-found', '#/note', note, 'say what was found')
      if (use.state !== 'accepted') return refuse('conflict', 'nothing-to-review', 'this emergency was not taken')
      await engine.bridge.note(REVIEWED, { event: use.id, reviewer: by.trim(), note: note.trim(), by: asked.name })
      return done(entryOf(engine, find(name)!))
    },
  }
}
export type Register = ReturnType<typeof createRegister>

const durationOf = (u: EmergencyUse): number | null => (useEndsS(u) >= NEVER_S ? null : Math.max(0, useEndsS(u) - beginsS(u)))
function stateOf(u: EmergencyUse, nowS: number): UseState {
  if (u.state !== 'accepted') return 'declined'
  if (u.cancelledS <= nowS && u.cancelledS < (u.intervals.at(-1)?.toS ?? 0)) return 'cancelled'
  if (nowS < beginsS(u)) return 'scheduled'
  return nowS < useEndsS(u) ? 'running' : 'over'
}
const whyOf = (u: EmergencyUse): string => {
  const code = reasonCodes.find(r => r === u.reason)
  return code ? reasonTexts[code] : `asked for by ${u.source.adapter === 'operator' ? 'an operator' : u.source.peer}`
}

function entryOf(engine: Engine, u: EmergencyUse): RegisterEntry {
  const { registry } = engine
  const fromS = beginsS(u)
  return {
    no: u.event,
    event: u.id,
    state: stateOf(u, seconds(engine.now())),
    test: u.test,
    ...u.source,
    by: u.by,
    reason: u.reason,
    why: whyOf(u),
    basis: u.basis,
    exemption: u.exemption ?? null,
    programme: u.programme,
    targets: u.targets.map(t => (t.kind === 'node' ? pathName(registry, t.node) : nameOfCharger(registry, t.charger))),
    intervals: u.intervals.map(x => ({ from: isoS(x.fromS), until: isoOrNull(x.toS, NEVER_S), ask: x.ask })),
    received: isoS(u.receivedS),
    from: isoS(fromS),
    until: isoOrNull(useEndsS(u), NEVER_S),
    durationS: durationOf(u),
    usable: u.usable,
    excluded: u.excluded,
    commanded: u.commanded,
    firstCommandAfterS: u.commanded === 0 ? null : u.firstSentS - u.receivedS,
    drawing: u.drawing,
    drawnW: u.drawnW,
    metered: u.seen && { at: isoS(u.seen.atS), chargers: u.seen.metered, beforeW: u.seen.beforeW, nowW: u.seen.nowW },
    verified: u.verification && {
      verdict: u.verification.verdict,
      baselineWh: u.verification.baselineWh,
      actualWh: u.verification.actualWh,
      deliveredWh: u.verification.deliveredWh,
      coverage: u.verification.coverage,
    },
    steps: u.steps.map(x => ({
      step: x.step,
      at: isoS(x.atS),
      afterS: x.atS - u.receivedS,
      chargers: Array.from(x.who, i => nameOfCharger(registry, i)),
      carriedOut: x.carriedOut,
    })),
    overrides: u.overrides.map(({ atS, ...x }) => ({ at: isoS(atS), ...x })),
    beyond: [...u.beyond],
    budget: { ...u.budget },
    needsReview: needsReview(u),
    review: u.review && { by: u.review.by, note: u.review.note, at: isoS(u.review.atS) },
  }
}

function publicEntryOf(engine: Engine, u: EmergencyUse): PublicEntry {
  const at = (step: string) => new Set(u.steps.filter(x => x.step === step).flatMap(x => [...x.who])).size
  const kilo = (w: number) => Math.round(w / 100) / 10
  const { seen, verification: v } = u
  return {
    no: u.event,
    source: u.source.adapter === 'operator' ? 'operator' : u.source.peer,
    why: whyOf(u),
    basis: u.basis,
    exemption: u.exemption?.basis ?? null,
    test: u.test,
    areas: [
      ...new Set(u.targets.flatMap(t => areaOf(engine, t.kind === 'node' ? t.node : engine.state().fleet.station[t.charger]))),
    ].sort(),
    from: isoS(beginsS(u)),
    until: isoOrNull(useEndsS(u), NEVER_S),
    durationS: durationOf(u),
    chargers: u.commanded,
    drawnkW: kilo(u.drawnW),
    reducedkW: seen && kilo(seen.beforeW - seen.nowW),
    deliveredkWh: v && v.verdict !== 'unverifiable' ? kilo(v.deliveredWh) : null,
    setToZero: at('zero'),
    stopped: at('stop'),
    disabled: at('disable'),
    overrides: u.overrides.reduce((n, x) => n + x.chargers, 0),
    reviewed: u.review !== null,
  }
}
/** The lowest area over a node that is nobody's own and big enough to hide in; none where there is no such. */
function areaOf(engine: Engine, node: NodeNo | undefined): string[] {
  const { fleet }: State = engine.state()
  for (let n = node ?? -1; n >= 0 && n < fleet.nodes; n = fleet.parent[n]!)
    if (fleet.nodeKind[n]! <= LOWEST_AREA_KIND && chargersUnder(fleet, [{ kind: 'node', node: n }]).length >= LEAST_IN_AREA)
      return [pathName(engine.registry, n)]
  return []
}

const publicColumns = [
  'no',
  'from',
  'until',
  'durationS',
  'areas',
  'source',
  'why',
  'basis',
  'test',
  'chargers',
  'drawnkW',
  'reducedkW',
  'deliveredkWh',
  'setToZero',
  'stopped',
  'disabled',
  'overrides',
  'reviewed',
] as const satisfies readonly (keyof PublicEntry)[]
const fullColumns = [
  'no',
  'event',
  'state',
  'test',
  'received',
  'from',
  'until',
  'durationS',
  'targets',
  'adapter',
  'peer',
  'credential',
  'by',
  'reason',
  'basis',
  'programme',
  'commanded',
  'excluded',
  'drawing',
  'drawnW',
  'beforeW',
  'nowW',
  'deliveredWh',
  'verdict',
  'zero',
  'stop',
  'disable',
  'overrides',
  'beyond',
  'reviewedBy',
  'reviewNote',
] as const

/** One line an emergency. */
export const publicCsv = (entries: readonly PublicEntry[]): string => csvText(publicColumns, entries)
export const fullCsv = (entries: readonly RegisterEntry[]): string =>
  csvText(
    fullColumns,
    entries.map(e => ({
      ...e,
      beforeW: e.metered?.beforeW ?? null,
      nowW: e.metered?.nowW ?? null,
      deliveredWh: e.verified?.deliveredWh ?? null,
      verdict: e.verified?.verdict ?? null,
      ...Object.fromEntries(
        ['zero', 'stop', 'disable'].map(step => [step, e.steps.filter(x => x.step === step).flatMap(x => x.chargers).length]),
      ),
      overrides: e.overrides.reduce((n, x) => n + x.chargers, 0),
      reviewedBy: e.review?.by ?? null,
      reviewNote: e.review?.note ?? null,
    })),
  )
