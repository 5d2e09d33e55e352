import type { Second } from '../core/model.ts'
import { type Load, sumBy } from '../core/verify/load.ts'
import { penceOf } from '../core/verify/payment.ts'
import { schemeOf } from '../core/verify/schemes.ts'
import { loadOf, poundsText, type Settlement, type Statement, settlementOf, type Terms } from '../core/verify/settlement.ts'
import type { SplitRule } from '../core/verify/split.ts'
import type { Engine } from '../engine.ts'
import type { Registry } from '../ports.ts'
import { csvText } from './csv.ts'
import { verifiedFactOf } from './events.ts'
import type { History, VerifiedFact } from './history.ts'
import { meteredIn } from './meteredIn.ts'
import { nameOfCharger, pathName } from './names.ts'
import type { Recorded } from './report.ts'
import { factsOf } from './reportFacts.ts'
import { done, invalid, isoS, type Result, refuse } from './result.ts'

/** Who gets a statement: each site, each charger, or each group of the outside (an alias of the scheme `groupID`: an aggregator's customer, a fleet). */
export const participantKinds = ['site', 'charger', 'group'] as const
export type ParticipantKind = (typeof participantKinds)[number]
export type SettleRequest = {
  readonly split: SplitRule
  readonly by: ParticipantKind
  readonly scheme: string
  /** GBP per MWh; without it that of the programme that the event ran under. */
  readonly gbpPerMWh?: number | undefined
  /** What the buyer has paid, GBP, instead of a price. */
  readonly amountGbp?: number | undefined
  /** With the energies of each participant in each settlement period, or each minute as long as its readings are kept. */
  readonly per?: (typeof energySteps)[number] | undefined
}
export const energySteps = ['SP', 'minute'] as const
/** Of a participant in one step; null where nothing is known of it. */
export type EnergyRow = {
  readonly participant: string
  readonly fromS: Second
  readonly toS: Second
  readonly baselineWh: number | null
  readonly actualWh: number | null
  readonly deliveredWh: number | null
}
/** So many rows are a file; more are asked for by another kind of participant, or in longer steps. */
const MOST_ROWS = 500_000
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

/** Chargers that belong to no participant of the kind asked for: their share is shown, not lost. */
const NOBODY = '(none)'

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
  const load = loadOf(fact)
  if (!load)
    return refuse(
      'gone',
      'no-energy',
      'the record has no energy by charger of this event',
      'it was verified by an older version, or its readings have expired',
    )
  const participants = participantsOf(from.registry, fact, request.by)
  if (!participants.ok) return participants
  const { of, names } = inOrder(participants.value)
  const wantsMinutes = terms.value.scheme.payFactor.per === 'minute' || request.per === 'minute'
  const minutes = wantsMinutes ? await minutesFrom(from.meters, fact) : undefined
  const energies = energiesOf(request.per, fact, load, minutes, of, names)
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

/** Sums of each participant's chargers, without a floor. @returns `no-minutes`, `too-many-rows` */
function energiesOf(
  per: SettleRequest['per'],
  { periods }: VerifiedFact,
  bySP: Load,
  byMinute: Load | undefined,
  of: Int32Array,
  names: readonly string[],
): Result<EnergyRow[] | undefined> {
  if (per === undefined) return done(undefined)
  const load = per === 'SP' ? bySP : byMinute
  if (!load) return refuse('gone', 'no-minutes', 'the minutes of this event are not known any more: its readings have expired', 'ask by SP')
  if (names.length * load.periods > MOST_ROWS)
    return invalid('too-many-rows', '#/per', per, `that is ${names.length * load.periods} rows`, 'ask by SP, or by site or group')
  const { startS, endS } = periods!
  const lastS = endS.at(-1)!
  const span = (t: number) => {
    if (per === 'SP') return { fromS: startS[t]!, toS: endS[t]! }
    const fromS = load.fromS + t * load.stepS
    return { fromS, toS: Math.min(lastS, fromS + load.stepS) }
  }
  const sums = sumBy(load, of, names.length)
  const orNull = (wh: number): number | null => (Number.isNaN(wh) ? null : wh)
  return done(
    names.flatMap((participant, g) =>
      Array.from({ length: load.periods }, (_, t): EnergyRow => {
        const [b, a] = [sums.baselineWh[g * load.periods + t]!, sums.actualWh[g * load.periods + t]!]
        return { participant, ...span(t), baselineWh: orNull(b), actualWh: orNull(a), deliveredWh: orNull(b - a) }
      }),
    ),
  )
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

/** Minute by minute from the beginning of what is settled, as long as its readings are kept. */
function minutesFrom(meters: Recorded['meters'], fact: VerifiedFact): Promise<Load | undefined> {
  const { startS, endS } = fact.periods!
  const fromS = startS[0]!
  return meteredIn(meters, fact, { fromS, stepS: 60, periods: Math.ceil((endS.at(-1)! - fromS) / 60) })
}

const whyNot: Readonly<Record<string, string>> = {
  noWindow: 'it asked for nothing over any time',
  coverage: 'too little of it was metered',
  meterClass: 'meters are worse than the programme settles on',
  baseline: 'there is no baseline for it',
  groupTooSmall: 'too few chargers were asked or held out to compare them',
  unbalanced: 'those asked and those held out differed before the event',
}

/** The participant of each charger of the verdict. */
function participantsOf(registry: Registry, { who }: VerifiedFact, by: ParticipantKind): Result<string[]> {
  if (by === 'charger') return done(Array.from(who, i => nameOfCharger(registry, i)))
  if (by === 'site') return done(Array.from(who, i => siteOf(registry, i)))
  return groupsOf(registry, who)
}
/** The path of its site; where the tree has no sites, its station. A charger whose person was erased has no name but its number. */
function siteOf(registry: Registry, charger: number): string {
  const station = registry.charger(charger)?.station.no
  if (station === undefined) return String(charger)
  for (let at: number = station; at >= 0; ) {
    const node = registry.node(at)
    if (!node) break
    if (node.kind === 'site') return pathName(registry, at)
    at = node.parent
  }
  return pathName(registry, station)
}
/** Money cannot be given twice: a charger in two groups is refused, with both names. */
function groupsOf(registry: Registry, who: Uint32Array): Result<string[]> {
  const groupOf = new Map<number, string>()
  const mine = new Set(who)
  for (const { scheme, value, targets } of registry.aliases()) {
    if (scheme !== 'groupID') continue
    for (const target of targets) {
      if (target.kind !== 'charger' || !mine.has(target.charger)) continue
      const other = groupOf.get(target.charger)
      if (other !== undefined && other !== value)
        return refuse(
          'conflict',
          'group-overlap',
          `charger ${nameOfCharger(registry, target.charger)} is in the groups ${JSON.stringify(other)} and ${JSON.stringify(value)}`,
          'settle by site or by charger, or put each charger in one group',
        )
      groupOf.set(target.charger, value)
    }
  }
  return done(Array.from(who, i => groupOf.get(i) ?? NOBODY))
}

/** Nothing has no sign. */
const kWh = (wh: number): string => (wh / 1000).toFixed(3).replace(/^-(0\.0+)$/, '$1')
const columns = ['participant', 'chargers', 'baseline_kwh', 'actual_kwh', 'delivered_kwh', 'metered_share', 'gbp']
const energyColumns = ['participant', 'from_utc', 'to_utc', 'baseline_kwh', 'actual_kwh', 'delivered_kwh']
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
        })),
      )

const energiesCsv = (energies: readonly EnergyRow[]): string => {
  const kWhOf = (wh: number | null): string | null => (wh === null ? null : kWh(wh))
  return csvText(
    energyColumns,
    energies.map(e => ({
      participant: e.participant,
      ...{ from_utc: isoS(e.fromS), to_utc: isoS(e.toS) },
      ...{ baseline_kwh: kWhOf(e.baselineWh), actual_kwh: kWhOf(e.actualWh), delivered_kwh: kWhOf(e.deliveredWh) },
    })),
  )
}

/** As it is told outside: instants, and pounds instead of pence. */
export const settlementShape = ({ periods, statements, pence, energies, ...rest }: EventSettlement) => ({
  ...rest,
  ...(energies ? { energies: energies.map(({ fromS, toS, ...e }) => ({ ...e, from: isoS(fromS), until: isoS(toS) })) } : {}),
  gbp: pence / 100,
  periods: periods.map(({ fromS, toS, pounds, ...p }) => ({ ...p, from: isoS(fromS), until: isoS(toS), gbp: pounds })),
  statements: statements.map(({ pence: own, ...x }) => ({ ...x, gbp: own / 100 })),
})
