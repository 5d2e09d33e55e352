import { blobsOf, blobsOfMember, decode } from '../core/codec.ts'
import type { EventNo, Fact, GridEvent, HashHex, Instant, Second } from '../core/model.ts'
import { fromBytes } from '../core/snapshot.ts'
import { payFactorAt } from '../core/verify/payFactor.ts'
import { type Acceptance, type Deregistration, deregistrationOf } from '../core/verify/payment.ts'
import { performanceOf, persistenceSlope } from '../core/verify/performance.ts'
import { type Scheme, schemeOf } from '../core/verify/schemes.ts'
import type { Journal } from '../ports.ts'
import type { EnergyRow, EnergyStep } from './energies.ts'
import { createEventNumbers } from './eventNumbers.ts'
import type { VerifiedFact } from './history.ts'
import { coverageOver, programmeEnergies } from './programmeEnergies.ts'
import type { Recorded } from './report.ts'
import { done, invalid, isoS, type Result, refuse } from './result.ts'

/** How one event of a programme went. */
export type EventFigures = {
  readonly event: string
  readonly from: string
  readonly verdict: string
  readonly verdictRevision: number
  /** False: nothing below counts it. */
  readonly isSettleable: boolean
  readonly askedWh: number
  readonly deliveredWh: number
  readonly ratio: number | null
  /** Beyond the ask, period by period; null where the record has no periods. */
  readonly overWh: number | null
  /** The verdict's. */
  readonly coverage: number
  readonly optedOut: number
  readonly chargers: number
}
export type PerformanceRequest = {
  /** Whose pay factor counts. */
  readonly scheme: string
  /** Events of which what is settled begins in [fromS, untilS); without them all. */
  readonly fromS?: Second | undefined
  readonly untilS?: Second | undefined
  /** With the sums of the events by settlement period, or by minute as long as readings are kept. */
  readonly per?: EnergyStep | undefined
}
export type ProgrammeFigures = {
  readonly programme: string
  readonly scheme: string
  readonly events: readonly EventFigures[]
  readonly askedWh: number
  readonly deliveredWh: number
  readonly ratio: number | null
  /** Change of delivered / asked from event to event; below 0 the response tires. Null below two events. */
  readonly persistence: number | null
  /** Chargers that were opted out, of all that were targeted, over all events. */
  readonly optOutRate: number | null
  /** By the rule of DFS, with the factors of the scheme asked for. */
  readonly deregistration: Deregistration
  /** Where energies were asked for: of the chargers of all events that count; see `coverage.ts`. */
  readonly coverage?: number | null
  readonly energies?: readonly EnergyRow[]
  /** Events that count and are in no sum of `energies`: their readings have expired. */
  readonly withoutEnergies?: readonly string[]
}

export type Found = { readonly event: GridEvent; readonly fact: VerifiedFact }

/**
 * A programme over its verified events: what was asked and delivered, whether the response tires, whether the buyer might take it off the register.
 * Reads the journal once, and of it only signals and verdicts with their periods (where energies are asked for the whole of them), and the state that a log which
 * follows another begins with. Verdicts of the log before are in that one. @returns `bad-scheme`, `no-events`, `no-minutes`, `too-many-rows`
 */
export async function programmePerformance(
  from: Pick<Recorded, 'meters'> & { readonly journal: Pick<Journal, 'read' | 'blob'> },
  programme: string,
  { scheme: schemeId, per, fromS = Number.NEGATIVE_INFINITY, untilS = Number.POSITIVE_INFINITY }: PerformanceRequest,
): Promise<Result<ProgrammeFigures>> {
  const scheme = schemeOf(schemeId)
  if (typeof scheme === 'string') return invalid('bad-scheme', '#/scheme', schemeId, scheme)
  const found = (await verdictsIn(from.journal, programme, per !== undefined)).filter(
    x => startOf(x.fact) >= fromS && startOf(x.fact) < untilS,
  )
  if (found.length === 0) return refuse('notFound', 'no-events', `no event of the programme ${JSON.stringify(programme)} is verified`)
  const settleable = found.filter(x => isSettleable(x.fact))
  const energies = per && (await programmeEnergies(from.meters, programme, settleable, per))
  if (energies && !energies.ok) return energies
  const events = found.map(figuresOf)
  const counted = events.filter(e => e.isSettleable)
  const sum = (of: (e: EventFigures) => number, all = counted): number => all.reduce((total, e) => total + of(e), 0)
  const [askedWh, deliveredWh, chargers] = [sum(e => e.askedWh), sum(e => e.deliveredWh), sum(e => e.chargers, events)]
  return done({
    ...{ programme, scheme: scheme.id, events, askedWh, deliveredWh },
    ratio: askedWh > 0 ? deliveredWh / askedWh : null,
    persistence: persistenceSlope(events.map(e => (e.isSettleable ? (e.ratio ?? Number.NaN) : Number.NaN))),
    optOutRate: chargers > 0 ? sum(e => e.optedOut, events) / chargers : null,
    deregistration: deregistrationOf(settleable.flatMap(x => acceptancesOf(x.fact, scheme))),
    ...(energies ? { coverage: coverageOver(settleable.map(x => x.fact)), ...energies.value } : {}),
  })
}

const concern = /"kind":"(?:opened|signal|outage|verified)"/
/** Blobs that are looked at: the state that a log begins with; and the periods of a verdict, which are outside its entry where they are many. */
function neededOf(leaf: Uint8Array, isWhole: boolean): HashHex[] {
  const text = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('latin1')
  if (text.includes('"kind":"opened"')) return blobsOf(leaf).slice(0, 1)
  if (!text.includes('"kind":"verified"')) return []
  return isWhole ? blobsOf(leaf) : blobsOfMember(leaf, 'periods')
}
/** The newest verdict of each event of a programme, tests apart, by the beginning of what was settled; `isWhole`: with the columns of its chargers. */
async function verdictsIn(journal: Pick<Journal, 'read' | 'blob'>, programme: string, isWhole: boolean): Promise<Found[]> {
  const numbers = createEventNumbers()
  const events = new Map<EventNo, GridEvent>()
  const verdicts = new Map<EventNo, VerifiedFact>()
  const take = (fact: Fact, atMs: Instant): void => {
    if (fact.kind === 'opened') {
      const state = fromBytes(fact.state)
      numbers.begun(state)
      for (const e of state.events.values()) events.set(e.no, e.event)
    } else if (fact.kind === 'outage') numbers.own(fact.event)
    else if (fact.kind === 'verified') {
      // of other programmes the columns need not be in memory
      if (events.get(fact.verification.event)?.programme === programme) verdicts.set(fact.verification.event, fact)
    } else if (fact.kind === 'signal') {
      const { no } = numbers.signal(fact.event, atMs)
      // a cancel has no intervals, and says nothing of what was asked
      if (fact.event.intervals.length > 0 || !events.has(no)) events.set(no, fact.event)
    }
  }
  for await (const leaves of journal.read(0))
    for (const leaf of leaves) {
      if (!concern.test(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('latin1'))) continue
      const bodies = new Map<HashHex, Uint8Array | undefined>()
      for (const hash of neededOf(leaf, isWhole)) bodies.set(hash, await journal.blob(hash))
      const { fact, at } = decode(leaf, hash => bodies.get(hash) ?? new Uint8Array(0))
      take(fact, at)
    }
  return [...verdicts]
    .map(([no, fact]) => ({ event: events.get(no)!, fact }))
    .filter(({ event }) => !event.test)
    .sort((a, b) => startOf(a.fact) - startOf(b.fact))
}
const startOf = ({ verification }: VerifiedFact): Second => verification.window.fromS
const isSettleable = ({ verification }: VerifiedFact): boolean =>
  verification.unsettleable === undefined && verification.verdict !== 'unverifiable'

function figuresOf({ event, fact }: Found): EventFigures {
  const { verification: v, periods } = fact
  const { compliant, notCompliant, noData, notCommanded } = v.counts
  const grid = periods && { fromS: startOf(fact), stepS: 1, periods: periods.startS.length }
  return {
    event: event.id,
    from: isoS(startOf(fact)),
    verdict: v.verdict,
    verdictRevision: v.verdictRevision ?? 1,
    isSettleable: isSettleable(fact),
    ...{ askedWh: v.askedWh, deliveredWh: v.deliveredWh, ratio: v.ratio },
    overWh: grid && grid.periods > 0 ? performanceOf(grid, periods.deliveredWh, periods.askedWh).overWh : null,
    coverage: v.coverage,
    optedOut: v.causes.optedOut ?? 0,
    chargers: compliant + notCompliant + noData + notCommanded,
  }
}
/** Each period that asked for something is an acceptance; an event without periods on record is one. */
function acceptancesOf({ verification, periods }: VerifiedFact, { payFactor }: Scheme): Acceptance[] {
  const { askedWh, ratio, window } = verification
  if (payFactor.per === 'event' || !periods || periods.startS.length === 0)
    return askedWh > 0 ? [{ atS: window.fromS, factor: payFactorAt(payFactor, ratio ?? 0) }] : []
  return Array.from(periods.startS).flatMap((atS, t) => {
    const [asked, delivered] = [periods.askedWh[t]!, periods.deliveredWh[t]!]
    return asked > 0 ? [{ atS, factor: payFactorAt(payFactor, Number.isNaN(delivered) ? 0 : delivered / asked) }] : []
  })
}
