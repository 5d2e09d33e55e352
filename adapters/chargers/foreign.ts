/**
 * What a box already holds that is not ours: an installer's limit, another platform's. Our limits are never above it and never at its stack level.
 * Pure; watts throughout (amps are per phase and converted with the box's own phases and voltage).
 */
import type { Instant, Second } from '../../src/core/model.ts'
import type { Capabilities } from '../../src/ports.ts'
import type { Purpose } from './ladder.ts'
import { instantOf } from './meterValues.ts'
import type { Payload } from './ocppj/frames.ts'

export type ForeignLimit = {
  /** `any`: seen in a composite schedule, which does not say whose it is. */
  readonly purpose: Purpose | 'any'
  /** 0: the box, or each of its EVSEs. */
  readonly evseId: number
  readonly stackLevel: number
  /** `flat`: no start is known (Relative), so its least limit counts at all times. */
  readonly repeats: 'once' | 'daily' | 'weekly' | 'flat'
  readonly startS: Second
  /** Seconds from each start that the schedule covers; Infinity without a duration. */
  readonly durationS: number
  readonly validFromS: Second
  readonly validToS: Second
  readonly periods: readonly { readonly atS: number; readonly limitW: number }[]
}
export type Foreign = {
  /** `profiles`: every profile was reported. `composite`: only the sum of them. `unread`: the box told nothing. */
  readonly how: 'profiles' | 'composite' | 'unread'
  readonly limits: readonly ForeignLimit[]
}
export const unread: Foreign = { how: 'unread', limits: [] }

/** Our profile ids: fixed per EVSE and purpose, in a range reserved for us, so that sending again replaces and only ours are ever cleared. */
const ourIds = 7_000_000
const purposeIndex: Record<Purpose, number> = { stationMax: 1, txDefault: 2, tx: 3 }
export const profileId = (purpose: Purpose, evseId: number): number => ourIds + evseId * 10 + purposeIndex[purpose]
export const isOurs = (id: number): boolean => id >= ourIds && id < ourIds + 1_000_000
/** Every id we may ever have used on a box with these EVSEs. */
export const candidateIds = (evseIds: readonly number[]): readonly number[] => [
  profileId('stationMax', 0),
  profileId('txDefault', 0),
  ...evseIds.flatMap(evseId => [profileId('txDefault', evseId), profileId('tx', evseId)]),
]

const purposes: Readonly<Record<string, Purpose>> = {
  ChargePointMaxProfile: 'stationMax',
  ChargingStationMaxProfile: 'stationMax',
  TxDefaultProfile: 'txDefault',
  TxProfile: 'tx',
}
const seconds = (text: unknown, offsetMs: number, otherwise: Second): Second => {
  const ms = instantOf(text) - offsetMs
  return Number.isNaN(ms) ? otherwise : Math.floor(ms / 1000)
}
const wattsOf = (limit: number, unit: unknown, capabilities: Capabilities): number =>
  unit === 'W' ? limit : limit * capabilities.voltageV * capabilities.phases

const periodsOf = (schedule: Payload, capabilities: Capabilities): ForeignLimit['periods'] => {
  const list = Array.isArray(schedule['chargingSchedulePeriod']) ? (schedule['chargingSchedulePeriod'] as Payload[]) : []
  const periods: { atS: number; limitW: number }[] = []
  for (const period of list) {
    const limit = Number(period?.['limit'])
    // MicroOcpp writes -1 for "no limit".
    if (!Number.isFinite(limit) || limit < 0) continue
    periods.push({ atS: Number(period['startPeriod']) || 0, limitW: wattsOf(limit, schedule['chargingRateUnit'], capabilities) })
  }
  return periods.sort((a, b) => a.atS - b.atS)
}

/** A profile as ReportChargingProfiles shows it, its instants by the box's clock, which is `offsetMs` ahead of ours; null for ours, for external constraints (the box composes those itself) and for what has no limit. */
export const foreignProfile = (profile: Payload, evseId: number, capabilities: Capabilities, offsetMs = 0): ForeignLimit | null => {
  const id = Number(profile['id'] ?? profile['chargingProfileId'])
  const purpose = purposes[String(profile['chargingProfilePurpose'])]
  if (purpose === undefined || isOurs(id)) return null
  const listed = profile['chargingSchedule']
  const schedule = (Array.isArray(listed) ? listed[0] : listed) as Payload | undefined
  if (schedule === undefined) return null
  const periods = periodsOf(schedule, capabilities)
  if (periods.length === 0) return null
  const kind = profile['chargingProfileKind']
  const weekly = profile['recurrencyKind'] === 'Weekly'
  const startS = seconds(schedule['startSchedule'], offsetMs, 0)
  return {
    purpose,
    evseId,
    stackLevel: Number(profile['stackLevel']) || 0,
    repeats: kind === 'Recurring' ? (weekly ? 'weekly' : 'daily') : kind === 'Absolute' ? 'once' : 'flat',
    startS,
    durationS: Number(schedule['duration']) || Number.POSITIVE_INFINITY,
    validFromS: seconds(profile['validFrom'], offsetMs, 0),
    validToS: seconds(profile['validTo'], offsetMs, Number.POSITIVE_INFINITY),
    periods,
  }
}

/**
 * A composite schedule, read while nothing of ours was on the box. It may come without periods or with a sentinel: nothing can be concluded then (null).
 * A limit at or above the rating, of the `sharedBy` EVSEs together where it is the box's, is none (an empty list).
 */
export const foreignComposite = (
  schedule: Payload | undefined,
  evseId: number,
  atMs: Instant,
  capabilities: Capabilities,
  sharedBy = 1,
): readonly ForeignLimit[] | null => {
  if (schedule === undefined || !Array.isArray(schedule['chargingSchedulePeriod']) || schedule['chargingSchedulePeriod'].length === 0)
    return null
  const ratedW = capabilities.maxA * capabilities.voltageV * capabilities.phases * sharedBy
  const periods = periodsOf(schedule, capabilities)
  if (periods.every(period => period.limitW >= ratedW)) return []
  const leastW = Math.min(...periods.map(period => period.limitW))
  // What a composite shows ends with its window, the limit behind it may not: its least value is taken to last.
  return [
    {
      purpose: 'any',
      evseId,
      stackLevel: -1,
      repeats: 'flat',
      startS: Math.floor(atMs / 1000),
      durationS: Number.POSITIVE_INFINITY,
      validFromS: 0,
      validToS: Number.POSITIVE_INFINITY,
      periods: [{ atS: 0, limitW: leastW }],
    },
  ]
}

/** Would our profile with this purpose on this EVSE hide that limit from the box's own composition? (Other purposes compose by the least: OCPP 1.6 §3.13.3.) */
const hides = (purpose: Purpose, evseId: number, limit: ForeignLimit): boolean => {
  const touches = limit.evseId === 0 || evseId === 0 || limit.evseId === evseId
  if (!touches) return false
  if (limit.purpose === 'any') return true
  return limit.purpose === purpose || (purpose === 'tx' && limit.purpose === 'txDefault')
}

const periodS = { daily: 86_400, weekly: 604_800 } as const

const limitAt = (limit: ForeignLimit, atS: Second): number => {
  if (limit.repeats === 'flat') return Math.min(...limit.periods.map(period => period.limitW))
  if (atS < limit.startS) return Number.POSITIVE_INFINITY
  const inS = limit.repeats === 'once' ? atS - limit.startS : (atS - limit.startS) % periodS[limit.repeats]
  if (inS >= limit.durationS) return Number.POSITIVE_INFINITY
  let limitW = Number.POSITIVE_INFINITY
  for (const period of limit.periods) if (period.atS <= inS) limitW = period.limitW
  return limitW
}

const leastIn = (limit: ForeignLimit, fromS: Second, toS: Second): number => {
  const firstS = Math.max(fromS, limit.validFromS)
  const lastS = Math.min(toS, limit.validToS)
  if (firstS >= lastS) return Number.POSITIVE_INFINITY
  let leastW = limitAt(limit, firstS)
  if (limit.repeats === 'flat') return leastW
  const every = limit.repeats === 'once' ? Number.POSITIVE_INFINITY : periodS[limit.repeats]
  const rounds = every === Number.POSITIVE_INFINITY ? 1 : Math.min(400, Math.ceil((lastS - firstS) / every) + 1)
  const base =
    every === Number.POSITIVE_INFINITY ? limit.startS : limit.startS + Math.max(0, Math.floor((firstS - limit.startS) / every)) * every
  for (let round = 0; round < rounds; round++)
    for (const period of limit.periods) {
      const changeS = base + (round === 0 ? 0 : round * every) + period.atS
      if (changeS > firstS && changeS < lastS) leastW = Math.min(leastW, limitAt(limit, changeS))
    }
  return leastW
}

/**
 * The least that others allow in [fromS, toS) of what our profile at this purpose and EVSE would hide, null if nothing. Deliberately the least over the
 * whole span and over stack levels: too low loses some comfort, too high overrides an installer.
 */
export const ceilingW = (foreign: Foreign, purpose: Purpose, evseId: number, fromS: Second, toS: Second): number | null => {
  let leastW = Number.POSITIVE_INFINITY
  for (const limit of foreign.limits) if (hides(purpose, evseId, limit)) leastW = Math.min(leastW, leastIn(limit, fromS, toS))
  return leastW === Number.POSITIVE_INFINITY ? null : leastW
}

/**
 * A stack level at which our profile leads and replaces nobody's; null if there is none. Where only a composite limit or nothing could be read, someone's
 * profile may sit on the lower levels (installers use 0), so only the highest is taken, and none if there is only one. A TxProfile needs a transaction
 * id that only we and the box know: nobody's is there.
 */
export const freeStackLevel = (
  foreign: Foreign,
  purpose: Purpose,
  evseId: number,
  stack: 'free' | 'zero',
  maxStackLevel: number,
): number | null => {
  if (foreign.how === 'profiles') {
    const taken = foreign.limits.filter(
      limit => limit.purpose === purpose && (limit.evseId === 0 || evseId === 0 || limit.evseId === evseId),
    )
    const highest = Math.max(-1, ...taken.map(limit => limit.stackLevel))
    if (stack === 'zero') return highest < 0 ? 0 : null
    return highest < maxStackLevel ? maxStackLevel : null
  }
  if (purpose === 'tx') return stack === 'zero' ? 0 : maxStackLevel
  const clear = foreign.how === 'composite' && foreign.limits.length === 0
  if (stack === 'zero') return clear ? 0 : null
  return clear || maxStackLevel > 0 ? maxStackLevel : null
}
