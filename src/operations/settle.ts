import { NO_GROUP } from '../core/verify/load.ts'
import { penceOf } from '../core/verify/payment.ts'
import { groupingOf } from '../core/verify/performance.ts'
import { schemes } from '../core/verify/schemes.ts'
import { loadOf, poundsText, type Settlement, type Statement, settlementOf } from '../core/verify/settlement.ts'
import type { SplitRule } from '../core/verify/split.ts'
import type { Engine } from '../engine.ts'
import type { Registry } from '../ports.ts'
import { csvText } from './csv.ts'
import { verifiedFactOf } from './events.ts'
import type { History, VerifiedFact } from './history.ts'
import { nameOfCharger, pathName } from './names.ts'
import { done, invalid, type Result, refuse } from './result.ts'

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
}
export type EventSettlement = Settlement & {
  readonly event: string
  readonly verdict: string
  /** Revision of the verdict: late readings make another, and with it another settlement. */
  readonly verdictRevision: number
  readonly baselineRule: string
  readonly by: ParticipantKind
  readonly gbpPerMWh: number | null
}

/** Chargers that belong to no participant of the kind asked for: their share is shown, not lost. */
const NOBODY = '(none)'

/**
 * What an event comes to and who gets what of it: from the recorded verdict alone, so it says the same each time until late readings make another
 * revision. It pays nobody.
 */
export const createSettle = (engine: Engine, history: History) => ({
  /** @returns `event-not-found`, `no-results`, `no-energy`, `not-settleable`, `group-overlap`, or what is wrong with the request */
  async settle(id: string, request: SettleRequest): Promise<Result<EventSettlement>> {
    const scheme = schemes[request.scheme]
    if (!scheme) return invalid('bad-scheme', '#/scheme', request.scheme, `scheme must be one of ${Object.keys(schemes).join(', ')}`)
    const found = await verifiedFactOf(engine, history, id)
    if (!found.ok) return found
    const { view, fact } = found.value
    const { verification, terms } = fact
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
    const gbpPerMWh = request.gbpPerMWh ?? terms?.rules.gbpPerMWh ?? null
    const amount = request.amountGbp
    if (amount === undefined && gbpPerMWh === null)
      return invalid(
        'no-price',
        '#/gbpPerMWh',
        null,
        'there is no price',
        'give --price GBP/MWh, or --amount GBP, or set the price of the programme',
      )
    const names = participantsOf(engine.registry, fact, request.by)
    if (!names.ok) return names
    const { of, names: unsorted } = groupingOf(names.value)
    const order = unsorted.map((_, g) => g).sort((a, b) => (unsorted[a]! < unsorted[b]! ? -1 : 1))
    const rank = Int32Array.from(order, () => 0)
    order.forEach((g, k) => {
      rank[g] = k
    })
    const settlement = settlementOf(
      fact,
      load,
      of.map(g => (g === NO_GROUP ? NO_GROUP : rank[g]!)),
      order.map(g => unsorted[g]!),
      { scheme, split: request.split, money: amount === undefined ? { poundsPerMWh: gbpPerMWh! } : { amountPence: penceOf(amount) } },
    )
    return done({
      ...settlement,
      event: view.id,
      verdict: verification.verdict,
      verdictRevision: verification.verdictRevision ?? 1,
      baselineRule: verification.baselineRule,
      by: request.by,
      gbpPerMWh: amount === undefined ? gbpPerMWh : null,
    })
  },
})
export type Settle = ReturnType<typeof createSettle>

const whyNot: Readonly<Record<string, string>> = {
  noWindow: 'it asked for nothing over any time',
  coverage: 'too little of it was metered',
  meterClass: 'meters are worse than the programme settles on',
  baseline: 'there is no baseline for it',
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

const kWh = (wh: number): string => (wh / 1000).toFixed(3)
const columns = ['participant', 'chargers', 'baseline_kwh', 'actual_kwh', 'delivered_kwh', 'metered_share', 'gbp']
/** The settlement file: a line per participant. */
export const statementsCsv = ({ statements }: Pick<Settlement, 'statements'>): string =>
  csvText(
    columns,
    statements.map((s: Statement) => ({
      participant: s.participant,
      chargers: s.chargers,
      baseline_kwh: kWh(s.baselineWh),
      actual_kwh: kWh(s.actualWh),
      delivered_kwh: kWh(s.deliveredWh),
      metered_share: s.coverage.toFixed(4),
      gbp: poundsText(s.pence),
    })),
  )
