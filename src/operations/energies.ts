import type { Second } from '../core/model.ts'
import { type Floor, flooredEach } from '../core/verify/floors.ts'
import { type Load, sumBy } from '../core/verify/load.ts'
import type { PeriodColumns } from '../core/verify/record.ts'
import { csvText } from './csv.ts'
import type { VerifiedFact } from './history.ts'
import { meteredIn } from './meteredIn.ts'
import type { Recorded } from './report.ts'
import { done, invalid, isoS, type Result, refuse } from './result.ts'

export const energySteps = ['SP', 'minute'] as const
export type EnergyStep = (typeof energySteps)[number]
/** Of a participant, an event or a programme in one step; null where nothing is known of it. */
export type EnergyRow = {
  readonly participant: string
  readonly fromS: Second
  readonly toS: Second
  readonly baselineWh: number | null
  readonly actualWh: number | null
  /** Without a floor. */
  readonly deliveredWh: number | null
  /** Of a settlement period: what each floor makes of it. A floor of a minute is in no scheme. */
  readonly floors?: Readonly<Record<Floor, number | null>>
}
/** So many rows are a file; more are asked for by another kind of participant, or in longer steps. */
export const MOST_ROWS = 500_000

/** Minute by minute, as long as its readings are kept; without `fromS` from the beginning of what is settled. */
export function minutesOf(
  meters: Recorded['meters'],
  fact: VerifiedFact,
  fromS: Second = fact.periods!.startS[0]!,
): Promise<Load | undefined> {
  return meteredIn(meters, fact, { fromS, stepS: 60, periods: Math.ceil((fact.periods!.endS.at(-1)! - fromS) / 60) })
}
export const noMinutes = () =>
  refuse('gone', 'no-minutes', 'the minutes of this event are not known any more: its readings have expired', 'ask by SP')

/** Sums of each participant's chargers. @returns `no-minutes`, `too-many-rows` */
export function participantEnergies(
  per: EnergyStep | undefined,
  { periods }: VerifiedFact,
  bySP: Load,
  byMinute: Load | undefined,
  of: Int32Array,
  names: readonly string[],
): Result<readonly EnergyRow[] | undefined> {
  if (per === undefined) return done(undefined)
  const load = per === 'SP' ? bySP : byMinute
  if (!load) return noMinutes()
  if (names.length * load.periods > MOST_ROWS)
    return invalid('too-many-rows', '#/per', per, `that is ${names.length * load.periods} rows`, 'ask by SP, or by site or group')
  return done(energyRows(per, periods!, load, of, names))
}

/** Rows of each of `names`, which `of` has by row of the load, step after step. */
export function energyRows(per: EnergyStep, periods: PeriodColumns, load: Load, of: Int32Array, names: readonly string[]): EnergyRow[] {
  const { startS, endS } = periods
  const lastS = endS.at(-1)!
  const span = (t: number) => {
    if (per === 'SP') return { fromS: startS[t]!, toS: endS[t]! }
    const fromS = load.fromS + t * load.stepS
    return { fromS: Math.max(startS[0]!, fromS), toS: Math.min(lastS, fromS + load.stepS) }
  }
  const sums = sumBy(load, of, names.length)
  const each = per === 'SP' ? flooredEach(load, of, names.length) : undefined
  return names.flatMap((participant, g) =>
    Array.from({ length: load.periods }, (_, t): EnergyRow => {
      const cell = g * load.periods + t
      const [b, a] = [sums.baselineWh[cell]!, sums.actualWh[cell]!]
      return {
        ...{ participant, ...span(t) },
        ...{ baselineWh: orNull(b), actualWh: orNull(a), deliveredWh: orNull(b - a) },
        ...(each ? { floors: floorsIn(each, cell) } : {}),
      }
    }),
  )
}
const orNull = (wh: number): number | null => (Number.isNaN(wh) ? null : wh)
const floorsIn = (each: Readonly<Record<Floor, Float64Array>>, cell: number): NonNullable<EnergyRow['floors']> => ({
  none: orNull(each.none[cell]!),
  perMeterSP: orNull(each.perMeterSP[cell]!),
  perUnitSP: orNull(each.perUnitSP[cell]!),
})

/** Nothing has no sign. */
export const kWh = (wh: number): string => (wh / 1000).toFixed(3).replace(/^-(0\.0+)$/, '$1')
const kWhOf = (wh: number | null | undefined): string | null => (wh === null || wh === undefined ? null : kWh(wh))
const columns = ['participant', 'from_utc', 'to_utc', 'baseline_kwh', 'actual_kwh', 'delivered_kwh']
const floorColumns = ['delivered_floor_unit_kwh', 'delivered_floor_meter_kwh']
/** A line for each participant and step; of settlement periods with the floors. */
export const energiesCsv = (energies: readonly EnergyRow[]): string =>
  csvText(
    energies[0]?.floors ? [...columns, ...floorColumns] : columns,
    energies.map(e => ({
      participant: e.participant,
      ...{ from_utc: isoS(e.fromS), to_utc: isoS(e.toS) },
      ...{ baseline_kwh: kWhOf(e.baselineWh), actual_kwh: kWhOf(e.actualWh), delivered_kwh: kWhOf(e.deliveredWh) },
      ...{ delivered_floor_unit_kwh: kWhOf(e.floors?.perUnitSP), delivered_floor_meter_kwh: kWhOf(e.floors?.perMeterSP) },
    })),
  )
/** As it is told outside. */
export const energyShape = ({ fromS, toS, floors, ...e }: EnergyRow) => ({
  ...e,
  ...{ from: isoS(fromS), until: isoS(toS) },
  ...(floors ? { floors: { ...floors } } : {}),
})
