import { withoutRefused } from '../core/verify/overlaps.ts'
import { penceOf } from '../core/verify/payment.ts'
import { schemeOf } from '../core/verify/schemes.ts'
import { loadOf, poundsText, type Settlement, type Statement, settlementOf, type Terms } from '../core/verify/settlement.ts'
import type { SplitRule } from '../core/verify/split.ts'
import type { Engine } from '../engine.ts'
import { csvText } from './csv.ts'
import { type EnergyRow, type EnergyStep, energiesCsv, energyShape, kWh, minutesOf, participantEnergies } from './energies.ts'
import { verifiedFactOf } from './events.ts'
import type { History, VerifiedFact } from './history.ts'
import { type ParticipantKind, participantsOf } from './participants.ts'
import type { Recorded } from './report.ts'
import { factsOf } from './reportFacts.ts'
import { done, invalid, isoS, type Result, refuse } from './result.ts'

export type SettleRequest = {
  readonly split: SplitRule
  readonly by: ParticipantKind
  readonly scheme: string
  /** GBP per MWh; without it that of the programme that the event ran under. */
  readonly gbpPerMWh?: number | undefined
  /** What the buyer has paid, GBP, instead of a price. */
  readonly amountGbp?: number | undefined
  /** With the energies of each participant in each settlement period, or each minute as long as its readings are kept. */
  readonly per?: EnergyStep | undefined
}
export type EventSettlement = Settlement & {
  readonly event: string
  readonly verdict: string
  /** Revision of the verdict: late readings make another, and with it another settlement. */
  readonly verdictRevision: number
  readonly baselineRule: string
  readonly by: ParticipantKind
  readonly gbpPerMWh: number | null
  /** Where they were asked for. */
  readonly energies?: readonly EnergyRow[]
}

/**
 * What an event comes to and who gets what of it: from the recorded verdict, so it says the same each time until late readings make another revision.
 * It pays nobody, and changes nothing.
 */
export const createSettle = (engine: Engine, history: History) => ({
  /** @returns `event-not-found`, `no-results`, or what `settleVerdict` does */
  async settle(id: string, request: SettleRequest): Promise<Result<EventSettlement>> {
    const found = await verifiedFactOf(engine, history, id)
    return found.ok ? settleVerdict(engine, found.value.view.id, found.value.fact, request) : found
  },
})
export type Settle = ReturnType<typeof createSettle>

/** The same from the file of a bridge, running or not. @returns `event-not-found`, `no-results`, or what `settleVerdict` does */
export async function settleRecorded(from: Recorded, id: string, request: SettleRequest): Promise<Result<EventSettlement>> {
  const facts = await factsOf(from.journal, id)
  if (!facts) return refuse('notFound', 'event-not-found', `no event ${JSON.stringify(id)}`, 'use its id or its number')
  const fact = facts.verdicts.at(-1)?.fact
  return fact ? settleVerdict(from, facts.event.id, fact, request) : refuse('notFound', 'no-results', 'the event is not verified')
}

/** @returns `no-energy`, `not-settleable`, `group-overlap`, or what is wrong with the request */
async function settleVerdict(
  from: Pick<Recorded, 'registry' | 'meters'>,
  event: string,
  fact: VerifiedFact,
  request: SettleRequest,
): Promise<Result<EventSettlement>> {
  const terms = termsOf(request, fact)
  if (!terms.ok) return terms
  const { verification } = fact
  if (verification.unsettleable !== undefined)
    return refuse(
      'conflict',
      'not-settleable',
      `the verdict is not to be settled on: ${verification.unsettleable}`,
      whyNot[verification.unsettleable],
    )
  const whole = loadOf(fact)
  if (!whole)
    return refuse(
      'gone',
      'no-energy',
      'the record has no energy by charger of this event',
      'it was verified by an older version, or its readings have expired',
    )
  const participants = participantsOf(from.registry, event, fact, request.by)
  if (!participants.ok) return participants
  const { of, names } = inOrder(participants.value)
  const wantsMinutes = terms.value.scheme.payFactor.per === 'minute' || request.per === 'minute'
  const wholeMinutes = wantsMinutes ? await minutesOf(from.meters, fact) : undefined
  const load = withoutRefused(whole, fact, fact.periods)
  const minutes = wholeMinutes && withoutRefused(wholeMinutes, fact)
  const energies = participantEnergies(request.per, fact, load, minutes, of, names)
  if (!energies.ok) return energies
  return done({
    ...settlementOf(fact, load, of, names, terms.value, minutes),
    event,
    verdict: verification.verdict,
    verdictRevision: verification.verdictRevision ?? 1,
    baselineRule: verification.baselineRule,
    by: request.by,
    gbpPerMWh: 'poundsPerMWh' in terms.value.money ? terms.value.money.poundsPerMWh : null,
    ...(energies.value ? { energies: energies.value } : {}),
  })
}

function termsOf({ scheme: id, split, amountGbp, gbpPerMWh }: SettleRequest, { terms }: VerifiedFact): Result<Terms> {
  const scheme = schemeOf(id)
  if (typeof scheme === 'string') return invalid('bad-scheme', '#/scheme', id, scheme)
  if (amountGbp !== undefined) return done({ scheme, split, money: { amountPence: penceOf(amountGbp) } })
  const price = gbpPerMWh ?? terms?.rules.gbpPerMWh ?? null
  return price === null
    ? invalid(
        'no-price',
        '#/gbpPerMWh',
        null,
        'there is no price',
        'give --price GBP/MWh, or --amount GBP, or set the price of the programme',
      )
    : done({ scheme, split, money: { poundsPerMWh: price } })
}

/** Participants by name, so that who gets the odd penny does not hang on the order of chargers. */
function inOrder(participants: readonly string[]): { of: Int32Array; names: string[] } {
  const names = [...new Set(participants)].sort()
  const numbers = new Map(names.map((name, g) => [name, g]))
  return { of: Int32Array.from(participants, name => numbers.get(name)!), names }
}

const whyNot: Readonly<Record<string, string>> = {
  noWindow: 'it asked for nothing over any time',
  coverage: 'too little of it was metered',
  meterClass: 'meters are worse than the programme settles on',
  baseline: 'there is no baseline for it',
  groupTooSmall: 'too few chargers were asked or held out to compare them',
  unbalanced: 'those asked and those held out differed before the event',
  stacked: 'all its chargers served an event that came before, and the programme takes none that do',
}

const columns = ['participant', 'chargers', 'baseline_kwh', 'actual_kwh', 'delivered_kwh', 'metered_share', 'gbp', 'overlapping_chargers']
/** The settlement file: a line per participant; or where energies were asked for, one per participant and step. */
export const statementsCsv = ({ statements, energies }: Pick<EventSettlement, 'statements' | 'energies'>): string =>
  energies
    ? energiesCsv(energies)
    : csvText(
        columns,
        statements.map((s: Statement) => ({
          participant: s.participant,
          chargers: s.chargers,
          baseline_kwh: kWh(s.baselineWh),
          actual_kwh: kWh(s.actualWh),
          delivered_kwh: kWh(s.deliveredWh),
          metered_share: s.coverage === null ? null : s.coverage.toFixed(4),
          gbp: poundsText(s.pence),
          overlapping_chargers: s.overlapping,
        })),
      )

/** As it is told outside: instants, and pounds instead of pence. */
export const settlementShape = ({ periods, statements, pence, energies, overlaps, ...rest }: EventSettlement) => ({
  ...rest,
  ...(energies ? { energies: energies.map(energyShape) } : {}),
  gbp: pence / 100,
  overlaps: overlaps.map(({ fromS, toS, ...o }) => ({ ...o, from: isoS(fromS), until: isoS(toS) })),
  periods: periods.map(({ fromS, toS, pounds, ...p }) => ({ ...p, from: isoS(fromS), until: isoS(toS), gbp: pounds })),
  statements: statements.map(({ pence: own, ...x }) => ({ ...x, gbp: own / 100 })),
})
