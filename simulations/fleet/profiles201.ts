import { compact, int, maybe, oneOf, part, parts, real, text, timeMs } from './fields.ts'
import type { Fields } from './link.ts'
import { iso } from './meter.ts'
import type { ChargingSchedule, Filter, Held, Profile, Purpose, Unit } from './profiles.ts'

export const PURPOSE_OF: Readonly<Record<string, Purpose>> = {
  ChargingStationExternalConstraints: 'external',
  ChargingStationMaxProfile: 'stationMax',
  TxDefaultProfile: 'txDefault',
  TxProfile: 'tx',
}
const PURPOSE_NAMES = Object.keys(PURPOSE_OF)
const NAME_OF = Object.fromEntries(Object.entries(PURPOSE_OF).map(([name, purpose]) => [purpose, name])) as Record<Purpose, string>

export const purpose = (fields: Fields, key: string): Purpose => PURPOSE_OF[oneOf(fields, key, PURPOSE_NAMES)]!

export const unit = (fields: Fields, key: string): Unit => oneOf<Unit>(fields, key, ['A', 'W'])

const parseSchedule = (fields: Fields): ChargingSchedule => ({
  id: int(fields, 'id'),
  unit: unit(fields, 'chargingRateUnit'),
  startMs: maybe(fields, 'startSchedule', timeMs),
  durationS: maybe(fields, 'duration', int),
  periods: parts(fields, 'chargingSchedulePeriod').map(p => ({
    startS: int(p, 'startPeriod'),
    limit: real(p, 'limit'),
    phases: maybe(p, 'numberPhases', int),
  })),
})

/** A 2.0.1 ChargingProfileType. Throws BadField. */
export const parseProfile201 = (fields: Fields): Profile => ({
  id: int(fields, 'id'),
  stackLevel: int(fields, 'stackLevel'),
  purpose: purpose(fields, 'chargingProfilePurpose'),
  kind: oneOf(fields, 'chargingProfileKind', ['Absolute', 'Recurring', 'Relative']),
  recurrency: maybe(fields, 'recurrencyKind', (f, k) => oneOf<'Daily' | 'Weekly'>(f, k, ['Daily', 'Weekly'])),
  validFromMs: maybe(fields, 'validFrom', timeMs),
  validToMs: maybe(fields, 'validTo', timeMs),
  transactionId: maybe(fields, 'transactionId', (f, k) => text(f, k, 36)),
  schedules: parts(fields, 'chargingSchedule').map(parseSchedule),
})

const time = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : iso(ms))

const formatSchedule = (s: ChargingSchedule): Fields =>
  compact({
    id: s.id ?? 1,
    startSchedule: time(s.startMs),
    duration: s.durationS,
    chargingRateUnit: s.unit,
    chargingSchedulePeriod: s.periods.map(p => compact({ startPeriod: p.startS, limit: p.limit, numberPhases: p.phases })),
  })

/** The profile as ReportChargingProfiles gives it. */
export const formatProfile201 = ({ profile: p }: Held): Fields =>
  compact({
    id: p.id,
    stackLevel: p.stackLevel,
    chargingProfilePurpose: NAME_OF[p.purpose],
    chargingProfileKind: p.kind,
    recurrencyKind: p.recurrency,
    validFrom: time(p.validFromMs),
    validTo: time(p.validToMs),
    transactionId: p.transactionId,
    chargingSchedule: p.schedules.map(formatSchedule),
  })

/** What ClearChargingProfile names: one id, or criteria of which all must be met. */
export const parseClear201 = (payload: Fields): Filter => {
  const criteria = maybe(payload, 'chargingProfileCriteria', part) ?? {}
  return {
    id: maybe(payload, 'chargingProfileId', int),
    evse: maybe(criteria, 'evseId', int),
    purpose: maybe(criteria, 'chargingProfilePurpose', purpose),
    stackLevel: maybe(criteria, 'stackLevel', int),
  }
}
