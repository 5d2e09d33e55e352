/**
 * A command as charging profiles. Pure.
 *
 * The whole remaining schedule goes into ONE Absolute profile that began in the past and expires by itself: a start in the future would leave a gap without
 * any limit (a replacement acts at once), and a lost link or a dead bridge must not leave a charger capped. Limits are rounded down. Between segments the
 * charger is free, written as its own maximum. The station's clock offset is added only where an instant is written.
 */
import { type Command, NEVER_S, type Second } from '../../src/core/model.ts'
import type { Capabilities } from '../../src/ports.ts'
import { profileId } from './foreign.ts'
import type { ProfileRung, Purpose } from './ladder.ts'
import type { Payload, Protocol } from './ocppj/frames.ts'

export type ProfileContext = {
  readonly protocol: Protocol
  readonly nowS: Second
  /** The station's clock minus ours. */
  readonly clockOffsetS: number
  /** The commanded charger's EVSE (1.6: connector). */
  readonly evseId: number
  /** All EVSEs of the box: a budget is divided over them when it becomes a limit for each. */
  readonly evseIds: readonly number[]
  readonly stackLevel: number
  readonly transactionOf: (evseId: number) => string | number | null
  /** The least that others allow there, null for nothing: never exceeded, not even in free periods. */
  readonly ceilingW: (purpose: Purpose, evseId: number, fromS: Second, toS: Second) => number | null
}
export type ProfileRequest = { readonly evseId: number; readonly profileId: number; readonly payload: Payload }
export type Profiles = {
  readonly requests: readonly ProfileRequest[]
  /** When the profile lapses by our clock; 0 if there was nothing to send. */
  readonly expiresS: Second
  /** A limit between 0 and the least that can be signalled (IEC 61851: 6 A) became this. */
  readonly floored: 'zero' | 'min' | null
}

const past = { normalS: 60, urgentS: 86_400 } as const
/** A profile never lasts longer than this when its schedule has no end; the core renews its lease well before. */
const openEndedS = 86_400

type Step = { readonly fromS: Second; readonly toS: Second; readonly limitW: number | null }

/** What is to be held from `startS` on: segments and the free gaps between them, the first `depth` of them. */
const stepsOf = (schedule: Command['schedule'], startS: Second, nowS: Second, depth: number): readonly Step[] => {
  const steps: Step[] = []
  let atS = startS
  const push = (toS: Second, limitW: number | null): void => {
    const last = steps.at(-1)
    if (last !== undefined && last.limitW === limitW) steps[steps.length - 1] = { ...last, toS }
    else steps.push({ fromS: atS, toS, limitW })
    atS = toS
  }
  for (const segment of schedule) {
    const toS = segment.toS >= NEVER_S ? nowS + openEndedS : segment.toS
    if (toS <= nowS) continue
    if (segment.fromS > Math.max(atS, nowS)) push(segment.fromS, null)
    push(toS, segment.limitW)
  }
  return steps.slice(0, Math.max(1, depth))
}

/** Down to one decimal and to the box's own step; the small term absorbs binary fractions such as 16.1. */
const roundDown = (value: number, step: number): number => {
  const stepped = step > 0.1 ? Math.floor(value / step + 1e-6) * step : value
  return Math.floor(stepped * 10 + 1e-6) / 10
}

/** Down to what the box takes: one of its maker's steps, or equal ones. */
const stepDown = (amps: number, { stepsA, stepA }: Capabilities): number =>
  stepsA ? (stepsA.findLast(a => a <= amps + 1e-6) ?? 0) : roundDown(amps, stepA)

type Wire = { readonly limit: number; readonly floored: Profiles['floored'] }

/** A limit as it is written: rounded down, 0 or at least what can be signalled, never above `capW`. */
export const wireLimit = (limitW: number, capW: number | null, unit: 'A' | 'W', of: Capabilities): Wire => {
  const perAmpW = of.voltageV * of.phases
  const capA = capW === null ? Number.POSITIVE_INFINITY : stepDown(capW / perAmpW, of)
  let amps = Math.min(stepDown(limitW / perAmpW, of), capA)
  let floored: Wire['floored'] = null
  if (amps < of.minA) {
    const leastA = Math.min(of.minA, capA)
    if (amps > 0) floored = of.takesZero ? 'zero' : 'min'
    amps = of.takesZero ? 0 : leastA
  }
  if (unit === 'A') return { limit: amps, floored }
  const wanted = Math.floor(Math.min(limitW, capW ?? Number.POSITIVE_INFINITY) + 1e-6)
  // Whole watts, unless the floor or the box's own steps decided.
  const watts =
    floored !== null || amps * perAmpW === 0 || amps <= of.minA || of.stepA > 0.1 || of.stepsA ? Math.floor(amps * perAmpW + 1e-6) : wanted
  return { limit: watts, floored }
}

const days = new Map<number, string>()
const two = Array.from({ length: 60 }, (_, k) => String(k).padStart(2, '0'))
/** RFC 3339 in whole seconds, UTC; three times as fast as toISOString, which is felt when ten thousand profiles are written at once. */
export const instant = (s: Second): string => {
  const number = Math.floor(s / 86_400)
  let day = days.get(number)
  if (day === undefined) {
    if (days.size > 16) days.clear()
    days.set(number, (day = new Date(number * 86_400_000).toISOString().slice(0, 11)))
  }
  const inDay = s - number * 86_400
  return `${day}${two[Math.floor(inDay / 3_600)]}:${two[Math.floor(inDay / 60) % 60]}:${two[inDay % 60]}Z`
}

const names: Record<Protocol, Record<Purpose, string>> = {
  'ocpp1.6': { stationMax: 'ChargePointMaxProfile', txDefault: 'TxDefaultProfile', tx: 'TxProfile' },
  'ocpp2.0.1': { stationMax: 'ChargingStationMaxProfile', txDefault: 'TxDefaultProfile', tx: 'TxProfile' },
}

type Drawn = { readonly startS: Second; readonly endS: Second; readonly periods: readonly Payload[] }

const payloadOf = (rung: ProfileRung, evseId: number, drawn: Drawn, context: ProfileContext): Payload => {
  const { protocol, stackLevel, clockOffsetS } = context
  const id = profileId(rung.purpose, evseId)
  const from = instant(drawn.startS + clockOffsetS)
  const to = instant(drawn.endS + clockOffsetS)
  const chargingProfilePurpose = names[protocol][rung.purpose]
  const schedule = {
    startSchedule: from,
    duration: drawn.endS - drawn.startS,
    chargingRateUnit: rung.unit,
    chargingSchedulePeriod: drawn.periods,
  }
  const transactionId = rung.purpose === 'tx' ? context.transactionOf(evseId) : null
  const transaction = transactionId === null ? {} : { transactionId }
  if (protocol === 'ocpp1.6')
    return {
      connectorId: evseId,
      csChargingProfiles: {
        chargingProfileId: id,
        ...transaction,
        stackLevel,
        chargingProfilePurpose,
        chargingProfileKind: 'Absolute',
        validFrom: from,
        validTo: to,
        chargingSchedule: schedule,
      },
    }
  return {
    evseId,
    chargingProfile: {
      id,
      stackLevel,
      chargingProfilePurpose,
      chargingProfileKind: 'Absolute',
      validFrom: from,
      validTo: to,
      ...transaction,
      chargingSchedule: [{ id, ...schedule }],
    },
  }
}

/**
 * The SetChargingProfile payloads that make a box hold a command's schedule on this rung: one, or one per EVSE where a budget for the box has to be
 * divided. Empty when nothing of the schedule lies ahead (clear instead), or when a TxProfile is wanted and no transaction runs.
 *
 * Below the least current a box can signal the limit becomes 0 (pause); with `takesZero: false`, where 0 is refused or never woken from, it becomes
 * `minA`, unless others allow less. `numberPhases` is always given in W (1.6 and 2.0.1 assume 3 when it is absent) and omitted in A, and for a DC box.
 */
export const toProfile = (
  command: Pick<Command, 'schedule' | 'urgent'>,
  capabilities: Capabilities,
  rung: ProfileRung,
  context: ProfileContext,
): Profiles => {
  const nothing: Profiles = { requests: [], expiresS: 0, floored: null }
  // A day in the past, so that no clock error of the box can delay an emergency.
  const startS = context.nowS - (command.urgent ? past.urgentS : past.normalS)
  const steps = stepsOf(command.schedule, startS, context.nowS, capabilities.depth)
  const endS = steps.at(-1)?.toS ?? 0
  if (endS <= context.nowS) return nothing
  const count = context.evseIds.length
  const budget = capabilities.limitsAt === 'station' && count > 1
  const eachW = capabilities.maxA * capabilities.voltageV * capabilities.phases
  const shared = rung.purpose === 'stationMax'
  const freeW = shared && budget ? eachW * count : eachW
  const parts = !shared && budget ? count : 1
  const targets = rung.at === 'station' ? [0] : budget ? context.evseIds : [context.evseId]
  let floored: Profiles['floored'] = null
  const requests: ProfileRequest[] = []
  for (const evseId of targets) {
    if (rung.purpose === 'tx' && context.transactionOf(evseId) === null) continue
    const periods: Payload[] = []
    for (const step of steps) {
      const wantedW = step.limitW === null ? freeW : Math.min(step.limitW / parts, freeW)
      const wire = wireLimit(
        wantedW,
        context.ceilingW(rung.purpose, evseId, Math.max(step.fromS, context.nowS), step.toS),
        rung.unit,
        capabilities,
      )
      floored ??= wire.floored
      const startPeriod = step.fromS - startS
      periods.push(
        rung.unit === 'W' && capabilities.current !== 'DC'
          ? { startPeriod, limit: wire.limit, numberPhases: capabilities.phases }
          : { startPeriod, limit: wire.limit },
      )
    }
    requests.push({
      evseId,
      profileId: profileId(rung.purpose, evseId),
      payload: payloadOf(rung, evseId, { startS, endS, periods }, context),
    })
  }
  return requests.length === 0 ? nothing : { requests, expiresS: endS, floored }
}
