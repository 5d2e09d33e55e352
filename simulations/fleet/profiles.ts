/**
 * The charger's profile store as OCPP 1.6 (3.13, 5.16 and errata) and 2.0.1 (block K) describe it. Pure: every function gets the store and
 * the time and returns new values. Written from the specifications, apart from the bridge's own idea of them.
 *
 * Terminology: a `Held` is a profile installed at an EVSE (a connector in 1.6), 0 being the whole station.
 */

export type Version = '1.6' | '2.0.1'
export type Unit = 'A' | 'W'
export type Purpose = 'stationMax' | 'txDefault' | 'tx' | 'external'
export type Source = 'EMS' | 'Other' | 'SO' | 'CSO'

export type Period = { startS: number; limit: number; phases?: number | undefined }
export type ChargingSchedule = {
  id?: number
  startMs?: number | undefined
  durationS?: number | undefined
  unit: Unit
  periods: readonly Period[]
}
export type Profile = {
  id: number
  stackLevel: number
  purpose: Purpose
  kind: 'Absolute' | 'Recurring' | 'Relative'
  recurrency?: 'Daily' | 'Weekly' | undefined
  validFromMs?: number | undefined
  validToMs?: number | undefined
  transactionId?: string | undefined
  schedules: readonly ChargingSchedule[]
}
export type Held = {
  evse: number
  profile: Profile
  /** Who set it; the central system is CSO. */
  source?: Source
  /** Set by the installer on the box: no message replaces or clears it. */
  locked?: boolean
}
export type Store = readonly Held[]

/** A running transaction, which Relative schedules and TxProfiles refer to. */
export type Running = { id: string | undefined; startMs: number }

/** What one purpose allows now. `limit` is amps per phase or watts in total. */
export type Limit = { unit: Unit; limit: number; phases: number | undefined; profileId: number; purpose: Purpose }

const RECURRENCE_MS = { Daily: 86_400_000, Weekly: 604_800_000 } as const

/** The start of the profile's schedule that is the latest at `nowMs`, or undefined when it has none by then. */
export const scheduleStartMs = (profile: Profile, nowMs: number, running?: Running): number | undefined => {
  const startMs = profile.schedules[0]?.startMs
  switch (profile.kind) {
    case 'Relative':
      return running?.startMs
    case 'Absolute':
      // 1.6 5.16: without startSchedule the schedule is relative to the start of charging
      return startMs ?? running?.startMs
    case 'Recurring': {
      if (startMs === undefined || nowMs < startMs) return undefined
      const everyMs = RECURRENCE_MS[profile.recurrency ?? 'Daily']
      return startMs + Math.floor((nowMs - startMs) / everyMs) * everyMs
    }
  }
}

/**
 * What the profile allows at `nowMs`, or undefined when it does not speak of that instant: outside validFrom (inclusive) to validTo
 * (exclusive), before its start, or past its duration. The last period holds until the duration ends (1.6 7.13). Of several schedules (2.0.1,
 * ISO 15118) the first is used.
 */
export const periodAt = (profile: Profile, nowMs: number, running?: Running): Period | undefined => {
  if (profile.validFromMs !== undefined && nowMs < profile.validFromMs) return undefined
  if (profile.validToMs !== undefined && nowMs >= profile.validToMs) return undefined
  const startMs = scheduleStartMs(profile, nowMs, running)
  if (startMs === undefined || nowMs < startMs) return undefined
  const schedule = profile.schedules[0]!
  if (schedule.durationS !== undefined && nowMs >= startMs + schedule.durationS * 1000) return undefined
  let period: Period | undefined
  for (const p of schedule.periods) if (startMs + p.startS * 1000 <= nowMs) period = p
  return period
}

/** Of one purpose, the profile with the highest stack level that speaks of now; a profile of the EVSE itself wins a tie with one at EVSE 0. */
const leading = (store: Store, purpose: Purpose, evse: number, nowMs: number, running?: Running): Limit | undefined => {
  let best: Held | undefined
  let found: Period | undefined
  for (const held of store) {
    const { profile } = held
    if (profile.purpose !== purpose) continue
    if (held.evse !== evse && !(purpose === 'txDefault' && held.evse === 0)) continue
    if (purpose === 'tx' && (running === undefined || (profile.transactionId !== undefined && profile.transactionId !== running.id)))
      continue
    const outranked =
      best !== undefined &&
      (best.profile.stackLevel > profile.stackLevel || (best.profile.stackLevel === profile.stackLevel && best.evse >= held.evse))
    if (outranked) continue
    const period = periodAt(profile, nowMs, running)
    if (period === undefined) continue
    best = held
    found = period
  }
  if (best === undefined || found === undefined) return undefined
  const { unit } = best.profile.schedules[0]!
  const { id: profileId } = best.profile
  return { unit, limit: found.limit, phases: found.phases, profileId, purpose }
}

/** Limits of the whole station now, one for each purpose that has one. */
export const stationLimits = (store: Store, nowMs: number): readonly Limit[] =>
  store.length === 0 ? [] : [leading(store, 'stationMax', 0, nowMs), leading(store, 'external', 0, nowMs)].filter(l => l !== undefined)

/** Limits of one EVSE now. A TxProfile replaces the TxDefaultProfile while it speaks of now (1.6 3.13.2; 2.0.1 K01). */
export const evseLimits = (store: Store, evse: number, nowMs: number, running?: Running): readonly Limit[] =>
  store.length === 0
    ? []
    : [
        leading(store, 'tx', evse, nowMs, running) ?? leading(store, 'txDefault', evse, nowMs, running),
        leading(store, 'external', evse, nowMs, running),
      ].filter(l => l !== undefined)

/** Every instant in (fromMs, toMs) at which a limit may change, in order. */
export const edgesMs = (store: Store, fromMs: number, toMs: number, running?: Running): readonly number[] => {
  const edges = new Set<number>()
  const add = (atMs: number | undefined) => {
    if (atMs !== undefined && atMs > fromMs && atMs < toMs) edges.add(atMs)
  }
  for (const { profile } of store) {
    add(profile.validFromMs)
    add(profile.validToMs)
    const schedule = profile.schedules[0]!
    let startMs = scheduleStartMs(profile, fromMs, running) ?? scheduleStartMs(profile, toMs, running)
    while (startMs !== undefined && startMs < toMs) {
      for (const p of schedule.periods) add(startMs + p.startS * 1000)
      if (schedule.durationS !== undefined) add(startMs + schedule.durationS * 1000)
      startMs = profile.kind === 'Recurring' ? startMs + RECURRENCE_MS[profile.recurrency ?? 'Daily'] : undefined
    }
  }
  return [...edges].sort((a, b) => a - b)
}

export type Installing = {
  version: Version
  evses: number
  maxStackLevel: number
  maxPeriods: number
  maxProfiles: number
  /** The transaction that runs at an EVSE, if any. */
  running: (evse: number) => Running | undefined
}
export type Verdict = { kind: 'accepted'; store: Store } | { kind: 'rejected'; reason: string }

const overlaps = (a: Profile, b: Profile): boolean =>
  (a.validFromMs ?? -Infinity) < (b.validToMs ?? Infinity) && (b.validFromMs ?? -Infinity) < (a.validToMs ?? Infinity)

/** What is wrong with the schedule itself, in either version. */
const scheduleProblem = (profile: Profile, maxPeriods: number): string | undefined => {
  if (profile.schedules.length === 0) return 'InvalidSchedule'
  for (const { periods, durationS } of profile.schedules) {
    if (periods.length === 0 || periods[0]!.startS !== 0 || (durationS !== undefined && durationS < 0)) return 'InvalidSchedule'
    if (periods.length > maxPeriods) return 'TooManyPeriods'
    if (periods.some((p, i) => p.limit < 0 || (i > 0 && p.startS <= periods[i - 1]!.startS))) return 'InvalidSchedule'
  }
  return undefined
}

/** What is wrong with the profile at this EVSE. The reasons are 2.0.1 reason codes; 1.6 has only the refusal. */
const problem = (evse: number, profile: Profile, context: Installing): string | undefined => {
  const v201 = context.version === '2.0.1'
  const startMs = profile.schedules[0]?.startMs
  if (profile.stackLevel < 0 || profile.stackLevel > context.maxStackLevel) return 'InvalidStackLevel'
  if (profile.kind === 'Recurring' && (profile.recurrency === undefined || startMs === undefined)) return 'InvalidProfile'
  if (v201 && profile.kind === 'Absolute' && startMs === undefined) return 'InvalidSchedule' // K01.FR.40
  if (v201 && profile.kind === 'Relative' && startMs !== undefined) return 'InvalidSchedule' // K01.FR.41
  switch (profile.purpose) {
    case 'external':
      return 'UnsupportedPurpose' // K01.FR.22
    case 'stationMax':
      if (evse !== 0) return 'InvalidProfile'
      if (profile.kind === 'Relative') return 'InvalidProfile' // K01.FR.38
      break
    case 'tx': {
      if (evse === 0) return 'InvalidProfile'
      if (v201 && profile.transactionId === undefined) return 'MissingParam' // K01.FR.03
      const running = context.running(evse)
      if (running === undefined) return 'TxNotFound' // K01.FR.09
      if (profile.transactionId !== undefined && profile.transactionId !== running.id) return 'TxNotFound'
      break
    }
    case 'txDefault':
      break
  }
  return scheduleProblem(profile, context.maxPeriods)
}

/** 2.0.1 K01.FR.06, 39, 52, 53: a second profile that could lead at the same time under another id. */
const duplicates = (held: Held, evse: number, profile: Profile): boolean => {
  const other = held.profile
  if (other.id === profile.id || other.purpose !== profile.purpose || other.stackLevel !== profile.stackLevel) return false
  if (other.purpose === 'tx') return held.evse === evse && other.transactionId === profile.transactionId
  const meets = held.evse === evse || (profile.purpose === 'txDefault' && (held.evse === 0 || evse === 0))
  return meets && overlaps(other, profile)
}

/**
 * Installs a profile at an EVSE (0 = the station). 1.6: it replaces one with the same id, and one of the same purpose and stack level at the
 * same connector (5.16.2). 2.0.1: it replaces one with the same id (K01.FR.05) and is refused as DuplicateProfile beside one of another id
 * that it would tie with. A locked profile is neither replaced nor counted as a duplicate.
 */
export const install = (store: Store, evse: number, profile: Profile, context: Installing): Verdict => {
  const wrong = problem(evse, profile, context)
  if (wrong !== undefined) return { kind: 'rejected', reason: wrong }
  if (store.some(h => h.locked && h.profile.id === profile.id)) return { kind: 'rejected', reason: 'InvalidProfileId' }
  if (context.version === '2.0.1' && store.some(h => !h.locked && duplicates(h, evse, profile)))
    return { kind: 'rejected', reason: 'DuplicateProfile' }
  const replaced = (h: Held): boolean => {
    if (h.locked) return false
    if (h.profile.id === profile.id) return true
    const sameSlot = h.evse === evse && h.profile.purpose === profile.purpose && h.profile.stackLevel === profile.stackLevel
    return context.version === '1.6' && sameSlot
  }
  const kept = store.filter(h => !replaced(h))
  if (kept.length >= context.maxProfiles) return { kind: 'rejected', reason: 'RateLimitExceeded' }
  return { kind: 'accepted', store: [...kept, { evse, profile, source: 'CSO' }] }
}

export type Filter = { id?: number | undefined; evse?: number | undefined; purpose?: Purpose | undefined; stackLevel?: number | undefined }

/** Whether a held profile meets every criterion given (1.6 5.2, 2.0.1 K10); an empty filter meets all. */
export const matches = (held: Held, filter: Filter): boolean =>
  (filter.id === undefined || held.profile.id === filter.id) &&
  (filter.evse === undefined || held.evse === filter.evse) &&
  (filter.purpose === undefined || held.profile.purpose === filter.purpose) &&
  (filter.stackLevel === undefined || held.profile.stackLevel === filter.stackLevel)

/** Clears what meets the filter, apart from locked profiles and external constraints, which the central system cannot clear (K10). */
export const clear = (store: Store, filter: Filter): { store: Store; cleared: number } => {
  const kept = store.filter(h => h.locked || h.profile.purpose === 'external' || !matches(h, filter))
  return { store: kept, cleared: store.length - kept.length }
}

/** What is left when a transaction ends: its TxProfiles go (1.6 3.13.1). */
export const afterTransaction = (store: Store, evse: number): Store =>
  store.some(h => h.profile.purpose === 'tx' && h.evse === evse)
    ? store.filter(h => !(h.profile.purpose === 'tx' && h.evse === evse))
    : store

/** What a box keeps that forgets the central system's profiles: the installer's and other parties' own. */
export const withoutCentral = (store: Store): Store => store.filter(h => h.locked || (h.source !== undefined && h.source !== 'CSO'))
