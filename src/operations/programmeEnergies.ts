import type { Second } from '../core/model.ts'
import { countedIn, shareOf } from '../core/verify/coverage.ts'
import type { PeriodColumns } from '../core/verify/record.ts'
import { loadOf } from '../core/verify/settlement.ts'
import { type EnergyRow, type EnergyStep, energyRows, MOST_ROWS, minutesOf, noMinutes } from './energies.ts'
import type { VerifiedFact } from './history.ts'
import type { Found } from './programmePerformance.ts'
import type { Recorded } from './report.ts'
import { done, invalid, type Result } from './result.ts'

type Energies = { readonly energies: readonly EnergyRow[]; readonly withoutEnergies: readonly string[] }

/**
 * The events of a programme summed by settlement period, or by minute of the clock. Events that share a step are summed in it; a charger that is in two of them is in
 * both, as it is in both verdicts. The unit of a floor is an event's chargers together. @returns `no-minutes` where none has any, `too-many-rows`
 */
export async function programmeEnergies(
  meters: Recorded['meters'],
  programme: string,
  found: readonly Found[],
  per: EnergyStep,
): Promise<Result<Energies>> {
  const sums = new Map<string, EnergyRow>()
  const withoutEnergies: string[] = []
  for (const { event, fact } of found) {
    const rows = per === 'SP' ? periodRows(fact, programme) : await minuteRows(meters, fact, programme)
    if (!rows) withoutEnergies.push(event.id)
    const stepS = per === 'SP' ? longestS(fact.periods) : 60
    for (const row of rows ?? []) {
      const key = `${stepS} ${Math.floor(row.fromS / stepS)}`
      const before = sums.get(key)
      sums.set(key, before ? joined(before, row) : row)
    }
    if (sums.size > MOST_ROWS)
      return invalid('too-many-rows', '#/per', per, `that is more than ${MOST_ROWS} rows`, 'ask by SP, or of less time')
  }
  if (sums.size === 0 && withoutEnergies.length > 0 && per === 'minute') return noMinutes()
  return done({ energies: [...sums.values()].sort((a, b) => a.fromS - b.fromS || a.toS - b.toS), withoutEnergies })
}

/** The first and the last period of an event may be cut. */
const longestS = (periods: PeriodColumns | undefined): Second =>
  periods ? Math.max(1, ...Array.from(periods.startS, (s, t) => periods.endS[t]! - s)) : 1

const together = (fact: VerifiedFact): Int32Array => new Int32Array(fact.who.length)
/** Where the chargers' energies have expired their sums are on record, and the floor of each meter is not known. */
function periodRows(fact: VerifiedFact, programme: string): EnergyRow[] | undefined {
  const { periods } = fact
  if (!periods || periods.startS.length === 0) return undefined
  const load = loadOf(fact)
  if (load) return energyRows('SP', periods, load, together(fact), [programme])
  const known = (wh: number): number | null => (Number.isNaN(wh) ? null : wh)
  return Array.from(periods.startS, (fromS, t): EnergyRow => {
    const deliveredWh = known(periods.deliveredWh[t]!)
    return {
      ...{ participant: programme, fromS, toS: periods.endS[t]! },
      ...{ baselineWh: known(periods.baselineWh[t]!), actualWh: known(periods.actualWh[t]!), deliveredWh },
      floors: { none: deliveredWh, perMeterSP: null, perUnitSP: deliveredWh === null ? null : Math.max(0, deliveredWh) },
    }
  })
}
async function minuteRows(meters: Recorded['meters'], fact: VerifiedFact, programme: string): Promise<EnergyRow[] | undefined> {
  if (!loadOf(fact)) return undefined
  const load = await minutesOf(meters, fact, Math.floor(fact.periods!.startS[0]! / 60) * 60)
  return load && energyRows('minute', fact.periods!, load, together(fact), [programme])
}

function joined(a: EnergyRow, b: EnergyRow): EnergyRow {
  return {
    participant: a.participant,
    ...{ fromS: Math.min(a.fromS, b.fromS), toS: Math.max(a.toS, b.toS) },
    baselineWh: sum(a.baselineWh, b.baselineWh),
    actualWh: sum(a.actualWh, b.actualWh),
    deliveredWh: sum(a.deliveredWh, b.deliveredWh),
    ...(a.floors && b.floors
      ? {
          floors: {
            none: sum(a.floors.none, b.floors.none),
            // a floor that is known of one event alone is none of both
            perMeterSP: a.floors.perMeterSP === null || b.floors.perMeterSP === null ? null : a.floors.perMeterSP + b.floors.perMeterSP,
            perUnitSP: sum(a.floors.perUnitSP, b.floors.perUnitSP),
          },
        }
      : {}),
  }
}
/** What is unknown delivers nothing; null only where both are. */
const sum = (a: number | null, b: number | null): number | null => (a === null ? b : b === null ? a : a + b)

/** Of the chargers of all events, each over its own window; null where nobody counts, or the columns have expired. */
export function coverageOver(facts: readonly VerifiedFact[]): number | null {
  let [metered, time] = [0, 0]
  for (const fact of facts) {
    const { energy, who, verification } = fact
    const meteredS = energy?.meteredS
    if (!meteredS || meteredS.length < who.length) return null
    const counts = countedIn(fact)
    const spanS = verification.window.toS - verification.window.fromS
    who.forEach((_, row) => {
      if (!counts(row)) return
      metered += meteredS[row]!
      time += spanS
    })
  }
  return shareOf(metered, time, 1)
}
